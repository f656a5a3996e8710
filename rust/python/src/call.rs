//! One op on NumPy arrays, without a graph.

use crate::arrays::{Fresh, Source, elements};
use crate::attributes::attributes;
use crate::errors::{until_signal, with_gil};
use crate::sequence::Items;
use corten_engine as engine;
use engine::{Slice, SliceMut, Spec};
use numpy::PyUntypedArray;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use smallvec::SmallVec;

/// Runs the op `name` on arrays and returns its outputs as new arrays.
#[pyfunction]
pub fn run<'py>(
    py: Python<'py>,
    name: &str,
    arrays: Items<Bound<'py, PyAny>>,
    given: &Bound<'py, PyDict>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let given = attributes(given)?;
    let sources = arrays.iter().map(Source::new).collect::<PyResult<Vec<_>>>()?;
    let inputs = sources.iter().map(Source::slice).collect::<PyResult<Vec<Slice<'_>>>>()?;
    let specs = sources.iter().zip(&inputs).map(|(source, data)| Spec::new(data.dtype(), source.shape()));
    let call = with_gil(py, || engine::Call::new(name, &given, specs.collect::<engine::Result<Vec<_>>>()?))?;
    Ok(run_call(py, &call, &inputs)?.into_vec())
}

/// Elements and multiply-adds so few that the GIL is kept: they take some 10 to 50 us with vectors, 1.5 ms at most without,
/// less than the 5 ms that Python itself leaves it with one thread.
const LITTLE: usize = 1 << 17;

/// Runs a call on what its arguments hold.
pub fn run_call<'py>(
    py: Python<'py>,
    call: &engine::Call,
    arguments: &[Slice<'_>],
) -> PyResult<SmallVec<[Bound<'py, PyAny>; 4]>> {
    let mut fresh: SmallVec<[Fresh<'_>; 4]> = SmallVec::new();
    for spec in call.results() {
        fresh.push(Fresh::new(py, spec)?);
    }
    let mut results: SmallVec<[SliceMut<'_>; 4]> = fresh.iter_mut().map(Fresh::slice_mut).collect();
    match call.work() < LITTLE {
        true => with_gil(py, || call.run(arguments, &mut results))?,
        false => until_signal(py, |cancelled| call.run_until(cancelled, arguments, &mut results))?,
    }
    drop(results);
    Ok(fresh.into_iter().map(Fresh::into_array).collect())
}

/// A call that a `Function` keeps for arguments of the same shapes.
#[pyclass(frozen, module = "corten._core")]
pub struct Call {
    pub call: engine::Call,
    /// How the function gives its results: alone, in a list, or in a tuple.
    pub form: Form,
}

/// One result, or so many in a list or a tuple.
#[derive(Clone, Copy)]
pub enum Form {
    One,
    List(usize),
    Tuple(usize),
}

impl Call {
    /// The function's results on arrays of the shapes and types that it was made for.
    pub fn results<'py>(&self, py: Python<'py>, arrays: &[Bound<'py, PyUntypedArray>]) -> PyResult<Bound<'py, PyAny>> {
        let arguments: Option<SmallVec<[Slice<'_>; 4]>> = arrays.iter().map(elements).collect();
        let changed = || PyRuntimeError::new_err("an argument was changed by another thread during the call");
        let mut outputs = run_call(py, &self.call, &arguments.ok_or_else(changed)?)?;
        match self.form {
            Form::One => Ok(outputs.swap_remove(0)),
            Form::List(count) => PyList::new(py, outputs.drain(..count)).map(Bound::into_any),
            Form::Tuple(count) => PyTuple::new(py, outputs.drain(..count)).map(Bound::into_any),
        }
    }
}
