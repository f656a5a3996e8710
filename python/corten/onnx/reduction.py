"""Sums, means and extremes over axes, and softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from corten import ops
from corten.graph import Array, push
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.shapes import axes_given
from corten.onnx.tensors import BOOL, FLOAT
from corten.onnx.unsupported import unsupported_type
from corten.onnx.values import (
    Data,
    Value,
    as_data,
    axes_of,
    axis_of,
    checked,
    exact,
    reshaped,
    squeezed,
    summed_exactly,
)

Reduce = Callable[..., Any]


def _reduction(name: str, function: Reduce, numpy: Reduce, integers: bool = True, since: int = 18) -> None:
    @operator(name)
    def reduce(call: Call, x: Value, axes: Value | None = None) -> Value:
        rank = len(x.shape)
        given = axes_given(call, axes, since)
        keep, noop = call.flag("keepdims", True), call.flag("noop_with_empty_axes")
        if not given and noop:
            if name in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd"):
                return x
            places = []
        else:
            places = axes_of(given, rank) if given else list(range(rank))
        return _reduced(call, function, numpy, x, places, keep, integers)


def _reduced(
    call: Call, function: Reduce, numpy: Reduce, x: Value, axes: list[int], keep: bool, integers: bool
) -> Value:
    if not isinstance(x, Data):
        with np.errstate(all="ignore"):
            known: Array = np.asarray(numpy(x, axis=tuple(axes), keepdims=keep)).astype(x.dtype)
        return known
    data = x
    if x.dtype.kind in "iu":
        if not integers or x.dtype not in (np.int32, np.int64):
            raise unsupported_type(str(call.node), x.dtype)
        data = exact(x, str(call.node))  # type: ignore[assignment]
    elif x.dtype not in (FLOAT, BOOL):
        raise unsupported_type(str(call.node), x.dtype)
    if axes and not math.prod(x.shape[axis] for axis in axes):
        if function in (ops.max, ops.min):
            raise call.refuse("the extreme of nothing")
        return _reduced(call, function, numpy, np.zeros(x.shape, x.dtype), axes, keep, integers)
    tensor = data.tensor
    places = [data.order.index(axis) for axis in axes]
    reduced = function(tensor, axis=places, keepdims=True)
    if x.dtype.kind in "iu":
        exactly = summed_exactly(reduced, tensor, places) if function is ops.sum else checked(reduced)
        reduced = ops.cast(exactly, "int32")
    result = x.like(reduced)
    return result if keep else squeezed(result, axes)


def _l1(x: Any, **over: Any) -> Any:
    return ops.sum(ops.abs(x), **over)


def _sum_of_squares(x: Any, **over: Any) -> Any:
    return ops.sum(ops.square(x), **over)


def _log_sum(x: Any, **over: Any) -> Any:
    return ops.log(ops.sum(x, **over))


def _log_sum_exp(x: Array, **over: Any) -> Array:
    return np.asarray(np.log(np.sum(np.exp(x), **over)))


_reduction("ReduceSum", ops.sum, np.sum, since=13)
_reduction("ReduceMean", ops.mean, np.mean, integers=False)
_reduction("ReduceMax", ops.max, np.max)
_reduction("ReduceMin", ops.min, np.min)
_reduction("ReduceProd", ops.prod, np.prod)
_reduction("ReduceL1", _l1, lambda x, **over: np.sum(np.abs(x), **over))
_reduction("ReduceL2", ops.norm, lambda x, **over: np.sqrt(np.sum(np.square(x), **over)), integers=False)
_reduction("ReduceSumSquare", _sum_of_squares, lambda x, **over: np.sum(np.square(x), **over))
_reduction("ReduceLogSum", _log_sum, lambda x, **over: np.log(np.sum(x, **over)), integers=False)
_reduction("ReduceLogSumExp", ops.logsumexp, _log_sum_exp, integers=False)


def softmax(tensor: Any, axis: int = -1, name: str = "softmax") -> Any:
    """As ``ops.softmax``, or another op of one axis, without a warning where there is one element to it."""
    if axis in (-1, len(tensor.shape) - 1):
        return push(name, [tensor])[0]
    return ops.swapaxes(push(name, [ops.swapaxes(tensor, axis, -1)])[0], axis, -1)


def _softmax_like(operator_name: str, name: str) -> None:
    @operator(operator_name)
    def apply(call: Call, x: Value) -> Value:
        expect_floats(call, x)
        rank = len(x.shape)
        data = as_data(x)
        if call.version >= 13:
            axis = axis_of(call.integer("axis", -1), rank)
            return data.like(softmax(data.tensor, data.order.index(axis), name))
        # All axes from this one on, as one.
        axis = axis_of(call.integer("axis", 1), rank)
        if axis == rank - 1:
            return data.like(softmax(data.tensor, data.order.index(axis), name))
        flat = as_data(reshaped(data, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])]))
        return reshaped(Data(softmax(flat.plain, 1, name), FLOAT), x.shape)


_softmax_like("Softmax", "softmax")
_softmax_like("LogSoftmax", "log_softmax")
