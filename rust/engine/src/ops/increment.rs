//! `increment`: counts on the last element of an int32 state: a step counter, or the step of a random state.
//! `divide_count`: how often a number goes into a counter, and what is left, exact for every int32.

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

/// Input: an int32 counter of any shape. Outputs: its quotient by `by`, rounded down, and the remainder.
#[derive(Debug)]
struct DivideCount {
    by: i32,
}

pub(crate) fn make_divide(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let by = attributes.int("by")?;
    match i32::try_from(by) {
        Ok(by) if by > 0 => Ok(Arc::new(DivideCount { by })),
        _ => Err(Error::Value(format!("`by`: expected an int32 above 0, got {by}"))),
    }
}

impl Op for DivideCount {
    fn name(&self) -> &'static str {
        "divide_count"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        match inputs {
            [count] if count.dtype == DType::I32 => Ok(vec![(*count).clone(), (*count).clone()]),
            _ => Err(Error::Type(format!("expected one int32 counter, got {inputs:?}"))),
        }
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let count = inputs[0].i32()?;
        outputs[0].i32()?.iter_mut().zip(count).for_each(|(quotient, count)| *quotient = count.div_euclid(self.by));
        outputs[1].i32()?.iter_mut().zip(count).for_each(|(rest, count)| *rest = count.rem_euclid(self.by));
        Ok(())
    }
}
