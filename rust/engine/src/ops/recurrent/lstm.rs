//! `lstm`: a long short-term memory over a sequence, and its gradient through time.

use super::{Recurrence, kernel_gradient, optional, output_grads, take, work};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::ops::isa;
use crate::spec::Spec;
use corten_kernels::recurrent::lstm as kernel;
use std::sync::Arc;

/// Inputs gates (batch, steps, 4 units), h and c (batch, units), the recurrent kernel, perhaps mask and dropout. Outputs:
/// h of every step, the last h, the last c; and for the gradient c of every step, and the activated gates.
#[derive(Clone, Copy, Debug)]
struct Lstm(Recurrence);

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Lstm(Recurrence::from(attributes)?)))
}

impl Op for Lstm {
    fn name(&self) -> &'static str {
        "lstm"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [batch, steps, units] = self.0.sizes(inputs, 4, 2, 0)?;
        let sequence = Spec::f32(&[batch, steps, units])?;
        Ok(vec![sequence.clone(), inputs[1].clone(), inputs[2].clone(), sequence, inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let [x, h, c, recurrent, rest @ ..] = inputs else { return Err(Error::Internal("lstm's inputs".into())) };
        let p = self.0.sequence(h.spec, x.shape()[1], &mut &*rest)?;
        let operands = kernel::Inputs { h: h.f32()?, c: c.f32()?, kernel: recurrent.f32()? };
        let [h, last_h, last_c, c, gates] = take(outputs)?;
        let (h, c, last_h, last_c) = (h.f32()?, c.f32()?, last_h.f32()?, last_c.f32()?);
        kernel::forward(isa(), &p, operands, kernel::Outputs { gates: gates.f32()?, h, c, last_h, last_c });
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (output_grads, dys) = output_grads::<3>(&self.0, at)?;
        let &[h, _, _, c, gates] = at.outputs else { return Err(Error::Internal("lstm's outputs".into())) };
        let mut inputs = vec![gates, at.inputs[1], at.inputs[2], at.inputs[3]];
        inputs.extend(self.0.optionals(at.inputs));
        inputs.extend([h, c]);
        inputs.extend(dys);
        let results = graph.apply(LstmGradient { recurrence: self.0, output_grads }, &inputs)?;
        let kernel = if at.want[3] { Some(kernel_gradient(graph, results[1], results[0])?) } else { None };
        let mut gradients = vec![Some(results[0]), Some(results[2]), Some(results[3]), kernel];
        gradients.resize(at.inputs.len(), None);
        Ok(gradients)
    }
    fn in_place(&self) -> &[(usize, usize)] {
        &[(0, 4)]
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        work(inputs[1], inputs[0])
    }
}

/// Inputs: the activated gates, then those of the forward, then h and c of every step, then the gradients of the outputs
/// that are there. Outputs: the gradient of the gates, the left operand of the recurrent kernel's gradient, the
/// gradients of the first h and c.
#[derive(Debug)]
struct LstmGradient {
    recurrence: Recurrence,
    /// Whether the gradients of h of every step, of the last h and of the last c are there.
    output_grads: [bool; 3],
}

impl Op for LstmGradient {
    fn name(&self) -> &'static str {
        "lstm_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let (gates, h) = (inputs[0], inputs[1]);
        let sequence = Spec::f32(&[gates.shape[0], gates.shape[1], h.shape[1]])?;
        Ok(vec![gates.clone(), sequence, h.clone(), h.clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let [x, h, c, recurrent, rest @ ..] = inputs else { return Err(Error::Internal("lstm's inputs".into())) };
        let rest = &mut &*rest;
        let p = self.recurrence.sequence(h.spec, x.shape()[1], rest)?;
        let operands = kernel::Inputs { h: h.f32()?, c: c.f32()?, kernel: recurrent.f32()? };
        let [Some(h), Some(c)] = [optional(true, rest)?, optional(true, rest)?] else { unreachable!("both are there") };
        let [dy, last_h, last_c] = self.output_grads;
        let (dy, last_h, last_c) = (optional(dy, rest)?, optional(last_h, rest)?, optional(last_c, rest)?);
        let [gates, left, dh, dc] = take(outputs)?;
        let gradients = kernel::Gradients { gates: gates.f32()?, left: left.f32()?, h: dh.f32()?, c: dc.f32()? };
        kernel::backward(isa(), &p, operands, h, c, kernel::OutputGrads { h: dy, last_h, last_c }, gradients);
        Ok(())
    }
    fn in_place(&self) -> &[(usize, usize)] {
        &[(0, 0)]
    }
    fn gradient(&self, _: &mut dyn Builder, _: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Err(Error::Value("has no second derivative".into()))
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        work(inputs[1], inputs[0])
    }
}
