//! Functions of one number, element by element: activations, exponentials, roots. Each has a node for its gradient.

use super::algebra::{Unary, UnaryGradient, Where, chain, cos, divide, exp, multiply, negative, sin, subtract};
use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::activation::{self as kernel, GradientSource, Unary as Kind};
use std::sync::Arc;

macro_rules! makers {
    ($($make:ident, $name:literal, $gradient:literal, $kind:expr;)*) => {
        $(pub(crate) fn $make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
            let kind: fn(&Attributes) -> Result<Kind> = $kind;
            Ok(Arc::new(Unary($name, kind(attributes)?)))
        })*
        /// The name of the gradient node.
        fn gradient_name(name: &str) -> &'static str {
            match name {
                $($name => $gradient,)*
                _ => "gradient",
            }
        }
    };
}

makers! {
    make_relu, "relu", "relu_gradient", |_| Ok(Kind::Relu);
    make_relu6, "relu6", "relu6_gradient", |_| Ok(Kind::Relu6);
    make_leaky_relu, "leaky_relu", "leaky_relu_gradient", |a| Ok(Kind::LeakyRelu(a.float("negative_slope")? as f32));
    make_elu, "elu", "elu_gradient", |a| Ok(Kind::Elu(a.float("alpha")? as f32));
    make_selu, "selu", "selu_gradient", |_| Ok(Kind::Selu);
    make_gelu, "gelu", "gelu_gradient", |a| Ok(if a.flag("approximate")? { Kind::GeluTanh } else { Kind::Gelu });
    make_silu, "silu", "silu_gradient", |_| Ok(Kind::Silu);
    make_hard_silu, "hard_silu", "hard_silu_gradient", |_| Ok(Kind::HardSilu);
    make_sigmoid, "sigmoid", "sigmoid_gradient", |_| Ok(Kind::Sigmoid);
    make_hard_sigmoid, "hard_sigmoid", "hard_sigmoid_gradient", |_| Ok(Kind::HardSigmoid);
    make_tanh, "tanh", "tanh_gradient", |_| Ok(Kind::Tanh);
    make_softplus, "softplus", "softplus_gradient", |_| Ok(Kind::Softplus);
    make_softsign, "softsign", "softsign_gradient", |_| Ok(Kind::Softsign);
    make_exp, "exp", "exp_gradient", |_| Ok(Kind::Exp);
    make_expm1, "expm1", "expm1_gradient", |_| Ok(Kind::Expm1);
    make_log, "log", "log_gradient", |_| Ok(Kind::Log);
    make_log2, "log2", "log2_gradient", |_| Ok(Kind::Log2);
    make_log10, "log10", "log10_gradient", |_| Ok(Kind::Log10);
    make_log1p, "log1p", "log1p_gradient", |_| Ok(Kind::Log1p);
    make_sqrt, "sqrt", "sqrt_gradient", |_| Ok(Kind::Sqrt);
    make_rsqrt, "rsqrt", "rsqrt_gradient", |_| Ok(Kind::Rsqrt);
    make_square, "square", "square_gradient", |_| Ok(Kind::Square);
    make_reciprocal, "reciprocal", "reciprocal_gradient", |_| Ok(Kind::Reciprocal);
    make_abs, "abs", "abs_gradient", |_| Ok(Kind::Abs);
    make_negative, "negative", "negative_gradient", |_| Ok(Kind::Negative);
    make_sign, "sign", "sign_gradient", |_| Ok(Kind::Sign);
    make_floor, "floor", "floor_gradient", |_| Ok(Kind::Floor);
    make_ceil, "ceil", "ceil_gradient", |_| Ok(Kind::Ceil);
    make_round, "round", "round_gradient", |_| Ok(Kind::Round);
    make_sin, "sin", "sin_gradient", |_| Ok(Kind::Sin);
    make_cos, "cos", "cos_gradient", |_| Ok(Kind::Cos);
    make_erf, "erf", "erf_gradient", |_| Ok(Kind::Erf);
}

impl Op for Unary {
    fn name(&self) -> &'static str {
        self.0
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        Ok(vec![inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        kernel::forward(isa(), self.1, inputs[0].f32()?, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let from = match self.1.gradient_from() {
            GradientSource::Input => at.inputs[0],
            GradientSource::Output => at.outputs[0],
        };
        let op = UnaryGradient(gradient_name(self.0), self.1);
        Ok(vec![Some(graph.apply1(op, &[from, at.dy()?])?)])
    }
}

impl Op for UnaryGradient {
    fn name(&self) -> &'static str {
        self.0
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        if inputs[0].shape != inputs[1].shape {
            let (a, b) = (Dims(&inputs[0].shape), Dims(&inputs[1].shape));
            return Err(Error::Shape(format!("expected two equal shapes, got {a} and {b}")));
        }
        Ok(vec![inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        kernel::gradient(isa(), self.1, inputs[0].f32()?, inputs[1].f32()?, outputs[0].f32()?);
        Ok(())
    }
    /// By dy the node is linear; by x (or y) the usual smooth ones are differentiated once more.
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (v, dy, g) = (at.inputs[0], at.inputs[1], at.dy()?);
        let mut gradients = vec![None, None];
        if at.want[1] {
            gradients[1] = Some(graph.apply1(*self, &[v, g])?);
        }
        if at.want[0] {
            let scaled = |graph: &mut dyn Builder, factor: f32, value: Value| {
                let factor = graph.fill(&[], factor)?;
                multiply(graph, value, factor)
            };
            // d (f'(v) dy) / dv, where f' is written in v
            let slope = match self.1 {
                // f' = v
                Kind::Exp => graph.fill(&[], 1.0)?,
                // f' = v + 1
                Kind::Expm1 => graph.fill(&[], 1.0)?,
                // f' = 1 - v²
                Kind::Tanh => scaled(graph, -2.0, v)?,
                // f' = v (1 - v)
                Kind::Sigmoid => {
                    let one = graph.fill(&[], 1.0)?;
                    let double = scaled(graph, 2.0, v)?;
                    subtract(graph, one, double)?
                }
                // f' = 2 v
                Kind::Square => graph.fill(&[], 2.0)?,
                // f' = 1 / (v ln b)
                Kind::Log | Kind::Log2 | Kind::Log10 => {
                    let square = multiply(graph, v, v)?;
                    let minus = graph.fill(
                        &[],
                        match self.1 {
                            Kind::Log2 => -std::f32::consts::LOG2_E,
                            Kind::Log10 => -std::f32::consts::LOG10_E,
                            _ => -1.0,
                        },
                    )?;
                    divide(graph, minus, square)?
                }
                // f' = 1 / (2 v), and 0 where v is 0
                Kind::Sqrt => {
                    let square = multiply(graph, v, v)?;
                    let (zero, minus) = (graph.fill(&[], 0.0)?, graph.fill(&[], -0.5)?);
                    let slope = divide(graph, minus, square)?;
                    graph.apply1(Where, &[v, slope, zero])?
                }
                // f' = -v²
                Kind::Reciprocal => scaled(graph, -2.0, v)?,
                // f' = -v³ / 2
                Kind::Rsqrt => {
                    let square = multiply(graph, v, v)?;
                    scaled(graph, -1.5, square)?
                }
                // f' = 1 - e^-v
                Kind::Softplus => {
                    let minus = negative(graph, v)?;
                    exp(graph, minus)?
                }
                Kind::Identity | Kind::Relu | Kind::Relu6 | Kind::LeakyRelu(_) | Kind::HardSigmoid => {
                    graph.fill(&[], 0.0)?
                }
                Kind::Abs | Kind::Negative | Kind::Sign | Kind::Floor | Kind::Ceil | Kind::Round => {
                    graph.fill(&[], 0.0)?
                }
                Kind::Sin => {
                    let sin = sin(graph, v)?;
                    negative(graph, sin)?
                }
                Kind::Cos => {
                    let cos = cos(graph, v)?;
                    negative(graph, cos)?
                }
                _ => return Err(Error::Value("has no second derivative".into())),
            };
            let part = chain(graph, dy, slope)?;
            gradients[0] = Some(chain(graph, part, g)?);
        }
        Ok(gradients)
    }
}
