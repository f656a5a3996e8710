"""Inputs of a model as a file declares them, and as they are given."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from corten.errors import ShapeError
from corten.graph import Array, SymbolicTensor
from corten.models.model import fits
from corten.onnx.conversions import cast
from corten.onnx.graph import Declared
from corten.onnx.unsupported import unsupported_type
from corten.onnx.values import Data

__all__ = ["Numbers", "constant_of", "first_size", "sizes_of", "symbol_of"]


class Numbers:
    """An array by its value: a step is traced for each."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self._key = array.dtype.str, array.shape, array.tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Numbers) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)


def constant_of(value: ArrayLike, declared: Declared) -> Array:
    """The value of an input that is always the same, in the type that the file has for it."""
    what = f"known: {declared.name!r}"
    array = np.asarray(value)
    if declared.dtype is not None and array.dtype != declared.dtype:
        converted = cast(array, declared.dtype, what)
        assert not isinstance(converted, Data)
        if not np.array_equal(converted, array):
            raise ValueError(f"{what}: expected numbers of {declared.dtype}, got {array.dtype}")
        array = converted
    shape = None if declared.shape is None else [size if isinstance(size, int) else None for size in declared.shape]
    if shape is not None and not fits(array.shape, shape):
        raise ShapeError(f"{what}: expected shape {tuple(shape)}, got {array.shape}")
    return array


def sizes_of(declared: Declared, batch_axis: Mapping[str, int]) -> list[int | str | None]:
    """What the file says of the sizes, the batch first; nothing of a value of which it says nothing."""
    sizes = list(declared.shape or ())
    axis = batch_axis.get(declared.name, 0)
    if axis and not 0 < axis < len(sizes):
        raise ValueError(f"batch_axis: {declared.name!r} has {len(sizes)} axes, got {axis}")
    return [sizes[axis], *sizes[:axis], *sizes[axis + 1 :]] if sizes else sizes


def first_size(declared: Declared, batch_axis: Mapping[str, int]) -> int | str | None:
    """The size of the first axis, or its name; an empty name where there is no axis."""
    if declared.shape is None:
        return None
    sizes = sizes_of(declared, batch_axis)
    return sizes[0] if sizes else ""


def symbol_of(declared: Declared, batch_axis: Mapping[str, int]) -> SymbolicTensor:
    """An input as other models have them."""
    dtype = declared.dtype
    if dtype is None or (dtype != np.float32 and dtype.kind not in "iub"):
        raise unsupported_type(f"input {declared.name!r}", dtype or "unknown")
    shape = [size if isinstance(size, int) else None for size in sizes_of(declared, batch_axis)]
    return SymbolicTensor(shape, "float32" if dtype.kind in "fb" else "int32", name=declared.name)
