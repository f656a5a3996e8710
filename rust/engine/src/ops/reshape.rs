//! `reshape`: the same elements in the same order under another shape; costs nothing.

use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Reshape {
    /// -1 at most once: whatever is left.
    pub shape: Vec<i64>,
}

impl Reshape {
    pub(crate) fn to(shape: &[usize]) -> Reshape {
        Reshape { shape: shape.iter().map(|&d| d as i64).collect() }
    }
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let shape = attributes.ints("shape")?.to_vec();
    if shape.iter().any(|&d| d < -1) || shape.iter().filter(|&&d| d == -1).count() > 1 {
        return Err(Error::Value(format!("expected sizes >= 0 and at most one -1, got {shape:?}")));
    }
    Ok(Arc::new(Reshape { shape }))
}

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let len = inputs[0].len();
        let bad =
            || Error::Shape(format!("{} elements of {} do not fit {:?}", len, Dims(&inputs[0].shape), self.shape));
        let mut known = self.shape.iter().filter(|&&d| d >= 0);
        let known = known.try_fold(1usize, |total, &d| total.checked_mul(d as usize)).ok_or_else(bad)?;
        let mut shape = Vec::with_capacity(self.shape.len());
        for &dim in &self.shape {
            shape.push(match dim {
                -1 if known > 0 && len.is_multiple_of(known) => len / known,
                -1 => return Err(bad()),
                dim => dim as usize,
            });
        }
        let spec = Spec::new(inputs[0].dtype, &shape)?;
        if spec.len() == len { Ok(vec![spec]) } else { Err(bad()) }
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        outputs[0].data.copy_from(inputs[0].data)
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let back = Reshape::to(&graph.spec(at.inputs[0]).shape.clone());
        Ok(vec![Some(graph.apply1(back, &[at.dy()?])?)])
    }
    fn alias(&self) -> bool {
        true
    }
}
