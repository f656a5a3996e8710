//! Reductions over axes: `sum`, `mean`, `max`, `min`, `prod`; and `argmax`, `argmin` along the last axis.

use super::{expect_f32, isa, sum_axes};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::op::{Gradient, Input, Op, Output};
use crate::ops::elementwise::binary;
use crate::ops::reshape::Reshape;
use crate::spec::{Dims, Spec};
use corten_kernels::elementwise::Binary;
use corten_kernels::reduce::{self as kernel, Reduce as Kind};
use std::sync::Arc;

#[derive(Clone, Debug)]
struct Reduce {
    name: &'static str,
    kind: Kind,
    axes: Vec<usize>,
    keepdims: bool,
}

macro_rules! makers {
    ($($make:ident, $name:literal, $kind:ident;)*) => {
        $(pub(crate) fn $make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
            let (axes, keepdims) = (attributes.sizes("axes")?, attributes.flag("keepdims")?);
            if (1..axes.len()).any(|i| axes[..i].contains(&axes[i])) {
                return Err(Error::Value(format!("`axes`: expected each axis once, got {axes:?}")));
            }
            Ok(Arc::new(Reduce { name: $name, kind: Kind::$kind, axes, keepdims }))
        })*
    };
}

makers! {
    make_sum, "sum", Sum;
    make_mean, "mean", Mean;
    make_max, "max", Max;
    make_min, "min", Min;
    make_prod, "prod", Prod;
}

impl Reduce {
    /// The shape with the reduced axes kept as 1.
    fn kept(&self, shape: &[usize]) -> Vec<usize> {
        shape.iter().enumerate().map(|(axis, &size)| if self.axes.contains(&axis) { 1 } else { size }).collect()
    }
}

impl Op for Reduce {
    fn name(&self) -> &'static str {
        self.name
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        let shape = &inputs[0].shape;
        if let Some(axis) = self.axes.iter().find(|&&axis| axis >= shape.len()) {
            return Err(Error::Shape(format!("axis {axis} of a value with shape {}", Dims(shape))));
        }
        let empty = self.axes.iter().any(|&axis| shape[axis] == 0);
        if empty && matches!(self.kind, Kind::Max | Kind::Min | Kind::Mean) {
            return Err(Error::Shape(format!("there is no {} of nothing (shape {})", self.name, Dims(shape))));
        }
        let left = (0..shape.len()).filter(|axis| self.keepdims || !self.axes.contains(axis));
        let kept = self.kept(shape);
        Ok(vec![Spec::f32(&left.map(|axis| kept[axis]).collect::<Vec<_>>())?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        kernel::reduce(isa(), self.kind, inputs[0].f32()?, inputs[0].shape(), &self.axes, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut Graph, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (x, y, dy) = (at.inputs[0], at.outputs[0], at.dy()?);
        let shape = graph.spec(x).shape.clone();
        let kept = self.kept(&shape);
        let dy = graph.apply1(Reshape::to(&kept), &[dy])?;
        // A zero of the full shape spreads what is added to it.
        let dx = match self.kind {
            Kind::Sum => {
                let zeros = graph.fill(&shape, 0.0)?;
                binary(graph, Binary::Add, zeros, dy)?
            }
            Kind::Mean => {
                let count: usize = self.axes.iter().map(|&axis| shape[axis]).product();
                let shares = graph.fill(&shape, (1.0 / count.max(1) as f64) as f32)?;
                binary(graph, Binary::Multiply, shares, dy)?
            }
            // Equal extremes share.
            Kind::Max | Kind::Min => {
                let y = graph.apply1(Reshape::to(&kept), &[y])?;
                let wins = binary(graph, Binary::Equal, x, y)?;
                let count = sum_axes(graph, wins, &self.axes, true)?;
                let share = binary(graph, Binary::Divide, dy, count)?;
                binary(graph, Binary::Multiply, wins, share)?
            }
            Kind::Prod => {
                let y = graph.apply1(Reshape::to(&kept), &[y])?;
                let part = binary(graph, Binary::Multiply, y, dy)?;
                binary(graph, Binary::Divide, part, x)?
            }
        };
        Ok(vec![Some(dx)])
    }
}

/// The index (int32) of the largest or smallest element along the last axis; the first of equals.
#[derive(Debug)]
struct Arg {
    largest: bool,
}

pub(crate) fn make_argmax(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Arg { largest: true }))
}

pub(crate) fn make_argmin(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Arg { largest: false }))
}

impl Op for Arg {
    fn name(&self) -> &'static str {
        if self.largest { "argmax" } else { "argmin" }
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        match inputs[0].shape.split_last() {
            Some((&size, left)) if size > 0 => Ok(vec![Spec::new(crate::spec::DType::I32, left)?]),
            _ => Err(Error::Shape(format!("expected a last axis that is not empty, got {}", Dims(&inputs[0].shape)))),
        }
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let size = inputs[0].shape().last().copied().unwrap_or(1);
        let find = if self.largest { kernel::argmax } else { kernel::argmin };
        find(isa(), inputs[0].f32()?, size, outputs[0].i32()?);
        Ok(())
    }
    fn gradient(&self, _: &mut Graph, _: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None])
    }
}
