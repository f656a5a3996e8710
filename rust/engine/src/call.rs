//! One op, once, on arrays that are only borrowed: how `corten.ops` works on NumPy arrays.

use crate::attributes::Attributes;
use crate::data::{Slice, SliceMut};
use crate::error::{Error, Result};
use crate::op::{Input, Op, Output};
use crate::registry;
use crate::spec::Spec;
use corten_kernels::threads;
use std::sync::Arc;

/// An op with the shapes it is about to run on.
pub struct Call {
    op: Arc<dyn Op>,
    inputs: Vec<Spec>,
    outputs: Vec<Spec>,
}

impl Call {
    pub fn new(name: &str, attributes: &Attributes, inputs: Vec<Spec>) -> Result<Call> {
        let make = || {
            let op = registry::make(name, attributes)?;
            let outputs = op.outputs(&inputs.iter().collect::<Vec<_>>())?;
            Ok((op, outputs))
        };
        let (op, outputs) = make().map_err(|error: Error| error.at(name))?;
        Ok(Call { op, inputs, outputs })
    }
    pub fn outputs(&self) -> &[Spec] {
        &self.outputs
    }
    pub fn run(&self, inputs: &[Slice<'_>], outputs: Vec<SliceMut<'_>>) -> Result<()> {
        let mut places: Vec<Output<'_>> =
            self.outputs.iter().zip(outputs).map(|(spec, data)| Output { spec, data }).collect();
        for &(input, output) in self.op.in_place() {
            places[output].data.copy_from(inputs[input])?;
        }
        let inputs: Vec<Input<'_>> = self.inputs.iter().zip(inputs).map(|(spec, &data)| Input { spec, data }).collect();
        threads::with_flush(|| self.op.run(&inputs, &mut places)).map_err(|error| error.at(self.op.name()))
    }
}
