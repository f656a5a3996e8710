//! `batch_norm`: rows of channels made mean 0 and variance 1 by their own statistics; and `affine`, which does the same
//! by given ones.

use super::algebra::{add, chain, gradient_of_formula, mean, multiply, negative, rsqrt, subtract, sum};
use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::batch_norm as kernel;
use std::sync::Arc;

/// Refuses vectors that do not have a number for each channel, the last axis of `x`; gives the number of channels.
fn channels(x: &Spec, vectors: &[&Spec]) -> Result<usize> {
    let Some(&channels) = x.shape.last() else {
        return Err(Error::Shape("expected at least one axis, got shape ()".into()));
    };
    match vectors.iter().find(|v| v.shape != [channels]) {
        Some(vector) => {
            let (x, v) = (Dims(&x.shape), Dims(&vector.shape));
            Err(Error::Shape(format!("expected ({channels},) for the channels of input {x}, got {v}")))
        }
        None => Ok(channels),
    }
}

/// All axes but the last.
fn leading(graph: &dyn Builder, x: Value) -> Vec<usize> {
    (0..graph.spec(x).rank() - 1).collect()
}

/// The mean, and the deviations and variance from it.
fn moments(graph: &mut dyn Builder, x: Value) -> Result<[Value; 3]> {
    let axes = leading(graph, x);
    let centre = mean(graph, x, &axes, false)?;
    let deviation = subtract(graph, x, centre)?;
    let square = multiply(graph, deviation, deviation)?;
    Ok([centre, deviation, mean(graph, square, &axes, false)?])
}

/// Inputs x (..., channels), gamma and beta (channels,); outputs y, and the mean and (biased) variance of each channel.
#[derive(Clone, Copy, Debug)]
struct BatchNorm {
    epsilon: f32,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(BatchNorm { epsilon: attributes.float("epsilon")? as f32 }))
}

impl Op for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        channels(inputs[0], &inputs[1..])?;
        if inputs[0].is_empty() {
            return Err(Error::Value(format!("an empty batch has no statistics: input {}", Dims(&inputs[0].shape))));
        }
        Ok(vec![inputs[0].clone(), inputs[1].clone(), inputs[1].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (x, weights) = (inputs[0].f32()?, [inputs[1].f32()?, inputs[2].f32()?]);
        let [y, mean, variance] = outputs else { return Err(Error::Internal("batch_norm has three outputs".into())) };
        kernel::forward(isa(), x, weights, self.epsilon, y.f32()?, [mean.f32()?, variance.f32()?]);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (x, gamma) = (at.inputs[0], at.inputs[1]);
        let mut gradients = vec![None; 3];
        if let Some(dy) = at.dys[0] {
            let op = BatchNormGradient { epsilon: self.epsilon };
            let all = graph.apply(op, &[x, dy, gamma, at.outputs[1], at.outputs[2]])?;
            gradients = all.into_iter().map(Some).collect();
        }
        if at.want[0] && at.dys[1..].iter().any(Option::is_some) {
            let of_moments = |graph: &mut dyn Builder, x: &[Value]| {
                let [mean, _, variance] = moments(graph, x[0])?;
                Ok(vec![mean, variance])
            };
            let further = gradient_of_formula(graph, &[x], &at.dys[1..], &[true], of_moments)?[0];
            gradients[0] = match (gradients[0], further) {
                (Some(a), Some(b)) => Some(add(graph, a, b)?),
                (a, b) => a.or(b),
            };
        }
        Ok(gradients)
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        8 * inputs[0].len()
    }
}

/// Inputs x, dy, gamma, and the mean and variance of x; outputs dx, dgamma and dbeta.
#[derive(Debug)]
struct BatchNormGradient {
    epsilon: f32,
}

impl Op for BatchNormGradient {
    fn name(&self) -> &'static str {
        "batch_norm_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        channels(inputs[0], &inputs[2..])?;
        Ok(vec![inputs[0].clone(), inputs[2].clone(), inputs[2].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let rows = [inputs[0].f32()?, inputs[1].f32()?];
        let vectors = [inputs[2].f32()?, inputs[3].f32()?, inputs[4].f32()?];
        let [dx, dgamma, dbeta] = outputs else { return Err(Error::Internal("there are three gradients".into())) };
        kernel::gradient(isa(), rows, vectors, self.epsilon, dx.f32()?, [dgamma.f32()?, dbeta.f32()?]);
        Ok(())
    }
    /// dx = gamma / sqrt(variance + epsilon) (dy - mean(dy) - z mean(dy z)), the statistics functions of x.
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let formula = |graph: &mut dyn Builder, inputs: &[Value]| {
            let &[x, dy, gamma] = inputs else { return Err(Error::Internal("three values".into())) };
            let [_, deviation, variance] = moments(graph, x)?;
            let epsilon = graph.fill(&[], self.epsilon)?;
            let variance = add(graph, variance, epsilon)?;
            let inverse = rsqrt(graph, variance)?;
            let z = multiply(graph, deviation, inverse)?;
            let pulled = multiply(graph, dy, z)?;
            let axes = leading(graph, x);
            let (lift, tilt) = (mean(graph, dy, &axes, false)?, mean(graph, pulled, &axes, false)?);
            let lifted = subtract(graph, dy, lift)?;
            let tilted = multiply(graph, z, tilt)?;
            let inner = subtract(graph, lifted, tilted)?;
            let scale = multiply(graph, gamma, inverse)?;
            let dgamma = sum(graph, pulled, &axes, false)?;
            let dbeta = sum(graph, dy, &axes, false)?;
            Ok(vec![multiply(graph, scale, inner)?, dgamma, dbeta])
        };
        let mut gradients = gradient_of_formula(graph, &at.inputs[..3], at.dys, &at.want[..3], formula)?;
        gradients.resize(5, None);
        Ok(gradients)
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        8 * inputs[0].len()
    }
}

/// Inputs x (..., channels), and centre, scale and shift (channels,); output (x - centre) scale + shift.
#[derive(Debug)]
struct Affine;

pub(crate) fn make_affine(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Affine))
}

impl Op for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        channels(inputs[0], &inputs[1..])?;
        Ok(vec![inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let vectors = [inputs[1].f32()?, inputs[2].f32()?, inputs[3].f32()?];
        kernel::affine(isa(), inputs[0].f32()?, vectors, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (&[x, centre, scale, _], dy) = (at.inputs, at.dy()?) else {
            return Err(Error::Internal("affine has four inputs".into()));
        };
        let axes = leading(graph, x);
        let mut gradients = vec![None; 4];
        if at.want[0] {
            gradients[0] = Some(chain(graph, dy, scale)?);
        }
        if at.want[1] || at.want[3] {
            let total = sum(graph, dy, &axes, false)?;
            gradients[3] = Some(total);
            if at.want[1] {
                let scaled = multiply(graph, total, scale)?;
                gradients[1] = Some(negative(graph, scaled)?);
            }
        }
        if at.want[2] {
            let deviation = subtract(graph, x, centre)?;
            let pulled = chain(graph, dy, deviation)?;
            gradients[2] = Some(sum(graph, pulled, &axes, false)?);
        }
        Ok(gradients)
    }
}
