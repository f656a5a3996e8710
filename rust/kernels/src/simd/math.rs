//! Exponential, logarithm and their kin on vectors: branch-free, within about 4 units in the last place.
//!
//! The polynomials are minimax fits of our own, made in extended precision and rounded from the lowest power up.

// The coefficients are written as they were printed, with the nine digits that fix a float.
#![allow(clippy::excessive_precision)]

use super::Simd;

const LN2_HIGH: f32 = 0.693_359_375;
const LN2_LOW: f32 = -2.121_944_4e-4;
/// The logarithms of the smallest normal float and of the largest float.
const EXP_LOW: f32 = -87.336_54;
const EXP_HIGH: f32 = 88.722_84;

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

/// `e^x`; results below the smallest normal float are zero.
#[inline(always)]
pub fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    let y = exp_clamped(s, clamp(s, x, EXP_LOW, EXP_HIGH));
    let y = s.select(s.lt(x, s.splat(EXP_LOW)), s.splat(0.0), y);
    s.select(s.lt(s.splat(EXP_HIGH), x), s.splat(f32::INFINITY), y)
}

/// `e^x` for `x <= 0`, as softmax needs it.
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

/// `e^x - 1`, exact to the last places near zero.
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
    let (m, e) = s.split_exponent(x);
    let c = s.lookup(&INVERSE, m);
    let mut r = s.mul_add(m, c, s.splat(-1.0));
    if let Some((lanes, lost)) = lost {
        r = s.select(lanes, s.mul_add(s.scale_pow2(lost, s.neg(e)), c, r), r);
    }
    // Zero and infinity come out of their exponents, which are infinite.
    let (whole, rest) = ln_of_parts(s, m, e);
    let y = s.add(whole, s.add(rest, s.mul_add(s.mul(r, r), ln_near_entry(s, r), r)));
    s.select(s.lt(x, s.splat(0.0)), s.splat(f32::NAN), y)
}

/// The natural logarithm: minus infinity at zero, NaN below.
#[inline(always)]
pub fn ln<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    if S::LOOKUP {
        return ln_by_table(s, x, None);
    }
    // Denormals are brought into the normal range by 2^23.
    let small = s.lt(x, s.splat(f32::MIN_POSITIVE));
    let (m, e) = s.split_exponent(s.select(small, s.mul(x, s.splat(8_388_608.0)), x));
    let e = s.select(small, s.sub(e, s.splat(23.0)), e);
    let upper = s.lt(s.splat(std::f32::consts::SQRT_2), m);
    let m = s.select(upper, s.mul(m, s.splat(0.5)), m);
    let e = s.select(upper, s.add(e, one), e);
    let f = s.sub(m, one);
    // The pieces are added from the smallest up: e * LN2_LOW, then ln(1 + f), then e * LN2_HIGH, which is exact.
    let y = s.add(ln_near_one(s, f), s.mul(e, s.splat(LN2_LOW)));
    let y = s.mul_add(e, s.splat(LN2_HIGH), y);
    let y = s.select(s.eq(x, s.splat(0.0)), s.splat(f32::NEG_INFINITY), y);
    // NaN and plus infinity are their own logarithms.
    let y = s.select(s.lt(x, s.splat(f32::INFINITY)), y, x);
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

/// For positive normal `x`: `x^y` where the exponent `y ln x` is within -87..=87, and that exponent.
#[inline(always)]
fn power_moderate<S: Simd>(s: S, x: S::F, y: S::F) -> (S::F, S::F) {
    let one = s.splat(1.0);
    let (high, low) = ln_double(s, x);
    let p = s.mul(y, high);
    let p_low = s.mul_add(y, low, s.mul_add(y, high, s.neg(p)));
    let exponent = s.add(p, p_low);
    let n = s.round(s.mul(exponent, s.splat(std::f32::consts::LOG2_E)));
    // The first step is exact, so that what the second float adds is not lost.
    let r = s.add(s.mul_add(n, s.splat(-LN2_HIGH), p), p_low);
    let t = exp_near_zero(s, s.mul_add(n, s.splat(-LN2_LOW), r));
    (s.scale_pow2(s.add(t, one), n), exponent)
}

/// `x^y`, as the standard library's `powf`, but that results below the smallest normal float may be zero.
#[inline(always)]
pub fn power<S: Simd>(s: S, x: S::F, y: S::F) -> S::F {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let (least, infinity) = (s.splat(f32::MIN_POSITIVE), s.splat(f32::INFINITY));
    let absolute = s.abs(x);
    let (size, exponent) = power_moderate(s, absolute, y);
    // Nearly always: a positive number, and its power far from the ends of the range.
    let simple = s.and(s.le(least, x), s.le(s.abs(exponent), s.splat(87.0)));
    if S::FUSED && s.first(s.not(simple)) == S::LANES {
        return size;
    }
    let size = s.select(s.lt(exponent, s.splat(EXP_LOW)), zero, size);
    let size = s.select(s.lt(s.splat(EXP_HIGH), exponent), infinity, size);
    // Negative numbers have whole powers only.
    let whole = s.eq(s.round(y), y);
    let half = s.mul(y, s.splat(0.5));
    let odd = s.and(whole, s.not(s.eq(s.round(half), half)));
    let below = s.select(odd, s.neg(size), s.select(whole, size, s.splat(f32::NAN)));
    let result = s.select(s.lt(x, zero), below, size);
    let at_zero = s.select(s.eq(y, zero), one, s.select(odd, x, zero));
    let result = s.select(s.eq(x, zero), at_zero, result);
    // A lane's result must not depend on its neighbours.
    let normal = s.and(s.le(least, absolute), s.lt(absolute, infinity));
    let usual = s.or(normal, s.and(s.eq(x, zero), s.le(zero, y)));
    let usual = s.and(usual, s.le(s.abs(y), s.splat(1e9)));
    if S::FUSED && s.first(s.not(usual)) == S::LANES {
        return result;
    }
    let (mut lanes, exponents) = (s.to_array(x), s.to_array(y));
    for i in 0..S::LANES {
        lanes[i] = lanes[i].powf(exponents[i]);
    }
    let exact = s.load(&lanes);
    if S::FUSED { s.select(usual, result, exact) } else { exact }
}

/// `ln(1 + x)`, exact to the last places near zero.
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

/// `ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)`.
#[inline(always)]
pub fn softplus<S: Simd>(s: S, x: S::F) -> S::F {
    let e = exp_nonpositive(s, s.neg(s.abs(x)));
    s.add(s.max_raw(s.splat(0.0), x), ln_1p_unit(s, e))
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let e = exp_clamped(s, clamp(s, s.neg(x), EXP_LOW, EXP_HIGH));
    let y = s.div(one, s.add(one, e));
    s.select(s.lt(x, s.splat(-EXP_HIGH)), s.splat(0.0), y)
}

/// The hyperbolic tangent, `d / (d + 2)` with `d = e^2x - 1`.
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
    if s.first(s.not(s.lt(s.abs(x), s.splat(TRIGONOMETRIC_LIMIT)))) < S::LANES {
        let mut lanes = s.to_array(x);
        for lane in &mut lanes[..S::LANES] {
            *lane = if shift == 0.0 { lane.sin() } else { lane.cos() };
        }
        return s.load(&lanes);
    }
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
    s.select(s.lt(s.splat(1.5), turn), s.neg(y), y)
}

/// The sine of an angle in radians.
#[inline(always)]
pub fn sin<S: Simd>(s: S, x: S::F) -> S::F {
    sin_shifted(s, x, 0.0)
}

/// The cosine of an angle in radians.
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

/// The error function.
#[inline(always)]
pub fn erf<S: Simd>(s: S, x: S::F) -> S::F {
    let a = s.abs(x);
    let (near, tail) = erf_parts(s, a);
    let y = s.select(s.lt(a, s.splat(1.0)), near, s.sub(s.splat(1.0), tail));
    s.select(s.lt(x, s.splat(0.0)), s.neg(y), y)
}

/// The normal distribution function, `(1 + erf(x / sqrt(2))) / 2`, without cancellation in the lower tail.
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

#[cfg(test)]
mod tests {
    use super::reference::{erf_f64, erfc_f64};
    use super::*;
    use crate::simd::{Isa, Kernel};

    #[derive(Clone, Copy, Debug)]
    enum Function {
        Exp,
        ExpNonpositive,
        ExpM1,
        Ln,
        Ln1p,
        Softplus,
        Sigmoid,
        Tanh,
        Erf,
        NormalCdf,
        Sin,
        Cos,
        Power(f32),
    }

    struct Apply<'a>(Function, &'a [f32], &'a mut [f32]);

    impl Kernel for Apply<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            for (x, y) in self.1.chunks(S::LANES).zip(self.2.chunks_mut(S::LANES)) {
                let x = s.load_head(x);
                let result = match self.0 {
                    Function::Exp => exp(s, x),
                    Function::ExpNonpositive => exp_nonpositive(s, x),
                    Function::ExpM1 => exp_m1(s, x),
                    Function::Ln => ln(s, x),
                    Function::Ln1p => ln_1p(s, x),
                    Function::Softplus => softplus(s, x),
                    Function::Sigmoid => sigmoid(s, x),
                    Function::Tanh => tanh(s, x),
                    Function::Erf => erf(s, x),
                    Function::NormalCdf => normal_cdf(s, x),
                    Function::Sin => sin(s, x),
                    Function::Cos => cos(s, x),
                    Function::Power(y) => power(s, x, s.splat(y)),
                };
                s.store_head(y, result);
            }
        }
    }

    fn check(function: Function, points: &[f32], ulps: f64, truth: impl Fn(f64) -> f64) {
        let specials = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-30, -1e-30, 3e38, -3e38];
        let points: Vec<f32> = points.iter().copied().chain(specials).collect();
        for isa in Isa::available() {
            let mut out = vec![0.0; points.len()];
            isa.run(Apply(function, &points, &mut out));
            for (&x, &y) in points.iter().zip(&out) {
                let want = truth(f64::from(x));
                let good = if want.is_nan() {
                    y.is_nan()
                } else if want.is_infinite() || want.abs() > f64::from(f32::MAX) {
                    f64::from(y) == want || (y.is_infinite() && (y > 0.0) == (want > 0.0))
                } else if want.abs() < 2.0 * f64::from(f32::MIN_POSITIVE) {
                    y.abs() <= 4.0 * f32::MIN_POSITIVE
                } else {
                    let unit = f64::from((want as f32).abs()) * f64::from(f32::EPSILON);
                    (f64::from(y) - want).abs() <= ulps * unit
                };
                assert!(good, "{function:?} {} x {x:e}: {y:e}, want {want:e}", isa.name());
            }
        }
    }

    fn line(from: f32, to: f32) -> Vec<f32> {
        (0..=20_011).map(|i| from + (to - from) * (i as f32 / 20_011.0)).collect()
    }

    #[test]
    fn a_power_does_not_depend_on_its_neighbours() {
        let simple: Vec<f32> = (0..64).map(|i| 0.01 + 0.3 * i as f32).collect();
        let odd = [0.0, -0.0, -1.5, f32::NAN, f32::INFINITY, 1e-40, 3e38, f32::MIN_POSITIVE];
        for isa in Isa::available() {
            for y in [0.5, -2.7, 3.0, 30.0, -40.0] {
                let mut alone = vec![0.0; simple.len()];
                isa.run(Apply(Function::Power(y), &simple, &mut alone));
                for place in 0..isa.lanes() {
                    for odd in odd {
                        let mut mixed = simple.clone();
                        mixed.iter_mut().skip(place).step_by(isa.lanes()).for_each(|x| *x = odd);
                        let mut out = vec![0.0; mixed.len()];
                        isa.run(Apply(Function::Power(y), &mixed, &mut out));
                        let same = |i: usize| i % isa.lanes() == place || out[i].to_bits() == alone[i].to_bits();
                        assert!((0..out.len()).all(same), "{} {y} beside {odd}", isa.name());
                    }
                }
            }
        }
    }

    #[test]
    fn functions_keep_their_accuracy_over_their_whole_range() {
        let wide = [line(-90.0, 90.0), line(-1.0, 1.0), line(-1e-3, 1e-3), line(-9.0, 9.0)].concat();
        let positive: Vec<f32> = [line(0.0, 3.0), line(0.0, 1e5)]
            .concat()
            .into_iter()
            .chain((0..8000).map(|i| f32::from_bits(0x0080_0000 + i * 266_000)))
            .collect();
        check(Function::Exp, &wide, 2.0, f64::exp);
        let nonpositive = |x: f64| if x > 0.0 { 1.0 } else { x.exp() };
        let below: Vec<f32> = wide.iter().copied().filter(|&x| x <= 0.0).collect();
        for isa in Isa::available() {
            let mut out = vec![0.0; below.len()];
            isa.run(Apply(Function::ExpNonpositive, &below, &mut out));
            let far = |(&x, &y): (&f32, &f32)| (f64::from(y) - nonpositive(f64::from(x))).abs() > 2e-7;
            assert!(!below.iter().zip(&out).any(far));
        }
        check(Function::ExpM1, &wide, 3.0, f64::exp_m1);
        check(Function::Ln, &positive, 2.0, f64::ln);
        check(Function::Ln1p, &[positive.clone(), line(-0.999, 1.0)].concat(), 3.0, f64::ln_1p);
        check(Function::Softplus, &wide, 3.0, |x| if x > 300.0 { x } else { x.exp().ln_1p() });
        check(Function::Sigmoid, &wide, 3.0, |x| 1.0 / (1.0 + (-x).exp()));
        check(Function::Tanh, &wide, 4.0, f64::tanh);
        check(Function::Erf, &wide, 3.0, erf_f64);
        for y in [0.5, -0.5, 1.0 / 3.0, 3.0, 2.7, -3.0, 5.0, 0.0, 1.0, -1.0, 10.0, 37.3, 1e4, -1e10, f32::INFINITY] {
            check(Function::Power(y), &[wide.clone(), positive.clone(), line(0.999, 1.001)].concat(), 3.0, |x| {
                x.powf(f64::from(y))
            });
        }
        check(Function::Power(f32::NAN), &wide, 0.0, |x| x.powf(f64::NAN));
        let angles = [wide.clone(), line(-1.1e4, 1.1e4), line(-1e8, 1e8)].concat();
        check(Function::Sin, &angles, 3.0, f64::sin);
        check(Function::Cos, &angles, 3.0, f64::cos);
        // The lower tail of the distribution is as good as the rounding of x^2 / 2 lets it be.
        let cdf = |x: f64| 0.5 * erfc_f64(-x / 2f64.sqrt());
        check(Function::NormalCdf, &line(-4.0, 9.0), 24.0, cdf);
        check(Function::NormalCdf, &line(-12.0, 9.0), 120.0, cdf);
    }
}
