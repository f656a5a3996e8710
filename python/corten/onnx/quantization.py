"""Conversion from and to integers that stand for floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import ops
from corten.onnx.operator import Call, operator
from corten.onnx.tensors import FLOAT
from corten.onnx.unsupported import unsupported_type
from corten.onnx.values import Data, Value, axis_of, combined, numbers


def _per_axis(call: Call, value: Value, rank: int, axis: int) -> Any:
    """A known scale or zero point as what broadcasts along an axis."""
    array = numbers(value, f"{call.node}: scale or zero point").astype(np.float32)
    if array.size == 1:
        return array.reshape(())
    if array.ndim != 1:
        raise call.refuse("a scale for each block")
    return array.reshape([-1 if a == axis else 1 for a in range(rank)])


def _axis(call: Call, rank: int) -> int:
    axis = call.integer("axis", 1)
    return axis_of(axis, rank) if rank > 1 else 0


@operator("DequantizeLinear", oldest=10)
def _dequantize(call: Call, x: Value, scale: Value, zero: Value | None = None) -> Value:
    rank = len(x.shape)
    axis = _axis(call, rank)
    call.only("block_size", 0)
    if scale.dtype != FLOAT or call.integer("output_dtype", 1) not in (0, 1):
        raise unsupported_type(str(call.node), scale.dtype)
    factor = _per_axis(call, scale, rank, axis)
    shift = np.float32(0) if zero is None else _per_axis(call, zero, rank, axis)
    if not isinstance(x, Data):
        return np.asarray((x.astype(np.float32) - shift) * factor, np.float32)
    floats = x.like(ops.cast(x.tensor, "float32"), FLOAT)
    return combined(lambda t, s, f: ops.multiply(ops.subtract(t, s), f), FLOAT, floats, np.asarray(shift), factor)


@operator("QuantizeLinear", oldest=10)
def _quantize(call: Call, x: Value, scale: Value, zero: Value | None = None) -> Value:
    rank = len(x.shape)
    axis = _axis(call, rank)
    call.only("block_size", 0)
    call.ignore("saturate")
    if x.dtype != FLOAT or call.integer("output_dtype", 0) not in (0, 2):
        raise unsupported_type(str(call.node), x.dtype)
    dtype = np.dtype(np.uint8) if zero is None else zero.dtype
    if dtype not in (np.uint8, np.int8, np.uint16, np.int16):
        raise unsupported_type(str(call.node), dtype)
    factor = _per_axis(call, scale, rank, axis)
    shift = np.float32(0) if zero is None else _per_axis(call, zero, rank, axis)
    limits = np.iinfo(dtype)

    def quantize(t: Any, f: Any, s: Any) -> Any:
        return ops.clip(ops.add(ops.round(ops.divide(t, f)), s), float(limits.min), float(limits.max))

    rounded = combined(quantize, FLOAT, x, factor, np.asarray(shift))
    return rounded.like(ops.cast(rounded.tensor, "int32"), dtype)
