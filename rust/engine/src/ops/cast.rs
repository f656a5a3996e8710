//! `cast` between float32, int32 and uint8. Only a number that the other type has can be cast to it.

use super::isa;
use crate::attributes::Attributes;
use crate::data::{Slice, SliceMut};
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{DType, Spec};
use corten_kernels::layout::cast as kernel;
use std::sync::Arc;

#[derive(Debug)]
struct Cast {
    to: DType,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let to = match attributes.text("dtype")? {
        "float32" => DType::F32,
        "int32" => DType::I32,
        "uint8" => DType::U8,
        other => return Err(Error::Value(format!("`dtype`: expected float32, int32 or uint8, got {other:?}"))),
    };
    Ok(Arc::new(Cast { to }))
}

fn unfit(to: DType, position: usize, value: impl std::fmt::Display) -> Error {
    Error::Index(format!("{value} at position {position} is no {}", to.name()))
}

impl Op for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![Spec::new(self.to, &inputs[0].shape)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let of_float = |bad: kernel::BadNumber| match bad.value.abs() < 16_777_216.0 {
            true => unfit(self.to, bad.position, bad.value),
            // With all its digits: the shortest that stand for a float end in zeros here.
            false => unfit(self.to, bad.position, format_args!("{:.0}", bad.value)),
        };
        match (inputs[0].data, &mut outputs[0].data) {
            (Slice::F32(x), SliceMut::I32(y)) => {
                kernel::float_to_integer(isa(), x, true, kernel::I32, y).map_err(of_float)?;
            }
            (Slice::F32(x), SliceMut::U8(y)) => {
                kernel::float_to_integer(isa(), x, true, kernel::U8, y).map_err(of_float)?;
            }
            (Slice::I32(x), SliceMut::U8(y)) => {
                if let Some(position) = x.iter().position(|&v| u8::try_from(v).is_err()) {
                    return Err(unfit(self.to, position, x[position]));
                }
                kernel::cast(isa(), x, y);
            }
            (Slice::I32(x), SliceMut::F32(y)) => kernel::cast(isa(), x, y),
            (Slice::U8(x), SliceMut::F32(y)) => kernel::cast(isa(), x, y),
            (Slice::U8(x), SliceMut::I32(y)) => kernel::cast(isa(), x, y),
            (Slice::F32(x), SliceMut::F32(y)) => kernel::cast(isa(), x, y),
            (Slice::I32(x), SliceMut::I32(y)) => kernel::cast(isa(), x, y),
            (Slice::U8(x), SliceMut::U8(y)) => kernel::cast(isa(), x, y),
        }
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        // Gradients flow through float32 alone, and from float32 to itself nothing changes.
        Ok(vec![if graph.spec(at.inputs[0]).dtype == DType::F32 { Some(at.dy()?) } else { None }])
    }
}
