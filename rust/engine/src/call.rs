//! One op, once, on arrays that are only borrowed: how `corten.ops` works on NumPy arrays.

use crate::attributes::Attributes;
use crate::data::{Data, Slice, SliceMut};
use crate::error::{Error, Result};
use crate::graph::{Graph, Source};
use crate::op::{Input, Op, Output, Value};
use crate::registry;
use crate::spec::Spec;
use corten_kernels::threads;
use smallvec::SmallVec;
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
    /// The outputs as the caller sees them: the same elements, perhaps in other shapes.
    results: Vec<Spec>,
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
        let results = outputs.clone();
        Ok(Call::of_op(op, places, inputs, outputs, results))
    }

    fn of_op(op: Arc<dyn Op>, places: Vec<Place>, inputs: Vec<Spec>, outputs: Vec<Spec>, results: Vec<Spec>) -> Call {
        let work = op.work(&inputs.iter().collect::<Vec<_>>(), &outputs);
        Call { op, places, inputs, outputs, results, work }
    }

    /// What `graph` comes to, if that is one op, applied to the graph's inputs and to constants, whose first outputs are
    /// `outputs`, in that order. The arguments are the graph's inputs. Reshapes before and after the op count for nothing.
    pub fn of_graph(graph: &Graph, outputs: &[Value]) -> Option<Call> {
        let mut computing = graph.nodes().iter().filter(|node| !node.op.alias());
        let (node, results) = match (computing.next(), computing.next()) {
            (Some(node), None) => (node, outputs.iter().map(|&output| graph.root(output)).collect()),
            // Nothing but reshapes: the last of them copies.
            (None, None) => (graph.producer(*outputs.first()?)?, outputs.to_vec()),
            _ => return None,
        };
        if results.is_empty() || !node.outputs.starts_with(&results) || !graph.updates().is_empty() {
            return None;
        }
        let place = |&value: &Value| match graph.source(graph.root(value)) {
            Source::Input(index) => Some(Place::Argument(*index)),
            Source::Constant(data) => Some(Place::Constant(data.clone())),
            Source::Variable(_) | Source::Node { .. } => None,
        };
        let specs = |values: &[Value]| values.iter().map(|&value| graph.spec(value).clone()).collect();
        let places = node.inputs.iter().map(place).collect::<Option<_>>()?;
        let unseen = node.outputs.get(outputs.len()..).unwrap_or(&[]);
        let results = specs(&[outputs, unseen].concat());
        Some(Call::of_op(node.op.clone(), places, specs(&node.inputs), specs(&node.outputs), results))
    }

    /// The shapes and types of the results.
    pub fn results(&self) -> &[Spec] {
        &self.results
    }

    /// Multiply-adds, or elements read and written.
    pub fn work(&self) -> usize {
        self.work
    }

    /// [`Call::run`], given up with [`Error::Interrupted`] once `cancelled`, which is asked now and then, says so.
    pub fn run_until(
        &self,
        cancelled: &mut dyn FnMut() -> bool,
        arguments: &[Slice<'_>],
        results: &mut [SliceMut<'_>],
    ) -> Result<()> {
        threads::interruptible(cancelled, || self.run(arguments, results)).unwrap_or(Err(Error::Interrupted))
    }

    /// Fills `results`, one of each of [`Call::results`].
    pub fn run(&self, arguments: &[Slice<'_>], results: &mut [SliceMut<'_>]) -> Result<()> {
        let data = |input: usize| match &self.places[input] {
            Place::Argument(index) => arguments[*index],
            Place::Constant(data) => data.slice(),
        };
        for &(input, output) in self.op.in_place() {
            results[output].copy_from(data(input))?;
        }
        let inputs = self.inputs.iter().enumerate().map(|(input, spec)| Input { spec, data: data(input) });
        let inputs: SmallVec<[Input<'_>; 4]> = inputs.collect();
        let places = self.outputs.iter().zip(results).map(|(spec, data)| Output { spec, data: data.reborrow() });
        let mut places: SmallVec<[Output<'_>; 4]> = places.collect();
        threads::with_flush(|| self.op.run(&inputs, &mut places)).map_err(|error| error.at(self.op.name()))
    }
}
