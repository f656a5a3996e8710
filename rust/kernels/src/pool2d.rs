//! Pooling over windows of an NHWC image batch: maximum and average, forward and gradient.
//!
//! Everything is vectorised over channels. The maximum's gradient needs to know which cell of a window won: the
//! forward writes its row-major place in the window, as `u8` (windows up to 256 cells), as `i32`, or as `()` where nobody
//! asks. Gradients are taken the other way round where windows overlap: each input pixel collects from the windows
//! that hold it, in order, so that every pixel is written once and rows may go to different threads.

use crate::simd::{Kernel, Simd};
use crate::{Isa, threads};
use std::ops::Range;

/// Input elements of one task, and what one of them weighs in multiply-adds.
const TASK: usize = 32_768;
const WORK: usize = 4;
/// Channels below which lanes would be mostly empty, so that plain loops are faster.
const NARROW: usize = 4;
/// A float whose low mantissa bits count cells: reading them back is one truncation.
const COUNTER: f32 = 8_388_608.0;

/// The geometry of a pooling: sizes of x, the window, its steps and the padding [low, high] of height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub pool: [usize; 2],
    pub strides: [usize; 2],
    pub padding: [[usize; 2]; 2],
}

/// What the forward keeps of the winner's place.
pub trait Argmax: Copy + PartialEq + Send + Sync {
    const KEPT: bool;
    fn from_counter(bits: u32) -> Self;
    fn place(self) -> f32;
}

impl Argmax for () {
    const KEPT: bool = false;
    #[inline(always)]
    fn from_counter(_: u32) {}
    #[inline(always)]
    fn place(self) -> f32 {
        0.0
    }
}

impl Argmax for u8 {
    const KEPT: bool = true;
    #[inline(always)]
    fn from_counter(bits: u32) -> u8 {
        bits as u8
    }
    #[inline(always)]
    fn place(self) -> f32 {
        f32::from(self)
    }
}

impl Argmax for i32 {
    const KEPT: bool = true;
    #[inline(always)]
    fn from_counter(bits: u32) -> i32 {
        (bits & 0x7f_ffff) as i32
    }
    #[inline(always)]
    fn place(self) -> f32 {
        self as f32
    }
}

/// How many windows fit, and which cells of which windows lie inside, along one axis.
#[derive(Clone, Copy)]
struct Axis {
    size: usize,
    pool: usize,
    stride: usize,
    low: usize,
    out: usize,
}

impl Axis {
    /// The cells of window `o` that lie inside.
    #[inline(always)]
    fn cells(self, o: usize) -> Range<usize> {
        let start = o * self.stride;
        self.low.saturating_sub(start)..self.pool.min(self.size + self.low - start)
    }
    /// The windows that hold position `i`.
    #[inline(always)]
    fn windows(self, i: usize) -> Range<usize> {
        let i = i + self.low;
        let first = (i + 1).saturating_sub(self.pool).div_ceil(self.stride);
        first..(i / self.stride + 1).min(self.out)
    }
}

impl Pool2d {
    fn axis(&self, k: usize) -> Axis {
        let (size, pool, stride) = ([self.height, self.width][k], self.pool[k], self.strides[k]);
        let [low, high] = self.padding[k];
        assert!(pool > 0 && stride > 0, "a pooling window and its stride are at least 1");
        assert!(low < pool && high < pool, "a padding is smaller than the window");
        let room = size + low + high;
        Axis { size, pool, stride, low, out: if size == 0 || room < pool { 0 } else { (room - pool) / stride + 1 } }
    }
    pub fn out_height(&self) -> usize {
        self.axis(0).out
    }
    pub fn out_width(&self) -> usize {
        self.axis(1).out
    }
    pub fn input_len(&self) -> usize {
        self.batch * self.height * self.width * self.channels
    }
    pub fn output_len(&self) -> usize {
        self.batch * self.out_height() * self.out_width() * self.channels
    }
    fn is(&self, pool: [usize; 2]) -> bool {
        self.pool == pool && self.strides == pool && self.padding == [[0; 2]; 2]
    }
    /// Output rows of one task.
    fn rows(&self) -> usize {
        (TASK / (self.strides[0] * self.width * self.channels).max(1)).max(1)
    }
}

/// `y = max` over each window, and the winner's place in `argmax` (as long as y). Of equals the first wins; NaN wins
/// over all; padding never wins.
pub fn max<I: Argmax>(isa: Isa, pool: &Pool2d, x: &[f32], y: &mut [f32], argmax: &mut [I]) {
    assert_eq!(x.len(), pool.input_len(), "x of a pooling");
    assert_eq!((y.len(), argmax.len()), (pool.output_len(), pool.output_len()), "y and argmax of a pooling");
    assert!(!I::KEPT || size_of::<I>() > 1 || pool.pool[0] * pool.pool[1] <= 256, "a u8 argmax counts 256 cells");
    let (rows, row) = (pool.rows(), pool.out_width() * pool.channels);
    let work = rows * row * pool.pool[0] * pool.pool[1] * WORK;
    threads::for_each_chunk2((y, rows * row), (argmax, rows * row), work, |i, y, argmax| {
        isa.run(Max { pool, x, y, argmax, first: i * rows });
    });
}

/// `y = mean` over each window's cells inside the image.
pub fn average(isa: Isa, pool: &Pool2d, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), pool.input_len(), "x of a pooling");
    assert_eq!(y.len(), pool.output_len(), "y of a pooling");
    let (rows, row) = (pool.rows(), pool.out_width() * pool.channels);
    let work = rows * row * pool.pool[0] * pool.pool[1] * WORK;
    threads::for_each_chunk(y, rows * row, work, |i, y| isa.run(Average { pool, x, y, first: i * rows }));
}

/// `dx` of [`max`], given `dy` and the places it kept.
pub fn max_gradient<I: Argmax>(isa: Isa, pool: &Pool2d, dy: &[f32], argmax: &[I], dx: &mut [f32]) {
    assert!(I::KEPT, "the gradient of a maximum needs its argmax");
    gradient(isa, pool, dy, argmax, dx);
}

/// What `x` holds at the places that [`max`] kept: the derivative of [`max`] along `x`.
pub fn at_maxima<I: Argmax>(pool: &Pool2d, x: &[f32], argmax: &[I], y: &mut [f32]) {
    assert!(I::KEPT, "the derivative of a maximum needs its argmax");
    assert_eq!(x.len(), pool.input_len(), "x of a pooling");
    assert_eq!((y.len(), argmax.len()), (pool.output_len(), pool.output_len()), "y and argmax of a pooling");
    let (rows, columns, depth) = (pool.axis(0), pool.axis(1), pool.channels);
    let row = columns.out * depth;
    threads::for_each_chunk(y, row, row * WORK, |r, y| {
        let (image, oh) = (r / rows.out, r % rows.out);
        for (i, (y, place)) in y.iter_mut().zip(&argmax[r * row..]).enumerate() {
            let place = place.place() as usize;
            let h = oh * rows.stride + place / columns.pool - rows.low;
            let w = i / depth * columns.stride + place % columns.pool - columns.low;
            *y = x[((image * pool.height + h) * pool.width + w) * depth + i % depth];
        }
    });
}

/// `dx` of [`average`], given `dy`.
pub fn average_gradient(isa: Isa, pool: &Pool2d, dy: &[f32], dx: &mut [f32]) {
    // A vector of nothing: it has a length and no memory.
    gradient(isa, pool, dy, &vec![(); dy.len()], dx);
}

fn gradient<I: Argmax>(isa: Isa, pool: &Pool2d, dy: &[f32], argmax: &[I], dx: &mut [f32]) {
    assert_eq!(dx.len(), pool.input_len(), "dx of a pooling");
    assert_eq!((dy.len(), argmax.len()), (pool.output_len(), pool.output_len()), "dy and argmax of a pooling");
    let row = pool.width * pool.channels;
    let rows = (TASK / row.max(1)).max(1);
    // Tiled windows are scattered by whole windows, so a task is a whole number of window rows, or of images.
    let tile = if pool.height.is_multiple_of(pool.pool[0]) { pool.pool[0] } else { pool.height };
    if pool.is(pool.pool) && rows >= tile {
        let rows = rows / tile * tile;
        threads::for_each_chunk(dx, rows * row, rows * row * WORK, |i, dx| {
            isa.run(Scatter { pool, dy, argmax, dx, first: i * rows });
        });
    } else {
        let overlap = pool.pool[0].div_ceil(pool.strides[0]) * pool.pool[1].div_ceil(pool.strides[1]);
        threads::for_each_chunk(dx, rows * row, rows * row * WORK * overlap, |i, dx| {
            isa.run(Collect { pool, dy, argmax, dx, first: i * rows });
        });
    }
}

struct Max<'a, I> {
    pool: &'a Pool2d,
    x: &'a [f32],
    y: &'a mut [f32],
    argmax: &'a mut [I],
    /// The first output row, counted through all images.
    first: usize,
}

impl<I: Argmax> Kernel for Max<'_, I> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if self.pool.is([2, 2]) { self.tiles(s) } else { self.windows(s) }
    }
}

/// The better of two cells of which `a` comes first.
#[inline(always)]
fn better<S: Simd>(s: S, a: (S::F, S::F), b: (S::F, S::F)) -> (S::F, S::F) {
    let keep = s.or(s.le(b.0, a.0), s.is_nan(a.0));
    (s.select(keep, a.0, b.0), s.select(keep, a.1, b.1))
}

#[inline(always)]
fn store_places<S: Simd, I: Argmax>(s: S, argmax: &mut [I], place: S::F) {
    if I::KEPT {
        let places = s.to_array(place);
        if argmax.len() == S::LANES {
            // A loop of known length becomes one instruction.
            argmax.iter_mut().zip(&places[..S::LANES]).for_each(|(to, place)| *to = I::from_counter(place.to_bits()));
        } else {
            argmax.iter_mut().zip(places).for_each(|(to, place)| *to = I::from_counter(place.to_bits()));
        }
    }
}

impl<I: Argmax> Max<'_, I> {
    #[inline(always)]
    fn windows<S: Simd>(self, s: S) {
        let Max { pool, x, y, argmax, first } = self;
        let (rows, columns, depth) = (pool.axis(0), pool.axis(1), pool.channels);
        let row = columns.out * depth;
        for (r, (y, argmax)) in y.chunks_mut(row.max(1)).zip(argmax.chunks_mut(row.max(1))).enumerate() {
            let (image, oh) = ((first + r) / rows.out, (first + r) % rows.out);
            let high = rows.cells(oh);
            for (ow, (y, argmax)) in y.chunks_mut(depth).zip(argmax.chunks_mut(depth)).enumerate() {
                let wide = columns.cells(ow);
                for (c, (y, argmax)) in y.chunks_mut(S::LANES).zip(argmax.chunks_mut(S::LANES)).enumerate() {
                    let mut best: Option<(S::F, S::F)> = None;
                    for kh in high.clone() {
                        let h = image * pool.height + oh * rows.stride + kh - rows.low;
                        for kw in wide.clone() {
                            let w = ow * columns.stride + kw - columns.low;
                            let at = (h * pool.width + w) * depth + c * S::LANES;
                            let v = s.load_head(&x[at..at + y.len()]);
                            let cell = (v, s.splat(COUNTER + (kh * columns.pool + kw) as f32));
                            best = Some(best.map_or(cell, |best| better(s, best, cell)));
                        }
                    }
                    if let Some((best, place)) = best {
                        s.store_head(y, best);
                        store_places(s, argmax, place);
                    }
                }
            }
        }
    }

    /// Windows of 2 x 2 side by side, the ones that every textbook's network has.
    #[inline(always)]
    fn tiles<S: Simd>(self, s: S) {
        let Max { pool, x, y, argmax, first } = self;
        let (rows, columns, depth) = (pool.axis(0), pool.axis(1), pool.channels);
        let (row, pair) = (pool.width * depth, 2 * depth);
        let places = [0, 1, 2, 3].map(|cell| s.splat(COUNTER + cell as f32));
        let out = (columns.out * depth).max(1);
        for (r, (y, argmax)) in y.chunks_mut(out).zip(argmax.chunks_mut(out)).enumerate() {
            let h = (first + r) / rows.out * pool.height + (first + r) % rows.out * 2;
            let (top, bottom) = x[h * row..(h + 2) * row].split_at(row);
            if depth == 1 {
                pairs(top, bottom, y, argmax);
                continue;
            }
            let tiles = top.chunks_exact(pair).zip(bottom.chunks_exact(pair));
            for ((y, argmax), (top, bottom)) in y.chunks_exact_mut(depth).zip(argmax.chunks_exact_mut(depth)).zip(tiles)
            {
                for c in (0..depth).step_by(S::LANES) {
                    let len = S::LANES.min(depth - c);
                    let (left, right) = (c..c + len, depth + c..depth + c + len);
                    let upper = better(
                        s,
                        (s.load_head(&top[left.clone()]), places[0]),
                        (s.load_head(&top[right.clone()]), places[1]),
                    );
                    let lower =
                        better(s, (s.load_head(&bottom[left]), places[2]), (s.load_head(&bottom[right]), places[3]));
                    let (best, place) = better(s, upper, lower);
                    s.store_head(&mut y[c..c + len], best);
                    store_places(s, &mut argmax[c..c + len], place);
                }
            }
        }
    }
}

/// [`Max::tiles`] of one channel: lanes are windows here, and the compiler finds them.
#[inline(always)]
fn pairs<I: Argmax>(top: &[f32], bottom: &[f32], y: &mut [f32], argmax: &mut [I]) {
    let better = |a: (f32, u32), b: (f32, u32)| {
        let keep = (b.0 <= a.0) | a.0.is_nan();
        (if keep { a.0 } else { b.0 }, if keep { a.1 } else { b.1 })
    };
    let tiles = top.as_chunks::<2>().0.iter().zip(bottom.as_chunks::<2>().0);
    for ((y, argmax), (top, bottom)) in y.iter_mut().zip(argmax).zip(tiles) {
        let (best, place) = better(better((top[0], 0), (top[1], 1)), better((bottom[0], 2), (bottom[1], 3)));
        (*y, *argmax) = (best, I::from_counter(place));
    }
}

struct Average<'a> {
    pool: &'a Pool2d,
    x: &'a [f32],
    y: &'a mut [f32],
    first: usize,
}

impl Kernel for Average<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Average { pool, x, y, first } = self;
        let (rows, columns, depth) = (pool.axis(0), pool.axis(1), pool.channels);
        for (r, y) in y.chunks_mut((columns.out * depth).max(1)).enumerate() {
            let (image, oh) = ((first + r) / rows.out, (first + r) % rows.out);
            let (high, top) = (rows.cells(oh), image * pool.height + oh * rows.stride - rows.low.min(oh * rows.stride));
            for (ow, y) in y.chunks_mut(depth).enumerate() {
                let wide = columns.cells(ow);
                let left = ow * columns.stride - columns.low.min(ow * columns.stride);
                let scale = 1.0 / (high.len() * wide.len()) as f32;
                if depth == 1 {
                    let mut sum = 0.0;
                    for kh in 0..high.len() {
                        let at = (top + kh) * pool.width + left;
                        x[at..at + wide.len()].iter().for_each(|v| sum += v);
                    }
                    y[0] = sum * scale;
                    continue;
                }
                for (c, y) in y.chunks_mut(S::LANES).enumerate() {
                    let mut sum = s.splat(0.0);
                    for kh in 0..high.len() {
                        for kw in 0..wide.len() {
                            let at = ((top + kh) * pool.width + left + kw) * depth + c * S::LANES;
                            sum = s.add(sum, s.load_head(&x[at..at + y.len()]));
                        }
                    }
                    s.store_head(y, s.mul(sum, s.splat(scale)));
                }
            }
        }
    }
}

/// The part of dy's vector that went to `cell` of its window.
#[inline(always)]
fn share<S: Simd, I: Argmax>(s: S, dy: &[f32], argmax: &[I], cell: usize, scale: f32) -> S::F {
    if !I::KEPT {
        return s.mul(s.load_head(dy), s.splat(scale));
    }
    let mut places = [0.0; 16];
    if argmax.len() == S::LANES {
        places.iter_mut().zip(&argmax[..S::LANES]).for_each(|(to, from)| *to = from.place());
    } else {
        places.iter_mut().zip(argmax).for_each(|(to, from)| *to = from.place());
    }
    s.select(s.eq(s.load(&places), s.splat(cell as f32)), s.load_head(dy), s.splat(0.0))
}

/// Gradient where windows tile the image: each window's pixels are written from one load of dy.
struct Scatter<'a, I> {
    pool: &'a Pool2d,
    dy: &'a [f32],
    argmax: &'a [I],
    dx: &'a mut [f32],
    /// The first input row, counted through all images.
    first: usize,
}

impl<I: Argmax> Kernel for Scatter<'_, I> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if self.pool.is([2, 2]) { self.windows::<S, 2>(s) } else { self.windows::<S, 0>(s) }
    }
}

/// One cell of a window, for all channels: dy where the cell won. A plain loop, which the compiler makes one of vectors:
/// places are compared as the integers they are.
#[inline(always)]
fn scatter_cell<I: Argmax>(dx: &mut [f32], dy: &[f32], argmax: &[I], cell: I) {
    for ((dx, &dy), &place) in dx.iter_mut().zip(dy).zip(argmax) {
        *dx = if place == cell { dy } else { 0.0 };
    }
}

impl<I: Argmax> Scatter<'_, I> {
    #[inline(always)]
    fn windows<S: Simd, const TILE: usize>(self, s: S) {
        let Scatter { pool, dy, argmax, dx, first } = self;
        let (rows, columns, depth) = (pool.axis(0), pool.axis(1), pool.channels);
        let [high, wide] = if TILE > 0 { [TILE; 2] } else { pool.pool };
        let (row, scale) = (pool.width * depth, 1.0 / (high * wide) as f32);
        let mut h = 0;
        while h * row < dx.len() {
            let (image, oh) = ((first + h) / rows.size, (first + h) % rows.size / high);
            if oh == rows.out {
                let rest = rows.size - rows.out * high;
                dx[h * row..(h + rest) * row].fill(0.0);
                h += rest;
                continue;
            }
            let dx = &mut dx[h * row..(h + high) * row];
            for ow in 0..columns.out {
                let out = ((image * rows.out + oh) * columns.out + ow) * depth;
                if depth < NARROW {
                    for c in 0..depth {
                        let (dy, place) = (dy[out + c], argmax[out + c].place());
                        for kh in 0..high {
                            for kw in 0..wide {
                                let won = place == (kh * wide + kw) as f32;
                                dx[kh * row + (ow * wide + kw) * depth + c] = match I::KEPT {
                                    true => {
                                        if won {
                                            dy
                                        } else {
                                            0.0
                                        }
                                    }
                                    false => dy * scale,
                                };
                            }
                        }
                    }
                    continue;
                }
                if I::KEPT && TILE > 0 {
                    let (dy, argmax) = (&dy[out..out + depth], &argmax[out..out + depth]);
                    for cell in 0..TILE * TILE {
                        let at = cell / TILE * row + (ow * TILE + cell % TILE) * depth;
                        scatter_cell(&mut dx[at..at + depth], dy, argmax, I::from_counter(cell as u32));
                    }
                    continue;
                }
                for c in (0..depth).step_by(S::LANES) {
                    let len = S::LANES.min(depth - c);
                    let (dy, argmax) = (&dy[out + c..out + c + len], &argmax[out + c..out + c + len]);
                    for kh in 0..high {
                        for kw in 0..wide {
                            let at = kh * row + (ow * wide + kw) * depth + c;
                            s.store_head(&mut dx[at..at + len], share(s, dy, argmax, kh * wide + kw, scale));
                        }
                    }
                }
            }
            for kh in 0..high {
                dx[kh * row + columns.out * wide * depth..(kh + 1) * row].fill(0.0);
            }
            h += high;
        }
    }
}

/// Gradient for any windows: each pixel collects from those that hold it.
struct Collect<'a, I> {
    pool: &'a Pool2d,
    dy: &'a [f32],
    argmax: &'a [I],
    dx: &'a mut [f32],
    first: usize,
}

impl<I: Argmax> Kernel for Collect<'_, I> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Collect { pool, dy, argmax, dx, first } = self;
        let (rows, columns, depth) = (pool.axis(0), pool.axis(1), pool.channels);
        for (r, dx) in dx.chunks_mut(pool.width * depth).enumerate() {
            let (image, h) = ((first + r) / rows.size, (first + r) % rows.size);
            for (w, dx) in dx.chunks_mut(depth).enumerate() {
                for (c, dx) in dx.chunks_mut(S::LANES).enumerate() {
                    let mut sum = s.splat(0.0);
                    for oh in rows.windows(h) {
                        let high = rows.cells(oh).len();
                        for ow in columns.windows(w) {
                            let out = ((image * rows.out + oh) * columns.out + ow) * depth + c * S::LANES;
                            let out = out..out + dx.len();
                            let (kh, kw) = (h + rows.low - oh * rows.stride, w + columns.low - ow * columns.stride);
                            let scale = if I::KEPT { 0.0 } else { 1.0 / (high * columns.cells(ow).len()) as f32 };
                            let cell = kh * columns.pool + kw;
                            sum = s.add(sum, share(s, &dy[out.clone()], &argmax[out], cell, scale));
                        }
                    }
                    s.store_head(dx, sum);
                }
            }
        }
    }
}

/// The slow, true versions.
#[cfg(test)]
mod reference {
    use super::Pool2d;

    /// Calls `visit(output, place in window, input)` for each cell of each window that lies inside, in order.
    pub fn cells(p: &Pool2d, mut visit: impl FnMut(usize, usize, usize)) {
        let (oh, ow) = (p.out_height(), p.out_width());
        for o in 0..p.batch * oh * ow * p.channels {
            let (c, rest) = (o % p.channels, o / p.channels);
            let (x0, y0, n) = (rest % ow * p.strides[1], rest / ow % oh * p.strides[0], rest / ow / oh);
            for k in 0..p.pool[0] * p.pool[1] {
                let (y, x) = (y0 + k / p.pool[1], x0 + k % p.pool[1]);
                if let (Some(h), Some(w)) = (y.checked_sub(p.padding[0][0]), x.checked_sub(p.padding[1][0]))
                    && h < p.height
                    && w < p.width
                {
                    visit(o, k, ((n * p.height + h) * p.width + w) * p.channels + c);
                }
            }
        }
    }

    pub fn max(p: &Pool2d, x: &[f32]) -> (Vec<f32>, Vec<i32>) {
        let (mut y, mut argmax) = (vec![0.0f32; p.output_len()], vec![-1; p.output_len()]);
        cells(p, |o, k, i| {
            if argmax[o] < 0 || x[i] > y[o] || (x[i].is_nan() && !y[o].is_nan()) {
                (y[o], argmax[o]) = (x[i], k as i32);
            }
        });
        (y, argmax)
    }

    pub fn max_gradient(p: &Pool2d, dy: &[f32], argmax: &[i32]) -> Vec<f64> {
        let mut dx = vec![0.0; p.input_len()];
        cells(p, |o, k, i| dx[i] += if argmax[o] == k as i32 { f64::from(dy[o]) } else { 0.0 });
        dx
    }

    pub fn at_maxima(p: &Pool2d, x: &[f32], argmax: &[i32]) -> Vec<f64> {
        let mut y = vec![0.0; p.output_len()];
        cells(p, |o, k, i| y[o] += if argmax[o] == k as i32 { f64::from(x[i]) } else { 0.0 });
        y
    }

    fn counts(p: &Pool2d) -> Vec<f64> {
        let mut counts = vec![0.0; p.output_len()];
        cells(p, |o, _, _| counts[o] += 1.0);
        counts
    }

    pub fn average(p: &Pool2d, x: &[f32]) -> Vec<f64> {
        let (mut y, counts) = (vec![0.0; p.output_len()], counts(p));
        cells(p, |o, _, i| y[o] += f64::from(x[i]) / counts[o]);
        y
    }

    pub fn average_gradient(p: &Pool2d, dy: &[f32]) -> Vec<f64> {
        let (mut dx, counts) = (vec![0.0; p.input_len()], counts(p));
        cells(p, |o, _, i| dx[i] += f64::from(dy[o]) / counts[o]);
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from a small set, so that there are ties, with a NaN and infinities here and there.
    fn values(len: usize, special: bool) -> Vec<f32> {
        let mut seed = 7u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed >> 20
        };
        (0..len)
            .map(|_| match next() % 64 {
                0 if special => f32::NAN,
                1 if special => f32::NEG_INFINITY,
                2 if special => f32::INFINITY,
                v => (v % 7) as f32 - 3.0,
            })
            .collect()
    }

    fn geometries() -> Vec<Pool2d> {
        let mut all = Vec::new();
        let windows = [
            ([2, 2], [2, 2], [[0, 0], [0, 0]]),
            ([3, 3], [3, 3], [[0, 0], [0, 0]]),
            ([3, 2], [2, 1], [[0, 0], [0, 0]]),
            ([3, 3], [2, 2], [[1, 1], [0, 1]]),
            ([2, 2], [2, 2], [[0, 1], [0, 1]]),
            ([1, 1], [2, 3], [[0, 0], [0, 0]]),
            ([2, 3], [5, 4], [[1, 0], [2, 2]]),
            ([5, 5], [1, 1], [[2, 2], [2, 2]]),
        ];
        for (pool, strides, padding) in windows {
            for channels in [1, 3, 8, 17, 32] {
                for (batch, height, width) in [(2, 6, 6), (1, 5, 7), (3, 9, 4), (0, 4, 4), (2, 0, 3)] {
                    all.push(Pool2d { batch, height, width, channels, pool, strides, padding });
                }
            }
            all.push(Pool2d { batch: 5, height: 30, width: 29, channels: 40, pool, strides, padding });
        }
        all
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| if v.is_nan() { u32::MAX } else { v.to_bits() }).collect()
    }

    #[test]
    fn maxima_and_their_places_equal_the_reference() {
        for p in geometries() {
            let x = values(p.input_len(), true);
            let (want, places) = reference::max(&p, &x);
            for isa in Isa::available() {
                for threads in [1, 3] {
                    threads::set_count(threads);
                    let (mut y, mut wide) = (vec![9.0; want.len()], vec![-1i32; want.len()]);
                    max(isa, &p, &x, &mut y, &mut wide);
                    assert_eq!(bits(&y), bits(&want), "{isa:?} {p:?}");
                    assert_eq!(wide, places, "{isa:?} {p:?}");
                    let mut small = vec![255u8; want.len()];
                    max(isa, &p, &x, &mut y, &mut small);
                    assert!(small.iter().zip(&places).all(|(&a, &b)| i32::from(a) == b), "{isa:?} {p:?}");
                    max(isa, &p, &x, &mut y, &mut vec![(); want.len()]);
                    assert_eq!(bits(&y), bits(&want), "{isa:?} {p:?}");
                }
            }
        }
        threads::set_count(0);
    }

    fn close(got: &[f32], want: &[f64], what: impl Fn() -> String) {
        for (g, w) in got.iter().zip(want) {
            assert!((f64::from(*g) - w).abs() <= 1e-5 * w.abs().max(1.0), "{}: {g} {w}", what());
        }
    }

    #[test]
    fn averages_equal_the_reference() {
        for p in geometries() {
            let x = values(p.input_len(), false);
            let want = reference::average(&p, &x);
            for isa in Isa::available() {
                let mut y = vec![9.0; want.len()];
                average(isa, &p, &x, &mut y);
                close(&y, &want, || format!("{isa:?} {p:?}"));
            }
        }
    }

    #[test]
    fn gradients_equal_the_reference_on_any_number_of_threads() {
        for p in geometries() {
            let dy = values(p.output_len(), false);
            let (_, places) = reference::max(&p, &values(p.input_len(), true));
            let small: Vec<u8> = places.iter().map(|&place| place as u8).collect();
            let (of_max, of_average) =
                (reference::max_gradient(&p, &dy, &places), reference::average_gradient(&p, &dy));
            let x = values(p.input_len(), false);
            let at_maxima_of = |threads| {
                threads::set_count(threads);
                let mut both = [vec![9.0; p.output_len()], vec![9.0; p.output_len()]];
                at_maxima(&p, &x, &places, &mut both[0]);
                at_maxima(&p, &x, &small, &mut both[1]);
                both
            };
            let along = reference::at_maxima(&p, &x, &places);
            for got in [1, 2, 3, 5].map(at_maxima_of).iter().flatten() {
                close(got, &along, || format!("{p:?}"));
            }
            for isa in Isa::available() {
                let run = |threads| {
                    threads::set_count(threads);
                    let mut all = [const { Vec::new() }; 3].map(|_: Vec<f32>| vec![9.0; p.input_len()]);
                    max_gradient(isa, &p, &dy, &places, &mut all[0]);
                    max_gradient(isa, &p, &dy, &small, &mut all[1]);
                    average_gradient(isa, &p, &dy, &mut all[2]);
                    all
                };
                let all = run(1);
                for (got, want) in all.iter().zip([&of_max, &of_max, &of_average]) {
                    close(got, want, || format!("{isa:?} {p:?}"));
                }
                assert!([2, 3, 5].iter().all(|&threads| run(threads) == all));
            }
        }
        threads::set_count(0);
    }
}
