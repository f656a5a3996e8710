//! Losses of predictions against targets of the same shape: `mean_squared_error`, `mean_absolute_error` and `huber` are
//! means over the last axis; `binary_cross_entropy` and `sigmoid_cross_entropy` go element by element.

use super::algebra::{chain, log, maximum, minimum, multiply, negative, sigmoid, subtract, sum};
use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::ops::reshape::Reshape;
use crate::spec::{Dims, Spec};
use corten_kernels::loss::{self as kernel, Loss as Kind};
use std::sync::Arc;

/// Inputs: targets, predictions.
#[derive(Clone, Copy, Debug)]
struct Loss(Kind);

/// Inputs: targets, predictions, dloss. Output: dpredictions.
#[derive(Clone, Copy, Debug)]
struct LossGradient(Kind);

pub(crate) fn make_mean_squared_error(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Loss(Kind::SquaredError)))
}

pub(crate) fn make_mean_absolute_error(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Loss(Kind::AbsoluteError)))
}

pub(crate) fn make_huber(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let delta = attributes.float("delta")?;
    // Written so that NaN is refused too.
    if delta >= 0.0 {
        return Ok(Arc::new(Loss(Kind::Huber(delta as f32))));
    }
    Err(Error::Value(format!("`delta`: expected a number >= 0, got {delta}")))
}

pub(crate) fn make_binary_cross_entropy(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Loss(Kind::BinaryCrossEntropy)))
}

pub(crate) fn make_sigmoid_cross_entropy(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Loss(Kind::SigmoidCrossEntropy)))
}

/// How many elements one loss is the mean of.
fn group(kind: Kind, shape: &[usize]) -> usize {
    match kind {
        Kind::SquaredError | Kind::AbsoluteError | Kind::Huber(_) => shape.last().copied().unwrap_or(1),
        Kind::BinaryCrossEntropy | Kind::SigmoidCrossEntropy => 1,
    }
}

/// The spec of the losses.
fn losses(kind: Kind, inputs: &[&Spec]) -> Result<Spec> {
    expect_f32(inputs)?;
    let (targets, shape) = (&inputs[0].shape, &inputs[1].shape);
    if targets != shape {
        let (a, b) = (Dims(targets), Dims(shape));
        return Err(Error::Shape(format!("targets and predictions must have one shape, got {a} and {b}")));
    }
    match kind {
        Kind::BinaryCrossEntropy | Kind::SigmoidCrossEntropy => Ok(inputs[1].clone()),
        _ => match shape.split_last() {
            Some((&size, rows)) if size > 0 => Spec::f32(rows),
            _ => Err(Error::Shape(format!("expected a last axis that is not empty, got {}", Dims(shape)))),
        },
    }
}

/// One number for each loss, shaped so that it spreads over the elements of that loss.
fn spread(graph: &mut dyn Builder, kind: Kind, rows: Value, like: Value) -> Result<Value> {
    let mut shape = graph.spec(like).shape.clone();
    match (kind, shape.last_mut()) {
        (Kind::SquaredError | Kind::AbsoluteError | Kind::Huber(_), Some(last)) => *last = 1,
        _ => return Ok(rows),
    }
    graph.apply1(Reshape::to(&shape), &[rows])
}

impl Op for Loss {
    fn name(&self) -> &'static str {
        match self.0 {
            Kind::SquaredError => "mean_squared_error",
            Kind::AbsoluteError => "mean_absolute_error",
            Kind::Huber(_) => "huber",
            Kind::BinaryCrossEntropy => "binary_cross_entropy",
            Kind::SigmoidCrossEntropy => "sigmoid_cross_entropy",
        }
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![losses(self.0, inputs)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let n = group(self.0, inputs[1].shape());
        kernel::mean_loss(isa(), self.0, inputs[1].f32()?, inputs[0].f32()?, n, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (targets, x, dy) = (at.inputs[0], at.inputs[1], at.dy()?);
        let mut gradients = vec![None, None];
        let symmetric = matches!(self.0, Kind::SquaredError | Kind::AbsoluteError | Kind::Huber(_));
        if at.want[1] || symmetric {
            gradients[1] = Some(graph.apply1(LossGradient(self.0), &[targets, x, dy])?);
        }
        if at.want[0] {
            gradients[0] = Some(match (self.0, gradients[1]) {
                (_, Some(dx)) if symmetric => negative(graph, dx)?,
                (Kind::SigmoidCrossEntropy, _) => {
                    let part = chain(graph, dy, x)?;
                    negative(graph, part)?
                }
                // ln(1 - p) - ln p
                _ => {
                    let (low, high) = (graph.fill(&[], 1e-7)?, graph.fill(&[], 1.0 - 1e-7)?);
                    let p = maximum(graph, x, low)?;
                    let p = minimum(graph, p, high)?;
                    let one = graph.fill(&[], 1.0)?;
                    let other = subtract(graph, one, p)?;
                    let p = log(graph, p)?;
                    let other = log(graph, other)?;
                    let slope = subtract(graph, other, p)?;
                    chain(graph, dy, slope)?
                }
            });
        }
        Ok(gradients)
    }
}

impl Op for LossGradient {
    fn name(&self) -> &'static str {
        match self.0 {
            Kind::SquaredError => "mean_squared_error_gradient",
            Kind::AbsoluteError => "mean_absolute_error_gradient",
            Kind::Huber(_) => "huber_gradient",
            Kind::BinaryCrossEntropy => "binary_cross_entropy_gradient",
            Kind::SigmoidCrossEntropy => "sigmoid_cross_entropy_gradient",
        }
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let losses = losses(self.0, &inputs[..2])?;
        if *inputs[2] != losses {
            return Err(Error::Shape(format!("dloss must be {losses:?}, got {:?}", inputs[2])));
        }
        Ok(vec![inputs[1].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (t, p, dloss) = (inputs[0].f32()?, inputs[1].f32()?, inputs[2].f32()?);
        kernel::mean_loss_gradient(isa(), self.0, p, t, group(self.0, inputs[1].shape()), dloss, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (targets, x, dloss, g) = (at.inputs[0], at.inputs[1], at.inputs[2], at.dy()?);
        let mut gradients = vec![None, None, None];
        if at.want[2] {
            let ones = graph.fill(&graph.spec(dloss).shape.clone(), 1.0)?;
            let slope = graph.apply1(*self, &[targets, x, ones])?;
            let part = multiply(graph, slope, g)?;
            let rank = graph.spec(part).rank();
            let one_each = graph.spec(dloss).rank() == rank;
            gradients[2] = Some(if one_each { part } else { sum(graph, part, &[rank - 1], false)? });
        }
        if at.want[0] || at.want[1] {
            let weight = spread(graph, self.0, dloss, x)?;
            let n = group(self.0, &graph.spec(x).shape.clone());
            let curve = match self.0 {
                Kind::SquaredError => {
                    let two = graph.fill(&[], 2.0 / n as f32)?;
                    multiply(graph, g, two)?
                }
                Kind::AbsoluteError => {
                    let zero = graph.fill(&[], 0.0)?;
                    multiply(graph, g, zero)?
                }
                Kind::SigmoidCrossEntropy if !at.want[0] => {
                    // sigmoid' = p (1 - p)
                    let p = sigmoid(graph, x)?;
                    let one = graph.fill(&[], 1.0)?;
                    let other = subtract(graph, one, p)?;
                    let slope = multiply(graph, p, other)?;
                    multiply(graph, g, slope)?
                }
                _ => return Err(Error::Value("has no second derivative".into())),
            };
            let curve = multiply(graph, curve, weight)?;
            gradients[1] = Some(curve);
            gradients[0] = if at.want[0] { Some(negative(graph, curve)?) } else { None };
        }
        Ok(gradients)
    }
}
