//! Arithmetic, comparisons and choice with NumPy's broadcasting: `add`, `subtract`, ... `where`.

use super::{expect_f32, isa, sum_axes};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::graph::{Graph, Value};
use crate::op::{Gradient, Input, Op, Output};
use crate::ops::activation;
use crate::ops::reshape::Reshape;
use crate::spec::{Dims, Spec};
use corten_kernels::elementwise::{self as kernel, Binary as Kind};
use std::sync::Arc;

/// The shape that two shapes broadcast to.
fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (a, b) if a == b => Ok(a),
            (1, b) => Ok(b),
            (a, 1) => Ok(a),
            _ => Err(Error::Shape(format!("shapes {} and {} do not broadcast", Dims(a), Dims(b)))),
        })
        .collect()
}

/// A gradient of the broadcast shape, summed back to the shape of the operand.
pub(crate) fn unbroadcast(graph: &mut Graph, gradient: Value, operand: Value) -> Result<Value> {
    let (from, to) = (graph.spec(gradient).shape.clone(), graph.spec(operand).shape.clone());
    if from == to {
        return Ok(gradient);
    }
    let extra = from.len() - to.len();
    let axes: Vec<usize> =
        (0..from.len()).filter(|&axis| axis < extra || (to[axis - extra] == 1 && from[axis] != 1)).collect();
    let summed = sum_axes(graph, gradient, &axes, true)?;
    graph.apply1(Reshape::to(&to), &[summed])
}

#[derive(Debug)]
pub(crate) struct Binary(&'static str, Kind);

macro_rules! makers {
    ($($make:ident, $name:literal, $kind:ident;)*) => {
        $(pub(crate) fn $make(_: &Attributes) -> Result<Arc<dyn Op>> {
            Ok(Arc::new(Binary($name, Kind::$kind)))
        })*
    };
}

makers! {
    make_add, "add", Add;
    make_subtract, "subtract", Subtract;
    make_multiply, "multiply", Multiply;
    make_divide, "divide", Divide;
    make_maximum, "maximum", Maximum;
    make_minimum, "minimum", Minimum;
    make_power, "power", Power;
    make_floor_divide, "floor_divide", FloorDivide;
    make_remainder, "remainder", Remainder;
    make_equal, "equal", Equal;
    make_not_equal, "not_equal", NotEqual;
    make_less, "less", Less;
    make_less_equal, "less_equal", LessEqual;
    make_greater, "greater", Greater;
    make_greater_equal, "greater_equal", GreaterEqual;
}

/// Arithmetic for gradient rules.
pub(crate) fn binary(graph: &mut Graph, kind: Kind, a: Value, b: Value) -> Result<Value> {
    let name = match kind {
        Kind::Add => "add",
        Kind::Subtract => "subtract",
        Kind::Multiply => "multiply",
        Kind::Divide => "divide",
        Kind::Power => "power",
        Kind::FloorDivide => "floor_divide",
        Kind::Remainder => "remainder",
        Kind::Equal => "equal",
        Kind::Less => "less",
        Kind::LessEqual => "less_equal",
        Kind::Greater => "greater",
        Kind::GreaterEqual => "greater_equal",
        Kind::Maximum => "maximum",
        Kind::Minimum => "minimum",
        Kind::NotEqual => "not_equal",
        Kind::Chain => "multiply_gradient",
        Kind::ChainDivide => "divide_gradient",
        Kind::PowerSlope | Kind::PowerLog => "power_gradient",
    };
    graph.apply1(Binary(name, kind), &[a, b])
}

impl Op for Binary {
    fn name(&self) -> &'static str {
        self.0
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        Ok(vec![Spec::f32(&broadcast(&inputs[0].shape, &inputs[1].shape)?)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let (a, b) = (inputs[0], inputs[1]);
        let shape = &outputs[0].spec.shape;
        kernel::binary(isa(), self.1, (a.f32()?, a.shape()), (b.f32()?, b.shape()), (outputs[0].f32()?, shape));
        Ok(())
    }
    fn gradient(&self, graph: &mut Graph, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (a, b, y, dy) = (at.inputs[0], at.inputs[1], at.outputs[0], at.dy()?);
        let mut found = vec![None, None];
        for side in (0..2).filter(|&side| at.want[side]) {
            let d = match (self.1, side) {
                (Kind::Add, _) | (Kind::Subtract, 0) => dy,
                (Kind::Subtract, _) => activation::negative(graph, dy)?,
                (Kind::Multiply | Kind::Chain, 0) => binary(graph, Kind::Chain, dy, b)?,
                (Kind::Multiply | Kind::Chain, _) => binary(graph, Kind::Chain, dy, a)?,
                (Kind::Divide | Kind::ChainDivide, 0) => binary(graph, Kind::ChainDivide, dy, b)?,
                // dy may be large where y / b is small: the other order would overflow.
                (Kind::Divide | Kind::ChainDivide, _) => {
                    let slope = binary(graph, Kind::Divide, y, b)?;
                    let part = binary(graph, Kind::Chain, dy, slope)?;
                    activation::negative(graph, part)?
                }
                // Where both are equal each gets half.
                (Kind::Maximum | Kind::Minimum, side) => {
                    let (own, other) = if side == 0 { (a, b) } else { (b, a) };
                    let test = if self.1 == Kind::Maximum { Kind::Greater } else { Kind::Less };
                    let wins = binary(graph, test, own, other)?;
                    let ties = binary(graph, Kind::Equal, own, other)?;
                    let half = graph.fill(&[], 0.5)?;
                    let ties = binary(graph, Kind::Multiply, ties, half)?;
                    let share = binary(graph, Kind::Add, wins, ties)?;
                    binary(graph, Kind::Chain, share, dy)?
                }
                (Kind::Power, 0) => {
                    let slope = binary(graph, Kind::PowerSlope, a, b)?;
                    binary(graph, Kind::Chain, dy, slope)?
                }
                (Kind::Power, _) => {
                    let slope = binary(graph, Kind::PowerLog, y, a)?;
                    binary(graph, Kind::Chain, dy, slope)?
                }
                // b times the slope of a^(b - 1)
                (Kind::PowerSlope, 0) => {
                    let one = graph.fill(&[], 1.0)?;
                    let less = binary(graph, Kind::Subtract, b, one)?;
                    let slope = binary(graph, Kind::PowerSlope, a, less)?;
                    let slope = binary(graph, Kind::Multiply, b, slope)?;
                    binary(graph, Kind::Chain, dy, slope)?
                }
                // a^(b - 1) + y ln a
                (Kind::PowerSlope, _) => {
                    let one = graph.fill(&[], 1.0)?;
                    let less = binary(graph, Kind::Subtract, b, one)?;
                    let power = binary(graph, Kind::Power, a, less)?;
                    let log = binary(graph, Kind::PowerLog, y, a)?;
                    let slope = binary(graph, Kind::Add, power, log)?;
                    binary(graph, Kind::Chain, dy, slope)?
                }
                // ln b and a / b, and 0 where b is not above 0
                (Kind::PowerLog, side) => {
                    let (zero, one) = (graph.fill(&[], 0.0)?, graph.fill(&[], 1.0)?);
                    let positive = binary(graph, Kind::Greater, b, zero)?;
                    let safe = graph.apply1(Where, &[positive, b, one])?;
                    let slope = match side {
                        0 => graph.push("log", &[safe], Attributes::default())?[0],
                        _ => binary(graph, Kind::Divide, a, safe)?,
                    };
                    let slope = graph.apply1(Where, &[positive, slope, zero])?;
                    binary(graph, Kind::Chain, dy, slope)?
                }
                // a - b floor(a / b), whose last factor is flat.
                (Kind::Remainder, 0) => dy,
                (Kind::Remainder, _) => {
                    let quotient = binary(graph, Kind::FloorDivide, a, b)?;
                    let part = binary(graph, Kind::Multiply, dy, quotient)?;
                    activation::negative(graph, part)?
                }
                // Comparisons and whole quotients are flat.
                _ => continue,
            };
            found[side] = Some(unbroadcast(graph, d, at.inputs[side])?);
        }
        Ok(found)
    }
}

/// `condition ? a : b`; a condition holds where it is not zero.
#[derive(Debug)]
pub(crate) struct Where;

pub(crate) fn make_where(_: &Attributes) -> Result<Arc<dyn Op>> {
    Ok(Arc::new(Where))
}

impl Op for Where {
    fn name(&self) -> &'static str {
        "where"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        expect_f32(inputs)?;
        let both = broadcast(&inputs[1].shape, &inputs[2].shape)?;
        Ok(vec![Spec::f32(&broadcast(&inputs[0].shape, &both)?)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let part = |i: usize| Ok::<_, Error>((inputs[i].f32()?, inputs[i].shape()));
        let shape = &outputs[0].spec.shape;
        kernel::choose(isa(), part(0)?, part(1)?, part(2)?, (outputs[0].f32()?, shape));
        Ok(())
    }
    fn gradient(&self, graph: &mut Graph, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let dy = at.dy()?;
        let zero = graph.fill(&[], 0.0)?;
        let mut found = vec![None, None, None];
        if at.want[1] {
            let d = graph.apply1(Where, &[at.inputs[0], dy, zero])?;
            found[1] = Some(unbroadcast(graph, d, at.inputs[1])?);
        }
        if at.want[2] {
            let d = graph.apply1(Where, &[at.inputs[0], zero, dy])?;
            found[2] = Some(unbroadcast(graph, d, at.inputs[2])?);
        }
        Ok(found)
    }
}
