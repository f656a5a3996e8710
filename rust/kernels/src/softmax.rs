//! Softmax and its logarithm over the last axis, and their gradients. A row with NaN or plus infinity, or of minus
//! infinities alone, becomes NaN, as in NumPy and JAX; no other row does.

use crate::reduce::{Reduce, fold_row};
use crate::simd::map::{Lane1, Lane2, map, map2};
use crate::simd::{Isa, Kernel, Simd, math};
use crate::threads;

/// Elements of one task, and what one costs in multiply-adds.
const CHUNK: usize = 8_192;
const COST: usize = 32;

#[derive(Clone, Copy)]
struct Multiply;

impl Lane2 for Multiply {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, a: S::F, b: S::F) -> S::F {
        s.mul(a, b)
    }
}

/// `out = e^(row - shift)` for `shift` not below any element; returns the sum.
#[inline(always)]
pub(crate) fn exp_row<S: Simd>(s: S, row: &[f32], shift: f32, out: &mut [f32]) -> f32 {
    let shift = s.splat(shift);
    let mut sum = s.splat(0.0);
    let mut vectors = row.chunks_exact(S::LANES);
    let mut targets = out.chunks_exact_mut(S::LANES);
    for (x, out) in (&mut vectors).zip(&mut targets) {
        let e = math::exp_nonpositive(s, s.sub(s.load(x), shift));
        s.store(out, e);
        sum = s.add(sum, e);
    }
    let (x, out) = (vectors.remainder(), targets.into_remainder());
    if !x.is_empty() {
        let e = math::exp_nonpositive(s, s.sub(s.load_head(x), shift));
        s.store_head(out, e);
        sum = s.add(sum, s.select(s.head(x.len()), e, s.splat(0.0)));
    }
    s.sum(sum)
}

/// The sum of `e^(row - shift)`.
#[inline(always)]
pub(crate) fn exp_sum<S: Simd>(s: S, row: &[f32], shift: f32) -> f32 {
    let shift = s.splat(shift);
    let mut sum = s.splat(0.0);
    let vectors = row.chunks_exact(S::LANES);
    let tail = vectors.remainder();
    for x in vectors {
        sum = s.add(sum, math::exp_nonpositive(s, s.sub(s.load(x), shift)));
    }
    if !tail.is_empty() {
        let e = math::exp_nonpositive(s, s.sub(s.load_head(tail), shift));
        sum = s.add(sum, s.select(s.head(tail.len()), e, s.splat(0.0)));
    }
    s.sum(sum)
}

/// The largest element of a row; NaN where any is.
#[inline(always)]
pub(crate) fn row_max<S: Simd>(s: S, row: &[f32]) -> f32 {
    fold_row(s, Reduce::Max, row)
}

/// Multiplies a row in place.
#[inline(always)]
pub(crate) fn scale_row<S: Simd>(s: S, row: &mut [f32], factor: f32) {
    let factor = s.splat(factor);
    let mut vectors = row.chunks_exact_mut(S::LANES);
    for v in &mut vectors {
        let scaled = s.mul(s.load(v), factor);
        s.store(v, scaled);
    }
    let tail = vectors.into_remainder();
    if !tail.is_empty() {
        let scaled = s.mul(s.load_head(tail), factor);
        s.store_head(tail, scaled);
    }
}

/// Calls `task(first element, part)` on groups of whole rows of `n`.
fn for_rows(out: &mut [f32], n: usize, task: impl Fn(usize, &mut [f32]) + Sync) {
    if n == 0 {
        return;
    }
    assert!(out.len().is_multiple_of(n), "softmax: length is not a multiple of the row");
    let chunk = (CHUNK / n).max(1) * n;
    threads::for_each_chunk(out, chunk, chunk * COST, |i, part| task(i * chunk, part));
}

/// `y = e^x / sum(e^x)` for each row of `n`.
pub fn softmax(isa: Isa, x: &[f32], n: usize, y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "softmax: lengths");
    for_rows(y, n, |at, y| isa.run(Softmax { x: &x[at..at + y.len()], n, y }));
}

struct Softmax<'a> {
    x: &'a [f32],
    n: usize,
    y: &'a mut [f32],
}

impl Kernel for Softmax<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, y) in self.x.chunks_exact(self.n).zip(self.y.chunks_exact_mut(self.n)) {
            let sum = exp_row(s, x, row_max(s, x), y);
            scale_row(s, y, 1.0 / sum);
        }
    }
}

/// `dx = y (dy - sum(y dy))` for each row of `n`.
pub fn softmax_gradient(isa: Isa, y: &[f32], dy: &[f32], n: usize, dx: &mut [f32]) {
    assert!(y.len() == dx.len() && dy.len() == dx.len(), "softmax: lengths of y, dy and dx");
    for_rows(dx, n, |at, dx| isa.run(SoftmaxGradient { y: &y[at..at + dx.len()], dy: &dy[at..at + dx.len()], n, dx }));
}

struct SoftmaxGradient<'a> {
    y: &'a [f32],
    dy: &'a [f32],
    n: usize,
    dx: &'a mut [f32],
}

/// Whether a row has no part in the result: its gradient then is 0, whatever the row.
fn unused(dy: &[f32]) -> bool {
    dy.iter().all(|&dy| dy == 0.0)
}

/// `y (dy - dot)`
#[derive(Clone, Copy)]
struct Centre(f32);

impl Lane2 for Centre {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, y: S::F, dy: S::F) -> S::F {
        s.mul(y, s.sub(dy, s.splat(self.0)))
    }
}

impl Kernel for SoftmaxGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.y.chunks_exact(self.n).zip(self.dy.chunks_exact(self.n));
        for ((y, dy), dx) in rows.zip(self.dx.chunks_exact_mut(self.n)) {
            map2(s, Multiply, y, dy, dx);
            let dot = fold_row(s, Reduce::Sum, dx);
            match dot.is_nan() && unused(dy) {
                true => dx.fill(0.0),
                false => map2(s, Centre(dot), y, dy, dx),
            }
        }
    }
}

/// `y = x - ln(sum(e^x))` for each row of `n`.
pub fn log_softmax(isa: Isa, x: &[f32], n: usize, y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "log_softmax: lengths");
    for_rows(y, n, |at, y| isa.run(LogSoftmax { x: &x[at..at + y.len()], n, y }));
}

struct LogSoftmax<'a> {
    x: &'a [f32],
    n: usize,
    y: &'a mut [f32],
}

/// `(x - max) - log_sum`: in this order, for the sum of the two may be too large to hold `log_sum`.
#[derive(Clone, Copy)]
struct Lower {
    max: f32,
    log_sum: f32,
}

impl Lane1 for Lower {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, x: S::F) -> S::F {
        s.sub(s.sub(x, s.splat(self.max)), s.splat(self.log_sum))
    }
}

impl Kernel for LogSoftmax<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (x, y) in self.x.chunks_exact(self.n).zip(self.y.chunks_exact_mut(self.n)) {
            let max = row_max(s, x);
            let log_sum = exp_sum(s, x, max).ln();
            map(s, Lower { max, log_sum }, x, y);
        }
    }
}

/// `dx = dy - e^y sum(dy)` for each row of `n`.
pub fn log_softmax_gradient(isa: Isa, y: &[f32], dy: &[f32], n: usize, dx: &mut [f32]) {
    assert!(y.len() == dx.len() && dy.len() == dx.len(), "log_softmax: lengths of y, dy and dx");
    for_rows(dx, n, |at, dx| {
        isa.run(LogSoftmaxGradient { y: &y[at..at + dx.len()], dy: &dy[at..at + dx.len()], n, dx })
    });
}

struct LogSoftmaxGradient<'a> {
    y: &'a [f32],
    dy: &'a [f32],
    n: usize,
    dx: &'a mut [f32],
}

/// `dy - e^y sum`
#[derive(Clone, Copy)]
struct Spread(f32);

impl Lane2 for Spread {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, y: S::F, dy: S::F) -> S::F {
        s.mul_add(math::exp_nonpositive(s, y), s.splat(-self.0), dy)
    }
}

impl Kernel for LogSoftmaxGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.y.chunks_exact(self.n).zip(self.dy.chunks_exact(self.n));
        for ((y, dy), dx) in rows.zip(self.dx.chunks_exact_mut(self.n)) {
            match fold_row(s, Reduce::Sum, dy) {
                0.0 => dx.copy_from_slice(dy),
                sum => map2(s, Spread(sum), y, dy, dx),
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod reference {
    /// The logarithm of the softmax of one row, in f64.
    pub(crate) fn log_softmax(row: &[f64]) -> Vec<f64> {
        let max = row.iter().fold(f64::NEG_INFINITY, |a, &b| if b > a || b.is_nan() { b } else { a });
        let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
        row.iter().map(|x| x - max - sum.ln()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 14] = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 64, 100, 1001];

    fn values(n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 % 1009) as f32 / 504.5 - 1.0) * scale).collect()
    }

    fn widen(row: &[f32]) -> Vec<f64> {
        row.iter().map(|&v| f64::from(v)).collect()
    }

    #[test]
    fn forward_equals_the_reference_also_for_huge_values() {
        for isa in Isa::available() {
            for n in SIZES {
                for scale in [1.0, 30.0, 1e38] {
                    let x = values(7 * n, scale);
                    let (mut y, mut log_y) = (vec![9.0; 7 * n], vec![9.0; 7 * n]);
                    softmax(isa, &x, n, &mut y);
                    log_softmax(isa, &x, n, &mut log_y);
                    for r in 0..7 {
                        let row = widen(&x[r * n..][..n]);
                        let want = reference::log_softmax(&row);
                        for j in 0..n {
                            let (got, log_got) = (f64::from(y[r * n + j]), f64::from(log_y[r * n + j]));
                            assert!((got - want[j].exp()).abs() < 1e-6, "n {n} scale {scale}: {got}");
                            let finite = want[j].abs() < 3e38;
                            assert!(!finite || (log_got - want[j]).abs() <= 1e-6 * (want[j].abs() + 1.0));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn only_the_row_with_nan_or_nothing_finite_becomes_nan() {
        for isa in Isa::available() {
            for n in SIZES {
                for at in [0, n / 2, n - 1] {
                    let mut x = values(4 * n, 2.0);
                    x[n + at] = f32::NAN;
                    x[2 * n..3 * n].fill(f32::NEG_INFINITY);
                    x[3 * n + at] = f32::INFINITY;
                    for kernel in [softmax, log_softmax] {
                        let mut y = vec![9.0; 4 * n];
                        kernel(isa, &x, n, &mut y);
                        assert!(y[..n].iter().all(|v| !v.is_nan()) && y[n..].iter().all(|v| v.is_nan()), "n {n}");
                    }
                }
                // A masked element has no weight.
                let mut x = values(n + 1, 2.0);
                x[n] = f32::NEG_INFINITY;
                let mut y = vec![9.0; n + 1];
                softmax(isa, &x, n + 1, &mut y);
                assert!(y[n] == 0.0 && (y.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
        }
        softmax(Isa::active(), &[], 0, &mut []);
        softmax(Isa::active(), &[], 5, &mut []);
    }

    #[test]
    fn gradients_equal_central_differences_of_the_reference() {
        for isa in Isa::available() {
            for n in [1, 3, 8, 17, 33] {
                let (x, dy) = (values(2 * n, 2.0), values(2 * n + 5, 1.5)[5..].to_vec());
                let (mut y, mut log_y) = (vec![0.0; 2 * n], vec![0.0; 2 * n]);
                let (mut dx, mut log_dx) = (vec![9.0; 2 * n], vec![9.0; 2 * n]);
                softmax(isa, &x, n, &mut y);
                log_softmax(isa, &x, n, &mut log_y);
                softmax_gradient(isa, &y, &dy, n, &mut dx);
                log_softmax_gradient(isa, &log_y, &dy, n, &mut log_dx);
                for at in 0..2 * n {
                    let r = at / n * n;
                    let total = |h: f64| {
                        let mut row = widen(&x[r..r + n]);
                        row[at - r] += h;
                        let log = reference::log_softmax(&row);
                        let weighted = |f: fn(f64) -> f64| {
                            log.iter().zip(&dy[r..]).map(|(&v, &d)| f(v) * f64::from(d)).sum::<f64>()
                        };
                        (weighted(f64::exp), weighted(|v| v))
                    };
                    let (above, below) = (total(1e-5), total(-1e-5));
                    assert!((f64::from(dx[at]) - (above.0 - below.0) / 2e-5).abs() < 1e-5);
                    assert!((f64::from(log_dx[at]) - (above.1 - below.1) / 2e-5).abs() < 2e-5);
                }
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let x = values(1000 * 101, 3.0);
        let run = |threads| {
            threads::set_count(threads);
            let (mut y, mut dx) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            softmax(Isa::active(), &x, 101, &mut y);
            softmax_gradient(Isa::active(), &y, &x, 101, &mut dx);
            (y, dx)
        };
        let one = run(1);
        assert!([2, 3, 5].into_iter().all(|threads| run(threads) == one));
        threads::set_count(0);
    }
}
