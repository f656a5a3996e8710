"""Images in other sizes: along each axis a choice of pixels, or a matrix that interpolates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from corten import ops
from corten.graph import Array
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.values import Value, as_data, axes_of, limited, numbers, whole

#: Where in the input a pixel of the output is, from its place, the scale and both sizes.
_PLACES: dict[str, Callable[[Array, Any, int, int], Array]] = {
    "half_pixel": lambda i, scale, old, new: (i + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda i, scale, old, new: (i + 0.5) / scale - 0.5 if new > 1 else np.zeros_like(i),
    "half_pixel_symmetric": lambda i, scale, old, new: old / 2 * (1 - new / (scale * old)) + (i + 0.5) / scale - 0.5,
    "asymmetric": lambda i, scale, old, new: i / scale,
    "align_corners": lambda i, scale, old, new: i * ((old - 1) / (new - 1)) if new > 1 else np.zeros_like(i),
    "tf_half_pixel_for_nn": lambda i, scale, old, new: (i + 0.5) / scale,
}
_NEAREST: dict[str, Callable[[Array], Array]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


@operator("Resize", oldest=10)
def _resize(
    call: Call, x: Value, roi: Value | None = None, scales: Value | None = None, sizes: Value | None = None
) -> Value:
    if call.version == 10:
        roi, scales = None, roi
    mode = call.text("mode", "nearest", ("nearest", "linear", "cubic"))
    default = "half_pixel" if call.version > 10 else "asymmetric"
    place = call.text("coordinate_transformation_mode", default, tuple(_PLACES))
    nearest = call.text("nearest_mode", "round_prefer_floor" if call.version > 10 else "floor", tuple(_NEAREST))
    call.only("antialias", 0)
    call.ignore("extrapolation_value")
    policy = call.text("keep_aspect_ratio_policy", "stretch", ("stretch", "not_larger", "not_smaller"))
    exclude, cubic = call.flag("exclude_outside"), call.real("cubic_coeff_a", -0.75)
    rank = len(x.shape)
    axes = axes_of(call.integers("axes", list(range(rank))), rank)
    if scales is not None and not math.prod(scales.shape):
        scales = None
    if sizes is not None and not math.prod(sizes.shape):
        sizes = None
    extents = [x.shape[axis] for axis in axes]
    if (scales is None) == (sizes is None):
        raise ValueError("expected either scales or sizes")
    if scales is not None:
        factors = [float(value) for value in numbers(scales, f"{call.node}: the scales")]
        exact = [float(np.float32(size) * np.float32(factor)) for size, factor in zip(extents, factors)]
        wanted = [math.floor(size) for size in exact]
        if place == "align_corners" and any(size % 1 for size in exact):
            # ONNX and its most used runtime differ in where the last corner then is.
            raise call.refuse(f"align_corners with scales {factors}, which make no whole sizes of {extents},")
    else:
        assert sizes is not None
        wanted = whole(sizes, f"{call.node}: the sizes")
        if policy != "stretch":
            ratios = [new / old for new, old in zip(wanted, extents)]
            ratio = min(ratios) if policy == "not_larger" else max(ratios)
            wanted = [math.floor(ratio * old + 0.5) for old in extents]
            factors = [ratio] * len(axes)
        else:
            factors = [new / old for new, old in zip(wanted, extents)]
    if len(factors) != len(axes) or len(wanted) != len(axes):
        raise ValueError(f"expected {len(axes)} scales or sizes, got {factors or wanted}")

    def weights(old: int, new: int, scale: float) -> Array:
        # In float32, as other runtimes: where a place lies between two pixels, rounding decides.
        at = _PLACES[place](np.arange(new, dtype=np.float32), np.float32(scale), old, new)
        if mode == "nearest":
            return np.clip(_NEAREST[nearest](at), 0, old - 1).astype(np.int64)
        return _linear(at, old) if mode == "linear" else _cubic(at, old, cubic, exclude)

    return _resized(call, x, axes, wanted, factors, weights)


@operator("Upsample", newest=9)
def _upsample(call: Call, x: Value, scales: Value | None = None) -> Value:
    mode = call.text("mode", "nearest", ("nearest", "linear"))
    if call.version < 9:
        factors = call.reals("scales")
    elif scales is None:
        raise ValueError("scales are missing")
    else:
        factors = [float(value) for value in numbers(scales, f"{call.node}: the scales")]
    if len(factors) != len(x.shape):
        raise ValueError(f"scales: expected {len(x.shape)} numbers, got {factors}")
    wanted = [math.floor(np.float32(size) * np.float32(factor)) for size, factor in zip(x.shape, factors)]

    def weights(old: int, new: int, scale: float) -> Array:
        at = np.arange(new, dtype=np.float32) / np.float32(scale)
        return _linear(at, old) if mode == "linear" else np.clip(np.floor(at), 0, old - 1).astype(np.int64)

    return _resized(call, x, list(range(len(x.shape))), wanted, factors, weights)


def _linear(at: Array, old: int) -> Array:
    """The matrix (new, old) that interpolates between two neighbours; outside the image its border goes on."""
    at = np.clip(at, 0, old - 1)
    low = np.floor(at).astype(np.int64)
    matrix = np.zeros((len(at), old))
    rows = np.arange(len(at))
    np.add.at(matrix, (rows, low), 1 - (at - low))
    np.add.at(matrix, (rows, np.minimum(low + 1, old - 1)), at - low)
    return matrix


def _cubic(at: Array, old: int, a: float, exclude: bool) -> Array:
    """The matrix (new, old) of Keys's (1981) interpolation between four neighbours."""
    low = np.floor(at).astype(np.int64)
    matrix = np.zeros((len(at), old))
    rows = np.arange(len(at))
    for offset in range(-1, 3):
        t = np.abs(at - (low + offset))
        near = ((a + 2) * t - (a + 3)) * t * t + 1
        far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        weight = np.where(t <= 1, near, np.where(t < 2, far, 0.0))
        column = low + offset
        if exclude:
            weight = np.where((column >= 0) & (column < old), weight, 0.0)
        np.add.at(matrix, (rows, np.clip(column, 0, old - 1)), weight)
    return matrix / matrix.sum(axis=1, keepdims=True) if exclude else matrix


def _resized(
    call: Call,
    x: Value,
    axes: list[int],
    wanted: list[int],
    factors: list[float],
    weights: Callable[[int, int, float], Array],
) -> Value:
    if any(not 0 < factor < math.inf for factor in factors):
        raise ValueError(f"scales: expected numbers above 0, got {factors}")
    limited([size for axis, size in enumerate(x.shape) if axis not in axes] + wanted, str(call.node))
    expect_floats(call, x)
    data = as_data(x)
    for axis, new, factor in zip(axes, wanted, factors):
        old = data.shape[axis]
        if old == new and factor == 1.0:
            continue
        if new == 0 or old == 0:
            raise ValueError(f"cannot resize axis {axis} from {old} to {new}")
        chosen = weights(old, new, factor)
        place = data.order.index(axis)
        if chosen.ndim == 1:
            data = data.like(_picked(data.tensor, chosen, place))
        else:
            data = data.like(_interpolated(data.tensor, chosen.astype(np.float32), place))
    return data


def _picked(tensor: Any, places: Array, axis: int) -> Any:
    """The slices at ``places`` along an axis."""
    old, new = tensor.shape[axis], len(places)
    if new % old == 0 and (places == np.repeat(np.arange(old), new // old)).all():
        return ops.repeat(tensor, new // old, axis)
    steps = np.unique(np.diff(places))
    if len(steps) == 1 and steps[0] > 0:
        keys: list[Any] = [slice(None)] * len(tensor.shape)
        keys[axis] = slice(int(places[0]), int(places[-1]) + 1, int(steps[0]))
        return ops.getitem(tensor, tuple(keys))
    return ops.take(tensor, places.astype(np.int32), axis)


def _interpolated(tensor: Any, matrix: Array, axis: int) -> Any:
    """A matrix applied along an axis."""
    shape = list(tensor.shape)
    before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
    if after == 1:
        y = ops.matmul(ops.reshape(tensor, [before, shape[axis]]), matrix, transpose_b=True)
    else:
        y = ops.matmul(matrix, ops.reshape(tensor, [before, shape[axis], after]))
    return ops.reshape(y, [*shape[:axis], len(matrix), *shape[axis + 1 :]])
