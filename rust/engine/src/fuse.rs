//! Fusion: where two ops meet that someone wrote as one, the one takes their place, if nobody reads what is between.
//!
//! A rule may be here only if the fused op gives the same bits; what is computed never changes, only where it lies.

use crate::graph::{Graph, Node, Value};
use crate::ops::conv2d::Conv2d;
use crate::ops::conv2d_max_pool2d::Conv2dMaxPool2d;
use crate::ops::pool2d::MaxPool2d;
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

fn is<T: 'static>(node: &Node) -> Option<&T> {
    (&*node.op as &dyn Any).downcast_ref()
}

/// The nodes of `running`, fused where they can be; `kept` are values that somebody outside the nodes reads.
pub(crate) fn fuse(graph: &Graph, running: &[usize], kept: impl Iterator<Item = Value>) -> Vec<(usize, Node)> {
    let nodes = graph.nodes();
    let mut readers: HashMap<Value, usize> = HashMap::new();
    let read = running.iter().flat_map(|&index| nodes[index].inputs.iter().copied());
    read.chain(kept.map(|value| graph.root(value))).for_each(|value| *readers.entry(value).or_default() += 1);
    let mut fused: HashMap<usize, Node> = HashMap::new();
    let mut gone: Vec<usize> = Vec::new();
    for &index in running {
        let node = &nodes[index];
        let Some(pool) = is::<MaxPool2d>(node) else { continue };
        let Some(before) = graph.producer(node.inputs[0]) else { continue };
        let (Some(conv), Some(1)) = (is::<Conv2d>(before), readers.get(&node.inputs[0]).copied()) else { continue };
        let op = Conv2dMaxPool2d { conv: conv.clone(), pool: pool.clone() };
        fused.insert(index, Node { op: Arc::new(op), inputs: before.inputs.clone(), ..node.clone() });
        gone.extend(running.iter().copied().filter(|&i| nodes[i].outputs.contains(&node.inputs[0])));
    }
    let left = running.iter().copied().filter(|index| !gone.contains(index));
    left.map(|index| (index, fused.remove(&index).unwrap_or_else(|| nodes[index].clone()))).collect()
}
