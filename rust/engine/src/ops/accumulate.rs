//! `accumulate`: adds to a metric's sums without losing what float32 cannot hold.

use super::expect_f32;
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Input, Op, Output};
use crate::spec::{Dims, Spec};
use corten_kernels::accumulate::accumulate;
use std::sync::Arc;

/// Inputs: the sums, what each lacks, and what is added, all of one shape. Outputs: the new sums and what they lack.
#[derive(Debug)]
struct Accumulate;

pub(crate) fn make(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Accumulate))
}

impl Op for Accumulate {
    fn name(&self) -> &'static str {
        "accumulate"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        match inputs {
            [total, rest, x] if total.shape == rest.shape && total.shape == x.shape => {
                Ok(vec![(*total).clone(), (*rest).clone()])
            }
            [total, rest, x] => {
                let [total, rest, x] = [total, rest, x].map(|spec| Dims(&spec.shape).to_string());
                Err(Error::Shape(format!("expected three inputs of one shape, got {total}, {rest} and {x}")))
            }
            _ => Err(Error::Value(format!("expected 3 inputs, got {}", inputs.len()))),
        }
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let [total, rest] = outputs else {
            return Err(Error::Internal("accumulate has two outputs".into()));
        };
        accumulate(total.f32()?, rest.f32()?, inputs[2].f32()?);
        Ok(())
    }
    fn in_place(&self) -> &[(usize, usize)] {
        &[(0, 0), (1, 1)]
    }
}
