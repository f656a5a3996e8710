//! `increment`: counts on the last element of an int32 state: a step counter, or the step of a random state.

use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Input, Op, Output};
use crate::spec::{DType, Spec};
use std::sync::Arc;

#[derive(Debug)]
struct Increment {
    by: i32,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let by = attributes.int("by")?;
    let by = i32::try_from(by).map_err(|_| Error::Value(format!("`by`: {by} does not fit into int32")))?;
    Ok(Arc::new(Increment { by }))
}

impl Op for Increment {
    fn name(&self) -> &'static str {
        "increment"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        match inputs {
            [state] if state.dtype == DType::I32 && !state.is_empty() => Ok(vec![(*state).clone()]),
            _ => Err(Error::Type(format!("expected one int32 state, got {inputs:?}"))),
        }
    }
    fn run(&self, _: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        if let Some(last) = outputs[0].i32()?.last_mut() {
            *last = last.wrapping_add(self.by);
        }
        Ok(())
    }
    fn in_place(&self) -> &[(usize, usize)] {
        &[(0, 0)]
    }
}
