//! `Graph`: generic pushes; it does not grow with ops. Values are plain ints.

use crate::arrays::{Source, dtype, to_numpy};
use crate::attributes::{attributes, to_python};
use crate::call::{Call, Form};
use crate::errors::without_gil;
use crate::program::Program;
use crate::sequence::Items;
use crate::variable::Variable;
use corten_engine as engine;
use engine::Value;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::sync::{Arc, Mutex, MutexGuard};

#[pyclass(frozen, module = "corten._core")]
pub struct Graph(Mutex<engine::Graph>);

impl Graph {
    fn lock(&self) -> MutexGuard<'_, engine::Graph> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
    fn known(&self, value: usize) -> PyResult<(MutexGuard<'_, engine::Graph>, Value)> {
        let graph = self.lock();
        if value < graph.len() {
            Ok((graph, Value(value)))
        } else {
            Err(PyValueError::new_err(format!("value {value} does not belong to this graph")))
        }
    }
}

type NodeParts<'py> = (&'static str, Vec<usize>, Vec<usize>, Bound<'py, PyDict>, String);

fn parts<'py>(py: Python<'py>, node: &engine::Node) -> PyResult<NodeParts<'py>> {
    let given = PyDict::new(py);
    for (name, value) in &node.attributes.0 {
        given.set_item(name, to_python(py, value)?)?;
    }
    let ids = |values: &[Value]| values.iter().map(|v| v.0).collect();
    Ok((node.op.name(), ids(&node.inputs), ids(&node.outputs), given, node.scope.to_string()))
}

#[pymethods]
impl Graph {
    #[new]
    fn new(eager: bool) -> Graph {
        Graph(Mutex::new(engine::Graph::new(eager)))
    }
    #[getter]
    fn eager(&self) -> bool {
        self.lock().is_eager()
    }
    /// A value to be fed at every run.
    fn input(&self, py: Python<'_>, shape: Items<usize>, kind: &str) -> PyResult<usize> {
        let kind = dtype(kind)?;
        without_gil(py, || self.lock().input(engine::Spec::new(kind, &shape)?, None)).map(|value| value.0)
    }
    /// An array as a value: what an eager graph is fed, and in any graph a constant.
    fn constant(&self, py: Python<'_>, array: &Bound<'_, PyAny>) -> PyResult<usize> {
        let (spec, data) = Source::new(array)?.data(py)?;
        Ok(self.lock().constant(spec, data).0)
    }
    fn variable(&self, variable: &Variable) -> usize {
        self.lock().variable(&variable.0).0
    }
    /// Appends an op; an eager graph runs it. Returns its outputs.
    fn push(
        &self,
        py: Python<'_>,
        name: &str,
        inputs: Items<usize>,
        given: &Bound<'_, PyDict>,
    ) -> PyResult<Vec<usize>> {
        let given = attributes(given)?;
        let inputs: Vec<Value> = inputs.iter().copied().map(Value).collect();
        let outputs = without_gil(py, || self.lock().push(name, &inputs, given))?;
        Ok(outputs.into_iter().map(|value| value.0).collect())
    }
    /// (shape, dtype) of a value.
    fn spec(&self, value: usize) -> PyResult<(Vec<usize>, &'static str)> {
        let (graph, value) = self.known(value)?;
        let spec = graph.spec(value);
        Ok((spec.shape.clone(), spec.dtype.name()))
    }
    /// Appends the gradients of a loss; None where it does not depend on the value.
    fn gradients(&self, py: Python<'_>, loss: usize, wrt: Items<usize>) -> PyResult<Vec<Option<usize>>> {
        drop(self.known(wrt.iter().copied().fold(loss, usize::max))?);
        let wrt: Vec<Value> = wrt.iter().copied().map(Value).collect();
        let found = without_gil(py, || self.lock().gradients(Value(loss), &wrt))?;
        Ok(found.into_iter().map(|value| value.map(|v| v.0)).collect())
    }
    /// Asks that a variable hold a value when the run ends.
    fn update(&self, py: Python<'_>, variable: &Variable, value: usize) -> PyResult<()> {
        drop(self.known(value)?);
        let variable: Arc<engine::Variable> = variable.0.clone();
        without_gil(py, || self.lock().update(&variable, Value(value)))
    }
    /// Ends an eager step: gives the updated variables their new values.
    fn finish(&self, py: Python<'_>) -> PyResult<()> {
        without_gil(py, || self.lock().finish())
    }
    /// Names the layer whose ops are pushed next; returns the name before.
    fn scope(&self, name: &str) -> String {
        self.lock().set_scope(name.into()).to_string()
    }
    /// What a value of an eager graph holds.
    fn data<'py>(&self, py: Python<'py>, value: usize) -> PyResult<Bound<'py, PyAny>> {
        drop(self.known(value)?);
        let (spec, data) = without_gil(py, || {
            let graph = self.lock();
            Ok((graph.spec(Value(value)).clone(), graph.data(Value(value))?))
        })?;
        to_numpy(py, &spec, data.slice())
    }
    /// (op, inputs, outputs, attributes, layer) of the node that computes a value, or None.
    fn producer<'py>(&self, py: Python<'py>, value: usize) -> PyResult<Option<NodeParts<'py>>> {
        let (graph, value) = self.known(value)?;
        graph.producer(value).map(|node| parts(py, node)).transpose()
    }
    /// (op, inputs, outputs, attributes, layer) of every node, in order.
    fn nodes<'py>(&self, py: Python<'py>) -> PyResult<Vec<NodeParts<'py>>> {
        self.lock().nodes().iter().map(|node| parts(py, node)).collect()
    }
    /// The one op that the graph comes to, with `outputs` (one value, or a list or tuple of them) for its results and
    /// the graph's inputs for its arguments; None if the graph is anything else.
    fn call(&self, outputs: &Bound<'_, PyAny>) -> PyResult<Option<Call>> {
        let (values, form) = if let Ok(list) = outputs.cast::<PyList>() {
            (list.extract::<Items<usize>>()?.0, Form::List(list.len()))
        } else if let Ok(tuple) = outputs.cast::<PyTuple>() {
            (tuple.extract::<Items<usize>>()?.0, Form::Tuple(tuple.len()))
        } else {
            (vec![outputs.extract()?], Form::One)
        };
        let (graph, _) = self.known(values.iter().copied().max().unwrap_or(0))?;
        let values = values.into_iter().map(Value).collect::<Vec<_>>();
        Ok(engine::Call::of_graph(&graph, &values).map(|call| Call { call, form }))
    }
    /// Compiles what `outputs` and the updates need, fed by `inputs`.
    fn compile(&self, py: Python<'_>, inputs: Items<usize>, outputs: Items<usize>) -> PyResult<Program> {
        drop(self.known(inputs.iter().chain(outputs.iter()).copied().max().unwrap_or(0))?);
        let values = |ids: Items<usize>| ids.iter().copied().map(Value).collect::<Vec<_>>();
        let (inputs, outputs) = (values(inputs), values(outputs));
        without_gil(py, || engine::Program::compile(&self.lock(), &inputs, &outputs)).map(Program)
    }
}
