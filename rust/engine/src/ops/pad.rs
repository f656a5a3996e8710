//! `pad`, and `slice_gradient`: the input's elements at places of a larger array, a constant elsewhere.

use super::algebra::View;
use crate::attributes::Attributes;
use crate::data::{Slice, SliceMut};
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::layout::pad as kernel;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct Pad {
    name: &'static str,
    begin: Vec<usize>,
    step: Vec<isize>,
    room: Room,
    value: f64,
}

/// The size of the result: so much more than the input behind it, or given.
#[derive(Debug)]
enum Room {
    Behind(Vec<usize>),
    Shape(Vec<usize>),
}

/// Attributes: `low` and `high`, how many cells go before and after each axis, and their `value`.
pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let (begin, high) = (attributes.sizes("low")?, attributes.sizes("high")?);
    let (step, value) = (vec![1; begin.len()], attributes.float("value")?);
    Ok(Arc::new(Pad { name: "pad", begin, step, room: Room::Behind(high), value }))
}

impl Pad {
    pub(crate) fn gradient_of_slice(begin: &[usize], step: &[isize], x: Vec<usize>) -> Pad {
        let (begin, step) = (begin.to_vec(), step.to_vec());
        Pad { name: "slice_gradient", begin, step, room: Room::Shape(x), value: 0.0 }
    }
    fn shape(&self, x: &[usize]) -> Result<Vec<usize>> {
        match &self.room {
            Room::Shape(shape) => Ok(shape.clone()),
            Room::Behind(high) if high.len() == x.len() && self.begin.len() == x.len() => {
                let sizes = self.begin.iter().zip(x).zip(high);
                let sizes = sizes.map(|((low, size), high)| low.checked_add(*size)?.checked_add(*high));
                sizes
                    .collect::<Option<_>>()
                    .ok_or_else(|| Error::Memory("the padding is larger than any memory".into()))
            }
            Room::Behind(high) => {
                let axes = format!("{} and {} axes", self.begin.len(), high.len());
                Err(Error::Shape(format!("the padding is for {axes}, the input is {}", Dims(x))))
            }
        }
    }
}

impl Op for Pad {
    fn name(&self) -> &'static str {
        self.name
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(vec![Spec::new(inputs[0].dtype, &self.shape(&inputs[0].shape)?)?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let axes = inputs[0].shape().iter().zip(outputs[0].shape()).zip(self.begin.iter().zip(&self.step));
        let axes: Vec<kernel::Axis> =
            axes.map(|((&size, &room), (&begin, &step))| kernel::Axis { size, room, begin, step }).collect();
        match (inputs[0].data, &mut outputs[0].data) {
            (Slice::F32(x), SliceMut::F32(y)) => kernel::pad(&axes, self.value as f32, x, y),
            (Slice::I32(x), SliceMut::I32(y)) => kernel::pad(&axes, self.value as i32, x, y),
            (Slice::U8(x), SliceMut::U8(y)) => kernel::pad(&axes, self.value as u8, x, y),
            _ => return Err(Error::Internal("a padding changed the element type".into())),
        }
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let size = graph.spec(at.inputs[0]).shape.clone();
        let slice = View::Slice { begin: self.begin.clone(), size, step: self.step.clone() };
        Ok(vec![Some(graph.apply1(slice, &[at.dy()?])?)])
    }
}
