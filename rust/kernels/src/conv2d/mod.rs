//! Two-dimensional convolution of NHWC images by kernels (KH, KW, channels / groups, filters).

use crate::Isa;

pub mod reference;

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
    fn out(&self, axis: usize, size: usize) -> usize {
        let reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1;
        let padded = size + self.padding[axis][0] + self.padding[axis][1];
        if padded < reach { 0 } else { (padded - reach) / self.strides[axis] + 1 }
    }
}

/// `y = x * kernel (+ bias per filter) (then relu)`.
pub fn forward(_isa: Isa, p: &Conv2d, x: &[f32], kernel: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
    reference::forward(p, x, kernel, bias, relu, y);
}

/// The gradient with respect to the input, written to `dx`.
pub fn input_gradient(_isa: Isa, p: &Conv2d, dy: &[f32], kernel: &[f32], dx: &mut [f32]) {
    reference::input_gradient(p, dy, kernel, dx);
}

/// The gradients with respect to the kernel and the bias, written to `dkernel` and `dbias`.
pub fn kernel_gradient(_isa: Isa, p: &Conv2d, x: &[f32], dy: &[f32], dkernel: &mut [f32], dbias: Option<&mut [f32]>) {
    reference::kernel_gradient(p, x, dy, dkernel, dbias);
}
