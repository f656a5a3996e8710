//! `warp`: images under a change of coordinates, each with one of its own.

use super::expect_f32;
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::warp as kernel;
use std::sync::Arc;

/// Inputs x (batch, height, width, channels) and transforms (batch, 8); output as [`kernel::Warp`] says.
#[derive(Clone, Debug)]
struct Warp {
    size: [usize; 2],
    bilinear: bool,
    fill: kernel::Fill,
}

/// Attributes: `size`, the output's height and width; `interpolation`; `fill`, and its `value` where it is constant.
pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let bilinear = match attributes.text("interpolation")? {
        "bilinear" => true,
        "nearest" => false,
        other => {
            let text = format!("`interpolation`: expected \"bilinear\" or \"nearest\", got {other:?}");
            return Err(Error::Value(text));
        }
    };
    let fill = match attributes.text("fill")? {
        "constant" => kernel::Fill::Constant(attributes.float("value")? as f32),
        "nearest" => kernel::Fill::Nearest,
        "reflect" => kernel::Fill::Reflect,
        "mirror" => kernel::Fill::Mirror,
        "wrap" => kernel::Fill::Wrap,
        other => return Err(Error::Value(format!("`fill`: expected a fill mode, got {other:?}"))),
    };
    Ok(Arc::new(Warp { size: attributes.pair("size")?, bilinear, fill }))
}

impl Warp {
    fn of(&self, x: &[usize], transforms: &Spec) -> Result<kernel::Warp> {
        let &[batch, height, width, channels] = x else {
            return Err(Error::Shape(format!("expected images (batch, height, width, channels), got {}", Dims(x))));
        };
        if transforms.shape != [batch, kernel::NUMBERS] {
            let got = Dims(&transforms.shape);
            return Err(Error::Shape(format!("expected transforms ({batch}, {}), got {got}", kernel::NUMBERS)));
        }
        if height * width * channels == 0 {
            return Err(Error::Shape(format!("expected images with pixels, got {}", Dims(x))));
        }
        let (bilinear, fill) = (self.bilinear, self.fill);
        Ok(kernel::Warp { input: [height, width], output: self.size, channels, bilinear, fill })
    }
}

impl Op for Warp {
    fn name(&self) -> &'static str {
        "warp"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        let warp = self.of(&inputs[0].shape, inputs[1])?;
        Ok(vec![Spec::f32(&[inputs[0].shape[0], self.size[0], self.size[1], warp.channels])?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let warp = self.of(inputs[0].shape(), inputs[1].spec)?;
        kernel::warp(&warp, inputs[1].f32()?, inputs[0].f32()?, outputs[0].f32()?);
        Ok(())
    }
    /// Of the images; the transforms, which are drawn or given, have none.
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        if at.want[1] {
            return Err(Error::Value("has no gradient with respect to its transforms".into()));
        }
        let images = graph.spec(at.inputs[0]).shape.clone();
        let gradient = WarpGradient { warp: self.clone(), images };
        Ok(vec![Some(graph.apply1(gradient, &[at.inputs[1], at.dy()?])?), None])
    }
}

/// Inputs transforms and dy; output dx of `images`.
#[derive(Debug)]
struct WarpGradient {
    warp: Warp,
    images: Vec<usize>,
}

impl Op for WarpGradient {
    fn name(&self) -> &'static str {
        "warp_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        self.warp.of(&self.images, inputs[0])?;
        Ok(vec![Spec::f32(&self.images)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let warp = self.warp.of(&self.images, inputs[0].spec)?;
        kernel::warp_gradient(&warp, inputs[0].f32()?, inputs[1].f32()?, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        // The warp is linear in the images, but for what a constant border adds.
        let fill = match self.warp.fill {
            kernel::Fill::Constant(_) => kernel::Fill::Constant(0.0),
            fill => fill,
        };
        let warp = Warp { fill, ..self.warp.clone() };
        Ok(vec![None, Some(graph.apply1(warp, &[at.dy()?, at.inputs[0]])?)])
    }
}
