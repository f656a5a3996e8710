//! `random_normal` and `random_uniform`: numbers from a random state and their place alone.

use super::dropout::{expect_state, stream};
use super::isa;
use crate::attributes::Attributes;
use crate::error::Result;
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::Spec;
use corten_kernels::rng;
use std::sync::Arc;

#[derive(Clone, Copy, Debug)]
enum Law {
    Normal { mean: f32, deviation: f32 },
    Uniform { low: f32, high: f32 },
}

/// Input a random state, int32 (seed, step); output float32 of `shape`.
#[derive(Debug)]
struct Random {
    shape: Vec<usize>,
    law: Law,
}

pub(crate) fn make_normal(a: &Attributes) -> Result<Arc<dyn Op>> {
    let law = Law::Normal { mean: a.float("mean")? as f32, deviation: a.float("stddev")? as f32 };
    Ok(Arc::new(Random { shape: a.sizes("shape")?, law }))
}

pub(crate) fn make_uniform(a: &Attributes) -> Result<Arc<dyn Op>> {
    let law = Law::Uniform { low: a.float("minval")? as f32, high: a.float("maxval")? as f32 };
    Ok(Arc::new(Random { shape: a.sizes("shape")?, law }))
}

impl Op for Random {
    fn name(&self) -> &'static str {
        match self.law {
            Law::Normal { .. } => "random_normal",
            Law::Uniform { .. } => "random_uniform",
        }
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_state(inputs[0])?;
        Ok(vec![Spec::f32(&self.shape)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (stream, out) = (stream(&inputs[0])?, outputs[0].f32()?);
        match self.law {
            Law::Normal { mean, deviation } => rng::normal(isa(), stream, mean, deviation, out),
            Law::Uniform { low, high } => rng::uniform(isa(), stream, low, high, out),
        }
        Ok(())
    }
    fn gradient(&self, _: &mut dyn Builder, _: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None])
    }
    fn work(&self, _: &[&Spec], outputs: &[Spec]) -> usize {
        24 * outputs[0].len()
    }
}
