//! `dropout`: zeros chosen by a counter-based generator; its gradient is the same zeros of dy, so no mask is kept.

use super::isa;
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{DType, Spec};
use corten_kernels::rng::{self, Stream};
use std::sync::Arc;

/// Inputs x and a random state, int32 (seed, step); output x / (1 - rate) with probability 1 - rate, else 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dropout {
    pub rate: f32,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let rate = attributes.float("rate")?;
    // As float32 it must still be below one.
    if !(0.0..1.0).contains(&(rate as f32)) {
        return Err(Error::Value(format!("`rate`: expected 0 <= rate < 1, got {rate}")));
    }
    Ok(Arc::new(Dropout { rate: rate as f32 }))
}

/// The stream of random numbers that a state stands for.
pub(crate) fn stream(state: &Input<'_>) -> Result<Stream> {
    match state.i32()? {
        &[seed, step] => Ok(Stream { seed: u64::from(seed as u32), stream: u64::from(step as u32) }),
        other => Err(Error::Internal(format!("a random state has two elements, got {}", other.len()))),
    }
}

/// Refuses what is not a random state.
pub(crate) fn expect_state(state: &Spec) -> Result<()> {
    match state.dtype == DType::I32 && state.shape == [2] {
        true => Ok(()),
        false => Err(Error::Type(format!("a random state is int32 (2,), got {state:?}"))),
    }
}

impl Op for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        super::expect_f32(&inputs[..1])?;
        expect_state(inputs[1])?;
        Ok(vec![inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        rng::dropout(isa(), stream(&inputs[1])?, self.rate, inputs[0].f32()?, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![Some(graph.apply1(*self, &[at.dy()?, at.inputs[1]])?), None])
    }
}
