//! Typed storage and typed slices.

use crate::error::{Error, Result};
use crate::spec::{DType, Spec};
use corten_kernels::pages;
use std::ops::Range;

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

fn split<'a, T>(
    data: &'a mut [T],
    count: usize,
    typed: fn(&'a mut [T]) -> SliceMut<'a>,
) -> (SliceMut<'a>, SliceMut<'a>) {
    let (first, others) = data.split_at_mut(count);
    (typed(first), typed(others))
}

/// The same for each type: a value, or what the variant of the same type of `$to` holds.
macro_rules! each {
    ($value:expr, $from:ident($data:ident) => $to:ident: $body:expr) => {
        match $value {
            $from::F32($data) => $to::F32($body),
            $from::I32($data) => $to::I32($body),
            $from::U8($data) => $to::U8($body),
        }
    };
    ($value:expr, $from:ident($data:ident) => $body:expr) => {
        match $value {
            $from::F32($data) => $body,
            $from::I32($data) => $body,
            $from::U8($data) => $body,
        }
    };
}

impl Data {
    /// A copy, or an error where the memory cannot be had.
    pub fn copy(&self) -> Result<Data> {
        Ok(each!(self, Data(data) => Data: copied(data)?))
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
        each!(self, Data(data) => Slice: data)
    }
    pub fn slice_mut(&mut self) -> SliceMut<'_> {
        each!(self, Data(data) => SliceMut: data)
    }
}

impl<'a> Slice<'a> {
    pub(crate) fn empty(dtype: DType) -> Slice<'a> {
        match dtype {
            DType::F32 => Slice::F32(&[]),
            DType::I32 => Slice::I32(&[]),
            DType::U8 => Slice::U8(&[]),
        }
    }
    pub fn len(&self) -> usize {
        each!(self, Slice(data) => data.len())
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
    /// The elements in a range that is there.
    pub(crate) fn part(self, range: Range<usize>) -> Slice<'a> {
        each!(self, Slice(data) => Slice: &data[range])
    }
}

impl<'a> SliceMut<'a> {
    /// The same elements, for a shorter while.
    pub fn reborrow(&mut self) -> SliceMut<'_> {
        each!(self, SliceMut(data) => SliceMut: data)
    }
    /// The same elements, no longer to be written.
    pub(crate) fn into_slice(self) -> Slice<'a> {
        each!(self, SliceMut(data) => Slice: data)
    }
    pub fn len(&self) -> usize {
        each!(self, SliceMut(data) => data.len())
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The first `count` elements, which are there, and the others.
    pub(crate) fn split_at(self, count: usize) -> (SliceMut<'a>, SliceMut<'a>) {
        match self {
            SliceMut::F32(data) => split(data, count, SliceMut::F32),
            SliceMut::I32(data) => split(data, count, SliceMut::I32),
            SliceMut::U8(data) => split(data, count, SliceMut::U8),
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
