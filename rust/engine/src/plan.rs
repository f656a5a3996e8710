//! The plan: which nodes run, in which order, and where each value lives.

use crate::data::Data;
use crate::error::{Error, Result};
use crate::fuse::fuse;
use crate::graph::{Graph, Node, Source};
use crate::op::{Op, Value};
use crate::spec::Spec;
use crate::variable::Variable;
use std::collections::HashMap;
use std::sync::Arc;

/// Where the elements of a value are during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Feed(usize),
    Constant(usize),
    /// An entry of [`Plan::variables`].
    Variable(usize),
    /// `len` elements from `start` in the arena of the value's type.
    Arena {
        start: usize,
        len: usize,
    },
    /// An in-place input: its elements are where the output is.
    Output,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub op: Arc<dyn Op>,
    pub inputs: Vec<(Spec, Place)>,
    pub outputs: Vec<(Spec, Place)>,
    /// In-place pairs (input, output) whose elements must first be copied.
    pub copies: Vec<(usize, usize)>,
    /// The arena parts this step touches: by type, as [`crate::spec::DType::ALL`] has them, and in order of their start.
    pub regions: [Vec<Region>; 3],
    /// The op and its layer, for error messages.
    pub place: String,
}

#[derive(Debug)]
pub(crate) struct Region {
    pub start: usize,
    pub len: usize,
    /// The output that is here, or else the inputs that are.
    pub output: Option<usize>,
    pub inputs: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub steps: Vec<Step>,
    pub feeds: Vec<Spec>,
    pub outputs: Vec<(Spec, Place)>,
    pub constants: Vec<Arc<Data>>,
    /// In order of their ids; `true` where the run changes it.
    pub variables: Vec<(Arc<Variable>, bool)>,
    /// At the end of a run: (variable, place of its new value). In-place updates are not among them.
    pub updates: Vec<(usize, Spec, Place)>,
    /// The first step that changes a variable in place: up to here a run may be abandoned.
    pub commit: usize,
    /// Elements of the arenas, by type.
    pub arena: [usize; 3],
    pub work: usize,
}

/// Lifetimes packed into one growing range: first the smallest hole that fits, else the end.
#[derive(Default)]
struct Arena {
    holes: Vec<(usize, usize)>,
    end: usize,
}

impl Arena {
    /// Every value begins on a cache line.
    const LINE: usize = 64;

    fn take(&mut self, len: usize) -> usize {
        let len = len.max(1).next_multiple_of(Self::LINE);
        let fitting = (0..self.holes.len()).filter(|&i| self.holes[i].1 >= len).min_by_key(|&i| self.holes[i].1);
        match fitting {
            Some(i) => {
                let (start, size) = self.holes[i];
                match size - len {
                    0 => drop(self.holes.remove(i)),
                    remainder => self.holes[i] = (start + len, remainder),
                }
                start
            }
            None => {
                self.end += len;
                self.end - len
            }
        }
    }
    fn give(&mut self, start: usize, len: usize) {
        let len = len.max(1).next_multiple_of(Self::LINE);
        let at = self.holes.partition_point(|hole| hole.0 < start);
        self.holes.insert(at, (start, len));
        if at + 1 < self.holes.len() && start + len == self.holes[at + 1].0 {
            self.holes[at].1 += self.holes.remove(at + 1).1;
        }
        if at > 0 && self.holes[at - 1].0 + self.holes[at - 1].1 == start {
            self.holes[at - 1].1 += self.holes.remove(at).1;
        }
    }
}

/// For each node that changes variables in place: the (input, variable id) pairs.
type Writers = HashMap<usize, Vec<(usize, u64)>>;

/// The nodes that `outputs` and the updates need, in running order: those that change a variable in place, and those
/// that need them, come last. Also the in-place writers that may really write in place.
fn order(graph: &Graph, outputs: &[Value]) -> (Vec<usize>, Writers) {
    let nodes = graph.nodes();
    let node_of = |value: Value| match graph.source(value) {
        Source::Node { node, .. } => Some(*node),
        _ => None,
    };
    let mut needed = vec![false; nodes.len()];
    let targets = outputs.iter().chain(graph.updates().iter().map(|(_, value)| value));
    targets.filter_map(|&value| node_of(value)).for_each(|node| needed[node] = true);
    for index in (0..nodes.len()).rev() {
        if needed[index] {
            nodes[index].inputs.iter().filter_map(|&v| node_of(v)).for_each(|node| needed[node] = true);
        }
    }
    let variable_of = |value: Value| match graph.source(graph.root(value)) {
        Source::Variable(variable) => Some(variable.id()),
        _ => None,
    };
    let mut writers = Writers::new();
    for (variable, value) in graph.updates() {
        let Source::Node { node, output } = *graph.source(graph.root(*value)) else { continue };
        for &(input, to) in nodes[node].op.in_place() {
            if to == output && variable_of(nodes[node].inputs[input]) == Some(variable.id()) {
                writers.entry(node).or_default().push((input, variable.id()));
            }
        }
    }
    let mut tail = vec![false; nodes.len()];
    for index in 0..nodes.len() {
        tail[index] = writers.contains_key(&index)
            || nodes[index].inputs.iter().filter_map(|&v| node_of(v)).any(|node| tail[node]);
    }
    let part = |late: bool| (0..nodes.len()).filter(|&i| needed[i] && tail[i] == late).collect();
    let mut running: Vec<usize> = part(false);
    let late: Vec<usize> = part(true);
    running.extend(late);
    // A later reader of the old value, or an output that shows it, forbids the change in place.
    let mut last_read: HashMap<u64, usize> = HashMap::new();
    for (position, &index) in running.iter().enumerate() {
        let ours = writers.get(&index);
        for (input, &value) in nodes[index].inputs.iter().enumerate() {
            let Some(id) = variable_of(value) else { continue };
            let in_place = ours.is_some_and(|pairs| pairs.contains(&(input, id)));
            last_read.insert(id, if in_place { position } else { position + 1 });
        }
    }
    last_read.extend(outputs.iter().filter_map(|&v| variable_of(v)).map(|id| (id, usize::MAX)));
    for (position, index) in running.iter().enumerate() {
        if let Some(pairs) = writers.get_mut(index) {
            pairs.retain(|(_, id)| last_read.get(id).is_none_or(|&last| last <= position));
        }
    }
    writers.retain(|_, pairs| !pairs.is_empty());
    (running, writers)
}

struct Planner<'g> {
    graph: &'g Graph,
    places: HashMap<Value, Place>,
    feeds: HashMap<Value, usize>,
    constants: Vec<Arc<Data>>,
    variables: Vec<(Arc<Variable>, bool)>,
    last_use: HashMap<Value, usize>,
    arenas: [Arena; 3],
}

impl Planner<'_> {
    /// The entry of a variable; all are known before places are given.
    fn entry(&self, id: u64) -> Result<usize> {
        let entry = self.variables.binary_search_by_key(&id, |(variable, _)| variable.id());
        entry.map_err(|_| Error::Internal("a variable was not registered".into()))
    }
    fn place(&mut self, value: Value) -> Result<Place> {
        let root = self.graph.root(value);
        if let Some(&place) = self.places.get(&root) {
            return Ok(place);
        }
        let place = match self.graph.source(root) {
            Source::Input(index) => match self.feeds.get(&root) {
                Some(&feed) => Place::Feed(feed),
                None => return Err(Error::Value(format!("the result depends on input {index}, which is not fed"))),
            },
            Source::Constant(data) => {
                self.constants.push(data.clone());
                Place::Constant(self.constants.len() - 1)
            }
            Source::Variable(variable) => Place::Variable(self.entry(variable.id())?),
            Source::Node { .. } => return Err(Error::Internal("a value was used before it was computed".into())),
        };
        self.places.insert(root, place);
        Ok(place)
    }
    fn take(&mut self, spec: &Spec) -> Place {
        let len = spec.len();
        Place::Arena { start: self.arenas[spec.dtype as usize].take(len), len }
    }

    fn step(&mut self, index: usize, node: &Node, position: usize, writers: &Writers) -> Result<Step> {
        let specs: Vec<Spec> = node.inputs.iter().map(|&v| self.graph.spec(v).clone()).collect();
        let mut inputs = Vec::with_capacity(specs.len());
        for (&value, spec) in node.inputs.iter().zip(specs) {
            inputs.push((spec, self.place(value)?));
        }
        let mut outputs: Vec<Option<Place>> = vec![None; node.outputs.len()];
        let mut copies = Vec::new();
        for &(input, output) in node.op.in_place() {
            let root = self.graph.root(node.inputs[input]);
            let once = node.inputs.iter().filter(|&&v| self.graph.root(v) == root).count() == 1;
            let writes = writers.get(&index).is_some_and(|pairs| pairs.iter().any(|&(i, _)| i == input));
            let dies = matches!(inputs[input].1, Place::Arena { .. }) && self.last_use.get(&root) == Some(&position);
            if once && (writes || dies) {
                outputs[output] = Some(inputs[input].1);
                inputs[input].1 = Place::Output;
                self.last_use.remove(&root);
            } else {
                copies.push((input, output));
            }
        }
        let mut placed = Vec::with_capacity(outputs.len());
        for (&value, place) in node.outputs.iter().zip(outputs) {
            let spec = self.graph.spec(value).clone();
            let place = place.unwrap_or_else(|| self.take(&spec));
            self.places.insert(value, place);
            placed.push((spec, place));
        }
        // What nobody needs after this step makes room.
        let ended = node.inputs.iter().map(|&v| self.graph.root(v)).filter(|r| self.last_use.get(r) == Some(&position));
        let unused = node.outputs.iter().copied().filter(|v| !self.last_use.contains_key(v));
        let mut over: Vec<Value> = ended.chain(unused).collect();
        over.sort_unstable();
        over.dedup();
        for value in over {
            if let Some(Place::Arena { start, len }) = self.places.get(&value).copied() {
                self.arenas[self.graph.spec(value).dtype as usize].give(start, len);
            }
        }
        let place = match node.scope.is_empty() {
            true => node.op.name().to_string(),
            false => format!("{} in layer \"{}\"", node.op.name(), node.scope),
        };
        let regions = regions(&inputs, &placed);
        Ok(Step { op: node.op.clone(), inputs, outputs: placed, copies, regions, place })
    }
}

/// The arena parts of one step, by type, each once, in order of their start.
fn regions(inputs: &[(Spec, Place)], outputs: &[(Spec, Place)]) -> [Vec<Region>; 3] {
    let mut all: [Vec<Region>; 3] = Default::default();
    for (output, (spec, place)) in outputs.iter().enumerate() {
        if let Place::Arena { start, len } = *place {
            all[spec.dtype as usize].push(Region { start, len, output: Some(output), inputs: Vec::new() });
        }
    }
    for (input, (spec, place)) in inputs.iter().enumerate() {
        if let Place::Arena { start, len } = *place {
            let list = &mut all[spec.dtype as usize];
            match list.iter_mut().find(|region| region.start == start && region.output.is_none()) {
                Some(region) => region.inputs.push(input),
                None => list.push(Region { start, len, output: None, inputs: vec![input] }),
            }
        }
    }
    all.iter_mut().for_each(|list| list.sort_by_key(|region| (region.start, region.len)));
    all
}

impl Plan {
    pub(crate) fn new(graph: &Graph, inputs: &[Value], outputs: &[Value]) -> Result<Plan> {
        let (running, writers) = order(graph, outputs);
        let updated = graph.updates().iter().map(|(_, value)| *value);
        let running = fuse(graph, &running, outputs.iter().copied().chain(updated));
        let mut variables: Vec<(Arc<Variable>, bool)> = Vec::new();
        let read = running.iter().flat_map(|(_, node)| node.inputs.iter()).chain(outputs);
        for &value in read {
            if let Source::Variable(variable) = graph.source(graph.root(value)) {
                variables.push((variable.clone(), false));
            }
        }
        variables.extend(graph.updates().iter().map(|(variable, _)| (variable.clone(), true)));
        variables.sort_by_key(|(variable, written)| (variable.id(), !written));
        variables.dedup_by_key(|(variable, _)| variable.id());

        const END: usize = usize::MAX;
        let mut last_use: HashMap<Value, usize> = HashMap::new();
        for (position, (_, node)) in running.iter().enumerate() {
            for &value in &node.inputs {
                last_use.insert(graph.root(value), position);
            }
        }
        let ends = outputs.iter().chain(graph.updates().iter().map(|(_, value)| value));
        last_use.extend(ends.map(|&value| (graph.root(value), END)));

        let feeds = inputs.iter().enumerate().map(|(i, &v)| (v, i)).collect();
        let places = HashMap::new();
        let mut planner =
            Planner { graph, places, feeds, constants: Vec::new(), variables, last_use, arenas: Default::default() };
        let mut steps = Vec::with_capacity(running.len());
        let mut commit = None;
        let mut work = 0;
        for (position, (index, node)) in running.iter().enumerate() {
            if node.op.alias() {
                continue;
            }
            if writers.contains_key(index) {
                commit.get_or_insert(steps.len());
            }
            let input_specs: Vec<&Spec> = node.inputs.iter().map(|&v| graph.spec(v)).collect();
            let output_specs: Vec<Spec> = node.outputs.iter().map(|&v| graph.spec(v).clone()).collect();
            work += node.op.work(&input_specs, &output_specs);
            steps.push(planner.step(*index, node, position, &writers)?);
        }
        let mut placed = Vec::new();
        for &value in outputs {
            placed.push((graph.spec(value).clone(), planner.place(value)?));
        }
        let mut updates = Vec::new();
        for (variable, value) in graph.updates() {
            let (entry, place) = (planner.entry(variable.id())?, planner.place(*value)?);
            if place != Place::Variable(entry) {
                updates.push((entry, variable.spec().clone(), place));
            }
        }
        Ok(Plan {
            commit: commit.unwrap_or(steps.len()),
            steps,
            feeds: inputs.iter().map(|&v| graph.spec(v).clone()).collect(),
            outputs: placed,
            constants: planner.constants,
            variables: planner.variables,
            updates,
            arena: planner.arenas.map(|arena| arena.end),
            work,
        })
    }
}
