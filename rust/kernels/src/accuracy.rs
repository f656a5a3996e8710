//! Every elementary function against float64, over the whole range of float32 and on every instruction set.
//!
//! Programs run kernels with denormals flushed, and so do these tests: denormals count as zero, as arguments and as
//! results.

use crate::Isa;
use crate::activation::tests::{ALL, truth};
use crate::activation::{Unary, forward};
use crate::elementwise::{Binary, binary};
use crate::threads;

/// The numbers at which formulas change, fail or end: zeros, infinities, NaN, denormals, the ends of the range, ...
fn specials() -> Vec<f32> {
    let sizes = [
        0.0,
        f32::INFINITY,
        f32::from_bits(1),
        f32::from_bits(0x007f_ffff),
        1e-40,
        f32::MIN_POSITIVE,
        1e-30,
        1e-20,
        1e-10,
        0.5,
        1.0,
        1.5,
        2.0,
        3.0,
        6.0,
        20.0,
        9.01,
        17.33,
        87.336_54,
        87.5,
        88.722_84,
        88.9,
        100.0,
        104.5,
        9_999.0,
        10_000.0,
        8_388_607.5,
        8_388_609.0,
        16_777_216.0,
        1e9,
        1e10,
        1e20,
        1.844_674_3e19,
        1.844_674_4e19,
        3e38,
        f32::MAX,
    ];
    sizes.into_iter().flat_map(|v: f32| [v, -v]).chain([f32::NAN]).collect()
}

/// Points everywhere: bit patterns at even distances, the neighbours of special numbers and of powers of two, and a
/// dense line through the middle.
fn sweep() -> Vec<f32> {
    let patterns = (0..u32::MAX / 8_191).map(|i| f32::from_bits(i * 8_191)).filter(|v| !v.is_nan());
    let near = |v: f32| (-3i32..=3).map(move |k| f32::from_bits(v.to_bits().wrapping_add_signed(k)));
    let powers = (-149..128).map(|k| 2f64.powi(k) as f32).flat_map(|v| [v, -v]);
    let mut points: Vec<f32> = patterns.chain(specials().into_iter().flat_map(near)).collect();
    points.extend(powers.flat_map(near));
    points.extend((0..400_009).map(|i| (i as f32 / 400_009.0 - 0.5) * 24.0));
    points.extend((0..100_003).map(|i| (i as f32 / 100_003.0 - 0.5) * 220.0));
    points.extend((0..50_021).map(|i| (i as f32 / 50_021.0 - 0.5) * 2e4));
    points.retain(|v| !v.is_nan());
    points.extend(specials());
    points
}

/// How far `y` is from `want` in units in the last place of a float near `want`; infinite if only one is NaN, or they
/// are infinite to two sides. Beyond the largest float infinity counts as 2^128.
fn ulps(y: f32, want: f64) -> f64 {
    if y.is_nan() || want.is_nan() {
        return if y.is_nan() && want.is_nan() { 0.0 } else { f64::INFINITY };
    }
    let end = 2f64.powi(128);
    let (y, want) = (f64::from(y).clamp(-end, end), want.clamp(-end, end));
    let exponent = ((want.abs().min(f64::from(f32::MAX)).to_bits() >> 52) as i32 - 1023).max(-126);
    (y - want).abs() / 2f64.powi(exponent - 23)
}

/// What is stated of a function at `x`: the error in units in the last place, and the absolute one of results that are
/// too small for the first.
fn bounds(kind: Unary, x: f32) -> (f64, f64) {
    let least = f64::from(f32::MIN_POSITIVE);
    match kind {
        Unary::Identity | Unary::Abs | Unary::Negative | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round => {
            (0.0, least)
        }
        Unary::Relu | Unary::Relu6 => (0.0, least),
        Unary::Sqrt | Unary::Square | Unary::Reciprocal | Unary::LeakyRelu(_) => (0.5, least),
        Unary::Log2 | Unary::Log10 | Unary::Exp | Unary::HardSigmoid => (1.0, least),
        Unary::Log => (1.1, least),
        Unary::Expm1 | Unary::Log1p | Unary::Rsqrt | Unary::Elu(_) | Unary::Softsign => (1.6, least),
        Unary::Sigmoid | Unary::Cos | Unary::HardSilu => (2.0, least),
        Unary::Tanh | Unary::Sin | Unary::Erf | Unary::Selu => (2.5, 2.0 * least),
        Unary::Softplus => (3.0, 2.0 * least),
        Unary::Silu => (3.0, 90.0 * least),
        // In the tail the rounding of the exponential's argument counts as often as the argument is large.
        Unary::Gelu | Unary::GeluTanh => (if x > -4.0 { 30.0 } else { 250.0 }, 20.0 * least),
    }
}

const POWER_BOUNDS: (f64, f64) = (1.5, 2.0 * f32::MIN_POSITIVE as f64);

const EXPONENTS: [f32; 24] = [
    0.5,
    -0.5,
    1.0 / 3.0,
    0.25,
    -0.7,
    3.0,
    2.7,
    -3.0,
    5.0,
    0.0,
    1.0,
    -1.0,
    2.0,
    10.0,
    37.3,
    1e4,
    1e-3,
    16_777_217.0,
    -1e10,
    1e10,
    3e38,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
];

/// `f(x)`, where denormals count as zero.
fn wanted(points: &[f32], f: impl Fn(f64) -> f64) -> Vec<f64> {
    let flushed = |x: f32| if x.is_subnormal() { 0f32.copysign(x) } else { x };
    points.iter().map(|&x| f(f64::from(flushed(x)))).collect()
}

/// As a program runs kernels.
fn values(isa: Isa, kind: Unary, x: &[f32]) -> Vec<f32> {
    let mut y = vec![9.0; x.len()];
    threads::with_flush(|| forward(isa, kind, x, &mut y));
    y
}

/// With the exponent as a number, or written out for each element.
fn powers(isa: Isa, x: &[f32], exponent: f32, written_out: bool) -> Vec<f32> {
    let (mut y, exponents) = (vec![9.0; x.len()], vec![exponent; if written_out { x.len() } else { 1 }]);
    let (shape, count) = ([x.len()], [exponents.len()]);
    threads::with_flush(|| binary(isa, Binary::Power, (x, &shape), (&exponents, &count), (&mut y, &shape)));
    y
}

fn check(what: &str, isa: Isa, points: &[f32], got: &[f32], want: &[f64], bounds: impl Fn(f32) -> (f64, f64)) {
    for ((&x, &y), &want) in points.iter().zip(got).zip(want) {
        let (error, (most, least)) = (ulps(y, want), bounds(x));
        let good = error <= most || (f64::from(y) - want).abs() <= least;
        assert!(good, "{what} {} at {x:e}: {y:e}, want {want:e}, {error} ULP", isa.name());
    }
}

#[test]
fn functions_keep_their_stated_errors() {
    let points = sweep();
    for kind in ALL {
        let want = wanted(&points, |x| truth(kind, x));
        for isa in Isa::available() {
            check(&format!("{kind:?}"), isa, &points, &values(isa, kind, &points), &want, |x| bounds(kind, x));
        }
    }
    for exponent in EXPONENTS {
        let want = wanted(&points, |x| x.powf(f64::from(exponent)));
        for isa in Isa::available() {
            for written_out in [false, true] {
                let got = powers(isa, &points, exponent, written_out);
                check(&format!("power {exponent}"), isa, &points, &got, &want, |_| POWER_BOUNDS);
            }
        }
    }
}

/// A guard may hold for a lane by accident, and for a vector only if it holds for all: whole vectors of one number.
#[test]
fn whole_vectors_of_a_special_number_are_right() {
    for x in specials() {
        let points = [x; 37];
        for isa in Isa::available() {
            for kind in ALL {
                let want = wanted(&points, |x| truth(kind, x));
                check(&format!("{kind:?}"), isa, &points, &values(isa, kind, &points), &want, |x| bounds(kind, x));
            }
            for exponent in EXPONENTS {
                let want = wanted(&points, |x| x.powf(f64::from(exponent)));
                let got = powers(isa, &points, exponent, true);
                check(&format!("power {exponent}"), isa, &points, &got, &want, |_| POWER_BOUNDS);
            }
        }
    }
}

/// The bits of a lane's result are the same beside any neighbour, and in a vector that the end cuts short.
#[test]
fn results_do_not_depend_on_neighbours() {
    let plain: Vec<f32> = (0..48).map(|i| 0.01 + 0.07 * i as f32).collect();
    for isa in Isa::available() {
        let functions =
            ALL.map(|kind| Box::new(move |x: &[f32]| values(isa, kind, x)) as Box<dyn Fn(&[f32]) -> Vec<f32>>);
        let powers = EXPONENTS.map(|exponent| {
            Box::new(move |x: &[f32]| powers(isa, x, exponent, true)) as Box<dyn Fn(&[f32]) -> Vec<f32>>
        });
        for (index, function) in functions.iter().chain(&powers).enumerate() {
            let same = |a: f32, b: f32| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
            let alone = function(&plain);
            for count in 1..plain.len() {
                let short = function(&plain[..count]);
                assert!(short.iter().zip(&alone).all(|(&a, &b)| same(a, b)), "{} function {index}", isa.name());
            }
            for special in specials() {
                for place in 0..isa.lanes() {
                    let mut mixed = plain.clone();
                    mixed.iter_mut().skip(place).step_by(isa.lanes()).for_each(|x| *x = special);
                    let out = function(&mixed);
                    let kept = |i: usize| i % isa.lanes() == place || same(out[i], alone[i]);
                    assert!((0..out.len()).all(kept), "{} function {index} beside {special:e}", isa.name());
                }
            }
        }
    }
}

#[test]
fn logarithms_of_exact_powers_are_whole() {
    let twos: Vec<f32> = (-126..128).map(|k| 2f64.powi(k) as f32).collect();
    let tens: Vec<f32> = (-37..39).map(|k| 10f64.powi(k) as f32).collect();
    for isa in Isa::available() {
        let whole = |y: Vec<f32>, first: i32| y.iter().enumerate().all(|(i, &y)| y == (first + i as i32) as f32);
        assert!(whole(values(isa, Unary::Log2, &twos), -126), "{}", isa.name());
        assert!(whole(values(isa, Unary::Log10, &tens), -37), "{}", isa.name());
    }
}
