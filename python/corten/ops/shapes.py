"""Moving elements: other shapes, other orders, parts, joins. Every function works on float32, int32 and uint8 alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from corten.arguments import INT64, number, shown, whole, wholes
from corten.errors import ShapeError
from corten.graph import Operand, Tensor, TensorLike, push, symbolic
from corten.ops.axes import Axes, Index, axes_of, axis_of, each_axis
from corten.ops.dtypes import as_value, cast, integers, shape, untouched

__all__ = [
    "append",
    "broadcast_to",
    "concatenate",
    "diag",
    "diagonal",
    "expand_dims",
    "flip",
    "getitem",
    "hstack",
    "meshgrid",
    "moveaxis",
    "one_hot",
    "pad",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "slice",
    "slice_update",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "take_along_axis",
    "tile",
    "transpose",
    "tril",
    "triu",
    "unstack",
    "vstack",
]

_slice = slice


def _sizes(value: Any, what: str) -> list[int]:
    """Sizes as ints: one or several, among which may be tensors that were made of constants."""
    if isinstance(value, (list, tuple)):
        return [size for item in value for size in _sizes(item, what)]
    if isinstance(value, Tensor):
        try:
            value = value.graph.known(value)
        except ValueError as error:
            raise ValueError(f"{what}: sizes must be known when a model is traced, but {value!r}: {error}") from None
    return wholes(np.ravel(value) if isinstance(value, np.ndarray) else value, what, *INT64)


def _items(values: Any, what: str) -> list[Any]:
    """The values of a list of them, or of an array along its first axis."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__") or getattr(values, "ndim", 1) == 0:
        raise TypeError(f"{what}: expected a list of values, got {shown(values)}")
    return [as_value(value) for value in values]


# --- the same elements in the same order -----------------------------------------------------------------------------


@symbolic
def reshape(x: TensorLike, newshape: int | Sequence[int]) -> Any:
    """The same elements in the same order under another shape; one size may be -1: what is left. Costs nothing.

    >>> from corten import ops
    >>> ops.reshape([1., 2., 3., 4.], (2, -1))
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    return push("reshape", [as_value(x)], shape=_sizes(newshape, "reshape: newshape"))[0]


@symbolic
def ravel(x: TensorLike) -> Any:
    """All elements along one axis.

    >>> from corten import ops
    >>> ops.ravel([[1., 2.], [3., 4.]])
    array([1., 2., 3., 4.], dtype=float32)
    """
    return reshape(x, [-1])


@symbolic
def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> Any:
    """A new axis of size 1 at ``axis`` of the result.

    >>> from corten import ops
    >>> ops.expand_dims([1., 2.], -1).shape
    (2, 1)
    """
    x = as_value(x)
    axes = wholes(axis, "expand_dims: axis")
    rank = len(x.shape) + len(axes)
    new = axes_of(axes, rank, "expand_dims")
    old = iter(x.shape)
    return reshape(x, [1 if a in new else next(old) for a in range(rank)])


@symbolic
def squeeze(x: TensorLike, axis: Axes = None) -> Any:
    """Without the axes of size 1, or without those given, which must have size 1 (``ShapeError``).

    >>> from corten import ops
    >>> ops.squeeze([[[1., 2.]]], axis=0).shape
    (1, 2)
    """
    x = as_value(x)
    sizes = x.shape
    gone = [a for a, n in enumerate(sizes) if n == 1] if axis is None else axes_of(axis, len(sizes), "squeeze")
    if any(sizes[a] != 1 for a in gone):
        raise ShapeError(f"squeeze: expected size 1 along axis {axis!r}, got shape {tuple(sizes)}")
    return reshape(x, [n for a, n in enumerate(sizes) if a not in gone])


# --- another order ---------------------------------------------------------------------------------------------------


@symbolic
def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Any:
    """Axis ``i`` of the result is axis ``axes[i]`` of ``x``; by default all in reverse.

    >>> from corten import ops
    >>> ops.transpose([[1., 2.], [3., 4.]])
    array([[1., 3.],
           [2., 4.]], dtype=float32)
    """
    x = as_value(x)
    rank = len(x.shape)
    order = each_axis(range(rank)[::-1] if axes is None else axes, rank, "transpose")
    if sorted(order) != list(range(rank)):
        raise ValueError(f"transpose: axes: expected each of {rank} axes once, got {axes!r}")
    return untouched(x) if order == sorted(order) else push("transpose", [x], axes=order)[0]


@symbolic
def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Any:
    """Two axes change places.

    >>> from corten import ops
    >>> ops.swapaxes([[[1., 2.]]], 0, 2).shape
    (2, 1, 1)
    """
    x = as_value(x)
    rank = len(x.shape)
    first, second = axis_of(axis1, rank, "swapaxes"), axis_of(axis2, rank, "swapaxes")
    order = list(range(rank))
    order[first], order[second] = second, first
    return transpose(x, order)


@symbolic
def moveaxis(x: TensorLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Axes ``source`` go to the places ``destination``; the others keep their order.

    >>> from corten import ops
    >>> ops.moveaxis([[[1., 2.]]], -1, 0).shape
    (2, 1, 1)
    """
    x = as_value(x)
    rank = len(x.shape)
    sources, places = each_axis(source, rank, "moveaxis"), each_axis(destination, rank, "moveaxis")
    if len(sources) != len(places) or len(set(sources)) != len(sources) or len(set(places)) != len(places):
        raise ValueError(f"moveaxis: expected as many places as axes, each once, got {source!r} to {destination!r}")
    order = [a for a in range(rank) if a not in sources]
    for place, axis in sorted(zip(places, sources)):
        order.insert(place, axis)
    return transpose(x, order)


@symbolic
def flip(x: TensorLike, axis: Axes = None) -> Any:
    """The reverse order along axes; along all of them by default.

    >>> from corten import ops
    >>> ops.flip([1., 2., 3.])
    array([3., 2., 1.], dtype=float32)
    """
    x = as_value(x)
    flipped = axes_of(axis, len(x.shape), "flip")
    return getitem(x, tuple(_slice(None, None, -1 if a in flipped else None) for a in range(len(x.shape))))


@symbolic
def roll(x: TensorLike, shift: int | Sequence[int], axis: Axes = None) -> Any:
    """Elements moved on by ``shift`` along axes, those that leave at the end coming in at the beginning.

    >>> from corten import ops
    >>> ops.roll([1., 2., 3.], 1)
    array([3., 1., 2.], dtype=float32)
    """
    x = as_value(x)
    if axis is None:
        return reshape(roll(reshape(x, [-1]), shift, 0), list(x.shape))
    axes, shifts = each_axis(axis, len(x.shape), "roll"), wholes(shift, "roll: shift")
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    if len(shifts) != len(axes):
        raise ValueError(f"roll: expected a shift for each axis, got {shift!r} for {axis!r}")
    rolled: Any = x
    for place, by in zip(axes, shifts):
        cut = -by % max(1, x.shape[place])
        if cut:
            before: tuple[Any, ...] = (_slice(None),) * place
            rolled = concatenate([rolled[(*before, _slice(cut, None))], rolled[(*before, _slice(None, cut))]], place)
    return untouched(rolled)


# --- parts -----------------------------------------------------------------------------------------------------------


@symbolic
def getitem(x: TensorLike, key: Index) -> Any:
    """``x[key]`` as in NumPy, for ints, slices with any step, ``...`` and ``None``; what ``tensor[key]`` calls.

    Raises:
        IndexError: an int is outside its axis, or there are more of them than axes.
        TypeError: the key is an array or a tensor; :func:`take` picks by those.

    >>> from corten import ops
    >>> ops.getitem([[1., 2., 3.], [4., 5., 6.]], (..., None, 1))
    array([[2.],
           [5.]], dtype=float32)
    """
    x = as_value(x)
    keys = list(key) if isinstance(key, tuple) else [key]
    used = sum(k is not None and k is not Ellipsis for k in keys)
    rank = len(x.shape)
    if used > rank or sum(k is Ellipsis for k in keys) > 1:
        raise IndexError(f"getitem: {key!r} has too many indices for shape {tuple(x.shape)}")
    others = [_slice(None)] * (rank - used)
    place = next((i for i, k in enumerate(keys) if k is Ellipsis), None)
    keys = [*keys, *others] if place is None else [*keys[:place], *others, *keys[place + 1 :]]
    begin: list[int] = []
    size: list[int] = []
    step: list[int] = []
    shape: list[int] = []
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        axis = len(begin)
        extent = x.shape[axis]
        if isinstance(k, _slice):
            span = range(*k.indices(extent))
            begin.append(span.start if len(span) else 0)
            size.append(len(span))
            step.append(span.step)
            shape.append(len(span))
            continue
        if isinstance(k, bool) or not hasattr(k, "__index__") or isinstance(k, Operand) or getattr(k, "ndim", 0) > 0:
            raise TypeError(
                f"getitem: expected ints, slices, None or ..., got {type(k).__name__}; see ops.take, ops.where"
            )
        index = whole(k, "getitem: index")
        if not -extent <= index < extent:
            raise IndexError(f"getitem: index {shown(index)} is outside axis {axis} of size {extent}")
        begin.append(index % extent)
        size.append(1)
        step.append(1)
    if size != list(x.shape) or any(s != 1 for s in step):
        part = push("slice", [x], begin=begin, size=size, step=step)[0]
        return part if shape == size else reshape(part, shape)
    return untouched(x) if shape == size else reshape(x, shape)


@symbolic
def slice(inputs: TensorLike, start_indices: Sequence[int], shape: Sequence[int]) -> Any:
    """The part of size ``shape`` that begins at ``start_indices``.

    >>> from corten import ops
    >>> ops.slice([[1., 2., 3.], [4., 5., 6.]], (0, 1), (2, 2))
    array([[2., 3.],
           [5., 6.]], dtype=float32)
    """
    inputs = as_value(inputs)
    begin, size = _sizes(start_indices, "slice: start_indices"), _sizes(shape, "slice: shape")
    fits = len(begin) == len(size) == len(inputs.shape)
    if not fits or any(b < 0 or s < 0 or b + s > n for b, s, n in zip(begin, size, inputs.shape)):
        raise ShapeError(f"slice: size {size} from {begin} does not fit into shape {tuple(inputs.shape)}")
    return push("slice", [inputs], begin=begin, size=size, step=[1] * len(size))[0]


@symbolic
def split(x: TensorLike, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Parts along an axis: so many equal ones, or cut before each of the given positions.

    >>> from corten import ops
    >>> ops.split([1., 2., 3., 4.], 2)
    [array([1., 2.], dtype=float32), array([3., 4.], dtype=float32)]
    """
    x = as_value(x)
    axis = axis_of(axis, len(x.shape), "split")
    extent = x.shape[axis]
    cuts = wholes(indices_or_sections, "split: indices_or_sections")
    if hasattr(indices_or_sections, "__index__"):
        sections = whole(indices_or_sections, "split: indices_or_sections", 1)
        if extent % sections:
            raise ShapeError(f"split: axis {axis} of size {extent} does not split into {shown(sections)} equal parts")
        cuts = list(range(0, extent, max(1, extent // sections)))[1:]
    bounds = [_slice(a, b).indices(extent)[:2] for a, b in zip([0, *cuts], [*cuts, extent])]
    if all(a <= b for a, b in bounds) and all(a == b for (_, a), (b, _) in itertools.pairwise(bounds)):
        return push("split", [x], axis=axis, sizes=[b - a for a, b in bounds])
    # Cuts that go back, as NumPy understands them.
    before: tuple[Any, ...] = (_slice(None),) * axis
    return [getitem(x, (*before, _slice(a, b))) for a, b in bounds]


@symbolic
def unstack(x: TensorLike, num: int | None = None, axis: int = 0) -> list[Any]:
    """The slices along an axis, without it.

    >>> from corten import ops
    >>> ops.unstack([[1., 2.], [3., 4.]])
    [array([1., 2.], dtype=float32), array([3., 4.], dtype=float32)]
    """
    x = as_value(x)
    axis = axis_of(axis, len(x.shape), "unstack")
    if num is not None and whole(num, "unstack: num", *INT64) != x.shape[axis]:
        raise ShapeError(f"unstack: expected {num} slices along axis {axis}, got shape {tuple(x.shape)}")
    sizes = [*x.shape[:axis], *x.shape[axis + 1 :]]
    return [reshape(part, sizes) for part in push("split", [x], axis=axis, sizes=[1] * x.shape[axis])]


@symbolic
def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Any:
    """The slices of ``x`` at ``indices`` along an axis (without one, of the flattened ``x``).

    Args:
        x: any shape.
        indices: integers from 0, any shape.
        axis: where to pick.

    Returns:
        The shape of ``x`` with ``axis`` replaced by the shape of ``indices``.

    Raises:
        IndexError: an index is negative or not smaller than the size of the axis.

    >>> from corten import ops
    >>> ops.take([[1., 2.], [3., 4.], [5., 6.]], [2, 0], axis=0)
    array([[5., 6.],
           [1., 2.]], dtype=float32)
    """
    x, indices = as_value(x), integers(indices)
    x = reshape(x, [-1]) if axis is None else x
    axis = axis_of(0 if axis is None else axis, len(x.shape), "take")
    if axis == 0:
        return push("gather", [x, indices])[0]
    picked = push("gather", [moveaxis(x, axis, 0), indices])[0]
    count = len(shape(indices))
    return moveaxis(picked, list(range(count)), list(range(axis, axis + count)))


@symbolic
def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Any:
    """Of each line of ``x`` along an axis the elements at that line's own ``indices``.

    Args:
        x: any shape.
        indices: integers from 0; the sizes of ``x`` (or 1) but along ``axis``. Without an axis, places in all of ``x``.
        axis: where to pick.

    Returns:
        The shape of ``indices``.

    Raises:
        IndexError: an index is negative or not smaller than the size of the axis.
        ShapeError: the other sizes differ.

    >>> from corten import ops
    >>> ops.take_along_axis([[1., 2.], [3., 4.]], [[1], [0]], axis=1)
    array([[2.],
           [3.]], dtype=float32)
    """
    x, indices = as_value(x), integers(indices)
    if axis is None:
        return take(x, reshape(indices, [-1]))
    axis = axis_of(axis, len(x.shape), "take_along_axis")
    moved, places = moveaxis(x, axis, -1), moveaxis(indices, axis, -1)
    lines = list(moved.shape[:-1])
    if len(places.shape) != len(moved.shape) or any(m not in (1, n) for n, m in zip(lines, places.shape)):
        raise ShapeError(
            f"take_along_axis: indices of shape {tuple(places.shape)} do not fit shape {tuple(moved.shape)}, "
            "whose axis is shown last here"
        )
    extent, count = moved.shape[-1], places.shape[-1]
    # An index outside its line is noticed here: among all elements it would be another line's.
    places = push("gather", [np.arange(extent, dtype=np.int32), places])[0]
    places = reshape(broadcast_to(places, [*lines, count]), [-1, count])
    picked = _picked(reshape(moved, [-1, extent]), places)
    return moveaxis(reshape(picked, [*lines, count]), -1, axis)


def _picked(x: Any, indices: Any) -> Any:
    """``x[i, indices[i, j]]``."""
    rows, extent = x.shape
    # Places are added as floats, which count exactly to 2^24.
    if rows > 1 and rows * extent > 1 << 24:
        halves = [_slice(None, rows // 2), _slice(rows // 2, None)]
        return concatenate([_picked(x[half], indices[half]) for half in halves])
    first = np.arange(rows, dtype=np.float32)[:, None] * extent
    places = push("add", [cast(indices, "float32"), first])[0] if rows > 1 else indices
    return push("gather", [reshape(x, [-1]), cast(places, "int32")])[0]


@symbolic
def slice_update(inputs: TensorLike, start_indices: Sequence[int], updates: TensorLike) -> Any:
    """``inputs`` with ``updates`` in the place that begins at ``start_indices``.

    >>> from corten import ops
    >>> ops.slice_update([1., 2., 3., 4.], [1], [8., 9.])
    array([1., 8., 9., 4.], dtype=float32)
    """
    inputs, updates = as_value(inputs), as_value(updates)
    begin = _sizes(start_indices, "slice_update: start_indices")
    sizes = list(updates.shape)
    fits = len(begin) == len(sizes) == len(inputs.shape)
    if not fits or any(b < 0 or b + s > n for b, s, n in zip(begin, sizes, inputs.shape)):
        raise ShapeError(f"slice_update: size {sizes} from {begin} does not fit into shape {tuple(inputs.shape)}")
    return _framed(inputs, begin, cast(updates, inputs.dtype))


def _framed(inputs: Any, begin: list[int], inner: Any) -> Any:
    """``inner`` with what of ``inputs`` is before and behind it, one axis after the other."""
    for axis in reversed(range(len(begin))):
        # Along the axes before, only as far as ``inner`` reaches; along those behind, all is there already.
        own = [_slice(b, b + n) for b, n in zip(begin[:axis], inner.shape)]
        end = begin[axis] + inner.shape[axis]
        before, behind = (inputs[(*own, part)] for part in (_slice(0, begin[axis]), _slice(end, None)))
        inner = concatenate([before, inner, behind], axis)
    return inner


@symbolic
def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The ``offset``-th diagonals of the matrices that two axes make, along a new last axis.

    >>> from corten import ops
    >>> ops.diagonal([[1., 2.], [3., 4.]])
    array([1., 4.], dtype=float32)
    """
    x = as_value(x)
    rank = len(x.shape)
    if rank < 2:
        raise ShapeError(f"diagonal: expected at least two axes, got shape {tuple(x.shape)}")
    matrices = moveaxis(x, [axis_of(axis1, rank, "diagonal"), axis_of(axis2, rank, "diagonal")], [-2, -1])
    *lines, rows, columns = matrices.shape
    offset = max(-rows, min(whole(offset, "diagonal: offset"), columns))
    below, right = max(-offset, 0), max(offset, 0)
    places = below * columns + right + (columns + 1) * np.arange(min(rows - below, columns - right))
    return take(reshape(matrices, [*lines, rows * columns]), places, axis=-1)


@symbolic
def diag(x: TensorLike, k: int = 0) -> Any:
    """A vector as the ``k``-th diagonal of a matrix of zeros; of a matrix, that diagonal.

    >>> from corten import ops
    >>> ops.diag([1., 2.])
    array([[1., 0.],
           [0., 2.]], dtype=float32)
    """
    x = as_value(x)
    if len(x.shape) not in (1, 2):
        raise ShapeError(f"diag: expected one or two axes, got shape {tuple(x.shape)}")
    if len(x.shape) == 2:
        return diagonal(x, k)
    n = x.shape[0]
    k = whole(k, "diag: k", -(2**31), 2**31)
    # With n zeros behind each element, the next row begins one place further on.
    square = reshape(getitem(reshape(pad(reshape(x, [n, 1]), [(0, 0), (0, n)]), [-1]), _slice(0, n * n)), [n, n])
    return pad(square, [(max(-k, 0), max(k, 0)), (max(k, 0), max(-k, 0))]) if k else square


def _triangle(x: TensorLike, keep: Any) -> Any:
    x = as_value(x)
    if len(x.shape) < 2:
        raise ShapeError(f"tril, triu: expected at least two axes, got shape {tuple(x.shape)}")
    triangle = push("where", [keep(*x.shape[-2:]).astype(np.float32), cast(x, "float32"), np.float32(0)])[0]
    return cast(triangle, x.dtype)


@symbolic
def tril(x: TensorLike, k: int = 0) -> Any:
    """Matrices with zeros above the ``k``-th diagonal.

    >>> from corten import ops
    >>> ops.tril([[1., 2.], [3., 4.]])
    array([[1., 0.],
           [3., 4.]], dtype=float32)
    """
    k = whole(k, "tril: k")
    return _triangle(x, lambda rows, columns: np.tri(rows, columns, max(-rows, min(k, columns))))


@symbolic
def triu(x: TensorLike, k: int = 0) -> Any:
    """Matrices with zeros below the ``k``-th diagonal.

    >>> from corten import ops
    >>> ops.triu([[1., 2.], [3., 4.]])
    array([[1., 2.],
           [0., 4.]], dtype=float32)
    """
    k = whole(k, "triu: k")
    return _triangle(x, lambda rows, columns: 1 - np.tri(rows, columns, max(-rows, min(k, columns)) - 1))


# --- joins and copies ------------------------------------------------------------------------------------------------


@symbolic
def concatenate(xs: Iterable[TensorLike], axis: int = 0) -> Any:
    """Values one after the other along an axis; their other sizes are equal. Mixed types become float32.

    >>> from corten import ops
    >>> ops.concatenate([[1., 2.], [3.]])
    array([1., 2., 3.], dtype=float32)
    """
    values = _items(xs, "concatenate")
    if not values:
        raise ValueError("concatenate: expected at least one value, got none")
    axis = axis_of(axis, len(values[0].shape), "concatenate")
    if len({str(x.dtype) for x in values}) > 1:
        values = [cast(x, "float32") for x in values]
    return untouched(values[0]) if len(values) == 1 else push("concatenate", values, axis=axis)[0]


@symbolic
def stack(x: Iterable[TensorLike], axis: int = 0) -> Any:
    """Values of one shape along a new axis.

    >>> from corten import ops
    >>> ops.stack([[1., 2.], [3., 4.]], axis=1)
    array([[1., 3.],
           [2., 4.]], dtype=float32)
    """
    values = _items(x, "stack")
    if not values:
        raise ValueError("stack: expected at least one value, got none")
    shapes = {tuple(shape(item)) for item in values}
    if len(shapes) > 1:
        raise ShapeError(f"stack: expected values of one shape, got {sorted(shapes)}")
    axis = axis_of(axis, len(shape(values[0])) + 1, "stack")
    return concatenate([expand_dims(item, axis) for item in values], axis)


@symbolic
def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Any:
    """``x2`` behind ``x1`` along an axis; without one, both flattened.

    >>> from corten import ops
    >>> ops.append([1., 2.], [3.])
    array([1., 2., 3.], dtype=float32)
    """
    return concatenate([ravel(x1), ravel(x2)]) if axis is None else concatenate([x1, x2], axis)


@symbolic
def hstack(xs: Iterable[TensorLike]) -> Any:
    """Values side by side: along the second axis, vectors along their only one.

    >>> from corten import ops
    >>> ops.hstack([[1., 2.], [3.]])
    array([1., 2., 3.], dtype=float32)
    """
    values = _items(xs, "hstack")
    return concatenate(values, 1 if values and len(values[0].shape) > 1 else 0)


@symbolic
def vstack(xs: Iterable[TensorLike]) -> Any:
    """Values one above the other: along the first axis, vectors as rows.

    >>> from corten import ops
    >>> ops.vstack([[1., 2.], [3., 4.]])
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    return concatenate([reshape(x, [1, -1]) if len(shape(x)) < 2 else x for x in _items(xs, "vstack")])


@symbolic
def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[Any]:
    """The coordinates of all points of a grid: for each vector a value with as many axes as there are vectors.

    Args:
        x: the coordinates along each side, one axis each.
        indexing: ``"xy"``: the first two change places, so that rows go down; ``"ij"``: they do not.

    >>> from corten import ops
    >>> ops.meshgrid([1., 2.], [3.])
    [array([[1., 2.]], dtype=float32), array([[3., 3.]], dtype=float32)]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing: expected 'xy' or 'ij', got {indexing!r}")
    vectors = [ravel(value) for value in x]
    sizes = [vector.shape[0] for vector in vectors]
    grids = [
        broadcast_to(reshape(vector, [-1 if a == place else 1 for a in range(len(sizes))]), sizes)
        for place, vector in enumerate(vectors)
    ]
    return [swapaxes(value, 0, 1) for value in grids] if indexing == "xy" and len(grids) > 1 else grids


@symbolic
def pad(
    x: TensorLike, pad_width: int | Sequence[Any], mode: str = "constant", constant_values: float | None = None
) -> Any:
    """``x`` with cells of a constant (0 by default) around it.

    Args:
        x: any shape.
        pad_width: (before, after) for each axis, or one pair or one int for all.
        mode: ``"constant"``.
        constant_values: what the new cells hold.

    >>> from corten import ops
    >>> ops.pad([1., 2.], (1, 2), constant_values=9)
    array([9., 1., 2., 9., 9.], dtype=float32)
    """
    if mode != "constant":
        raise ValueError(f"pad: mode: expected 'constant', got {mode!r}")
    x = as_value(x)
    rank = len(x.shape)
    pairs = _pad_widths(pad_width, rank)
    value = 0.0 if constant_values is None else number(constant_values, "pad: constant_values")
    return push("pad", [x], low=[low for low, _ in pairs], high=[high for _, high in pairs], value=value)[0]


def _pad_widths(pad_width: Any, rank: int) -> list[list[int]]:
    """A pair of widths for each axis, from one width or one pair for all, or one of either for each."""
    where = "pad: pad_width"
    widths = [pad_width] * 2 if hasattr(pad_width, "__index__") and np.ndim(pad_width) == 0 else pad_width
    if not isinstance(widths, (list, tuple, np.ndarray)):
        raise TypeError(f"{where}: expected an int, a pair, or a pair for each axis, got {shown(pad_width)}")
    if not any(isinstance(width, (list, tuple, np.ndarray)) for width in widths):
        widths = [widths]
    pairs = [wholes(width, where, 0, 2**63 - 1) for width in widths]
    pairs = [pair * 2 if len(pair) == 1 else pair for pair in (pairs * rank if len(pairs) == 1 else pairs)]
    if len(pairs) != rank or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{where}: expected two ints >= 0 for each of {rank} axes, got {shown(pad_width)}")
    return pairs


@symbolic
def broadcast_to(x: TensorLike, shape: Sequence[int]) -> Any:
    """``x`` repeated along new leading axes and axes of size 1.

    >>> from corten import ops
    >>> ops.broadcast_to([1., 2.], (2, 2))
    array([[1., 2.],
           [1., 2.]], dtype=float32)
    """
    x = as_value(x)
    sizes = _sizes(shape, "broadcast_to: shape")
    return untouched(x) if sizes == list(x.shape) else push("broadcast_to", [x], shape=sizes)[0]


@symbolic
def repeat(x: TensorLike, repeats: int, axis: int | None = None) -> Any:
    """Each element (each slice along ``axis``) so many times in a row.

    >>> from corten import ops
    >>> ops.repeat([1., 2.], 2)
    array([1., 1., 2., 2.], dtype=float32)
    """
    repeats = whole(repeats, "repeat: repeats", 0, 2**63 - 1)
    x = as_value(x)
    x = reshape(x, [-1]) if axis is None else x
    axis = axis_of(0 if axis is None else axis, len(x.shape), "repeat")
    before, after = list(x.shape[: axis + 1]), list(x.shape[axis + 1 :])
    wide = broadcast_to(reshape(x, [*before, 1, *after]), [*before, repeats, *after])
    return reshape(wide, [*before[:-1], before[-1] * repeats, *after])


@symbolic
def tile(x: TensorLike, repeats: int | Sequence[int]) -> Any:
    """The whole of ``x`` so many times along each axis.

    >>> from corten import ops
    >>> ops.tile([1., 2.], 2)
    array([1., 2., 1., 2.], dtype=float32)
    """
    x = as_value(x)
    counts = _sizes(repeats, "tile: repeats")
    rank = max(len(counts), len(x.shape))
    counts = [1] * (rank - len(counts)) + counts
    sizes = [1] * (rank - len(x.shape)) + list(x.shape)
    narrow = reshape(x, [n for size in sizes for n in (1, size)])
    wide = broadcast_to(narrow, [n for pair in zip(counts, sizes) for n in pair])
    return reshape(wide, [count * size for count, size in zip(counts, sizes)])


@symbolic
def one_hot(x: TensorLike, num_classes: int, axis: int = -1, dtype: DTypeLike = "float32", sparse: bool = False) -> Any:
    """For each label a vector of zeros with a one at the label's place.

    Args:
        x: integers from 0 to ``num_classes - 1``, any shape.
        num_classes: the length of the vectors.
        axis: where in the result the vectors lie.
        dtype: of the result.
        sparse: must be False.

    Raises:
        IndexError: a label is outside its range.

    >>> from corten import ops
    >>> ops.one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    if sparse:
        raise ValueError("one_hot: sparse: only False is supported")
    classes = whole(num_classes, "one_hot: num_classes", 1)
    hot = push("one_hot", [integers(x)], classes=classes)[0]
    axis = axis_of(axis, len(hot.shape), "one_hot")
    hot = hot if axis == len(hot.shape) - 1 else moveaxis(hot, -1, axis)
    return hot if dtype == "float32" else cast(hot, dtype)
