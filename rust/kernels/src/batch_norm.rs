//! Batch normalisation (Ioffe and Szegedy, 2015): rows of channels, the last axis; statistics over the rows.
//!
//! Statistics are taken block by block, a block small enough that its second pass finds it in the first cache, and the
//! blocks are joined in index order (Chan, Golub and LeVeque, 1979): one pass over memory, and no cancellation however
//! far the mean is from zero. A mean that falls between two floats is not rounded: the deviations from the float beside
//! it are summed too. Few channels are repeated side by side until they fill some vectors.

use crate::reduce::DOWN;
use crate::simd::map::{load, store};
use crate::simd::{Isa, Kernel, Simd};
use crate::{scratch, threads};

/// Elements of a block, unless channels are many; rows it has at least.
const BLOCK: usize = 8_192;
const LEAST_ROWS: usize = 64;
/// Fewer channels than this are repeated side by side, up to this many.
const WIDTH: usize = 64;
/// Vectors of one strip of columns.
const STRIP: usize = 4;
/// What an element costs in multiply-adds, for each pass over memory.
const COST: usize = 4;

/// How rows are cut: into blocks, and into wide rows of one or more rows each.
#[derive(Clone, Copy)]
struct Cut {
    channels: usize,
    wide: usize,
    block: usize,
}

impl Cut {
    fn of(channels: usize) -> Cut {
        let repeats = (WIDTH / channels).max(1);
        let rows = (BLOCK / channels).max(LEAST_ROWS).next_multiple_of(repeats);
        Cut { channels, wide: channels * repeats, block: channels * rows }
    }
    /// Runs `f` on vectors of numbers per channel, each repeated to fill a wide row.
    fn repeated<const N: usize>(self, vectors: [&[f32]; N], f: impl FnOnce([&[f32]; N])) {
        scratch::with(N * self.wide, |all| {
            for (vector, wide) in vectors.iter().zip(all.chunks_exact_mut(self.wide)) {
                wide.chunks_exact_mut(self.channels).for_each(|part| part.copy_from_slice(vector));
            }
            f(std::array::from_fn(|k| &all[k * self.wide..][..self.wide]));
        });
    }
}

/// What is summed over the rows for each column, from elements `a` and `b` and a number `centre` of the column.
trait Terms<const K: usize>: Copy {
    /// The sums with the terms of these elements.
    fn add<S: Simd>(self, s: S, sums: [S::F; K], a: S::F, b: S::F, centre: S::F) -> [S::F; K];
}

#[derive(Clone, Copy)]
struct Itself;

impl Terms<1> for Itself {
    #[inline(always)]
    fn add<S: Simd>(self, s: S, [sum]: [S::F; 1], a: S::F, _: S::F, _: S::F) -> [S::F; 1] {
        [s.add(sum, a)]
    }
}

/// The deviation and its square.
#[derive(Clone, Copy)]
struct Deviation;

impl Terms<2> for Deviation {
    #[inline(always)]
    fn add<S: Simd>(self, s: S, [sum, squares]: [S::F; 2], a: S::F, _: S::F, centre: S::F) -> [S::F; 2] {
        let d = s.sub(a, centre);
        [s.add(sum, d), s.mul_add(d, d, squares)]
    }
}

/// [`Deviation`] scaled by `reduce::DOWN`, so that no square overflows.
#[derive(Clone, Copy)]
struct Lowered;

impl Terms<2> for Lowered {
    #[inline(always)]
    fn add<S: Simd>(self, s: S, [sum, squares]: [S::F; 2], a: S::F, _: S::F, centre: S::F) -> [S::F; 2] {
        let d = s.mul(s.sub(a, centre), s.splat(DOWN));
        [s.add(sum, d), s.mul_add(d, d, squares)]
    }
}

/// `b` and `b (a - centre)`: of x and dy.
#[derive(Clone, Copy)]
struct Pull;

impl Terms<2> for Pull {
    #[inline(always)]
    fn add<S: Simd>(self, s: S, [plain, pulled]: [S::F; 2], a: S::F, b: S::F, centre: S::F) -> [S::F; 2] {
        [s.add(plain, b), s.mul_add(b, s.sub(a, centre), pulled)]
    }
}

/// Writes the sums of each term over the wide rows of `a` and `b`; the last row may be cut short.
#[inline(always)]
fn sum_columns<S: Simd, const K: usize>(
    s: S,
    terms: impl Terms<K>,
    [a, b, centre]: [&[f32]; 3],
    mut out: [&mut [f32]; K],
) {
    let wide = centre.len();
    let mut first = 0;
    while first < wide {
        let width = if wide - first >= STRIP * S::LANES { STRIP } else { 1 };
        let out = out.each_mut().map(|out| &mut out[first..wide.min(first + width * S::LANES)]);
        match width {
            STRIP => strip::<S, K, STRIP>(s, terms, [a, b, centre], first, out),
            _ => strip::<S, K, 1>(s, terms, [a, b, centre], first, out),
        }
        first += width * S::LANES;
    }
}

/// The sums of `V` vectors of columns from `first` on; a single vector may be cut short.
#[inline(always)]
fn strip<S: Simd, const K: usize, const V: usize>(
    s: S,
    terms: impl Terms<K>,
    [a, b, centre]: [&[f32]; 3],
    first: usize,
    out: [&mut [f32]; K],
) {
    let (wide, columns) = (centre.len(), out[0].len());
    // A strip of several vectors is always whole.
    let whole = V > 1 || columns == S::LANES;
    let mut sums = [[s.splat(0.0); K]; V];
    let mut middle = [s.splat(0.0); V];
    for (v, middle) in middle.iter_mut().enumerate() {
        *middle = load(s, &centre[first..first + columns], v * S::LANES, whole);
    }
    let full = a.len() / wide;
    for (a, b) in a.chunks_exact(wide).zip(b.chunks_exact(wide)) {
        let (a, b) = (&a[first..first + columns], &b[first..first + columns]);
        for v in 0..V {
            let (a, b) = (load(s, a, v * S::LANES, whole), load(s, b, v * S::LANES, whole));
            sums[v] = terms.add(s, sums[v], a, b, middle[v]);
        }
    }
    let (a, b) = (&a[full * wide..], &b[full * wide..]);
    for v in 0..V {
        let at = first + v * S::LANES;
        let left = a.len().saturating_sub(at).min(S::LANES);
        if left > 0 {
            let last = terms.add(s, sums[v], s.load_head(&a[at..at + left]), s.load_head(&b[at..at + left]), middle[v]);
            for k in 0..K {
                sums[v][k] = s.select(s.head(left), last[k], sums[v][k]);
            }
        }
    }
    for (k, out) in out.into_iter().enumerate() {
        for (out, sums) in out.chunks_mut(S::LANES).zip(sums) {
            s.store_head(out, sums[k]);
        }
    }
}

/// [`sum_columns`] down to channels: what the repeats of a channel in a wide row came to is added up.
#[inline(always)]
fn sum_channels<S: Simd, const K: usize>(
    s: S,
    terms: impl Terms<K>,
    cut: Cut,
    [a, b, centre]: [&[f32]; 3],
    out: [&mut [f32]; K],
) {
    if cut.wide == cut.channels {
        return sum_columns(s, terms, [a, b, centre], out);
    }
    let (mut middles, mut wides) = ([0.0; WIDTH], [[0.0; WIDTH]; K]);
    let middles = &mut middles[..cut.wide];
    middles.chunks_exact_mut(cut.channels).for_each(|part| part.copy_from_slice(centre));
    sum_columns(s, terms, [a, b, middles], wides.each_mut().map(|wide| &mut wide[..cut.wide]));
    for (wide, out) in wides.iter().zip(out) {
        let mut parts = wide[..cut.wide].chunks_exact(cut.channels);
        out.copy_from_slice(parts.next().unwrap_or(&[]));
        parts.for_each(|part| out.iter_mut().zip(part).for_each(|(out, part)| *out += part));
    }
}

/// Calls `write(channel, mean, variance)` with the mean and the (biased) variance of each channel over all rows, of which
/// there must be some.
fn statistics(isa: Isa, x: &[f32], channels: usize, mut write: impl FnMut(usize, f64, f64)) {
    assert!(channels > 0, "batch_norm: channels");
    assert!(!x.is_empty() && x.len().is_multiple_of(channels), "batch_norm: rows of channels");
    let (cut, rows) = (Cut::of(channels), (x.len() / channels) as f64);
    let blocks = x.len().div_ceil(cut.block);
    let block = |i: usize| &x[i * cut.block..x.len().min((i + 1) * cut.block)];
    scratch::with(blocks * 3 * channels, |partial| {
        threads::for_each_chunk(partial, 3 * channels, cut.block * COST, |i, partial| {
            isa.run(Statistics { cut, x: block(i), partial });
        });
        for c in 0..channels {
            // Everything as deviations from one block's mean: the sum, and the sum of squares.
            let origin = f64::from(partial[c]);
            let (mut sum, mut squares) = (0.0, 0.0);
            for (i, part) in partial.chunks_exact(3 * channels).enumerate() {
                let n = (block(i).len() / channels) as f64;
                let [centre, plain, square] = [0, 1, 2].map(|k| f64::from(part[k * channels + c]));
                let (shift, square) = (centre - origin, if square < 0.0 { square * square } else { square });
                sum += n * shift + plain;
                squares += square + shift * (n * shift + 2.0 * plain);
            }
            let spread = squares - sum * sum / rows;
            write(c, origin + sum / rows, if spread < 0.0 { 0.0 } else { spread / rows });
        }
    });
}

/// A block's means as floats, its sums of deviations from them, and of their squares: where those overflow minus the root
/// of the sum.
struct Statistics<'a> {
    cut: Cut,
    x: &'a [f32],
    partial: &'a mut [f32],
}

impl Kernel for Statistics<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Statistics { cut, x, partial } = self;
        let (mean, sums) = partial.split_at_mut(cut.channels);
        let (sum, squares) = sums.split_at_mut(cut.channels);
        // The sums need no centre: any vector of channels will do.
        squares.fill(0.0);
        sum_channels(s, Itself, cut, [x, x, squares], [mean]);
        let rows = (x.len() / cut.channels) as f32;
        mean.iter_mut().for_each(|sum| *sum /= rows);
        sum_channels(s, Deviation, cut, [x, x, mean], [&mut *sum, &mut *squares]);
        if squares.iter().any(|&square| square > f32::MAX) {
            // From the nearest float to the mean, for of equal numbers all that overflowed may be its rounding.
            for c in 0..cut.channels {
                if squares[c] > f32::MAX {
                    mean[c] += sum[c] / rows;
                }
            }
            scratch::with(2 * cut.channels, |lowered| {
                let (sums, roots) = lowered.split_at_mut(cut.channels);
                sum_channels(s, Lowered, cut, [x, x, mean], [&mut *sums, &mut *roots]);
                for c in 0..cut.channels {
                    if squares[c] > f32::MAX {
                        (sum[c], squares[c]) = (sums[c] / DOWN, -(roots[c].sqrt() / DOWN));
                    }
                }
            });
        }
    }
}

/// `out = 1 / sqrt(variance + epsilon)` for each channel, also where the variance of x is beyond the largest float: its
/// root is not.
fn inverses(isa: Isa, x: &[f32], variance: &[f32], epsilon: f32, out: &mut [f32]) {
    for (out, &variance) in out.iter_mut().zip(variance) {
        *out = 1.0 / (variance + epsilon).sqrt();
    }
    if variance.contains(&f32::INFINITY) {
        statistics(isa, x, variance.len(), |c, _, spread| {
            if variance[c] == f32::INFINITY {
                out[c] = (1.0 / (spread + f64::from(epsilon)).sqrt()) as f32;
            }
        });
    }
}

/// `y = gamma (x - mean) / sqrt(variance + epsilon) + beta` with the statistics of x itself, which are written too. A
/// variance beyond the largest float is written as infinity; y is right nevertheless.
pub fn forward(
    isa: Isa,
    x: &[f32],
    [gamma, beta]: [&[f32]; 2],
    epsilon: f32,
    y: &mut [f32],
    [mean, variance]: [&mut [f32]; 2],
) {
    let channels = gamma.len();
    assert!([beta.len(), mean.len(), variance.len()] == [channels; 3], "batch_norm: vectors of channels");
    scratch::with(2 * channels, |vectors| {
        let (scale, shift) = vectors.split_at_mut(channels);
        statistics(isa, x, channels, |c, centre, spread| {
            (mean[c], variance[c]) = (centre as f32, spread as f32);
            // What the float has more than the mean.
            shift[c] = (f64::from(mean[c]) - centre) as f32;
        });
        inverses(isa, x, variance, epsilon, scale);
        for ((scale, shift), (gamma, beta)) in scale.iter_mut().zip(&mut *shift).zip(gamma.iter().zip(beta)) {
            *scale *= gamma;
            *shift = beta + *shift * *scale;
        }
        affine(isa, x, [mean, scale, shift], y);
    });
}

/// `y = (x - centre) scale + shift` for each channel.
pub fn affine(isa: Isa, x: &[f32], [centre, scale, shift]: [&[f32]; 3], y: &mut [f32]) {
    let channels = centre.len();
    assert!(scale.len() == channels && shift.len() == channels, "affine: a centre, scale and shift for each channel");
    assert!(x.len() == y.len() && (channels == 0 || x.len().is_multiple_of(channels)), "affine: rows of channels");
    if y.is_empty() {
        return;
    }
    let cut = Cut::of(channels);
    cut.repeated([centre, scale, shift], |vectors| {
        threads::for_each_chunk(y, cut.block, cut.block * COST, |i, y| {
            let x = &x[i * cut.block..i * cut.block + y.len()];
            isa.run(Affine { x, vectors, y });
        });
    });
}

struct Affine<'a> {
    x: &'a [f32],
    vectors: [&'a [f32]; 3],
    y: &'a mut [f32],
}

impl Kernel for Affine<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Affine { x, vectors, y } = self;
        let wide = vectors[0].len();
        for (x, y) in x.chunks(wide).zip(y.chunks_mut(wide)) {
            let [centre, scale, shift] = vectors.map(|v| &v[..y.len()]);
            for at in (0..y.len()).step_by(S::LANES) {
                let whole = at + S::LANES <= y.len();
                let d = s.sub(load(s, x, at, whole), load(s, centre, at, whole));
                store(s, y, at, whole, s.mul_add(d, load(s, scale, at, whole), load(s, shift, at, whole)));
            }
        }
    }
}

/// The gradient of [`forward`]: with `n` rows and `z = (x - mean) / sqrt(variance + epsilon)`, `dbeta = sum(dy)`,
/// `dgamma = sum(dy z)` and `dx = gamma / sqrt(variance + epsilon) (dy - dbeta / n - z dgamma / n)`.
pub fn gradient(
    isa: Isa,
    [x, dy]: [&[f32]; 2],
    [gamma, mean, variance]: [&[f32]; 3],
    epsilon: f32,
    dx: &mut [f32],
    [dgamma, dbeta]: [&mut [f32]; 2],
) {
    let channels = gamma.len();
    assert!(channels > 0 && [mean.len(), variance.len(), dgamma.len(), dbeta.len()] == [channels; 4]);
    assert!(x.len() == dy.len() && x.len() == dx.len() && x.len().is_multiple_of(channels), "batch_norm: rows");
    let (cut, rows) = (Cut::of(channels), (x.len() / channels) as f64);
    let part = |i: usize| i * cut.block..x.len().min((i + 1) * cut.block);
    scratch::with(4 * channels, |vectors| {
        let (inverse, vectors) = vectors.split_at_mut(channels);
        inverses(isa, x, variance, epsilon, inverse);
        scratch::with(x.len().div_ceil(cut.block) * 2 * channels, |partial| {
            threads::for_each_chunk(partial, 2 * channels, cut.block * COST, |i, partial| {
                isa.run(Pulls { cut, x: &x[part(i)], dy: &dy[part(i)], mean, partial });
            });
            for c in 0..channels {
                let total = |c: usize| partial.chunks_exact(2 * channels).map(|part| f64::from(part[c])).sum::<f64>();
                dbeta[c] = total(c) as f32;
                dgamma[c] = (total(channels + c) * f64::from(inverse[c])) as f32;
            }
        });
        let (scale, rest) = vectors.split_at_mut(channels);
        let (lift, tilt) = rest.split_at_mut(channels);
        for c in 0..channels {
            scale[c] = gamma[c] * inverse[c];
            lift[c] = (f64::from(dbeta[c]) / rows) as f32;
            tilt[c] = (f64::from(dgamma[c]) * f64::from(inverse[c]) / rows) as f32;
        }
        cut.repeated([mean, scale, lift, tilt], |vectors| {
            threads::for_each_chunk(dx, cut.block, cut.block * COST, |i, dx| {
                isa.run(InputGradient { x: &x[part(i)], dy: &dy[part(i)], vectors, dx });
            });
        });
    });
}

/// A block's sums of dy and of dy (x - mean).
struct Pulls<'a> {
    cut: Cut,
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    partial: &'a mut [f32],
}

impl Kernel for Pulls<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (plain, pulled) = self.partial.split_at_mut(self.cut.channels);
        sum_channels(s, Pull, self.cut, [self.x, self.dy, self.mean], [plain, pulled]);
    }
}

/// `dx = scale (dy - lift - (x - mean) tilt)`
struct InputGradient<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    vectors: [&'a [f32]; 4],
    dx: &'a mut [f32],
}

impl Kernel for InputGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let InputGradient { x, dy, vectors, dx } = self;
        let wide = vectors[0].len();
        for ((x, dy), dx) in x.chunks(wide).zip(dy.chunks(wide)).zip(dx.chunks_mut(wide)) {
            let [mean, scale, lift, tilt] = vectors.map(|v| &v[..dx.len()]);
            for at in (0..dx.len()).step_by(S::LANES) {
                let whole = at + S::LANES <= dx.len();
                let d = s.sub(load(s, mean, at, whole), load(s, x, at, whole));
                let g = s.sub(load(s, dy, at, whole), load(s, lift, at, whole));
                let g = s.mul_add(d, load(s, tilt, at, whole), g);
                store(s, dx, at, whole, s.mul(load(s, scale, at, whole), g));
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

    /// y, mean and variance in f64.
    fn reference(x: &[f64], gamma: &[f32], beta: &[f32], epsilon: f64) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let c = gamma.len();
        let rows = (x.len() / c) as f64;
        let mean: Vec<f64> = (0..c).map(|c0| x.iter().skip(c0).step_by(c).sum::<f64>() / rows).collect();
        let square = |c0: usize| x.iter().skip(c0).step_by(c).map(|v| (v - mean[c0]).powi(2)).sum::<f64>() / rows;
        let variance: Vec<f64> = (0..c).map(square).collect();
        let place = |(i, v): (usize, &f64)| {
            let k = i % c;
            f64::from(gamma[k]) * (v - mean[k]) / (variance[k] + epsilon).sqrt() + f64::from(beta[k])
        };
        (x.iter().enumerate().map(place).collect(), mean, variance)
    }

    const SHAPES: [(usize, usize); 12] = [
        (1, 1),
        (2, 3),
        (7, 5),
        (40, 1),
        (9_001, 1),
        (5_000, 3),
        (700, 17),
        (1_000, 32),
        (300, 65),
        (130, 150),
        (3, 1_000),
        (65, 10_000),
    ];

    #[test]
    fn forward_equals_the_reference_also_far_from_zero() {
        for isa in Isa::available() {
            for (rows, c) in SHAPES {
                for offset in [0.0, 1000.0] {
                    let x: Vec<f32> = values(rows * c, 1).iter().map(|v| v + offset).collect();
                    let (gamma, beta) = (values(c, 2), values(c, 3));
                    let wide: Vec<f64> = x.iter().map(|&v| v.into()).collect();
                    let (y, mean, variance) = reference(&wide, &gamma, &beta, 1e-3);
                    let (mut got, mut m, mut v) = (vec![9.0; rows * c], vec![9.0; c], vec![9.0; c]);
                    forward(isa, &x, [&gamma, &beta], 1e-3, &mut got, [&mut m, &mut v]);
                    let close = |a: &[f32], b: &[f64], to: f64| {
                        a.iter().zip(b).all(|(&a, b)| (f64::from(a) - b).abs() <= to * (1.0 + b.abs()))
                    };
                    assert!(close(&m, &mean, 1e-6) && close(&v, &variance, 1e-4), "{isa:?} {rows} x {c}");
                    assert!(close(&got, &y, 1e-5), "{isa:?} {rows} x {c} {offset}");
                }
            }
        }
    }

    #[test]
    fn channels_far_from_zero_and_of_any_size_equal_the_reference() {
        let channels = [(1e4, 1e-2), (-3e5, 1.0), (0.0, 1e20), (1e22, 1e19), (0.0, 1.0), (0.0, 1e35)];
        // One number throughout, of which the mean may be a rounding off.
        for rows in [3, 6, 65, 4001] {
            for isa in Isa::available() {
                let (mut y, mut m, mut v) = (vec![9.0; 2 * rows], [9.0; 2], [9.0; 2]);
                let x = [1e30, -0.3e20].repeat(rows);
                forward(isa, &x, [&[1.0; 2], &[0.5; 2]], 1e-3, &mut y, [&mut m, &mut v]);
                assert!(y.iter().all(|&y| (y - 0.5).abs() < 1e-3) && v.iter().all(|v| v.is_finite()), "{v:?}");
            }
        }
        let c = channels.len();
        for isa in Isa::available() {
            for rows in [7, 65, 4001] {
                let place = |(i, v): (usize, f32)| channels[i % c].0 + v * channels[i % c].1;
                let x: Vec<f32> = values(rows * c, 1).into_iter().enumerate().map(place).collect();
                let wide: Vec<f64> = x.iter().map(|&v| v.into()).collect();
                let (gamma, beta) = (values(c, 2), values(c, 3));
                let (want, _, spread) = reference(&wide, &gamma, &beta, 0.0);
                let (mut y, mut m, mut v) = (vec![9.0; rows * c], vec![9.0; c], vec![9.0; c]);
                forward(isa, &x, [&gamma, &beta], 0.0, &mut y, [&mut m, &mut v]);
                let close = |a: f32, b: f64, to: f64| (f64::from(a) - b).abs() <= to * (1.0 + b.abs());
                assert!(y.iter().zip(&want).all(|(&a, &b)| close(a, b, 2e-5)), "{isa:?} {rows}");
                for (&v, &want) in v.iter().zip(&spread) {
                    assert!((f64::from(v) / want - 1.0).abs() < 1e-5 || (v == f32::INFINITY && want > 3.4e38));
                }
                // The gradient by gamma is the sum of what is normalised.
                let dy: Vec<f32> = (0..rows * c).map(|i| f32::from((i / c) % 3 == 1)).collect();
                let (mut dx, mut dgamma, mut dbeta) = (vec![9.0; rows * c], vec![9.0; c], vec![9.0; c]);
                gradient(isa, [&x, &dy], [&gamma, &m, &v], 0.0, &mut dx, [&mut dgamma, &mut dbeta]);
                let (z, ..) = reference(&wide, &vec![1.0; c], &vec![0.0; c], 0.0);
                for k in (2..c).filter(|&k| k != 3) {
                    let sum: f64 = (k..rows * c).step_by(c).map(|i| z[i] * f64::from(dy[i])).sum();
                    assert!(close(dgamma[k], sum, 1e-4), "{isa:?} {rows} {k}: {} {sum}", dgamma[k]);
                }
            }
        }
    }

    #[test]
    fn gradients_equal_central_differences_of_the_reference() {
        for isa in Isa::available() {
            for (rows, c) in [(2, 1), (5, 3), (9, 17), (30, 2), (3, 70)] {
                let (x, dy, gamma, beta) = (values(rows * c, 1), values(rows * c, 5), values(c, 2), values(c, 3));
                let (mut y, mut m, mut v) = (vec![0.0; rows * c], vec![0.0; c], vec![0.0; c]);
                forward(isa, &x, [&gamma, &beta], 1e-3, &mut y, [&mut m, &mut v]);
                let (mut dx, mut dgamma, mut dbeta) = (vec![9.0; rows * c], vec![9.0; c], vec![9.0; c]);
                gradient(isa, [&x, &dy], [&gamma, &m, &v], 1e-3, &mut dx, [&mut dgamma, &mut dbeta]);
                let wide: Vec<f64> = x.iter().map(|&v| v.into()).collect();
                let loss = |x: &[f64]| {
                    let (y, ..) = reference(x, &gamma, &beta, 1e-3);
                    y.iter().zip(&dy).map(|(y, &d)| y * f64::from(d)).sum::<f64>()
                };
                for at in 0..rows * c {
                    let moved = |h: f64| {
                        let mut x = wide.clone();
                        x[at] += h;
                        loss(&x)
                    };
                    let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                    assert!((f64::from(dx[at]) - want).abs() < 2e-5 * (1.0 + want.abs()), "{rows} x {c}");
                }
                for k in 0..c {
                    let column = |f: &dyn Fn(usize) -> f64| (k..rows * c).step_by(c).map(f).sum::<f64>();
                    let plain = column(&|i| f64::from(dy[i]));
                    let inverse = 1.0 / (f64::from(v[k]) + 1e-3).sqrt();
                    let pulled = column(&|i| f64::from(dy[i]) * (wide[i] - f64::from(m[k])) * inverse);
                    assert!((f64::from(dbeta[k]) - plain).abs() < 1e-4 && (f64::from(dgamma[k]) - pulled).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits_and_nan_stays_in_its_channel() {
        for isa in Isa::available() {
            for (rows, c) in [(20_001, 3), (4_000, 33), (500, 257)] {
                let (x, gamma, beta) = (values(rows * c, 1), values(c, 2), values(c, 3));
                let run = |threads| {
                    threads::set_count(threads);
                    let (mut y, mut m, mut v) = (vec![0.0; rows * c], vec![0.0; c], vec![0.0; c]);
                    forward(isa, &x, [&gamma, &beta], 1e-3, &mut y, [&mut m, &mut v]);
                    let (mut dx, mut dgamma, mut dbeta) = (vec![0.0; rows * c], vec![0.0; c], vec![0.0; c]);
                    gradient(isa, [&x, &y], [&gamma, &m, &v], 1e-3, &mut dx, [&mut dgamma, &mut dbeta]);
                    (y, m, v, dx, dgamma, dbeta)
                };
                let one = run(1);
                assert!([2, 3, 5].into_iter().all(|threads| run(threads) == one));
            }
            let mut x = values(100 * 5, 1);
            x[5 * 99 + 2] = f32::NAN;
            let (mut y, mut m, mut v) = (vec![0.0; 500], vec![0.0; 5], vec![0.0; 5]);
            forward(isa, &x, [&[1.0; 5], &[0.0; 5]], 1e-3, &mut y, [&mut m, &mut v]);
            assert!(y.iter().enumerate().all(|(i, y)| y.is_nan() == (i % 5 == 2)));
        }
        threads::set_count(0);
        affine(Isa::active(), &[], [&[], &[], &[]], &mut []);
        affine(Isa::active(), &[], [&[1.0], &[1.0], &[1.0]], &mut []);
    }
}
