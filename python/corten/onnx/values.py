"""Values of a graph that is run: numbers that are known, and tensors in whatever order their axes lie.

What depends on shapes and constants alone is a NumPy array of ONNX's own type, and is computed exactly. What depends on
data or weights is :class:`Data`: a tensor of the engine, and which of ONNX's axes each of its axes is. So an image is
channels first in name and channels last in memory, and moves only where an operator needs another order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from corten import ops
from corten.errors import ShapeError
from corten.graph import Array, push
from corten.onnx.unsupported import UnknownValueError, UnsupportedOperatorError, unsupported_type

__all__ = [
    "Data",
    "Order",
    "Value",
    "aligned",
    "arranged",
    "as_data",
    "axes_of",
    "axis_of",
    "checked",
    "combined",
    "exact",
    "expanded",
    "from_end",
    "indexed",
    "joined",
    "limited",
    "numbers",
    "padded",
    "reshaped",
    "shape_of",
    "squeezed",
    "summed_exactly",
    "surrounded",
    "taken",
    "transposed",
    "unsqueezed",
    "whole",
]

Order: TypeAlias = tuple[int, ...]

#: The most elements that may be made of numbers in a file.
_MOST = 2**27
#: Below this a float32 holds every integer.
_EXACT = 2**24


class Data:
    """A tensor that depends on data or weights.

    Args:
        tensor: float32 for floats and bools (0 and 1), int32 for all integers.
        dtype: ONNX's type of the elements.
        order: for each axis of the tensor, which of ONNX's axes it is; as they come unless given.
        source: the name of the model's input that it is.
    """

    __slots__ = ("_plain", "dtype", "order", "source", "tensor")

    def __init__(
        self, tensor: Any, dtype: np.dtype[Any], order: Order | None = None, source: str | None = None
    ) -> None:
        self.tensor = tensor
        self.dtype = dtype
        self.order: Order = tuple(range(len(tensor.shape))) if order is None else order
        self.source = source
        self._plain: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of ONNX's axes."""
        return tuple(self.tensor.shape[self.order.index(axis)] for axis in range(len(self.order)))

    @property
    def plain(self) -> Any:
        """The tensor with its axes in ONNX's order."""
        if self._plain is None:
            self._plain = self.laid(tuple(range(len(self.order))))
        return self._plain

    def laid(self, order: Order) -> Any:
        """The tensor with its axes in another order."""
        return arranged(self.tensor, self.order, order)

    def like(self, tensor: Any, dtype: np.dtype[Any] | None = None) -> Data:
        """Another tensor whose axes lie in the same order."""
        return Data(tensor, self.dtype if dtype is None else dtype, self.order)


#: What an operator is applied to.
Value: TypeAlias = Array | Data


def arranged(tensor: Any, order: Order, wanted: Order) -> Any:
    """A tensor whose axes lie in ``order``, with them in the order ``wanted``; without cost where it can be."""
    if order == wanted:
        return tensor
    places = [order.index(axis) for axis in wanted]
    longer = [place for place in places if tensor.shape[place] != 1]
    if longer == sorted(longer):
        return ops.reshape(tensor, [tensor.shape[place] for place in places])
    return ops.transpose(tensor, places)


def shape_of(value: Value) -> tuple[int, ...]:
    """The sizes of ONNX's axes."""
    return tuple(value.shape)


def numbers(value: Value, what: str) -> Array:
    """A value whose numbers must be known.

    Raises:
        UnknownValueError: they depend on data or weights.
    """
    if isinstance(value, Data):
        source = "" if value.source is None else f": give the input {value.source!r} a value by known="
        raise UnknownValueError(f"{what} must be known before data come, but depends on them{source}", value.source)
    return value


def whole(value: Value, what: str) -> list[int]:
    """The numbers of a value that is a list of integers, or one."""
    array = numbers(value, what)
    if array.dtype.kind not in "iu" or array.ndim > 1:
        raise ValueError(f"{what}: expected integers along one axis, got {array.dtype} {array.shape}")
    return [int(item) for item in np.ravel(array)]


def limited(shape: Sequence[int], what: str) -> list[int]:
    """Sizes of an array that is about to be made of numbers in a file; ``ValueError`` where it would be huge."""
    sizes = [int(size) for size in shape]
    if any(size < 0 for size in sizes) or math.prod(sizes) > _MOST:
        raise ValueError(f"{what}: expected sizes >= 0 of at most {_MOST} elements, got {sizes}")
    return sizes


def axis_of(axis: int, rank: int) -> int:
    """One axis as an int from 0."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis: expected {-rank} to {rank - 1}, got {axis}")
    return axis % rank


def axes_of(axes: Sequence[int], rank: int) -> list[int]:
    """Axes as ints from 0, each once."""
    places = [axis_of(axis, rank) for axis in axes]
    if len(set(places)) != len(places):
        raise ValueError(f"axes: expected each once, got {list(axes)}")
    return places


def as_data(value: Value, what: str = "value") -> Data:
    """A value as a tensor of the engine.

    Raises:
        UnsupportedOperatorError: known numbers of a type that the engine does not have, or integers beyond int32.
    """
    if isinstance(value, Data):
        return value
    kind = value.dtype.kind
    if value.dtype == np.float32 or kind == "b":
        return Data(ops.constant(np.ascontiguousarray(value, np.float32).reshape(value.shape)), value.dtype)
    if kind not in "iu":
        raise unsupported_type(what, value.dtype)
    if value.size and (value.max() > 2**31 - 1 or value.min() < -(2**31)):
        raise UnsupportedOperatorError(f"{what}: integers must fit into int32, got {value.min()}..{value.max()}")
    return Data(ops.constant(value.astype(np.int32)), value.dtype)


def exact(value: Value, what: str = "value") -> Value:
    """Integers as floats, for arithmetic; those that a float32 might not hold raise ``IndexError`` when they come."""
    if not isinstance(value, Data):
        if value.size and (value.max() >= _EXACT or value.min() <= -_EXACT):
            raise UnsupportedOperatorError(
                f"{what}: integers that are computed with must be below {_EXACT}, got {value.min()}..{value.max()}"
            )
        return value.astype(np.float32)
    return value.like(checked(ops.cast(value.tensor, "float32")), np.dtype(np.float32))


def checked(tensor: Any) -> Any:
    """Whole floats as they are; what is not whole, or is 2^24 or beyond, raises ``IndexError`` when it comes."""
    # 2^7 times as much fits into int32 just where the number is below 2^24, and times 2^7 nothing is rounded.
    return ops.multiply(ops.cast(ops.cast(ops.multiply(tensor, 128.0), "int32"), "float32"), 1 / 128)


def summed_exactly(total: Any, terms: Any, axes: Sequence[int]) -> Any:
    """Sums of whole floats, given their terms: ``IndexError`` where a sum of some of the terms might be rounded."""
    largest = checked(ops.sum(ops.abs(terms), axis=list(axes), keepdims=True))
    return ops.where(ops.greater_equal(largest, 0.0), total, 0.0)


def aligned(values: Sequence[Value]) -> tuple[list[Any], Order]:
    """What an operator element by element is applied to: tensors and arrays of one order that broadcast as in NumPy."""
    rank = max(len(value.shape) for value in values)
    order: Order = tuple(range(rank))
    for value in values:
        if isinstance(value, Data) and len(value.order) == rank and value.order != order:
            order = value.order
            break
    return [_aligned(value, order) for value in values], order


def _aligned(value: Value, order: Order) -> Any:
    missing = len(order) - len(value.shape)
    if isinstance(value, Data):
        if not missing:
            return value.laid(order)
        sizes = [1] * missing + list(value.shape)
        return arranged(ops.reshape(value.plain, sizes), tuple(range(len(order))), order)
    array = value.astype(np.float32) if value.dtype.kind == "b" else value
    if array.ndim == 0:
        return array
    return np.ascontiguousarray(array.reshape([1] * missing + list(array.shape)).transpose(order))


# --- moving elements -------------------------------------------------------------------------------------------------


def reshaped(value: Value, shape: Sequence[int]) -> Value:
    """The same elements in ONNX's order under another shape."""
    if not isinstance(value, Data):
        return value.reshape(shape)
    if tuple(shape) == value.shape:
        return value
    return Data(ops.reshape(value.plain, list(shape)), value.dtype)


def transposed(value: Value, axes: Sequence[int]) -> Value:
    """Axis i of the result is axis ``axes[i]``; of data nothing moves."""
    if not isinstance(value, Data):
        return value.transpose(axes)
    return Data(value.tensor, value.dtype, tuple(list(axes).index(axis) for axis in value.order))


def squeezed(value: Value, axes: Sequence[int]) -> Value:
    """Without some axes of size 1."""
    shape = value.shape
    if any(shape[axis] != 1 for axis in axes):
        raise ShapeError(f"expected size 1 along the axes {list(axes)}, got shape {tuple(shape)}")
    if not isinstance(value, Data):
        return value.reshape([size for axis, size in enumerate(shape) if axis not in axes])
    left = [axis for axis in value.order if axis not in axes]
    tensor = ops.reshape(value.tensor, [shape[axis] for axis in left])
    return Data(tensor, value.dtype, _ranks(left))


def unsqueezed(value: Value, axes: Sequence[int]) -> Value:
    """With new axes of size 1, which are ``axes`` of the result."""
    rank = len(value.shape) + len(axes)
    if not isinstance(value, Data):
        old = iter(value.shape)
        return value.reshape([1 if axis in axes else next(old) for axis in range(rank)])
    others = [axis for axis in range(rank) if axis not in axes]
    order = [others[axis] for axis in value.order]
    # Where the axes lie as they come, they still do.
    if value.order == tuple(range(len(value.order))):
        order = list(range(rank))
    else:
        order += list(axes)
    sizes = {others[axis]: size for axis, size in enumerate(value.shape)}
    return Data(ops.reshape(value.tensor, [sizes.get(axis, 1) for axis in order]), value.dtype, tuple(order))


def _ranks(axes: Sequence[int]) -> Order:
    return tuple(sorted(axes).index(axis) for axis in axes)


def indexed(value: Value, keys: Sequence[slice]) -> Value:
    """The part that a slice along each axis leaves."""
    if not isinstance(value, Data):
        return value[tuple(keys)]
    return value.like(ops.getitem(value.tensor, tuple(keys[axis] for axis in value.order)))


def joined(values: Sequence[Value], axis: int) -> Value:
    """Values one behind the other along an axis."""
    if not any(isinstance(value, Data) for value in values):
        return np.concatenate(values, axis)  # type: ignore[arg-type]
    first = max((value for value in values if isinstance(value, Data)), key=lambda value: math.prod(value.shape))
    tensors = [as_data(value).laid(first.order) for value in values if math.prod(value.shape) or len(values) == 1]
    if not tensors:
        tensors = [as_data(value).laid(first.order) for value in values]
    return first.like(ops.concatenate(tensors, first.order.index(axis)))


def padded(value: Value, widths: Sequence[tuple[int, int]], constant: float = 0.0) -> Value:
    """A value with cells of a constant around it."""
    limited([size + sum(pair) for size, pair in zip(value.shape, widths)], "Pad")
    if not isinstance(value, Data):
        return np.pad(value, widths, constant_values=constant)
    if not any(any(pair) for pair in widths):
        return value
    return value.like(surrounded(value.tensor, [widths[axis] for axis in value.order], constant))


def surrounded(tensor: Any, widths: Sequence[tuple[int, int]], constant: float = 0.0) -> Any:
    """A tensor with cells of a constant, which may be infinite, around it."""
    if not any(any(pair) for pair in widths):
        return tensor
    return push("pad", [tensor], low=[low for low, _ in widths], high=[high for _, high in widths], value=constant)[0]


def expanded(value: Value, shape: Sequence[int], what: str = "Expand") -> Value:
    """A value repeated along new leading axes and axes of size 1, as NumPy broadcasts."""
    sizes = limited(np.broadcast_shapes(value.shape, tuple(limited(shape, what))), what)
    if not isinstance(value, Data):
        return np.broadcast_to(value, sizes)
    if tuple(sizes) == value.shape:
        return value
    missing = len(sizes) - len(value.shape)
    wide = unsqueezed(value, range(missing)) if missing else value
    assert isinstance(wide, Data)
    return wide.like(ops.broadcast_to(wide.tensor, [sizes[axis] for axis in wide.order]))


def taken(value: Value, indices: Value, axis: int) -> Value:
    """The slices at ``indices`` along an axis; negative ones count from the end."""
    extent = value.shape[axis]
    if not isinstance(indices, Data):
        if indices.dtype.kind not in "iu":
            raise ValueError(f"indices: expected integers, got {indices.dtype}")
        if indices.size and not -extent <= indices.min() <= indices.max() < extent:
            raise IndexError(f"indices: expected {-extent} to {extent - 1}, got {indices.min()}..{indices.max()}")
        places = np.where(indices < 0, indices + extent, indices)
        if not isinstance(value, Data):
            limited([*value.shape[:axis], *places.shape, *value.shape[axis + 1 :]], "Gather")
            return np.take(value, places, axis)
        if places.ndim <= 1:
            part = _by_slice(value, places, axis)
            if part is not None:
                return part
        return Data(ops.take(value.plain, places.astype(np.int32), axis), value.dtype)
    data = as_data(value)
    return Data(ops.take(data.plain, from_end(indices, extent), axis), data.dtype)


def from_end(indices: Data, extent: int) -> Any:
    """Indices that are data, in ONNX's order, as int32 from 0; those outside their axis stay outside."""
    tensor = indices.plain
    if extent >= _EXACT:
        return tensor
    places = ops.cast(tensor, "float32")
    return ops.cast(ops.where(ops.less(places, 0.0), ops.add(places, float(extent)), places), "int32")


def _by_slice(value: Data, places: Array, axis: int) -> Value | None:
    """One index, or several that follow one another, as a part of the value where it lies."""
    if not places.size or (places.size > 1 and (np.diff(places) != 1).any()):
        return None
    first = int(places.flat[0])
    keys = [slice(None)] * len(value.shape)
    keys[axis] = slice(first, first + places.size)
    part = indexed(value, keys)
    return part if places.ndim else squeezed(part, [axis])


def combined(function: Callable[..., Any], dtype: np.dtype[Any], *values: Value) -> Data:
    """A function of floats, element by element, of values that broadcast."""
    operands, order = aligned(values)
    return Data(function(*operands), dtype, order)
