//! What the tests of all recurrences share: sizes, masks, and gradients by differences of a reference in f64.

use super::Sequence;
use crate::{Isa, threads};

pub struct Case {
    pub batch: usize,
    pub steps: usize,
    pub units: usize,
    backwards: bool,
    mask: Option<Vec<f32>>,
    dropout: Option<Vec<f32>>,
}

/// Arrays in f64 whose numbers are f32's.
pub struct Inputs(Vec<Vec<f64>>);

impl Inputs {
    pub fn singles<const N: usize>(&self) -> [Vec<f32>; N] {
        std::array::from_fn(|i| self.0[i].iter().map(|&v| v as f32).collect())
    }
}

pub fn zeros(len: usize) -> Vec<f32> {
    vec![0.0; len]
}

/// Numbers between -1 and 1.
fn numbers(len: usize, seed: usize) -> impl Iterator<Item = f32> {
    (0..len)
        .map(move |i| ((i * 2 + seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 41) as f32 / (1 << 22) as f32 - 1.0)
}

impl Case {
    pub fn sequence(&self) -> Sequence<'_> {
        let Case { batch, steps, units, backwards, .. } = *self;
        let (mask, dropout) = (self.mask.as_deref(), self.dropout.as_deref());
        Sequence { batch, steps, units, backwards, mask, dropout }
    }
    pub fn len(&self, gates: usize) -> usize {
        self.batch * self.steps * gates * self.units
    }
    pub fn state(&self) -> usize {
        self.batch * self.units
    }
    /// The place in time of a step, and whether it counts: said again here, for the kernels' own rule is under test.
    pub fn time(&self, step: usize) -> usize {
        if self.backwards { self.steps - 1 - step } else { step }
    }
    pub fn seen(&self, row: usize, time: usize) -> bool {
        self.mask.as_ref().is_none_or(|mask| mask[row * self.steps + time] == 1.0)
    }
    pub fn factor(&self, row: usize, unit: usize) -> f64 {
        self.dropout.as_ref().map_or(1.0, |dropout| f64::from(dropout[row * self.units + unit]))
    }
    pub fn inputs(&self, lens: &[usize]) -> Inputs {
        let arrays = lens.iter().enumerate();
        Inputs(arrays.map(|(seed, &len)| numbers(len, 97 * seed).map(f64::from).collect()).collect())
    }
    /// What each output counts in the loss.
    pub fn weights(&self, len: usize) -> Vec<f32> {
        numbers(len, 1009).collect()
    }
}

/// Runs `check` on every size, direction, mask and dropout, on every instruction set, and demands the same bits of what
/// it returns for any number of threads.
pub fn each(gates: usize, check: impl Fn(&Case, Isa) -> Vec<f32>) {
    let sizes = [(1, 1, 1), (3, 4, 5), (2, 3, 16), (33, 5, 9), (19, 2, 35), (0, 3, 2), (2, 0, 3), (2, 3, 0)];
    for (batch, steps, units) in sizes {
        for (backwards, masked, dropped) in [(false, false, false), (true, true, false), (false, true, true)] {
            let mask = masked.then(|| (0..batch * steps).map(|i| f32::from(i * 7 % 5 % 3 != 1)).collect());
            let dropout = dropped.then(|| (0..batch * units).map(|i| (i * 5 % 3) as f32 * 0.75).collect());
            let case = Case { batch, steps, units, backwards, mask, dropout };
            for isa in Isa::available() {
                let mut bits = Vec::new();
                for count in [1, 2, 3, 5] {
                    threads::set_count(count);
                    bits.push(check(&case, isa).iter().map(|v| v.to_bits()).collect::<Vec<_>>());
                }
                assert!(bits.iter().all(|got| *got == bits[0]), "{gates} gates, {batch} x {steps} x {units}, {isa:?}");
            }
        }
    }
    threads::set_count(0);
}

/// The sum over all steps of the outer products of two rows: a recurrent kernel's gradient.
pub fn outer(left: &[f32], right: &[f32], units: usize, columns: usize) -> Vec<f32> {
    let rows = left.len() / units.max(1);
    let mut sums = vec![0.0f64; units * columns];
    for row in 0..rows {
        for k in 0..units {
            for column in 0..columns {
                sums[k * columns + column] +=
                    f64::from(left[row * units + k]) * f64::from(right[row * columns + column]);
            }
        }
    }
    sums.iter().map(|&v| v as f32).collect()
}

/// Compares states with the reference's, and gradients of `sum(dy * states)` with its differences: of small cases each
/// number, of others their sum in two directions.
pub fn agree<const N: usize>(
    case: &Case,
    inputs: &Inputs,
    dy: &[f32],
    reference: impl Fn(&[Vec<f64>]) -> Vec<f64>,
    states: &[f32],
    gradients: [&[f32]; N],
) {
    let wanted = reference(&inputs.0);
    assert_eq!(wanted.len(), states.len());
    let near = |got: f64, want: f64| (got - want).abs() <= 2e-5 * (1.0 + want.abs());
    assert!(states.iter().zip(&wanted).all(|(&got, &want)| near(f64::from(got), want)), "states");
    let loss = |x: &[Vec<f64>]| reference(x).iter().zip(dy).map(|(y, &d)| y * f64::from(d)).sum::<f64>();
    let step = 1e-5;
    let slope = |input: usize, direction: &dyn Fn(usize) -> f64| {
        let moved = |by: f64| {
            let mut x = inputs.0.clone();
            x[input].iter_mut().enumerate().for_each(|(i, v)| *v += by * direction(i));
            loss(&x)
        };
        (moved(step) - moved(-step)) / (2.0 * step)
    };
    for (input, found) in gradients.iter().enumerate() {
        let all = inputs.0[input].len();
        assert_eq!(found.len(), all);
        if case.len(1) <= 60 {
            for at in 0..all {
                let want = slope(input, &|i| f64::from(i == at));
                assert!(near(f64::from(found[at]), want), "gradient of input {input} at {at}: {} {want}", found[at]);
            }
        } else {
            for seed in [5, 6] {
                let direction: Vec<f64> = numbers(all, seed).map(f64::from).collect();
                let got: f64 = found.iter().zip(&direction).map(|(&g, d)| f64::from(g) * d).sum();
                let want = slope(input, &|i| direction[i]);
                assert!((got - want).abs() <= 1e-4 * (1.0 + want.abs()), "gradient of input {input}: {got} {want}");
            }
        }
    }
}
