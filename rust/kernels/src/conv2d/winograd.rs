//! Winograd's F(2 x 2, 3 x 3): four outputs of a 3 x 3 kernel for sixteen products instead of thirty-six (Lavin and
//! Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, section 4.1). Windows of 4 x 4 inputs and the kernel
//! are transformed, multiplied channel by channel as sixteen matrix products, and transformed back.
//!
//! A window's NaN or infinity reaches all four of its outputs, of which a direct sum would spare some.

// Loops over a window's rows and columns index several arrays, and unroll as they stand.
#![allow(clippy::needless_range_loop)]

use super::sweep::Sweep;
use crate::gemm::pack::{self, Matrix};
use crate::gemm::tile::{self, Left, Offsets, Planes, Product, Right, Start};
use crate::simd::{Kernel, Simd};
use crate::threads::Shared;
use crate::{Isa, scratch, threads};

/// Tiles of windows to a task.
const TILES: usize = 4;

/// Whether `sweep` can be done this way and gains by it.
pub fn gains(isa: Isa, sweep: &Sweep) -> bool {
    let (tiles, outputs) = (tiles(sweep).iter().product::<usize>(), sweep.out.iter().product::<usize>());
    sweep.taps == [3, 3]
        && [sweep.strides, sweep.dilation] == [[1, 1]; 2]
        && sweep.groups == 1
        && [sweep.channels, sweep.filters].iter().all(|&size| size >= 32 && size.is_multiple_of(isa.lanes()))
        // The transforms cost about a third of the products, the kernel's as much as some dozen windows. The batch does
        // not count: an image's result must not depend on how many others are computed with it.
        && 16 * tiles * 4 < 9 * outputs * 3
        && tiles >= 16
}

/// Windows down and across an image.
pub(super) fn tiles(sweep: &Sweep) -> [usize; 2] {
    sweep.out.map(|size| size.div_ceil(2))
}

/// See [`Sweep::run`].
pub fn run(sweep: &Sweep, isa: Isa, x: &[f32], taps: &[Matrix], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
    let &Sweep { batch, channels, filters, .. } = sweep;
    let (rows, width) = tile::size(isa);
    let panel = channels * width;
    let size = pack::len(isa, channels, filters);
    let total = batch * tiles(sweep).iter().product::<usize>();
    let windows = (TILES * rows).min(total);
    let y = &Shared::new(y);
    scratch::with(16 * size, |kernel| {
        scratch::with(9 * size, |packed| {
            pack::pack(isa, taps, channels, filters, packed);
            threads::for_each_chunk(kernel, 16 * panel, 64 * panel, |i, out| {
                isa.run(KernelTransform { taps: &packed[i * 9 * panel..][..9 * panel], out });
            });
        });
        let kernel = &*kernel;
        let work = windows * 16 * channels * filters;
        threads::for_each(total.div_ceil(windows), tile::work(work), |task| {
            let (first, last) = (task * windows, total.min((task + 1) * windows));
            // One tile of windows and one panel of filters at a time: all that lies between then fits the first cache.
            scratch::with(16 * rows * (channels + width) + channels, |held| {
                let (zeros, held) = held.split_at_mut(channels);
                let (inputs, products) = held.split_at_mut(16 * rows * channels);
                zeros.fill(0.0);
                for cut in tile::cut(last - first, rows) {
                    let (first, count) = (first + cut.start, cut.len());
                    isa.run(InputTransform {
                        sweep,
                        x,
                        zeros,
                        first,
                        count,
                        out: &mut inputs[..16 * count * channels],
                    });
                    for (kernel, left) in kernel.chunks_exact(16 * panel).zip((0..filters).step_by(width)) {
                        let columns = width.min(filters - left);
                        multiply(isa, kernel, inputs, [count, channels, columns, width], products);
                        isa.run(OutputTransform { sweep, products, left, columns, width, bias, relu, first, count, y });
                    }
                }
            });
        });
    });
}

/// The sixteen products of one tile of windows with one panel of filters.
fn multiply(isa: Isa, kernel: &[f32], inputs: &[f32], [count, channels, columns, width]: [usize; 4], out: &mut [f32]) {
    let even = |stride: usize| Offsets::Even { count, stride };
    isa.run(Product {
        left: Left { data: inputs, rows: even(channels), segments: &[0], len: channels, step: 1 },
        right: Right { data: kernel, step: width, skip: 0, panel: 0 },
        start: Start::Zero,
        relu: false,
        target: &Shared::new(out),
        base: 0,
        rows: even(width),
        columns,
        planes: Planes { count: 16, left: count * channels, right: channels * width, target: count * width },
    });
}

/// `G g G'` of one packed panel: nine taps of `channels` rows in, sixteen out.
struct KernelTransform<'a> {
    taps: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for KernelTransform<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let size = self.taps.len() / 9;
        let half = s.splat(0.5);
        let transform = |[a, b, c]: [S::F; 3]| {
            let (outer, b) = (s.mul(half, s.add(a, c)), s.mul(half, b));
            [a, s.add(outer, b), s.sub(outer, b), c]
        };
        for at in (0..size).step_by(S::LANES) {
            let tap = |i: usize| s.load(&self.taps[i * size + at..]);
            let rows = [0, 1, 2].map(|a| transform([tap(3 * a), tap(3 * a + 1), tap(3 * a + 2)]));
            for b in 0..4 {
                let column = transform([rows[0][b], rows[1][b], rows[2][b]]);
                for a in 0..4 {
                    s.store(&mut self.out[(4 * a + b) * size + at..], column[a]);
                }
            }
        }
    }
}

/// `B' d B` of `count` windows from `first`, in each of which `zeros` stand for what lies outside the image.
pub(super) struct InputTransform<'a> {
    pub sweep: &'a Sweep,
    pub x: &'a [f32],
    pub zeros: &'a [f32],
    pub first: usize,
    pub count: usize,
    pub out: &'a mut [f32],
}

impl Kernel for InputTransform<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let InputTransform { sweep, x, zeros, first, count, out } = self;
        let (channels, [height, width]) = (sweep.channels, sweep.image);
        let transform = |[a, b, c, d]: [S::F; 4]| [s.sub(a, c), s.add(b, c), s.sub(c, b), s.sub(b, d)];
        let part = count * channels;
        assert!(zeros.len() == channels && out.len() == 16 * part && channels % S::LANES == 0);
        for i in 0..count {
            let (n, top, left) = window(tiles(sweep), first + i);
            let (top, left) = (sweep.first[0] + top as isize, sweep.first[1] + left as isize);
            let mut pixels = [[zeros; 4]; 4];
            for (a, row) in pixels.iter_mut().enumerate() {
                for (b, pixel) in row.iter_mut().enumerate() {
                    let (h, w) = (top + a as isize, left + b as isize);
                    if (0..height as isize).contains(&h) && (0..width as isize).contains(&w) {
                        *pixel = &x[((n * height + h as usize) * width + w as usize) * channels..][..channels];
                    }
                }
            }
            for c in (0..channels).step_by(S::LANES) {
                // SAFETY: every pixel has `channels` floats, a multiple of the lanes.
                let load = |a: usize, b: usize| unsafe { s.load_ptr(pixels[a][b].as_ptr().add(c)) };
                let mut rows = [[s.splat(0.0); 4]; 4];
                for a in 0..4 {
                    rows[a] = transform([load(a, 0), load(a, 1), load(a, 2), load(a, 3)]);
                }
                for b in 0..4 {
                    let column = transform([rows[0][b], rows[1][b], rows[2][b], rows[3][b]]);
                    for a in 0..4 {
                        // SAFETY: the last part ends at `16 * part`, and `c + LANES <= channels`.
                        unsafe { s.store_ptr(out.as_mut_ptr().add((4 * a + b) * part + i * channels + c), column[a]) };
                    }
                }
            }
        }
    }
}

/// `A' m A` of `count` windows from `first`, plus bias, then relu.
struct OutputTransform<'a> {
    sweep: &'a Sweep,
    products: &'a [f32],
    /// The panel's first filter, its filters, and the floats between rows of products.
    left: usize,
    columns: usize,
    width: usize,
    bias: Option<&'a [f32]>,
    relu: bool,
    first: usize,
    count: usize,
    y: &'a Shared<f32>,
}

impl Kernel for OutputTransform<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let OutputTransform { sweep, products, left: from, columns, width, bias, relu, first, count, y } = self;
        let part = count * width;
        assert!(products.len() >= 16 * part && columns <= width && columns.is_multiple_of(S::LANES));
        let floor = s.splat(if relu { 0.0 } else { f32::NEG_INFINITY });
        let transform = |[a, b, c, d]: [S::F; 4]| [s.add(a, s.add(b, c)), s.sub(s.sub(b, c), d)];
        for i in 0..count {
            let (n, top, left) = window(tiles(sweep), first + i);
            let start = n * sweep.target + sweep.origin + top * sweep.steps[0] + left * sweep.steps[1];
            let start = start + from;
            for f in (0..columns).step_by(S::LANES) {
                // SAFETY: the last part ends at `16 * part`, and `f + LANES <= width`.
                let load = |k: usize| unsafe { s.load_ptr(products.as_ptr().add(k * part + i * width + f)) };
                let mut rows = [[s.splat(0.0); 2]; 4];
                for a in 0..4 {
                    rows[a] = transform([load(4 * a), load(4 * a + 1), load(4 * a + 2), load(4 * a + 3)]);
                }
                let add = bias.map_or(s.splat(0.0), |bias| s.load(&bias[from + f..]));
                for b in 0..2.min(sweep.out[1] - left) {
                    let column = transform([rows[0][b], rows[1][b], rows[2][b], rows[3][b]]);
                    for a in 0..2.min(sweep.out[0] - top) {
                        let sum = s.max_raw(floor, s.add(column[a], add));
                        // SAFETY: windows do not share outputs.
                        let place = unsafe { y.part(start + a * sweep.steps[0] + b * sweep.steps[1] + f, S::LANES) };
                        s.store(place, sum);
                    }
                }
            }
        }
    }
}

/// The image of a window, of which so many lie down and across an image, and its first output.
#[inline(always)]
pub(super) fn window([down, across]: [usize; 2], index: usize) -> (usize, usize, usize) {
    (index / across / down, index / across % down * 2, index % across * 2)
}
