//! Layer normalisation (Ba, Kiros and Hinton, 2016) of rows, and without the mean RMS normalisation (Zhang and
//! Sennrich, 2019).

use crate::reduce::{Reduce, reduce};
use crate::simd::map::{load, store};
use crate::simd::{Isa, Kernel, Simd};
use crate::{scratch, threads};

/// Elements of one task, and what one costs in multiply-adds.
const CHUNK: usize = 8_192;
const COST: usize = 8;

/// What divides a row, and what is taken from it before.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm {
    pub epsilon: f32,
    /// Whether a row's mean is taken from it; if not, it is divided by the root of its mean square.
    pub centered: bool,
}

/// Elements of whole rows of `n` that make a task.
fn part(n: usize) -> usize {
    (CHUNK / n).max(1) * n
}

/// `y = gamma (x - mean) inverse + beta` for each row as long as gamma, `inverse = 1 / sqrt(variance + epsilon)`;
/// writes each row's mean (0 where not centred) and inverse, two numbers a row.
pub fn forward(isa: Isa, norm: LayerNorm, x: &[f32], [gamma, beta]: [&[f32]; 2], y: &mut [f32], moments: &mut [f32]) {
    let n = gamma.len();
    assert!(beta.len() == n && x.len() == y.len() && moments.len() * n == 2 * x.len(), "layer_norm: lengths");
    if n == 0 {
        return;
    }
    let (size, rows) = (part(n), part(n) / n);
    threads::for_each_chunk2((y, size), (moments, 2 * rows), size * COST, |i, y, moments| {
        let x = &x[i * size..i * size + y.len()];
        isa.run(Forward { norm, x, gamma, beta, y, moments });
    });
}

struct Forward<'a> {
    norm: LayerNorm,
    x: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    y: &'a mut [f32],
    moments: &'a mut [f32],
}

/// What is summed over a row: a trait and not a closure, for a closure may be compiled without the instruction set.
trait Term<S: Simd, const K: usize> {
    /// The terms at the vector from `at` on, which the row's end may cut short.
    fn at(&mut self, s: S, at: usize, whole: bool) -> [S::F; K];
}

/// The sums over a row of `n`; lanes beyond the row do not count.
#[inline(always)]
fn sums<S: Simd, const K: usize>(s: S, n: usize, mut term: impl Term<S, K>) -> [f32; K] {
    let mut even = [s.splat(0.0); K];
    let mut odd = even;
    let (pairs, body) = (n - n % (2 * S::LANES), n - n % S::LANES);
    for at in (0..pairs).step_by(2 * S::LANES) {
        let (a, b) = (term.at(s, at, true), term.at(s, at + S::LANES, true));
        for k in 0..K {
            (even[k], odd[k]) = (s.add(even[k], a[k]), s.add(odd[k], b[k]));
        }
    }
    if pairs < body {
        let a = term.at(s, pairs, true);
        for k in 0..K {
            even[k] = s.add(even[k], a[k]);
        }
    }
    if body < n {
        let a = term.at(s, body, false);
        for k in 0..K {
            odd[k] = s.add(odd[k], s.select(s.head(n - body), a[k], s.splat(0.0)));
        }
    }
    let mut sums = [0.0; K];
    for k in 0..K {
        sums[k] = s.sum(s.add(even[k], odd[k]));
    }
    sums
}

struct Itself<'a>(&'a [f32]);

impl<S: Simd> Term<S, 1> for Itself<'_> {
    #[inline(always)]
    fn at(&mut self, s: S, at: usize, whole: bool) -> [S::F; 1] {
        [load(s, self.0, at, whole)]
    }
}

/// The squared distance from a number.
struct Squares<'a, F>(&'a [f32], F);

impl<S: Simd> Term<S, 1> for Squares<'_, S::F> {
    #[inline(always)]
    fn at(&mut self, s: S, at: usize, whole: bool) -> [S::F; 1] {
        let d = s.sub(load(s, self.0, at, whole), self.1);
        [s.mul(d, d)]
    }
}

impl Kernel for Forward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Forward { norm, x, gamma, beta, y, moments } = self;
        let n = gamma.len();
        let rows = x.chunks_exact(n).zip(y.chunks_exact_mut(n)).zip(moments.chunks_exact_mut(2));
        for ((x, y), moments) in rows {
            let count = n as f32;
            let mean = if norm.centered { sums(s, n, Itself(x))[0] / count } else { 0.0 };
            let centre = s.splat(mean);
            let [squares] = sums(s, n, Squares(x, centre));
            let inverse = 1.0 / (squares / count + norm.epsilon).sqrt();
            moments.copy_from_slice(&[mean, inverse]);
            let inverse = s.splat(inverse);
            for at in (0..n).step_by(S::LANES) {
                let whole = at + S::LANES <= n;
                let z = s.mul(s.sub(load(s, x, at, whole), centre), inverse);
                let value = s.mul_add(z, load(s, gamma, at, whole), load(s, beta, at, whole));
                store(s, y, at, whole, value);
            }
        }
    }
}

/// The gradient of [`forward`]: with `z = (x - mean) inverse` and `g = dy gamma`, `dx = inverse (g - mean(g) - z mean(g
/// z))` (no `mean(g)` where not centred), `dgamma = sum(dy z)` and `dbeta = sum(dy)` over the rows.
pub fn gradient(
    isa: Isa,
    norm: LayerNorm,
    [x, dy]: [&[f32]; 2],
    [gamma, moments]: [&[f32]; 2],
    dx: &mut [f32],
    [dgamma, dbeta]: [&mut [f32]; 2],
) {
    let n = gamma.len();
    assert!(x.len() == dy.len() && x.len() == dx.len() && moments.len() * n == 2 * x.len(), "layer_norm: lengths");
    assert!(dgamma.len() == n && dbeta.len() == n, "layer_norm: lengths of dgamma and dbeta");
    if n == 0 {
        return;
    }
    let (size, rows) = (part(n), part(n) / n);
    let tasks = x.len().div_ceil(size);
    scratch::with((tasks + 1) * 2 * n, |all| {
        let (total, partial) = all.split_at_mut(2 * n);
        threads::for_each_chunk2((dx, size), (partial, 2 * n), size * COST, |i, dx, partial| {
            let (x, dy) = (&x[i * size..i * size + dx.len()], &dy[i * size..i * size + dx.len()]);
            let moments = &moments[i * 2 * rows..];
            isa.run(Backward { norm, x, dy, gamma, moments, dx, partial });
        });
        reduce(isa, Reduce::Sum, partial, &[tasks, 2 * n], &[0], total);
        dgamma.copy_from_slice(&total[..n]);
        dbeta.copy_from_slice(&total[n..]);
    });
}

struct Backward<'a> {
    norm: LayerNorm,
    x: &'a [f32],
    dy: &'a [f32],
    gamma: &'a [f32],
    moments: &'a [f32],
    dx: &'a mut [f32],
    partial: &'a mut [f32],
}

/// `g` and `g z`, while dgamma and dbeta grow by the row's part.
struct Pull<'a, F> {
    x: &'a [f32],
    dy: &'a [f32],
    gamma: &'a [f32],
    centre: F,
    inverse: F,
    dgamma: &'a mut [f32],
    dbeta: &'a mut [f32],
}

impl<S: Simd> Term<S, 2> for Pull<'_, S::F> {
    #[inline(always)]
    fn at(&mut self, s: S, at: usize, whole: bool) -> [S::F; 2] {
        let z = s.mul(s.sub(load(s, self.x, at, whole), self.centre), self.inverse);
        let dy = load(s, self.dy, at, whole);
        let dgamma = s.mul_add(dy, z, load(s, self.dgamma, at, whole));
        store(s, self.dgamma, at, whole, dgamma);
        let dbeta = s.add(dy, load(s, self.dbeta, at, whole));
        store(s, self.dbeta, at, whole, dbeta);
        let g = s.mul(dy, load(s, self.gamma, at, whole));
        [g, s.mul(g, z)]
    }
}

impl Kernel for Backward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Backward { norm, x, dy, gamma, moments, dx, partial } = self;
        let n = gamma.len();
        partial.fill(0.0);
        let (dgamma, dbeta) = partial.split_at_mut(n);
        let rows = x.chunks_exact(n).zip(dy.chunks_exact(n)).zip(dx.chunks_exact_mut(n));
        for (((x, dy), dx), moments) in rows.zip(moments.chunks_exact(2)) {
            let (centre, inverse) = (s.splat(moments[0]), s.splat(moments[1]));
            let pull = Pull { x, dy, gamma, centre, inverse, dgamma: &mut *dgamma, dbeta: &mut *dbeta };
            let [plain, pulled] = sums(s, n, pull);
            let lift = s.splat(if norm.centered { plain / n as f32 } else { 0.0 });
            let tilt = s.splat(pulled / n as f32);
            for at in (0..n).step_by(S::LANES) {
                let whole = at + S::LANES <= n;
                let z = s.mul(s.sub(load(s, x, at, whole), centre), inverse);
                let g = s.sub(s.mul(load(s, dy, at, whole), load(s, gamma, at, whole)), lift);
                store(s, dx, at, whole, s.mul(inverse, s.sub(g, s.mul(z, tilt))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, salt: usize) -> Vec<f32> {
        (0..n).map(|i| ((i + salt) * 7919 % 1009) as f32 / 504.5 - 1.0).collect()
    }

    fn reference(norm: LayerNorm, x: &[f64], gamma: &[f32], beta: &[f32]) -> Vec<f64> {
        let n = gamma.len();
        let mut y = Vec::new();
        for row in x.chunks_exact(n) {
            let mean = if norm.centered { row.iter().sum::<f64>() / n as f64 } else { 0.0 };
            let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
            let inverse = 1.0 / (variance + f64::from(norm.epsilon)).sqrt();
            y.extend((0..n).map(|k| f64::from(gamma[k]) * (row[k] - mean) * inverse + f64::from(beta[k])));
        }
        y
    }

    fn both() -> [LayerNorm; 2] {
        [true, false].map(|centered| LayerNorm { epsilon: 1e-3, centered })
    }

    #[test]
    fn forward_equals_the_reference() {
        for isa in Isa::available() {
            for norm in both() {
                for (rows, n) in [(1, 1), (3, 2), (5, 7), (9, 16), (4, 17), (6, 33), (300, 64), (2, 10_001), (0, 4)] {
                    let (x, gamma, beta) = (values(rows * n, 1), values(n, 2), values(n, 3));
                    let wide: Vec<f64> = x.iter().map(|&v| v.into()).collect();
                    let (mut y, mut moments) = (vec![9.0; rows * n], vec![9.0; 2 * rows]);
                    forward(isa, norm, &x, [&gamma, &beta], &mut y, &mut moments);
                    let want = reference(norm, &wide, &gamma, &beta);
                    assert!(
                        y.iter().zip(&want).all(|(&a, b)| (f64::from(a) - b).abs() < 1e-5 * (1.0 + b.abs())),
                        "{n}"
                    );
                }
            }
        }
        forward(Isa::active(), both()[0], &[], [&[], &[]], &mut [], &mut []);
    }

    #[test]
    fn gradients_equal_central_differences_of_the_reference() {
        for isa in Isa::available() {
            for norm in both() {
                for (rows, n) in [(1, 1), (2, 3), (5, 17), (3, 40)] {
                    let (x, dy, gamma, beta) = (values(rows * n, 1), values(rows * n, 5), values(n, 2), values(n, 3));
                    let (mut y, mut moments) = (vec![0.0; rows * n], vec![0.0; 2 * rows]);
                    forward(isa, norm, &x, [&gamma, &beta], &mut y, &mut moments);
                    let (mut dx, mut dgamma, mut dbeta) = (vec![9.0; rows * n], vec![9.0; n], vec![9.0; n]);
                    gradient(isa, norm, [&x, &dy], [&gamma, &moments], &mut dx, [&mut dgamma, &mut dbeta]);
                    let wide: Vec<f64> = x.iter().map(|&v| v.into()).collect();
                    for at in 0..rows * n {
                        let moved = |h: f64| {
                            let mut x = wide.clone();
                            x[at] += h;
                            let y = reference(norm, &x, &gamma, &beta);
                            y.iter().zip(&dy).map(|(y, &d)| y * f64::from(d)).sum::<f64>()
                        };
                        let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                        assert!((f64::from(dx[at]) - want).abs() < 3e-5 * (1.0 + want.abs()), "{rows} x {n}");
                    }
                    let z = reference(norm, &wide, &vec![1.0; n], &vec![0.0; n]);
                    for k in 0..n {
                        let column = |f: &dyn Fn(usize) -> f64| (k..rows * n).step_by(n).map(f).sum::<f64>();
                        assert!((f64::from(dbeta[k]) - column(&|i| f64::from(dy[i]))).abs() < 1e-5);
                        assert!((f64::from(dgamma[k]) - column(&|i| f64::from(dy[i]) * z[i])).abs() < 1e-4);
                    }
                }
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits_and_nan_stays_in_its_row() {
        for isa in Isa::available() {
            for (rows, n) in [(3_001, 33), (20_000, 5), (40, 9_000)] {
                let (x, gamma, beta) = (values(rows * n, 1), values(n, 2), values(n, 3));
                let run = |threads| {
                    threads::set_count(threads);
                    let (mut y, mut moments) = (vec![0.0; rows * n], vec![0.0; 2 * rows]);
                    forward(isa, both()[0], &x, [&gamma, &beta], &mut y, &mut moments);
                    let (mut dx, mut dgamma, mut dbeta) = (vec![0.0; rows * n], vec![0.0; n], vec![0.0; n]);
                    gradient(isa, both()[0], [&x, &y], [&gamma, &moments], &mut dx, [&mut dgamma, &mut dbeta]);
                    (y, moments, dx, dgamma, dbeta)
                };
                let one = run(1);
                assert!([2, 3, 5].into_iter().all(|threads| run(threads) == one));
            }
            let mut x = values(3 * 21, 1);
            x[21 + 20] = f32::NAN;
            let (mut y, mut moments) = (vec![0.0; 63], vec![0.0; 6]);
            forward(isa, both()[0], &x, [&[1.0; 21], &[0.0; 21]], &mut y, &mut moments);
            assert!(y.iter().enumerate().all(|(i, y)| y.is_nan() == (i / 21 == 1)));
        }
        threads::set_count(0);
    }
}
