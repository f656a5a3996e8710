//! Sequences of Python's.

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use std::ops::Deref;

/// The items of a list or a tuple. PyO3 makes a `Vec` of any sequence and reserves what its `len()` says, which may be
/// more than there is, and more than the process can have; of a list or a tuple the length is what it holds.
pub struct Items<T>(pub Vec<T>);

impl<T> Deref for Items<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, 'py, T> FromPyObject<'a, 'py> for Items<T>
where
    T: FromPyObjectOwned<'py>,
{
    type Error = PyErr;
    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Items<T>> {
        let item = |item: Bound<'py, PyAny>| item.extract::<T>().map_err(Into::into);
        let items = if let Ok(list) = value.cast::<PyList>() {
            list.iter().map(item).collect::<PyResult<_>>()?
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            tuple.iter().map(item).collect::<PyResult<_>>()?
        } else {
            return Err(PyTypeError::new_err(format!("expected a list or a tuple, got {}", value.get_type().name()?)));
        };
        Ok(Items(items))
    }
}
