"""Normalisations."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

from corten import ops
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.tensors import FLOAT
from corten.onnx.values import Data, Value, arranged, as_data, axes_of, axis_of, combined, reshaped
from corten.onnx.windows import channels_last


def _data(call: Call, *values: Value) -> list[Data]:
    expect_floats(call, *values)
    return [as_data(value) for value in values]


@operator("BatchNormalization")
def _batch_normalization(call: Call, x: Value, scale: Value, b: Value, mean: Value, variance: Value) -> Any:
    data, gamma, beta, centre, spread = _data(call, x, scale, b, mean, variance)
    epsilon, momentum = call.real("epsilon", 1e-5), call.real("momentum", 0.9)
    call.only("spatial", 1)
    if call.version < 7:
        call.only("is_test", 1, 0)
    rank = len(data.shape)
    order = channels_last(rank) if rank > 2 else tuple(range(rank))
    tensor = data.laid(order)
    if call.flag("training_mode") or (call.training and call.trainable):
        y, batch_mean, batch_variance = ops.batch_norm(tensor, gamma.tensor, beta.tensor, epsilon)
        running = [
            ops.add(ops.multiply(old.tensor, momentum), ops.multiply(new, 1 - momentum))
            for old, new in ((centre, batch_mean), (spread, batch_variance))
        ]
        for variable, value in zip(call.statistics, running):
            variable.assign(value)
        return Data(y, FLOAT, order), Data(running[0], FLOAT), Data(running[1], FLOAT)
    y = ops.batch_normalization(tensor, centre.tensor, spread.tensor, -1, beta.tensor, gamma.tensor, epsilon)
    return (Data(y, FLOAT, order),)


@operator("LayerNormalization", oldest=17)
def _layer_normalization(call: Call, x: Value, scale: Value, b: Value | None = None) -> Any:
    call.only("stash_type", 1)
    axis, epsilon = call.integer("axis", -1), call.real("epsilon", 1e-5)
    data, gamma, *betas = _data(call, x, scale, *([] if b is None else [b]))
    rank = len(data.shape)
    axes = list(range(axis_of(axis, rank), rank))
    sizes = tuple(data.shape[a] for a in axes)
    fits = all(tuple(weight.shape) == sizes for weight in (gamma, *betas))
    y = ops.layer_normalization(
        data.plain,
        gamma.plain if fits else None,
        betas[0].plain if fits and betas else None,
        axes,
        epsilon,
    )
    result = Data(y, FLOAT)
    if not fits:
        result = combined(ops.multiply, FLOAT, result, gamma)
        result = combined(ops.add, FLOAT, result, betas[0]) if betas else result
    if not (call.wants(1) or call.wants(2)):
        return (result,)
    mean = ops.mean(data.plain, axes, keepdims=True)
    inverse = ops.rsqrt(ops.add(ops.var(data.plain, axes, keepdims=True), epsilon))
    return result, Data(mean, FLOAT), Data(inverse, FLOAT)


@operator("RMSNormalization", "com.microsoft.SimplifiedLayerNormalization", "SimplifiedLayerNormalization", oldest=1)
def _rms_normalization(call: Call, x: Value, scale: Value) -> Value:
    call.only("stash_type", 1)
    axis, epsilon = call.integer("axis", -1), call.real("epsilon", 1e-5)
    data, gamma = _data(call, x, scale)
    axes = list(range(axis_of(axis, len(data.shape)), len(data.shape)))
    fits = tuple(gamma.shape) == tuple(data.shape[a] for a in axes)
    y = Data(ops.rms_normalization(data.plain, gamma.plain if fits else None, axes, epsilon), FLOAT)
    return y if fits else combined(ops.multiply, FLOAT, y, gamma)


@operator("com.microsoft.SkipLayerNormalization", oldest=1)
def _skip_layer_normalization(
    call: Call, x: Value, skip: Value, gamma: Value, beta: Value | None = None, bias: Value | None = None
) -> Any:
    epsilon = call.real("epsilon", 1e-12)
    total = combined(ops.add, FLOAT, *_data(call, x, skip))
    if bias is not None:
        total = combined(ops.add, FLOAT, total, *_data(call, bias))
    scale = _data(call, gamma)[0].plain
    y = ops.layer_normalization(total.plain, scale, None if beta is None else _data(call, beta)[0].plain, -1, epsilon)
    if call.wants(1) or call.wants(2):
        raise call.refuse("the output of means and deviations")
    return Data(y, FLOAT), None, None, total


def _per_channel(data: Data, *weights: Data) -> list[Any]:
    """Weights of the channels as what broadcasts over channels, where the tensor has them."""
    shape = [1, data.shape[1], *[1] * (len(data.shape) - 2)]
    plain = tuple(range(len(shape)))
    return [arranged(ops.reshape(weight.tensor, shape), plain, data.order) for weight in weights]


@operator("InstanceNormalization")
def _instance_normalization(call: Call, x: Value, scale: Value, b: Value) -> Value:
    epsilon = call.real("epsilon", 1e-5)
    data, gamma, beta = _data(call, x, scale, b)
    lines = as_data(reshaped(data, [*data.shape[:2], math.prod(data.shape[2:])]))
    y = as_data(reshaped(Data(ops.layer_normalization(lines.plain, None, None, -1, epsilon), FLOAT), data.shape))
    factor, shift = _per_channel(y, gamma, beta)
    return y.like(ops.add(ops.multiply(y.tensor, factor), shift))


@operator("GroupNormalization", oldest=18)
def _group_normalization(call: Call, x: Value, scale: Value, b: Value) -> Value:
    call.only("stash_type", 1)
    groups, epsilon = call.integer("num_groups"), call.real("epsilon", 1e-5)
    data, gamma, beta = _data(call, x, scale, b)
    n, channels = data.shape[:2]
    if groups < 1 or channels % groups:
        raise ValueError(f"num_groups {groups} does not fit {channels} channels")
    if call.version < 21:
        # One number for each group.
        gamma, beta = (
            w.like(ops.repeat(w.tensor, channels // groups)) if w.shape == (groups,) else w for w in (gamma, beta)
        )
    lines = as_data(reshaped(data, [n, groups, math.prod(data.shape[1:]) // groups]))
    y = as_data(reshaped(Data(ops.layer_normalization(lines.plain, None, None, -1, epsilon), FLOAT), data.shape))
    factor, shift = _per_channel(y, gamma, beta)
    return y.like(ops.add(ops.multiply(y.tensor, factor), shift))


@operator("LRN")
def _local_response_normalization(call: Call, x: Value) -> Value:
    alpha, beta, bias, size = (
        call.real("alpha", 1e-4),
        call.real("beta", 0.75),
        call.real("bias", 1.0),
        call.integer("size"),
    )
    (data,) = _data(call, x)
    axis, channels = data.order.index(1), data.shape[1]
    if not 1 <= size <= 2 * channels + 1:
        raise ValueError(f"size: expected 1 to {2 * channels + 1} for {channels} channels, got {size}")
    low = (size - 1) // 2
    widths = [(low, size - 1 - low) if place == axis else (0, 0) for place in range(len(data.order))]
    squares = ops.pad(ops.square(data.tensor), widths)
    keys: list[Any] = [slice(None)] * len(data.order)
    parts = []
    for first in range(size):
        keys[axis] = slice(first, first + channels)
        parts.append(ops.getitem(squares, tuple(keys)))
    total = reduce(ops.add, parts)
    scale = ops.power(ops.add(ops.multiply(total, alpha / size), bias), -beta)
    return data.like(ops.multiply(data.tensor, scale))


@operator("LpNormalization")
def _lp_normalization(call: Call, x: Value) -> Value:
    axis, power = call.integer("axis", -1), call.integer("p", 2)
    if power not in (1, 2):
        raise call.refuse(f"p={power}")
    (data,) = _data(call, x)
    place = data.order.index(axis_of(axis, len(data.shape)))
    length = ops.norm(data.tensor, power, place, keepdims=True)
    # Of a line of zeros nothing but zeros is left.
    return data.like(ops.divide_no_nan(data.tensor, length))


@operator("MeanVarianceNormalization", oldest=9)
def _mean_variance_normalization(call: Call, x: Value) -> Value:
    (data,) = _data(call, x)
    axes = axes_of(call.integers("axes", [0, 2, 3]), len(data.shape))
    places = [data.order.index(axis) for axis in axes]
    centred = ops.subtract(data.tensor, ops.mean(data.tensor, places, keepdims=True))
    deviation = ops.sqrt(ops.mean(ops.square(centred), places, keepdims=True))
    return data.like(ops.divide(centred, ops.add(deviation, 1e-9)))
