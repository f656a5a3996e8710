//! `identity` copies; `stop_gradient` passes a value on and lets no gradient back.

use crate::attributes::Attributes;
use crate::error::Result;
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::Spec;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Identity;

pub(crate) fn make(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Identity))
}

impl Op for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        outputs[0].data.copy_from(inputs[0].data)
    }
    fn gradient(&self, _: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![Some(at.dy()?)])
    }
}

#[derive(Debug)]
struct StopGradient;

pub(crate) fn make_stop_gradient(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(StopGradient))
}

impl Op for StopGradient {
    fn name(&self) -> &'static str {
        "stop_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        outputs[0].data.copy_from(inputs[0].data)
    }
    fn gradient(&self, _: &mut dyn Builder, _: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None])
    }
    fn alias(&self) -> bool {
        true
    }
}
