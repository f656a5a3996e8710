//! The ops by name: one line each.

use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::op::Op;
use crate::ops;
use std::sync::Arc;

type Make = fn(&Attributes) -> Result<Arc<dyn Op>>;

/// Sorted by family; `corten.ops` has a function for each.
const OPS: &[(&str, Make)] = &[
    // matrix products and convolution
    ("matmul", ops::matmul::make),
    ("dense", ops::dense::make),
    ("conv2d", ops::conv2d::make),
    ("conv2d_input_gradient", ops::conv2d::make_input_gradient),
    // states
    ("increment", ops::increment::make),
    // shapes
    ("identity", ops::identity::make),
    ("stop_gradient", ops::identity::make_stop_gradient),
    ("reshape", ops::reshape::make),
];

pub(crate) fn make(name: &str, attributes: &Attributes) -> Result<Arc<dyn Op>> {
    match OPS.iter().find(|(known, _)| *known == name) {
        Some((_, make)) => make(attributes),
        None => Err(Error::Value(format!("there is no op `{name}`"))),
    }
}

/// The names of all ops.
pub fn names() -> impl Iterator<Item = &'static str> {
    OPS.iter().map(|(name, _)| *name)
}
