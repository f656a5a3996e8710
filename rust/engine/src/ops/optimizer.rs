//! Optimizer steps: `sgd`, `rmsprop`, `adam` and their kin, one fused pass that changes a variable and its slots in place.
//!
//! Inputs: the variable, its slots, the gradient, the learning rate (float32 scalar) and the iterations before this step
//! (int32 scalar); nadam also the product of its momenta. Outputs: the new variable and slots.

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
}

fn make(name: &'static str, attributes: &Attributes, kind: Kind) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Optimizer { name, kind, weight_decay: attributes.float("weight_decay")? }))
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

/// One pass of `rule` over the first `N` outputs.
fn pass<const N: usize>(rule: impl Rule<N>, outputs: &mut [Output<'_>], g: &[f32], decay: f32) -> Result<()> {
    let state = outputs.iter_mut().map(Output::f32).collect::<Result<Vec<_>>>()?;
    let state: [&mut [f32]; N] =
        state.try_into().map_err(|_| Error::Internal("an optimizer's state has another size".into()))?;
    kernel::update(isa(), rule, state, g, decay);
    Ok(())
}

impl Op for Optimizer {
    fn name(&self) -> &'static str {
        self.name
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let state = self.state();
        let wanted = state + 3 + usize::from(matches!(self.kind, Kind::Nadam { .. }));
        if inputs.len() != wanted {
            return Err(Error::Value(format!(
                "expected {wanted} inputs ({state} of them state), got {}",
                inputs.len()
            )));
        }
        expect_f32(&inputs[..state + 2])?;
        if let Some(other) = inputs[..=state].iter().find(|spec| spec.shape != inputs[0].shape) {
            let (a, b) = (Dims(&inputs[0].shape), Dims(&other.shape));
            return Err(Error::Shape(format!("the variable has shape {a}, a slot or the gradient {b}")));
        }
        let scalars = &inputs[state + 1..];
        if scalars.iter().any(|spec| spec.len() != 1) || inputs[state + 2].dtype != DType::I32 {
            return Err(Error::Type(format!("expected a float32 learning rate and int32 iterations, got {scalars:?}")));
        }
        Ok(inputs[..state].iter().map(|&spec| spec.clone()).collect())
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let state = self.state();
        let g = inputs[state].f32()?;
        let (lr, t) = (inputs[state + 1].f32()?[0], inputs[state + 2].i32()?[0]);
        let t = u64::try_from(t).map_err(|_| Error::Value(format!("iterations must be >= 0, got {t}")))? + 1;
        let wide = f64::from(lr);
        let decay = (wide * self.weight_decay) as f32;
        match self.kind {
            Kind::Sgd => pass::<1>(kernel::Sgd { learning_rate: lr }, outputs, g, decay),
            Kind::Momentum { momentum, nesterov } => {
                pass::<2>(kernel::Momentum { learning_rate: lr, momentum, nesterov }, outputs, g, decay)
            }
            Kind::RmsProp { rho, epsilon, momentum, centered } => {
                let rule = kernel::RmsProp { learning_rate: lr, rho, epsilon, momentum, centered };
                match state {
                    2 => pass::<2>(rule, outputs, g, decay),
                    3 => pass::<3>(rule, outputs, g, decay),
                    _ => pass::<4>(rule, outputs, g, decay),
                }
            }
            Kind::Adam { beta_1, beta_2, epsilon, amsgrad } => {
                let rule = kernel::Adam::new(wide, beta_1, beta_2, epsilon, t);
                if amsgrad { pass::<4>(rule, outputs, g, decay) } else { pass::<3>(rule, outputs, g, decay) }
            }
            Kind::Nadam { beta_1, beta_2, epsilon } => {
                let product = f64::from(inputs[state + 3].f32()?[0]);
                pass::<3>(kernel::Nadam::new(wide, beta_1, beta_2, epsilon, t, product), outputs, g, decay)
            }
            Kind::Adamax { beta_1, beta_2, epsilon } => {
                pass::<3>(kernel::Adamax::new(wide, beta_1, beta_2, epsilon, t), outputs, g, decay)
            }
            Kind::Adagrad { epsilon } => pass::<2>(kernel::Adagrad { learning_rate: lr, epsilon }, outputs, g, decay),
            Kind::Adadelta { rho, epsilon } => {
                pass::<3>(kernel::Adadelta { learning_rate: lr, rho, epsilon }, outputs, g, decay)
            }
            Kind::Lion { beta_1, beta_2 } => {
                pass::<2>(kernel::Lion { learning_rate: lr, beta_1, beta_2 }, outputs, g, decay)
            }
        }
    }
    fn in_place(&self) -> &[(usize, usize)] {
        &[(0, 0), (1, 1), (2, 2), (3, 3)][..self.state()]
    }
}
