//! `gather`: rows by index (an embedding is one), its gradient, and `one_hot`.

use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::data::{Slice, SliceMut};
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{DType, Dims, Spec};
use corten_kernels::layout::{BadIndex, gather as kernel};
use std::sync::Arc;

pub(crate) fn outside(bad: BadIndex, size: usize) -> Error {
    let BadIndex { position, value } = bad;
    Error::Index(format!("index {value} at position {position} is outside 0..{size}"))
}

fn expect_indices(indices: &Spec) -> Result<()> {
    match indices.dtype {
        DType::I32 => Ok(()),
        _ => Err(Error::Type(format!("expected int32 indices, got {indices:?}"))),
    }
}

/// Inputs x (size, ...) and int32 indices; output: x's rows there, in the shape of the indices.
#[derive(Debug)]
struct Gather;

pub(crate) fn make(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Gather))
}

/// The first axis and the product of the others.
fn rows(shape: &[usize]) -> [usize; 3] {
    [1, shape[0], shape[1..].iter().product()]
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_indices(inputs[1])?;
        match inputs[0].shape.split_first() {
            Some((_, inner)) => Ok(vec![Spec::new(inputs[0].dtype, &[&inputs[1].shape, inner].concat())?]),
            None => Err(Error::Shape("the input needs an axis to pick from".into())),
        }
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (sizes, indices) = (rows(inputs[0].shape()), inputs[1].i32()?);
        let done = match (inputs[0].data, &mut outputs[0].data) {
            (Slice::F32(x), SliceMut::F32(y)) => kernel::gather(sizes, indices, x, y),
            (Slice::I32(x), SliceMut::I32(y)) => kernel::gather(sizes, indices, x, y),
            (Slice::U8(x), SliceMut::U8(y)) => kernel::gather(sizes, indices, x, y),
            _ => return Err(Error::Internal("a gather changed the element type".into())),
        };
        done.map_err(|bad| outside(bad, sizes[1]))
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let shape = graph.spec(at.inputs[0]).shape.clone();
        Ok(vec![Some(graph.apply1(GatherGradient { shape }, &[at.inputs[1], at.dy()?])?), None])
    }
}

/// Refuses indices and dy that are not the gradient of a gather from `table`.
pub(crate) fn expect_rows(table: &Spec, indices: &Spec, dy: &Spec) -> Result<()> {
    expect_indices(indices)?;
    expect_f32(&[dy])?;
    let expected = [&indices.shape, table.shape.get(1..).unwrap_or(&[])].concat();
    match dy.shape == expected && table.rank() > 0 {
        true => Ok(()),
        false => Err(Error::Shape(format!("expected {}, got {}", Dims(&expected), Dims(&dy.shape)))),
    }
}

/// Inputs indices and dy; output dx of `shape`: rows of dy added up where their indices say.
#[derive(Debug)]
struct GatherGradient {
    shape: Vec<usize>,
}

impl Op for GatherGradient {
    fn name(&self) -> &'static str {
        "gather_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let table = Spec::f32(&self.shape)?;
        expect_rows(&table, inputs[0], inputs[1])?;
        Ok(vec![table])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (sizes, indices, dx) = (rows(&self.shape), inputs[0].i32()?, outputs[0].f32()?);
        kernel::gather_gradient(isa(), sizes, indices, inputs[1].f32()?, dx).map_err(|bad| outside(bad, sizes[1]))
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None, Some(graph.apply1(Gather, &[at.dy()?, at.inputs[0]])?)])
    }
}

/// Input int32 indices; output float32 (..., classes), a one where the index points.
#[derive(Debug)]
struct OneHot {
    classes: usize,
}

pub(crate) fn make_one_hot(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(OneHot { classes: attributes.size("classes")? }))
}

impl Op for OneHot {
    fn name(&self) -> &'static str {
        "one_hot"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_indices(inputs[0])?;
        Ok(vec![Spec::f32(&[&inputs[0].shape[..], &[self.classes]].concat())?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let done = kernel::one_hot(inputs[0].i32()?, self.classes, outputs[0].f32()?);
        done.map_err(|bad| outside(bad, self.classes))
    }
}
