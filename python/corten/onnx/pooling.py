"""Pooling: of windows, and of everything."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from corten import ops
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.tensors import FLOAT
from corten.onnx.values import Data, Value, as_data
from corten.onnx.windows import Windows, bordered, channels_last, from_image, image, kernel_shape, windows


def _pooled(call: Call, x: Value) -> tuple[Data, Windows]:
    expect_floats(call, x)
    data = as_data(x)
    rank = len(data.shape)
    if rank < 3:
        raise ValueError(f"expected (batch, channels, ...), got shape {data.shape}")
    ceil = call.flag("ceil_mode")
    window = windows(call, list(data.shape[2:]), kernel_shape(call, rank - 2), ceil)
    if set(window.dilations) != {1} and call.text("auto_pad", "NOTSET").startswith("SAME"):
        raise call.refuse("auto_pad with dilations")
    return data, window


def _over(data: Data, window: Windows, function: Callable[..., Any], combine: Any, outside: float) -> Data:
    """Windows over an image that has cells of a constant around it."""
    rank = len(data.shape)
    if rank <= 4 and set(window.dilations) == {1}:
        pads, sizes, strides = window.pads, window.sizes, window.strides
        if rank == 3:
            pads, sizes, strides = [(0, 0), *pads], [1, *sizes], [1, *strides]
        return from_image(function(bordered(image(data), pads, outside), sizes, strides), data)
    tensor = bordered(data.laid(channels_last(rank)), window.pads, outside)
    cells = [ops.getitem(tensor, (slice(None), *cell)) for cell in itertools.product(*window.slices())]
    return Data(reduce(combine, cells), FLOAT, channels_last(rank))


@operator("MaxPool")
def _max_pool(call: Call, x: Value) -> Value:
    call.only("storage_order", 0)
    if call.wants(1):
        raise call.refuse("the output of places")
    data, window = _pooled(call, x)
    if len(data.shape) == 4 and window.padded and set(window.dilations) == {1} and window.as_same(list(data.shape[2:])):
        return from_image(ops.max_pool2d(image(data), window.sizes, window.strides, "same"), data)
    return _over(data, window, ops.max_pool2d, ops.maximum, -np.inf)


@operator("AveragePool")
def _average_pool(call: Call, x: Value) -> Value:
    include = call.flag("count_include_pad")
    given = call.text("auto_pad", "NOTSET") in ("NOTSET", "VALID")
    declared = call.integers("pads", None)
    data, window = _pooled(call, x)
    extents = list(data.shape[2:])
    cells = float(np.prod(window.sizes))
    dilated = set(window.dilations) != {1}

    y = _over(data, window, ops.average_pool2d, ops.add, 0.0)
    if len(extents) > 2 or dilated:
        y = y.like(ops.multiply(y.tensor, 1 / cells))
    counts = np.ones((), np.float32)
    for axis, (n, s, d, k, count) in enumerate(
        zip(extents, window.strides, window.dilations, window.sizes, window.counts)
    ):
        low, high = window.pads[axis]
        if given and include:
            # Cells that only a last window of ceil_mode reaches do not count.
            high = min(high, 0 if declared is None else declared[axis + len(extents)])
        first, end = (-low, n + high) if include else (0, n)
        cell = -low + s * np.arange(count)[:, None] + d * np.arange(k)
        inside = ((cell >= first) & (cell < end)).sum(axis=1).astype(np.float32)
        counts = counts[..., None] * inside
    if (counts == cells).all():
        return y
    return y.like(ops.multiply(y.tensor, (cells / counts)[..., None].astype(np.float32)))


@operator("LpPool")
def _lp_pool(call: Call, x: Value) -> Value:
    power = call.integer("p", 2)
    data, window = _pooled(call, x)
    cells = float(np.prod(window.sizes))
    powers = data.like(ops.power(ops.abs(data.tensor), float(power)))
    y = _over(powers, window, ops.average_pool2d, ops.add, 0.0)
    summed = y.tensor if len(data.shape) > 4 or set(window.dilations) != {1} else ops.multiply(y.tensor, cells)
    return y.like(ops.power(summed, 1 / power))


def _global(name: str, function: Callable[..., Any]) -> None:
    @operator(name)
    def pool(call: Call, x: Value) -> Value:
        expect_floats(call, x)
        data = as_data(x)
        places = [data.order.index(axis) for axis in range(2, len(data.shape))]
        return data.like(function(data.tensor, axis=places, keepdims=True))


_global("GlobalAveragePool", ops.mean)
_global("GlobalMaxPool", ops.max)


@operator("GlobalLpPool")
def _global_lp_pool(call: Call, x: Value) -> Value:
    power = call.integer("p", 2)
    expect_floats(call, x)
    data = as_data(x)
    places = [data.order.index(axis) for axis in range(2, len(data.shape))]
    total = ops.sum(ops.power(ops.abs(data.tensor), float(power)), axis=places, keepdims=True)
    return data.like(ops.power(total, 1 / power))
