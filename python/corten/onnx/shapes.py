"""Operators that make, ask for and change shapes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from corten import ops
from corten.graph import Array
from corten.onnx.operator import Call, operator
from corten.onnx.tensors import BOOL, FLOAT, INT64, dtype_of
from corten.onnx.unsupported import unsupported_type
from corten.onnx.values import (
    Data,
    Value,
    as_data,
    axes_of,
    axis_of,
    exact,
    expanded,
    indexed,
    joined,
    limited,
    numbers,
    padded,
    reshaped,
    shape_of,
    squeezed,
    taken,
    transposed,
    unsqueezed,
    whole,
)


@operator("Shape")
def _shape(call: Call, x: Value) -> Value:
    rank = len(x.shape)
    start, end = call.integer("start", 0), call.integer("end", rank)
    return np.array(shape_of(x)[slice(*slice(start, end).indices(rank)[:2])], np.int64)


@operator("Size")
def _size(call: Call, x: Value) -> Value:
    return np.array(math.prod(x.shape), np.int64)


@operator("Constant")
def _constant(call: Call) -> Value:
    (name,) = call.node.attributes
    if name in ("value_float", "value_floats"):
        return np.array(call.real(name) if name == "value_float" else call.reals(name), np.float32)
    if name in ("value_int", "value_ints"):
        return np.array(call.integer(name) if name == "value_int" else call.integers(name), np.int64)
    return call.array("value")


@operator("ConstantOfShape", oldest=9)
def _constant_of_shape(call: Call, shape: Value) -> Value:
    value = call.array("value", np.zeros(1, np.float32))
    if value.size != 1:
        raise ValueError(f"attribute 'value': expected one number, got shape {value.shape}")
    return np.full(limited(whole(shape, f"{call.node}: the shape"), str(call.node)), value.reshape(()))


@operator("Range", oldest=11)
def _range(call: Call, start: Value, limit: Value, delta: Value) -> Value:
    names = ("start", "limit", "delta")
    known = [numbers(value, f"{call.node}: {name}") for name, value in zip(names, (start, limit, delta))]
    first, last, step = (value.reshape(())[()] for value in known)
    if step == 0 or not np.isfinite([float(first), float(last), float(step)]).all():
        raise ValueError(f"expected finite numbers and a delta other than 0, got {first}, {last}, {step}")
    count = max(0, math.ceil((float(last) - float(first)) / float(step)))
    limited([count], str(call.node))
    values: Array = (first + np.arange(count).astype(known[0].dtype) * step).astype(known[0].dtype)
    return values


@operator("EyeLike", oldest=9)
def _eye_like(call: Call, x: Value) -> Value:
    dtype = dtype_of(call.integer("dtype"), str(call.node)) if call.has("dtype") else x.dtype
    rows, columns = x.shape
    limited([rows, columns], str(call.node))
    return np.eye(rows, columns, call.integer("k", 0), dtype)


@operator("Reshape")
def _reshape(call: Call, x: Value, shape: Value) -> Value:
    keep_zero = call.flag("allowzero")
    sizes = whole(shape, f"{call.node}: the shape")
    if not keep_zero:
        if any(size == 0 and axis >= len(x.shape) for axis, size in enumerate(sizes)):
            raise ValueError(f"shape {sizes}: 0 stands for a size of the input, which has shape {x.shape}")
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    count, others = math.prod(x.shape), math.prod(size for size in sizes if size != -1)
    if sizes.count(-1) > 1 or any(size < -1 for size in sizes) or (-1 in sizes and (not others or count % others)):
        raise ValueError(f"shape {sizes} does not fit the input of shape {x.shape}")
    sizes = [count // others if size == -1 else size for size in sizes]
    if math.prod(sizes) != count:
        raise ValueError(f"shape {sizes} does not fit the input of shape {x.shape}")
    return reshaped(x, sizes)


@operator("Flatten")
def _flatten(call: Call, x: Value) -> Value:
    axis = call.integer("axis", 1)
    rank = len(x.shape)
    if not -rank <= axis <= rank:
        raise ValueError(f"axis: expected {-rank} to {rank}, got {axis}")
    axis = axis + rank if axis < 0 else axis
    return reshaped(x, [math.prod(x.shape[:axis]), math.prod(x.shape[axis:])])


def axes_given(call: Call, axes: Value | None, since: int) -> list[int] | None:
    """Axes as they are given: by an attribute, and since a version by an input."""
    if call.version < since:
        given: list[int] | None = call.integers("axes", None)
        return given
    return None if axes is None else whole(axes, f"{call.node}: axes")


@operator("Squeeze")
def _squeeze(call: Call, x: Value, axes: Value | None = None) -> Value:
    given = axes_given(call, axes, 13)
    if given is None:
        return squeezed(x, [axis for axis, size in enumerate(x.shape) if size == 1])
    return squeezed(x, axes_of(given, len(x.shape)))


@operator("Unsqueeze")
def _unsqueeze(call: Call, x: Value, axes: Value | None = None) -> Value:
    given = axes_given(call, axes, 13)
    if given is None:
        raise ValueError("axes are missing")
    return unsqueezed(x, sorted(axes_of(given, len(x.shape) + len(given))))


@operator("Transpose")
def _transpose(call: Call, x: Value) -> Value:
    axes = call.integers("perm", list(range(len(x.shape)))[::-1])
    if sorted(axes) != list(range(len(x.shape))):
        raise ValueError(f"perm: expected each of {len(x.shape)} axes once, got {axes}")
    return transposed(x, axes)


@operator("Concat")
def _concat(call: Call, *values: Value) -> Value:
    if len({value.dtype for value in values}) != 1:
        raise ValueError(f"expected values of one type, got {[str(value.dtype) for value in values]}")
    return joined(values, axis_of(call.integer("axis"), len(values[0].shape)))


@operator("Split")
def _split(call: Call, x: Value, split: Value | None = None) -> Any:
    axis = axis_of(call.integer("axis", 0), len(x.shape))
    extent, count = x.shape[axis], len(call.node.outputs)
    if call.version < 13:
        sizes = call.integers("split", None)
    else:
        sizes = None if split is None else whole(split, f"{call.node}: split")
    if call.version >= 18 and call.integer("num_outputs", count) != count:
        raise ValueError(f"num_outputs: expected {count}, the number of outputs")
    if sizes is None:
        each = -(-extent // count)
        if call.version < 18 and extent % count:
            raise ValueError(f"axis {axis} of size {extent} does not split into {count} equal parts")
        sizes = [max(0, min(each, extent - each * part)) for part in range(count)]
    if len(sizes) != count or sum(sizes) != extent or min(sizes, default=0) < 0:
        raise ValueError(f"split {sizes} does not fit axis {axis} of size {extent} and {count} outputs")
    ends = np.cumsum(sizes)
    parts = []
    for size, end in zip(sizes, ends):
        keys = [slice(None)] * len(x.shape)
        keys[axis] = slice(int(end) - size, int(end))
        parts.append(indexed(x, keys))
    return tuple(parts)


@operator("Slice")
def _slice(
    call: Call,
    x: Value,
    starts: Value | None = None,
    ends: Value | None = None,
    axes: Value | None = None,
    steps: Value | None = None,
) -> Value:
    if call.version < 10:
        begin, end, places = call.integers("starts"), call.integers("ends"), call.integers("axes", None)
        stride = None
    else:
        if starts is None or ends is None:
            raise ValueError("starts or ends are missing")
        begin, end = whole(starts, f"{call.node}: starts"), whole(ends, f"{call.node}: ends")
        places = None if axes is None else whole(axes, f"{call.node}: axes")
        stride = None if steps is None else whole(steps, f"{call.node}: steps")
    places = axes_of(list(range(len(begin))) if places is None else places, len(x.shape))
    stride = [1] * len(begin) if stride is None else stride
    if not len(begin) == len(end) == len(places) == len(stride) or 0 in stride:
        raise ValueError(f"starts {begin}, ends {end}, axes {places} and steps {stride} do not fit together")
    keys = [slice(None)] * len(x.shape)
    for axis, first, last, step in zip(places, begin, end, stride):
        # Before the first element is at it, whichever way it goes.
        keys[axis] = slice(max(first, -x.shape[axis]), last, step)
    return indexed(x, keys)


@operator("Expand")
def _expand(call: Call, x: Value, shape: Value) -> Value:
    return expanded(x, whole(shape, f"{call.node}: the shape"), str(call.node))


@operator("Tile")
def _tile(call: Call, x: Value, repeats: Value) -> Value:
    counts = whole(repeats, f"{call.node}: repeats")
    if len(counts) != len(x.shape):
        raise ValueError(f"repeats: expected {len(x.shape)} numbers, got {counts}")
    limited([size * count for size, count in zip(x.shape, counts)], str(call.node))
    if not isinstance(x, Data):
        return np.tile(x, counts)
    return x.like(ops.tile(x.tensor, [counts[axis] for axis in x.order]))


@operator("Pad")
def _pad(
    call: Call, x: Value, pads: Value | None = None, value: Value | None = None, axes: Value | None = None
) -> Value:
    mode = call.text("mode", "constant", ("constant", "edge", "reflect", "wrap"))
    if call.version < 11:
        widths, constant = call.integers("pads"), call.real("value", 0.0)
    else:
        if pads is None:
            raise ValueError("pads are missing")
        widths = whole(pads, f"{call.node}: pads")
        constant = 0 if value is None else numbers(value, f"{call.node}: the value").reshape(()).item()
    rank = len(x.shape)
    places = list(range(rank)) if axes is None else axes_of(whole(axes, f"{call.node}: axes"), rank)
    if len(widths) != 2 * len(places):
        raise ValueError(f"pads: expected {2 * len(places)} numbers, got {widths}")
    pairs = [(0, 0)] * rank
    for place, axis in enumerate(places):
        pairs[axis] = (widths[place], widths[place + len(places)])
    # Negative ones cut away.
    cut = [slice(max(0, -low), size - max(0, -high)) for (low, high), size in zip(pairs, x.shape)]
    if any(pair.stop < pair.start for pair in cut):
        raise ValueError(f"pads {widths} cut away more than there is of shape {x.shape}")
    if any(low < 0 or high < 0 for low, high in pairs):
        x = indexed(x, cut)
        pairs = [(max(0, low), max(0, high)) for low, high in pairs]
    if mode == "constant":
        if isinstance(x, Data) and x.dtype.kind in "iu" and abs(constant) >= 2**24:
            raise unsupported_type(f"{call.node}: value {constant}", x.dtype)
        return padded(x, pairs, constant)
    for axis, (low, high) in enumerate(pairs):
        if low or high:
            limited([*x.shape[:axis], x.shape[axis] + low + high, *x.shape[axis + 1 :]], str(call.node))
            x = _bordered(x, axis, low, high, mode)
    return x


def _bordered(x: Value, axis: int, low: int, high: int, mode: str) -> Value:
    """A value with cells around it that are made of its own."""
    extent = x.shape[axis]
    if extent == 0 or (mode == "reflect" and max(low, high) >= extent):
        raise ValueError(f"pads ({low}, {high}): expected less than the {extent} along axis {axis}")

    def part(begin: int, end: int, step: int = 1) -> Value:
        keys = [slice(None)] * len(x.shape)
        keys[axis] = slice(begin, None if end < 0 else end, step)
        return indexed(x, keys)

    parts = [x]
    if mode == "reflect":
        parts = [*([part(low, 0, -1)] if low else []), x]
        parts += [part(extent - 2, extent - 2 - high, -1)] if high else []
    elif mode == "edge":
        shape = [list(x.shape) for _ in range(2)]
        shape[0][axis], shape[1][axis] = low, high
        parts = [expanded(part(0, 1), shape[0]), x, expanded(part(extent - 1, extent), shape[1])]
    else:
        places = np.arange(-low, extent + high) % extent
        return taken(x, places, axis)
    return joined(parts, axis)


@operator("DepthToSpace")
def _depth_to_space(call: Call, x: Value) -> Value:
    block, mode = call.integer("blocksize"), call.text("mode", "DCR", ("DCR", "CRD"))
    n, channels, height, width = x.shape
    if block < 1 or channels % (block * block):
        raise ValueError(f"blocksize {block} does not fit {channels} channels")
    rest = channels // (block * block)
    if mode == "DCR":
        split, order = [n, block, block, rest, height, width], [0, 3, 4, 1, 5, 2]
    else:
        split, order = [n, rest, block, block, height, width], [0, 1, 4, 2, 5, 3]
    return reshaped(transposed(reshaped(x, split), order), [n, rest, height * block, width * block])


@operator("SpaceToDepth")
def _space_to_depth(call: Call, x: Value) -> Value:
    block, mode = call.integer("blocksize"), call.text("mode", "DCR", ("DCR", "CRD"))
    n, channels, height, width = x.shape
    if block < 1 or height % block or width % block:
        raise ValueError(f"blocksize {block} does not fit an image of {height} x {width}")
    down, across = height // block, width // block
    split = reshaped(x, [n, channels, down, block, across, block])
    order = [0, 3, 5, 1, 2, 4] if mode == "DCR" else [0, 1, 3, 5, 2, 4]
    return reshaped(transposed(split, order), [n, channels * block * block, down, across])


@operator("Trilu", oldest=14)
def _trilu(call: Call, x: Value, k: Value | None = None) -> Value:
    upper = call.flag("upper", True)
    offset = 0 if k is None else int(numbers(k, f"{call.node}: k").reshape(()))
    rows, columns = x.shape[-2:]
    offset = max(-rows - 1, min(offset, columns + 1))
    keep = np.tri(rows, columns, offset - 1 if upper else offset, dtype=np.bool_) ^ upper
    if not isinstance(x, Data):
        return np.where(keep, x, np.zeros((), x.dtype))
    data = exact(x, str(call.node)) if x.dtype.kind in "iu" else x
    assert isinstance(data, Data)
    triangle = ops.where(keep.astype(np.float32), data.plain, 0.0)
    return Data(ops.cast(triangle, "int32") if x.dtype.kind in "iu" else triangle, x.dtype)


@operator("OneHot", oldest=9)
def _one_hot(call: Call, indices: Value, depth: Value, values: Value) -> Value:
    count = int(numbers(depth, f"{call.node}: depth").reshape(()))
    axis = axis_of(call.integer("axis", -1), len(indices.shape) + 1)
    limited([*indices.shape, count], str(call.node))
    places = np.arange(count)
    if not isinstance(indices, Data):
        wrapped = np.where(indices < 0, indices + count, indices)
        hot: Value = wrapped[..., None] == places
    else:
        floats = ops.cast(indices.plain, "float32")
        wrapped = ops.where(ops.less(floats, 0.0), ops.add(floats, float(count)), floats)
        hot = Data(ops.equal(ops.expand_dims(wrapped, -1), places.astype(np.float32)), BOOL)
    order = list(range(len(hot.shape) - 1))
    order.insert(axis, len(hot.shape) - 1)
    hot = transposed(hot, order)
    if not isinstance(hot, Data) and not isinstance(values, Data):
        return np.asarray(np.where(hot, values[1], values[0]))
    off_on = as_data(values)
    data = as_data(hot)
    off, on = (ops.cast(ops.getitem(off_on.tensor, which), "float32") for which in (0, 1))
    tensor = ops.where(data.tensor, on, off)
    if off_on.dtype not in (FLOAT, INT64, np.int32):
        raise unsupported_type(str(call.node), off_on.dtype)
    return data.like(tensor if off_on.dtype == FLOAT else ops.cast(tensor, "int32"), off_on.dtype)


def known(call: Call, value: Value, what: str) -> Array:
    """The numbers of an input that must be known."""
    return numbers(value, f"{call.node}: {what}")
