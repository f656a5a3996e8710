//! The sweep of a kernel over images that forward and input gradient share. A tile's rows are output pixels; their
//! inputs are read where they lie in the image, for in NHWC the inputs under one row of the kernel are neighbours.

use super::winograd;
use crate::gemm::narrow::{self, Dots};
use crate::gemm::pack::{self, Matrix};
use crate::gemm::tile::{self, Left, Offsets, Planes, Product, Right, Start};
use crate::threads::Shared;
use crate::{Isa, scratch, threads};
use std::ops::Range;

/// `y[origin + i * steps[0] + j * steps[1] + f] = sum over a, b, c of x[h, w, c] * taps[a, b][c, f]` with
/// `h = first[0] + i * strides[0] + a * dilation[0]`, `w` likewise, for i, j within `out`, group by group.
/// Outside the image there are zeros.
pub struct Sweep {
    pub batch: usize,
    /// Height and width of the image.
    pub image: [usize; 2],
    /// Height and width of the output.
    pub out: [usize; 2],
    /// Height and width of the kernel.
    pub taps: [usize; 2],
    pub strides: [usize; 2],
    pub dilation: [usize; 2],
    /// Where in the image the first tap of the first output lies; negative in the padding.
    pub first: [isize; 2],
    pub groups: usize,
    /// Channels of the image and of the output in each group.
    pub channels: usize,
    pub filters: usize,
    /// Floats of one output image, where in it the first output lies, and how far the next ones down and right.
    pub target: usize,
    pub origin: usize,
    pub steps: [usize; 2],
}

/// About so many output pixels make a task of a large image.
const PIXELS: usize = 1024;
/// A few images are cut into so many tasks.
const TASKS: usize = 16;

/// Output rows under which the same rows of the kernel meet the image.
struct Band {
    rows: Range<usize>,
    taps: Range<usize>,
}

/// What the tasks of a sweep have in common.
struct Job<'a> {
    isa: Isa,
    /// The taps of each group, so many floats apart.
    packed: &'a [f32],
    size: usize,
    bias: Option<&'a [f32]>,
    relu: bool,
    y: Shared<f32>,
    /// Floats of a row of the image as it is read, with its padding.
    row: usize,
    /// Where each output's first tap is read, counted from a band's first row, and where it is written.
    sources: Vec<usize>,
    targets: Vec<usize>,
}

impl Sweep {
    /// `taps[(group * KH + a) * KW + b]` is the matrix channels x filters at that tap.
    pub fn run(&self, isa: Isa, x: &[f32], taps: &[Matrix], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
        let &Sweep { out: [height, width], groups, channels, filters, .. } = self;
        if self.batch * height * width * groups * filters == 0 {
            return;
        }
        if winograd::gains(isa, self) {
            return winograd::run(self, isa, x, taps, bias, relu, y);
        }
        let count = self.taps[0] * self.taps[1];
        let (segments, len) = self.segments();
        let few = self.few(isa);
        let size =
            if few { narrow::len(isa, filters, segments, len) } else { pack::len(isa, count * channels, filters) };
        let depth = groups * channels;
        let padding = self.side_padding();
        let row = (self.image[1] + padding[0] + padding[1]) * depth;
        let left = (self.first[1] + padding[0] as isize) as usize * depth;
        let offsets = |from: usize, down: usize, right: usize| -> Vec<usize> {
            (0..height).flat_map(|i| (0..width).map(move |j| from + i * down + j * right)).collect()
        };
        let sources = offsets(left, self.strides[0] * row, self.strides[1] * depth);
        let targets = offsets(self.origin, self.steps[0], self.steps[1]);
        scratch::with(groups * size, |packed| {
            for (group, packed) in packed.chunks_mut(size.max(1)).enumerate() {
                let taps = &taps[group * count..][..count];
                if few {
                    let segments: Vec<&[Matrix]> = taps.chunks((count / segments.max(1)).max(1)).collect();
                    narrow::pack(isa, &segments, channels, filters, packed);
                } else {
                    pack::pack(isa, taps, channels, filters, packed);
                }
            }
            let job = Job { isa, packed, size, bias, relu, y: Shared::new(y), row, sources, targets };
            self.tasks(x, padding, &job);
        });
    }

    fn tasks(&self, x: &[f32], padding: [usize; 2], job: &Job) {
        let &Sweep { out: [height, width], groups, channels, filters, .. } = self;
        let line = self.image[1] * groups * channels;
        let before = padding[0] * groups * channels;
        // A task is some rows of one image: all of them when there are images enough.
        let parts = (height * width).div_ceil(PIXELS).max(TASKS.div_ceil(self.batch)).min(height);
        let rows = height.div_ceil(parts);
        let parts = height.div_ceil(rows);
        let bands = self.bands(rows);
        let work = rows * width * self.taps[0] * self.taps[1] * channels * filters * groups;
        threads::for_each(self.batch * parts, tile::work(work), |task| {
            let (n, part) = (task / parts, task % parts);
            let x = &x[n * self.image[0] * line..][..self.image[0] * line];
            let bands = bands.iter().filter(|band| band.rows.start / rows == part);
            if padding == [0, 0] {
                return bands.for_each(|band| self.band(job, band, n, x));
            }
            scratch::with(self.image[0] * job.row, |padded| {
                let inputs = bands.clone().map(|band| self.inputs(band));
                let inputs = inputs.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..0);
                for i in inputs {
                    let padded = &mut padded[i * job.row..][..job.row];
                    padded[..before].fill(0.0);
                    padded[before..before + line].copy_from_slice(&x[i * line..][..line]);
                    padded[before + line..].fill(0.0);
                }
                bands.for_each(|band| self.band(job, band, n, padded));
            });
        });
    }

    fn band(&self, job: &Job, band: &Band, n: usize, x: &[f32]) {
        let &Sweep { out: [_, columns], groups, channels, filters, .. } = self;
        let depth = groups * channels;
        let width = tile::size(job.isa).1;
        let starts = band.taps.clone().map(|a| self.meets(band.rows.start, a) as usize * job.row);
        let (count, len) = self.segments();
        let across = count / self.taps[0].max(1);
        let segments: Vec<usize> =
            starts.flat_map(|start| (0..across).map(move |b| start + b * self.dilation[1] * depth)).collect();
        let pixels = band.rows.len() * columns;
        let few = self.few(job.isa);
        for group in 0..groups {
            let left = Left {
                data: &x[(group * channels).min(x.len())..],
                rows: Offsets::Listed(&job.sources[..pixels]),
                segments: &segments,
                len,
                step: 1,
            };
            let packed = &job.packed[group * job.size..];
            let skip = band.taps.start * across * if few { narrow::skip(job.isa, len) } else { len * width };
            let packed = packed.get(skip..).unwrap_or(&[]);
            let right = if few {
                narrow::right(job.isa, packed, count, len)
            } else {
                Right { data: packed, step: width, skip: len * width, panel: count * len * width }
            };
            let product = Product {
                left,
                right,
                start: job.bias.map_or(Start::Zero, |bias| Start::Bias(&bias[group * filters..])),
                relu: job.relu,
                target: &job.y,
                base: n * self.target + group * filters,
                rows: Offsets::Listed(&job.targets[band.rows.start * columns..][..pixels]),
                columns: filters,
                planes: Planes::ONE,
            };
            if few { job.isa.run(Dots(product)) } else { job.isa.run(product) }
        }
    }

    /// How many runs of neighbours k is cut into, and how long they are. The taps of one kernel row are one run where
    /// their inputs are neighbours.
    fn segments(&self) -> (usize, usize) {
        if self.groups == 1 && self.dilation[1] == 1 {
            (self.taps[0], self.taps[1] * self.channels)
        } else {
            (self.taps[0] * self.taps[1], self.channels)
        }
    }

    /// Whether there are so few filters that vectors better run along k.
    fn few(&self, isa: Isa) -> bool {
        let (segments, len) = self.segments();
        narrow::gains(isa, self.filters, segments, len)
    }

    /// The input row under tap row `a` of output row `i`.
    fn meets(&self, i: usize, a: usize) -> isize {
        self.first[0] + (i * self.strides[0] + a * self.dilation[0]) as isize
    }

    /// The output rows, cut where the meeting rows of the kernel change and at multiples of `rows`.
    fn bands(&self, rows: usize) -> Vec<Band> {
        let mut bands: Vec<Band> = Vec::new();
        for i in 0..self.out[0] {
            let inside = |&a: &usize| (0..self.image[0] as isize).contains(&self.meets(i, a));
            let from = (0..self.taps[0]).find(inside).unwrap_or(0);
            let to = (0..self.taps[0]).rev().find(inside).map_or(from, |last| last + 1);
            match bands.last_mut() {
                Some(band) if band.taps == (from..to) && i % rows != 0 => band.rows.end = i + 1,
                _ => bands.push(Band { rows: i..i + 1, taps: from..to }),
            }
        }
        bands
    }

    /// The input rows that a band reads.
    fn inputs(&self, band: &Band) -> Range<usize> {
        if band.taps.is_empty() {
            return 0..0;
        }
        let first = self.meets(band.rows.start, band.taps.start) as usize;
        first..self.meets(band.rows.end - 1, band.taps.end - 1) as usize + 1
    }

    /// The zeros that the sweep needs left and right of the image.
    fn side_padding(&self) -> [usize; 2] {
        let last = (self.out[1] - 1) * self.strides[1] + self.taps[1].saturating_sub(1) * self.dilation[1];
        let beyond = self.first[1] + last as isize + 1 - self.image[1] as isize;
        [(-self.first[1]).max(0) as usize, beyond.max(0) as usize]
    }
}
