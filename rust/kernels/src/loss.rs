//! Losses that compare element with element, averaged over the last axis, and their gradients.

use crate::reduce::{Reduce, fold_row};
use crate::simd::map::{Lane2, Lane3, map2, map3};
use crate::simd::{Isa, Kernel, Simd, math};
use crate::threads;

/// Elements of one task, and what one costs in multiply-adds.
const CHUNK: usize = 8_192;
const COST: usize = 6;
/// Elements worked on at a time, small enough to stay in the first cache.
const BLOCK: usize = 512;
/// Rows shorter than this are worked on several at a time.
const SHORT: usize = 32;

const EPSILON: f32 = 1e-7;

/// A loss of one prediction and one target. The definitions are Keras's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    SquaredError,
    AbsoluteError,
    /// `d^2 / 2` up to the given `|d|`, linear beyond.
    Huber(f32),
    /// Of a probability, held within `[1e-7, 1 - 1e-7]`; no gradient passes where it was held.
    BinaryCrossEntropy,
    /// The same of a logit, stable at any size.
    SigmoidCrossEntropy,
}

impl Lane2 for Loss {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, p: S::F, t: S::F) -> S::F {
        let d = s.sub(p, t);
        match self {
            Loss::SquaredError => s.mul(d, d),
            Loss::AbsoluteError => s.abs(d),
            Loss::Huber(delta) => {
                let (size, half) = (s.abs(d), s.splat(0.5));
                let linear = s.mul(s.splat(delta), s.sub(size, s.splat(0.5 * delta)));
                s.select(s.lt(s.splat(delta), size), linear, s.mul(half, s.mul(d, d)))
            }
            Loss::BinaryCrossEntropy => {
                let one = s.splat(1.0);
                let held = hold(s, p);
                let no = s.mul(s.sub(one, t), math::ln(s, s.sub(one, held)));
                s.neg(s.mul_add(t, math::ln(s, held), no))
            }
            // ln(1 + e^p) - p t, in an order in which a large p that is right leaves nothing behind.
            Loss::SigmoidCrossEntropy => {
                let rest = math::softplus(s, s.neg(s.abs(p)));
                s.add(s.sub(s.max_raw(s.splat(0.0), p), s.mul(p, t)), rest)
            }
        }
    }
}

/// `p` within `[1e-7, 1 - 1e-7]`, NaN kept.
#[inline(always)]
fn hold<S: Simd>(s: S, p: S::F) -> S::F {
    s.min_raw(s.splat(1.0 - EPSILON), s.max_raw(s.splat(EPSILON), p))
}

/// The derivative by the prediction, times a weight; 0 where the weight is, whatever the prediction: what a mask leaves
/// out may be NaN.
#[derive(Clone, Copy)]
struct Slope(Loss);

impl Lane3 for Slope {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, p: S::F, t: S::F, weight: S::F) -> S::F {
        let (d, zero, one) = (s.sub(p, t), s.splat(0.0), s.splat(1.0));
        let slope = match self.0 {
            Loss::SquaredError => s.add(d, d),
            Loss::AbsoluteError => s.select(s.lt(zero, d), one, s.select(s.lt(d, zero), s.splat(-1.0), d)),
            Loss::Huber(delta) => s.min_raw(s.splat(delta), s.max_raw(s.splat(-delta), d)),
            Loss::BinaryCrossEntropy => {
                let outside = s.or(s.lt(p, s.splat(EPSILON)), s.lt(s.splat(1.0 - EPSILON), p));
                let held = hold(s, p);
                s.select(outside, zero, s.div(s.sub(held, t), s.mul(held, s.sub(one, held))))
            }
            Loss::SigmoidCrossEntropy => s.sub(math::sigmoid(s, p), t),
        };
        s.select(s.eq(weight, zero), zero, s.mul(slope, weight))
    }
}

/// [`Slope`] with the same weight for every element.
#[derive(Clone, Copy)]
struct Weighted(Loss, f32);

impl Lane2 for Weighted {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, p: S::F, t: S::F) -> S::F {
        Slope(self.0).apply(s, p, t, s.splat(self.1))
    }
}

macro_rules! for_loss {
    ($loss:expr, $l:ident => $body:expr) => {
        match $loss {
            Loss::SquaredError => {
                let $l = Loss::SquaredError;
                $body
            }
            Loss::AbsoluteError => {
                let $l = Loss::AbsoluteError;
                $body
            }
            Loss::Huber(delta) => {
                let $l = Loss::Huber(delta);
                $body
            }
            Loss::BinaryCrossEntropy => {
                let $l = Loss::BinaryCrossEntropy;
                $body
            }
            Loss::SigmoidCrossEntropy => {
                let $l = Loss::SigmoidCrossEntropy;
                $body
            }
        }
    };
}

/// `loss[r]` = the mean over row `r` (of `n`) of the loss of prediction and target; NaN over nothing.
pub fn mean_loss(isa: Isa, kind: Loss, prediction: &[f32], target: &[f32], n: usize, loss: &mut [f32]) {
    assert!(prediction.len() == n * loss.len() && target.len() == prediction.len(), "loss: lengths");
    if n == 0 {
        return loss.fill(f32::NAN);
    }
    let group = (CHUNK / n).max(1);
    threads::for_each_chunk(loss, group, group * n * COST, |i, loss| {
        let part = i * group * n..i * group * n + loss.len() * n;
        isa.run(Forward { kind, prediction: &prediction[part.clone()], target: &target[part], n, loss });
    });
}

struct Forward<'a> {
    kind: Loss,
    prediction: &'a [f32],
    target: &'a [f32],
    n: usize,
    loss: &'a mut [f32],
}

impl Forward<'_> {
    #[inline(always)]
    fn each<S: Simd>(self, s: S, kind: Loss) {
        let Forward { prediction, target, n, loss, .. } = self;
        if n == 1 {
            return map2(s, kind, prediction, target, loss);
        }
        let mut buffer = [0.0; BLOCK];
        if n < SHORT {
            let rows = BLOCK / n;
            let parts = prediction.chunks(rows * n).zip(target.chunks(rows * n));
            for ((p, t), loss) in parts.zip(loss.chunks_mut(rows)) {
                map2(s, kind, p, t, &mut buffer[..p.len()]);
                for (row, loss) in buffer.chunks_exact(n).zip(loss) {
                    let sum = row.iter().sum::<f32>();
                    *loss = sum / n as f32;
                    if sum == f32::INFINITY {
                        *loss = (row.iter().map(|&v| f64::from(v)).sum::<f64>() / n as f64) as f32;
                    }
                }
            }
            return;
        }
        for ((p, t), loss) in prediction.chunks_exact(n).zip(target.chunks_exact(n)).zip(loss) {
            let mut sum = 0.0;
            for (p, t) in p.chunks(BLOCK).zip(t.chunks(BLOCK)) {
                map2(s, kind, p, t, &mut buffer[..p.len()]);
                sum += fold_row(s, Reduce::Sum, &buffer[..p.len()]);
            }
            *loss = sum / n as f32;
            // The mean may fit into float32 where the sum does not.
            if sum == f32::INFINITY {
                let mut exact = 0.0;
                for (p, t) in p.chunks(BLOCK).zip(t.chunks(BLOCK)) {
                    map2(s, kind, p, t, &mut buffer[..p.len()]);
                    exact += buffer[..p.len()].iter().map(|&v| f64::from(v)).sum::<f64>();
                }
                *loss = (exact / n as f64) as f32;
            }
        }
    }
}

impl Kernel for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for_loss!(self.kind, kind => self.each(s, kind))
    }
}

/// The gradient of [`mean_loss`] by the prediction, given `dloss` of each row.
pub fn mean_loss_gradient(
    isa: Isa,
    kind: Loss,
    prediction: &[f32],
    target: &[f32],
    n: usize,
    dloss: &[f32],
    dprediction: &mut [f32],
) {
    let lengths = prediction.len() == n * dloss.len() && target.len() == prediction.len();
    assert!(lengths && dprediction.len() == prediction.len(), "loss: lengths of the gradient's operands");
    if n == 0 {
        return;
    }
    let group = (CHUNK / n).max(1);
    threads::for_each_chunk(dprediction, group * n, group * n * COST, |i, dx| {
        let part = i * group * n..i * group * n + dx.len();
        let dloss = &dloss[i * group..][..dx.len() / n];
        isa.run(Backward { kind, prediction: &prediction[part.clone()], target: &target[part], n, dloss, dx });
    });
}

struct Backward<'a> {
    kind: Loss,
    prediction: &'a [f32],
    target: &'a [f32],
    n: usize,
    dloss: &'a [f32],
    dx: &'a mut [f32],
}

impl Backward<'_> {
    #[inline(always)]
    fn each<S: Simd>(self, s: S, kind: Loss) {
        let Backward { prediction, target, n, dloss, dx, .. } = self;
        if n == 1 {
            return map3(s, Slope(kind), prediction, target, dloss, dx);
        }
        if n < SHORT {
            let mut buffer = [0.0; BLOCK];
            let size = BLOCK / n * n;
            let parts = prediction.chunks(size).zip(target.chunks(size)).zip(dloss.chunks(size / n));
            for (((p, t), dloss), dx) in parts.zip(dx.chunks_mut(size)) {
                for (row, dloss) in buffer.chunks_exact_mut(n).zip(dloss) {
                    row.fill(dloss / n as f32);
                }
                map3(s, Slope(kind), p, t, &buffer[..p.len()], dx);
            }
            return;
        }
        let rows = prediction.chunks_exact(n).zip(target.chunks_exact(n)).zip(dloss);
        for (((p, t), dloss), dx) in rows.zip(dx.chunks_exact_mut(n)) {
            map2(s, Weighted(kind, dloss / n as f32), p, t, dx);
        }
    }
}

impl Kernel for Backward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for_loss!(self.kind, kind => self.each(s, kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Loss; 6] = [
        Loss::SquaredError,
        Loss::AbsoluteError,
        Loss::Huber(1.0),
        Loss::Huber(0.3),
        Loss::BinaryCrossEntropy,
        Loss::SigmoidCrossEntropy,
    ];

    fn truth(kind: Loss, p: f64, t: f64) -> f64 {
        let d = p - t;
        match kind {
            Loss::SquaredError => d * d,
            Loss::AbsoluteError => d.abs(),
            Loss::Huber(delta) => {
                let delta = f64::from(delta);
                if d.abs() <= delta { 0.5 * d * d } else { delta * d.abs() - 0.5 * delta * delta }
            }
            Loss::BinaryCrossEntropy => {
                let p = p.clamp(1e-7, 1.0 - 1e-7);
                -(t * p.ln() + (1.0 - t) * (1.0 - p).ln())
            }
            Loss::SigmoidCrossEntropy => p.max(0.0) - p * t + (-p.abs()).exp().ln_1p(),
        }
    }

    fn sample(kind: Loss, n: usize) -> (Vec<f32>, Vec<f32>) {
        let unit = |i: usize| (i * 7919 % 1009) as f32 / 1009.0;
        match kind {
            Loss::BinaryCrossEntropy => {
                ((0..n).map(|i| unit(i) * 0.98 + 0.01).collect(), (0..n).map(|i| (i % 3) as f32 * 0.5).collect())
            }
            _ => ((0..n).map(|i| unit(i) * 8.0 - 4.0).collect(), (0..n).map(|i| unit(i + 511)).collect()),
        }
    }

    #[test]
    fn losses_and_gradients_equal_the_reference() {
        for isa in Isa::available() {
            for kind in ALL {
                for (rows, n) in [(0, 3), (1, 1), (37, 1), (300, 3), (19, 31), (5, 32), (5, 33), (3, 1543)] {
                    let (p, t) = sample(kind, rows * n);
                    let dloss: Vec<f32> = (0..rows).map(|r| r as f32 * 0.25 - 1.0).collect();
                    let (mut loss, mut dx) = (vec![9.0; rows], vec![9.0; rows * n]);
                    mean_loss(isa, kind, &p, &t, n, &mut loss);
                    mean_loss_gradient(isa, kind, &p, &t, n, &dloss, &mut dx);
                    for (r, &got) in loss.iter().enumerate() {
                        let each = (r * n..r * n + n).map(|i| truth(kind, f64::from(p[i]), f64::from(t[i])));
                        let want = each.sum::<f64>() / n as f64;
                        assert!((f64::from(got) - want).abs() <= 2e-6 * (1.0 + want), "{kind:?} {rows} {n}");
                    }
                    for i in 0..rows * n {
                        let (p, t, h) = (f64::from(p[i]), f64::from(t[i]), 1e-6);
                        let slope = (truth(kind, p + h, t) - truth(kind, p - h, t)) / (2.0 * h);
                        let want = f64::from(dloss[i / n]) * slope / n as f64;
                        assert!((f64::from(dx[i]) - want).abs() <= 1e-5 * (1.0 + want.abs()), "{kind:?} {rows} {n}");
                    }
                }
            }
        }
    }

    #[test]
    fn extremes_stay_finite_held_ones_pass_nothing_and_nan_passes() {
        for isa in Isa::available() {
            let (mut loss, mut dx) = ([9.0; 4], [9.0; 4]);
            let (p, t) = ([0.0, 1.0, 0.0, f32::NAN], [0.0, 0.0, 1.0, 1.0]);
            mean_loss(isa, Loss::BinaryCrossEntropy, &p, &t, 1, &mut loss);
            mean_loss_gradient(isa, Loss::BinaryCrossEntropy, &p, &t, 1, &[1.0; 4], &mut dx);
            assert!(loss[..3].iter().all(|v| v.is_finite()) && loss[3].is_nan());
            assert!(dx[..3] == [0.0; 3] && dx[3].is_nan());
            let p = [1e38, -1e38, 90.0, f32::NAN];
            mean_loss(isa, Loss::SigmoidCrossEntropy, &p, &t, 1, &mut loss);
            assert!(loss[..3].iter().all(|v| v.is_finite()) && loss[3].is_nan());
            for kind in ALL {
                mean_loss_gradient(isa, kind, &p, &t, 1, &[1.0; 4], &mut dx);
                assert!(dx[3].is_nan(), "{kind:?}");
            }
        }
    }

    #[test]
    fn a_mean_may_fit_where_the_sum_does_not() {
        for isa in Isa::available() {
            for n in [5, 33, 1100] {
                for (kind, p, want) in [
                    (Loss::SquaredError, 1.5e19, 2.25e38),
                    (Loss::AbsoluteError, 3e38, 3e38),
                    (Loss::Huber(1.0), -3e38, 3e38),
                ] {
                    let mut loss = [9.0];
                    mean_loss(isa, kind, &vec![p; n], &vec![0.0; n], n, &mut loss);
                    assert!((loss[0] / want - 1.0).abs() < 1e-5, "{kind:?} {n}: {loss:?}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_weight_has_no_gradient_be_it_nan() {
        for isa in Isa::available() {
            for kind in ALL {
                for n in [1, 3, 33] {
                    let (p, t) = (vec![f32::NAN; 2 * n], vec![0.5; 2 * n]);
                    let mut dx = vec![9.0; 2 * n];
                    mean_loss_gradient(isa, kind, &p, &t, n, &[0.0, 1.0], &mut dx);
                    assert!(dx[..n].iter().all(|&d| d == 0.0) && dx[n..].iter().all(|d| d.is_nan()), "{kind:?} {n}");
                }
            }
        }
    }

    #[test]
    fn a_sure_and_right_logit_still_has_a_loss() {
        for isa in Isa::available() {
            for (p, t) in [(20.0, 1.0), (-20.0, 0.0), (60.0, 1.0)] {
                let mut loss = [9.0];
                mean_loss(isa, Loss::SigmoidCrossEntropy, &[p], &[t], 1, &mut loss);
                let want = (-p.abs()).exp();
                assert!((loss[0] / want - 1.0).abs() < 1e-5, "{p}: {loss:?}, want {want:e}");
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let (p, t) = sample(Loss::SigmoidCrossEntropy, 100_000);
        for n in [1, 10, 1000] {
            let run = |threads| {
                threads::set_count(threads);
                let mut loss = vec![0.0; p.len() / n];
                mean_loss(Isa::active(), Loss::SigmoidCrossEntropy, &p, &t, n, &mut loss);
                loss
            };
            let one = run(1);
            assert!([2, 3, 5].into_iter().all(|threads| run(threads) == one));
            threads::set_count(0);
        }
    }
}
