//! Recurrent layers over whole sequences. The inputs' part of the gates is a dense layer before; the gradients of kernels
//! are products after: the ops here do only what must go step by step.

pub(crate) mod gru;
pub(crate) mod lstm;
pub(crate) mod simple_rnn;

use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Value};
use crate::ops::matmul::Matmul;
use crate::ops::reshape::Reshape;
use crate::spec::{Dims, Spec};
use corten_kernels::recurrent::Sequence;

/// What all recurrences have in common. Inputs: gates (batch, steps, gates * units), the states (batch, units) that the
/// sequence begins with, the recurrent kernel (units, gates * units), and those of the optional ones that are there:
/// mask (batch, steps), dropout (batch, units).
#[derive(Clone, Copy, Debug)]
struct Recurrence {
    backwards: bool,
    mask: bool,
    dropout: bool,
}

impl Recurrence {
    fn from(attributes: &Attributes) -> Result<Recurrence> {
        let (backwards, mask) = (attributes.flag("backwards")?, attributes.flag("mask")?);
        Ok(Recurrence { backwards, mask, dropout: attributes.flag("dropout")? })
    }

    /// The only shape rule: [batch, steps, units]. `extra` inputs stand between the kernel and the mask.
    fn sizes(&self, inputs: &[&Spec], gates: usize, states: usize, extra: usize) -> Result<[usize; 3]> {
        super::expect_f32(inputs)?;
        let expected = 2 + states + extra + usize::from(self.mask) + usize::from(self.dropout);
        if inputs.len() != expected {
            return Err(Error::Value(format!("expected {expected} inputs, got {}", inputs.len())));
        }
        let (x, kernel) = (&inputs[0].shape, &inputs[1 + states].shape);
        let &[batch, steps, wide] = x.as_slice() else {
            return Err(Error::Shape(format!("the gates need three axes (batch, time, gates), got {}", Dims(x))));
        };
        let units = kernel.first().copied().unwrap_or(0);
        if kernel.len() != 2 || units.checked_mul(gates) != Some(wide) || kernel[1] != wide {
            let wanted = format!("the recurrent kernel must be (units, {wide}) with {wide} = {gates} * units");
            return Err(Error::Shape(format!("{wanted}, got {} (gates {})", Dims(kernel), Dims(x))));
        }
        let expect = |what: &str, shape: &[usize], index: usize| match inputs[index].shape == shape {
            true => Ok(()),
            false => {
                let (want, got) = (Dims(shape), Dims(&inputs[index].shape));
                Err(Error::Shape(format!("{what} must be {want}, got {got} (gates {})", Dims(x))))
            }
        };
        for state in 0..states {
            expect("a state", &[batch, units], 1 + state)?;
        }
        let optional = 2 + states + extra;
        if self.mask {
            expect("the mask", &[batch, steps], optional)?;
        }
        if self.dropout {
            expect("the dropout", &[batch, units], optional + usize::from(self.mask))?;
        }
        Ok([batch, steps, units])
    }

    /// The sequence that an op runs over; takes mask and dropout from `rest`.
    fn sequence<'a>(&self, states: &Spec, steps: usize, rest: &mut &[Input<'a>]) -> Result<Sequence<'a>> {
        let &[batch, units] = states.shape.as_slice() else { return Err(Error::Internal("state rank".into())) };
        let (mask, dropout) = (optional(self.mask, rest)?, optional(self.dropout, rest)?);
        Ok(Sequence { batch, steps, units, backwards: self.backwards, mask, dropout })
    }

    /// Mask and dropout among the inputs of the forward.
    fn optionals<'v>(&self, inputs: &'v [Value]) -> &'v [Value] {
        &inputs[inputs.len() - usize::from(self.mask) - usize::from(self.dropout)..]
    }
}

/// The next input, if it is there.
fn optional<'a>(there: bool, rest: &mut &[Input<'a>]) -> Result<Option<&'a [f32]>> {
    if !there {
        return Ok(None);
    }
    let (first, others) = rest.split_first().ok_or_else(|| Error::Internal("an input is missing".into()))?;
    *rest = others;
    Ok(Some(first.f32()?))
}

/// The gradients of the first `N` outputs: which are there, and their values.
fn output_grads<const N: usize>(recurrence: &Recurrence, at: &Gradient<'_>) -> Result<([bool; N], Vec<Value>)> {
    if recurrence.dropout && at.want.last() == Some(&true) {
        return Err(Error::Value("the dropout of a recurrence cannot be differentiated".into()));
    }
    if at.dys[N..].iter().any(Option::is_some) {
        return Err(Error::Value("what a recurrence keeps for its gradient cannot be differentiated".into()));
    }
    Ok((std::array::from_fn(|i| at.dys[i].is_some()), at.dys[..N].iter().flatten().copied().collect()))
}

/// The gradient of a kernel that all steps share: (batch, steps, k) and (batch, steps, n) give (k, n).
fn kernel_gradient(graph: &mut dyn Builder, left: Value, right: Value) -> Result<Value> {
    let (left, right) = (rows(graph, left)?, rows(graph, right)?);
    graph.apply1(Matmul { transpose_a: true, transpose_b: false }, &[left, right])
}

/// Batch and time as one axis.
fn rows(graph: &mut dyn Builder, value: Value) -> Result<Value> {
    let &[batch, steps, width] = graph.spec(value).shape.as_slice() else {
        return Err(Error::Internal("a sequence has three axes".into()));
    };
    graph.apply1(Reshape::to(&[batch * steps, width]), &[value])
}

/// Multiply-adds of a recurrence: each step's product with the recurrent kernel.
fn work(states: &Spec, gates: &Spec) -> usize {
    gates.len() * states.shape.last().copied().unwrap_or(0)
}

/// The outputs as so many.
fn take<const N: usize, T>(outputs: &mut [T]) -> Result<&mut [T; N]> {
    let got = outputs.len();
    outputs.try_into().map_err(|_| Error::Internal(format!("expected {N} outputs, got {got}")))
}
