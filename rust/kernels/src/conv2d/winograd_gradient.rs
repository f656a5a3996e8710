//! Winograd's F(3 x 3, 2 x 2), the sibling of [`super::winograd`] for the gradient of a 3 x 3 kernel: nine sums over 2 x 2
//! gradients of outputs for sixteen products instead of thirty-six. Along one axis, of inputs d and gradients g,
//! `m = [(d0 - d2) g0, (d1 + d2) (g0 + g1) / 2, (d2 - d1) (g0 - g1) / 2, (d1 - d3) g1]`, and the sums for the three taps
//! are `[m0 + m1 + m2, m1 - m2, m1 + m2 - m3]`. The inputs' part is that of the forward.

// Loops over a window's rows and columns index several arrays, and unroll as they stand.
#![allow(clippy::needless_range_loop)]

use super::Conv2d;
use super::kernel_gradient::Combine;
use super::winograd::{InputTransform, tiles, window};
use crate::gemm::tile::{self, Left, Offsets, Planes, Product, Right, Start};
use crate::reduce::{Reduce, reduce};
use crate::simd::{Kernel, Simd};
use crate::threads::{GRAIN, Shared};
use crate::{Isa, scratch, threads};

/// Windows that are transformed and multiplied together: an odd number, so that the sixteen parts do not lie where they
/// meet in the first cache.
const WINDOWS: usize = 31;
/// Tasks, each with sums of its own.
const TASKS: usize = 16;
/// Most channels times filters: the sixteen sums then stay in the second cache.
const MOST: usize = 4096;

/// Whether the gradient can be had this way and gains by it. Unlike the forward it is a sum over the batch, so that what
/// it costs to begin and to end counts against the images.
pub fn gains(isa: Isa, p: &Conv2d) -> bool {
    let (outputs, windows) = (p.out_height() * p.out_width(), p.out_height().div_ceil(2) * p.out_width().div_ceil(2));
    p.kernel == [3, 3]
        && [p.strides, p.dilation] == [[1, 1]; 2]
        && p.groups == 1
        && [p.channels, p.filters].iter().all(|&size| size >= 32 && size.is_multiple_of(isa.lanes()))
        && p.channels * p.filters <= MOST
        && 16 * windows * 4 < 9 * outputs * 3
        && p.batch * windows >= 16 * WINDOWS
}

/// See [`super::kernel_gradient`].
pub fn kernel_gradient(isa: Isa, p: &Conv2d, x: &[f32], dy: &[f32], dkernel: &mut [f32], dbias: Option<&mut [f32]>) {
    let sweep = &p.sweep();
    let (size, filters) = (p.channels * p.filters, p.filters);
    let windows = p.batch * tiles(sweep).iter().product::<usize>();
    let tasks = TASKS.min(windows.div_ceil(WINDOWS));
    if let Some(dbias) = dbias {
        reduce(isa, Reduce::Sum, dy, &[dy.len() / filters, filters], &[0], dbias);
    }
    let width = tile::size(isa).1;
    let even = |stride: usize| Offsets::Even { count: p.channels, stride };
    scratch::with(tasks * 16 * size, |partial| {
        threads::for_each_chunk(partial, 16 * size, tile::work(16 * size * windows / tasks), |task, sums| {
            let (from, to) = (task * windows / tasks, (task + 1) * windows / tasks);
            scratch::with(16 * WINDOWS * (p.channels + filters) + p.channels.max(filters), |held| {
                let (zeros, held) = held.split_at_mut(p.channels.max(filters));
                let (inputs, gradients) = held.split_at_mut(16 * WINDOWS * p.channels);
                zeros.fill(0.0);
                for first in (from..to).step_by(WINDOWS) {
                    let count = WINDOWS.min(to - first);
                    let inputs = &mut inputs[..16 * count * p.channels];
                    let gradients = &mut gradients[..16 * count * filters];
                    let zeros = &*zeros;
                    isa.run(InputTransform { sweep, x, zeros: &zeros[..p.channels], first, count, out: inputs });
                    isa.run(GradientTransform { p, dy, zeros: &zeros[..filters], first, count, out: gradients });
                    isa.run(Product {
                        left: Left { data: inputs, rows: even(1), segments: &[0], len: count, step: p.channels },
                        right: Right { data: gradients, step: filters, skip: 0, panel: width },
                        start: if first == from { Start::Zero } else { Start::Target },
                        relu: false,
                        target: &Shared::new(sums),
                        base: 0,
                        rows: even(filters),
                        columns: filters,
                        planes: Planes { count: 16, left: count * p.channels, right: count * filters, target: size },
                    });
                }
            });
        });
        let partial = &*partial;
        scratch::with(16 * size, |sums| {
            let chunk = GRAIN / 4;
            threads::for_each_chunk(sums, chunk, tasks * chunk, |i, out| {
                isa.run(Combine { partial: &partial[i * chunk..], total: 16 * size, chunks: tasks, out });
            });
            isa.run(TapTransform { sums, out: dkernel });
        });
    });
}

/// `G g G'` of `count` windows from `first`: 2 x 2 gradients of outputs in, sixteen out; `zeros` stand for what lies
/// outside the output.
struct GradientTransform<'a> {
    p: &'a Conv2d,
    dy: &'a [f32],
    zeros: &'a [f32],
    first: usize,
    count: usize,
    out: &'a mut [f32],
}

impl Kernel for GradientTransform<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let GradientTransform { p, dy, zeros, first, count, out } = self;
        let (filters, [height, width]) = (p.filters, [p.out_height(), p.out_width()]);
        let half = s.splat(0.5);
        let transform = |[a, b]: [S::F; 2]| [a, s.mul(half, s.add(a, b)), s.mul(half, s.sub(a, b)), b];
        let part = count * filters;
        assert!(zeros.len() == filters && out.len() == 16 * part && filters.is_multiple_of(S::LANES));
        for i in 0..count {
            let (n, top, left) = window([height.div_ceil(2), width.div_ceil(2)], first + i);
            let mut pixels = [[zeros; 2]; 2];
            for (a, row) in pixels.iter_mut().enumerate().take(height - top) {
                for (b, pixel) in row.iter_mut().enumerate().take(width - left) {
                    *pixel = &dy[((n * height + top + a) * width + left + b) * filters..][..filters];
                }
            }
            for f in (0..filters).step_by(S::LANES) {
                // SAFETY: every pixel has `filters` floats, a multiple of the lanes.
                let load = |a: usize, b: usize| unsafe { s.load_ptr(pixels[a][b].as_ptr().add(f)) };
                let rows = [transform([load(0, 0), load(0, 1)]), transform([load(1, 0), load(1, 1)])];
                for b in 0..4 {
                    let column = transform([rows[0][b], rows[1][b]]);
                    for a in 0..4 {
                        // SAFETY: the last part ends at `16 * part`, and `f + LANES <= filters`.
                        unsafe { s.store_ptr(out.as_mut_ptr().add((4 * a + b) * part + i * filters + f), column[a]) };
                    }
                }
            }
        }
    }
}

/// `A' m A`: sixteen sums in, those of nine taps out.
struct TapTransform<'a> {
    sums: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for TapTransform<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let size = self.sums.len() / 16;
        assert!(self.out.len() == 9 * size && size.is_multiple_of(S::LANES));
        let transform = |[a, b, c, d]: [S::F; 4]| {
            let even = s.add(b, c);
            [s.add(a, even), s.sub(b, c), s.sub(even, d)]
        };
        for at in (0..size).step_by(S::LANES) {
            let sum = |i: usize| s.load(&self.sums[i * size + at..]);
            let rows = [0, 4, 8, 12].map(|a| transform([sum(a), sum(a + 1), sum(a + 2), sum(a + 3)]));
            for b in 0..3 {
                let column = transform([rows[0][b], rows[1][b], rows[2][b], rows[3][b]]);
                for a in 0..3 {
                    s.store(&mut self.out[(3 * a + b) * size + at..], column[a]);
                }
            }
        }
    }
}
