//! Corten's engine. Four nouns: an [`Op`] is one differentiable operation, a [`Graph`] is ops applied to values, a
//! [`Variable`] outlives a run, a [`Program`] is a graph compiled for fixed shapes.
#![forbid(unsafe_code)]

mod attributes;
mod call;
mod data;
mod dataset;
mod error;
mod fuse;
mod gradients;
mod graph;
mod op;
pub mod ops;
mod plan;
mod program;
mod registry;
mod spec;
mod variable;

pub use attributes::{Attribute, Attributes};
pub use call::Call;
pub use data::{Data, Slice, SliceMut};
pub use dataset::{Column, Dataset};
pub use error::{Error, Result};
pub use graph::{Graph, Node, Source};
pub use op::{Builder, Gradient, Input, Op, Output, Value};
pub use program::{Order, Program};
pub use registry::names;
pub use spec::{DType, MAX_DIMS, Spec};
pub use variable::{Variable, WouldDeadlock, assign_all, clear_all, read_all};
