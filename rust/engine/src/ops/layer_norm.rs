//! `layer_norm` along the last axis, also without its centring, which is RMS normalisation.

use super::algebra::{add, gradient_of_formula, mean, multiply, rsqrt, subtract, sum};
use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::layer_norm as kernel;
use std::sync::Arc;

/// Inputs x (..., n), gamma and beta (n,); outputs y, and the moments of each row, see the kernel.
#[derive(Clone, Copy, Debug)]
struct LayerNorm(kernel::LayerNorm);

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let (epsilon, centered) = (attributes.float("epsilon")? as f32, attributes.flag("centered")?);
    Ok(Arc::new(LayerNorm(kernel::LayerNorm { epsilon, centered })))
}

/// Refuses gamma and beta that are not as long as the last axis; gives the shape of the rows' moments.
fn moments(x: &Spec, vectors: &[&Spec]) -> Result<Vec<usize>> {
    let Some((&n, rows)) = x.shape.split_last() else {
        return Err(Error::Shape("expected at least one axis, got shape ()".into()));
    };
    match vectors.iter().find(|v| v.shape != [n]) {
        Some(vector) => {
            let (x, v) = (Dims(&x.shape), Dims(&vector.shape));
            Err(Error::Shape(format!("expected ({n},) for the last axis of input {x}, got {v}")))
        }
        None => Ok([rows, &[kernel::MOMENTS]].concat()),
    }
}

impl Op for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        let moments = moments(inputs[0], &inputs[1..])?;
        Ok(vec![inputs[0].clone(), Spec::f32(&moments)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (x, weights) = (inputs[0].f32()?, [inputs[1].f32()?, inputs[2].f32()?]);
        let [y, moments] = outputs else { return Err(Error::Internal("layer_norm has two outputs".into())) };
        if !x.is_empty() {
            kernel::forward(isa(), self.0, x, weights, y.f32()?, moments.f32()?);
        }
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let inputs = [at.inputs[0], at.dy()?, at.inputs[1], at.outputs[1]];
        Ok(graph.apply(LayerNormGradient(self.0), &inputs)?.into_iter().map(Some).collect())
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        8 * inputs[0].len()
    }
}

/// Inputs x, dy, gamma and the rows' moments; outputs dx, dgamma and dbeta.
#[derive(Debug)]
struct LayerNormGradient(kernel::LayerNorm);

impl Op for LayerNormGradient {
    fn name(&self) -> &'static str {
        "layer_norm_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        moments(inputs[0], &inputs[2..3])?;
        Ok(vec![inputs[0].clone(), inputs[2].clone(), inputs[2].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (rows, vectors) = ([inputs[0].f32()?, inputs[1].f32()?], [inputs[2].f32()?, inputs[3].f32()?]);
        let [dx, dgamma, dbeta] = outputs else { return Err(Error::Internal("there are three gradients".into())) };
        if rows[0].is_empty() {
            dgamma.f32()?.fill(0.0);
            dbeta.f32()?.fill(0.0);
            return Ok(());
        }
        kernel::gradient(isa(), self.0, rows, vectors, dx.f32()?, [dgamma.f32()?, dbeta.f32()?]);
        Ok(())
    }
    /// dx = inverse (g - mean(g) - z mean(g z)) for g = dy gamma, the moments functions of x.
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let kernel::LayerNorm { epsilon, centered } = self.0;
        let formula = |graph: &mut dyn Builder, inputs: &[Value]| {
            let &[x, dy, gamma] = inputs else { return Err(Error::Internal("three values".into())) };
            let last = graph.spec(x).rank() - 1;
            let centred = |graph: &mut dyn Builder, value: Value| {
                if !centered {
                    return Ok(value);
                }
                let mean = mean(graph, value, &[last], true)?;
                subtract(graph, value, mean)
            };
            let deviation = centred(graph, x)?;
            let square = multiply(graph, deviation, deviation)?;
            let (variance, epsilon) = (mean(graph, square, &[last], true)?, graph.fill(&[], epsilon)?);
            let variance = add(graph, variance, epsilon)?;
            let inverse = rsqrt(graph, variance)?;
            let z = multiply(graph, deviation, inverse)?;
            let g = multiply(graph, dy, gamma)?;
            let pulled = multiply(graph, g, z)?;
            let tilt = mean(graph, pulled, &[last], true)?;
            let tilted = multiply(graph, z, tilt)?;
            let lifted = centred(graph, g)?;
            let inner = subtract(graph, lifted, tilted)?;
            let rows: Vec<usize> = (0..last).collect();
            let weighted = multiply(graph, dy, z)?;
            let dgamma = sum(graph, weighted, &rows, false)?;
            let dbeta = sum(graph, dy, &rows, false)?;
            Ok(vec![multiply(graph, inverse, inner)?, dgamma, dbeta])
        };
        let mut gradients = gradient_of_formula(graph, &at.inputs[..3], at.dys, &at.want[..3], formula)?;
        gradients.resize(4, None);
        Ok(gradients)
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        8 * inputs[0].len()
    }
}
