//! `transpose`, `slice` and `broadcast_to`: the input's elements in another order, some left out, some repeated.

use super::algebra::{View, unbroadcast};
use super::isa;
use super::pad::Pad;
use crate::attributes::Attributes;
use crate::data::{Slice, SliceMut};
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::layout::view as kernel;
use std::sync::Arc;

pub(crate) fn make_transpose(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(View::Transpose { axes: attributes.sizes("axes")? }))
}

pub(crate) fn make_slice(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let step = attributes.ints("step")?.iter().map(|&step| step as isize).collect();
    Ok(Arc::new(View::Slice { begin: attributes.sizes("begin")?, size: attributes.sizes("size")?, step }))
}

pub(crate) fn make_broadcast_to(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(View::BroadcastTo { shape: attributes.sizes("shape")? }))
}

impl View {
    fn shape(&self, x: &[usize]) -> Result<Vec<usize>> {
        match self {
            View::Transpose { axes } => {
                if axes.len() != x.len() || !(0..x.len()).all(|axis| axes.contains(&axis)) {
                    return Err(Error::Shape(format!("axes {axes:?} are not those of input {}", Dims(x))));
                }
                Ok(axes.iter().map(|&axis| x[axis]).collect())
            }
            View::Slice { begin, size, step } => {
                // In i128 no last place overflows.
                let inside = |k: usize| {
                    let last = begin[k] as i128 + (size[k] as i128 - 1) * step[k] as i128;
                    step[k] != 0 && (size[k] == 0 || (begin[k] < x[k] && (0..x[k] as i128).contains(&last)))
                };
                if [begin.len(), size.len(), step.len()] != [x.len(); 3] || !(0..x.len()).all(inside) {
                    let what = format!("begin {begin:?}, size {size:?}, step {step:?}");
                    return Err(Error::Shape(format!("{what} do not fit into input {}", Dims(x))));
                }
                Ok(size.clone())
            }
            View::BroadcastTo { shape } => {
                let axes = shape.iter().rev().zip(x.iter().rev());
                if shape.len() < x.len() || axes.into_iter().any(|(to, from)| to != from && *from != 1) {
                    return Err(Error::Shape(format!("{} does not broadcast to {}", Dims(x), Dims(shape))));
                }
                Ok(shape.clone())
            }
        }
    }
}

impl Op for View {
    fn name(&self) -> &'static str {
        match self {
            View::Transpose { .. } => "transpose",
            View::Slice { .. } => "slice",
            View::BroadcastTo { .. } => "broadcast_to",
        }
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![Spec::new(inputs[0].dtype, &self.shape(&inputs[0].shape)?)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let view = kernel::View::of(inputs[0].shape());
        let view = match self {
            View::Transpose { axes } => view.transpose(axes),
            View::Slice { begin, size, step } => view.slice(begin, size, step),
            View::BroadcastTo { shape } => view.broadcast_to(shape),
        };
        match (inputs[0].data, &mut outputs[0].data) {
            (Slice::F32(x), SliceMut::F32(y)) => kernel::copy(isa(), &view, x, y),
            (Slice::I32(x), SliceMut::I32(y)) => kernel::copy(isa(), &view, x, y),
            (Slice::U8(x), SliceMut::U8(y)) => kernel::copy(isa(), &view, x, y),
            _ => return Err(Error::Internal("a view changed the element type".into())),
        }
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let dy = at.dy()?;
        let dx = match self {
            View::Transpose { axes } => {
                let mut back = vec![0; axes.len()];
                axes.iter().enumerate().for_each(|(to, &from)| back[from] = to);
                graph.apply1(View::Transpose { axes: back }, &[dy])?
            }
            View::Slice { begin, step, .. } => {
                let room = graph.spec(at.inputs[0]).shape.clone();
                graph.apply1(Pad::gradient_of_slice(begin, step, room), &[dy])?
            }
            View::BroadcastTo { .. } => unbroadcast(graph, dy, at.inputs[0])?,
        };
        Ok(vec![Some(dx)])
    }
}
