//! The gradient of a product of many factors: by each, the product of the others.

use crate::simd::map::{Lane2, map_from_scalar};
use crate::simd::{Isa, Kernel, Simd};
use crate::threads;

/// Elements of one task, and what one costs in multiply-adds.
const CHUNK: usize = 8_192;
const COST: usize = 4;

/// `dx[r, i]` = `dy[r]` times the product of all `x[r, j]` but `x[r, i]`. Rows have `n` factors; `y` are their products.
pub fn prod_gradient(isa: Isa, x: &[f32], n: usize, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    assert!(x.len() == dx.len() && x.len() == n * y.len() && y.len() == dy.len(), "prod: lengths of x, y, dy and dx");
    if n == 0 {
        return;
    }
    let group = (CHUNK / n).max(1);
    threads::for_each_chunk(dx, group * n, group * n * COST, |i, dx| {
        let (first, rows) = (i * group, dx.len() / n);
        let (y, dy) = (&y[first..][..rows], &dy[first..][..rows]);
        isa.run(Rows { x: &x[first * n..][..dx.len()], n, y, dy, dx });
    });
}

struct Rows<'a> {
    x: &'a [f32],
    n: usize,
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let rows = self.x.chunks_exact(self.n).zip(self.dx.chunks_exact_mut(self.n));
        for ((x, dx), (&y, &dy)) in rows.zip(self.y.iter().zip(self.dy)) {
            let whole = y * dy;
            if dy == 0.0 {
                dx.fill(0.0);
            } else if y.is_normal() && whole.is_normal() {
                map_from_scalar(s, Quotient, whole, x, dx);
            } else {
                by_others(x, dy, dx);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Quotient;

impl Lane2 for Quotient {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, whole: S::F, x: S::F) -> S::F {
        s.div(whole, x)
    }
}

/// The product of ordinary factors, `mantissa * 2^(300 steps)`, which neither overflows nor vanishes; zeros, infinities
/// and NaN are counted, so that each can be taken out again.
fn by_others(x: &[f32], dy: f32, dx: &mut [f32]) {
    let step = 2f64.powi(300);
    let (mut mantissa, mut steps) = (f64::from(dy), 0i32);
    let (mut zeros, mut infinities, mut nans, mut negative) = (0, 0, 0, false);
    for &v in x {
        negative ^= v.is_sign_negative();
        if v == 0.0 {
            zeros += 1;
        } else if v.is_nan() {
            nans += 1;
        } else if v.is_infinite() {
            infinities += 1;
        } else {
            mantissa *= f64::from(v.abs());
            if mantissa.abs() > step {
                (mantissa, steps) = (mantissa / step, steps + 1);
            } else if mantissa.abs() < 1.0 / step {
                (mantissa, steps) = (mantissa * step, steps - 1);
            }
        }
    }
    for (&v, dx) in x.iter().zip(dx) {
        let zero = zeros > usize::from(v == 0.0);
        let infinite = infinities > usize::from(v.is_infinite());
        let size = if nans > usize::from(v.is_nan()) || (zero && infinite) {
            f64::NAN
        } else if zero {
            0.0
        } else if infinite {
            mantissa * f64::INFINITY
        } else {
            let own = if v == 0.0 || !v.is_finite() { 1.0 } else { f64::from(v.abs()) };
            // Beyond three steps nothing is left of a float32, nor fits into one.
            (mantissa / own) * step.powi(steps.clamp(-3, 3))
        };
        *dx = if negative ^ v.is_sign_negative() { -size as f32 } else { size as f32 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(isa: Isa, x: &[f32], n: usize, dy: &[f32]) -> Vec<f32> {
        let y: Vec<f32> = x.chunks(n).map(|row| row.iter().product()).collect();
        let mut dx = vec![9.0; x.len()];
        prod_gradient(isa, x, n, &y, dy, &mut dx);
        dx
    }

    #[test]
    fn each_factor_gets_the_product_of_the_others() {
        for isa in Isa::available() {
            for n in [1, 2, 3, 17, 40] {
                for zeros in 0..4 {
                    let rows = 5;
                    let mut x: Vec<f32> = (0..rows * n).map(|i| ((i * 7 % 11) as f32 - 5.5) * 0.3).collect();
                    for row in 0..rows {
                        (0..zeros.min(n)).for_each(|k| x[row * n + (k * 5 + row) % n] = 0.0);
                    }
                    let dy: Vec<f32> = (0..rows).map(|r| r as f32 - 1.0).collect();
                    for (i, got) in gradient(isa, &x, n, &dy).into_iter().enumerate() {
                        let row = &x[i / n * n..][..n];
                        let others = (0..n).filter(|&j| j != i % n).map(|j| f64::from(row[j])).product::<f64>();
                        let want = others * f64::from(dy[i / n]);
                        assert!((f64::from(got) - want).abs() <= 1e-5 * want.abs(), "{n} {zeros}: {got} {want}");
                    }
                }
            }
        }
    }

    #[test]
    fn products_that_overflow_or_vanish_on_the_way_do_not_count() {
        for isa in Isa::available() {
            for (x, want) in [
                (vec![1e-30, 1e-30, 1e30, 1e30], vec![1e30, 1e30, 1e-30, 1e-30]),
                (vec![1e30, -1e30, 1e30], vec![f32::NEG_INFINITY, f32::INFINITY, f32::NEG_INFINITY]),
                (vec![0.0, 1e30, 1e30, 1e-30], vec![1e30, 0.0, 0.0, 0.0]),
                (vec![f32::INFINITY, 2.0, -3.0], vec![-6.0, f32::NEG_INFINITY, f32::INFINITY]),
                (vec![f32::INFINITY, 0.0], vec![0.0, f32::INFINITY]),
                (vec![1e38; 300], vec![f32::INFINITY; 300]),
                (vec![1e-38; 300], vec![0.0; 300]),
            ] {
                let got = gradient(isa, &x, x.len(), &[1.0]);
                let near = |(&a, &b): (&f32, &f32)| a == b || (a / b - 1.0).abs() < 1e-5;
                assert!(got.iter().zip(&want).all(near), "{x:?}: {got:?}");
            }
            let x = [f32::NAN, 2.0, 0.0];
            let got = gradient(isa, &x, 3, &[1.0]);
            assert!(got[0] == 0.0 && got[1].is_nan() && got[2].is_nan());
            assert_eq!(gradient(isa, &x, 3, &[0.0]), [0.0; 3]);
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let x: Vec<f32> = (0..60_000).map(|i| ((i * 7919 % 1009) as f32 - 504.0) * 0.003).collect();
        let run = |threads| {
            threads::set_count(threads);
            gradient(Isa::active(), &x, 6, &vec![1.0; 10_000])
        };
        let one = run(1);
        assert!([2, 3, 5].into_iter().all(|threads| run(threads) == one));
        threads::set_count(0);
    }
}
