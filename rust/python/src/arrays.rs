//! NumPy arrays in and out. Python hands over arrays that are C-contiguous, aligned and of native byte order; that is
//! checked again here.

use corten_engine::{Column, DType, Data, MAX_DIMS, Slice, SliceMut, Spec};
use numpy::npyffi::{NPY_ARRAY_ALIGNED, NPY_ARRAY_C_CONTIGUOUS, NpyTypes, PY_ARRAY_API, get_type_object, npy_intp};
use numpy::{Element, PyArrayDescr, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn};
use numpy::{PyReadwriteArrayDyn, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};
use std::slice::{from_raw_parts, from_raw_parts_mut};

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

/// NumPy's own descriptor of a type that the engine computes with.
fn descriptor(py: Python<'_>, dtype: DType) -> &Bound<'_, PyArrayDescr> {
    static KNOWN: PyOnceLock<[Py<PyArrayDescr>; 3]> = PyOnceLock::new();
    let [f32, i32, u8] = KNOWN.get_or_init(py, || {
        [numpy::dtype::<f32>(py), numpy::dtype::<i32>(py), numpy::dtype::<u8>(py)].map(Bound::unbind)
    });
    match dtype {
        DType::F32 => f32,
        DType::I32 => i32,
        DType::U8 => u8,
    }
    .bind(py)
}

/// What a C-contiguous, aligned array of one of the engine's own types, in the types' usual descriptors, holds; None for
/// any other array.
///
/// Other than a [`Source`] this does not mark the array as being read, which would take longer than a small op does. A
/// mark keeps away only other calls of Corten, and none writes to an array that a caller can reach.
pub fn elements<'a>(array: &'a Bound<'_, PyUntypedArray>) -> Option<Slice<'a>> {
    const PLAIN: c_int = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED;
    // SAFETY: a NumPy array.
    let fields = unsafe { &(*array.as_array_ptr()).fields };
    if fields.flags & PLAIN != PLAIN {
        return None;
    }
    let len = array.shape().iter().product();
    // Of no elements the pointer may be any.
    let data = if len == 0 { NonNull::<u64>::dangling().as_ptr().cast() } else { fields.data };
    let is = |dtype| std::ptr::eq(descriptor(array.py(), dtype).as_ptr(), fields.descr.cast());
    // SAFETY: so many elements of this type, of native byte order, contiguous and aligned.
    unsafe {
        if is(DType::F32) {
            Some(Slice::F32(from_raw_parts(data.cast(), len)))
        } else if is(DType::I32) {
            Some(Slice::I32(from_raw_parts(data.cast(), len)))
        } else if is(DType::U8) {
            Some(Slice::U8(from_raw_parts(data.cast(), len)))
        } else {
            None
        }
    }
}

/// A new NumPy array, to be written before anybody sees it.
pub struct Fresh<'py> {
    array: Bound<'py, PyUntypedArray>,
    dtype: DType,
}

impl<'py> Fresh<'py> {
    /// NumPy allocates, so that too little memory is a MemoryError.
    pub fn new(py: Python<'py>, spec: &Spec) -> PyResult<Fresh<'py>> {
        let dtype = descriptor(py, spec.dtype).clone();
        let mut sizes = [0 as npy_intp; MAX_DIMS];
        for (to, &size) in sizes.iter_mut().zip(&spec.shape) {
            *to = size as npy_intp;
        }
        // SAFETY: the call takes over the dtype and reads as many sizes as it is told of; it returns a new array, or
        // null and an exception.
        let array = unsafe {
            let class = get_type_object(py, NpyTypes::PyArray_Type);
            let (rank, sizes) = (spec.rank() as c_int, sizes.as_mut_ptr());
            let dtype = dtype.into_dtype_ptr();
            let made =
                PY_ARRAY_API.PyArray_NewFromDescr(py, class, dtype, rank, sizes, null_mut(), null_mut(), 0, null_mut());
            Bound::from_owned_ptr_or_err(py, made)?.cast_into_unchecked()
        };
        Ok(Fresh { array, dtype: spec.dtype })
    }
    pub fn slice_mut(&mut self) -> SliceMut<'_> {
        let len = self.array.shape().iter().product();
        // SAFETY: the array was made with so many elements of this type, C-contiguous, and nobody else has it.
        unsafe {
            let data = (*self.array.as_array_ptr()).fields.data;
            match self.dtype {
                DType::F32 => SliceMut::F32(from_raw_parts_mut(data.cast(), len)),
                DType::I32 => SliceMut::I32(from_raw_parts_mut(data.cast(), len)),
                DType::U8 => SliceMut::U8(from_raw_parts_mut(data.cast(), len)),
            }
        }
    }
    pub fn into_array(self) -> Bound<'py, PyAny> {
        self.array.into_any()
    }
}

/// A new NumPy array with a copy of the elements.
pub fn to_numpy<'py>(py: Python<'py>, spec: &Spec, data: Slice<'_>) -> PyResult<Bound<'py, PyAny>> {
    let mut fresh = Fresh::new(py, spec)?;
    fresh.slice_mut().copy_from(data).map_err(|error| crate::errors::raise(py, error))?;
    Ok(fresh.into_array())
}

pub fn dtype(name: &str) -> PyResult<DType> {
    match name {
        "float32" => Ok(DType::F32),
        "int32" => Ok(DType::I32),
        "uint8" => Ok(DType::U8),
        other => Err(PyTypeError::new_err(format!("expected float32, int32 or uint8, got {other}"))),
    }
}
