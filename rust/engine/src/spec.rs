//! What is known of a value before it is computed: element type and shape.

use crate::error::{Error, Result};
use std::fmt;

/// Element types. Mathematics is done in `F32`; labels and indices are `I32`; images and argmax positions may be `U8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DType {
    F32,
    I32,
    U8,
}

impl DType {
    /// In the order of their numbers, `dtype as usize`.
    pub const ALL: [DType; 3] = [DType::F32, DType::I32, DType::U8];

    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "float32",
            DType::I32 => "int32",
            DType::U8 => "uint8",
        }
    }
    pub fn bytes(self) -> usize {
        match self {
            DType::F32 | DType::I32 => 4,
            DType::U8 => 1,
        }
    }
}

/// The most dimensions a value may have.
pub const MAX_DIMS: usize = 8;

/// Element type and shape of a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Spec {
    pub dtype: DType,
    pub shape: Vec<usize>,
}

impl Spec {
    /// Refuses more than [`MAX_DIMS`] dimensions and sizes that no memory could hold.
    pub fn new(dtype: DType, shape: &[usize]) -> Result<Spec> {
        if shape.len() > MAX_DIMS {
            return Err(Error::Shape(format!("expected at most {MAX_DIMS} dimensions, got {}", shape.len())));
        }
        let bytes = shape.iter().try_fold(dtype.bytes(), |total, &dim| total.checked_mul(dim));
        match bytes {
            Some(bytes) if bytes <= isize::MAX as usize => Ok(Spec { dtype, shape: shape.to_vec() }),
            _ => Err(Error::Memory(format!("shape {} is larger than any memory", Dims(shape)))),
        }
    }
    pub fn f32(shape: &[usize]) -> Result<Spec> {
        Spec::new(DType::F32, shape)
    }
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    pub fn rank(&self) -> usize {
        self.shape.len()
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.dtype.name(), Dims(&self.shape))
    }
}

/// A shape printed as Python prints a tuple.
pub struct Dims<'a>(pub &'a [usize]);

impl fmt::Display for Dims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, dim) in self.0.iter().enumerate() {
            write!(f, "{}{dim}", if i > 0 { ", " } else { "" })?;
        }
        f.write_str(if self.0.len() == 1 { ",)" } else { ")" })
    }
}
