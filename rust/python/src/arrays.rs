//! NumPy arrays in and out. Python hands over arrays that are C-contiguous, aligned and of native byte order; that is
//! checked again here.

use corten_engine::{Column, DType, Data, Slice, SliceMut, Spec};
use numpy::{Element, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyReadwriteArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

/// An array to read, held while the engine reads it.
pub enum Source<'py> {
    F32(PyReadonlyArrayDyn<'py, f32>),
    F64(PyReadonlyArrayDyn<'py, f64>),
    U8(PyReadonlyArrayDyn<'py, u8>),
    I32(PyReadonlyArrayDyn<'py, i32>),
    I64(PyReadonlyArrayDyn<'py, i64>),
}

/// An array to write, held while the engine writes it.
pub enum Target<'py> {
    F32(PyReadwriteArrayDyn<'py, f32>),
    I32(PyReadwriteArrayDyn<'py, i32>),
    U8(PyReadwriteArrayDyn<'py, u8>),
}

fn read<'py, T: Element>(array: &Bound<'py, PyArrayDyn<T>>) -> PyResult<PyReadonlyArrayDyn<'py, T>> {
    if !array.is_c_contiguous() || !(array.data() as usize).is_multiple_of(align_of::<T>()) {
        return Err(PyValueError::new_err("expected a C-contiguous, aligned array"));
    }
    array.try_readonly().map_err(|_| PyValueError::new_err("the array is being written by another call"))
}

impl<'py> Source<'py> {
    pub fn new(array: &Bound<'py, PyAny>) -> PyResult<Source<'py>> {
        if let Ok(array) = array.cast::<PyArrayDyn<f32>>() {
            return Ok(Source::F32(read(array)?));
        }
        if let Ok(array) = array.cast::<PyArrayDyn<u8>>() {
            return Ok(Source::U8(read(array)?));
        }
        if let Ok(array) = array.cast::<PyArrayDyn<i32>>() {
            return Ok(Source::I32(read(array)?));
        }
        if let Ok(array) = array.cast::<PyArrayDyn<i64>>() {
            return Ok(Source::I64(read(array)?));
        }
        if let Ok(array) = array.cast::<PyArrayDyn<f64>>() {
            return Ok(Source::F64(read(array)?));
        }
        Err(PyTypeError::new_err(format!(
            "expected a NumPy array of float32, float64, uint8, int32 or int64, got {}",
            array.get_type().name()?
        )))
    }
    pub fn shape(&self) -> &[usize] {
        match self {
            Source::F32(array) => array.shape(),
            Source::F64(array) => array.shape(),
            Source::U8(array) => array.shape(),
            Source::I32(array) => array.shape(),
            Source::I64(array) => array.shape(),
        }
    }
    pub fn column(&self) -> PyResult<Column<'_>> {
        Ok(match self {
            Source::F32(array) => Column::F32(array.as_slice()?),
            Source::F64(array) => Column::F64(array.as_slice()?),
            Source::U8(array) => Column::U8(array.as_slice()?),
            Source::I32(array) => Column::I32(array.as_slice()?),
            Source::I64(array) => Column::I64(array.as_slice()?),
        })
    }
    /// The elements, where the array already has one of the engine's own types.
    pub fn slice(&self) -> PyResult<Slice<'_>> {
        match self {
            Source::F32(array) => Ok(Slice::F32(array.as_slice()?)),
            Source::U8(array) => Ok(Slice::U8(array.as_slice()?)),
            Source::I32(array) => Ok(Slice::I32(array.as_slice()?)),
            _ => Err(PyTypeError::new_err("expected a NumPy array of float32, int32 or uint8")),
        }
    }
    /// A copy of the elements with their shape.
    pub fn data(&self, py: Python<'_>) -> PyResult<(Spec, Data)> {
        let slice = self.slice()?;
        let make = || {
            let spec = Spec::new(slice.dtype(), self.shape())?;
            let mut data = Data::zeros(&spec)?;
            data.slice_mut().copy_from(slice)?;
            Ok((spec, data))
        };
        make().map_err(|error| crate::errors::raise(py, error))
    }
}

impl<'py> Target<'py> {
    pub fn new(array: &Bound<'py, PyAny>) -> PyResult<Target<'py>> {
        let busy = |_| PyValueError::new_err("the output array is read-only or in use");
        if let Ok(array) = array.cast::<PyArrayDyn<f32>>() {
            return Ok(Target::F32(array.try_readwrite().map_err(busy)?));
        }
        if let Ok(array) = array.cast::<PyArrayDyn<i32>>() {
            return Ok(Target::I32(array.try_readwrite().map_err(busy)?));
        }
        if let Ok(array) = array.cast::<PyArrayDyn<u8>>() {
            return Ok(Target::U8(array.try_readwrite().map_err(busy)?));
        }
        Err(PyTypeError::new_err("expected an output array of float32, int32 or uint8"))
    }
    pub fn slice_mut(&mut self) -> PyResult<SliceMut<'_>> {
        Ok(match self {
            Target::F32(array) => SliceMut::F32(array.as_slice_mut()?),
            Target::I32(array) => SliceMut::I32(array.as_slice_mut()?),
            Target::U8(array) => SliceMut::U8(array.as_slice_mut()?),
        })
    }
}

/// A new NumPy array whose elements are still to be written. NumPy allocates, so that too little memory is a MemoryError.
pub fn empty<'py>(py: Python<'py>, spec: &Spec) -> PyResult<Bound<'py, PyAny>> {
    static EMPTY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = EMPTY.get_or_try_init(py, || Ok::<_, PyErr>(py.import("numpy")?.getattr("empty")?.unbind()))?;
    let shape = PyTuple::new(py, &spec.shape)?;
    match spec.dtype {
        DType::F32 => make.bind(py).call1((shape, numpy::dtype::<f32>(py))),
        DType::I32 => make.bind(py).call1((shape, numpy::dtype::<i32>(py))),
        DType::U8 => make.bind(py).call1((shape, numpy::dtype::<u8>(py))),
    }
}

/// A new NumPy array with a copy of the elements.
pub fn to_numpy<'py>(py: Python<'py>, spec: &Spec, data: Slice<'_>) -> PyResult<Bound<'py, PyAny>> {
    let array = empty(py, spec)?;
    let copied = Target::new(&array)?.slice_mut()?.copy_from(data);
    copied.map_err(|error| crate::errors::raise(py, error))?;
    Ok(array)
}

pub fn dtype(name: &str) -> PyResult<DType> {
    match name {
        "float32" => Ok(DType::F32),
        "int32" => Ok(DType::I32),
        "uint8" => Ok(DType::U8),
        other => Err(PyTypeError::new_err(format!("expected float32, int32 or uint8, got {other}"))),
    }
}
