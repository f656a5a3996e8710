//! Matrix products.

use crate::Isa;

pub mod reference;

/// `C[b] = op(A[b]) . op(B[b])`, row-major, for `b` in `0..batch`. A is m x k (k x m when transposed), B is k x n
/// (n x k). An operand with batch stride 0 is shared by the whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matmul {
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub transpose_a: bool,
    pub transpose_b: bool,
    /// Floats from one batch entry of A to the next; C's is `m * n`.
    pub stride_a: usize,
    pub stride_b: usize,
}

/// The product `p`, then `+ bias` per column, then relu, into `c`.
pub fn matmul(_isa: Isa, p: &Matmul, a: &[f32], b: &[f32], bias: Option<&[f32]>, relu: bool, c: &mut [f32]) {
    reference::matmul(p, a, b, bias, relu, c);
}
