//! `run`: one op on NumPy arrays, without a graph.

use crate::arrays::{Source, Target, empty};
use crate::errors::{caught, guarded};
use crate::graph::attributes;
use corten_engine::{Call, Slice, SliceMut, Spec};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Runs the op `name` on arrays and returns its outputs as new arrays.
#[pyfunction]
pub fn run<'py>(
    py: Python<'py>,
    name: &str,
    arrays: Vec<Bound<'py, PyAny>>,
    given: &Bound<'py, PyDict>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let given = attributes(given)?;
    let sources = arrays.iter().map(Source::new).collect::<PyResult<Vec<_>>>()?;
    let inputs = sources.iter().map(Source::slice).collect::<PyResult<Vec<Slice<'_>>>>()?;
    let specs = sources.iter().zip(&inputs).map(|(source, data)| Spec::new(data.dtype(), source.shape()));
    let call = caught(py, || Call::new(name, &given, specs.collect::<corten_engine::Result<Vec<_>>>()?))?;
    let outputs = call.outputs().iter().map(|spec| empty(py, spec)).collect::<PyResult<Vec<_>>>()?;
    let mut targets = outputs.iter().map(Target::new).collect::<PyResult<Vec<_>>>()?;
    let places = targets.iter_mut().map(Target::slice_mut).collect::<PyResult<Vec<SliceMut<'_>>>>()?;
    guarded(py, || call.run(&inputs, places))?;
    drop(targets);
    Ok(outputs)
}
