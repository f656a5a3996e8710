//! Optimizer steps: `sgd`, `rmsprop`, `adam` and their kin, one fused pass that changes a variable and its slots in place.
//!
//! Inputs: the variable, its slots, the gradient, the learning rate (float32 scalar) and the iterations before this step
//! (int32 scalar); nadam also the product of its momenta. Outputs: the new variable and slots.
//!
//! With `rows`, the gradient is that of a gather and comes as its two inputs, indices and dy: only the rows that were
//! gathered change, in the variable and in its slots.

use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Input, Op, Output};
use crate::spec::{DType, Dims, Spec};
use corten_kernels::optimizer::{self as kernel, Rule};
use std::sync::Arc;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Sgd,
    Momentum { momentum: f32, nesterov: bool },
    RmsProp { rho: f64, epsilon: f32, momentum: f32, centered: bool },
    Adam { beta_1: f64, beta_2: f64, epsilon: f64, amsgrad: bool },
    Nadam { beta_1: f64, beta_2: f64, epsilon: f64 },
    Adamax { beta_1: f64, beta_2: f64, epsilon: f64 },
    Adagrad { epsilon: f32 },
    Adadelta { rho: f64, epsilon: f32 },
    Lion { beta_1: f64, beta_2: f64 },
}

#[derive(Debug)]
struct Optimizer {
    name: &'static str,
    kind: Kind,
    weight_decay: f64,
    rows: bool,
}

fn make(name: &'static str, attributes: &Attributes, kind: Kind) -> Result<Arc<dyn Op>> {
    let (weight_decay, rows) = (attributes.float("weight_decay")?, attributes.flag("rows")?);
    if rows && weight_decay != 0.0 {
        return Err(Error::Value("`rows`: weights that decay change in every row".into()));
    }
    Ok(Arc::new(Optimizer { name, kind, weight_decay, rows }))
}

pub(crate) fn make_sgd(a: &Attributes) -> Result<Arc<dyn Op>> {
    let (momentum, nesterov) = (a.float("momentum")? as f32, a.flag("nesterov")?);
    make("sgd", a, if momentum == 0.0 { Kind::Sgd } else { Kind::Momentum { momentum, nesterov } })
}

pub(crate) fn make_rmsprop(a: &Attributes) -> Result<Arc<dyn Op>> {
    let (rho, epsilon) = (a.float("rho")?, a.float("epsilon")? as f32);
    let (momentum, centered) = (a.float("momentum")? as f32, a.flag("centered")?);
    make("rmsprop", a, Kind::RmsProp { rho, epsilon, momentum, centered })
}

pub(crate) fn make_adam(a: &Attributes) -> Result<Arc<dyn Op>> {
    let (beta_1, beta_2, epsilon) = (a.float("beta_1")?, a.float("beta_2")?, a.float("epsilon")?);
    make("adam", a, Kind::Adam { beta_1, beta_2, epsilon, amsgrad: a.flag("amsgrad")? })
}

pub(crate) fn make_nadam(a: &Attributes) -> Result<Arc<dyn Op>> {
    let (beta_1, beta_2, epsilon) = (a.float("beta_1")?, a.float("beta_2")?, a.float("epsilon")?);
    make("nadam", a, Kind::Nadam { beta_1, beta_2, epsilon })
}

pub(crate) fn make_adamax(a: &Attributes) -> Result<Arc<dyn Op>> {
    let (beta_1, beta_2, epsilon) = (a.float("beta_1")?, a.float("beta_2")?, a.float("epsilon")?);
    make("adamax", a, Kind::Adamax { beta_1, beta_2, epsilon })
}

pub(crate) fn make_adagrad(a: &Attributes) -> Result<Arc<dyn Op>> {
    make("adagrad", a, Kind::Adagrad { epsilon: a.float("epsilon")? as f32 })
}

pub(crate) fn make_adadelta(a: &Attributes) -> Result<Arc<dyn Op>> {
    make("adadelta", a, Kind::Adadelta { rho: a.float("rho")?, epsilon: a.float("epsilon")? as f32 })
}

pub(crate) fn make_lion(a: &Attributes) -> Result<Arc<dyn Op>> {
    make("lion", a, Kind::Lion { beta_1: a.float("beta_1")?, beta_2: a.float("beta_2")? })
}

impl Optimizer {
    /// Arrays that the step changes: the variable and its slots.
    fn state(&self) -> usize {
        match self.kind {
            Kind::Sgd => 1,
            Kind::Momentum { .. } | Kind::Adagrad { .. } | Kind::Lion { .. } => 2,
            Kind::RmsProp { momentum, centered, .. } => 2 + usize::from(centered) + usize::from(momentum > 0.0),
            Kind::Adam { amsgrad, .. } => 3 + usize::from(amsgrad),
            Kind::Nadam { .. } | Kind::Adamax { .. } | Kind::Adadelta { .. } => 3,
        }
    }
}

/// The gradient of every element, or of the rows that were gathered.
enum Step<'a> {
    Whole { g: &'a [f32], decay: f32 },
    Rows { indices: &'a [i32], dy: &'a [f32] },
}

/// One pass of `rule` over the first `N` outputs.
fn pass<const N: usize>(rule: impl Rule<N>, outputs: &mut [Output<'_>], step: Step<'_>) -> Result<()> {
    let (size, inner) = outputs[0].shape().split_first().map_or((1, 1), |(&size, row)| (size, row.iter().product()));
    let state = outputs.iter_mut().map(Output::f32).collect::<Result<Vec<_>>>()?;
    let state: [&mut [f32]; N] =
        state.try_into().map_err(|_| Error::Internal("an optimizer's state has another size".into()))?;
    match step {
        Step::Whole { g, decay } => kernel::update(isa(), rule, state, g, decay),
        Step::Rows { indices, dy } => kernel::update_rows(isa(), rule, state, indices, dy, inner)
            .map_err(|bad| super::gather::outside(bad, size))?,
    }
    Ok(())
}

impl Op for Optimizer {
    fn name(&self) -> &'static str {
        self.name
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let state = self.state();
        let wanted = state + 3 + usize::from(self.rows) + usize::from(matches!(self.kind, Kind::Nadam { .. }));
        if inputs.len() != wanted {
            return Err(Error::Value(format!(
                "expected {wanted} inputs ({state} of them state), got {}",
                inputs.len()
            )));
        }
        let scalars = &inputs[state + 1 + usize::from(self.rows)..];
        let (variable, mut like) = (inputs[0], &inputs[..=state]);
        if self.rows {
            like = &inputs[..state];
            super::gather::expect_rows(variable, inputs[state], inputs[state + 1])?;
        }
        expect_f32(like)?;
        expect_f32(&scalars[..1])?;
        if let Some(unlike) = like.iter().find(|spec| spec.shape != variable.shape) {
            let (a, b) = (Dims(&variable.shape), Dims(&unlike.shape));
            return Err(Error::Shape(format!("the variable has shape {a}, a slot or the gradient {b}")));
        }
        if scalars.iter().any(|spec| spec.len() != 1) || scalars[1].dtype != DType::I32 {
            return Err(Error::Type(format!("expected a float32 learning rate and int32 iterations, got {scalars:?}")));
        }
        Ok(inputs[..state].iter().map(|&spec| spec.clone()).collect())
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let state = self.state();
        let scalars = &inputs[state + 1 + usize::from(self.rows)..];
        let (lr, t) = (scalars[0].f32()?[0], scalars[1].i32()?[0]);
        let t = u64::try_from(t).map_err(|_| Error::Value(format!("iterations must be >= 0, got {t}")))? + 1;
        let wide = f64::from(lr);
        let step = match self.rows {
            true => Step::Rows { indices: inputs[state].i32()?, dy: inputs[state + 1].f32()? },
            false => Step::Whole { g: inputs[state].f32()?, decay: (wide * self.weight_decay) as f32 },
        };
        match self.kind {
            Kind::Sgd => pass::<1>(kernel::Sgd { learning_rate: lr }, outputs, step),
            Kind::Momentum { momentum, nesterov } => {
                pass::<2>(kernel::Momentum { learning_rate: lr, momentum, nesterov }, outputs, step)
            }
            Kind::RmsProp { rho, epsilon, momentum, centered } => {
                let rule = kernel::RmsProp { learning_rate: lr, rho, epsilon, momentum, centered };
                match state {
                    2 => pass::<2>(rule, outputs, step),
                    3 => pass::<3>(rule, outputs, step),
                    _ => pass::<4>(rule, outputs, step),
                }
            }
            Kind::Adam { beta_1, beta_2, epsilon, amsgrad } => {
                let rule = kernel::Adam::new(wide, beta_1, beta_2, epsilon, t);
                if amsgrad { pass::<4>(rule, outputs, step) } else { pass::<3>(rule, outputs, step) }
            }
            Kind::Nadam { beta_1, beta_2, epsilon } => {
                let product = f64::from(scalars[2].f32()?[0]);
                pass::<3>(kernel::Nadam::new(wide, beta_1, beta_2, epsilon, t, product), outputs, step)
            }
            Kind::Adamax { beta_1, beta_2, epsilon } => {
                pass::<3>(kernel::Adamax::new(wide, beta_1, beta_2, epsilon, t), outputs, step)
            }
            Kind::Adagrad { epsilon } => pass::<2>(kernel::Adagrad { learning_rate: lr, epsilon }, outputs, step),
            Kind::Adadelta { rho, epsilon } => {
                pass::<3>(kernel::Adadelta { learning_rate: lr, rho, epsilon }, outputs, step)
            }
            Kind::Lion { beta_1, beta_2 } => {
                pass::<2>(kernel::Lion { learning_rate: lr, beta_1, beta_2 }, outputs, step)
            }
        }
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        let elements = if self.rows { inputs[self.state() + 1].len() } else { inputs[0].len() };
        elements * (self.state() + 1) * 2
    }
    fn in_place(&self) -> &[(usize, usize)] {
        &[(0, 0), (1, 1), (2, 2), (3, 3)][..self.state()]
    }
}
