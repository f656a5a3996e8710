//! The gradients of a convolution with respect to its kernel and bias: one product whose rows are the kernel's taps,
//! whose columns are the filters, and whose sum runs over all output pixels, both operands read where they lie. Where
//! filters are few, they are the rows and the taps the columns.

use super::Conv2d;
use crate::gemm::tile::{self, Left, Offsets, Planes, Product, Right, Start};
use crate::simd::{Kernel, Simd};
use crate::threads::{GRAIN, Shared};
use crate::{Isa, scratch, threads};
use std::ops::Range;

/// Floats of images and gradients that are worked on at a time, so that every tile finds them in the second cache.
const BLOCK: usize = 64 * 1024;
/// Tasks that a large problem is cut into.
const TASKS: usize = 16;
/// Most floats of partial sums.
const PARTIAL: usize = 1 << 20;

/// Images, or some output rows of one image.
#[derive(Clone)]
struct Block {
    images: Range<usize>,
    rows: Range<usize>,
}

/// Where a chunk's sums begin among all, and whether they are still to be written for the first time.
struct Sums<'a> {
    all: &'a Shared<f32>,
    base: usize,
    new: bool,
}

/// How the operands of a block are read.
struct Plan<'a> {
    isa: Isa,
    p: &'a Conv2d,
    /// Height and width of the image with its padding.
    padded: [usize; 2],
    /// Where the taps lie from the first one, group 0.
    taps: Vec<usize>,
    /// Floats of dy from pixel to pixel as it is read.
    step: usize,
}

pub fn kernel_gradient(isa: Isa, p: &Conv2d, x: &[f32], dy: &[f32], dkernel: &mut [f32], dbias: Option<&mut [f32]>) {
    let (height, width, channels) = (p.out_height(), p.out_width(), p.channels / p.groups);
    let size = dkernel.len();
    if p.batch * height * width * size == 0 {
        dkernel.fill(0.0);
        if let Some(sums) = dbias {
            sums.fill(0.0);
            isa.run(Columns { dy, sums });
        }
        return;
    }
    let padded = [0, 1].map(|axis| [p.height, p.width][axis] + p.padding[axis][0] + p.padding[axis][1]);
    let row = padded[1] * p.channels;
    let [taps_high, taps_wide] = p.kernel;
    let tap = |i: usize| {
        let (c, b, a) = (i % channels, i / channels % taps_wide, i / channels / taps_wide);
        a * p.dilation[0] * row + b * p.dilation[1] * p.channels + c
    };
    let taps: Vec<usize> = (0..taps_high * taps_wide * channels).map(tap).collect();
    // Where vectors of dy are read whole, filters that do not fill them are copied apart first.
    let filters = p.filters / p.groups;
    let step = if tile::in_place(isa, filters) { p.filters } else { filters.next_multiple_of(isa.lanes()) };
    let plan = Plan { isa, p, padded, taps, step };

    let blocks = plan.blocks();
    let few = plan.few();
    // Chunks of blocks have partial sums of their own; where those would be too large, tasks share out the taps too.
    let chunks = blocks.len().min(TASKS).min((PARTIAL / size).max(1));
    let shares = if few { 1 } else { TASKS.div_ceil(chunks).min(plan.taps.len().div_ceil(2 * tile::size(isa).0)) };
    let total = size + p.filters;
    let work = p.batch * height * width * plan.taps.len() * p.filters / (chunks * shares);
    scratch::with(chunks * total, |partial| {
        let shared = Shared::new(partial);
        threads::for_each(chunks * shares, tile::work(work), |task| {
            let (chunk, share) = (task / shares, task % shares);
            let taps = share * plan.taps.len() / shares..(share + 1) * plan.taps.len() / shares;
            let cut = |chunk: usize| chunk * blocks.len() / chunks;
            for (i, block) in blocks[cut(chunk)..cut(chunk + 1)].iter().enumerate() {
                let sums = Sums { all: &shared, base: chunk * total, new: i == 0 };
                plan.block(block, x, dy, taps.clone(), &sums);
                if share == 0 && dbias.is_some() {
                    // SAFETY: the sums of the bias belong to this chunk's first share alone.
                    let sums = unsafe { shared.part(chunk * total + size, p.filters) };
                    if i == 0 {
                        sums.fill(0.0);
                    }
                    isa.run(Columns { dy: plan.gradients(block, dy), sums });
                }
            }
        });
        let (partial, chunk) = (&*partial, GRAIN / 4);
        let combine = |out: &mut [f32]| {
            threads::for_each_chunk(out, chunk, chunks * chunk, |i, out| {
                isa.run(Combine { partial: &partial[i * chunk..], total, chunks, out });
            });
        };
        if few && p.filters > 1 {
            scratch::with(size, |turned| {
                combine(turned);
                let taps = size / p.filters;
                dkernel.iter_mut().enumerate().for_each(|(i, d)| *d = turned[i % p.filters * taps + i / p.filters]);
            });
        } else {
            combine(dkernel);
        }
        if let Some(dbias) = dbias {
            isa.run(Combine { partial: &partial[size..], total, chunks, out: dbias });
        }
    });
}

impl Plan<'_> {
    fn blocks(&self) -> Vec<Block> {
        let p = self.p;
        let (height, width) = (p.out_height(), p.out_width());
        let row = p.strides[0] * self.padded[1] * p.channels + width * p.filters;
        let (images, rows) = match BLOCK / (row * height) {
            0 => (1, height.div_ceil((row * height).div_ceil(BLOCK))),
            images => (images.min(p.batch.div_ceil(TASKS)), height),
        };
        let starts = |size: usize, step: usize| (0..size).step_by(step).map(move |i| i..size.min(i + step));
        starts(p.batch, images)
            .flat_map(|images| starts(height, rows).map(move |rows| Block { images: images.clone(), rows }))
            .collect()
    }

    /// The gradients of a block, which lie together.
    fn gradients<'a>(&self, block: &Block, dy: &'a [f32]) -> &'a [f32] {
        let row = self.p.out_width() * self.p.filters;
        let image = self.p.out_height() * row;
        let start = block.images.start * image + block.rows.start * row;
        &dy[start..start + (block.images.len() - 1) * image + block.rows.len() * row]
    }

    /// Adds a block's products to its chunk's sums.
    fn block(&self, block: &Block, x: &[f32], dy: &[f32], taps: Range<usize>, sums: &Sums) {
        let p = self.p;
        let row = self.padded[1] * p.channels;
        let reach = (p.kernel[0] - 1) * p.dilation[0] + 1;
        let image = p.height * p.width * p.channels;
        let dy = self.gradients(block, dy);
        if p.padding == [[0; 2]; 2] {
            let x = &x[block.images.start * image + block.rows.start * p.strides[0] * row..];
            return self.product(block, (x, image), dy, taps, sums);
        }
        let lines = (block.rows.len() - 1) * p.strides[0] + reach;
        scratch::with(block.images.len() * lines * row, |padded| {
            let first = block.rows.start * p.strides[0];
            for (i, line) in padded.chunks_exact_mut(row).enumerate() {
                line.fill(0.0);
                let (n, h) = (block.images.start + i / lines, (first + i % lines).wrapping_sub(p.padding[0][0]));
                if h < p.height {
                    let width = p.width * p.channels;
                    let source = &x[n * image + h * width..][..width];
                    line[p.padding[1][0] * p.channels..][..width].copy_from_slice(source);
                }
            }
            self.product(block, (padded, lines * row), dy, taps, sums);
        });
    }

    /// Whether filters better are rows: a vector of them would be mostly empty, and one of the taps of a kernel row, which
    /// are neighbours, is full.
    fn few(&self) -> bool {
        let p = self.p;
        let whole = p.groups == 1 && p.dilation[1] == 1 && (p.kernel[1] * p.channels).is_multiple_of(self.isa.lanes());
        whole && 4 * p.filters <= self.isa.lanes()
    }

    /// As [`Plan::product`], where filters are [`Plan::few`].
    fn product_of_few(&self, block: &Block, (x, image): (&[f32], usize), dy: &[f32], sums: &Sums) {
        let p = self.p;
        let (width, row, columns) = (p.out_width(), self.padded[1] * p.channels, p.kernel[1] * p.channels);
        let even = |stride: usize| Offsets::Even { count: p.filters, stride };
        let segments: Vec<usize> = (0..block.rows.len()).map(|i| i * width * p.filters).collect();
        for n in 0..block.images.len() {
            let dy = &dy[n * block.rows.len() * width * p.filters..];
            for a in 0..p.kernel[0] {
                let x = &x[n * image + a * p.dilation[0] * row..];
                self.isa.run(Product {
                    left: Left { data: dy, rows: even(1), segments: &segments, len: width, step: p.filters },
                    right: Right {
                        data: x,
                        step: p.strides[1] * p.channels,
                        skip: p.strides[0] * row,
                        panel: tile::size(self.isa).1,
                    },
                    start: if sums.new && n == 0 { Start::Zero } else { Start::Target },
                    relu: false,
                    target: sums.all,
                    base: sums.base + a * columns,
                    rows: even(p.kernel[0] * columns),
                    columns,
                    planes: Planes::ONE,
                });
            }
        }
    }

    fn product(&self, block: &Block, (x, image): (&[f32], usize), dy: &[f32], taps: Range<usize>, sums: &Sums) {
        if self.few() {
            return self.product_of_few(block, (x, image), dy, sums);
        }
        let p = self.p;
        let (width, filters, channels) = (p.out_width(), p.filters / p.groups, p.channels / p.groups);
        let down = p.strides[0] * self.padded[1] * p.channels;
        let segments: Vec<usize> =
            (0..block.images.len()).flat_map(|n| (0..block.rows.len()).map(move |i| n * image + i * down)).collect();
        let rows = Offsets::Even { count: taps.len(), stride: p.filters };
        for group in 0..p.groups {
            let left = Left {
                data: &x[group * channels..],
                rows: Offsets::Listed(&self.taps[taps.clone()]),
                segments: &segments,
                len: width,
                step: p.strides[1] * p.channels,
            };
            let multiply = |dy: &[f32]| {
                self.isa.run(Product {
                    left,
                    right: Right { data: dy, step: self.step, skip: width * self.step, panel: tile::size(self.isa).1 },
                    start: if sums.new { Start::Zero } else { Start::Target },
                    relu: false,
                    target: sums.all,
                    base: sums.base + taps.start * p.filters + group * filters,
                    rows,
                    columns: filters,
                    planes: Planes::ONE,
                });
            };
            if tile::in_place(self.isa, filters) {
                multiply(&dy[group * filters..]);
            } else {
                scratch::with(dy.len() / p.filters * self.step, |copy| {
                    for (copy, dy) in copy.chunks_exact_mut(self.step).zip(dy.chunks_exact(p.filters)) {
                        copy[..filters].copy_from_slice(&dy[group * filters..][..filters]);
                        copy[filters..].fill(0.0);
                    }
                    multiply(copy);
                });
            }
        }
    }
}

/// Adds the rows of `dy` to `sums`.
struct Columns<'a> {
    dy: &'a [f32],
    sums: &'a mut [f32],
}

impl Kernel for Columns<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let filters = self.sums.len();
        for (i, sums) in self.sums.chunks_mut(S::LANES).enumerate() {
            let mut sum = s.load_head(sums);
            for row in self.dy.chunks_exact(filters) {
                sum = s.add(sum, s.load_head(&row[i * S::LANES..]));
            }
            s.store_head(sums, sum);
        }
    }
}

/// The partial sums of all chunks, `total` floats apart, added in order.
pub(super) struct Combine<'a> {
    pub partial: &'a [f32],
    pub total: usize,
    pub chunks: usize,
    pub out: &'a mut [f32],
}

impl Kernel for Combine<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for (i, out) in self.out.chunks_mut(S::LANES).enumerate() {
            let at = |chunk: usize| &self.partial[chunk * self.total + i * S::LANES..];
            let mut sum = s.load_head(at(0));
            for chunk in 1..self.chunks {
                sum = s.add(sum, s.load_head(at(chunk)));
            }
            s.store_head(out, sum);
        }
    }
}
