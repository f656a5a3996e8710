//! The op: one differentiable operation.

use crate::data::{Data, Slice, SliceMut};
use crate::error::{Error, Result};
use crate::spec::Spec;
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A value of a graph: an input, a constant, a variable or an output of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub usize);

/// One operation: its shape rule, its run, its gradient rule. An op holds its attributes and nothing that changes;
/// what the backward needs from the forward (an argmax, a mean) is a further output.
pub trait Op: Any + Debug + Send + Sync {
    /// The name in the registry, in `corten.ops` and in error messages.
    fn name(&self) -> &'static str;

    /// What comes out for these inputs, or why they do not fit: the only shape rule of this operation.
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>>;

    /// Computes the outputs. Shapes were checked by `outputs`; values (labels, indices) are checked here.
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()>;

    /// Pushes the nodes that compute d loss / d input for each wanted input, given [`Gradient::dy`].
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let _ = (graph, at);
        Err(Error::Value("has no gradient".into()))
    }

    /// Pairs (input, output): the output begins as a copy of the input and is changed in place. Such an input arrives
    /// as an empty slice. Where the input is a variable that the output updates, nothing is copied.
    fn in_place(&self) -> &[(usize, usize)] {
        &[]
    }

    /// Whether output 0 is input 0, element for element, in another shape: such a node costs nothing.
    fn alias(&self) -> bool {
        false
    }

    /// Multiply-adds, or as much other work; elements read and written unless the op says otherwise.
    fn work(&self, inputs: &[&Spec], outputs: &[Spec]) -> usize {
        inputs.iter().map(|s| s.len()).sum::<usize>() + outputs.iter().map(Spec::len).sum::<usize>()
    }
}

/// The graph as a gradient rule sees it: values whose shapes are known, and a place to append ops.
pub trait Builder {
    fn spec(&self, value: Value) -> &Spec;
    fn constant(&mut self, spec: Spec, data: Data) -> Value;
    /// A float32 constant of one repeated number.
    fn fill(&mut self, shape: &[usize], number: f32) -> Result<Value> {
        let spec = Spec::f32(shape)?;
        let mut data = Data::zeros(&spec)?;
        if let Data::F32(data) = &mut data {
            data.fill(number);
        }
        Ok(self.constant(spec, data))
    }
    /// Appends an op and returns its outputs.
    fn append(&mut self, op: Arc<dyn Op>, inputs: &[Value]) -> Result<Vec<Value>>;
    /// Appends the nodes of d loss / d w for each `w` of `wrt`; `None` where the loss does not depend on it.
    fn gradients(&mut self, loss: Value, wrt: &[Value]) -> Result<Vec<Option<Value>>>;
}

impl dyn Builder + '_ {
    /// Appends an op and returns its outputs.
    pub fn apply(&mut self, op: impl Op, inputs: &[Value]) -> Result<Vec<Value>> {
        self.append(Arc::new(op), inputs)
    }
    /// Appends an op and returns its first output.
    pub fn apply1(&mut self, op: impl Op, inputs: &[Value]) -> Result<Value> {
        Ok(self.apply(op, inputs)?[0])
    }
}

/// What a gradient rule is asked: the node's values, the gradient of each output, and which input gradients are wanted.
pub struct Gradient<'a> {
    pub inputs: &'a [Value],
    pub outputs: &'a [Value],
    pub dys: &'a [Option<Value>],
    pub want: &'a [bool],
}

impl Gradient<'_> {
    /// The gradient of output 0, for ops whose other outputs are not differentiable.
    pub fn dy(&self) -> Result<Value> {
        self.dys[0].ok_or_else(|| Error::Internal("the gradient of output 0 is missing".into()))
    }
}

/// An input of a run: its shape and its elements.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub spec: &'a Spec,
    pub data: Slice<'a>,
}

/// An output of a run: its shape and the place to write.
pub struct Output<'a> {
    pub spec: &'a Spec,
    pub data: SliceMut<'a>,
}

impl<'a> Input<'a> {
    pub fn shape(&self) -> &'a [usize] {
        &self.spec.shape
    }
    pub fn f32(&self) -> Result<&'a [f32]> {
        match self.data {
            Slice::F32(data) => Ok(data),
            other => Err(Error::Internal(format!("expected float32 input, got {}", other.dtype().name()))),
        }
    }
    pub fn i32(&self) -> Result<&'a [i32]> {
        match self.data {
            Slice::I32(data) => Ok(data),
            other => Err(Error::Internal(format!("expected int32 input, got {}", other.dtype().name()))),
        }
    }
    pub fn u8(&self) -> Result<&'a [u8]> {
        match self.data {
            Slice::U8(data) => Ok(data),
            other => Err(Error::Internal(format!("expected uint8 input, got {}", other.dtype().name()))),
        }
    }
}

impl Output<'_> {
    pub fn shape(&self) -> &[usize] {
        &self.spec.shape
    }
    pub fn f32(&mut self) -> Result<&mut [f32]> {
        match &mut self.data {
            SliceMut::F32(data) => Ok(data),
            other => Err(Error::Internal(format!("expected float32 output, got {}", other.dtype().name()))),
        }
    }
    pub fn i32(&mut self) -> Result<&mut [i32]> {
        match &mut self.data {
            SliceMut::I32(data) => Ok(data),
            other => Err(Error::Internal(format!("expected int32 output, got {}", other.dtype().name()))),
        }
    }
    pub fn u8(&mut self) -> Result<&mut [u8]> {
        match &mut self.data {
            SliceMut::U8(data) => Ok(data),
            other => Err(Error::Internal(format!("expected uint8 output, got {}", other.dtype().name()))),
        }
    }
}
