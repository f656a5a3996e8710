//! `concatenate`: values one after the other along an axis.

use super::algebra::View;
use crate::attributes::Attributes;
use crate::data::SliceMut;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::layout::concatenate as kernel;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Concatenate {
    pub axis: usize,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Concatenate { axis: attributes.size("axis")? }))
}

impl Op for Concatenate {
    fn name(&self) -> &'static str {
        "concatenate"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let Some(first) = inputs.first() else { return Err(Error::Value("expected at least one value".into())) };
        if self.axis >= first.rank() {
            return Err(Error::Shape(format!("axis {} is none of {}", self.axis, Dims(&first.shape))));
        }
        let mut shape = first.shape.clone();
        for (i, spec) in inputs.iter().enumerate().skip(1) {
            if spec.dtype != first.dtype {
                return Err(Error::Type(format!("input {i}: expected {}, got {spec:?}", first.dtype.name())));
            }
            let same = |axis: usize| axis == self.axis || spec.shape[axis] == first.shape[axis];
            if spec.rank() != first.rank() || !(0..first.rank()).all(same) {
                let (a, b) = (Dims(&first.shape), Dims(&spec.shape));
                return Err(Error::Shape(format!("inputs 0 and {i} differ in more than axis {}: {a}, {b}", self.axis)));
            }
            let size = shape[self.axis].checked_add(spec.shape[self.axis]);
            shape[self.axis] = size.ok_or_else(|| Error::Memory("the result is larger than any memory".into()))?;
        }
        Ok(vec![Spec::new(first.dtype, &shape)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let outer = inputs[0].shape()[..self.axis].iter().product();
        match &mut outputs[0].data {
            SliceMut::F32(y) => {
                let parts = inputs.iter().map(Input::f32).collect::<Result<Vec<_>>>()?;
                kernel::concatenate(outer, &parts, y);
            }
            SliceMut::I32(y) => {
                let parts = inputs.iter().map(Input::i32).collect::<Result<Vec<_>>>()?;
                kernel::concatenate(outer, &parts, y);
            }
            SliceMut::U8(y) => {
                let parts = inputs.iter().map(Input::u8).collect::<Result<Vec<_>>>()?;
                kernel::concatenate(outer, &parts, y);
            }
        }
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let dy = at.dy()?;
        let mut begin = vec![0; graph.spec(dy).rank()];
        let mut gradients = Vec::new();
        for (&input, &wanted) in at.inputs.iter().zip(at.want) {
            let size = graph.spec(input).shape.clone();
            let extent = size[self.axis];
            let part = View::part(begin.clone(), size);
            gradients.push(if wanted { Some(graph.apply1(part, &[dy])?) } else { None });
            begin[self.axis] += extent;
        }
        Ok(gradients)
    }
}
