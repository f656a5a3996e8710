//! `softmax` and `log_softmax` along the last axis.

use super::algebra::{exp, multiply, negative, subtract, sum};
use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::softmax as kernel;
use std::sync::Arc;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Softmax {
    pub log: bool,
}

/// Inputs y (of [`Softmax`]) and dy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SoftmaxGradient {
    pub log: bool,
}

pub(crate) fn make_softmax(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Softmax { log: false }))
}

pub(crate) fn make_log_softmax(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Softmax { log: true }))
}

/// The size of the last axis, which must be there.
fn last(spec: &Spec) -> Result<usize> {
    spec.shape.last().copied().ok_or_else(|| Error::Shape("expected at least one axis, got shape ()".into()))
}

/// The sum over the last axis, which stays as 1.
fn sum_last(graph: &mut dyn Builder, value: Value) -> Result<Value> {
    let axis = graph.spec(value).rank() - 1;
    sum(graph, value, &[axis], true)
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        last(inputs[0])?;
        Ok(vec![inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let forward = if self.log { kernel::log_softmax } else { kernel::softmax };
        forward(isa(), inputs[0].f32()?, last(inputs[0].spec)?, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let op = SoftmaxGradient { log: self.log };
        Ok(vec![Some(graph.apply1(op, &[at.outputs[0], at.dy()?])?)])
    }
}

impl Op for SoftmaxGradient {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax_gradient" } else { "softmax_gradient" }
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        last(inputs[0])?;
        if inputs[0].shape != inputs[1].shape {
            let (a, b) = (Dims(&inputs[0].shape), Dims(&inputs[1].shape));
            return Err(Error::Shape(format!("expected two equal shapes, got {a} and {b}")));
        }
        Ok(vec![inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let backward = if self.log { kernel::log_softmax_gradient } else { kernel::softmax_gradient };
        backward(isa(), inputs[0].f32()?, inputs[1].f32()?, last(inputs[0].spec)?, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (y, dy, g) = (at.inputs[0], at.inputs[1], at.dy()?);
        let mut gradients = vec![None, None];
        if self.log {
            // dx = dy - e^y sum(dy)
            let p = exp(graph, y)?;
            let weighted = multiply(graph, g, p)?;
            if at.want[0] {
                let total = sum_last(graph, dy)?;
                let part = multiply(graph, weighted, total)?;
                gradients[0] = Some(negative(graph, part)?);
            }
            if at.want[1] {
                let total = sum_last(graph, weighted)?;
                gradients[1] = Some(subtract(graph, g, total)?);
            }
            return Ok(gradients);
        }
        // dx = y (dy - sum(y dy)), which is symmetric in dy and g
        if at.want[0] {
            let weighted = multiply(graph, y, dy)?;
            let total = sum_last(graph, weighted)?;
            let centred = subtract(graph, dy, total)?;
            let own = multiply(graph, g, centred)?;
            let weighted = multiply(graph, y, g)?;
            let total = sum_last(graph, weighted)?;
            let others = multiply(graph, dy, total)?;
            gradients[0] = Some(subtract(graph, own, others)?);
        }
        if at.want[1] {
            gradients[1] = Some(graph.apply1(*self, &[y, g])?);
        }
        Ok(gradients)
    }
}
