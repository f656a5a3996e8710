//! Depthwise convolution, as many groups as channels: vectors run along the channels, sums stay in registers, and
//! every tap of a pixel is a whole vector of its own numbers.

use super::Conv2d;
use crate::reduce::{Reduce, reduce};
use crate::simd::map::{load, store};
use crate::simd::{Isa, Kernel, Simd};
use crate::{scratch, threads};
use std::ops::Range;

/// Floats of an image worked on at a time, so that the second cache holds them.
const BAND: usize = 32 * 1024;
/// Most tasks, each with sums of its own, that the kernel's gradient is cut into.
const TASKS: usize = 32;
/// Output columns that share a load of the kernel, and vectors of channels beside each other.
const COLUMNS: usize = 4;
const VECTORS: usize = 2;
/// Taps of a kernel row whose gradients are summed side by side.
const TAPS: usize = 3;

/// A tap: how far its pixel lies from the first, and its place in the kernel, both in floats.
type Tap = (usize, usize);

/// Some columns of some rows of one image, zeros where they leave it, each channel repeated.
struct Window<'a> {
    image: &'a [f32],
    width: usize,
    channels: usize,
    repeat: usize,
    columns: Range<isize>,
}

impl Window<'_> {
    /// Runs `f` on the rows and on the number of floats from one to the next.
    fn rows(&self, rows: Range<usize>, f: impl FnOnce(&[f32], usize)) {
        let Window { image, width, channels, repeat, ref columns } = *self;
        let (row, inside) = (width * channels, columns.start.max(0) as usize..(columns.end.max(0) as usize).min(width));
        if repeat == 1 && columns.start >= 0 && columns.end <= width as isize {
            return f(&image[(rows.start * row + columns.start as usize * channels).min(image.len())..], row);
        }
        let pixel = channels * repeat;
        let wide = columns.len() * pixel;
        scratch::with(rows.len() * wide, |padded| {
            if inside.is_empty() {
                padded.fill(0.0);
            } else {
                let from = (inside.start as isize - columns.start) as usize * pixel;
                let to = from + inside.len() * pixel;
                for (r, padded) in rows.zip(padded.chunks_exact_mut(wide)) {
                    let source = &image[r * row + inside.start * channels..][..inside.len() * channels];
                    padded[..from].fill(0.0);
                    padded[to..].fill(0.0);
                    match repeat {
                        1 => padded[from..to].copy_from_slice(source),
                        _ => padded[from..to]
                            .chunks_exact_mut(repeat)
                            .zip(source)
                            .for_each(|(copies, &value)| copies.fill(value)),
                    }
                }
            }
            f(padded, wide);
        });
    }
}

/// One row of outputs, `stride` floats of the source apart.
struct Row<'a> {
    source: &'a [f32],
    stride: usize,
    rows: &'a [Tap],
    columns: &'a [Tap],
    kernel: &'a [f32],
    bias: Option<&'a [f32]>,
    relu: bool,
    filters: usize,
    out: &'a mut [f32],
}

impl Kernel for Row<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let mut f = 0;
        while f < self.filters {
            if self.filters - f >= VECTORS * S::LANES {
                self.strip::<S, VECTORS>(s, f, true);
                f += VECTORS * S::LANES;
            } else {
                self.strip::<S, 1>(s, f, self.filters - f >= S::LANES);
                f += S::LANES;
            }
        }
    }
}

impl Row<'_> {
    #[inline(always)]
    fn strip<S: Simd, const V: usize>(&mut self, s: S, f: usize, whole: bool) {
        let count = self.out.len() / self.filters;
        let tiles = count - count % COLUMNS;
        for j in (0..tiles).step_by(COLUMNS) {
            self.tile::<S, V, COLUMNS>(s, j, f, whole);
        }
        for j in tiles..count {
            self.tile::<S, V, 1>(s, j, f, whole);
        }
    }

    /// `T` outputs from `j` on, `V` vectors of their channels from `f` on. What a vector reads beyond its pixel's
    /// channels is not stored.
    #[inline(always)]
    fn tile<S: Simd, const V: usize, const T: usize>(&mut self, s: S, j: usize, f: usize, whole: bool) {
        let mut sums = [[s.splat(0.0); V]; T];
        if let Some(bias) = self.bias {
            for v in 0..V {
                let bias = load(s, bias, f + v * S::LANES, whole);
                for sums in &mut sums {
                    sums[v] = bias;
                }
            }
        }
        for &(row, kernel_row) in self.rows {
            for &(column, kernel_column) in self.columns {
                let at = row + column + j * self.stride + f;
                let mut taps = [s.splat(0.0); V];
                for (v, tap) in taps.iter_mut().enumerate() {
                    *tap = load(s, self.kernel, kernel_row + kernel_column + f + v * S::LANES, whole);
                }
                // One check for all columns: a whole strip reads nothing beyond its own channels.
                let source = if whole {
                    &self.source[at..at + (T - 1) * self.stride + V * S::LANES]
                } else {
                    &self.source[at..]
                };
                for (t, sums) in sums.iter_mut().enumerate() {
                    for v in 0..V {
                        let x = if whole {
                            // SAFETY: within the slice above.
                            unsafe { s.load_ptr(source.as_ptr().add(t * self.stride + v * S::LANES)) }
                        } else {
                            s.load_head(&source[t * self.stride..])
                        };
                        sums[v] = s.mul_add(x, taps[v], sums[v]);
                    }
                }
            }
        }
        for (t, sums) in sums.into_iter().enumerate() {
            let pixel = &mut self.out[(j + t) * self.filters..][..self.filters];
            for (v, sum) in sums.into_iter().enumerate() {
                let y = if self.relu { s.max(sum, s.splat(0.0)) } else { sum };
                store(s, pixel, f + v * S::LANES, whole, y);
            }
        }
    }
}

/// Rows of a band: as many as keep what they read within [`BAND`], at least one.
fn band(reads: usize, steps: usize, rows: usize) -> usize {
    (BAND / (reads * steps).max(1)).clamp(1, rows.max(1))
}

/// As [`super::forward`].
pub fn forward(isa: Isa, p: &Conv2d, x: &[f32], kernel: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
    let ([high, wide], filters, [oh, ow]) = (p.kernel, p.filters, [p.out_height(), p.out_width()]);
    if y.is_empty() {
        return;
    }
    let (left, reach) = (-(p.padding[1][0] as isize), (ow - 1) * p.strides[1] + (wide - 1) * p.dilation[1] + 1);
    let columns: Vec<Tap> = (0..wide).map(|b| (b * p.dilation[1] * filters, b * filters)).collect();
    let rows = band(reach * filters, p.strides[0], oh);
    let (image, bands) = (p.height * p.width * p.channels, oh.div_ceil(rows));
    let chunks = Chunks { image: oh * ow * filters, chunk: rows * ow * filters, bands };
    chunks.each(y, rows * ow * filters * high * wide, |n, first, y| {
        let source = |i: usize, a: usize| {
            (i * p.strides[0] + a * p.dilation[0]).checked_sub(p.padding[0][0]).filter(|&r| r < p.height)
        };
        let (first, last) = (first * rows, first * rows + y.len() / (ow * filters));
        let touched = (first..last).flat_map(|i| (0..high).filter_map(move |a| source(i, a)));
        let (low, top) = touched.fold((p.height, 0), |(low, top), r| (low.min(r), top.max(r + 1)));
        let window = Window {
            image: &x[n * image..][..image],
            width: p.width,
            channels: p.channels,
            repeat: filters / p.channels,
            columns: left..left + reach as isize,
        };
        window.rows(low.min(top)..top, |source_rows, step| {
            let mut taps = Vec::with_capacity(high);
            for (i, out) in (first..last).zip(y.chunks_exact_mut(ow * filters)) {
                taps.clear();
                let met = (0..high).filter_map(|a| Some(((source(i, a)? - low) * step, a * wide * filters)));
                taps.extend(met);
                let (rows, columns, stride) = (&taps[..], &columns[..], p.strides[1] * filters);
                isa.run(Row { source: source_rows, stride, rows, columns, kernel, bias, relu, filters, out });
            }
        });
    });
}

/// As [`super::input_gradient`]: columns a stride apart meet the same taps, so that each such set is a row of outputs.
pub fn input_gradient(isa: Isa, p: &Conv2d, dy: &[f32], kernel: &[f32], dx: &mut [f32]) {
    let ([high, wide], filters, [oh, ow]) = (p.kernel, p.filters, [p.out_height(), p.out_width()]);
    if dx.is_empty() || dy.is_empty() {
        return dx.fill(0.0);
    }
    let repeat = filters / p.channels;
    // The output that meets input `at` through tap `tap`, if it lies on one: perhaps outside, where it is 0.
    let met = |axis: usize, at: usize, tap: usize| {
        let place = (at + p.padding[axis][0]) as isize - (tap * p.dilation[axis]) as isize;
        let stride = p.strides[axis] as isize;
        (place.rem_euclid(stride) == 0).then(|| place.div_euclid(stride))
    };
    let phases = p.strides[1].min(p.width);
    let columns = (0..phases).flat_map(|j| (0..wide).filter_map(move |b| met(1, j, b)));
    let (left, right) = columns.fold((0, 0), |(left, right), at| (left.min(at), right.max(at)));
    let reach = left..right + p.width.div_ceil(p.strides[1]) as isize;
    let taps: Vec<Vec<Tap>> = (0..phases)
        .map(|j| {
            let met = (0..wide).filter_map(|b| Some(((met(1, j, b)? - left) as usize * filters, b * filters)));
            met.collect()
        })
        .collect();
    let rows = band(reach.len() * filters, 1, p.height);
    let row = p.width * p.channels;
    let chunks = Chunks { image: p.height * row, chunk: rows * row, bands: p.height.div_ceil(rows) };
    let work = rows * p.width * filters * high * wide / (p.strides[0] * p.strides[1]);
    chunks.each(dx, work, |n, first, dx| {
        let (first, last) = (first * rows, first * rows + dx.len() / row);
        let source = |y: usize, a: usize| met(0, y, a).and_then(|r| usize::try_from(r).ok()).filter(|&r| r < oh);
        let touched = (first..last).flat_map(|y| (0..high).filter_map(move |a| source(y, a)));
        let (low, top) = touched.fold((oh, 0), |(low, top), r| (low.min(r), top.max(r + 1)));
        let image = &dy[n * oh * ow * filters..][..oh * ow * filters];
        let window = Window { image, width: ow, channels: filters, repeat: 1, columns: reach.clone() };
        window.rows(low.min(top)..top, |source_rows, step| {
            let mut met = Vec::with_capacity(high);
            for (y, dx) in (first..last).zip(dx.chunks_exact_mut(row)) {
                met.clear();
                met.extend((0..high).filter_map(|a| Some(((source(y, a)? - low) * step, a * wide * filters))));
                for (j, columns) in taps.iter().enumerate() {
                    let run = |out: &mut [f32]| {
                        let (bias, relu, rows, columns) = (None, false, &met[..], &columns[..]);
                        isa.run(Row {
                            source: source_rows,
                            stride: filters,
                            rows,
                            columns,
                            kernel,
                            bias,
                            relu,
                            filters,
                            out,
                        });
                    };
                    if phases == 1 && repeat == 1 {
                        run(dx);
                        continue;
                    }
                    let pixels = dx.chunks_exact_mut(p.channels).skip(j).step_by(p.strides[1]);
                    scratch::with(pixels.len() * filters, |out| {
                        run(out);
                        for (dx, out) in pixels.zip(out.chunks_exact(filters)) {
                            if repeat == 1 {
                                dx.copy_from_slice(out);
                                continue;
                            }
                            let sums = out.chunks_exact(repeat).map(|copies| copies.iter().sum());
                            dx.iter_mut().zip(sums).for_each(|(dx, sum)| *dx = sum);
                        }
                    });
                }
            }
        });
    });
}

/// Images cut into bands of rows.
struct Chunks {
    image: usize,
    chunk: usize,
    bands: usize,
}

impl Chunks {
    /// Calls `f(image, band, part)` on every band of every image.
    fn each(&self, all: &mut [f32], work: usize, f: impl Fn(usize, usize, &mut [f32]) + Sync) {
        // Bands of one image differ in size: images are cut alike, and each is cut again.
        threads::for_each_chunk(all, self.image, work * self.bands, |n, image| {
            threads::for_each_chunk(image, self.chunk, work, |band, part| f(n, band, part));
        });
    }
}

/// As [`super::kernel_gradient`].
pub fn kernel_gradient(isa: Isa, p: &Conv2d, x: &[f32], dy: &[f32], dkernel: &mut [f32], dbias: Option<&mut [f32]>) {
    let (filters, [oh, ow], image) = (p.filters, [p.out_height(), p.out_width()], p.height * p.width * p.channels);
    if let Some(dbias) = dbias {
        reduce(isa, Reduce::Sum, dy, &[p.batch * oh * ow, filters], &[0], dbias);
    }
    if dy.is_empty() {
        return dkernel.fill(0.0);
    }
    let (left, reach) = (-(p.padding[1][0] as isize), (ow - 1) * p.strides[1] + (p.kernel[1] - 1) * p.dilation[1] + 1);
    let rows = band(reach * filters, p.strides[0] + 1, oh);
    let bands = oh.div_ceil(rows);
    let items = p.batch * bands;
    let each = items.div_ceil(TASKS);
    let (tasks, size) = (items.div_ceil(each), dkernel.len());
    scratch::with(tasks * size, |partial| {
        threads::for_each_chunk(partial, size, each * rows * ow * size, |task, partial| {
            partial.fill(0.0);
            for item in task * each..items.min((task + 1) * each) {
                let (n, first) = (item / bands, item % bands * rows);
                let dy = &dy[(n * oh + first) * ow * filters..(n * oh + oh.min(first + rows)) * ow * filters];
                // Input rows from above the image on, as if there were some.
                let above = |i: usize| i * p.strides[0];
                let last = first + dy.len() / (ow * filters) - 1;
                let reach_down = above(last) + (p.kernel[0] - 1) * p.dilation[0] + 1;
                let low = above(first).saturating_sub(p.padding[0][0]).min(p.height);
                let top = reach_down.saturating_sub(p.padding[0][0]).clamp(low, p.height);
                let window = Window {
                    image: &x[n * image..][..image],
                    width: p.width,
                    channels: p.channels,
                    repeat: filters / p.channels,
                    columns: left..left + reach as isize,
                };
                window.rows(low..top, |source, step| {
                    isa.run(KernelGradient { p, source, step, low, top, first, columns: ow, dy, sums: partial });
                });
            }
        });
        reduce(isa, Reduce::Sum, partial, &[tasks, size], &[0], dkernel);
    });
}

/// Adds what some rows of dy give to the gradient of every tap.
struct KernelGradient<'a> {
    p: &'a Conv2d,
    /// The image's rows `low..top`, `step` floats apart.
    source: &'a [f32],
    step: usize,
    low: usize,
    top: usize,
    /// The row of outputs that dy begins with, and the columns it has.
    first: usize,
    columns: usize,
    dy: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for KernelGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let filters = self.p.filters;
        let mut f = 0;
        while f < filters {
            if filters - f >= VECTORS * S::LANES {
                self.strip::<S, VECTORS>(s, f, true);
                f += VECTORS * S::LANES;
            } else {
                self.strip::<S, 1>(s, f, filters - f >= S::LANES);
                f += S::LANES;
            }
        }
    }
}

impl KernelGradient<'_> {
    #[inline(always)]
    fn strip<S: Simd, const V: usize>(&mut self, s: S, f: usize, whole: bool) {
        let [high, wide] = self.p.kernel;
        for a in 0..high {
            let mut b = 0;
            while b < wide {
                match wide - b {
                    1 => self.taps::<S, V, 1>(s, a, b, f, whole),
                    2 => self.taps::<S, V, 2>(s, a, b, f, whole),
                    _ => self.taps::<S, V, TAPS>(s, a, b, f, whole),
                }
                b += TAPS;
            }
        }
    }

    /// The sums of `B` taps of row `a` from `b` on, for `V` vectors of channels from `f` on.
    #[inline(always)]
    fn taps<S: Simd, const V: usize, const B: usize>(&mut self, s: S, a: usize, b: usize, f: usize, whole: bool) {
        let p = self.p;
        let (filters, row) = (p.filters, self.columns * p.filters);
        let mut sums = [[s.splat(0.0); V]; B];
        for (i, dy) in self.dy.chunks_exact(row).enumerate() {
            let place = (self.first + i) * p.strides[0] + a * p.dilation[0];
            let Some(r) = place.checked_sub(p.padding[0][0]).filter(|r| (self.low..self.top).contains(r)) else {
                continue;
            };
            let source = &self.source[(r - self.low) * self.step + b * p.dilation[1] * filters..];
            for (j, dy) in dy.chunks_exact(filters).enumerate() {
                let source = &source[j * p.strides[1] * filters + f..];
                let apart = p.dilation[1] * filters;
                if whole {
                    // One check for all taps.
                    let (source, dy) = (&source[..(B - 1) * apart + V * S::LANES], &dy[f..f + V * S::LANES]);
                    for v in 0..V {
                        // SAFETY: within the slices above.
                        let d = unsafe { s.load_ptr(dy.as_ptr().add(v * S::LANES)) };
                        for (k, sums) in sums.iter_mut().enumerate() {
                            // SAFETY: as above.
                            let x = unsafe { s.load_ptr(source.as_ptr().add(k * apart + v * S::LANES)) };
                            sums[v] = s.mul_add(x, d, sums[v]);
                        }
                    }
                } else {
                    // A strip of one vector, cut short.
                    for (k, sums) in sums.iter_mut().enumerate() {
                        sums[0] = s.mul_add(s.load_head(&source[k * apart..]), s.load_head(&dy[f..]), sums[0]);
                    }
                }
            }
        }
        for (k, sums) in sums.into_iter().enumerate() {
            let tap = &mut self.sums[(a * p.kernel[1] + b + k) * filters..][..filters];
            for (v, sum) in sums.into_iter().enumerate() {
                let all = s.add(load(s, tap, f + v * S::LANES, whole), sum);
                store(s, tap, f + v * S::LANES, whole, all);
            }
        }
    }
}
