//! `dense`: `activation(x · kernel + bias)`, the fully connected layer.

use super::algebra::{relu_gradient, sum};
use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::ops::matmul::Matmul;
use crate::ops::reshape::Reshape;
use crate::spec::{Dims, Spec};
use corten_kernels::gemm;
use std::sync::Arc;

/// Inputs x (..., in), kernel (in, units) and perhaps bias (units,); output (..., units).
#[derive(Debug)]
struct Dense {
    relu: bool,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Dense { relu: super::fused_relu(attributes)? }))
}

impl Op for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        let (x, kernel) = (&inputs[0].shape, &inputs[1].shape);
        let bad = |why: String| Error::Shape(format!("{why} (input {}, kernel {})", Dims(x), Dims(kernel)));
        let &[inner, units] = kernel.as_slice() else { return Err(bad("the kernel needs two axes".into())) };
        let Some((&last, stack)) = x.split_last() else { return Err(bad("the input needs an axis".into())) };
        if last != inner {
            return Err(bad(format!("kernel wants {inner} input features, input has {last}")));
        }
        if let Some(bias) = inputs.get(2).filter(|bias| bias.shape != [units]) {
            return Err(bad(format!("bias must be ({units},), got {}", Dims(&bias.shape))));
        }
        Ok(vec![Spec::f32(&[stack, &[units]].concat())?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let &[k, n] = inputs[1].shape() else { return Err(Error::Internal("kernel rank".into())) };
        let m = inputs[0].shape()[..inputs[0].shape().len() - 1].iter().product();
        let p = gemm::Matmul { batch: 1, m, n, k, transpose_a: false, transpose_b: false, stride_a: 0, stride_b: 0 };
        let bias = inputs.get(2).map(Input::f32).transpose()?;
        gemm::matmul(isa(), &p, inputs[0].f32()?, inputs[1].f32()?, bias, self.relu, outputs[0].f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (x, kernel) = (at.inputs[0], at.inputs[1]);
        let dz = relu_gradient(graph, self.relu, at.outputs[0], at.dy()?)?;
        let shape = graph.spec(x).shape.clone();
        let [inner, units] = [graph.spec(kernel).shape[0], graph.spec(kernel).shape[1]];
        let rows = graph.spec(x).len() / inner.max(1);
        let rows = if inner == 0 { graph.spec(dz).len() / units.max(1) } else { rows };
        let dz = graph.apply1(Reshape::to(&[rows, units]), &[dz])?;
        let mut gradients = vec![None; at.inputs.len()];
        if at.want[0] {
            let dx = graph.apply1(Matmul { transpose_a: false, transpose_b: true }, &[dz, kernel])?;
            gradients[0] = Some(graph.apply1(Reshape::to(&shape), &[dx])?);
        }
        if at.want[1] {
            let x = graph.apply1(Reshape::to(&[rows, inner]), &[x])?;
            gradients[1] = Some(graph.apply1(Matmul { transpose_a: true, transpose_b: false }, &[x, dz])?);
        }
        if at.want.get(2) == Some(&true) {
            gradients[2] = Some(sum(graph, dz, &[0], false)?);
        }
        Ok(gradients)
    }
    fn work(&self, inputs: &[&Spec], outputs: &[Spec]) -> usize {
        outputs[0].len() * inputs[1].shape[0]
    }
}
