//! `Variable`: an array that outlives a run.

use crate::arrays::{Fresh, Source};
use crate::errors::{guarded, raise};
use corten_engine as engine;
use pyo3::prelude::*;
use std::sync::Arc;

#[pyclass(frozen, module = "corten._core")]
pub struct Variable(pub Arc<engine::Variable>);

#[pymethods]
impl Variable {
    /// A variable that begins as a copy of `value` (float32 or int32).
    #[new]
    fn new(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Variable> {
        let (spec, data) = Source::new(value)?.data(py)?;
        let made = engine::Variable::new(spec, data).map_err(|error| raise(py, error))?;
        Ok(Variable(Arc::new(made)))
    }
    #[getter]
    fn id(&self) -> u64 {
        self.0.id()
    }
    #[getter]
    fn shape(&self) -> Vec<usize> {
        self.0.spec().shape.clone()
    }
    #[getter]
    fn dtype(&self) -> &'static str {
        self.0.spec().dtype.name()
    }
    /// A copy of what it holds.
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut copy = Fresh::new(py, self.0.spec())?;
        let mut place = copy.slice_mut()?;
        // Without the GIL, for a run that holds the variable may be waiting for it.
        guarded(py, || place.copy_from(self.0.read().slice()))?;
        Ok(copy.into_array())
    }
    /// Takes a copy of `value`, of the same shape and type.
    fn assign(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (spec, data) = Source::new(value)?.data(py)?;
        guarded(py, || {
            if spec != *self.0.spec() {
                let text = format!("assign: the variable is {:?}, the value {spec:?}", self.0.spec());
                return Err(engine::Error::Shape(text));
            }
            *self.0.write() = data;
            Ok(())
        })
    }
}
