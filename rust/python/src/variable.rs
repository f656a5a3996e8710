//! `Variable`: an array that outlives a run.

use crate::arrays::{Fresh, Source};
use crate::errors::{raise, without_gil};
use crate::sequence::Items;
use corten_engine as engine;
use pyo3::exceptions::PyValueError;
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
        let mut place = copy.slice_mut();
        // Without the GIL, for a run that holds the variable may be waiting for it.
        without_gil(py, || place.copy_from(self.0.read().slice()))?;
        Ok(copy.into_array())
    }
}

/// Gives each variable a copy of its value, of the same shape and type: all of them or, after an error, none.
#[pyfunction]
pub fn assign(py: Python<'_>, variables: Items<Bound<'_, Variable>>, values: Items<Bound<'_, PyAny>>) -> PyResult<()> {
    if variables.len() != values.len() {
        let text = format!("assign: expected a value for each of {} variables, got {}", variables.len(), values.len());
        return Err(PyValueError::new_err(text));
    }
    let mut pairs = Vec::with_capacity(variables.len());
    for (variable, value) in variables.iter().zip(values.iter()) {
        let (spec, data) = Source::new(value)?.data(py)?;
        let variable = variable.get().0.clone();
        if spec != *variable.spec() {
            let text = format!("assign: the variable is {:?}, the value {spec:?}", variable.spec());
            return Err(raise(py, engine::Error::Shape(text)));
        }
        pairs.push((variable, data));
    }
    without_gil(py, || {
        engine::assign_all(pairs);
        Ok(())
    })
}

/// Makes every element of the variables zero, at one moment.
#[pyfunction]
pub fn clear(py: Python<'_>, variables: Items<Bound<'_, Variable>>) -> PyResult<()> {
    let variables: Vec<_> = variables.iter().map(|variable| variable.get().0.clone()).collect();
    without_gil(py, || {
        engine::clear_all(&variables);
        Ok(())
    })
}

/// Copies of what the variables hold at one moment.
#[pyfunction]
pub fn values<'py>(py: Python<'py>, variables: Items<Bound<'py, Variable>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let variables: Vec<_> = variables.iter().map(|variable| variable.get().0.clone()).collect();
    let mut copies = variables.iter().map(|variable| Fresh::new(py, variable.spec())).collect::<PyResult<Vec<_>>>()?;
    let mut places: Vec<_> = copies.iter_mut().map(Fresh::slice_mut).collect();
    let missing = || engine::Error::Internal("values: a copy has no place".into());
    without_gil(py, || {
        engine::read_all(&variables, |index, value| places.get_mut(index).ok_or_else(missing)?.copy_from(value))
    })?;
    drop(places);
    Ok(copies.into_iter().map(Fresh::into_array).collect())
}
