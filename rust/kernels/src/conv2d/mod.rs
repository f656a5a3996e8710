//! Two-dimensional convolution of NHWC images by kernels (KH, KW, channels / groups, filters).

use crate::Isa;
use crate::gemm::pack::Matrix;
use sweep::Sweep;

mod depthwise;
mod kernel_gradient;
pub mod reference;
mod sweep;
mod winograd;
mod winograd_gradient;

#[cfg(test)]
mod tests;

/// The shape of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub filters: usize,
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    pub dilation: [usize; 2],
    pub groups: usize,
    /// Zeros around the image: [[top, bottom], [left, right]].
    pub padding: [[usize; 2]; 2],
}

impl Conv2d {
    pub fn out_height(&self) -> usize {
        self.out(0, self.height)
    }
    pub fn out_width(&self) -> usize {
        self.out(1, self.width)
    }
    /// Whether no two channels mix, and there are several.
    fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.channels
    }
    fn out(&self, axis: usize, size: usize) -> usize {
        let reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1;
        let padded = size + self.padding[axis][0] + self.padding[axis][1];
        if padded < reach { 0 } else { (padded - reach) / self.strides[axis] + 1 }
    }

    /// The sweep that the forward is.
    fn sweep(&self) -> Sweep {
        Sweep {
            batch: self.batch,
            image: [self.height, self.width],
            out: [self.out_height(), self.out_width()],
            taps: self.kernel,
            strides: self.strides,
            dilation: self.dilation,
            first: [-(self.padding[0][0] as isize), -(self.padding[1][0] as isize)],
            groups: self.groups,
            channels: self.channels / self.groups,
            filters: self.filters / self.groups,
            target: self.out_height() * self.out_width() * self.filters,
            origin: 0,
            steps: [self.out_width() * self.filters, self.filters],
        }
    }

    /// The matrix channels x filters of one group at tap (a, b), or its transpose.
    fn tap<'a>(&self, kernel: &'a [f32], group: usize, a: usize, b: usize, transposed: bool) -> Matrix<'a> {
        let first = (a * self.kernel[1] + b) * (self.channels / self.groups) * self.filters;
        let data = &kernel[first + group * (self.filters / self.groups)..];
        Matrix { data, stride: self.filters, transposed }
    }

    fn check(&self, x: &[f32], kernel: &[f32], y: &[f32]) {
        let positive = [self.kernel, self.strides, self.dilation].iter().flatten().all(|&size| size > 0);
        assert!(positive && self.groups > 0, "kernel, strides, dilation and groups are at least 1");
        assert!(self.channels.is_multiple_of(self.groups) && self.filters.is_multiple_of(self.groups), "whole groups");
        let taps = self.kernel[0] * self.kernel[1] * (self.channels / self.groups);
        assert_eq!(x.len(), self.batch * self.height * self.width * self.channels, "x is N x H x W x C");
        assert_eq!(kernel.len(), taps * self.filters, "the kernel is KH x KW x C / groups x filters");
        assert_eq!(
            y.len(),
            self.batch * self.out_height() * self.out_width() * self.filters,
            "y is N x H x W x filters"
        );
    }
}

/// `y = x * kernel (+ bias per filter) (then relu)`.
pub fn forward(isa: Isa, p: &Conv2d, x: &[f32], kernel: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
    p.check(x, kernel, y);
    assert!(bias.is_none_or(|bias| bias.len() == p.filters), "one bias per filter");
    if p.is_depthwise() {
        return depthwise::forward(isa, p, x, kernel, bias, relu, y);
    }
    let [high, wide] = p.kernel;
    let taps: Vec<Matrix> = (0..p.groups * high * wide)
        .map(|i| p.tap(kernel, i / (high * wide), i / wide % high, i % wide, false))
        .collect();
    p.sweep().run(isa, x, &taps, bias, relu, y);
}

/// The gradient with respect to the input, written to `dx`.
pub fn input_gradient(isa: Isa, p: &Conv2d, dy: &[f32], kernel: &[f32], dx: &mut [f32]) {
    p.check(dx, kernel, dy);
    if p.is_depthwise() {
        return depthwise::input_gradient(isa, p, dy, kernel, dx);
    }
    // Inputs a stride apart meet the same taps: each such set is a sweep of those taps, reversed, over dy.
    for i in 0..p.strides[0].min(p.height) {
        let rows = Phase::new(p, 0, i);
        for j in 0..p.strides[1].min(p.width) {
            let columns = Phase::new(p, 1, j);
            let sweep = Sweep {
                batch: p.batch,
                image: [p.out_height(), p.out_width()],
                out: [rows.count, columns.count],
                taps: [rows.taps.len(), columns.taps.len()],
                strides: [1, 1],
                dilation: [rows.dilation, columns.dilation],
                first: [rows.first, columns.first],
                groups: p.groups,
                channels: p.filters / p.groups,
                filters: p.channels / p.groups,
                target: p.height * p.width * p.channels,
                origin: (i * p.width + j) * p.channels,
                steps: [p.strides[0] * p.width * p.channels, p.strides[1] * p.channels],
            };
            let taps: Vec<Matrix> = (0..p.groups)
                .flat_map(|group| rows.taps.iter().map(move |&a| (group, a)))
                .flat_map(|(group, a)| columns.taps.iter().map(move |&b| p.tap(kernel, group, a, b, true)))
                .collect();
            sweep.run(isa, dy, &taps, None, false, dx);
        }
    }
}

/// The gradients with respect to the kernel and the bias, written to `dkernel` and `dbias`.
pub fn kernel_gradient(isa: Isa, p: &Conv2d, x: &[f32], dy: &[f32], dkernel: &mut [f32], dbias: Option<&mut [f32]>) {
    p.check(x, dkernel, dy);
    assert!(dbias.as_ref().is_none_or(|dbias| dbias.len() == p.filters), "one bias per filter");
    if p.is_depthwise() {
        return depthwise::kernel_gradient(isa, p, x, dy, dkernel, dbias);
    }
    if winograd_gradient::gains(isa, p) {
        return winograd_gradient::kernel_gradient(isa, p, x, dy, dkernel, dbias);
    }
    kernel_gradient::kernel_gradient(isa, p, x, dy, dkernel, dbias);
}

/// The inputs `from`, `from + stride`, ... of one axis and the taps that meet them.
struct Phase {
    count: usize,
    /// Tap positions, the one that meets the earliest output first.
    taps: Vec<usize>,
    /// Outputs between two of these taps.
    dilation: usize,
    /// The output that the first tap of the first input meets.
    first: isize,
}

impl Phase {
    fn new(p: &Conv2d, axis: usize, from: usize) -> Phase {
        let (stride, dilation, before) = (p.strides[axis], p.dilation[axis], p.padding[axis][0]);
        let meets = |tap: &usize| (from + before + tap * (stride - 1) * dilation).is_multiple_of(stride);
        let taps: Vec<usize> = (0..p.kernel[axis]).rev().filter(meets).collect();
        let output = |tap: usize| ((from + before) as isize - (tap * dilation) as isize) / stride as isize;
        Phase {
            count: ([p.height, p.width][axis] - from).div_ceil(stride),
            first: taps.first().map_or(0, |&tap| output(tap)),
            dilation: if taps.len() > 1 { (output(taps[1]) - output(taps[0])) as usize } else { 1 },
            taps,
        }
    }
}
