//! Fusion: where two ops meet that someone wrote as one, the one takes their place, if nobody reads what is between.

use crate::error::Result;
use crate::graph::{Graph, Node};
use crate::op::{Builder, Gradient, Value};
use crate::ops::algebra::relu_gradient;
use crate::ops::conv2d::Conv2d;
use crate::ops::conv2d_max_pool2d::{Conv2dMaxPool2d, PooledKernelGradient};
use crate::ops::pool2d::{MaxPool2d, MaxPool2dGradient};
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

fn is<T: 'static>(node: &Node) -> Option<&T> {
    (&*node.op as &dyn Any).downcast_ref()
}

/// The nodes of `running`, fused where they can be; `read` are values that somebody outside the nodes reads. A rule may be
/// here only if the fused op gives the same bits; what is computed never changes, only where it lies.
pub(crate) fn fuse(graph: &Graph, running: &[usize], read: impl Iterator<Item = Value>) -> Vec<(usize, Node)> {
    let nodes = graph.nodes();
    let mut readers: HashMap<Value, usize> = HashMap::new();
    let inputs = running.iter().flat_map(|&index| nodes[index].inputs.iter().copied());
    inputs.chain(read.map(|value| graph.root(value))).for_each(|value| *readers.entry(value).or_default() += 1);
    let mut fused: HashMap<usize, Node> = HashMap::new();
    let mut replaced: Vec<usize> = Vec::new();
    for &index in running {
        let node = &nodes[index];
        let Some(pool) = is::<MaxPool2d>(node) else { continue };
        let Some(before) = graph.producer(node.inputs[0]) else { continue };
        let (Some(conv), Some(1)) = (is::<Conv2d>(before), readers.get(&node.inputs[0]).copied()) else { continue };
        let op = Conv2dMaxPool2d { conv: conv.clone(), pool: pool.clone() };
        fused.insert(index, Node { op: Arc::new(op), inputs: before.inputs.clone(), ..node.clone() });
        replaced.extend(running.iter().copied().filter(|&i| nodes[i].outputs.contains(&node.inputs[0])));
    }
    let remaining = running.iter().copied().filter(|index| !replaced.contains(index));
    remaining.map(|index| (index, fused.remove(&index).unwrap_or_else(|| nodes[index].clone()))).collect()
}

/// The gradient of `node` where it and the node that its gradient comes from are taken together: a convolution whose own
/// output was max pooled. Eager and compiled graphs both ask here, so the sums may be in another order than one by one.
pub(crate) fn gradient(graph: &mut Graph, node: &Node, at: &Gradient<'_>) -> Result<Option<Vec<Option<Value>>>> {
    let Some(conv) = is::<Conv2d>(node) else { return Ok(None) };
    let Some(scatter) = graph.producer(at.dy()?) else { return Ok(None) };
    let Some(pool) = is::<MaxPool2dGradient>(scatter).cloned() else { return Ok(None) };
    let (dy, places) = (scatter.inputs[0], scatter.inputs[1]);
    let Some(pooled) = graph.producer(places).filter(|pooled| pooled.inputs[0] == at.outputs[0]) else {
        return Ok(None);
    };
    let maxima = pooled.outputs[0];
    // ReLU's part is done before, on a quarter of the size: a maximum is positive where its place is.
    let graph: &mut dyn Builder = graph;
    let dy = relu_gradient(graph, conv.relu, maxima, dy)?;
    if at.want[0] {
        let dz = graph.apply1(pool, &[dy, places])?;
        return conv.linear_gradient(graph, at, dz).map(Some);
    }
    let size = [graph.spec(at.inputs[1]).shape[0], graph.spec(at.inputs[1]).shape[1]];
    let op = PooledKernelGradient { conv: conv.clone(), pool, size };
    let both = graph.apply(op, &[at.inputs[0], dy, places])?;
    let wanted = at.want.iter().skip(1).zip(both).map(|(&want, value)| want.then_some(value));
    Ok(Some(std::iter::once(None).chain(wanted).collect()))
}
