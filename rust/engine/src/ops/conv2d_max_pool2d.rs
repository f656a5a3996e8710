//! `conv2d_max_pool2d`: a convolution and the max pooling of its output in one pass, and the gradient by the kernel.
//!
//! Nobody pushes them by name: [`crate::fuse`] puts them in the place of the two ops. Forward, the bits are the same.

use super::isa;
use crate::error::{Error, Result};
use crate::op::{Input, Op, Output};
use crate::ops::conv2d::Conv2d;
use crate::ops::pool2d::{MaxPool2d, MaxPool2dGradient};
use crate::spec::{DType, Spec};
use corten_kernels::conv2d_max_pool2d as kernel;

/// Inputs: those of the convolution; outputs: those of the pooling.
#[derive(Clone, Debug)]
pub(crate) struct Conv2dMaxPool2d {
    pub conv: Conv2d,
    pub pool: MaxPool2d,
}

impl Op for Conv2dMaxPool2d {
    fn name(&self) -> &'static str {
        "conv2d_max_pool2d"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let between = self.conv.outputs(inputs)?;
        self.pool.outputs(&between.iter().collect::<Vec<_>>())
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let conv = self.conv.window.of(inputs[0].shape(), inputs[1].shape())?;
        let pool = self.pool.window.of(&[conv.batch, conv.out_height(), conv.out_width(), conv.filters])?;
        let operands = (inputs[0].f32()?, inputs[1].f32()?, inputs.get(2).map(Input::f32).transpose()?);
        let [y, argmax] = outputs else { return Err(Error::Internal("a max pooling has two outputs".into())) };
        let (relu, y) = (self.conv.relu, y.f32()?);
        match self.pool.window.place() {
            DType::U8 => kernel::forward(isa(), &conv, &pool, operands, relu, y, argmax.u8()?),
            _ => kernel::forward(isa(), &conv, &pool, operands, relu, y, argmax.i32()?),
        }
        Ok(())
    }
    fn work(&self, inputs: &[&Spec], outputs: &[Spec]) -> usize {
        self.conv.work(inputs, outputs)
    }
}

/// Inputs: x, the gradient of the maxima (zero where a ReLU cut them off) and their places; outputs dkernel and dbias.
#[derive(Clone, Debug)]
pub(crate) struct PooledKernelGradient {
    pub conv: Conv2d,
    pub pool: MaxPool2dGradient,
    /// Height and width of the kernel.
    pub size: [usize; 2],
}

impl PooledKernelGradient {
    fn kernel(&self, x: &[usize]) -> [usize; 4] {
        [self.size[0], self.size[1], x[3] / self.conv.window.groups, self.pool.x[3]]
    }
}

impl Op for PooledKernelGradient {
    fn name(&self) -> &'static str {
        "conv2d_max_pool2d_kernel_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        self.pool.outputs(&inputs[1..])?;
        let kernel = self.kernel(&inputs[0].shape);
        Ok(vec![Spec::f32(&kernel)?, Spec::f32(&kernel[3..])?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let conv = self.conv.window.of(inputs[0].shape(), &self.kernel(inputs[0].shape()))?;
        let pool = self.pool.window.of(&self.pool.x)?;
        let [dkernel, dbias] = outputs else { return Err(Error::Internal("expected dkernel and dbias".into())) };
        let (x, dy, dkernel, dbias) = (inputs[0].f32()?, inputs[1].f32()?, dkernel.f32()?, Some(dbias.f32()?));
        match self.pool.window.place() {
            DType::U8 => kernel::kernel_gradient(isa(), &conv, &pool, x, (dy, inputs[2].u8()?), dkernel, dbias),
            _ => kernel::kernel_gradient(isa(), &conv, &pool, x, (dy, inputs[2].i32()?), dkernel, dbias),
        }
        Ok(())
    }
    fn work(&self, inputs: &[&Spec], outputs: &[Spec]) -> usize {
        let out: usize = self.pool.x[..3].iter().product();
        inputs[1].len() + out * outputs[0].len()
    }
}
