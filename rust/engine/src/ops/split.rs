//! `split`: the parts of a value along an axis, as outputs of one node. Steps of a sequence are such parts: were each a
//! slice of its own, each would have a gradient as large as the whole.

use super::concatenate::Concatenate;
use crate::attributes::Attributes;
use crate::data::Slice;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::layout::concatenate as kernel;
use std::sync::Arc;

/// Parts of these sizes, which fill the axis.
#[derive(Debug)]
struct Split {
    axis: usize,
    sizes: Vec<usize>,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Split { axis: attributes.size("axis")?, sizes: attributes.sizes("sizes")? }))
}

impl Op for Split {
    fn name(&self) -> &'static str {
        "split"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let x = &inputs[0].shape;
        let total = self.sizes.iter().try_fold(0usize, |total, &size| total.checked_add(size));
        if x.get(self.axis).copied() != total || total.is_none() {
            return Err(Error::Shape(format!("sizes {:?} do not fill axis {} of {}", self.sizes, self.axis, Dims(x))));
        }
        let part = |&size: &usize| {
            let mut shape = x.clone();
            shape[self.axis] = size;
            Spec::new(inputs[0].dtype, &shape)
        };
        self.sizes.iter().map(part).collect()
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let outer = inputs[0].shape()[..self.axis].iter().product();
        let parts = outputs.iter_mut();
        match inputs[0].data {
            Slice::F32(x) => kernel::split(outer, x, &mut parts.map(Output::f32).collect::<Result<Vec<_>>>()?),
            Slice::I32(x) => kernel::split(outer, x, &mut parts.map(Output::i32).collect::<Result<Vec<_>>>()?),
            Slice::U8(x) => kernel::split(outer, x, &mut parts.map(Output::u8).collect::<Result<Vec<_>>>()?),
        }
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let mut parts = Vec::with_capacity(at.outputs.len());
        for (&output, dy) in at.outputs.iter().zip(at.dys) {
            let shape = graph.spec(output).shape.clone();
            parts.push(match dy {
                Some(dy) => *dy,
                None => graph.fill(&shape, 0.0)?,
            });
        }
        Ok(vec![Some(graph.apply1(Concatenate { axis: self.axis }, &parts)?)])
    }
}
