//! `conv2d` and its two gradients, which are ops too: `conv2d_input_gradient` is the transposed convolution.

use super::algebra::relu_gradient;
use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::conv2d as kernel;
use std::sync::Arc;

/// What all three share: how the window moves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    strides: [usize; 2],
    dilation: [usize; 2],
    pub groups: usize,
    same: bool,
}

impl Window {
    fn from(attributes: &Attributes) -> Result<Window> {
        let groups = attributes.size("groups")?;
        if groups == 0 {
            return Err(Error::Value("`groups`: expected an int >= 1, got 0".into()));
        }
        Ok(Window {
            strides: attributes.pair("strides")?,
            dilation: attributes.pair("dilation")?,
            groups,
            same: super::is_same(attributes)?,
        })
    }

    /// The convolution of `x` (N, H, W, C) with `kernel` (KH, KW, C / groups, F).
    pub fn of(&self, x: &[usize], kernel: &[usize]) -> Result<kernel::Conv2d> {
        let bad = |why: String| Error::Shape(format!("{why} (input {}, kernel {})", Dims(x), Dims(kernel)));
        let &[batch, height, width, channels] = x else {
            return Err(bad("the input needs four axes (batch, height, width, channels)".into()));
        };
        let &[kh, kw, inner, filters] = kernel else {
            return Err(bad("the kernel needs four axes (height, width, channels / groups, filters)".into()));
        };
        if inner.checked_mul(self.groups) != Some(channels) {
            let groups = if self.groups > 1 { format!(" in {} groups", self.groups) } else { String::new() };
            return Err(bad(format!("kernel wants {inner} input channels{groups}, input has {channels}")));
        }
        if filters % self.groups != 0 {
            return Err(bad(format!("{filters} filters do not divide into {} groups", self.groups)));
        }
        let padding = [
            super::window_padding(height, kh, self.strides[0], self.dilation[0], self.same)?,
            super::window_padding(width, kw, self.strides[1], self.dilation[1], self.same)?,
        ];
        for (axis, size, k) in [(0, height, kh), (1, width, kw)] {
            let extent =
                k.checked_sub(1).and_then(|k| k.checked_mul(self.dilation[axis])).and_then(|k| k.checked_add(1));
            if extent.is_none_or(|extent| extent > size + padding[axis][0] + padding[axis][1]) {
                return Err(bad("the kernel is empty or larger than the padded input".into()));
            }
        }
        let (dilation, groups) = (self.dilation, self.groups);
        let strides = [
            super::window_stride(self.strides[0], height, padding[0]),
            super::window_stride(self.strides[1], width, padding[1]),
        ];
        let kernel = [kh, kw];
        Ok(kernel::Conv2d { batch, height, width, channels, filters, kernel, strides, dilation, groups, padding })
    }
}

/// Inputs x, kernel and perhaps bias (F,); output (N, OH, OW, F).
#[derive(Clone, Debug)]
pub(crate) struct Conv2d {
    pub window: Window,
    pub relu: bool,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Conv2d { window: Window::from(attributes)?, relu: super::fused_relu(attributes)? }))
}

fn multiply_adds(p: &kernel::Conv2d) -> usize {
    p.batch * p.out_height() * p.out_width() * p.filters * p.kernel[0] * p.kernel[1] * (p.channels / p.groups)
}

impl Op for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        let p = self.window.of(&inputs[0].shape, &inputs[1].shape)?;
        if let Some(bias) = inputs.get(2).filter(|bias| bias.shape != [p.filters]) {
            return Err(Error::Shape(format!("bias must be ({},), got {}", p.filters, Dims(&bias.shape))));
        }
        Ok(vec![Spec::f32(&[p.batch, p.out_height(), p.out_width(), p.filters])?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let p = self.window.of(inputs[0].shape(), inputs[1].shape())?;
        let bias = inputs.get(2).map(Input::f32).transpose()?;
        kernel::forward(isa(), &p, inputs[0].f32()?, inputs[1].f32()?, bias, self.relu, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let dz = relu_gradient(graph, self.relu, at.outputs[0], at.dy()?)?;
        self.linear_gradient(graph, at, dz)
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        self.window.of(&inputs[0].shape, &inputs[1].shape).map_or(0, |p| multiply_adds(&p))
    }
}

impl Conv2d {
    /// The gradients of the wanted inputs, given that of the output before any ReLU.
    pub fn linear_gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>, dz: Value) -> Result<Vec<Option<Value>>> {
        let (x, kernel) = (at.inputs[0], at.inputs[1]);
        let mut gradients = vec![None; at.inputs.len()];
        if at.want[0] {
            let size = [graph.spec(x).shape[1], graph.spec(x).shape[2]];
            gradients[0] = Some(graph.apply1(InputGradient { window: self.window, size }, &[dz, kernel])?);
        }
        let bias = at.want.get(2) == Some(&true);
        if at.want[1] || bias {
            let size = [graph.spec(kernel).shape[0], graph.spec(kernel).shape[1]];
            let both = graph.apply(KernelGradient { window: self.window, size, bias }, &[x, dz])?;
            gradients[1] = at.want[1].then_some(both[0]);
            if bias {
                gradients[2] = Some(both[1]);
            }
        }
        Ok(gradients)
    }
}

/// Inputs dy (N, OH, OW, F) and kernel; output dx (N, `size`, C).
#[derive(Debug)]
struct InputGradient {
    window: Window,
    size: [usize; 2],
}

pub(crate) fn make_input_gradient(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(InputGradient { window: Window::from(attributes)?, size: attributes.pair("size")? }))
}

impl InputGradient {
    fn of(&self, dy: &[usize], kernel: &[usize]) -> Result<kernel::Conv2d> {
        let bad = |why: String| Error::Shape(format!("{why} (input {}, kernel {})", Dims(dy), Dims(kernel)));
        if dy.len() != 4 || kernel.len() != 4 {
            return Err(bad("input and kernel need four axes".into()));
        }
        let channels = kernel[2].checked_mul(self.window.groups).ok_or_else(|| bad("too many channels".into()))?;
        let p = self.window.of(&[dy[0], self.size[0], self.size[1], channels], kernel)?;
        if dy[1..] != [p.out_height(), p.out_width(), p.filters] {
            return Err(bad(format!("expected ({}, {}, {}, {})", p.batch, p.out_height(), p.out_width(), p.filters)));
        }
        Ok(p)
    }
}

impl Op for InputGradient {
    fn name(&self) -> &'static str {
        "conv2d_input_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        let p = self.of(&inputs[0].shape, &inputs[1].shape)?;
        Ok(vec![Spec::f32(&[p.batch, p.height, p.width, p.channels])?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let p = self.of(inputs[0].shape(), inputs[1].shape())?;
        kernel::input_gradient(isa(), &p, inputs[0].f32()?, inputs[1].f32()?, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (dx, dy, kernel) = (at.dy()?, at.inputs[0], at.inputs[1]);
        let mut gradients = vec![None, None];
        if at.want[0] {
            gradients[0] = Some(graph.apply1(Conv2d { window: self.window, relu: false }, &[dx, kernel])?);
        }
        if at.want[1] {
            let size = [graph.spec(kernel).shape[0], graph.spec(kernel).shape[1]];
            let op = KernelGradient { window: self.window, size, bias: false };
            gradients[1] = Some(graph.apply1(op, &[dx, dy])?);
        }
        Ok(gradients)
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        self.of(&inputs[0].shape, &inputs[1].shape).map_or(0, |p| multiply_adds(&p))
    }
}

/// Inputs x and dy; outputs dkernel (KH, KW, C / groups, F) and, if asked, dbias (F,).
#[derive(Debug)]
struct KernelGradient {
    window: Window,
    size: [usize; 2],
    bias: bool,
}

impl KernelGradient {
    fn of(&self, x: &[usize], dy: &[usize]) -> Result<kernel::Conv2d> {
        if x.len() != 4 || dy.len() != 4 {
            return Err(Error::Shape(format!("both inputs need four axes, got {} and {}", Dims(x), Dims(dy))));
        }
        self.window.of(x, &[self.size[0], self.size[1], x[3] / self.window.groups, dy[3]])
    }
}

impl Op for KernelGradient {
    fn name(&self) -> &'static str {
        "conv2d_kernel_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        let p = self.of(&inputs[0].shape, &inputs[1].shape)?;
        let mut specs = vec![Spec::f32(&[p.kernel[0], p.kernel[1], p.channels / p.groups, p.filters])?];
        if self.bias {
            specs.push(Spec::f32(&[p.filters])?);
        }
        Ok(specs)
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let p = self.of(inputs[0].shape(), inputs[1].shape())?;
        let (dkernel, dbias) = outputs.split_at_mut(1);
        let dbias = dbias.first_mut().map(Output::f32).transpose()?;
        kernel::kernel_gradient(isa(), &p, inputs[0].f32()?, inputs[1].f32()?, dkernel[0].f32()?, dbias);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (x, dy) = (at.inputs[0], at.inputs[1]);
        let dkernel = at.dys[0].ok_or_else(|| Error::Value("has no gradient by the bias alone".into()))?;
        let mut gradients = vec![None, None];
        if at.want[0] {
            let size = [graph.spec(x).shape[1], graph.spec(x).shape[2]];
            gradients[0] = Some(graph.apply1(InputGradient { window: self.window, size }, &[dy, dkernel])?);
        }
        if at.want[1] {
            let inputs: Vec<Value> =
                [Some(x), Some(dkernel), at.dys.get(1).copied().flatten()].into_iter().flatten().collect();
            gradients[1] = Some(graph.apply1(Conv2d { window: self.window, relu: false }, &inputs)?);
        }
        Ok(gradients)
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        self.of(&inputs[0].shape, &inputs[1].shape).map_or(0, |p| multiply_adds(&p))
    }
}
