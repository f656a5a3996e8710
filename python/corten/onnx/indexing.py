"""Operators that pick and place elements by index."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from corten import ops
from corten.graph import Array
from corten.onnx.arithmetic import arithmetic
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.shapes import known
from corten.onnx.tensors import FLOAT, INT64
from corten.onnx.unsupported import unsupported_type
from corten.onnx.values import (
    Data,
    Value,
    as_data,
    axis_of,
    checked,
    exact,
    from_end,
    indexed,
    joined,
    reshaped,
    summed_exactly,
    taken,
    transposed,
    whole,
)


@operator("Gather")
def _gather(call: Call, x: Value, indices: Value) -> Value:
    return taken(x, indices, axis_of(call.integer("axis", 0), len(x.shape)))


@operator("GatherElements", oldest=11)
def _gather_elements(call: Call, x: Value, indices: Value) -> Value:
    axis = axis_of(call.integer("axis", 0), len(x.shape))
    if len(indices.shape) != len(x.shape):
        raise ValueError(f"indices of shape {indices.shape} do not fit shape {x.shape}")
    extent = x.shape[axis]
    if not isinstance(indices, Data):
        indices = _from_zero(indices, extent)
        if not isinstance(x, Data):
            return np.asarray(np.take_along_axis(_head(x, indices.shape, axis), indices, axis))
        places: Any = indices.astype(np.int32)
    else:
        places = from_end(indices, extent)
    head = as_data(_head(x, indices.shape, axis))
    return Data(ops.take_along_axis(head.plain, places, axis), head.dtype)


def _head(x: Value, shape: tuple[int, ...], axis: int) -> Value:
    """As much of a value as indices of a shape reach along the other axes."""
    return indexed(x, [slice(None) if a == axis else slice(0, size) for a, size in enumerate(shape)])


def _from_zero(indices: Array, extent: int) -> Array:
    if indices.dtype.kind not in "iu":
        raise ValueError(f"indices: expected integers, got {indices.dtype}")
    if indices.size and not -extent <= indices.min() <= indices.max() < extent:
        raise IndexError(f"indices: expected {-extent} to {extent - 1}, got {indices.min()}..{indices.max()}")
    return np.where(indices < 0, indices + extent, indices)


@operator("GatherND", oldest=11)
def _gather_nd(call: Call, x: Value, indices: Value) -> Value:
    batch = call.integer("batch_dims", 0)
    depth = indices.shape[-1] if indices.shape else 0
    if not 0 <= batch < min(len(x.shape), len(indices.shape)) or not 1 <= depth <= len(x.shape) - batch:
        raise ValueError(f"indices of shape {indices.shape} do not fit shape {x.shape}")
    lines, extents, rest = x.shape[:batch], x.shape[batch : batch + depth], x.shape[batch + depth :]
    if indices.shape[:batch] != lines:
        raise ValueError(f"indices of shape {indices.shape} do not fit shape {x.shape} with batch_dims={batch}")
    flat = reshaped(x, [math.prod(lines) * math.prod(extents), *rest])
    strides = [math.prod(extents[place + 1 :]) for place in range(depth)]
    count = math.prod(lines)
    first = (np.arange(count) * math.prod(extents)).reshape([*lines, *[1] * (len(indices.shape) - 1 - batch)])
    if isinstance(indices, Data):
        parts = []
        for place, (extent, stride) in enumerate(zip(extents, strides)):
            one = Data(from_end(Data(indices.plain[..., place], INT64), extent), INT64)
            # An index outside its own axis must not become a place of another.
            inside = Data(ops.take(np.arange(extent, dtype=np.int32), one.plain), INT64)
            parts.append(ops.multiply(ops.cast(inside.tensor, "float32"), float(stride)))
        total = checked(ops.add(reduce(ops.add, parts), first.astype(np.float32)))
        return taken(flat, Data(ops.cast(total, "int32"), INT64), 0)
    split = [_from_zero(indices[..., place], extent) for place, extent in enumerate(extents)]
    return taken(flat, sum((one * stride for one, stride in zip(split, strides)), start=first), 0)


#: How updates are combined with what is there.
_REDUCTIONS: dict[str, tuple[Any, Any]] = {
    "add": (ops.add, np.add),
    "mul": (ops.multiply, np.multiply),
    "max": (ops.maximum, np.maximum),
    "min": (ops.minimum, np.minimum),
}


# --- placing ---------------------------------------------------------------------------------------------------------


@operator("ScatterElements", "Scatter", oldest=9)
def _scatter_elements(call: Call, x: Value, indices: Value, updates: Value) -> Value:
    axis = axis_of(call.integer("axis", 0), len(x.shape))
    places = _from_zero(known(call, indices, "the indices"), x.shape[axis])
    if places.shape != tuple(updates.shape) or places.ndim != len(x.shape):
        raise ValueError(f"indices {places.shape} and updates {updates.shape} do not fit shape {x.shape}")
    grid: list[Array] = list(np.indices(places.shape))
    grid[axis] = places
    flat = np.ravel_multi_index(tuple(grid), x.shape) if places.size else np.zeros(places.shape, np.int64)
    return _placed(call, x, flat.ravel(), reshaped(updates, [-1 if places.size else 0]), 1)


@operator("ScatterND", oldest=11)
def _scatter_nd(call: Call, x: Value, indices: Value, updates: Value) -> Value:
    places = known(call, indices, "the indices")
    depth = places.shape[-1]
    if not 1 <= depth <= len(x.shape) or tuple(updates.shape) != (*places.shape[:-1], *x.shape[depth:]):
        raise ValueError(f"indices {places.shape} and updates {updates.shape} do not fit shape {x.shape}")
    split = [_from_zero(places[..., place], x.shape[place]) for place in range(depth)]
    flat = np.ravel_multi_index(tuple(split), x.shape[:depth]) if places.size else np.zeros(0, np.int64)
    row = math.prod(x.shape[depth:])
    return _placed(call, x, flat.ravel(), reshaped(updates, [flat.size * row]), row)


def _placed(call: Call, x: Value, places: Array, updates: Value, row: int) -> Value:
    """``x`` with updates in the place of its rows (of ``row`` elements each) at ``places``."""
    how = call.text("reduction", "none", ("none", "add", "mul", "max", "min"))
    rows = math.prod(x.shape) // row if row else 0
    if not isinstance(x, Data) and not isinstance(updates, Data):
        array = np.array(x).reshape(rows, row)
        rows_of = updates.reshape(-1, row)
        if how == "none":
            array[places] = rows_of
        else:
            _REDUCTIONS[how][1].at(array, places, rows_of)
        return array.reshape(x.shape)
    if x.dtype != updates.dtype:
        raise ValueError(f"updates of {updates.dtype} do not fit {x.dtype}")
    base, new = reshaped(as_data(x), [rows, row]), reshaped(as_data(updates), [len(places), row])
    if how == "none":
        return reshaped(_replaced(base, places, new), x.shape)
    # In the first round the first update of each place, then the second of those that have one, and so on.
    order = np.argsort(places, kind="stable")
    rounds = np.empty(len(places), np.int64)
    rounds[order] = np.arange(len(places)) - np.searchsorted(places[order], places[order])
    function, numpy = _REDUCTIONS[how]
    for number in range(int(rounds.max(initial=-1)) + 1):
        own = np.flatnonzero(rounds == number)
        combined = arithmetic(call, function, numpy, taken(base, places[own], 0), taken(new, own, 0))
        base = _replaced(base, places[own], combined)
    return reshaped(base, x.shape)


def _replaced(base: Value, places: Array, new: Value) -> Value:
    """Rows with others in their places: each row of the result is one of both; the last one for a place counts."""
    source = np.arange(base.shape[0])
    source[places] = base.shape[0] + np.arange(len(places))
    return taken(joined([base, new], 0), source, 0)


# --- of known numbers only -------------------------------------------------------------------------------------------


@operator("NonZero", oldest=9)
def _non_zero(call: Call, x: Value) -> Value:
    array = known(call, x, "what is looked through")
    return np.array(np.nonzero(np.atleast_1d(array)), np.int64)


@operator("Unique", oldest=11)
def _unique(call: Call, x: Value) -> Any:
    array = known(call, x, "the input")
    axis = call.integer("axis", None)
    is_sorted = call.flag("sorted", True)
    values, first, inverse, counts = np.unique(array, True, True, True, axis=axis)
    inverse = inverse.reshape(-1)
    if not is_sorted:
        order = np.argsort(first)
        values = np.take(values, order, 0 if axis is None else axis)
        inverse, first, counts = np.argsort(order)[inverse], first[order], counts[order]
    return values, first.astype(np.int64), inverse.astype(np.int64), counts.astype(np.int64)


@operator("Compress", oldest=9)
def _compress(call: Call, x: Value, condition: Value) -> Value:
    axis = call.integer("axis", None)
    places = np.flatnonzero(known(call, condition, "the condition"))
    if axis is None:
        return taken(reshaped(x, [math.prod(x.shape)]), places, 0)
    return taken(x, places, axis_of(axis, len(x.shape)))


@operator("ReverseSequence", oldest=10)
def _reverse_sequence(call: Call, x: Value, lengths: Value) -> Value:
    time, batch = call.integer("time_axis", 0), call.integer("batch_axis", 1)
    if {time, batch} != {0, 1}:
        raise ValueError(f"time_axis and batch_axis: expected 0 and 1, got {time} and {batch}")
    sizes = whole(lengths, f"{call.node}: the lengths")
    steps, rows = x.shape[time], x.shape[batch]
    if len(sizes) != rows or any(not 0 <= size <= steps for size in sizes):
        raise ValueError(f"sequence_lens: expected {rows} numbers from 0 to {steps}, got {sizes}")
    moved = x if batch == 0 else transposed(x, [1, 0, *range(2, len(x.shape))])
    flat = reshaped(moved, [rows * steps, *x.shape[2:]])
    order = [[*reversed(range(size)), *range(size, steps)] for size in sizes]
    places = np.array([row * steps + step for row, own in enumerate(order) for step in own], np.int64)
    back = reshaped(taken(flat, places, 0), moved.shape)
    return back if batch == 0 else transposed(back, [1, 0, *range(2, len(x.shape))])


# --- order -----------------------------------------------------------------------------------------------------------


@operator("TopK", oldest=10)
def _top_k(call: Call, x: Value, k: Value) -> Any:
    axis = axis_of(call.integer("axis", -1), len(x.shape))
    largest = call.flag("largest", True) if call.version >= 11 else True
    if call.version >= 11 and not call.flag("sorted", True):
        raise call.refuse("sorted=0")
    count = int(known(call, k, "k").reshape(()))
    if not 0 <= count <= x.shape[axis]:
        raise ValueError(f"k: expected 0 to {x.shape[axis]}, got {count}")
    if not isinstance(x, Data):
        order = np.argsort(-x if largest else x, axis, kind="stable")
        places = np.take(order, np.arange(count), axis)
        return np.take_along_axis(x, places, axis), places.astype(np.int64)
    if x.dtype != FLOAT or count == 0:
        raise unsupported_type(f"{call.node} (k={count})", x.dtype)
    last = (*(a for a in range(len(x.shape)) if a != axis), axis)
    tensor = x.laid(last)
    values, at = ops.top_k(tensor if largest else ops.negative(tensor), count)
    return Data(values if largest else ops.negative(values), FLOAT, last), Data(at, INT64, last)


@operator("ArgMax", "ArgMin")
def _position(call: Call, x: Value) -> Value:
    axis, keep = axis_of(call.integer("axis", 0), len(x.shape)), call.flag("keepdims", True)
    behind = call.flag("select_last_index") if call.version >= 12 else False
    name = call.node.operator
    if not isinstance(x, Data):
        turned = np.flip(x, axis) if behind else x
        place = (np.argmax if name == "ArgMax" else np.argmin)(turned, axis)
        place = (x.shape[axis] - 1 - place if behind else place).astype(np.int64)
        return np.expand_dims(place, axis) if keep else place
    data = exact(x, str(call.node)) if x.dtype.kind in "iu" else x
    assert isinstance(data, Data)
    tensor = ops.flip(data.plain, axis) if behind else data.plain
    place = (ops.argmax if name == "ArgMax" else ops.argmin)(tensor, axis, keepdims=keep)
    if behind:
        floats = ops.subtract(float(x.shape[axis] - 1), ops.cast(place, "float32"))
        place = ops.cast(floats, "int32")
    return Data(place, INT64)


@operator("CumSum", oldest=11)
def _cumulated(call: Call, x: Value, axis: Value) -> Value:
    place = axis_of(int(known(call, axis, "the axis").reshape(())), len(x.shape))
    exclusive, backwards = call.flag("exclusive"), call.flag("reverse")
    keys = [slice(None)] * len(x.shape)
    keys[place] = slice(None, None, -1)
    value = indexed(x, keys) if backwards else x
    if isinstance(value, Data):
        data = exact(value, str(call.node)) if value.dtype.kind in "iu" else value
        assert isinstance(data, Data)
        along = data.order.index(place)
        total = data.like(ops.cumsum(data.tensor, along))
        if value.dtype.kind in "iu":
            exactly = summed_exactly(total.tensor, data.tensor, [along])
            total = data.like(ops.cast(exactly, "int32"), value.dtype)
        result: Value = total
    else:
        result = np.cumsum(value, place, dtype=value.dtype)
    if exclusive:
        keys[place] = slice(0, 1)
        zero = np.zeros(indexed(result, keys).shape, x.dtype)
        keys[place] = slice(0, x.shape[place] - 1)
        result = joined([zero, indexed(result, keys)], place)
    keys[place] = slice(None, None, -1)
    return indexed(result, keys) if backwards else result


@operator("Hardmax")
def _hardmax(call: Call, x: Value) -> Value:
    rank = len(x.shape)
    if call.version < 13:
        axis = axis_of(call.integer("axis", 1), rank)
        shape = [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])]
        return reshaped(_hot(call, reshaped(x, shape), 1), x.shape)
    return _hot(call, x, axis_of(call.integer("axis", -1), rank))


def _hot(call: Call, x: Value, axis: int) -> Value:
    expect_floats(call, x)
    data = as_data(x)
    last = (*(a for a in range(len(x.shape)) if a != axis), axis)
    tensor = data.laid(last)
    return Data(ops.one_hot(ops.argmax(tensor, -1), x.shape[axis]), FLOAT, last)
