//! Data movement: the same elements in another order, of any type.
//!
//! [`view`] reads through strides (transpose, slice, flip, broadcast, tile, repeat), [`pad`] writes through them (pad,
//! the gradient of a slice), [`concatenate`] joins and splits, [`gather`] follows indices, [`cast`] changes the type. What
//! only copies rows takes no [`crate::Isa`]: memory sets its speed.

pub mod cast;
pub mod concatenate;
pub mod gather;
pub mod pad;
pub mod view;

/// Elements of one task, and what moving one weighs in multiply-adds.
const TASK: usize = 16_384;
const WORK: usize = 3;

/// An index that points nowhere: its place in the array of indices, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadIndex {
    pub position: usize,
    pub value: i32,
}
