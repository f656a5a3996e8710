//! What gradient rules are written in: a few ops, and a function for each that appends it. How these ops run and what
//! their own gradients are, in terms of one another, stands in `elementwise`, `activation`, `reduce` and `view`.

use super::identity::Identity;
use super::reshape::Reshape;
use crate::error::Result;
use crate::op::{Builder, Value};
use corten_kernels::{activation, elementwise, reduce};

/// Arithmetic or a comparison with broadcasting: its name and what it does.
#[derive(Debug)]
pub(crate) struct Binary(pub &'static str, pub elementwise::Binary);

/// `condition ? a : b`; a condition holds where it is not zero.
#[derive(Debug)]
pub(crate) struct Where;

/// A function of one number: its name and what it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unary(pub &'static str, pub activation::Unary);

/// Inputs: what `Unary::gradient_from` says (the function's input or its output), then dy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnaryGradient(pub &'static str, pub activation::Unary);

#[derive(Clone, Debug)]
pub(crate) struct Reduce {
    pub name: &'static str,
    pub kind: reduce::Reduce,
    pub axes: Vec<usize>,
    pub keepdims: bool,
}

/// The input's elements in another order, some left out, some repeated.
#[derive(Debug)]
pub(crate) enum View {
    /// Axis k of the result is axis `axes[k]` of the input.
    Transpose { axes: Vec<usize> },
    /// `size` elements of each axis from `begin` on, every `step`-th, backwards where the step is negative.
    Slice { begin: Vec<usize>, size: Vec<usize>, step: Vec<isize> },
    /// Axes of size 1, and missing leading ones, repeat to fill `shape`.
    BroadcastTo { shape: Vec<usize> },
}

impl View {
    /// The part of size `size` that begins at `begin`.
    pub fn part(begin: Vec<usize>, size: Vec<usize>) -> View {
        View::Slice { step: vec![1; size.len()], begin, size }
    }
}

macro_rules! binaries {
    ($($function:ident, $name:literal, $kind:ident;)*) => {
        $(pub(crate) fn $function(graph: &mut dyn Builder, a: Value, b: Value) -> Result<Value> {
            graph.apply1(Binary($name, elementwise::Binary::$kind), &[a, b])
        })*
    };
}

binaries! {
    add, "add", Add;
    subtract, "subtract", Subtract;
    multiply, "multiply", Multiply;
    divide, "divide", Divide;
    maximum, "maximum", Maximum;
    minimum, "minimum", Minimum;
    power, "power", Power;
    floor_divide, "floor_divide", FloorDivide;
    equal, "equal", Equal;
    less, "less", Less;
    greater, "greater", Greater;
    chain, "multiply_gradient", Chain;
    chain_divide, "divide_gradient", ChainDivide;
    power_slope, "power_gradient", PowerSlope;
    power_log, "power_gradient", PowerLog;
}

macro_rules! unaries {
    ($($name:ident, $kind:ident;)*) => {
        $(pub(crate) fn $name(graph: &mut dyn Builder, x: Value) -> Result<Value> {
            graph.apply1(Unary(stringify!($name), activation::Unary::$kind), &[x])
        })*
    };
}

unaries! {
    negative, Negative;
    exp, Exp;
    log, Log;
    rsqrt, Rsqrt;
    sigmoid, Sigmoid;
    sin, Sin;
    cos, Cos;
}

/// dz for `y = relu(z)` where a layer fused a ReLU, else dy itself.
pub(crate) fn relu_gradient(graph: &mut dyn Builder, relu: bool, y: Value, dy: Value) -> Result<Value> {
    let op = UnaryGradient("relu_gradient", activation::Unary::Relu);
    if relu { graph.apply1(op, &[y, dy]) } else { Ok(dy) }
}

/// The sum over some axes.
pub(crate) fn sum(graph: &mut dyn Builder, value: Value, axes: &[usize], keepdims: bool) -> Result<Value> {
    graph.apply1(Reduce { name: "sum", kind: reduce::Reduce::Sum, axes: axes.to_vec(), keepdims }, &[value])
}

/// The mean over some axes.
pub(crate) fn mean(graph: &mut dyn Builder, value: Value, axes: &[usize], keepdims: bool) -> Result<Value> {
    graph.apply1(Reduce { name: "mean", kind: reduce::Reduce::Mean, axes: axes.to_vec(), keepdims }, &[value])
}

/// A gradient of a broadcast shape, summed back to the shape of the operand.
pub(crate) fn unbroadcast(graph: &mut dyn Builder, gradient: Value, operand: Value) -> Result<Value> {
    let (from, to) = (graph.spec(gradient).shape.clone(), graph.spec(operand).shape.clone());
    if from == to {
        return Ok(gradient);
    }
    let extra = from.len() - to.len();
    let axes: Vec<usize> =
        (0..from.len()).filter(|&axis| axis < extra || (to[axis - extra] == 1 && from[axis] != 1)).collect();
    let summed = sum(graph, gradient, &axes, true)?;
    graph.apply1(Reshape::to(&to), &[summed])
}

/// The gradient of a fused op by its formula in ops that have gradients: for what is rare, as second derivatives are.
/// `formula` computes the outputs whose gradients are `dys` from values that stand for `inputs`.
pub(crate) fn gradient_of_formula(
    graph: &mut dyn Builder,
    inputs: &[Value],
    dys: &[Option<Value>],
    want: &[bool],
    formula: impl Fn(&mut dyn Builder, &[Value]) -> Result<Vec<Value>>,
) -> Result<Vec<Option<Value>>> {
    // Other values than the inputs themselves, so that only what passes the formula counts.
    let fresh = inputs.iter().map(|&v| graph.apply1(Identity, &[v])).collect::<Result<Vec<_>>>()?;
    let outputs = formula(graph, &fresh)?;
    let pairs = outputs.into_iter().zip(dys).filter_map(|(output, dy)| Some((output, (*dy)?)));
    let Some(loss) = weighted_sum(graph, pairs)? else { return Ok(vec![None; inputs.len()]) };
    let wanted: Vec<Value> = fresh.iter().zip(want).filter(|(_, want)| **want).map(|(&v, _)| v).collect();
    let mut gradients = graph.gradients(loss, &wanted)?.into_iter();
    Ok(want.iter().map(|&want| if want { gradients.next().flatten() } else { None }).collect())
}

/// The sum of all elements of the products of (output, weight): what has the weights for its gradients.
pub(crate) fn weighted_sum(
    graph: &mut dyn Builder,
    pairs: impl IntoIterator<Item = (Value, Value)>,
) -> Result<Option<Value>> {
    pairs.into_iter().try_fold(None, |total, (output, weight)| {
        let product = multiply(graph, output, weight)?;
        let axes: Vec<usize> = (0..graph.spec(product).rank()).collect();
        let part = sum(graph, product, &axes, false)?;
        Ok(Some(match total {
            Some(total) => add(graph, total, part)?,
            None => part,
        }))
    })
}
