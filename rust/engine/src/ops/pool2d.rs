//! `max_pool2d` and `average_pool2d` over NHWC images, and their gradients.

use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{DType, Dims, Spec};
use corten_kernels::pool2d as kernel;
use std::sync::Arc;

/// How the window moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pool: [usize; 2],
    strides: [usize; 2],
    same: bool,
}

impl Window {
    fn from(attributes: &Attributes) -> Result<Window> {
        let (pool, strides) = (attributes.pair("pool")?, attributes.pair("strides")?);
        Ok(Window { pool, strides, same: super::is_same(attributes)? })
    }
    pub fn of(&self, x: &[usize]) -> Result<kernel::Pool2d> {
        let bad = |why: &str| Error::Shape(format!("{why} (input {}, pool size {:?})", Dims(x), self.pool));
        let &[batch, height, width, channels] = x else {
            return Err(bad("the input needs four axes (batch, height, width, channels)"));
        };
        let padding = [
            super::window_padding(height, self.pool[0], self.strides[0], 1, self.same)?,
            super::window_padding(width, self.pool[1], self.strides[1], 1, self.same)?,
        ];
        if height + padding[0][0] + padding[0][1] < self.pool[0] || width + padding[1][0] + padding[1][1] < self.pool[1]
        {
            return Err(bad("the window is larger than the padded input"));
        }
        let pool = self.pool;
        let strides = [
            super::window_stride(self.strides[0], height, padding[0]),
            super::window_stride(self.strides[1], width, padding[1]),
        ];
        Ok(kernel::Pool2d { batch, height, width, channels, pool, strides, padding })
    }
    fn out(&self, x: &Spec) -> Result<Vec<usize>> {
        expect_f32(&[x])?;
        let p = self.of(&x.shape)?;
        Ok(vec![p.batch, p.out_height(), p.out_width(), p.channels])
    }
    /// The type that can hold a place in the window.
    pub fn place(&self) -> DType {
        if self.pool[0].saturating_mul(self.pool[1]) <= 256 { DType::U8 } else { DType::I32 }
    }
}

/// Outputs: the maxima, and where in its window each lies (the first of equals; NaN wins).
#[derive(Clone, Debug)]
pub(crate) struct MaxPool2d {
    pub window: Window,
}

pub(crate) fn make_max(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(MaxPool2d { window: Window::from(attributes)? }))
}

impl Op for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let shape = self.window.out(inputs[0])?;
        Ok(vec![Spec::f32(&shape)?, Spec::new(self.window.place(), &shape)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let p = self.window.of(inputs[0].shape())?;
        let [y, argmax] = outputs else { return Err(Error::Internal("max_pool2d has two outputs".into())) };
        match self.window.place() {
            DType::U8 => kernel::max(isa(), &p, inputs[0].f32()?, y.f32()?, argmax.u8()?),
            _ => kernel::max(isa(), &p, inputs[0].f32()?, y.f32()?, argmax.i32()?),
        }
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let x = graph.spec(at.inputs[0]).shape.clone();
        let op = MaxPool2dGradient { window: self.window, x };
        Ok(vec![Some(graph.apply1(op, &[at.dy()?, at.outputs[1]])?)])
    }
}

/// Inputs dy and the places of the maxima; output dx.
#[derive(Clone, Debug)]
pub(crate) struct MaxPool2dGradient {
    pub window: Window,
    /// The shape of x.
    pub x: Vec<usize>,
}

impl Op for MaxPool2dGradient {
    fn name(&self) -> &'static str {
        "max_pool2d_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let p = self.window.of(&self.x)?;
        let expected = [p.batch, p.out_height(), p.out_width(), p.channels];
        if inputs[0].shape != expected || inputs[1].shape != expected {
            let (a, b) = (Dims(&inputs[0].shape), Dims(&inputs[1].shape));
            return Err(Error::Shape(format!("expected {}, got {a} and {b}", Dims(&expected))));
        }
        Ok(vec![Spec::f32(&self.x)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let p = self.window.of(&self.x)?;
        match self.window.place() {
            DType::U8 => kernel::max_gradient(isa(), &p, inputs[0].f32()?, inputs[1].u8()?, outputs[0].f32()?),
            _ => kernel::max_gradient(isa(), &p, inputs[0].f32()?, inputs[1].i32()?, outputs[0].f32()?),
        }
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let along = AtMaxima(self.clone());
        Ok(vec![Some(graph.apply1(along, &[at.dy()?, at.inputs[1]])?), None])
    }
}

/// Inputs x and the places of the maxima of another; output what x holds there. It is the derivative of the maxima along
/// x, and linear, as its own gradient is, which it holds.
#[derive(Debug)]
struct AtMaxima(MaxPool2dGradient);

impl Op for AtMaxima {
    fn name(&self) -> &'static str {
        "max_pool2d_along"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![Spec::f32(&self.0.window.out(inputs[0])?)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let p = self.0.window.of(inputs[0].shape())?;
        match self.0.window.place() {
            DType::U8 => kernel::at_maxima(&p, inputs[0].f32()?, inputs[1].u8()?, outputs[0].f32()?),
            _ => kernel::at_maxima(&p, inputs[0].f32()?, inputs[1].i32()?, outputs[0].f32()?),
        }
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![Some(graph.apply1(self.0.clone(), &[at.dy()?, at.inputs[1]])?), None])
    }
}

/// The mean over each window's cells inside the image.
#[derive(Debug)]
struct AveragePool2d {
    window: Window,
}

pub(crate) fn make_average(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(AveragePool2d { window: Window::from(attributes)? }))
}

impl Op for AveragePool2d {
    fn name(&self) -> &'static str {
        "average_pool2d"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![Spec::f32(&self.window.out(inputs[0])?)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let p = self.window.of(inputs[0].shape())?;
        kernel::average(isa(), &p, inputs[0].f32()?, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let x = graph.spec(at.inputs[0]).shape.clone();
        let op = AveragePool2dGradient { window: self.window, x };
        Ok(vec![Some(graph.apply1(op, &[at.dy()?])?)])
    }
}

/// Input dy; output dx.
#[derive(Debug)]
struct AveragePool2dGradient {
    window: Window,
    x: Vec<usize>,
}

impl Op for AveragePool2dGradient {
    fn name(&self) -> &'static str {
        "average_pool2d_gradient"
    }
    fn outputs(&self, _: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![Spec::f32(&self.x)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let p = self.window.of(&self.x)?;
        kernel::average_gradient(isa(), &p, inputs[0].f32()?, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![Some(graph.apply1(AveragePool2d { window: self.window }, &[at.dy()?])?)])
    }
}
