//! Activations and other functions of one number, element by element, and their gradients.

use crate::simd::map::{Lane1, Lane2, map, map2};
use crate::simd::{Isa, Kernel, Simd, math};
use crate::threads;

/// Elements of one task.
const CHUNK: usize = 8_192;

/// A function of one number. The names and definitions are Keras's, but that where a formula comes to infinity times zero
/// or divided by itself its limit is taken: the SiLU of minus infinity is 0, the softsign of infinity 1.
///
/// Errors against float64 are within 1.6 units in the last place, where a variant does not say otherwise; `accuracy.rs`
/// tests them. NaN gives NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    Identity,
    Relu,
    Relu6,
    /// The slope below zero.
    LeakyRelu(f32),
    /// `x` above zero, `alpha (e^x - 1)` below.
    Elu(f32),
    /// To 2.5 ULP.
    Selu,
    /// `x` times the normal distribution function, to 30 ULP from -4 on and 250 below.
    Gelu,
    /// [`Unary::Gelu`] by a hyperbolic tangent (Hendrycks and Gimpel 2016, section 2), to as many.
    GeluTanh,
    /// To 3 ULP.
    Silu,
    /// To 2 ULP.
    HardSilu,
    /// To 2 ULP.
    Sigmoid,
    HardSigmoid,
    /// To 2.5 ULP.
    Tanh,
    /// To 3 ULP.
    Softplus,
    Softsign,
    Exp,
    Expm1,
    Log,
    Log2,
    Log10,
    Log1p,
    Sqrt,
    Rsqrt,
    Square,
    Reciprocal,
    Abs,
    Negative,
    Sign,
    Floor,
    Ceil,
    Round,
    /// To 2.5 ULP.
    Sin,
    /// To 2 ULP.
    Cos,
    /// To 2.5 ULP.
    Erf,
}

/// What a gradient is computed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradientSource {
    Input,
    Output,
}

/// Evaluates `$body` once for the kind at hand, with `$k` a constant: each kind is compiled to a loop of its own.
macro_rules! for_kind {
    ($kind:expr, $k:ident => $body:expr) => {
        for_kind!(@arms $kind, $k => $body;
            Identity Relu Relu6 Selu Gelu GeluTanh Silu HardSilu Sigmoid HardSigmoid Tanh Softplus Softsign Exp Expm1
            Log Log2 Log10 Log1p Sqrt Rsqrt Square Reciprocal Abs Negative Sign Floor Ceil Round Sin Cos Erf)
    };
    (@arms $kind:expr, $k:ident => $body:expr; $($name:ident)*) => {
        match $kind {
            $(Unary::$name => { let $k = Unary::$name; $body })*
            Unary::LeakyRelu(slope) => { let $k = Unary::LeakyRelu(slope); $body }
            Unary::Elu(alpha) => { let $k = Unary::Elu(alpha); $body }
        }
    };
}

const SELU_SCALE: f32 = 1.050_701;
const SELU_ALPHA: f32 = 1.673_263_2;
/// `2 sqrt(2 / pi)`: the hyperbolic tangent of GELU written as a sigmoid.
const GELU_SLOPE: f32 = 1.595_769;
const GELU_CUBIC: f32 = 0.044_715;

impl Unary {
    /// Whether [`gradient`] wants the function's input or its output.
    pub const fn gradient_from(self) -> GradientSource {
        match self {
            // With a negative slope the output no longer tells the input's sign.
            Unary::LeakyRelu(slope) if slope < 0.0 => GradientSource::Input,
            Unary::Elu(alpha) if alpha < 0.0 => GradientSource::Input,
            Unary::Identity | Unary::Relu | Unary::Relu6 | Unary::LeakyRelu(_) | Unary::Elu(_) | Unary::Selu => {
                GradientSource::Output
            }
            Unary::Sigmoid | Unary::HardSigmoid | Unary::Tanh | Unary::Softplus => GradientSource::Output,
            Unary::Exp | Unary::Expm1 | Unary::Sqrt | Unary::Rsqrt | Unary::Reciprocal | Unary::Negative => {
                GradientSource::Output
            }
            _ => GradientSource::Input,
        }
    }

    /// What an element costs in multiply-adds.
    const fn cost(self) -> usize {
        match self {
            Unary::Identity | Unary::Relu | Unary::Relu6 | Unary::LeakyRelu(_) | Unary::HardSigmoid => 2,
            Unary::Square | Unary::Abs | Unary::Negative | Unary::Sign | Unary::HardSilu => 2,
            Unary::Sqrt | Unary::Reciprocal | Unary::Floor | Unary::Ceil | Unary::Round => 2,
            _ => 6,
        }
    }
}

/// `x` held within `low..=high`, NaN kept.
#[inline(always)]
fn clamp<S: Simd>(s: S, x: S::F, low: f32, high: f32) -> S::F {
    s.min_raw(s.splat(high), s.max_raw(s.splat(low), x))
}

/// The argument of GELU's sigmoid, `2 sqrt(2 / pi) (x + 0.044715 x^3)`.
#[inline(always)]
fn gelu_argument<S: Simd>(s: S, x: S::F) -> S::F {
    let scaled = s.mul(x, s.splat(GELU_SLOPE));
    s.mul_add(s.mul(scaled, s.splat(GELU_CUBIC)), s.mul(x, x), scaled)
}

// Functions of their own, for `apply` must not call itself: what calls itself is not inlined.

#[inline(always)]
fn hard_sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    s.div(clamp(s, s.add(x, s.splat(3.0)), 0.0, 6.0), s.splat(6.0))
}

#[inline(always)]
fn sign<S: Simd>(s: S, x: S::F) -> S::F {
    let zero = s.splat(0.0);
    s.select(s.lt(zero, x), s.splat(1.0), s.select(s.lt(x, zero), s.splat(-1.0), x))
}

impl Lane1 for Unary {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        // Keeps minus infinity times zero from making NaN where the function tends to zero.
        let floored = s.max_raw(s.splat(-100.0), x);
        match self {
            Unary::Identity => x,
            Unary::Relu => s.max_raw(zero, x),
            Unary::Relu6 => clamp(s, x, 0.0, 6.0),
            Unary::LeakyRelu(slope) => s.select(s.lt(x, zero), s.mul(x, s.splat(slope)), x),
            Unary::Elu(alpha) => s.select(s.lt(x, zero), s.mul(s.splat(alpha), math::exp_m1(s, x)), x),
            Unary::Selu => {
                let below = s.mul(s.splat(SELU_ALPHA), math::exp_m1(s, x));
                s.mul(s.splat(SELU_SCALE), s.select(s.lt(x, zero), below, x))
            }
            Unary::Gelu => s.mul(floored, math::normal_cdf(s, x)),
            Unary::GeluTanh => s.mul(floored, math::sigmoid(s, gelu_argument(s, x))),
            Unary::Silu => s.mul(floored, math::sigmoid(s, x)),
            Unary::HardSilu => s.mul(floored, hard_sigmoid(s, x)),
            Unary::Sigmoid => math::sigmoid(s, x),
            Unary::HardSigmoid => hard_sigmoid(s, x),
            Unary::Tanh => math::tanh(s, x),
            Unary::Softplus => math::softplus(s, x),
            Unary::Softsign => {
                // Infinity over infinity would be NaN.
                let x = clamp(s, x, -f32::MAX, f32::MAX);
                s.div(x, s.add(one, s.abs(x)))
            }
            Unary::Exp => math::exp(s, x),
            Unary::Expm1 => math::exp_m1(s, x),
            Unary::Log => math::ln(s, x),
            Unary::Log2 => math::log2(s, x),
            Unary::Log10 => math::log10(s, x),
            Unary::Log1p => math::ln_1p(s, x),
            Unary::Sqrt => s.sqrt(x),
            Unary::Rsqrt => s.div(one, s.sqrt(x)),
            Unary::Square => s.mul(x, x),
            Unary::Reciprocal => s.div(one, x),
            Unary::Abs => s.abs(x),
            Unary::Negative => s.neg(x),
            Unary::Sign => sign(s, x),
            Unary::Floor => {
                let near = s.round(x);
                s.select(s.lt(x, near), s.sub(near, one), near)
            }
            Unary::Ceil => {
                let near = s.round(x);
                s.select(s.lt(near, x), s.add(near, one), near)
            }
            Unary::Round => s.round(x),
            Unary::Sin => math::sin(s, x),
            Unary::Cos => math::cos(s, x),
            Unary::Erf => math::erf(s, x),
        }
    }
}

/// `dx` from (input or output, `dy`).
#[derive(Clone, Copy)]
struct Gradient(Unary);

impl Lane2 for Gradient {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, v: S::F, dy: S::F) -> S::F {
        let (zero, one) = (s.splat(0.0), s.splat(1.0));
        // `v` is the input or the output, as `gradient_from` says. Where it is NaN, `dy` or NaN goes on.
        let inside = |low: f32, high: f32, slope: S::F| {
            let outside = s.or(s.le(v, s.splat(low)), s.le(s.splat(high), v));
            s.select(outside, zero, s.mul(dy, slope))
        };
        let dx = match self.0 {
            Unary::Identity => dy,
            Unary::Relu => s.select(s.le(v, zero), zero, dy),
            Unary::Relu6 => inside(0.0, 6.0, one),
            Unary::LeakyRelu(slope) => s.select(s.le(v, zero), s.mul(dy, s.splat(slope)), dy),
            Unary::Elu(alpha) => {
                let alpha_v = s.splat(alpha);
                let below = if alpha < 0.0 { s.mul(alpha_v, math::exp(s, v)) } else { s.add(v, alpha_v) };
                s.mul(dy, s.select(s.lt(v, zero), below, one))
            }
            Unary::Selu => {
                let below = s.add(v, s.splat(SELU_SCALE * SELU_ALPHA));
                s.mul(dy, s.select(s.lt(v, zero), below, s.splat(SELU_SCALE)))
            }
            Unary::Gelu => {
                let x = clamp(s, v, -30.0, 30.0);
                s.mul(dy, s.mul_add(x, math::normal_density(s, x), math::normal_cdf(s, x)))
            }
            Unary::GeluTanh => {
                let x = clamp(s, v, -30.0, 30.0);
                let p = math::sigmoid(s, gelu_argument(s, x));
                let slope = s.mul_add(s.mul(x, x), s.splat(3.0 * GELU_CUBIC * GELU_SLOPE), s.splat(GELU_SLOPE));
                s.mul(dy, s.mul_add(s.mul(x, slope), s.mul(p, s.sub(one, p)), p))
            }
            Unary::Silu => {
                let x = clamp(s, v, -100.0, 100.0);
                let p = math::sigmoid(s, x);
                s.mul(dy, s.mul_add(x, s.mul(p, s.sub(one, p)), p))
            }
            Unary::HardSilu => {
                let slope = s.mul_add(v, s.splat(1.0 / 3.0), s.splat(0.5));
                let inner = s.select(s.le(s.splat(3.0), v), dy, s.mul(dy, slope));
                s.select(s.le(v, s.splat(-3.0)), zero, inner)
            }
            Unary::Sigmoid => s.mul(dy, s.mul(v, s.sub(one, v))),
            Unary::HardSigmoid => inside(0.0, 1.0, s.splat(1.0 / 6.0)),
            Unary::Tanh => s.mul(dy, s.mul_add(s.neg(v), v, one)),
            // The slope is sigmoid(x) = 1 - e^-softplus(x).
            Unary::Softplus => s.neg(s.mul(dy, math::exp_m1(s, s.neg(v)))),
            Unary::Softsign => {
                let d = s.add(one, s.abs(v));
                s.div(dy, s.mul(d, d))
            }
            Unary::Exp => s.mul(dy, v),
            Unary::Expm1 => s.mul(dy, s.add(v, one)),
            Unary::Log => s.div(dy, v),
            Unary::Log2 => s.div(s.mul(dy, s.splat(std::f32::consts::LOG2_E)), v),
            Unary::Log10 => s.div(s.mul(dy, s.splat(std::f32::consts::LOG10_E)), v),
            Unary::Log1p => s.div(dy, s.add(one, v)),
            // At 0 the slope is infinite. There 0 is taken, so that lengths and deviations of nothing, the roots of sums
            // of squares, have the gradient 0, which is one of their subgradients.
            Unary::Sqrt => s.select(s.eq(v, zero), zero, s.div(s.mul(dy, s.splat(0.5)), v)),
            // Not dy times a power of v, which may overflow where the product does not.
            Unary::Rsqrt => s.mul(s.mul(s.mul(s.mul(dy, s.splat(-0.5)), v), v), v),
            Unary::Square => {
                let half = s.mul(dy, v);
                s.add(half, half)
            }
            Unary::Reciprocal => s.neg(s.mul(s.mul(dy, v), v)),
            Unary::Abs => s.select(s.eq(v, zero), zero, s.mul(dy, sign(s, v))),
            Unary::Negative => s.neg(dy),
            Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round => zero,
            Unary::Sin => s.mul(dy, math::cos(s, v)),
            Unary::Cos => s.neg(s.mul(dy, math::sin(s, v))),
            Unary::Erf => {
                let e = math::exp_nonpositive(s, s.neg(s.mul(v, v)));
                s.mul(dy, s.mul(e, s.splat(std::f32::consts::FRAC_2_SQRT_PI)))
            }
        };
        match self.0 {
            // These choose, or pass on a multiple of dy.
            Unary::Identity | Unary::Relu | Unary::LeakyRelu(_) | Unary::Negative => dx,
            Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round => dx,
            // What has no part in the result has none in the gradient, whatever the slope.
            _ => s.select(s.eq(dy, zero), dy, dx),
        }
    }
}

struct Forward<'a>(Unary, &'a [f32], &'a mut [f32]);

impl Kernel for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for_kind!(self.0, kind => map(s, kind, self.1, self.2))
    }
}

struct Backward<'a>(Unary, &'a [f32], &'a [f32], &'a mut [f32]);

impl Kernel for Backward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for_kind!(self.0, kind => map2(s, Gradient(kind), self.1, self.2, self.3))
    }
}

/// `y = kind(x)`
pub fn forward(isa: Isa, kind: Unary, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "activation: lengths of x and y");
    threads::for_each_chunk(y, CHUNK, CHUNK * kind.cost(), |i, y| {
        isa.run(Forward(kind, &x[i * CHUNK..][..y.len()], y));
    });
}

/// `dx = dy kind'(x)`, from `x` or `y` as [`Unary::gradient_from`] says.
pub fn gradient(isa: Isa, kind: Unary, x_or_y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(x_or_y.len() == dx.len() && dy.len() == dx.len(), "activation: lengths of x (or y), dy and dx");
    threads::for_each_chunk(dx, CHUNK, CHUNK * kind.cost(), |i, dx| {
        let (v, dy) = (&x_or_y[i * CHUNK..][..dx.len()], &dy[i * CHUNK..][..dx.len()]);
        isa.run(Backward(kind, v, dy, dx));
    });
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::simd::math::reference::{erf_f64, erfc_f64};

    pub(crate) const ALL: [Unary; 36] = [
        Unary::Identity,
        Unary::Relu,
        Unary::Relu6,
        Unary::LeakyRelu(0.2),
        Unary::LeakyRelu(-0.2),
        Unary::Elu(1.5),
        Unary::Elu(-1.5),
        Unary::Selu,
        Unary::Gelu,
        Unary::GeluTanh,
        Unary::Silu,
        Unary::HardSilu,
        Unary::Sigmoid,
        Unary::HardSigmoid,
        Unary::Tanh,
        Unary::Softplus,
        Unary::Softsign,
        Unary::Exp,
        Unary::Expm1,
        Unary::Log,
        Unary::Log2,
        Unary::Log10,
        Unary::Log1p,
        Unary::Sqrt,
        Unary::Rsqrt,
        Unary::Square,
        Unary::Reciprocal,
        Unary::Abs,
        Unary::Negative,
        Unary::Sign,
        Unary::Floor,
        Unary::Ceil,
        Unary::Round,
        Unary::Sin,
        Unary::Cos,
        Unary::Erf,
    ];

    pub(crate) fn truth(kind: Unary, x: f64) -> f64 {
        let clip = |v: f64, high: f64| if v.is_nan() { v } else { v.clamp(0.0, high) };
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        match kind {
            Unary::Identity => x,
            Unary::Relu => clip(x, f64::INFINITY),
            Unary::Relu6 => clip(x, 6.0),
            Unary::LeakyRelu(slope) => {
                if x < 0.0 {
                    x * f64::from(slope)
                } else {
                    x
                }
            }
            Unary::Elu(alpha) => {
                if x < 0.0 {
                    f64::from(alpha) * x.exp_m1()
                } else {
                    x
                }
            }
            Unary::Selu => 1.0507009873554805 * if x < 0.0 { 1.6732632423543772 * x.exp_m1() } else { x },
            // Limits, where the formula is infinity times zero or divided by itself.
            Unary::Gelu | Unary::GeluTanh | Unary::Silu | Unary::HardSilu if x == f64::NEG_INFINITY => 0.0,
            Unary::Softsign if x.is_infinite() => x.signum(),
            Unary::Gelu => x * 0.5 * erfc_f64(-x / 2f64.sqrt()),
            // (1 + tanh(z)) / 2 is the sigmoid of 2 z, which does not cancel.
            Unary::GeluTanh => x * sigmoid((8.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)),
            Unary::Silu => x * sigmoid(x),
            Unary::HardSilu => x * clip(x + 3.0, 6.0) / 6.0,
            Unary::Sigmoid => sigmoid(x),
            Unary::HardSigmoid => clip(x + 3.0, 6.0) / 6.0,
            Unary::Tanh => x.tanh(),
            Unary::Softplus => {
                if x > 300.0 {
                    x
                } else {
                    x.exp().ln_1p()
                }
            }
            Unary::Softsign => x / (1.0 + x.abs()),
            Unary::Exp => x.exp(),
            Unary::Expm1 => x.exp_m1(),
            Unary::Log => x.ln(),
            Unary::Log2 => x.log2(),
            Unary::Log10 => x.log10(),
            Unary::Log1p => x.ln_1p(),
            Unary::Sqrt => x.sqrt(),
            Unary::Rsqrt => 1.0 / x.sqrt(),
            Unary::Square => x * x,
            Unary::Reciprocal => 1.0 / x,
            Unary::Abs => x.abs(),
            Unary::Negative => -x,
            Unary::Sign => {
                if x == 0.0 || x.is_nan() {
                    x
                } else {
                    x.signum()
                }
            }
            Unary::Floor => x.floor(),
            Unary::Ceil => x.ceil(),
            Unary::Round => x.round_ties_even(),
            Unary::Sin => x.sin(),
            Unary::Cos => x.cos(),
            Unary::Erf => erf_f64(x),
        }
    }

    /// Points of all sizes, none on a kink or a jump of any of the functions.
    fn points(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.131 + 0.017).collect()
    }

    #[test]
    fn forward_equals_the_reference_in_every_lane() {
        let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-20, -1e-20, 1e4, -1e4];
        for isa in Isa::available() {
            for kind in ALL {
                for n in [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 101] {
                    let mut x = points(n);
                    for at in 0..n.min(18) {
                        x[(at * 5) % n] = special[at % special.len()];
                    }
                    let mut y = vec![7.0; n];
                    forward(isa, kind, &x, &mut y);
                    for (&x, &y) in x.iter().zip(&y) {
                        let want = truth(kind, f64::from(x));
                        let same = f64::from(y) == want || (y.is_nan() && want.is_nan());
                        // GELU's lower tail is as good as the rounding of the exponent's argument lets it be.
                        let close = (f64::from(y) - want).abs() <= 1e-30 + 4e-6 * want.abs().max(1e-3);
                        let over = y.is_infinite() && want.abs() > f64::from(f32::MAX);
                        assert!(same || close || over, "{kind:?} {} x {x:e}: {y:e}, want {want:e}", isa.name());
                    }
                }
            }
        }
    }

    #[test]
    fn limits_at_minus_infinity_are_zero_not_nan() {
        for isa in Isa::available() {
            for kind in [Unary::Gelu, Unary::GeluTanh, Unary::Silu] {
                let (mut y, mut dx) = ([9.0; 2], [9.0; 2]);
                forward(isa, kind, &[f32::NEG_INFINITY, f32::INFINITY], &mut y);
                gradient(isa, kind, &[f32::NEG_INFINITY, f32::INFINITY], &[1.0, 1.0], &mut dx);
                assert_eq!((y[0].abs(), y[1]), (0.0, f32::INFINITY));
                assert!(dx[0].abs() < 1e-30 && dx[1] == 1.0);
            }
        }
    }

    #[test]
    fn gradients_equal_central_differences_of_the_reference() {
        for isa in Isa::available() {
            for kind in ALL {
                let x: Vec<f32> = match kind {
                    Unary::Log | Unary::Log2 | Unary::Log10 | Unary::Log1p | Unary::Sqrt | Unary::Rsqrt => {
                        points(53).iter().map(|x| x.abs() + 0.1).collect()
                    }
                    _ => points(53),
                };
                let dy: Vec<f32> = (0..x.len()).map(|i| (i % 7) as f32 - 2.5).collect();
                let (mut y, mut dx) = (vec![0.0; x.len()], vec![9.0; x.len()]);
                forward(isa, kind, &x, &mut y);
                let from = if kind.gradient_from() == GradientSource::Input { &x } else { &y };
                gradient(isa, kind, from, &dy, &mut dx);
                for i in 0..x.len() {
                    let (at, h) = (f64::from(x[i]), 1e-6);
                    let want = f64::from(dy[i]) * (truth(kind, at + h) - truth(kind, at - h)) / (2.0 * h);
                    let error = (f64::from(dx[i]) - want).abs();
                    assert!(error <= 3e-6 * (1.0 + want.abs()), "{kind:?} x {}: {}, want {want}", x[i], dx[i]);
                }
            }
        }
    }

    /// As `where` leaves them: a gradient of 0 where the function, or its slope, is infinite or NaN.
    #[test]
    fn a_gradient_of_zero_stays_zero_at_any_slope() {
        let x = [0.0, -0.0, -1.0, -3.0, 1.0, 1e-38, 3e38, -3e38, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        for isa in Isa::available() {
            for kind in ALL {
                let (mut y, mut dx) = ([0.0; 11], [9.0; 11]);
                forward(isa, kind, &x, &mut y);
                let from = if kind.gradient_from() == GradientSource::Input { &x } else { &y };
                gradient(isa, kind, from, &[0.0; 11], &mut dx);
                assert_eq!(dx, [0.0; 11], "{kind:?} {}", isa.name());
            }
        }
    }

    #[test]
    fn flat_parts_stop_even_an_infinite_gradient_and_kinks_have_a_subgradient() {
        for isa in Isa::available() {
            for (kind, v) in [
                (Unary::Relu, [0.0, -0.0]),
                (Unary::Relu6, [0.0, 6.0]),
                (Unary::HardSigmoid, [0.0, 1.0]),
                (Unary::HardSilu, [-3.0, -4.0]),
                (Unary::Abs, [0.0, -0.0]),
                (Unary::Sqrt, [0.0, -0.0]),
            ] {
                for dy in [1.0, f32::INFINITY, f32::NAN] {
                    let mut dx = [9.0; 2];
                    gradient(isa, kind, &v, &[dy; 2], &mut dx);
                    assert_eq!(dx, [0.0; 2], "{kind:?} {dy}");
                }
            }
        }
    }

    #[test]
    fn slopes_that_overflow_meet_gradients_that_do_not() {
        for isa in Isa::available() {
            // From the output: 1e15 = 1 / sqrt(1e-30), 1e25 = 1 / 1e-25; from the input: 2e38 squared.
            for (kind, v, dy, want) in [
                (Unary::Rsqrt, 1e15, 1e-20, -5e24),
                (Unary::Reciprocal, 1e25, 1e-20, -1e30),
                (Unary::Square, 2e38, 1e-10, 4e28),
            ] {
                let mut dx = [9.0; 1];
                gradient(isa, kind, &[v], &[dy], &mut dx);
                assert!((dx[0] / want - 1.0).abs() < 1e-6, "{kind:?}: {dx:?} {want:e}");
            }
        }
    }

    #[test]
    fn relu_passes_nan_on_and_stops_at_zero() {
        for isa in Isa::available() {
            let mut dx = [9.0; 4];
            gradient(isa, Unary::Relu, &[f32::NAN, 0.0, -0.0, 1.0], &[2.0; 4], &mut dx);
            assert_eq!(dx, [2.0, 0.0, 0.0, 2.0]);
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let x = points(100_003);
        let run = |threads| {
            threads::set_count(threads);
            let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            forward(Isa::active(), Unary::Gelu, &x, &mut y);
            gradient(Isa::active(), Unary::Gelu, &x, &y, &mut dx);
            (y, dx)
        };
        let one = run(1);
        assert!([2, 3, 5].into_iter().all(|threads| run(threads) == one));
        threads::set_count(0);
    }
}
