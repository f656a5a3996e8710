//! `softmax_cross_entropy` (from logits) and `cross_entropy` (from probabilities), one loss for each row of classes.

use super::algebra::{Where, chain, divide, log, maximum, minimum, multiply, negative, sum};
use super::isa;
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::ops::reshape::Reshape;
use crate::ops::softmax::{Softmax, SoftmaxGradient};
use crate::spec::{DType, Dims, Spec};
use corten_kernels::cross_entropy::{self as kernel, BadLabel, Labels, Scores, Targets};
use std::sync::Arc;

/// Inputs: targets, either int32 labels (...) or float32 distributions (..., classes), and scores (..., classes).
/// Output: (...). Rows labelled `ignore` have loss 0.
#[derive(Clone, Copy, Debug)]
struct CrossEntropy {
    scores: Scores,
    ignore: Option<i32>,
}

/// Inputs: targets, scores, dloss (...). Output: (..., classes).
#[derive(Clone, Copy, Debug)]
struct CrossEntropyGradient(CrossEntropy);

/// Attribute `ignore_class`: no int, or one.
fn make(scores: Scores, attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let ignore = match attributes.ints("ignore_class")? {
        [] => None,
        &[label] => {
            let bad = |_| Error::Value(format!("`ignore_class`: expected a label that fits 32 bits, got {label}"));
            Some(i32::try_from(label).map_err(bad)?)
        }
        more => return Err(Error::Value(format!("`ignore_class`: expected at most one label, got {more:?}"))),
    };
    Ok(Arc::new(CrossEntropy { scores, ignore }))
}

pub(crate) fn make_softmax_cross_entropy(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    make(Scores::Logits, attributes)
}

pub(crate) fn make_cross_entropy(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    make(Scores::Probabilities, attributes)
}

impl CrossEntropy {
    /// The spec of the losses.
    fn losses(&self, targets: &Spec, scores: &Spec) -> Result<Spec> {
        if scores.dtype != DType::F32 {
            return Err(Error::Type(format!("expected float32 scores, got {}", scores.dtype.name())));
        }
        let Some((&classes, rows)) = scores.shape.split_last() else {
            return Err(Error::Shape("the scores need an axis of classes, got shape ()".into()));
        };
        if classes == 0 {
            return Err(Error::Shape(format!("the scores {} have no classes", Dims(&scores.shape))));
        }
        let (wanted, kind) = match targets.dtype {
            DType::I32 => (rows, "labels"),
            DType::F32 => (&scores.shape[..], "distributions"),
            DType::U8 => return Err(Error::Type("expected int32 labels or float32 distributions, got uint8".into())),
        };
        if targets.shape != wanted {
            let (wanted, scores, got) = (Dims(wanted), Dims(&scores.shape), Dims(&targets.shape));
            return Err(Error::Shape(format!("for scores {scores} the {kind} must be {wanted}, got {got}")));
        }
        Spec::f32(rows)
    }
    fn targets<'a>(&self, targets: &Input<'a>) -> Result<Targets<'a>> {
        Ok(match targets.spec.dtype {
            DType::I32 => Targets::Sparse(Labels { labels: targets.i32()?, ignore: self.ignore }),
            _ => Targets::Dense(targets.f32()?),
        })
    }
}

/// A bad label as an error that names it.
fn named(result: std::result::Result<(), BadLabel>, classes: usize) -> Result<()> {
    result.map_err(|BadLabel { position, value }| {
        Error::Index(format!("expected labels from 0 to {}, got {value} at position {position}", classes - 1))
    })
}

/// A value of each row, to be spread over the classes.
fn column(graph: &mut dyn Builder, rows: Value) -> Result<Value> {
    let shape = [graph.spec(rows).shape.as_slice(), &[1]].concat();
    graph.apply1(Reshape::to(&shape), &[rows])
}

fn sum_last(graph: &mut dyn Builder, value: Value, keepdims: bool) -> Result<Value> {
    let axis = graph.spec(value).rank() - 1;
    sum(graph, value, &[axis], keepdims)
}

impl Op for CrossEntropy {
    fn name(&self) -> &'static str {
        if self.scores == Scores::Logits { "softmax_cross_entropy" } else { "cross_entropy" }
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![self.losses(inputs[0], inputs[1])?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (targets, x) = (self.targets(&inputs[0])?, &inputs[1]);
        let n = x.shape()[x.shape().len() - 1];
        named(kernel::cross_entropy(isa(), self.scores, x.f32()?, n, targets, outputs[0].f32()?), n)
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (targets, x, dy) = (at.inputs[0], at.inputs[1], at.dy()?);
        let mut gradients = vec![None, None];
        if at.want[0] {
            let log = match self.scores {
                Scores::Logits => graph.apply1(Softmax { log: true }, &[x])?,
                Scores::Probabilities => {
                    let total = sum_last(graph, x, true)?;
                    let one = graph.fill(&[], 1.0)?;
                    let total = graph.apply1(Where, &[total, total, one])?;
                    let p = divide(graph, x, total)?;
                    let (low, high) = (graph.fill(&[], 1e-7)?, graph.fill(&[], 1.0 - 1e-7)?);
                    let p = maximum(graph, p, low)?;
                    let p = minimum(graph, p, high)?;
                    log(graph, p)?
                }
            };
            let dy = column(graph, dy)?;
            let part = chain(graph, dy, log)?;
            gradients[0] = Some(negative(graph, part)?);
        }
        if at.want[1] {
            gradients[1] = Some(graph.apply1(CrossEntropyGradient(*self), &[targets, x, dy])?);
        }
        Ok(gradients)
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        inputs[1].len() * 16
    }
}

impl Op for CrossEntropyGradient {
    fn name(&self) -> &'static str {
        if self.0.scores == Scores::Logits { "softmax_cross_entropy_gradient" } else { "cross_entropy_gradient" }
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let losses = self.0.losses(inputs[0], inputs[1])?;
        if *inputs[2] != losses {
            return Err(Error::Shape(format!("dloss must be {losses:?}, got {:?}", inputs[2])));
        }
        Ok(vec![inputs[1].clone()])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (targets, x, dloss) = (self.0.targets(&inputs[0])?, &inputs[1], inputs[2].f32()?);
        let n = x.shape()[x.shape().len() - 1];
        let dx = outputs[0].f32()?;
        named(kernel::cross_entropy_gradient(isa(), self.0.scores, x.f32()?, n, targets, dloss, dx), n)
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (targets, x, dloss, g) = (at.inputs[0], at.inputs[1], at.inputs[2], at.dy()?);
        let mut gradients = vec![None, None, None];
        if at.want[2] {
            let ones = graph.fill(&graph.spec(dloss).shape.clone(), 1.0)?;
            let slope = graph.apply1(*self, &[targets, x, ones])?;
            let part = multiply(graph, slope, g)?;
            gradients[2] = Some(sum_last(graph, part, false)?);
        }
        if at.want[1] {
            let sparse = graph.spec(targets).dtype == DType::I32;
            if self.0.scores != Scores::Logits || (sparse && self.0.ignore.is_some()) {
                return Err(Error::Value("has no second derivative".into()));
            }
            // The curvature by the logits is that of log-sum-exp: the softmax's own derivative, weighted.
            let p = graph.apply1(Softmax { log: false }, &[x])?;
            let part = graph.apply1(SoftmaxGradient { log: false }, &[p, g])?;
            let weight = column(graph, dloss)?;
            let mut part = multiply(graph, part, weight)?;
            if !sparse {
                let total = sum_last(graph, targets, true)?;
                part = multiply(graph, part, total)?;
            }
            gradients[1] = Some(part);
        }
        if at.want[0] {
            return Err(Error::Value("has no derivative by the targets".into()));
        }
        Ok(gradients)
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        inputs[1].len() * 16
    }
}
