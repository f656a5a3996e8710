//! `mask_steps`: zeros at the steps of a sequence that a mask leaves out.

use super::expect_f32;
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use std::sync::Arc;

/// Inputs: x (batch, time, ...) and a mask, (batch, time). Output: x, but 0 where the mask is 0. Only those steps are
/// written, in place: what is counted costs nothing.
#[derive(Clone, Copy, Debug)]
struct MaskSteps;

pub(crate) fn make(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(MaskSteps))
}

impl Op for MaskSteps {
    fn name(&self) -> &'static str {
        "mask_steps"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        let (x, mask) = (&inputs[0].shape, &inputs[1].shape);
        if mask.len() != 2 || !x.starts_with(mask) {
            let (x, mask) = (Dims(x), Dims(mask));
            return Err(Error::Shape(format!("the mask must be the first two axes of {x}, got {mask}")));
        }
        Ok(vec![inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let mask = inputs[1].f32()?;
        let width = outputs[0].spec.len() / mask.len().max(1);
        if width > 0 {
            let steps = outputs[0].f32()?.chunks_exact_mut(width).zip(mask);
            steps.filter(|(_, counts)| **counts == 0.0).for_each(|(step, _)| step.fill(0.0));
        }
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![Some(graph.apply1(*self, &[at.dy()?, at.inputs[1]])?), None])
    }
    fn in_place(&self) -> &[(usize, usize)] {
        &[(0, 0)]
    }
}
