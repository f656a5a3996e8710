//! Arithmetic, comparisons and choice with NumPy's broadcasting: `add`, `subtract`, ... `where`.

use super::algebra::{
    Binary, Where, add, chain, chain_divide, divide, equal, floor_divide, greater, less, log, multiply, negative,
    power, power_log, power_slope, subtract, unbroadcast,
};
use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
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
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (a, b, y, dy) = (at.inputs[0], at.inputs[1], at.outputs[0], at.dy()?);
        let mut gradients = vec![None, None];
        for side in (0..2).filter(|&side| at.want[side]) {
            let d = match (self.1, side) {
                (Kind::Add, _) | (Kind::Subtract, 0) => dy,
                (Kind::Subtract, _) => negative(graph, dy)?,
                (Kind::Multiply | Kind::Chain, 0) => chain(graph, dy, b)?,
                (Kind::Multiply | Kind::Chain, _) => chain(graph, dy, a)?,
                (Kind::Divide | Kind::ChainDivide, 0) => chain_divide(graph, dy, b)?,
                // dy may be large where y / b is small: the other order would overflow.
                (Kind::Divide | Kind::ChainDivide, _) => {
                    let slope = divide(graph, y, b)?;
                    let part = chain(graph, dy, slope)?;
                    negative(graph, part)?
                }
                // Where both are equal each gets half.
                (Kind::Maximum | Kind::Minimum, side) => {
                    let (own, other) = if side == 0 { (a, b) } else { (b, a) };
                    let wins = match self.1 {
                        Kind::Maximum => greater(graph, own, other)?,
                        _ => less(graph, own, other)?,
                    };
                    let ties = equal(graph, own, other)?;
                    let half = graph.fill(&[], 0.5)?;
                    let ties = multiply(graph, ties, half)?;
                    let share = add(graph, wins, ties)?;
                    chain(graph, share, dy)?
                }
                (Kind::Power, 0) => {
                    let slope = power_slope(graph, a, b)?;
                    chain(graph, dy, slope)?
                }
                (Kind::Power, _) => {
                    let slope = power_log(graph, y, a)?;
                    chain(graph, dy, slope)?
                }
                // b times the slope of a^(b - 1)
                (Kind::PowerSlope, 0) => {
                    let one = graph.fill(&[], 1.0)?;
                    let less = subtract(graph, b, one)?;
                    let slope = power_slope(graph, a, less)?;
                    let slope = multiply(graph, b, slope)?;
                    chain(graph, dy, slope)?
                }
                // a^(b - 1) + y ln a
                (Kind::PowerSlope, _) => {
                    let one = graph.fill(&[], 1.0)?;
                    let less = subtract(graph, b, one)?;
                    let power = power(graph, a, less)?;
                    let log = power_log(graph, y, a)?;
                    let slope = add(graph, power, log)?;
                    chain(graph, dy, slope)?
                }
                // ln b and a / b, and 0 where b is not above 0
                (Kind::PowerLog, side) => {
                    let (zero, one) = (graph.fill(&[], 0.0)?, graph.fill(&[], 1.0)?);
                    let positive = greater(graph, b, zero)?;
                    let safe = graph.apply1(Where, &[positive, b, one])?;
                    let slope = match side {
                        0 => log(graph, safe)?,
                        _ => divide(graph, a, safe)?,
                    };
                    let slope = graph.apply1(Where, &[positive, slope, zero])?;
                    chain(graph, dy, slope)?
                }
                // a - b floor(a / b), whose last factor is flat.
                (Kind::Remainder, 0) => dy,
                (Kind::Remainder, _) => {
                    let quotient = floor_divide(graph, a, b)?;
                    let part = multiply(graph, dy, quotient)?;
                    negative(graph, part)?
                }
                // Comparisons and whole quotients are flat.
                _ => continue,
            };
            gradients[side] = Some(unbroadcast(graph, d, at.inputs[side])?);
        }
        Ok(gradients)
    }
}

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
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let dy = at.dy()?;
        let zero = graph.fill(&[], 0.0)?;
        let mut gradients = vec![None, None, None];
        if at.want[1] {
            let d = graph.apply1(Where, &[at.inputs[0], dy, zero])?;
            gradients[1] = Some(unbroadcast(graph, d, at.inputs[1])?);
        }
        if at.want[2] {
            let d = graph.apply1(Where, &[at.inputs[0], zero, dy])?;
            gradients[2] = Some(unbroadcast(graph, d, at.inputs[2])?);
        }
        Ok(gradients)
    }
}
