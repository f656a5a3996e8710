//! Arithmetic, comparisons and choice, element by element, with NumPy's broadcasting.

use crate::activation::{self, Unary};
use crate::broadcast::Broadcast;
use crate::simd::map::{Lane2, Lane3, map_from_scalar, map_scalar, map2, map3};
use crate::simd::math;
use crate::simd::{Isa, Kernel, Simd};
use crate::threads;

/// Elements of one task, and what an element costs in multiply-adds: these loops wait for memory.
const CHUNK: usize = 8_192;
const COST: usize = 2;
const POWER_COST: usize = 8;

/// An operation of two operands. Comparisons give 1 or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// The larger; NaN where either is NaN.
    Maximum,
    /// The smaller; NaN where either is NaN.
    Minimum,
    Power,
    /// The largest integer not above the quotient, as Python's `//`.
    FloorDivide,
    /// What that leaves over, with the sign of the divisor, as Python's `%`; NaN where the divisor is zero.
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    /// For gradients, `a` from above times the slope `b`: 0 where `a` is, whatever the slope. What was not chosen, as by
    /// `where`, has no part in a gradient, be it infinite or NaN.
    Chain,
    /// [`Binary::Chain`] with the slope `1 / b`.
    ChainDivide,
    /// `b a^(b - 1)`, the slope of `a^b` by a; 0 where `b` is, and for `0 < b < 1` also where `a` is: there it is infinite.
    PowerSlope,
    /// `a ln(b)`, the slope of `a = b^c` by c; 0 where `a` is 0 or `b` is not above.
    PowerLog,
}

/// `a % b` as Python has it. Exact: the quotient never rounds.
fn remainder(a: f32, b: f32) -> f32 {
    let rest = a % b;
    match rest == 0.0 {
        true => rest.copysign(b),
        false if (rest < 0.0) != (b < 0.0) => rest + b,
        false => rest,
    }
}

/// `a // b` as Python and NumPy have it: by way of the remainder, for `a / b` may round up to a whole number.
fn floor_divide(a: f32, b: f32) -> f32 {
    if b == 0.0 {
        return a / b;
    }
    let rest = a % b;
    let quotient = (a - rest) / b;
    let quotient = if rest != 0.0 && (rest < 0.0) != (b < 0.0) { quotient - 1.0 } else { quotient };
    match quotient == 0.0 {
        true => 0.0f32.copysign(a / b),
        // Whole but for its last rounding.
        false => quotient.round(),
    }
}

/// A function of two numbers that has no vector form, lane by lane.
#[inline(always)]
fn by_lane<S: Simd>(s: S, a: S::F, b: S::F, f: fn(f32, f32) -> f32) -> S::F {
    let (mut lanes, divisors) = (s.to_array(a), s.to_array(b));
    for (lane, divisor) in lanes.iter_mut().zip(divisors).take(S::LANES) {
        *lane = f(*lane, divisor);
    }
    s.load(&lanes)
}

impl Lane2 for Binary {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, a: S::F, b: S::F) -> S::F {
        let (one, zero) = (s.splat(1.0), s.splat(0.0));
        match self {
            Binary::Add => s.add(a, b),
            Binary::Subtract => s.sub(a, b),
            Binary::Multiply => s.mul(a, b),
            Binary::Divide => s.div(a, b),
            Binary::Maximum => s.max(a, b),
            Binary::Minimum => s.min(a, b),
            Binary::Power => math::power(s, a, b),
            Binary::FloorDivide => by_lane(s, a, b, floor_divide),
            Binary::Remainder => by_lane(s, a, b, remainder),
            Binary::Equal => s.select(s.eq(a, b), one, zero),
            Binary::NotEqual => s.select(s.eq(a, b), zero, one),
            Binary::Less => s.select(s.lt(a, b), one, zero),
            Binary::LessEqual => s.select(s.le(a, b), one, zero),
            Binary::Greater => s.select(s.lt(b, a), one, zero),
            Binary::GreaterEqual => s.select(s.le(b, a), one, zero),
            Binary::Chain => s.select(s.eq(a, zero), a, s.mul(a, b)),
            Binary::ChainDivide => s.select(s.eq(a, zero), a, s.div(a, b)),
            Binary::PowerSlope => {
                let root = s.and(s.eq(a, zero), s.and(s.lt(zero, b), s.lt(b, one)));
                let slope = s.mul(b, math::power(s, a, s.sub(b, one)));
                s.select(s.or(s.eq(b, zero), root), zero, slope)
            }
            Binary::PowerLog => {
                let flat = s.or(s.eq(a, zero), s.le(b, zero));
                s.select(flat, zero, s.mul(a, math::ln(s, b)))
            }
        }
    }
}

/// `out = a op b`, where each shape broadcasts to `out_shape`.
pub fn binary(
    isa: Isa,
    op: Binary,
    (a, a_shape): (&[f32], &[usize]),
    (b, b_shape): (&[f32], &[usize]),
    (out, out_shape): (&mut [f32], &[usize]),
) {
    assert_eq!(a.len(), a_shape.iter().product(), "binary: length of a");
    assert_eq!(b.len(), b_shape.iter().product(), "binary: length of b");
    assert_eq!(out.len(), out_shape.iter().product(), "binary: length of out");
    let plan = Broadcast::new([a_shape, b_shape], out_shape);
    if op == Binary::Power && b.len() == 1 {
        // The usual exponents need no logarithm.
        match b[0] {
            2.0 => return activation::forward(isa, Unary::Square, a, out),
            1.0 => return out.copy_from_slice(a),
            -1.0 => return activation::forward(isa, Unary::Reciprocal, a, out),
            _ => {}
        }
    }
    if op == Binary::PowerSlope && b.len() == 1 && [1.0, 2.0, 3.0].contains(&b[0]) {
        binary(isa, Binary::Power, (a, a_shape), (&[b[0] - 1.0], b_shape), (out, out_shape));
        return threads::for_each_chunk(out, CHUNK, CHUNK * COST, |_, out| out.iter_mut().for_each(|y| *y *= b[0]));
    }
    let cost = match op {
        Binary::Power | Binary::PowerSlope | Binary::PowerLog => POWER_COST,
        Binary::FloorDivide | Binary::Remainder => POWER_COST,
        _ => COST,
    };
    let plan = &plan;
    threads::for_each_chunk(out, CHUNK, CHUNK * cost, |i, out| {
        isa.run(BinaryChunk { op, plan, a, b, start: i * CHUNK, out });
    });
}

struct BinaryChunk<'a> {
    op: Binary,
    plan: &'a Broadcast<2>,
    a: &'a [f32],
    b: &'a [f32],
    /// The place in the whole output where `out` begins.
    start: usize,
    out: &'a mut [f32],
}

impl BinaryChunk<'_> {
    #[inline(always)]
    fn rows<S: Simd>(self, s: S, op: Binary) {
        let BinaryChunk { plan, a, b, start, out, .. } = self;
        let mut rows = plan.rows_from(start / plan.inner);
        let mut column = start % plan.inner;
        let mut rest = out;
        while !rest.is_empty() {
            let n = rest.len().min(plan.inner - column);
            let (out, after) = rest.split_at_mut(n);
            let [a, b] = [&a[rows.offset[0]..], &b[rows.offset[1]..]];
            match plan.repeats {
                [false, false] => map2(s, op, &a[column..][..n], &b[column..][..n], out),
                [false, true] => map_scalar(s, op, &a[column..][..n], b[0], out),
                [true, _] => map_from_scalar(s, op, a[0], &b[column..][..n], out),
            }
            (rest, column) = (after, 0);
            rows.advance();
        }
    }
}

impl Kernel for BinaryChunk<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // Each arm names its operation, so that each is compiled to a loop of its own.
        match self.op {
            Binary::Add => self.rows(s, Binary::Add),
            Binary::Subtract => self.rows(s, Binary::Subtract),
            Binary::Multiply => self.rows(s, Binary::Multiply),
            Binary::Divide => self.rows(s, Binary::Divide),
            Binary::Maximum => self.rows(s, Binary::Maximum),
            Binary::Minimum => self.rows(s, Binary::Minimum),
            Binary::Power => self.rows(s, Binary::Power),
            Binary::FloorDivide => self.rows(s, Binary::FloorDivide),
            Binary::Remainder => self.rows(s, Binary::Remainder),
            Binary::Equal => self.rows(s, Binary::Equal),
            Binary::NotEqual => self.rows(s, Binary::NotEqual),
            Binary::Less => self.rows(s, Binary::Less),
            Binary::LessEqual => self.rows(s, Binary::LessEqual),
            Binary::Greater => self.rows(s, Binary::Greater),
            Binary::GreaterEqual => self.rows(s, Binary::GreaterEqual),
            Binary::Chain => self.rows(s, Binary::Chain),
            Binary::ChainDivide => self.rows(s, Binary::ChainDivide),
            Binary::PowerSlope => self.rows(s, Binary::PowerSlope),
            Binary::PowerLog => self.rows(s, Binary::PowerLog),
        }
    }
}

/// `out = condition ? a : b`, where each shape broadcasts to `out_shape`; a condition holds where it is not zero.
pub fn choose(
    isa: Isa,
    (condition, condition_shape): (&[f32], &[usize]),
    (a, a_shape): (&[f32], &[usize]),
    (b, b_shape): (&[f32], &[usize]),
    (out, out_shape): (&mut [f32], &[usize]),
) {
    assert_eq!(condition.len(), condition_shape.iter().product(), "choose: length of the condition");
    assert_eq!(a.len(), a_shape.iter().product(), "choose: length of a");
    assert_eq!(b.len(), b_shape.iter().product(), "choose: length of b");
    assert_eq!(out.len(), out_shape.iter().product(), "choose: length of out");
    let plan = &Broadcast::new([condition_shape, a_shape, b_shape], out_shape);
    threads::for_each_chunk(out, CHUNK, CHUNK * COST, |i, out| {
        isa.run(ChooseChunk { plan, operands: [condition, a, b], start: i * CHUNK, out });
    });
}

struct ChooseChunk<'a> {
    plan: &'a Broadcast<3>,
    operands: [&'a [f32]; 3],
    start: usize,
    out: &'a mut [f32],
}

#[derive(Clone, Copy)]
struct Choose;

impl Lane3 for Choose {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, condition: S::F, a: S::F, b: S::F) -> S::F {
        s.select(s.eq(condition, s.splat(0.0)), b, a)
    }
}

impl Kernel for ChooseChunk<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let ChooseChunk { plan, operands, start, out } = self;
        let mut rows = plan.rows_from(start / plan.inner);
        let mut column = start % plan.inner;
        // An operand that repeats along the row is written out once, a block long.
        const BLOCK: usize = 128;
        let mut filled = [[0.0f32; BLOCK]; 3];
        let mut rest = out;
        while !rest.is_empty() {
            let n = rest.len().min(plan.inner - column);
            let (out, after) = rest.split_at_mut(n);
            for k in (0..3).filter(|&k| plan.repeats[k]) {
                filled[k][..n.min(BLOCK)].fill(operands[k][rows.offset[k]]);
            }
            for (block, out) in out.chunks_mut(BLOCK).enumerate() {
                let part = |k: usize| match plan.repeats[k] {
                    true => &filled[k][..out.len()],
                    false => &operands[k][rows.offset[k] + column + block * BLOCK..][..out.len()],
                };
                map3(s, Choose, part(0), part(1), part(2), out);
            }
            (rest, column) = (after, 0);
            rows.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Binary; 19] = [
        Binary::Add,
        Binary::Subtract,
        Binary::Multiply,
        Binary::Divide,
        Binary::Maximum,
        Binary::Minimum,
        Binary::Power,
        Binary::FloorDivide,
        Binary::Remainder,
        Binary::Equal,
        Binary::NotEqual,
        Binary::Less,
        Binary::LessEqual,
        Binary::Greater,
        Binary::GreaterEqual,
        Binary::Chain,
        Binary::ChainDivide,
        Binary::PowerSlope,
        Binary::PowerLog,
    ];

    fn truth(op: Binary, a: f32, b: f32) -> f32 {
        let nan = a.is_nan() || b.is_nan();
        match op {
            Binary::Add => a + b,
            Binary::Subtract => a - b,
            Binary::Multiply => a * b,
            Binary::Divide => a / b,
            Binary::Maximum => {
                if nan {
                    f32::NAN
                } else {
                    a.max(b)
                }
            }
            Binary::Minimum => {
                if nan {
                    f32::NAN
                } else {
                    a.min(b)
                }
            }
            Binary::Power => a.powf(b),
            // Quotients of numbers with few digits are exact in float64.
            Binary::FloorDivide if a.is_infinite() && b != 0.0 => f32::NAN,
            Binary::FloorDivide if b.is_infinite() && a.is_finite() => -f32::from(a != 0.0 && (a < 0.0) != (b < 0.0)),
            Binary::FloorDivide => (f64::from(a) / f64::from(b)).floor() as f32,
            Binary::Remainder => {
                let (a, b) = (f64::from(a), f64::from(b));
                match b.is_infinite() && a.is_finite() {
                    true if a == 0.0 || (a < 0.0) == (b < 0.0) => a as f32,
                    true => b as f32,
                    false => (a - (a / b).floor() * b) as f32,
                }
            }
            Binary::Equal => f32::from(a == b),
            Binary::NotEqual => f32::from(a != b),
            Binary::Less => f32::from(a < b),
            Binary::LessEqual => f32::from(a <= b),
            Binary::Greater => f32::from(a > b),
            Binary::GreaterEqual => f32::from(a >= b),
            Binary::Chain | Binary::ChainDivide if a == 0.0 => 0.0,
            Binary::Chain => a * b,
            Binary::ChainDivide => a / b,
            Binary::PowerSlope if b == 0.0 || (a == 0.0 && 0.0 < b && b < 1.0) => 0.0,
            Binary::PowerSlope => b * a.powf(b - 1.0),
            Binary::PowerLog if a == 0.0 || b <= 0.0 => 0.0,
            Binary::PowerLog => a * b.ln(),
        }
    }

    /// The index in an operand of the output's element `flat`: the slow, plain rule.
    fn place(mut flat: usize, output: &[usize], shape: &[usize]) -> usize {
        let (mut index, mut stride) = (0, 1);
        for axis in 0..output.len() {
            let i = flat % output[output.len() - 1 - axis];
            flat /= output[output.len() - 1 - axis];
            if axis < shape.len() {
                let n = shape[shape.len() - 1 - axis];
                index += if n == 1 { 0 } else { i * stride };
                stride *= n;
            }
        }
        index
    }

    fn values(n: usize, seed: usize) -> Vec<f32> {
        let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0];
        let value = |i: usize| match (i * 7 + seed) % 11 {
            k @ 0..5 if (i + seed).is_multiple_of(3) => special[k],
            k => ((i * 31 + seed * 17) % 13) as f32 * 0.75 - 4.0 + k as f32,
        };
        (0..n).map(value).collect()
    }

    /// Powers are good to some units in the last place (see `simd::math`), everything else to the bit.
    fn same(a: &[f32], b: &[f32]) -> bool {
        let near = |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 4e-7 * b.abs();
        a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| near(a, b))
    }

    type Case = (&'static [usize], &'static [usize], &'static [usize]);
    const CASES: [Case; 14] = [
        (&[], &[], &[]),
        (&[0], &[1], &[0]),
        (&[2, 0, 3], &[3], &[2, 0, 3]),
        (&[1], &[1, 1], &[1, 1]),
        (&[17], &[17], &[17]),
        (&[5, 7], &[], &[5, 7]),
        (&[], &[5, 33], &[5, 33]),
        (&[9, 10], &[10], &[9, 10]),
        (&[9, 10], &[9, 1], &[9, 10]),
        (&[9, 1], &[1, 31], &[9, 31]),
        (&[2, 3, 1, 5], &[3, 4, 1], &[2, 3, 4, 5]),
        (&[2, 1, 3, 1, 2, 1, 3, 2], &[1, 2, 1, 3, 1, 2, 1, 2], &[2, 2, 3, 3, 2, 2, 3, 2]),
        (&[300, 129], &[129], &[300, 129]),
        (&[3, 1], &[1, 12_347], &[3, 12_347]),
    ];

    #[test]
    fn every_operation_broadcasts_as_the_plain_rule_says() {
        for isa in Isa::available() {
            for (a_shape, b_shape, out_shape) in CASES {
                let (a, b) = (values(a_shape.iter().product(), 1), values(b_shape.iter().product(), 5));
                for op in ALL {
                    let mut out = vec![9.0; out_shape.iter().product()];
                    binary(isa, op, (&a, a_shape), (&b, b_shape), (&mut out, out_shape));
                    let want: Vec<f32> = (0..out.len())
                        .map(|i| truth(op, a[place(i, out_shape, a_shape)], b[place(i, out_shape, b_shape)]))
                        .collect();
                    assert!(same(&out, &want), "{op:?} {a_shape:?} {b_shape:?} {}", isa.name());
                }
            }
        }
    }

    #[test]
    fn quotients_and_remainders_are_pythons() {
        // (a, b, a // b, a % b) as Python and NumPy have them.
        let cases = [
            (7.0, 2.0, 3.0, 1.0),
            (-7.0, 2.0, -4.0, 1.0),
            (7.0, -2.0, -4.0, -1.0),
            (-7.0, -2.0, 3.0, -1.0),
            // 1 / 0.1f is 10 when rounded, but 0.1f is above 0.1.
            (1.0, 0.1, 9.0, 1.0 % 0.1f32),
            (16_777_215.0, 2.0, 8_388_607.0, 1.0),
            (0.0, 3.0, 0.0, 0.0),
            (5.0, f32::INFINITY, 0.0, 5.0),
            (-5.0, f32::INFINITY, -1.0, f32::INFINITY),
            (5.0, 0.0, f32::INFINITY, f32::NAN),
            (0.0, 0.0, f32::NAN, f32::NAN),
            (f32::NAN, 2.0, f32::NAN, f32::NAN),
            (f32::INFINITY, 2.0, f32::NAN, f32::NAN),
        ];
        let column = |f: fn(&(f32, f32, f32, f32)) -> f32| cases.iter().map(f).collect::<Vec<f32>>();
        let (a, b) = (column(|case| case.0), column(|case| case.1));
        for (op, want) in [(Binary::FloorDivide, column(|case| case.2)), (Binary::Remainder, column(|case| case.3))] {
            for isa in Isa::available() {
                let mut out = vec![9.0; a.len()];
                binary(isa, op, (&a, &[a.len()]), (&b, &[a.len()]), (&mut out, &[a.len()]));
                assert!(same(&out, &want), "{op:?} {out:?} {want:?} {}", isa.name());
            }
        }
    }

    #[test]
    fn choice_broadcasts_and_takes_nan_for_true() {
        for isa in Isa::available() {
            for (a_shape, b_shape, out_shape) in CASES {
                for condition_shape in [out_shape, a_shape, b_shape] {
                    let condition = values(condition_shape.iter().product(), 3);
                    let (a, b) = (values(a_shape.iter().product(), 1), values(b_shape.iter().product(), 5));
                    let mut out = vec![9.0; out_shape.iter().product()];
                    choose(isa, (&condition, condition_shape), (&a, a_shape), (&b, b_shape), (&mut out, out_shape));
                    let at = |v: &[f32], shape, i| v[place(i, out_shape, shape)];
                    let want: Vec<f32> = (0..out.len())
                        .map(|i| match at(&condition, condition_shape, i) != 0.0 {
                            true => at(&a, a_shape, i),
                            false => at(&b, b_shape, i),
                        })
                        .collect();
                    assert!(same(&out, &want), "{condition_shape:?} {a_shape:?} {b_shape:?}");
                }
            }
        }
    }

    /// Every pair of the numbers at which powers and their slopes have limits of their own, in every lane.
    #[test]
    fn slopes_at_the_corners() {
        let corners =
            [0.0, -0.0, 0.5, 1.0, 2.0, 3.0, -1.0, -2.0, 1e-30, 1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        let pairs: Vec<(f32, f32)> = corners.iter().flat_map(|&a| corners.map(|b| (a, b))).collect();
        let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
        let n = a.len();
        for isa in Isa::available() {
            for op in [Binary::Chain, Binary::ChainDivide, Binary::PowerSlope, Binary::PowerLog] {
                let mut out = vec![9.0; n];
                binary(isa, op, (&a, &[n]), (&b, &[n]), (&mut out, &[n]));
                let want: Vec<f32> = a.iter().zip(&b).map(|(&a, &b)| truth(op, a, b)).collect();
                for i in 0..n {
                    assert!(same(&out[i..=i], &want[i..=i]), "{op:?} {} {}: {} {}", a[i], b[i], out[i], want[i]);
                    let mut one = [9.0];
                    binary(isa, op, (&a[i..=i], &[1]), (&b[i..=i], &[]), (&mut one, &[1]));
                    assert!(same(&one, &want[i..=i]), "{op:?} {} by the number {}: {one:?}", a[i], b[i]);
                }
            }
        }
    }

    #[test]
    fn usual_exponents_give_what_the_general_one_gives() {
        let a: Vec<f32> = (1..40).map(|i| i as f32 * 0.37 - 5.0).collect();
        for isa in Isa::available() {
            for exponent in [2.0, 1.0, -1.0, 3.0] {
                let mut out = vec![0.0; a.len()];
                binary(isa, Binary::Power, (&a, &[a.len()]), (&[exponent], &[]), (&mut out, &[a.len()]));
                let close = |(&y, &x): (&f32, &f32)| (y - x.powf(exponent)).abs() <= 2e-7 * y.abs();
                assert!(out.iter().zip(&a).all(close));
            }
        }
    }
}
