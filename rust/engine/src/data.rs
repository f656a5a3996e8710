//! Typed storage and typed slices.

use crate::error::{Error, Result};
use crate::spec::{DType, Spec};
use corten_kernels::pages;

/// Owned elements of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    F32(Vec<f32>),
    I32(Vec<i32>),
    U8(Vec<u8>),
}

/// Elements to read.
#[derive(Clone, Copy, Debug)]
pub enum Slice<'a> {
    F32(&'a [f32]),
    I32(&'a [i32]),
    U8(&'a [u8]),
}

/// Elements to write.
#[derive(Debug)]
pub enum SliceMut<'a> {
    F32(&'a mut [f32]),
    I32(&'a mut [i32]),
    U8(&'a mut [u8]),
}

fn zeros<T: pages::Zero>(len: usize) -> Result<Vec<T>> {
    pages::zeros(len).ok_or_else(|| Error::Memory(format!("{} bytes could not be allocated", len * size_of::<T>())))
}

fn copied<T: Copy>(data: &[T]) -> Result<Vec<T>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(data.len())
        .map_err(|_| Error::Memory(format!("{} bytes could not be allocated", size_of_val(data))))?;
    copy.extend_from_slice(data);
    Ok(copy)
}

impl Data {
    /// A copy, or an error where the memory cannot be had.
    pub fn copy(&self) -> Result<Data> {
        Ok(match self {
            Data::F32(data) => Data::F32(copied(data)?),
            Data::I32(data) => Data::I32(copied(data)?),
            Data::U8(data) => Data::U8(copied(data)?),
        })
    }
    /// Zeros, or an error where the memory cannot be had.
    pub fn zeros(spec: &Spec) -> Result<Data> {
        Ok(match spec.dtype {
            DType::F32 => Data::F32(zeros(spec.len())?),
            DType::I32 => Data::I32(zeros(spec.len())?),
            DType::U8 => Data::U8(zeros(spec.len())?),
        })
    }
    pub fn slice(&self) -> Slice<'_> {
        match self {
            Data::F32(data) => Slice::F32(data),
            Data::I32(data) => Slice::I32(data),
            Data::U8(data) => Slice::U8(data),
        }
    }
    pub fn slice_mut(&mut self) -> SliceMut<'_> {
        match self {
            Data::F32(data) => SliceMut::F32(data),
            Data::I32(data) => SliceMut::I32(data),
            Data::U8(data) => SliceMut::U8(data),
        }
    }
}

impl Slice<'_> {
    pub fn len(&self) -> usize {
        match self {
            Slice::F32(data) => data.len(),
            Slice::I32(data) => data.len(),
            Slice::U8(data) => data.len(),
        }
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    pub fn dtype(&self) -> DType {
        match self {
            Slice::F32(_) => DType::F32,
            Slice::I32(_) => DType::I32,
            Slice::U8(_) => DType::U8,
        }
    }
}

impl SliceMut<'_> {
    /// The same elements, for a shorter while.
    pub fn reborrow(&mut self) -> SliceMut<'_> {
        match self {
            SliceMut::F32(data) => SliceMut::F32(data),
            SliceMut::I32(data) => SliceMut::I32(data),
            SliceMut::U8(data) => SliceMut::U8(data),
        }
    }
    pub fn dtype(&self) -> DType {
        match self {
            SliceMut::F32(_) => DType::F32,
            SliceMut::I32(_) => DType::I32,
            SliceMut::U8(_) => DType::U8,
        }
    }
    pub fn copy_from(&mut self, source: Slice<'_>) -> Result<()> {
        match (self, source) {
            (SliceMut::F32(to), Slice::F32(from)) if to.len() == from.len() => to.copy_from_slice(from),
            (SliceMut::I32(to), Slice::I32(from)) if to.len() == from.len() => to.copy_from_slice(from),
            (SliceMut::U8(to), Slice::U8(from)) if to.len() == from.len() => to.copy_from_slice(from),
            (to, from) => {
                return Err(Error::Internal(format!(
                    "cannot copy {} {} to {}",
                    from.len(),
                    from.dtype().name(),
                    to.dtype().name()
                )));
            }
        }
        Ok(())
    }
}
