//! Gradients are more graph: walking back from a loss, each op's rule appends ordinary nodes.

use crate::attributes::Attributes;
use crate::data::Data;
use crate::error::{Error, Result};
use crate::fuse;
use crate::graph::Graph;
use crate::op::{Builder, Gradient, Op, Value};
use crate::ops::algebra::add;
use crate::spec::{DType, Spec};
use std::sync::Arc;

impl Builder for Graph {
    fn spec(&self, value: Value) -> &Spec {
        self.spec(value)
    }
    fn constant(&mut self, spec: Spec, data: Data) -> Value {
        self.constant(spec, data)
    }
    fn append(&mut self, op: Arc<dyn Op>, inputs: &[Value]) -> Result<Vec<Value>> {
        self.append(op, inputs, Attributes::default())
    }
    fn gradients(&mut self, loss: Value, wrt: &[Value]) -> Result<Vec<Option<Value>>> {
        self.gradients(loss, wrt)
    }
}

impl Graph {
    /// Appends the nodes of d loss / d w for each `w` of `wrt`; `None` where the loss does not depend on it. A loss
    /// that is not a scalar counts as the sum of its elements. Nothing is computed for inputs that lead to no `wrt`.
    pub fn gradients(&mut self, loss: Value, wrt: &[Value]) -> Result<Vec<Option<Value>>> {
        let differentiable = |graph: &Graph, value: Value| graph.spec(value).dtype == DType::F32;
        if !differentiable(self, loss) {
            return Err(Error::Type(format!("gradients: the loss must be float32, got {:?}", self.spec(loss))));
        }
        // Which values depend on any `wrt`: forward, in push order.
        let mut reached = vec![false; self.len()];
        for &value in wrt {
            reached[value.0] = true;
        }
        let last = self.nodes().len();
        for node in self.nodes() {
            if node.inputs.iter().any(|v| reached[v.0]) {
                node.outputs.iter().filter(|v| differentiable(self, **v)).for_each(|v| reached[v.0] = true);
            }
        }
        let mut gradient: Vec<Option<Value>> = vec![None; self.len()];
        if reached[loss.0] {
            let shape = self.spec(loss).shape.clone();
            gradient[loss.0] = Some(self.fill(&shape, 1.0)?);
        }
        for index in (0..last).rev() {
            let node = self.nodes()[index].clone();
            let dys: Vec<Option<Value>> = node.outputs.iter().map(|v| gradient[v.0]).collect();
            let want: Vec<bool> = node.inputs.iter().map(|v| reached[v.0]).collect();
            if dys.iter().all(Option::is_none) || !want.contains(&true) {
                continue;
            }
            let scope = self.set_scope(node.scope.clone());
            let at = Gradient { inputs: &node.inputs, outputs: &node.outputs, dys: &dys, want: &want };
            let dxs = match fuse::gradient(self, &node, &at) {
                Ok(None) => node.op.gradient(self, &at),
                fused => fused.map(Option::unwrap_or_default),
            };
            let dxs = dxs.map_err(|error| error.at(&format!("gradient of {}", node.op.name())))?;
            for ((&input, dx), wanted) in node.inputs.iter().zip(dxs).zip(want) {
                let (Some(dx), true) = (dx, wanted) else { continue };
                if self.spec(dx).shape != self.spec(input).shape {
                    return Err(Error::Internal(format!(
                        "{}: gradient {:?} for input {:?}",
                        node.op.name(),
                        self.spec(dx),
                        self.spec(input)
                    )));
                }
                gradient[input.0] = Some(match gradient[input.0] {
                    Some(sum) => add(self, sum, dx)?,
                    None => dx,
                });
            }
            self.set_scope(scope);
        }
        Ok(wrt.iter().map(|v| gradient[v.0]).collect())
    }
}
