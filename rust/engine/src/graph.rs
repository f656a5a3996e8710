//! The graph: ops applied to values, in the order in which they were pushed.

use crate::attributes::Attributes;
use crate::data::Data;
use crate::error::{Error, Result};
use crate::op::{Input, Op, Output, Value};
use crate::ops::identity::Identity;
use crate::spec::Spec;
use crate::variable::Variable;
use std::collections::HashMap;
use std::sync::{Arc, RwLockReadGuard};

/// Where a value comes from.
#[derive(Clone, Debug)]
pub enum Source {
    Input(usize),
    Constant(Arc<Data>),
    Variable(Arc<Variable>),
    Node { node: usize, output: usize },
}

/// An op applied to values.
#[derive(Clone, Debug)]
pub struct Node {
    pub op: Arc<dyn Op>,
    pub attributes: Attributes,
    pub inputs: Vec<Value>,
    pub outputs: Vec<Value>,
    /// The layer whose call pushed the node, or empty.
    pub scope: Arc<str>,
}

#[derive(Clone, Debug)]
struct ValueInfo {
    spec: Spec,
    source: Source,
}

/// Nodes in push order, which is a topological order. An *eager* graph runs each node as it is pushed.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    values: Vec<ValueInfo>,
    inputs: Vec<Value>,
    variables: HashMap<u64, Value>,
    updates: Vec<(Arc<Variable>, Value)>,
    scope: Arc<str>,
    /// What each value holds, in an eager graph.
    eager_data: Option<Vec<Option<Arc<Data>>>>,
}

impl Graph {
    pub fn new(eager: bool) -> Graph {
        Graph { eager_data: eager.then(Vec::new), ..Graph::default() }
    }
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
    pub fn inputs(&self) -> &[Value] {
        &self.inputs
    }
    pub fn updates(&self) -> &[(Arc<Variable>, Value)] {
        &self.updates
    }
    pub fn is_eager(&self) -> bool {
        self.eager_data.is_some()
    }
    pub fn len(&self) -> usize {
        self.values.len()
    }
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
    pub fn spec(&self, value: Value) -> &Spec {
        &self.values[value.0].spec
    }
    pub fn source(&self, value: Value) -> &Source {
        &self.values[value.0].source
    }
    /// The node that computes `value`, if one does.
    pub fn producer(&self, value: Value) -> Option<&Node> {
        match self.source(value) {
            Source::Node { node, .. } => Some(&self.nodes[*node]),
            _ => None,
        }
    }
    /// Names the layer whose nodes are pushed next; returns the name before.
    pub fn set_scope(&mut self, scope: Arc<str>) -> Arc<str> {
        std::mem::replace(&mut self.scope, scope)
    }

    fn add(&mut self, spec: Spec, source: Source, data: Option<Arc<Data>>) -> Value {
        self.values.push(ValueInfo { spec, source });
        if let Some(eager_data) = &mut self.eager_data {
            eager_data.push(data);
        }
        Value(self.values.len() - 1)
    }

    /// A value fed at every run; an eager graph is given it here.
    pub fn input(&mut self, spec: Spec, data: Option<Data>) -> Result<Value> {
        if self.is_eager() != data.is_some() {
            return Err(Error::Internal("an eager graph's inputs, and no other's, come with data".into()));
        }
        let value = self.add(spec, Source::Input(self.inputs.len()), data.map(Arc::new));
        self.inputs.push(value);
        Ok(value)
    }
    pub fn constant(&mut self, spec: Spec, data: Data) -> Value {
        let data = Arc::new(data);
        self.add(spec, Source::Constant(data.clone()), Some(data))
    }
    /// The value that a variable holds when the run begins.
    pub fn variable(&mut self, variable: &Arc<Variable>) -> Value {
        if let Some(&value) = self.variables.get(&variable.id()) {
            return value;
        }
        let value = self.add(variable.spec().clone(), Source::Variable(variable.clone()), None);
        self.variables.insert(variable.id(), value);
        value
    }

    /// An op of this name where it would be pushed next, for error messages.
    pub(crate) fn place(&self, name: &str) -> String {
        if self.scope.is_empty() { name.to_string() } else { format!("{name} in layer \"{}\"", self.scope) }
    }

    /// Appends an op and returns its outputs; an eager graph runs it.
    pub(crate) fn append(&mut self, op: Arc<dyn Op>, inputs: &[Value], attributes: Attributes) -> Result<Vec<Value>> {
        if let Some(bad) = inputs.iter().find(|v| v.0 >= self.values.len()) {
            return Err(Error::Internal(format!("value {} does not belong to this graph", bad.0)));
        }
        let specs: Vec<&Spec> = inputs.iter().map(|&v| self.spec(v)).collect();
        let output_specs = op.outputs(&specs).map_err(|e| e.at(&self.place(op.name())))?;
        let datas = match self.eager_data.is_some() {
            true => self
                .run_now(&*op, inputs, &output_specs)
                .map_err(|e| e.at(&self.place(op.name())))?
                .into_iter()
                .map(Some)
                .collect(),
            false => vec![None; output_specs.len()],
        };
        let node = self.nodes.len();
        let outputs: Vec<Value> = output_specs
            .into_iter()
            .zip(datas)
            .enumerate()
            .map(|(output, (spec, data))| self.add(spec, Source::Node { node, output }, data))
            .collect();
        self.nodes.push(Node {
            op,
            attributes,
            inputs: inputs.to_vec(),
            outputs: outputs.clone(),
            scope: self.scope.clone(),
        });
        Ok(outputs)
    }

    fn run_now(&self, op: &dyn Op, inputs: &[Value], output_specs: &[Spec]) -> Result<Vec<Arc<Data>>> {
        if op.alias() {
            return Ok(vec![self.data(inputs[0])?]);
        }
        // Variables are read where they are: locked once each and in the order of their ids, as programs do.
        let mut variables: Vec<&Arc<Variable>> = inputs.iter().filter_map(|&v| self.as_variable(v)).collect();
        variables.sort_by_key(|variable| variable.id());
        variables.dedup_by_key(|variable| variable.id());
        let locks: Vec<(u64, RwLockReadGuard<'_, Data>)> = variables.into_iter().map(|v| (v.id(), v.read())).collect();
        let input_data = inputs.iter().map(|&v| {
            match (self.as_variable(v), self.eager_data.as_ref().and_then(|data| data[v.0].as_ref())) {
                (_, Some(data)) => Ok(&**data),
                (Some(variable), None) => {
                    let lock = locks.iter().find(|(id, _)| *id == variable.id());
                    lock.map(|(_, data)| &**data).ok_or_else(|| Error::Internal("a variable was not locked".into()))
                }
                (None, None) => Err(Error::Internal("an eager value was not computed".into())),
            }
        });
        let input_data = input_data.collect::<Result<Vec<&Data>>>()?;
        let mut output_data = output_specs.iter().map(Data::zeros).collect::<Result<Vec<_>>>()?;
        for &(input, output) in op.in_place() {
            output_data[output].slice_mut().copy_from(input_data[input].slice())?;
        }
        let operands: Vec<Input<'_>> =
            inputs.iter().zip(&input_data).map(|(&v, data)| Input { spec: self.spec(v), data: data.slice() }).collect();
        let mut results: Vec<Output<'_>> = output_specs
            .iter()
            .zip(&mut output_data)
            .map(|(spec, data)| Output { spec, data: data.slice_mut() })
            .collect();
        corten_kernels::threads::with_flush(|| op.run(&operands, &mut results))?;
        Ok(output_data.into_iter().map(Arc::new).collect())
    }

    fn as_variable(&self, value: Value) -> Option<&Arc<Variable>> {
        match self.source(value) {
            Source::Variable(variable) => Some(variable),
            _ => None,
        }
    }

    /// What a value of an eager graph holds.
    pub fn data(&self, value: Value) -> Result<Arc<Data>> {
        let data = self.eager_data.as_ref().ok_or_else(|| Error::Value("a traced value has no numbers yet".into()))?;
        match (&data[value.0], self.source(value)) {
            (Some(data), _) => Ok(data.clone()),
            (None, Source::Variable(variable)) => Ok(Arc::new(variable.read().copy()?)),
            (None, _) => Err(Error::Internal("an eager value was not computed".into())),
        }
    }

    /// Asks that `variable` hold `value` when the run ends.
    pub fn update(&mut self, variable: &Arc<Variable>, value: Value) -> Result<()> {
        if self.spec(value) != variable.spec() {
            return Err(Error::Shape(format!(
                "update: the variable is {:?}, the new value {:?}",
                variable.spec(),
                self.spec(value)
            )));
        }
        if self.updates.iter().any(|(updated, _)| updated.id() == variable.id()) {
            return Err(Error::Value("update: the variable is already updated in this step".into()));
        }
        // The old value of another variable must be saved before that one changes.
        let value = match self.source(self.root(value)) {
            Source::Variable(_) => self.append(Arc::new(Identity), &[value], Attributes::default())?[0],
            _ => value,
        };
        self.updates.push((variable.clone(), value));
        Ok(())
    }

    /// The value whose elements `value` is, behind reshapes.
    pub fn root(&self, value: Value) -> Value {
        let mut value = value;
        while let Some(node) = self.producer(value).filter(|node| node.op.alias()) {
            value = node.inputs[0];
        }
        value
    }

    /// Ends an eager step: gives the updated variables their new values.
    pub fn finish(&mut self) -> Result<()> {
        let updates = std::mem::take(&mut self.updates);
        let news = updates.iter().map(|(_, value)| self.data(*value)).collect::<Result<Vec<_>>>()?;
        for ((variable, _), new) in updates.iter().zip(news) {
            variable.write().slice_mut().copy_from(new.slice())?;
        }
        Ok(())
    }
}
