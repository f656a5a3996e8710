//! Cross-entropy of each row, from logits (fused with softmax) or from probabilities, against class labels or against
//! a distribution. The gradients take the upstream gradient of each row's loss.
//!
//! From probabilities, Keras's rule: the row is divided by its sum, then held within `[1e-7, 1 - 1e-7]`, and no
//! gradient passes where it was held.

use crate::reduce::{Reduce, fold_row};
use crate::simd::map::{Lane2, map2};
use crate::simd::{Isa, Kernel, Simd, math};
use crate::softmax::{exp_row, exp_sum, row_max, scale_row};
use crate::threads;

/// Elements of one task, and what one costs in multiply-adds.
const CHUNK: usize = 8_192;
const COST: usize = 24;

const EPSILON: f32 = 1e-7;

/// A label that names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLabel {
    pub position: usize,
    pub value: i32,
}

/// Class labels, one a row. Rows labelled `ignore` have no loss and no gradient.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    pub labels: &'a [i32],
    pub ignore: Option<i32>,
}

/// What the rows are compared with.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    Sparse(Labels<'a>),
    /// A distribution over the classes for each row.
    Dense(&'a [f32]),
}

/// What the rows hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    Logits,
    Probabilities,
}

impl Targets<'_> {
    /// Every label must name a class (or be the ignored one); every distribution must be whole.
    fn check(&self, rows: usize, n: usize) -> Result<(), BadLabel> {
        match self {
            Targets::Dense(targets) => assert_eq!(targets.len(), rows * n, "cross_entropy: length of the targets"),
            Targets::Sparse(Labels { labels, ignore }) => {
                assert_eq!(labels.len(), rows, "cross_entropy: number of labels");
                let bad = |&label: &i32| !(0..n as i64).contains(&i64::from(label)) && Some(label) != *ignore;
                if let Some(position) = labels.iter().position(bad) {
                    return Err(BadLabel { position, value: labels[position] });
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn rows(&self, first: usize, count: usize, n: usize) -> Self {
        match *self {
            Targets::Dense(targets) => Targets::Dense(&targets[first * n..][..count * n]),
            Targets::Sparse(Labels { labels, ignore }) => {
                Targets::Sparse(Labels { labels: &labels[first..][..count], ignore })
            }
        }
    }
}

impl Labels<'_> {
    /// The class of a row. A label is checked where it is used, for another thread may have changed it since.
    #[inline(always)]
    fn class(&self, row: usize, n: usize) -> Option<usize> {
        let label = self.labels[row];
        (Some(label) != self.ignore && label >= 0 && (label as usize) < n).then_some(label as usize)
    }
}

/// The cross-entropy of each row of `n` scores.
pub fn cross_entropy(
    isa: Isa,
    scores: Scores,
    x: &[f32],
    n: usize,
    targets: Targets<'_>,
    loss: &mut [f32],
) -> Result<(), BadLabel> {
    assert_eq!(x.len(), n * loss.len(), "cross_entropy: length of the scores");
    targets.check(loss.len(), n)?;
    if n == 0 {
        loss.fill(0.0);
        return Ok(());
    }
    let group = (CHUNK / n).max(1);
    threads::for_each_chunk(loss, group, group * n * COST, |i, loss| {
        let first = i * group;
        let targets = targets.rows(first, loss.len(), n);
        isa.run(Forward { scores, x: &x[first * n..][..loss.len() * n], n, targets, loss });
    });
    Ok(())
}

/// `dx` of [`cross_entropy`], given `dloss` of each row.
pub fn cross_entropy_gradient(
    isa: Isa,
    scores: Scores,
    x: &[f32],
    n: usize,
    targets: Targets<'_>,
    dloss: &[f32],
    dx: &mut [f32],
) -> Result<(), BadLabel> {
    assert!(x.len() == dx.len() && x.len() == n * dloss.len(), "cross_entropy: lengths of x, dloss and dx");
    targets.check(dloss.len(), n)?;
    if n == 0 {
        return Ok(());
    }
    let group = (CHUNK / n).max(1);
    threads::for_each_chunk(dx, group * n, group * n * COST, |i, dx| {
        let (first, rows) = (i * group, dx.len() / n);
        let (x, targets) = (&x[first * n..][..dx.len()], targets.rows(first, rows, n));
        isa.run(Backward { scores, x, n, targets, dloss: &dloss[first..][..rows], dx });
    });
    Ok(())
}

struct Forward<'a> {
    scores: Scores,
    x: &'a [f32],
    n: usize,
    targets: Targets<'a>,
    loss: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let n = self.n;
        for (row, (x, loss)) in self.x.chunks_exact(n).zip(self.loss).enumerate() {
            *loss = match (self.scores, self.targets) {
                (Scores::Logits, Targets::Sparse(labels)) => labels.class(row, n).map_or(0.0, |class| {
                    let max = row_max(s, x);
                    exp_sum(s, x, max).ln() - (x[class] - max)
                }),
                (Scores::Logits, Targets::Dense(t)) => {
                    let max = row_max(s, x);
                    let surprise = Surprise { max, log_sum: exp_sum(s, x, max).ln() };
                    map_sum(s, surprise, x, &t[row * n..][..n])
                }
                (Scores::Probabilities, Targets::Sparse(labels)) => labels.class(row, n).map_or(0.0, |class| {
                    let q = x[class] / total(s, x);
                    // `clamp` leaves NaN as it is.
                    -q.clamp(EPSILON, 1.0 - EPSILON).ln()
                }),
                (Scores::Probabilities, Targets::Dense(t)) => {
                    map_sum(s, HeldSurprise(total(s, x)), x, &t[row * n..][..n])
                }
            };
        }
    }
}

/// What the probabilities of a row are divided by: their sum, but 1 where that is 0. Nothing then is held at the least.
#[inline(always)]
fn total<S: Simd>(s: S, x: &[f32]) -> f32 {
    let sum = fold_row(s, Reduce::Sum, x);
    if sum == 0.0 { 1.0 } else { sum }
}

/// `t (log_sum - (x - max))`, and 0 where `t` is 0 whatever `x` may be: a masked class is no loss.
#[derive(Clone, Copy)]
struct Surprise {
    max: f32,
    log_sum: f32,
}

impl Lane2 for Surprise {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, x: S::F, t: S::F) -> S::F {
        let surprise = s.sub(s.splat(self.log_sum), s.sub(x, s.splat(self.max)));
        s.select(s.eq(t, s.splat(0.0)), s.splat(0.0), s.mul(t, surprise))
    }
}

/// `-t ln(held(p / sum))`
#[derive(Clone, Copy)]
struct HeldSurprise(f32);

impl Lane2 for HeldSurprise {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, p: S::F, t: S::F) -> S::F {
        let q = s.div(p, s.splat(self.0));
        let held = s.min_raw(s.splat(1.0 - EPSILON), s.max_raw(s.splat(EPSILON), q));
        s.neg(s.mul(t, math::ln(s, held)))
    }
}

/// The sum of `f(a, b)`, which must be 0 where both are 0 or be masked: the tail is.
#[inline(always)]
fn map_sum<S: Simd>(s: S, f: impl Lane2, a: &[f32], b: &[f32]) -> f32 {
    let mut sum = s.splat(0.0);
    let (a, b) = (a.chunks_exact(S::LANES), b.chunks_exact(S::LANES));
    let (a_tail, b_tail) = (a.remainder(), b.remainder());
    for (a, b) in a.zip(b) {
        sum = s.add(sum, f.apply(s, s.load(a), s.load(b)));
    }
    if !a_tail.is_empty() {
        let last = f.apply(s, s.load_head(a_tail), s.load_head(b_tail));
        sum = s.add(sum, s.select(s.head(a_tail.len()), last, s.splat(0.0)));
    }
    s.sum(sum)
}

struct Backward<'a> {
    scores: Scores,
    x: &'a [f32],
    n: usize,
    targets: Targets<'a>,
    dloss: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Backward { scores, n, targets, .. } = self;
        let rows = self.x.chunks_exact(n).zip(self.dx.chunks_exact_mut(n));
        for (row, ((x, dx), &dloss)) in rows.zip(self.dloss).enumerate() {
            // What a mask leaves out may be NaN.
            if dloss == 0.0 {
                dx.fill(0.0);
                continue;
            }
            match targets {
                Targets::Sparse(labels) => match labels.class(row, n) {
                    None => dx.fill(0.0),
                    Some(class) if scores == Scores::Logits => {
                        let sum = exp_row(s, x, row_max(s, x), dx);
                        scale_row(s, dx, dloss / sum);
                        dx[class] -= dloss;
                    }
                    Some(class) => {
                        let sum = total(s, x);
                        let q = x[class] / sum;
                        // Not so for NaN, which goes on.
                        let held = (q - q.clamp(EPSILON, 1.0 - EPSILON)).abs() > 0.0;
                        dx.fill(if held { 0.0 } else { dloss / sum });
                        dx[class] = if held { 0.0 } else { dloss / sum * (1.0 - 1.0 / q) };
                    }
                },
                Targets::Dense(targets) => {
                    let t = &targets[row * n..][..n];
                    if scores == Scores::Logits {
                        let sum = exp_row(s, x, row_max(s, x), dx);
                        let weight = fold_row(s, Reduce::Sum, t);
                        // The exponentials are in `dx` itself; each vector is read before it is written.
                        scale_row(s, dx, weight / sum);
                        subtract_scaled(s, dx, t, dloss);
                    } else {
                        let sum = total(s, x);
                        map2(s, Inside(sum), x, t, dx);
                        let inside = fold_row(s, Reduce::Sum, dx);
                        map2(s, HeldGradient { sum, inside, scale: dloss / sum }, x, t, dx);
                    }
                }
            }
        }
    }
}

/// `row = (row - t) scale`
#[inline(always)]
fn subtract_scaled<S: Simd>(s: S, row: &mut [f32], t: &[f32], scale: f32) {
    let scale = s.splat(scale);
    let mut vectors = row.chunks_exact_mut(S::LANES);
    let targets = t.chunks_exact(S::LANES);
    let t_tail = targets.remainder();
    for (v, t) in (&mut vectors).zip(targets) {
        let value = s.mul(s.sub(s.load(v), s.load(t)), scale);
        s.store(v, value);
    }
    let tail = vectors.into_remainder();
    if !tail.is_empty() {
        let value = s.mul(s.sub(s.load_head(tail), s.load_head(t_tail)), scale);
        s.store_head(tail, value);
    }
}

#[inline(always)]
fn outside<S: Simd>(s: S, q: S::F) -> S::M {
    s.or(s.lt(q, s.splat(EPSILON)), s.lt(s.splat(1.0 - EPSILON), q))
}

/// `t` where `p / sum` was not held, else 0.
#[derive(Clone, Copy)]
struct Inside(f32);

impl Lane2 for Inside {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, p: S::F, t: S::F) -> S::F {
        s.select(outside(s, s.div(p, s.splat(self.0))), s.splat(0.0), t)
    }
}

/// `(inside - t / q) scale`, without the `t / q` where `q` was held.
#[derive(Clone, Copy)]
struct HeldGradient {
    sum: f32,
    inside: f32,
    scale: f32,
}

impl Lane2 for HeldGradient {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, p: S::F, t: S::F) -> S::F {
        let q = s.div(p, s.splat(self.sum));
        let own = s.select(outside(s, q), s.splat(0.0), s.div(t, q));
        s.mul(s.sub(s.splat(self.inside), own), s.splat(self.scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::softmax::reference::log_softmax;

    const SIZES: [usize; 9] = [1, 2, 3, 8, 10, 16, 17, 33, 1000];
    const ROWS: usize = 7;

    fn values(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 + seed * 313) % 1009) as f32 / 504.5 - 1.0).collect()
    }

    fn scores_of(scores: Scores, n: usize) -> Vec<f32> {
        match scores {
            Scores::Logits => values(ROWS * n, 1).iter().map(|v| v * 5.0).collect(),
            Scores::Probabilities => values(ROWS * n, 1).iter().map(|v| v * 0.5 + 0.51).collect(),
        }
    }

    fn truth(scores: Scores, x: &[f64], t: &[f64]) -> f64 {
        let log_p = match scores {
            Scores::Logits => log_softmax(x),
            Scores::Probabilities => {
                let sum: f64 = x.iter().sum();
                x.iter().map(|p| (p / sum).clamp(1e-7, 1.0 - 1e-7).ln()).collect()
            }
        };
        log_p.iter().zip(t).map(|(l, t)| -l * t).sum()
    }

    fn widen(row: &[f32]) -> Vec<f64> {
        row.iter().map(|&v| f64::from(v)).collect()
    }

    #[test]
    fn losses_and_gradients_equal_the_reference() {
        for isa in Isa::available() {
            for n in SIZES {
                for scores in [Scores::Logits, Scores::Probabilities] {
                    let x = scores_of(scores, n);
                    let dloss: Vec<f32> = (0..ROWS).map(|r| r as f32 * 0.5 - 1.0).collect();
                    let labels: Vec<i32> = (0..ROWS).map(|r| (r * 5 % n) as i32).collect();
                    let dense: Vec<f32> = values(ROWS * n, 4).iter().map(|v| (v + 1.0).max(0.3) - 0.3).collect();
                    let one_hot: Vec<f32> = (0..ROWS * n).map(|i| f32::from(labels[i / n] as usize == i % n)).collect();
                    let sparse = Targets::Sparse(Labels { labels: &labels, ignore: None });
                    for (targets, t) in [(sparse, &one_hot), (Targets::Dense(&dense), &dense)] {
                        let (mut loss, mut dx) = (vec![9.0; ROWS], vec![9.0; ROWS * n]);
                        cross_entropy(isa, scores, &x, n, targets, &mut loss).unwrap();
                        cross_entropy_gradient(isa, scores, &x, n, targets, &dloss, &mut dx).unwrap();
                        for r in 0..ROWS {
                            let (row, t) = (widen(&x[r * n..][..n]), widen(&t[r * n..][..n]));
                            let want = truth(scores, &row, &t);
                            let error = (f64::from(loss[r]) - want).abs();
                            assert!(error <= 2e-6 * (1.0 + want.abs()), "{scores:?} n {n}: {} {want}", loss[r]);
                            for j in (0..n).step_by(1 + n / 40) {
                                let h = 1e-6;
                                let at = |d: f64| {
                                    let mut row = row.clone();
                                    row[j] += d;
                                    truth(scores, &row, &t)
                                };
                                let want = f64::from(dloss[r]) * (at(h) - at(-h)) / (2.0 * h);
                                let error = (f64::from(dx[r * n + j]) - want).abs();
                                assert!(error <= 1e-4 * (1.0 + want.abs()), "{scores:?} n {n}: {want}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_bad_label_is_named_and_the_ignored_one_costs_nothing() {
        let isa = Isa::active();
        let x = scores_of(Scores::Logits, 3);
        for (bad, value) in [(2, 3), (5, -1), (0, i32::MAX), (6, i32::MIN)] {
            let mut labels = [1; ROWS];
            labels[bad] = value;
            let targets = |ignore| Targets::Sparse(Labels { labels: &labels, ignore });
            let (mut loss, mut dx) = ([9.0; ROWS], [9.0; 3 * ROWS]);
            let named = Err(BadLabel { position: bad, value });
            assert_eq!(cross_entropy(isa, Scores::Logits, &x, 3, targets(None), &mut loss), named);
            let dloss = [1.0; ROWS];
            assert_eq!(cross_entropy_gradient(isa, Scores::Logits, &x, 3, targets(None), &dloss, &mut dx), named);
            for scores in [Scores::Logits, Scores::Probabilities] {
                cross_entropy(isa, scores, &x, 3, targets(Some(value)), &mut loss).unwrap();
                cross_entropy_gradient(isa, scores, &x, 3, targets(Some(value)), &dloss, &mut dx).unwrap();
                assert!(loss[bad] == 0.0 && dx[3 * bad..][..3] == [0.0; 3]);
            }
        }
    }

    #[test]
    fn held_probabilities_have_no_gradient_and_extreme_logits_no_nan() {
        for isa in Isa::available() {
            let (mut loss, mut dx) = ([9.0], [9.0; 3]);
            let labels = Targets::Sparse(Labels { labels: &[0], ignore: None });
            let one_hot = Targets::Dense(&[1.0, 0.0, 0.0]);
            for targets in [labels, one_hot] {
                for x in [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]] {
                    cross_entropy_gradient(isa, Scores::Probabilities, &x, 3, targets, &[1.0], &mut dx).unwrap();
                    assert_eq!(dx, [0.0; 3]);
                }
                cross_entropy(isa, Scores::Probabilities, &[0.0, 1.0, 1.0], 3, targets, &mut loss).unwrap();
                assert!((loss[0] - 16.118_095).abs() < 1e-5);
                cross_entropy(isa, Scores::Logits, &[1e38, -1e38, f32::NEG_INFINITY], 3, targets, &mut loss).unwrap();
                assert_eq!(loss, [0.0]);
                cross_entropy_gradient(isa, Scores::Logits, &[-1e38, 1e38, 0.0], 3, targets, &[1.0], &mut dx).unwrap();
                assert_eq!(dx, [-1.0, 1.0, 0.0]);
                for scores in [Scores::Logits, Scores::Probabilities] {
                    cross_entropy(isa, scores, &[1.0, f32::NAN, 0.5], 3, targets, &mut loss).unwrap();
                    assert!(loss[0].is_nan());
                }
            }
        }
        for isa in Isa::available() {
            for targets in [Targets::Sparse(Labels { labels: &[0], ignore: None }), Targets::Dense(&[1.0, 0.0, 0.0])] {
                let (mut loss, mut dx) = ([9.0], [9.0; 3]);
                cross_entropy(isa, Scores::Probabilities, &[0.0; 3], 3, targets, &mut loss).unwrap();
                cross_entropy_gradient(isa, Scores::Probabilities, &[0.0; 3], 3, targets, &[1.0], &mut dx).unwrap();
                assert!((loss[0] - 16.118_095).abs() < 1e-5 && dx == [0.0; 3], "{loss:?} {dx:?}");
                for scores in [Scores::Logits, Scores::Probabilities] {
                    cross_entropy_gradient(isa, scores, &[f32::NAN; 3], 3, targets, &[0.0], &mut dx).unwrap();
                    assert_eq!(dx, [0.0; 3]);
                }
            }
        }
        let none = Targets::Sparse(Labels { labels: &[], ignore: None });
        cross_entropy(Isa::active(), Scores::Logits, &[], 3, none, &mut []).unwrap();
        cross_entropy(Isa::active(), Scores::Logits, &[], 0, Targets::Dense(&[]), &mut [1.0]).unwrap();
    }
}
