//! The attributes of an op, from a dict and back.

use crate::sequence::Items;
use corten_engine::{Attribute, Attributes};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

fn attribute(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Attribute> {
    let wide = |_| PyValueError::new_err(format!("`{name}`: the int does not fit into 64 bits"));
    if value.is_instance_of::<PyBool>() {
        return Ok(Attribute::Bool(value.extract()?));
    }
    if value.is_instance_of::<PyInt>() {
        return Ok(Attribute::Int(value.extract().map_err(wide)?));
    }
    if value.is_instance_of::<PyFloat>() {
        return Ok(Attribute::Float(value.extract()?));
    }
    if value.is_instance_of::<PyString>() {
        return Ok(Attribute::Text(value.extract()?));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let ints = value.extract::<Items<i64>>().map_err(|error| {
            let text = format!("`{name}`: expected ints of 64 bits, got {value}");
            let wide = error.is_instance_of::<PyOverflowError>(value.py());
            if wide { PyValueError::new_err(text) } else { PyTypeError::new_err(text) }
        })?;
        return Ok(Attribute::Ints(ints.0));
    }
    Err(PyTypeError::new_err(format!(
        "`{name}`: expected bool, int, float, str, or a list or tuple of ints, got {}",
        value.get_type().name()?
    )))
}

pub fn attributes(given: &Bound<'_, PyDict>) -> PyResult<Attributes> {
    let mut found = Attributes::default();
    for (name, value) in given {
        let name: String = name.extract()?;
        let value = attribute(&name, &value)?;
        found.0.insert(name, value);
    }
    Ok(found)
}

pub fn to_python<'py>(py: Python<'py>, attribute: &Attribute) -> PyResult<Bound<'py, PyAny>> {
    match attribute {
        Attribute::Bool(value) => value.into_pyobject(py).map(|v| v.to_owned().into_any()).map_err(Into::into),
        Attribute::Int(value) => value.into_pyobject(py).map(Bound::into_any).map_err(Into::into),
        Attribute::Float(value) => value.into_pyobject(py).map(Bound::into_any).map_err(Into::into),
        Attribute::Text(value) => value.into_pyobject(py).map(Bound::into_any).map_err(Into::into),
        Attribute::Ints(value) => value.into_pyobject(py),
    }
}
