//! Gradients are more graph: walking back from a loss, each op's rule appends ordinary nodes.

use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::op::Gradient;
use crate::ops::identity::Identity;
use crate::ops::{add, elementwise, sum_axes};
use corten_kernels::elementwise::Binary;

impl Graph {
    /// Appends the nodes of d loss / d w for each `w` of `wrt`; `None` where the loss does not depend on it. A loss
    /// that is not a scalar counts as the sum of its elements. Nothing is computed for inputs that lead to no `wrt`.
    pub fn gradients(&mut self, loss: Value, wrt: &[Value]) -> Result<Vec<Option<Value>>> {
        if !self.differentiable(loss) {
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
                node.outputs.iter().filter(|v| self.differentiable(**v)).for_each(|v| reached[v.0] = true);
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
            let found = node.op.gradient(self, &at).map_err(|e| e.at(&format!("gradient of {}", node.op.name())))?;
            for ((&input, dx), wanted) in node.inputs.iter().zip(found).zip(want) {
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
                    Some(other) => add(self, other, dx)?,
                    None => dx,
                });
            }
            self.set_scope(scope);
        }
        Ok(wrt.iter().map(|v| gradient[v.0]).collect())
    }
}

/// The gradient of a fused op by its formula in ops that have gradients: for what is rare, as second derivatives are.
/// `formula` computes the outputs whose gradients are `dys` from values that stand for `inputs`.
pub(crate) fn through(
    graph: &mut Graph,
    inputs: &[Value],
    dys: &[Option<Value>],
    want: &[bool],
    formula: impl Fn(&mut Graph, &[Value]) -> Result<Vec<Value>>,
) -> Result<Vec<Option<Value>>> {
    // Other values than the inputs themselves, so that only what passes the formula counts.
    let fresh = inputs.iter().map(|&v| graph.apply1(Identity, &[v])).collect::<Result<Vec<_>>>()?;
    let outputs = formula(graph, &fresh)?;
    let mut total = None;
    for (output, dy) in outputs.into_iter().zip(dys) {
        let Some(dy) = *dy else { continue };
        let product = elementwise::binary(graph, Binary::Multiply, output, dy)?;
        let axes: Vec<usize> = (0..graph.spec(product).rank()).collect();
        let sum = sum_axes(graph, product, &axes, false)?;
        total = Some(match total {
            Some(other) => add(graph, other, sum)?,
            None => sum,
        });
    }
    let Some(total) = total else { return Ok(vec![None; inputs.len()]) };
    let wanted: Vec<Value> = fresh.iter().zip(want).filter(|(_, want)| **want).map(|(&v, _)| v).collect();
    let mut found = graph.gradients(total, &wanted)?.into_iter();
    Ok(want.iter().map(|&want| if want { found.next().flatten() } else { None }).collect())
}
