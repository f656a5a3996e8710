//! Exponential, logarithm and their kin on vectors, nearly all without branches.
//!
//! Each says by how many units in the last place (ULP) it may be off, on any instruction set; `accuracy.rs` tests it over
//! the whole range. Denormals count as zero, as arguments and as results: programs run kernels with denormals flushed.
//!
//! The polynomials are minimax fits of our own, made in extended precision and rounded from the lowest power up.

// The coefficients are written as they were printed, with the nine digits that fix a float.
#![allow(clippy::excessive_precision)]

use super::Simd;

const LN2_HIGH: f32 = 0.693_359_375;
const LN2_LOW: f32 = -2.121_944_4e-4;
/// The least and the largest float whose exponentials are normal floats. The float after the largest is nearer to the
/// logarithm of the largest float, but above it.
const EXP_LOW: f32 = -87.336_54;
const EXP_HIGH: f32 = 88.722_83;

/// The logarithm of two: a multiple of 2^-16, and the rest, which is positive too.
const LN2_TOP: f32 = 0.693_145_751_953_125;
const LN2_REST: f32 = 1.428_606_8e-6;
/// Near `1 / m` for mantissas `m` in 32 equal parts of [1, 2); exact at both ends, so that logarithms near zero are.
const INVERSE: [f32; 32] = [
    1.000000000e+00,
    9.552238584e-01,
    9.275362492e-01,
    9.014084339e-01,
    8.767123222e-01,
    8.533333540e-01,
    8.311688304e-01,
    8.101266026e-01,
    7.901234627e-01,
    7.710843086e-01,
    7.529411912e-01,
    7.356321812e-01,
    7.191011310e-01,
    7.032967210e-01,
    6.881720424e-01,
    6.736842394e-01,
    6.597937942e-01,
    6.464646459e-01,
    6.336633563e-01,
    6.213592291e-01,
    6.095238328e-01,
    5.981308222e-01,
    5.871559381e-01,
    5.765765905e-01,
    5.663716793e-01,
    5.565217137e-01,
    5.470085740e-01,
    5.378151536e-01,
    5.289255977e-01,
    5.203251839e-01,
    5.120000243e-01,
    5.000000000e-01,
];
/// `-ln(INVERSE)` to a multiple of 2^-16; the last is `LN2_TOP`.
const LN_HIGH: [f32; 32] = [
    0.000000000e+00,
    4.580688477e-02,
    7.522583008e-02,
    1.037902832e-01,
    1.315765381e-01,
    1.585998535e-01,
    1.849212646e-01,
    2.105712891e-01,
    2.355651855e-01,
    2.599639893e-01,
    2.837677002e-01,
    3.070220947e-01,
    3.297576904e-01,
    3.519744873e-01,
    3.737182617e-01,
    3.949890137e-01,
    4.158325195e-01,
    4.362335205e-01,
    4.562377930e-01,
    4.758453369e-01,
    4.950714111e-01,
    5.139465332e-01,
    5.324707031e-01,
    5.506439209e-01,
    5.685119629e-01,
    5.860443115e-01,
    6.032867432e-01,
    6.202392578e-01,
    6.369018555e-01,
    6.533050537e-01,
    6.694335938e-01,
    6.931457520e-01,
];
/// What `LN_HIGH` lacks.
const LN_LOW: [f32; 32] = [
    0.000000000e+00,
    2.674548796e-06,
    -2.427467052e-06,
    6.529105121e-06,
    -1.728466401e-07,
    5.152446647e-06,
    1.074776947e-06,
    -6.545100860e-06,
    8.783152907e-07,
    -6.427567769e-06,
    4.533775666e-07,
    2.944293556e-06,
    -4.414301657e-06,
    1.910706715e-06,
    -1.850993840e-06,
    4.751728284e-06,
    -4.593654012e-06,
    3.247198492e-06,
    -3.436546763e-07,
    5.586426823e-07,
    5.817480996e-06,
    -7.504359019e-07,
    -5.861414593e-06,
    3.172839797e-06,
    -7.223812645e-06,
    4.779114988e-06,
    4.058913873e-06,
    1.100716645e-06,
    5.648677870e-06,
    -3.744445394e-06,
    -2.987304924e-06,
    1.428606765e-06,
];

/// `c[0] + c[1] x + c[2] x^2 + ...`
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(s: S, x: S::F, c: [f32; N]) -> S::F {
    let mut sum = s.splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        sum = s.mul_add(sum, x, s.splat(c[i]));
    }
    sum
}

/// `x` held within `low..=high`, NaN kept.
#[inline(always)]
fn clamp<S: Simd>(s: S, x: S::F, low: f32, high: f32) -> S::F {
    s.min_raw(s.splat(high), s.max_raw(s.splat(low), x))
}

/// `(t, n)` with `exp(x) = (1 + t) 2^n` and `|t| < 0.42`.
#[inline(always)]
fn exp_parts<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let r = s.mul_add(n, s.splat(-LN2_HIGH), x);
    (exp_near_zero(s, s.mul_add(n, s.splat(-LN2_LOW), r)), n)
}

/// `e^r - 1` for `|r| <= ln(2) / 2`.
#[inline(always)]
fn exp_near_zero<S: Simd>(s: S, r: S::F) -> S::F {
    let q = polynomial(s, r, [4.999999702e-01, 1.666654646e-01, 4.166743532e-02, 8.366276510e-03, 1.387071330e-03]);
    s.mul_add(s.mul(r, r), q, r)
}

/// `exp(x)` for `x` in `EXP_LOW..=EXP_HIGH` (or NaN).
#[inline(always)]
fn exp_clamped<S: Simd>(s: S, x: S::F) -> S::F {
    let (t, n) = exp_parts(s, x);
    s.scale_pow2(s.add(t, s.splat(1.0)), n)
}

/// `e^x`, to 1 ULP; results below the smallest normal float are zero.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    let y = exp_clamped(s, clamp(s, x, EXP_LOW, EXP_HIGH));
    let y = s.select(s.lt(x, s.splat(EXP_LOW)), s.splat(0.0), y);
    s.select(s.lt(s.splat(EXP_HIGH), x), s.splat(f32::INFINITY), y)
}

/// `e^x` for `x <= 0`, as softmax needs it, to 1 ULP.
#[inline(always)]
pub fn exp_nonpositive<S: Simd>(s: S, x: S::F) -> S::F {
    let y = exp_clamped(s, s.max_raw(s.splat(EXP_LOW), x));
    s.select(s.lt(x, s.splat(EXP_LOW)), s.splat(0.0), y)
}

/// `e^x - 1` for `|x| <= 60`.
#[inline(always)]
fn exp_m1_clamped<S: Simd>(s: S, x: S::F) -> S::F {
    let (t, n) = exp_parts(s, x);
    let scale = s.pow2(n);
    s.mul_add(scale, t, s.sub(scale, s.splat(1.0)))
}

/// `e^x - 1`, to 1.6 ULP, also near zero.
#[inline(always)]
pub fn exp_m1<S: Simd>(s: S, x: S::F) -> S::F {
    let (t, n) = exp_parts(s, clamp(s, x, -20.0, EXP_HIGH));
    // From 20 on the one is below the last place, and 2^n may be beyond the range that e^x still is in.
    let scale = s.pow2(s.min_raw(s.splat(127.0), n));
    let near = s.mul_add(scale, t, s.sub(scale, s.splat(1.0)));
    let y = s.select(s.lt(s.splat(20.0), x), s.scale_pow2(s.add(t, s.splat(1.0)), n), near);
    s.select(s.lt(s.splat(EXP_HIGH), x), s.splat(f32::INFINITY), y)
}

/// `ln(1 + f)` for `f` in `[sqrt(1/2) - 1, sqrt(2) - 1]`.
#[inline(always)]
fn ln_near_one<S: Simd>(s: S, f: S::F) -> S::F {
    let p = polynomial(
        s,
        f,
        [
            3.333333135e-01,
            -2.500082254e-01,
            2.000124902e-01,
            -1.662331372e-01,
            1.420132071e-01,
            -1.316026300e-01,
            1.276441067e-01,
            -7.637507468e-02,
        ],
    );
    let square = s.mul(f, f);
    s.add(f, s.mul_add(s.mul(square, f), p, s.mul(square, s.splat(-0.5))))
}

/// `e ln 2 - ln INVERSE(m)` as a sum of two floats, the first exact: a multiple of 2^-16 below 2^7. It is zero where
/// `m 2^e` is near one, else at least 0.02.
#[inline(always)]
fn ln_of_parts<S: Simd>(s: S, m: S::F, e: S::F) -> (S::F, S::F) {
    let whole = s.mul_add(e, s.splat(LN2_TOP), s.lookup(&LN_HIGH, m));
    (whole, s.mul_add(e, s.splat(LN2_REST), s.lookup(&LN_LOW, m)))
}

/// `(ln(1 + r) - r) / r^2` for `r` in [-1/64, 1/32], where a table's entry leaves it.
#[inline(always)]
fn ln_near_entry<S: Simd>(s: S, r: S::F) -> S::F {
    polynomial(s, r, [-5.000000000e-01, 3.333348036e-01, -2.500156462e-01, 1.940495819e-01])
}

/// The natural logarithm by the table, see [`ln_double_by_table`]; in the lanes of `lost`'s mask of `x + lost`, where
/// `lost` is below the last place of `x`.
#[inline(always)]
fn ln_by_table<S: Simd>(s: S, x: S::F, lost: Option<(S::M, S::F)>) -> S::F {
    let (m, e) = s.split_nonnegative(x);
    let c = s.lookup(&INVERSE, m);
    let mut r = s.mul_add(m, c, s.splat(-1.0));
    if let Some((lanes, lost)) = lost {
        r = s.select(lanes, s.mul_add(s.scale_any(lost, s.neg(e)), c, r), r);
    }
    // Zero and infinity come out of their exponents, which are infinite.
    let (whole, rest) = ln_of_parts(s, m, e);
    let y = s.add(whole, s.add(rest, s.mul_add(s.mul(r, r), ln_near_entry(s, r), r)));
    s.select(s.lt(x, s.splat(0.0)), s.splat(f32::NAN), y)
}

/// The natural logarithm, to 1.1 ULP: minus infinity at zero, NaN below.
#[inline(always)]
pub fn ln<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    if S::LOOKUP {
        return ln_by_table(s, x, None);
    }
    let (m, e) = s.split_nonnegative(x);
    let upper = s.lt(s.splat(std::f32::consts::SQRT_2), m);
    let m = s.select(upper, s.mul(m, s.splat(0.5)), m);
    let e = s.select(upper, s.add(e, one), e);
    let f = s.sub(m, one);
    // The pieces are added from the smallest up: e * LN2_REST, then ln(1 + f), then e * LN2_TOP, which is exact. Zero and
    // infinity come out of their exponents, which are infinite.
    let y = s.add(ln_near_one(s, f), s.mul(e, s.splat(LN2_REST)));
    let y = s.mul_add(e, s.splat(LN2_TOP), y);
    s.select(s.lt(x, s.splat(0.0)), s.splat(f32::NAN), y)
}

/// The logarithm of a positive normal `x` as a sum of two floats, the second a small part of the first, good to about
/// 2^-30: what `x^y` must have, for its exponent multiplies the error. Needs fused multiply-adds.
#[inline(always)]
fn ln_double<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    if S::LOOKUP { ln_double_by_table(s, x) } else { ln_double_by_quotient(s, x) }
}

/// ln x = e ln 2 - ln c + ln(1 + r), where `c` is near 1 / m: one of 32 by the mantissa's first bits.
#[inline(always)]
fn ln_double_by_table<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let (m, e) = s.split_exponent(x);
    let c = s.lookup(&INVERSE, m);
    // r = m c - 1 in two floats without an error: below two, the difference to one is exact.
    let product = s.mul(m, c);
    let product_low = s.mul_add(m, c, s.neg(product));
    let r = s.sub(product, s.splat(1.0));
    let (whole, rest) = ln_of_parts(s, m, e);
    let high = s.add(whole, r);
    let lost = s.sub(r, s.sub(high, whole));
    (high, s.mul_add(s.mul(r, r), ln_near_entry(s, r), s.add(s.add(rest, product_low), lost)))
}

/// ln x = e ln 2 + 2 atanh(f / (2 + f)) with 1 + f the mantissa.
#[inline(always)]
fn ln_double_by_quotient<S: Simd>(s: S, x: S::F) -> (S::F, S::F) {
    let (m, e) = s.split_exponent(x);
    let upper = s.lt(s.splat(std::f32::consts::SQRT_2), m);
    let m = s.select(upper, s.mul(m, s.splat(0.5)), m);
    let e = s.select(upper, s.add(e, s.splat(1.0)), e);
    // The remainder of the quotient is exact.
    let f = s.sub(m, s.splat(1.0));
    let d = s.add(s.splat(2.0), f);
    let d_low = s.sub(f, s.sub(d, s.splat(2.0)));
    let inverse = s.div(s.splat(1.0), d);
    let a = s.mul(f, inverse);
    let remainder = s.mul_add(s.neg(a), d_low, s.mul_add(s.neg(a), d, f));
    let z = s.mul(a, a);
    let p = polynomial(s, z, [6.666666667e-01, 4.000000000e-01, 2.857142857e-01, 2.222222222e-01, 1.818181818e-01]);
    let twice = s.add(a, a);
    let low = s.mul_add(s.add(remainder, remainder), inverse, s.mul(s.mul(z, a), p));
    // e * LN2_HIGH is exact, and zero or larger than what is added.
    let whole = s.mul(e, s.splat(LN2_HIGH));
    let high = s.add(whole, twice);
    (high, s.add(s.sub(twice, s.sub(high, whole)), s.mul_add(e, s.splat(LN2_LOW), low)))
}

/// The base-2 logarithm, to 1 ULP, and exact at powers of two: minus infinity at zero, NaN below.
#[inline(always)]
pub fn log2<S: Simd>(s: S, x: S::F) -> S::F {
    if S::FUSED { log_double(s, x, [1.442695022e+00, 1.925963034e-08]) } else { in_f64(s, x, f64::log2) }
}

/// The base-10 logarithm, to 1 ULP, and a whole number at powers of ten: minus infinity at zero, NaN below.
#[inline(always)]
pub fn log10<S: Simd>(s: S, x: S::F) -> S::F {
    if S::FUSED { log_double(s, x, [4.342944920e-01, -1.010304995e-08]) } else { in_f64(s, x, f64::log10) }
}

/// The natural logarithm times the sum of two floats, rounded once: minus infinity at zero and for denormals, NaN below.
#[inline(always)]
fn log_double<S: Simd>(s: S, x: S::F, scale: [f32; 2]) -> S::F {
    let (high, low) = ln_double(s, x);
    let scale = scale.map(|v| s.splat(v));
    let p = s.mul(high, scale[0]);
    let lost = s.mul_add(high, scale[0], s.neg(p));
    let y = s.add(p, s.mul_add(low, scale[0], s.mul_add(high, scale[1], lost)));
    let y = s.select(s.lt(x, s.splat(f32::MIN_POSITIVE)), s.splat(f32::NEG_INFINITY), y);
    let y = s.select(s.lt(x, s.splat(0.0)), s.splat(f32::NAN), y);
    // NaN and plus infinity are their own logarithms.
    s.select(s.lt(x, s.splat(f32::INFINITY)), y, x)
}

/// `f` of each lane, in f64.
#[inline(always)]
fn in_f64<S: Simd>(s: S, x: S::F, f: impl Fn(f64) -> f64) -> S::F {
    let mut lanes = s.to_array(x);
    lanes[..S::LANES].iter_mut().for_each(|lane| *lane = f(f64::from(*lane)) as f32);
    s.load(&lanes)
}

/// For positive normal `x`: `(t, n, e)` with `x^y = t 2^n = exp(e)` and t in [0.7, 1.5].
#[inline(always)]
fn power_parts<S: Simd>(s: S, x: S::F, y: S::F) -> (S::F, S::F, S::F) {
    let one = s.splat(1.0);
    let (high, low) = ln_double(s, x);
    let p = s.mul(y, high);
    let p_low = s.mul_add(y, low, s.mul_add(y, high, s.neg(p)));
    let exponent = s.add(p, p_low);
    let n = s.round(s.mul(exponent, s.splat(std::f32::consts::LOG2_E)));
    // The first step is exact, so that what the second float adds is not lost.
    let r = s.add(s.mul_add(n, s.splat(-LN2_HIGH), p), p_low);
    let t = exp_near_zero(s, s.mul_add(n, s.splat(-LN2_LOW), r));
    (s.add(t, one), n, exponent)
}

/// `x^y`, as the standard library's `powf`, to 1.5 ULP; results below twice the smallest normal float may be zero.
#[inline(always)]
pub fn power<S: Simd>(s: S, x: S::F, y: S::F) -> S::F {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let infinity = s.splat(f32::INFINITY);
    let absolute = s.abs(x);
    if !S::FUSED {
        let mut lanes = s.to_array(s.select(s.lt(absolute, s.splat(f32::MIN_POSITIVE)), s.copysign(zero, x), x));
        let exponents = s.to_array(y);
        lanes[..S::LANES].iter_mut().zip(exponents).for_each(|(lane, exponent)| *lane = lane.powf(exponent));
        return s.load(&lanes);
    }
    let (t, n, exponent) = power_parts(s, absolute, y);
    // Nearly always: a positive number, and its power far from the ends of the range.
    if s.all(s.and(s.is_positive_normal(x), s.le(s.abs(exponent), s.splat(87.0)))) {
        return s.scale_pow2(t, n);
    }
    // In two steps, for 2^n may be beyond the range that the power still is in.
    let half = s.round(s.mul(n, s.splat(0.5)));
    let size = s.mul(s.mul(t, s.pow2(half)), s.pow2(s.sub(n, half)));
    let size = s.select(s.lt(exponent, s.splat(EXP_LOW)), zero, size);
    let size = s.select(s.lt(s.splat(88.722_84), exponent), infinity, size);
    // Of zero and infinity, and to exponents so large that only one has another power: zero or infinity.
    let normal = s.is_positive_normal(absolute);
    let usual = s.and(normal, s.le(s.abs(y), s.splat(4_294_967_296.0)));
    let falling = s.select(s.lt(absolute, one), y, s.neg(y));
    let end = s.select(s.lt(zero, falling), zero, s.select(s.lt(falling, zero), infinity, falling));
    let size = s.select(s.is_nan(x), x, s.select(usual, size, end));
    let size = s.select(s.or(s.eq(y, zero), s.eq(absolute, one)), one, size);
    // Negative numbers have whole powers only, those of odd exponents are negative.
    let whole = s.eq(s.round(y), y);
    let half = s.mul(y, s.splat(0.5));
    let odd = s.and(whole, s.not(s.eq(s.round(half), half)));
    let result = s.select(odd, s.copysign(size, x), size);
    let none = s.and(s.and(s.lt(x, zero), normal), s.not(whole));
    s.select(none, s.splat(f32::NAN), result)
}

/// `ln(1 + x)`, to 1.6 ULP, also near zero.
#[inline(always)]
pub fn ln_1p<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let u = s.add(one, x);
    // What rounding took from 1 + x is put back to first order.
    let lost = s.sub(x, s.sub(u, one));
    let finite = s.and(s.lt(x, s.splat(f32::INFINITY)), s.lt(s.splat(-1.0), x));
    if S::LOOKUP {
        return ln_by_table(s, u, Some((finite, lost)));
    }
    let y = s.add(ln(s, u), s.div(lost, u));
    s.select(finite, y, ln(s, u))
}

/// `ln(1 + e)` for `e` in `[0, 1]`, through `2 atanh(e / (2 + e))`.
#[inline(always)]
pub fn ln_1p_unit<S: Simd>(s: S, e: S::F) -> S::F {
    let a = s.div(e, s.add(e, s.splat(2.0)));
    let z = s.mul(a, a);
    let p = polynomial(s, z, [3.333320618e-01, 2.001087368e-01, 1.399915218e-01, 1.401440054e-01]);
    let twice = s.add(a, a);
    s.mul_add(s.mul(twice, z), p, twice)
}

/// `ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)`, to 3 ULP; results below twice the smallest normal float may be zero.
#[inline(always)]
pub fn softplus<S: Simd>(s: S, x: S::F) -> S::F {
    let e = exp_nonpositive(s, s.neg(s.abs(x)));
    s.add(s.max_raw(s.splat(0.0), x), ln_1p_unit(s, e))
}

/// `1 / (1 + e^-x)`, to 2 ULP; results below the smallest normal float are zero.
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let e = exp_clamped(s, clamp(s, s.neg(x), EXP_LOW, EXP_HIGH));
    let y = s.div(one, s.add(one, e));
    s.select(s.lt(x, s.splat(-EXP_HIGH)), s.splat(0.0), y)
}

/// The hyperbolic tangent, `d / (d + 2)` with `d = e^2x - 1`, to 2.5 ULP.
#[inline(always)]
pub fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let d = exp_m1_clamped(s, clamp(s, s.add(x, x), -20.0, 20.0));
    s.div(d, s.add(d, s.splat(2.0)))
}

/// Beyond this the argument's remainder by pi / 2 is left to the standard library.
const TRIGONOMETRIC_LIMIT: f32 = 1e4;
/// pi / 2 in pieces so short that multiples up to the limit are exact.
const HALF_PI: [f32; 4] = [1.570_312_5, 4.837_512_969_971e-4, 7.549_533_620_477e-8, 2.563_344_068_257e-12];

/// The sine for `shift` 0, the cosine for `shift` 1.
#[inline(always)]
fn sin_shifted<S: Simd>(s: S, x: S::F, shift: f32) -> S::F {
    let n = s.round(s.mul(x, s.splat(std::f32::consts::FRAC_2_PI)));
    let mut r = x;
    for piece in HALF_PI {
        r = s.mul_add(n, s.splat(-piece), r);
    }
    let z = s.mul(r, r);
    let sine = polynomial(s, z, [-1.666666716e-01, 8.333380334e-03, -1.985349372e-04, 2.837158718e-06]);
    let sine = s.mul_add(s.mul(r, z), sine, r);
    let cosine = polynomial(s, z, [4.166664556e-02, -1.388730132e-03, 2.443066842e-05]);
    let cosine = s.mul_add(s.mul(z, z), cosine, s.mul_add(z, s.splat(-0.5), s.splat(1.0)));
    // The quarter turn, 0..4: the odd ones swap sine and cosine, the upper two change the sign.
    let turn = s.add(n, s.splat(shift));
    let four = s.splat(4.0);
    let turn = s.mul_add(s.round(s.mul(turn, s.splat(0.25))), s.splat(-4.0), turn);
    let turn = s.select(s.lt(turn, s.splat(0.0)), s.add(turn, four), turn);
    let odd = s.or(s.eq(turn, s.splat(1.0)), s.eq(turn, s.splat(3.0)));
    let y = s.select(odd, cosine, sine);
    let y = s.select(s.lt(s.splat(1.5), turn), s.neg(y), y);
    let far = s.le(s.splat(TRIGONOMETRIC_LIMIT), s.abs(x));
    if s.first(far) == S::LANES { y } else { sin_far(s, x, y, shift) }
}

/// `near`, but in the lanes beyond the limit what the standard library gives: a lane's result must not depend on its
/// neighbours.
#[inline(always)]
fn sin_far<S: Simd>(s: S, x: S::F, near: S::F, shift: f32) -> S::F {
    let (angles, mut lanes) = (s.to_array(x), s.to_array(near));
    for (lane, angle) in lanes.iter_mut().zip(angles) {
        if angle.abs() >= TRIGONOMETRIC_LIMIT {
            *lane = if shift == 0.0 { angle.sin() } else { angle.cos() };
        }
    }
    s.load(&lanes)
}

/// The sine of an angle in radians, to 2.5 ULP at any size.
#[inline(always)]
pub fn sin<S: Simd>(s: S, x: S::F) -> S::F {
    sin_shifted(s, x, 0.0)
}

/// The cosine of an angle in radians, to 2 ULP at any size.
#[inline(always)]
pub fn cos<S: Simd>(s: S, x: S::F) -> S::F {
    sin_shifted(s, x, 1.0)
}

/// For `a = |x|`: `erf(a)`, good below 1, and `1 - erf(a)`, good from 1 on.
#[inline(always)]
fn erf_parts<S: Simd>(s: S, a: S::F) -> (S::F, S::F) {
    let square = s.mul(a, a);
    let c = [1.128379107e+00, -3.761225045e-01, 1.127964184e-01, -2.669750899e-02, 4.902782384e-03, -5.575273535e-04];
    let near = s.mul(a, polynomial(s, square, c));
    // e^(a^2) (1 - erf(a)) is smooth in 1 / (1 + a).
    let t = s.div(s.splat(1.0), s.add(a, s.splat(1.0)));
    let p = polynomial(
        s,
        t,
        [
            -1.106656555e-06,
            5.641921163e-01,
            5.650526285e-01,
            2.635480762e-01,
            -1.063003689e-01,
            -1.602892637e+00,
            2.311631441e+00,
            -1.037203193e+00,
        ],
    );
    (near, s.mul(exp_nonpositive(s, s.neg(square)), p))
}

/// The error function, to 2.5 ULP.
#[inline(always)]
pub fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.abs(x);
    let (near, tail) = erf_parts(s, a);
    let y = s.select(s.lt(a, s.splat(1.0)), near, s.sub(s.splat(1.0), tail));
    s.select(s.lt(x, s.splat(0.0)), s.neg(y), y)
}

/// The normal distribution function, `(1 + erf(x / sqrt(2))) / 2`, without cancellation in the lower tail: to 30 ULP from
/// -4 on, to 250 ULP below, where the rounding of the exponential's argument counts.
#[inline(always)]
pub fn normal_cdf<S: Simd>(s: S, x: S::F) -> S::F {
    let (one, half) = (s.splat(1.0), s.splat(0.5));
    let a = s.mul(s.abs(x), s.splat(std::f32::consts::FRAC_1_SQRT_2));
    let (near, tail) = erf_parts(s, a);
    let upper = s.select(s.lt(a, one), s.add(one, near), s.sub(s.splat(2.0), tail));
    let lower = s.select(s.lt(a, one), s.sub(one, near), tail);
    s.mul(half, s.select(s.lt(x, s.splat(0.0)), lower, upper))
}

/// The normal density, `e^(-x^2 / 2) / sqrt(2 pi)`.
#[inline(always)]
pub fn normal_density<S: Simd>(s: S, x: S::F) -> S::F {
    let e = exp_nonpositive(s, s.mul(s.mul(x, x), s.splat(-0.5)));
    s.mul(e, s.splat(0.398_942_28))
}

#[cfg(test)]
pub(crate) mod reference {
    /// The error function in f64: its Taylor series below 3, the continued fraction of its complement above.
    pub(crate) fn erf_f64(x: f64) -> f64 {
        if x.abs() > 3.0 || x.is_nan() {
            return (1.0 - erfc_f64(x.abs())).copysign(x);
        }
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / n as f64;
            sum += term / (2 * n + 1) as f64;
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    pub(crate) fn erfc_f64(x: f64) -> f64 {
        if x.abs() <= 3.0 {
            return 1.0 - erf_f64(x);
        }
        let a = x.abs().min(30.0);
        let mut tail = 0.0;
        for k in (1..200).rev() {
            tail = k as f64 / 2.0 / (a + tail);
        }
        let complement = (-a * a).exp() / (a + tail) / std::f64::consts::PI.sqrt();
        if x.is_nan() {
            x
        } else if x < 0.0 {
            2.0 - complement
        } else {
            complement
        }
    }
}
