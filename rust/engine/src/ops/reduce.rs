//! Reductions over axes: `sum`, `mean`, `max`, `min`, `prod`, `norm`; and `argmax`, `argmin` along the last axis.

use super::algebra::{
    Reduce, View, Where, add, chain, chain_divide, divide, equal, gradient_of_formula, multiply, sum,
};
use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::ops::reshape::Reshape;
use crate::spec::{Dims, Spec};
use corten_kernels::reduce::{self as kernel, Reduce as Kind};
use std::sync::Arc;

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
    make_norm, "norm", Norm;
}

impl Reduce {
    /// The shape with the reduced axes kept as 1.
    fn kept_as_ones(&self, shape: &[usize]) -> Vec<usize> {
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
        let remaining = (0..shape.len()).filter(|axis| self.keepdims || !self.axes.contains(axis));
        let with_ones = self.kept_as_ones(shape);
        Ok(vec![Spec::f32(&remaining.map(|axis| with_ones[axis]).collect::<Vec<_>>())?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        kernel::reduce(isa(), self.kind, inputs[0].f32()?, inputs[0].shape(), &self.axes, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (x, y, dy) = (at.inputs[0], at.outputs[0], at.dy()?);
        let shape = graph.spec(x).shape.clone();
        let with_ones = self.kept_as_ones(&shape);
        let dy = graph.apply1(Reshape::to(&with_ones), &[dy])?;
        // A zero of the full shape spreads what is added to it.
        let dx = match self.kind {
            Kind::Sum => {
                let zeros = graph.fill(&shape, 0.0)?;
                add(graph, zeros, dy)?
            }
            Kind::Mean => {
                let count: usize = self.axes.iter().map(|&axis| shape[axis]).product();
                let shares = graph.fill(&shape, (1.0 / count.max(1) as f64) as f32)?;
                multiply(graph, shares, dy)?
            }
            // Equal extremes share.
            Kind::Max | Kind::Min => {
                let y = graph.apply1(Reshape::to(&with_ones), &[y])?;
                let wins = equal(graph, x, y)?;
                let count = sum(graph, wins, &self.axes, true)?;
                let share = divide(graph, dy, count)?;
                chain(graph, wins, share)?
            }
            // x / |x|; where the norm is 0 so is x, and so is the gradient.
            Kind::Norm => {
                let y = graph.apply1(Reshape::to(&with_ones), &[y])?;
                let (zero, one) = (graph.fill(&[], 0.0)?, graph.fill(&[], 1.0)?);
                let corner = equal(graph, y, zero)?;
                let length = graph.apply1(Where, &[corner, one, y])?;
                let share = chain_divide(graph, dy, length)?;
                chain(graph, share, x)?
            }
            Kind::Prod => prod_gradient(graph, x, y, dy, &self.axes)?,
        };
        Ok(vec![Some(dx)])
    }
}

/// dy times the product of the other factors; the factors of one product are brought side by side.
fn prod_gradient(graph: &mut dyn Builder, x: Value, y: Value, dy: Value, axes: &[usize]) -> Result<Value> {
    let shape = graph.spec(x).shape.clone();
    let remaining = (0..shape.len()).filter(|axis| !axes.contains(axis));
    let mut reduced = axes.to_vec();
    reduced.sort_unstable();
    let order: Vec<usize> = remaining.chain(reduced).collect();
    let moved: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    let factors = moved[shape.len() - axes.len()..].iter().product();
    let rows = graph.spec(y).len();
    let sorted = order.is_sorted();
    let x = if sorted { x } else { graph.apply1(View::Transpose { axes: order.clone() }, &[x])? };
    let x = graph.apply1(Reshape::to(&[rows, factors]), &[x])?;
    let (y, dy) = (graph.apply1(Reshape::to(&[rows]), &[y])?, graph.apply1(Reshape::to(&[rows]), &[dy])?);
    let dx = graph.apply1(ProdGradient, &[x, y, dy])?;
    let dx = graph.apply1(Reshape::to(&moved), &[dx])?;
    if sorted {
        return Ok(dx);
    }
    let back = (0..shape.len()).map(|axis| order.iter().position(|&from| from == axis).unwrap_or(axis)).collect();
    graph.apply1(View::Transpose { axes: back }, &[dx])
}

/// Inputs: x (rows, factors), the products y (rows) of its rows, and dy (rows). Output: dx.
#[derive(Debug)]
struct ProdGradient;

impl Op for ProdGradient {
    fn name(&self) -> &'static str {
        "prod_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![inputs[0].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let factors = inputs[0].shape()[1];
        let (x, y, dy) = (inputs[0].f32()?, inputs[1].f32()?, inputs[2].f32()?);
        corten_kernels::prod::prod_gradient(isa(), x, factors, y, dy, outputs[0].f32()?);
        Ok(())
    }
    /// By the product as a tree of products of two, whose derivatives of any order are right where factors are 0.
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        gradient_of_formula(graph, at.inputs, at.dys, at.want, |graph, inputs| {
            let &[x, _, dy] = inputs else { return Err(Error::Internal("prod's inputs".into())) };
            let product = tree(graph, x)?;
            let weighted = multiply(graph, product, dy)?;
            let dx = graph.gradients(weighted, &[x])?[0];
            Ok(vec![dx.ok_or_else(|| Error::Internal("a product depends on its factors".into()))?])
        })
    }
}

/// The products of the rows (rows, factors), multiplied by halves.
fn tree(graph: &mut dyn Builder, x: Value) -> Result<Value> {
    let &[rows, factors] = graph.spec(x).shape.as_slice() else {
        return Err(Error::Internal("rows of factors have two axes".into()));
    };
    let part = |graph: &mut dyn Builder, from: usize, value, size| {
        graph.apply1(View::part(vec![0, from], vec![rows, size]), &[value])
    };
    let (mut products, mut size, mut odd) = (x, factors, Vec::new());
    while size > 1 {
        if size % 2 == 1 {
            odd.push(part(graph, size - 1, products, 1)?);
        }
        size /= 2;
        let (a, b) = (part(graph, 0, products, size)?, part(graph, size, products, size)?);
        products = multiply(graph, a, b)?;
    }
    for factor in odd {
        products = multiply(graph, products, factor)?;
    }
    graph.apply1(Reshape::to(&[rows]), &[products])
}

/// The index (int32) of the largest or smallest element along the last axis; the first of equals. A row that holds NaN
/// gives the place of its first NaN, or -1 where `unless_nan`.
#[derive(Debug)]
struct Arg {
    largest: bool,
    unless_nan: bool,
}

pub(crate) fn make_argmax(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Arg { largest: true, unless_nan: attributes.flag("unless_nan")? }))
}

pub(crate) fn make_argmin(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Arg { largest: false, unless_nan: attributes.flag("unless_nan")? }))
}

impl Op for Arg {
    fn name(&self) -> &'static str {
        if self.largest { "argmax" } else { "argmin" }
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        match inputs[0].shape.split_last() {
            Some((&size, leading)) if size > 0 => Ok(vec![Spec::new(crate::spec::DType::I32, leading)?]),
            _ => Err(Error::Shape(format!("expected a last axis that is not empty, got {}", Dims(&inputs[0].shape)))),
        }
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let size = inputs[0].shape().last().copied().unwrap_or(1);
        let find = if self.largest { kernel::argmax } else { kernel::argmin };
        let (x, places) = (inputs[0].f32()?, outputs[0].i32()?);
        find(isa(), x, size, places);
        if self.unless_nan {
            for (row, place) in x.chunks_exact(size).zip(places) {
                if row[*place as usize].is_nan() {
                    *place = -1;
                }
            }
        }
        Ok(())
    }
    fn gradient(&self, _: &mut dyn Builder, _: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None])
    }
}
