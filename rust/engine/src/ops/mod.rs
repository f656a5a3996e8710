//! The ops: one file for each operation or close family.

pub(crate) mod accumulate;
pub(crate) mod activation;
pub(crate) mod algebra;
pub(crate) mod attention;
pub(crate) mod batch_norm;
pub(crate) mod cast;
pub(crate) mod concatenate;
pub(crate) mod conv2d;
pub(crate) mod conv2d_max_pool2d;
pub(crate) mod cross_entropy;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod elementwise;
pub(crate) mod gather;
pub(crate) mod identity;
pub(crate) mod increment;
pub(crate) mod layer_norm;
pub(crate) mod loss;
pub(crate) mod mask_steps;
pub(crate) mod matmul;
pub(crate) mod optimizer;
pub(crate) mod pad;
pub(crate) mod pool2d;
pub(crate) mod random;
pub(crate) mod recurrent;
pub(crate) mod reduce;
pub(crate) mod reshape;
pub(crate) mod softmax;
pub(crate) mod split;
pub(crate) mod view;
pub(crate) mod warp;

use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::spec::{DType, Spec};
use corten_kernels::Isa;

/// The instruction set that every op runs on.
pub(crate) fn isa() -> Isa {
    Isa::active()
}

/// Refuses anything but float32 inputs.
pub(crate) fn expect_f32(inputs: &[&Spec]) -> Result<()> {
    match inputs.iter().position(|spec| spec.dtype != DType::F32) {
        Some(index) => Err(Error::Type(format!("input {index}: expected float32, got {:?}", inputs[index]))),
        None => Ok(()),
    }
}

/// Whether the attribute `activation` of a fused layer asks for ReLU: "linear" or "relu".
pub(crate) fn fused_relu(attributes: &Attributes) -> Result<bool> {
    match attributes.text("activation")? {
        "linear" => Ok(false),
        "relu" => Ok(true),
        other => Err(Error::Value(format!("`activation`: expected \"linear\" or \"relu\", got {other:?}"))),
    }
}

/// Whether the attribute `padding` is "same" (else "valid").
pub(crate) fn is_same(attributes: &Attributes) -> Result<bool> {
    match attributes.text("padding")? {
        "same" => Ok(true),
        "valid" => Ok(false),
        other => Err(Error::Value(format!("`padding`: expected \"valid\" or \"same\", got {other:?}"))),
    }
}

/// The stride along one axis: beyond the padded input, where any gives one output, no larger than that.
pub(crate) fn window_stride(stride: usize, size: usize, padding: [usize; 2]) -> usize {
    stride.min((size + padding[0] + padding[1]).max(1))
}

/// Zeros before and after one axis. "same" gives ceil(size / stride) outputs; the odd cell goes after (TensorFlow's rule).
pub(crate) fn window_padding(
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    same: bool,
) -> Result<[usize; 2]> {
    if !same || kernel == 0 || size == 0 {
        return Ok([0, 0]);
    }
    let extent = (kernel - 1).saturating_mul(dilation).saturating_add(1);
    // What follows computes with positions in the padded image.
    if extent > i32::MAX as usize {
        return Err(Error::Value(format!("a window of {kernel} cells, {dilation} apart, is larger than any image")));
    }
    let total = ((size - 1) / stride * stride + extent).saturating_sub(size);
    Ok([total / 2, total - total / 2])
}
