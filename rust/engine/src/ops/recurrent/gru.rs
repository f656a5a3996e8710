//! `gru`: a gated recurrent unit over a sequence, and its gradient through time.

use super::{Recurrence, kernel_gradient, optional, output_grads, rows, take, work};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::ops::algebra::{View, sum};
use crate::ops::concatenate::Concatenate;
use crate::ops::isa;
use crate::spec::{Dims, Spec};
use corten_kernels::recurrent::gru as kernel;
use std::sync::Arc;

/// Inputs gates (batch, steps, 3 units), h (batch, units), the recurrent kernel, where the reset comes after perhaps the
/// recurrent bias (3 units), perhaps mask and dropout. Outputs: h of every step, the last h; and for the gradient what
/// the reset meets (see the kernel's `inner`), and the activated gates.
#[derive(Clone, Copy, Debug)]
struct Gru {
    recurrence: Recurrence,
    reset_after: bool,
    bias: bool,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let (reset_after, bias) = (attributes.flag("reset_after")?, attributes.flag("bias")?);
    if bias && !reset_after {
        return Err(Error::Value("there is a recurrent bias only where the reset comes after".into()));
    }
    Ok(Arc::new(Gru { recurrence: Recurrence::from(attributes)?, reset_after, bias }))
}

impl Op for Gru {
    fn name(&self) -> &'static str {
        "gru"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [batch, steps, units] = self.recurrence.sizes(inputs, 3, 1, usize::from(self.bias))?;
        if self.bias && inputs[3].shape != [3 * units] {
            let got = Dims(&inputs[3].shape);
            return Err(Error::Shape(format!("the recurrent bias must be ({},), got {got}", 3 * units)));
        }
        let sequence = Spec::f32(&[batch, steps, units])?;
        Ok(vec![sequence.clone(), inputs[1].clone(), sequence, inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let [x, h, recurrent, rest @ ..] = inputs else { return Err(Error::Internal("gru's inputs".into())) };
        let rest = &mut &*rest;
        let (bias, reset_after) = (optional(self.bias, rest)?, self.reset_after);
        let p = self.recurrence.sequence(h.spec, x.shape()[1], rest)?;
        let operands = kernel::Inputs { h: h.f32()?, kernel: recurrent.f32()?, bias, reset_after };
        let [h, last_h, inner, gates] = take(outputs)?;
        let (h, last_h, inner) = (h.f32()?, last_h.f32()?, inner.f32()?);
        kernel::forward(isa(), &p, operands, kernel::Outputs { gates: gates.f32()?, h, inner, last_h });
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (output_grads, dys) = output_grads::<2>(&self.recurrence, at)?;
        let &[h, _, inner, gates] = at.outputs else { return Err(Error::Internal("gru's outputs".into())) };
        let mut inputs = vec![gates, at.inputs[1], at.inputs[2]];
        inputs.extend(self.recurrence.optionals(at.inputs));
        inputs.extend([h, inner]);
        inputs.extend(dys);
        let op = GruGradient { recurrence: self.recurrence, reset_after: self.reset_after, output_grads };
        let results = graph.apply(op, &inputs)?;
        let mut gradients = vec![Some(results[0]), Some(results[2])];
        gradients.resize(at.inputs.len(), None);
        if at.want[2] {
            gradients[2] = Some(match results.get(3) {
                Some(&products) => kernel_gradient(graph, results[1], products)?,
                None => self.kernel_gradient_before(graph, results[1], inner, results[0])?,
            });
        }
        if self.bias && at.want[3] {
            let products = rows(graph, results[3])?;
            gradients[3] = Some(sum(graph, products, &[0], false)?);
        }
        Ok(gradients)
    }
    fn in_place(&self) -> &[(usize, usize)] {
        &[(0, 3)]
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        work(inputs[1], inputs[0])
    }
}

impl Gru {
    /// Where the reset comes before, the candidate's part of the kernel meets another left operand than the gates'.
    fn kernel_gradient_before(
        &self,
        graph: &mut dyn Builder,
        left: Value,
        reset: Value,
        dgates: Value,
    ) -> Result<Value> {
        let &[batch, steps, units] = graph.spec(left).shape.as_slice() else {
            return Err(Error::Internal("a sequence has three axes".into()));
        };
        let gates = graph.apply1(View::part(vec![0; 3], vec![batch, steps, 2 * units]), &[dgates])?;
        let candidate = graph.apply1(View::part(vec![0, 0, 2 * units], vec![batch, steps, units]), &[dgates])?;
        let parts = [kernel_gradient(graph, left, gates)?, kernel_gradient(graph, reset, candidate)?];
        graph.apply1(Concatenate { axis: 1 }, &parts)
    }
}

/// Inputs: the activated gates, then those of the forward but for the bias, then h and `inner` of every step, then the
/// gradients of the outputs that are there. Outputs: the gradient of the gates, the left operand of the recurrent kernel's
/// gradient, the gradient of the first h, and where the reset comes after that of the products with the kernel.
#[derive(Debug)]
struct GruGradient {
    recurrence: Recurrence,
    reset_after: bool,
    /// Whether the gradients of h of every step and of the last h are there.
    output_grads: [bool; 2],
}

impl Op for GruGradient {
    fn name(&self) -> &'static str {
        "gru_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let (gates, h) = (inputs[0], inputs[1]);
        let mut specs = vec![gates.clone(), Spec::f32(&[gates.shape[0], gates.shape[1], h.shape[1]])?, h.clone()];
        specs.extend(self.reset_after.then(|| gates.clone()));
        Ok(specs)
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let [x, h, recurrent, rest @ ..] = inputs else { return Err(Error::Internal("gru's inputs".into())) };
        let rest = &mut &*rest;
        let p = self.recurrence.sequence(h.spec, x.shape()[1], rest)?;
        let (kernel, reset_after) = (recurrent.f32()?, self.reset_after);
        let operands = kernel::Inputs { h: h.f32()?, kernel, bias: None, reset_after };
        let [Some(h), Some(inner)] = [optional(true, rest)?, optional(true, rest)?] else {
            unreachable!("both are there")
        };
        let output_grads = kernel::OutputGrads {
            h: optional(self.output_grads[0], rest)?,
            last_h: optional(self.output_grads[1], rest)?,
        };
        let [gates, left, dh, products @ ..] = outputs else { return Err(Error::Internal("gru's outputs".into())) };
        let products = products.first_mut().map_or(Ok(&mut [][..]), Output::f32)?;
        let gradients = kernel::Gradients { gates: gates.f32()?, left: left.f32()?, h: dh.f32()?, products };
        kernel::backward(isa(), &p, operands, h, inner, output_grads, gradients);
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
