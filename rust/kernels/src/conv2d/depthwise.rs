//! Depthwise convolution, as many groups as channels: vectors run along the channels, sums stay in registers, and
//! every tap of a pixel is a whole vector of its own numbers. Nothing is copied: pixels beside the image are zeros that
//! only the tiles at its edges ask for.

// Loops over taps index several arrays, and unroll as they stand.
#![allow(clippy::needless_range_loop)]

use super::Conv2d;
use crate::reduce::{Reduce, reduce};
use crate::simd::{Isa, Kernel, Simd};
use crate::{scratch, threads};

/// Floats of an image worked on at a time, so that the second cache holds them.
const BAND: usize = 32 * 1024;
/// Most tasks, each with sums of its own, that the kernel's gradient is cut into.
const TASKS: usize = 32;

/// A row or a column of the image that is met (rows: where they begin; columns: pixels from the first), and where its
/// taps begin in the kernel, in floats.
type Met = (usize, usize);

/// `f` of the rows with every channel repeated.
fn repeated<R>(rows: &[f32], repeat: usize, f: impl FnOnce(&[f32]) -> R) -> R {
    if repeat == 1 {
        return f(rows);
    }
    scratch::with(rows.len() * repeat, |wide| {
        wide.chunks_exact_mut(repeat).zip(rows).for_each(|(copies, &value)| copies.fill(value));
        f(wide)
    })
}

/// `out[j, f] = bias[f] + sum over rows and columns of source[row, first + j step + column, f] kernel[row, column, f]`
/// for one row of outputs.
struct Row<'a> {
    source: &'a [f32],
    /// Pixels in a row of the source; those beside it are zero.
    width: usize,
    first: isize,
    step: usize,
    rows: &'a [Met],
    /// In ascending order.
    columns: &'a [Met],
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
        let (row, filters) = (self.width * self.filters, self.filters);
        assert!(self.rows.iter().all(|&(start, _)| start + row <= self.source.len()), "a row is outside the image");
        let last = |met: &[Met]| met.iter().map(|&(_, tap)| tap).max().unwrap_or(0);
        assert!(last(self.rows) + last(self.columns) + filters <= self.kernel.len(), "a tap is outside the kernel");
        assert!(self.bias.is_none_or(|bias| bias.len() >= filters) && self.out.len().is_multiple_of(filters));
        let near = self.columns.iter().enumerate().all(|(i, &(column, _))| column == i);
        macro_rules! sweep {
            ($(($wide:literal, $step:literal))*) => {
                match (near, self.columns.len(), self.step) {
                    $((true, $wide, $step) => self.sweep::<S, $wide, $step>(s, 1),)*
                    // Column by column, any distance apart.
                    _ => self.sweep::<S, 1, 1>(s, self.step),
                }
            };
        }
        sweep!((2, 1)(3, 1)(3, 2)(5, 1)(5, 2)(7, 1));
    }
}

impl Row<'_> {
    /// `WIDE` neighbouring columns at a time. The columns of a tile that are met lie `apart` pixels from one another. All
    /// channels of a tile come before the next tile, so that memory is read as it lies.
    #[inline(always)]
    fn sweep<S: Simd, const WIDE: usize, const STEP: usize>(&mut self, s: S, apart: usize) {
        let count = self.out.len() / self.filters;
        macro_rules! tiles {
            ($size:literal) => {
                for tile in 0..count.div_ceil($size) {
                    // The last tile ends with the row: what it shares with the one before comes out the same.
                    let j = (tile * $size).min(count - $size);
                    let from = self.first + (j * self.step) as isize;
                    let reach = ($size - 1) * self.step + self.columns.last().map_or(0, |&(column, _)| column);
                    if from >= 0 && from as usize + reach < self.width {
                        s.call(Strips::<WIDE, STEP, $size, false>(self, j, apart));
                    } else {
                        s.call(Strips::<WIDE, STEP, $size, true>(self, j, apart));
                    }
                }
            };
        }
        match count {
            0..4 => tiles!(1),
            4..8 => tiles!(4),
            _ => tiles!(8),
        }
    }

    /// The outputs `j..j + T`, a vector of their channels from `f` on.
    #[inline(always)]
    fn tile<S: Simd, const WIDE: usize, const STEP: usize, const WHOLE: bool, const T: usize, const EDGE: bool>(
        &mut self,
        s: S,
        f: usize,
        j: usize,
        apart: usize,
    ) {
        let (filters, lanes) = (self.filters, S::LANES.min(self.filters - f));
        let start = match self.bias {
            // SAFETY: `lanes` floats from `f` on are within `filters`, which the bias has.
            Some(bias) => unsafe { load::<S, WHOLE>(s, bias.as_ptr().add(f), lanes) },
            None => s.splat(0.0),
        };
        let mut sums = [start; T];
        for &(row, kernel_row) in self.rows {
            for group in self.columns.chunks_exact(WIDE) {
                let mut taps = [start; WIDE];
                for b in 0..WIDE {
                    let tap = kernel_row + group[b].1 + f;
                    // SAFETY: `run` has found the tap of every row and column within the kernel.
                    taps[b] = unsafe { load::<S, WHOLE>(s, self.kernel.as_ptr().add(tap), lanes) };
                }
                let from = self.first + (j * self.step + group[0].0) as isize;
                let at = self.source.as_ptr().wrapping_add(row + f);
                let mut at = at.wrapping_offset(from * filters as isize);
                // Written out, for sums in a loop that is not unrolled go through memory.
                macro_rules! columns {
                    ($($c:literal)*) => {$(
                        if const { $c < (T - 1) * STEP + WIDE } {
                            let mut x = s.splat(0.0);
                            if !EDGE || inside(from + ($c * apart) as isize, self.width) {
                                // SAFETY: a pixel of a row that `run` has found within the source, for an edge's tile is
                                // asked and another lies within the row.
                                x = unsafe { load::<S, WHOLE>(s, at, lanes) };
                            }
                            for t in 0..T {
                                if t * STEP <= $c && $c < t * STEP + WIDE {
                                    sums[t] = s.mul_add(x, taps[$c - t * STEP], sums[t]);
                                }
                            }
                            at = at.wrapping_add(apart * filters);
                        }
                    )*};
                }
                columns!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18);
                let _ = at;
            }
        }
        let out = &mut self.out[j * filters..(j + T) * filters];
        macro_rules! finish {
            ($($t:literal)*) => {$(
                if $t < T {
                    let y = if self.relu { s.max(sums[$t], s.splat(0.0)) } else { sums[$t] };
                    // SAFETY: `lanes` floats from `f` on of a pixel of the slice above.
                    unsafe {
                        let pixel = out.as_mut_ptr().add($t * filters + f);
                        if WHOLE { s.store_ptr(pixel, y) } else { s.store_head_ptr(pixel, y, lanes) }
                    }
                }
            )*};
        }
        finish!(0 1 2 3 4 5 6 7);
    }
}

/// All channels of the outputs `j..j + T` of a row, whose columns that are met lie so far apart. A function of its own,
/// see [`Simd::call`].
struct Strips<'r, 'a, const WIDE: usize, const STEP: usize, const T: usize, const EDGE: bool>(
    &'r mut Row<'a>,
    usize,
    usize,
);

impl<const WIDE: usize, const STEP: usize, const T: usize, const EDGE: bool> Kernel
    for Strips<'_, '_, WIDE, STEP, T, EDGE>
{
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Strips(row, j, apart) = self;
        let mut f = 0;
        while f + S::LANES <= row.filters {
            row.tile::<S, WIDE, STEP, true, T, EDGE>(s, f, j, apart);
            f += S::LANES;
        }
        if f < row.filters {
            row.tile::<S, WIDE, STEP, false, T, EDGE>(s, f, j, apart);
        }
    }
}

#[inline(always)]
fn inside(column: isize, width: usize) -> bool {
    usize::try_from(column).is_ok_and(|column| column < width)
}

/// # Safety
/// `lanes` floats must be readable, a vector of them where it is `WHOLE`.
#[inline(always)]
unsafe fn load<S: Simd, const WHOLE: bool>(s: S, source: *const f32, lanes: usize) -> S::F {
    // SAFETY: the caller's word.
    unsafe { if WHOLE { s.load_ptr(source) } else { s.load_head_ptr(source, lanes) } }
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
    let columns: Vec<Met> = (0..wide).map(|b| (b * p.dilation[1], b * filters)).collect();
    let rows = band(p.width * filters, p.strides[0], oh);
    let (row, image) = (p.width * p.channels, p.height * p.width * p.channels);
    let chunks = Chunks { image: oh * ow * filters, chunk: rows * ow * filters, bands: oh.div_ceil(rows) };
    chunks.each(y, rows * ow * filters * high * wide, |n, first, y| {
        let source = |i: usize, a: usize| {
            (i * p.strides[0] + a * p.dilation[0]).checked_sub(p.padding[0][0]).filter(|&r| r < p.height)
        };
        let (first, last) = (first * rows, first * rows + y.len() / (ow * filters));
        let touched = (first..last).flat_map(|i| (0..high).filter_map(move |a| source(i, a)));
        let (low, top) = touched.fold((p.height, 0), |(low, top), r| (low.min(r), top.max(r + 1)));
        let image = &x[n * image..][..image];
        repeated(&image[low.min(top) * row..top * row], filters / p.channels, |band| {
            let mut met = Vec::with_capacity(high);
            for (i, out) in (first..last).zip(y.chunks_exact_mut(ow * filters)) {
                met.clear();
                let row = |a: usize| Some(((source(i, a)? - low) * p.width * filters, a * wide * filters));
                met.extend((0..high).filter_map(row));
                isa.run(Row {
                    source: band,
                    width: p.width,
                    first: -(p.padding[1][0] as isize),
                    step: p.strides[1],
                    rows: &met,
                    columns: &columns,
                    kernel,
                    bias,
                    relu,
                    filters,
                    out,
                });
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
    // The first output that input `j` and those a stride apart meet, and the columns they meet, the last tap first.
    let phases = p.strides[1].min(p.width);
    let columns: Vec<(isize, Vec<Met>)> = (0..phases)
        .map(|j| {
            let taps = || (0..wide).rev().filter_map(|b| Some((met(1, j, b)?, b * filters)));
            let first = taps().next().map_or(0, |(column, _)| column);
            (first, taps().map(|(column, tap)| ((column - first) as usize, tap)).collect())
        })
        .collect();
    let rows = band(ow * filters, 1, p.height);
    let row = p.width * p.channels;
    let chunks = Chunks { image: p.height * row, chunk: rows * row, bands: p.height.div_ceil(rows) };
    let work = rows * p.width * filters * high * wide / (p.strides[0] * p.strides[1]);
    chunks.each(dx, work, |n, first, dx| {
        let source = |y: usize, a: usize| met(0, y, a).and_then(|r| usize::try_from(r).ok()).filter(|&r| r < oh);
        let image = &dy[n * oh * ow * filters..][..oh * ow * filters];
        let mut met = Vec::with_capacity(high);
        for (y, dx) in (first * rows..).zip(dx.chunks_exact_mut(row)) {
            met.clear();
            met.extend((0..high).filter_map(|a| Some((source(y, a)? * ow * filters, a * wide * filters))));
            for (j, &(first, ref columns)) in columns.iter().enumerate() {
                let run = |out: &mut [f32]| {
                    let (rows, bias, relu) = (&met[..], None, false);
                    let (source, width, step) = (image, ow, 1);
                    isa.run(Row { source, width, first, step, rows, columns, kernel, bias, relu, filters, out });
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
    let (filters, [oh, ow], row) = (p.filters, [p.out_height(), p.out_width()], p.width * p.channels);
    if let Some(dbias) = dbias {
        reduce(isa, Reduce::Sum, dy, &[p.batch * oh * ow, filters], &[0], dbias);
    }
    if dy.is_empty() {
        return dkernel.fill(0.0);
    }
    let rows = band(p.width * filters, p.strides[0] + 1, oh);
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
                let image = &x[n * p.height * row..][..p.height * row];
                repeated(&image[low * row..top * row], filters / p.channels, |source| {
                    isa.run(KernelGradient { p, source, low, top, first, dy, sums: partial });
                });
            }
        });
        reduce(isa, Reduce::Sum, partial, &[tasks, size], &[0], dkernel);
    });
}

/// Adds what some rows of dy give to the gradient of every tap.
struct KernelGradient<'a> {
    p: &'a Conv2d,
    /// The image's rows `low..top`.
    source: &'a [f32],
    low: usize,
    top: usize,
    /// The row of outputs that dy begins with.
    first: usize,
    dy: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for KernelGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (p, filters) = (self.p, self.p.filters);
        assert!(self.source.len() == (self.top - self.low) * p.width * filters, "the source is rows of the image");
        assert!(self.sums.len() == p.kernel[0] * p.kernel[1] * filters, "sums are as the kernel");
        for i in 0..self.dy.len() / (p.out_width() * filters) {
            let mut f = 0;
            while f + S::LANES <= filters {
                self.strip::<S, true>(s, i, f);
                f += S::LANES;
            }
            if f < filters {
                self.strip::<S, false>(s, i, f);
            }
        }
    }
}

impl KernelGradient<'_> {
    /// What row `i` of dy gives, for a vector of channels from `f` on: to as many taps at a time as there are registers
    /// for their sums.
    #[inline(always)]
    fn strip<S: Simd, const WHOLE: bool>(&mut self, s: S, i: usize, f: usize) {
        let [high, wide] = self.p.kernel;
        let mut b = 0;
        while b < wide {
            let columns = match wide - b {
                7.. => 7,
                5.. => 5,
                3.. => 3,
                _ => 1,
            };
            let most = if columns > 3 { 2 } else { 3 };
            let (mut rows, mut count) = ([(0, 0); 3], 0);
            for a in 0..high {
                let place = (self.first + i) * self.p.strides[0] + a * self.p.dilation[0];
                let place = place.checked_sub(self.p.padding[0][0]);
                if let Some(r) = place.filter(|r| (self.low..self.top).contains(r)) {
                    rows[count] = (r - self.low, a);
                    count += 1;
                }
                if count == most || a + 1 == high {
                    macro_rules! taps {
                        ($(($rows:literal, $columns:literal))*) => {
                            match (count, columns) {
                                $(($rows, $columns) => {
                                    s.call(Taps::<WHOLE, $rows, $columns> { all: self, f, i, rows: &rows, b });
                                })*
                                _ => {}
                            }
                        };
                    }
                    taps!((1, 1)(2, 1)(3, 1)(1, 3)(2, 3)(3, 3)(1, 5)(2, 5)(1, 7)(2, 7));
                    count = 0;
                }
            }
            b += columns;
        }
    }
}

/// What row `i` of dy gives to the taps of `A` rows (of the source, of the kernel) and `B` columns from `b` on. A function
/// of its own, see [`Simd::call`].
struct Taps<'r, 'a, const WHOLE: bool, const A: usize, const B: usize> {
    all: &'r mut KernelGradient<'a>,
    f: usize,
    i: usize,
    rows: &'r [(usize, usize); 3],
    b: usize,
}

impl<const WHOLE: bool, const A: usize, const B: usize> Kernel for Taps<'_, '_, WHOLE, A, B> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Taps { all, f, i, rows, b } = self;
        let (p, filters, ow) = (all.p, all.p.filters, all.p.out_width());
        let lanes = S::LANES.min(filters - f);
        let place = |a: usize, k: usize| (rows[a].1 * p.kernel[1] + b + k) * filters + f;
        let mut sums = [[s.splat(0.0); B]; A];
        for a in 0..A {
            for k in 0..B {
                // SAFETY: a tap of the kernel, and so of the sums.
                sums[a][k] = unsafe { load::<S, WHOLE>(s, all.sums.as_ptr().add(place(a, k)), lanes) };
            }
        }
        let dy = &all.dy[i * ow * filters..][..ow * filters];
        // The pixel that output 0 meets through tap b, and from tap to tap.
        let from = (b * p.dilation[1]) as isize - p.padding[1][0] as isize;
        let (apart, step) = (p.dilation[1], p.strides[1]);
        let mut sources = [all.source.as_ptr(); A];
        for a in 0..A {
            sources[a] = sources[a].wrapping_add(rows[a].0 * p.width * filters + f);
        }
        macro_rules! pixels {
            ($range:expr, $edge:literal) => {
                for j in $range {
                    // SAFETY: `lanes` floats from `f` on of a pixel of dy.
                    let d = unsafe { load::<S, WHOLE>(s, dy.as_ptr().add(j * filters + f), lanes) };
                    let column = from + (j * step) as isize;
                    for k in 0..B {
                        let column = column + (k * apart) as isize;
                        if $edge && !inside(column, p.width) {
                            continue;
                        }
                        for a in 0..A {
                            // SAFETY: a pixel within a row of the source: at an edge it was asked, elsewhere the range
                            // of j keeps all columns within.
                            let x = unsafe {
                                load::<S, WHOLE>(s, sources[a].wrapping_offset(column * filters as isize), lanes)
                            };
                            sums[a][k] = s.mul_add(x, d, sums[a][k]);
                        }
                    }
                }
            };
        }
        // Outputs whose every column lies within the image.
        let low = ((-from).max(0) as usize).div_ceil(step).min(ow);
        let beyond = p.width as isize - from - ((B - 1) * apart) as isize;
        let high = (beyond.max(0) as usize).div_ceil(step).clamp(low, ow);
        pixels!(0..low, true);
        pixels!(low..high, false);
        pixels!(high..ow, true);
        macro_rules! finish {
            ($($a:literal)*) => {$(
                if $a < A {
                    for k in 0..B {
                        // SAFETY: as when they were read.
                        unsafe {
                            let tap = all.sums.as_mut_ptr().add(place($a, k));
                            if WHOLE { s.store_ptr(tap, sums[$a][k]) } else { s.store_head_ptr(tap, sums[$a][k], lanes) }
                        }
                    }
                }
            )*};
        }
        finish!(0 1 2);
    }
}
