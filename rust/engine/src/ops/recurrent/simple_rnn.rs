//! `simple_rnn`: the simple recurrence over a sequence, and its gradient through time.

use super::{Recurrence, kernel_gradient, optional, output_grads, take, work};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::ops::isa;
use crate::spec::Spec;
use corten_kernels::recurrent::simple_rnn::{self as kernel, Activation};
use std::sync::Arc;

/// Inputs gates (batch, steps, units), h (batch, units), the recurrent kernel, perhaps mask and dropout. Outputs: h of
/// every step, the last h.
#[derive(Clone, Copy, Debug)]
struct SimpleRnn {
    recurrence: Recurrence,
    activation: Activation,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let activation = match attributes.text("activation")? {
        "tanh" => Activation::Tanh,
        "relu" => Activation::Relu,
        other => {
            return Err(Error::Value(format!("`activation`: expected \"tanh\" or \"relu\", got {other:?}")));
        }
    };
    Ok(Arc::new(SimpleRnn { recurrence: Recurrence::from(attributes)?, activation }))
}

impl Op for SimpleRnn {
    fn name(&self) -> &'static str {
        "simple_rnn"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        self.recurrence.sizes(inputs, 1, 1, 0)?;
        Ok(vec![inputs[0].clone(), inputs[1].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let [x, h, recurrent, rest @ ..] = inputs else { return Err(Error::Internal("simple_rnn's inputs".into())) };
        let p = self.recurrence.sequence(h.spec, x.shape()[1], &mut &*rest)?;
        let operands = kernel::Inputs { h: h.f32()?, kernel: recurrent.f32()?, activation: self.activation };
        let [h, last_h] = take(outputs)?;
        kernel::forward(isa(), &p, operands, x.f32()?, h.f32()?, last_h.f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (output_grads, dys) = output_grads::<2>(&self.recurrence, at)?;
        let mut inputs = vec![at.outputs[0], at.inputs[1], at.inputs[2]];
        inputs.extend(self.recurrence.optionals(at.inputs));
        inputs.extend(dys);
        let results = graph.apply(SimpleRnnGradient { forward: *self, output_grads }, &inputs)?;
        let kernel = if at.want[2] { Some(kernel_gradient(graph, results[1], results[0])?) } else { None };
        let mut gradients = vec![Some(results[0]), Some(results[2]), kernel];
        gradients.resize(at.inputs.len(), None);
        Ok(gradients)
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        work(inputs[1], inputs[0])
    }
}

/// Inputs: h of every step, then those of the forward but for the gates, then the gradients of the outputs that are there.
/// Outputs: the gradient of the gates, the left operand of the recurrent kernel's gradient, the gradient of the first h.
#[derive(Debug)]
struct SimpleRnnGradient {
    forward: SimpleRnn,
    /// Whether the gradients of h of every step and of the last h are there.
    output_grads: [bool; 2],
}

impl Op for SimpleRnnGradient {
    fn name(&self) -> &'static str {
        "simple_rnn_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![inputs[0].clone(), inputs[0].clone(), inputs[1].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let [h, first, recurrent, rest @ ..] = inputs else {
            return Err(Error::Internal("simple_rnn's inputs".into()));
        };
        let rest = &mut &*rest;
        let p = self.forward.recurrence.sequence(first.spec, h.shape()[1], rest)?;
        let activation = self.forward.activation;
        let operands = kernel::Inputs { h: first.f32()?, kernel: recurrent.f32()?, activation };
        let output_grads = kernel::OutputGrads {
            h: optional(self.output_grads[0], rest)?,
            last_h: optional(self.output_grads[1], rest)?,
        };
        let [gates, left, dh] = take(outputs)?;
        let gradients = kernel::Gradients { gates: gates.f32()?, left: left.f32()?, h: dh.f32()? };
        kernel::backward(isa(), &p, operands, h.f32()?, output_grads, gradients);
        Ok(())
    }
    fn gradient(&self, _: &mut dyn Builder, _: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Err(Error::Value("has no second derivative".into()))
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        work(inputs[1], inputs[0])
    }
}
