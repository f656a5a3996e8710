//! Layer normalisation (Ba, Kiros and Hinton, 2016) of rows, and without the mean RMS normalisation (Zhang and
//! Sennrich, 2019).

use crate::reduce::{self, Reduce, reduce};
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

/// Numbers of a row that the gradient needs.
pub const MOMENTS: usize = 3;

/// `y = gamma (x - mean) inverse + beta` for each row as long as gamma, `inverse = 1 / sqrt(variance + epsilon)`;
/// writes three numbers for each row: its mean as a float and the inverse, and `(float - mean) inverse`, for far from zero
/// the nearest float is not close enough to the mean. The mean is 0 where not centred.
pub fn forward(isa: Isa, norm: LayerNorm, x: &[f32], [gamma, beta]: [&[f32]; 2], y: &mut [f32], moments: &mut [f32]) {
    let n = gamma.len();
    assert!(beta.len() == n && x.len() == y.len() && moments.len() * n == MOMENTS * x.len(), "layer_norm: lengths");
    if n == 0 {
        return;
    }
    let (size, rows) = (part(n), part(n) / n);
    threads::for_each_chunk2((y, size), (moments, MOMENTS * rows), size * COST, |i, y, moments| {
        let x = &x[i * size..i * size + y.len()];
        if isa.run(Forward { norm, x, gamma, beta, y: &mut *y, moments: &mut *moments }) {
            isa.run(Corrected { norm, x, gamma, beta, y, moments });
        }
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
    /// The sums with the terms at the vector from `at` on, which the row's end may cut short.
    fn add(&mut self, s: S, at: usize, whole: bool, sums: [S::F; K]) -> [S::F; K];
}

/// The sums over a row of `n`; lanes beyond the row do not count.
#[inline(always)]
fn sums<S: Simd, const K: usize>(s: S, n: usize, mut term: impl Term<S, K>) -> [f32; K] {
    let mut even = [s.splat(0.0); K];
    let mut odd = even;
    let (pairs, body) = (n - n % (2 * S::LANES), n - n % S::LANES);
    for at in (0..pairs).step_by(2 * S::LANES) {
        even = term.add(s, at, true, even);
        odd = term.add(s, at + S::LANES, true, odd);
    }
    if pairs < body {
        even = term.add(s, pairs, true, even);
    }
    if body < n {
        let last = term.add(s, body, false, odd);
        for k in 0..K {
            odd[k] = s.select(s.head(n - body), last[k], odd[k]);
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
    fn add(&mut self, s: S, at: usize, whole: bool, [sum]: [S::F; 1]) -> [S::F; 1] {
        [s.add(sum, load(s, self.0, at, whole))]
    }
}

/// The distance from a number.
struct Distance<'a, F>(&'a [f32], F);

impl<S: Simd> Term<S, 1> for Distance<'_, S::F> {
    #[inline(always)]
    fn add(&mut self, s: S, at: usize, whole: bool, [sum]: [S::F; 1]) -> [S::F; 1] {
        [s.add(sum, s.sub(load(s, self.0, at, whole), self.1))]
    }
}

/// The squared distance from a number.
struct Squares<'a, F>(&'a [f32], F);

impl<S: Simd> Term<S, 1> for Squares<'_, S::F> {
    #[inline(always)]
    fn add(&mut self, s: S, at: usize, whole: bool, [squares]: [S::F; 1]) -> [S::F; 1] {
        let d = s.sub(load(s, self.0, at, whole), self.1);
        // Not fused: sums are a chain, and an addition takes less time than a fused one.
        [s.add(squares, s.mul(d, d))]
    }
}

/// The squared distance from a number, scaled.
struct Scaled<'a, F>(&'a [f32], F, F);

impl<S: Simd> Term<S, 1> for Scaled<'_, S::F> {
    #[inline(always)]
    fn add(&mut self, s: S, at: usize, whole: bool, [squares]: [S::F; 1]) -> [S::F; 1] {
        let d = s.mul(s.sub(load(s, self.0, at, whole), self.1), self.2);
        [s.mul_add(d, d, squares)]
    }
}

/// Whether a row's float mean and inverse will not do: the mean's rounding counts beside the deviations, or the squares
/// overflowed or may have lost some.
#[inline(always)]
fn doubtful(mean: f32, inverse: f32) -> bool {
    ((mean * inverse).abs() > 16.0) | (inverse == 0.0) | (inverse > 1e9)
}

/// Writes a row.
#[inline(always)]
fn write<S: Simd>(
    s: S,
    x: &[f32],
    [gamma, beta]: [&[f32]; 2],
    [mean, inverse]: [f32; 2],
    offset: Option<f32>,
    y: &mut [f32],
) {
    let (centre, inverse) = (s.splat(mean), s.splat(inverse));
    for at in (0..x.len()).step_by(S::LANES) {
        let whole = at + S::LANES <= x.len();
        let d = s.sub(load(s, x, at, whole), centre);
        let z = match offset {
            Some(offset) => s.mul_add(d, inverse, s.splat(offset)),
            None => s.mul(d, inverse),
        };
        store(s, y, at, whole, s.mul_add(z, load(s, gamma, at, whole), load(s, beta, at, whole)));
    }
}

/// Says whether a row is to be [`Corrected`].
impl Kernel for Forward<'_> {
    type Output = bool;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> bool {
        let Forward { norm, x, gamma, beta, y, moments } = self;
        let (n, count) = (gamma.len(), gamma.len() as f32);
        let rows = x.chunks_exact(n).zip(y.chunks_exact_mut(n)).zip(moments.chunks_exact_mut(MOMENTS));
        for ((x, y), moments) in rows {
            let mean = if norm.centered { sums(s, n, Itself(x))[0] / count } else { 0.0 };
            let [squares] = sums(s, n, Squares(x, s.splat(mean)));
            let inverse = 1.0 / (squares / count + norm.epsilon).sqrt();
            moments.copy_from_slice(&[mean, inverse, 0.0]);
            write(s, x, [gamma, beta], [mean, inverse], None, y);
        }
        // Apart, for the loop above is as fast as it has few numbers to keep.
        moments.chunks_exact(MOMENTS).fold(false, |doubt, moments| doubt | doubtful(moments[0], moments[1]))
    }
}

/// [`Forward`] for the rows that it was not good enough for: a kernel of its own, to keep it out of that one's registers.
struct Corrected<'a> {
    norm: LayerNorm,
    x: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    y: &'a mut [f32],
    moments: &'a mut [f32],
}

impl Kernel for Corrected<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Corrected { norm, x, gamma, beta, y, moments } = self;
        let n = gamma.len();
        let rows = x.chunks_exact(n).zip(y.chunks_exact_mut(n)).zip(moments.chunks_exact_mut(MOMENTS));
        for ((x, y), moments) in rows.filter(|(_, moments)| doubtful(moments[0], moments[1])) {
            let centre = s.splat(moments[0]);
            let [squares] = sums(s, n, Squares(x, centre));
            // How far the mean is from the float that stands for it.
            let shift = if norm.centered { f64::from(sums(s, n, Distance(x, centre))[0]) / n as f64 } else { 0.0 };
            let [low, high] = reduce::SUM_BOUNDS;
            let squares = if squares > high || squares < low {
                let scale = if squares > high { reduce::DOWN } else { reduce::UP };
                f64::from(sums(s, n, Scaled(x, centre, s.splat(scale)))[0]) / f64::from(scale).powi(2)
            } else {
                f64::from(squares)
            };
            let variance = squares / n as f64 - shift * shift;
            let inverse = 1.0 / (if variance < 0.0 { 0.0 } else { variance } + f64::from(norm.epsilon)).sqrt();
            moments[1..].copy_from_slice(&[inverse as f32, (-shift * inverse) as f32]);
            write(s, x, [gamma, beta], [moments[0], moments[1]], Some(moments[2]), y);
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
    assert!(
        x.len() == dy.len() && x.len() == dx.len() && moments.len() * n == MOMENTS * x.len(),
        "layer_norm: lengths"
    );
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
            let moments = &moments[i * MOMENTS * rows..];
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
    /// The row's moments.
    centre: F,
    inverse: F,
    offset: F,
    dgamma: &'a mut [f32],
    dbeta: &'a mut [f32],
}

impl<S: Simd> Term<S, 2> for Pull<'_, S::F> {
    #[inline(always)]
    fn add(&mut self, s: S, at: usize, whole: bool, [plain, pulled]: [S::F; 2]) -> [S::F; 2] {
        let z = s.mul_add(s.sub(load(s, self.x, at, whole), self.centre), self.inverse, self.offset);
        let dy = load(s, self.dy, at, whole);
        let dgamma = s.mul_add(dy, z, load(s, self.dgamma, at, whole));
        store(s, self.dgamma, at, whole, dgamma);
        let dbeta = s.add(dy, load(s, self.dbeta, at, whole));
        store(s, self.dbeta, at, whole, dbeta);
        let g = s.mul(dy, load(s, self.gamma, at, whole));
        [s.add(plain, g), s.mul_add(g, z, pulled)]
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
        for (((x, dy), dx), moments) in rows.zip(moments.chunks_exact(MOMENTS)) {
            let (centre, inverse, offset) = (s.splat(moments[0]), s.splat(moments[1]), s.splat(moments[2]));
            let pull = Pull { x, dy, gamma, centre, inverse, offset, dgamma: &mut *dgamma, dbeta: &mut *dbeta };
            let [plain, pulled] = sums(s, n, pull);
            let lift = s.splat(if norm.centered { plain / n as f32 } else { 0.0 });
            let tilt = s.splat(pulled / n as f32);
            for at in (0..n).step_by(S::LANES) {
                let whole = at + S::LANES <= n;
                let z = s.mul_add(s.sub(load(s, x, at, whole), centre), inverse, offset);
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
                    let (mut y, mut moments) = (vec![9.0; rows * n], vec![9.0; MOMENTS * rows]);
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
    fn rows_far_from_zero_and_of_any_size_equal_the_reference() {
        let none = |centered| LayerNorm { epsilon: 0.0, centered };
        for isa in Isa::available() {
            for n in [5, 33, 500] {
                for (centre, size) in [(1e4, 1e-2), (-3e5, 1.0), (0.0, 1e20), (0.0, 1e-25), (1e22, 1e19), (0.0, 1e37)] {
                    for norm in [none(true), none(false), LayerNorm { epsilon: 1e-3, centered: true }] {
                        let x: Vec<f32> = values(3 * n, 1).iter().map(|v| centre + v * size).collect();
                        let (gamma, beta, wide) = (values(n, 2), values(n, 3), x.iter().map(|&v| v.into()).collect());
                        let (mut y, mut moments) = (vec![9.0; 3 * n], vec![9.0; MOMENTS * 3]);
                        forward(isa, norm, &x, [&gamma, &beta], &mut y, &mut moments);
                        let want = reference(norm, &Vec::<f64>::clone(&wide), &gamma, &beta);
                        let good = |(&y, want): (&f32, &f64)| (f64::from(y) - want).abs() < 1e-5 * (1.0 + want.abs());
                        assert!(y.iter().zip(&want).all(good), "{} {n} {centre} {size} {norm:?}", isa.name());
                        // The gradient by gamma is the normalised row itself.
                        let (mut dx, mut dgamma, mut dbeta) = (vec![9.0; 3 * n], vec![9.0; n], vec![9.0; n]);
                        let dy: Vec<f32> = (0..3 * n).map(|i| f32::from(i / n == 1)).collect();
                        gradient(isa, norm, [&x, &dy], [&gamma, &moments], &mut dx, [&mut dgamma, &mut dbeta]);
                        let z = reference(norm, &wide[n..2 * n], &vec![1.0; n], &vec![0.0; n]);
                        let good = |(&d, want): (&f32, &f64)| (f64::from(d) - want).abs() < 1e-5 * (1.0 + want.abs());
                        assert!(dgamma.iter().zip(&z).all(good), "{} {n} {centre} {size} {norm:?}", isa.name());
                    }
                }
            }
        }
    }

    #[test]
    fn gradients_equal_central_differences_of_the_reference() {
        for isa in Isa::available() {
            for norm in both() {
                for (rows, n) in [(1, 1), (2, 3), (5, 17), (3, 40)] {
                    let (x, dy, gamma, beta) = (values(rows * n, 1), values(rows * n, 5), values(n, 2), values(n, 3));
                    let (mut y, mut moments) = (vec![0.0; rows * n], vec![0.0; MOMENTS * rows]);
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
                    let (mut y, mut moments) = (vec![0.0; rows * n], vec![0.0; MOMENTS * rows]);
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
            let (mut y, mut moments) = (vec![0.0; 63], vec![0.0; 9]);
            forward(isa, both()[0], &x, [&[1.0; 21], &[0.0; 21]], &mut y, &mut moments);
            assert!(y.iter().enumerate().all(|(i, y)| y.is_nan() == (i / 21 == 1)));
        }
        threads::set_count(0);
    }
}
