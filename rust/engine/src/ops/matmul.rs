//! `matmul`: products of matrices, or of stacks of them.

use super::algebra::sum;
use super::isa;
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::ops::reshape::Reshape;
use crate::spec::{Dims, Spec};
use corten_kernels::gemm;
use std::sync::Arc;

/// `op(A) · op(B)` over the last two axes. Leading axes must be equal, or one operand may have none and is then shared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matmul {
    pub transpose_a: bool,
    pub transpose_b: bool,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let (transpose_a, transpose_b) = (attributes.flag("transpose_a")?, attributes.flag("transpose_b")?);
    Ok(Arc::new(Matmul { transpose_a, transpose_b }))
}

impl Matmul {
    /// The kernel's product, and the leading axes and rows of the result before stacks are taken for rows.
    fn product<'a>(&self, a: &'a [usize], b: &'a [usize]) -> Result<(gemm::Matmul, &'a [usize], usize)> {
        let bad = |why: &str| Error::Shape(format!("{why} (a {}, b {}, {self:?})", Dims(a), Dims(b)));
        if a.len() < 2 || b.len() < 2 {
            return Err(bad("both operands need at least two axes"));
        }
        let ((stack_a, a2), (stack_b, b2)) = (a.split_at(a.len() - 2), b.split_at(b.len() - 2));
        let (m, k) = if self.transpose_a { (a2[1], a2[0]) } else { (a2[0], a2[1]) };
        let (inner, n) = if self.transpose_b { (b2[1], b2[0]) } else { (b2[0], b2[1]) };
        if k != inner {
            return Err(bad(&format!("inner sizes differ, {k} and {inner}")));
        }
        if stack_a != stack_b && !stack_a.is_empty() && !stack_b.is_empty() {
            return Err(bad("leading axes differ"));
        }
        let stack = if stack_a.is_empty() { stack_b } else { stack_a };
        let stride = |own: &[usize], size: usize| if own.is_empty() { 0 } else { size };
        let mut p = gemm::Matmul {
            batch: stack.iter().product(),
            m,
            n,
            k,
            transpose_a: self.transpose_a,
            transpose_b: self.transpose_b,
            stride_a: stride(stack_a, m * k),
            stride_b: stride(stack_b, k * n),
        };
        // A stack of left operands times one right operand is one tall product.
        if stack_b.is_empty() && !self.transpose_a {
            (p.m, p.batch) = (p.m * p.batch, 1);
        }
        Ok((p, stack, m))
    }
}

impl Op for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        super::expect_f32(inputs)?;
        let (p, stack, m) = self.product(&inputs[0].shape, &inputs[1].shape)?;
        Ok(vec![Spec::f32(&[stack, &[m, p.n]].concat())?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (p, ..) = self.product(inputs[0].shape(), inputs[1].shape())?;
        gemm::matmul(isa(), &p, inputs[0].f32()?, inputs[1].f32()?, None, false, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (dc, a, b) = (at.dy()?, at.inputs[0], at.inputs[1]);
        let (ta, tb) = (self.transpose_a, self.transpose_b);
        let product = |graph: &mut dyn Builder, a, b, transpose_a, transpose_b| {
            graph.apply1(Matmul { transpose_a, transpose_b }, &[a, b])
        };
        let mut gradients = vec![None, None];
        if at.want[0] {
            let da = match ta {
                false => product(graph, dc, b, false, !tb)?,
                true => product(graph, b, dc, tb, true)?,
            };
            gradients[0] = Some(collapse(graph, da, a)?);
        }
        if at.want[1] {
            let shared = graph.spec(b).rank() == 2 && graph.spec(a).rank() > 2 && !ta;
            let (a, dc) = if shared { (flat(graph, a)?, flat(graph, dc)?) } else { (a, dc) };
            let db = match tb {
                false => product(graph, a, dc, !ta, false)?,
                true => product(graph, dc, a, true, ta)?,
            };
            gradients[1] = Some(collapse(graph, db, b)?);
        }
        Ok(gradients)
    }
    fn work(&self, inputs: &[&Spec], outputs: &[Spec]) -> usize {
        let inner = if self.transpose_a { inputs[0].rank() - 2 } else { inputs[0].rank() - 1 };
        outputs[0].len() * inputs[0].shape[inner]
    }
}

/// All leading axes as one.
fn flat(graph: &mut dyn Builder, value: Value) -> Result<Value> {
    let last = graph.spec(value).shape.last().copied().unwrap_or(1);
    let rows = graph.spec(value).len() / last.max(1);
    graph.apply1(Reshape::to(&[rows, last]), &[value])
}

/// The gradient of a shared operand: the sum over the stack.
fn collapse(graph: &mut dyn Builder, gradient: Value, operand: Value) -> Result<Value> {
    let extra = graph.spec(gradient).rank() - graph.spec(operand).rank();
    if extra == 0 { Ok(gradient) } else { sum(graph, gradient, &(0..extra).collect::<Vec<_>>(), false) }
}
