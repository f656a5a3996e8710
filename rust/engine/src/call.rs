//! One op, once, on arrays that are only borrowed: how `corten.ops` works on NumPy arrays.

use crate::attributes::Attributes;
use crate::data::{Data, Slice};
use crate::error::{Error, Result};
use crate::graph::{Graph, Source, Value};
use crate::op::{Input, Op, Output};
use crate::registry;
use crate::spec::Spec;
use corten_kernels::threads;
use std::sync::Arc;

/// Where a call finds an input.
enum Place {
    Argument(usize),
    Constant(Arc<Data>),
}

/// An op with the shapes it runs on.
pub struct Call {
    op: Arc<dyn Op>,
    places: Vec<Place>,
    inputs: Vec<Spec>,
    outputs: Vec<Spec>,
    work: usize,
}

impl Call {
    /// The op `name` on as many arguments as there are specs.
    pub fn new(name: &str, attributes: &Attributes, inputs: Vec<Spec>) -> Result<Call> {
        let make = || {
            let op = registry::make(name, attributes)?;
            let outputs = op.outputs(&inputs.iter().collect::<Vec<_>>())?;
            Ok((op, outputs))
        };
        let (op, outputs) = make().map_err(|error: Error| error.at(name))?;
        let places = (0..inputs.len()).map(Place::Argument).collect();
        Ok(Call::of_op(op, places, inputs, outputs))
    }

    fn of_op(op: Arc<dyn Op>, places: Vec<Place>, inputs: Vec<Spec>, outputs: Vec<Spec>) -> Call {
        let work = op.work(&inputs.iter().collect::<Vec<_>>(), &outputs);
        Call { op, places, inputs, outputs, work }
    }

    /// What `graph` comes to, if that is one op, applied to the graph's inputs and to constants, whose first output is
    /// `output`. The arguments are the graph's inputs.
    pub fn of_graph(graph: &Graph, output: Value) -> Option<Call> {
        let [node] = graph.nodes() else { return None };
        if node.outputs.first() != Some(&output) || !graph.updates().is_empty() {
            return None;
        }
        let place = |&value: &Value| match graph.source(value) {
            Source::Input(index) => Some(Place::Argument(*index)),
            Source::Constant(data) => Some(Place::Constant(data.clone())),
            Source::Variable(_) | Source::Node { .. } => None,
        };
        let specs = |values: &[Value]| values.iter().map(|&value| graph.spec(value).clone()).collect();
        let places = node.inputs.iter().map(place).collect::<Option<_>>()?;
        Some(Call::of_op(node.op.clone(), places, specs(&node.inputs), specs(&node.outputs)))
    }

    pub fn outputs(&self) -> &[Spec] {
        &self.outputs
    }

    /// Multiply-adds, or elements read and written.
    pub fn work(&self) -> usize {
        self.work
    }

    /// Fills `outputs`, one of each of [`Call::outputs`].
    pub fn run(&self, arguments: &[Slice<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let data = |input: usize| match &self.places[input] {
            Place::Argument(index) => arguments[*index],
            Place::Constant(data) => data.slice(),
        };
        for &(input, output) in self.op.in_place() {
            outputs[output].data.copy_from(data(input))?;
        }
        let inputs: Vec<Input<'_>> =
            self.inputs.iter().enumerate().map(|(input, spec)| Input { spec, data: data(input) }).collect();
        threads::with_flush(|| self.op.run(&inputs, outputs)).map_err(|error| error.at(self.op.name()))
    }
}
