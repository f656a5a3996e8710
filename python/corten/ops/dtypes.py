"""Types of elements: float32, int32 and uint8 are all there are."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from corten.arguments import shown
from corten.graph import Array, Operand, TensorLike, Value, as_array, engine_dtype, push, symbolic

__all__ = ["as_value", "cast", "dtype_of", "floats", "shape"]


def shape(x: TensorLike) -> tuple[int, ...]:
    """The sizes of the axes.

    >>> from corten import ops
    >>> ops.shape([[1, 2, 3]])
    (1, 3)
    """
    return tuple(x.shape) if hasattr(x, "shape") else as_array(x).shape


def dtype_of(x: TensorLike) -> str:
    """``"float32"``, ``"int32"`` or ``"uint8"``; a Python number is a float."""
    if isinstance(x, Operand):
        return x.dtype
    return "float32" if isinstance(x, numbers.Number) else as_array(x).dtype.name


def floats(x: TensorLike, what: str = "array") -> Value:
    """``x`` as float32: what arithmetic works on."""
    if type(x) is np.ndarray and x.dtype == np.float32:
        return x
    if isinstance(x, Operand):
        return x if x.dtype == "float32" else _cast(x, "float32")
    if isinstance(x, numbers.Number) and not isinstance(x, (complex, np.complexfloating)):
        return _scalar(x, what)
    array = as_array(x, what)
    return array if array.dtype == np.float32 else _cast(array, "float32")


def _scalar(x: Any, what: str) -> Array:
    try:
        with np.errstate(over="ignore"):
            return np.asarray(x, np.float32)
    except OverflowError:
        raise ValueError(f"{what}: expected a number that a float can hold, got {shown(x)}") from None


def integers(x: TensorLike) -> Value:
    """``x`` as int32: labels and indices."""
    value = as_value(x)
    return value if value.dtype == "int32" else _cast(value, "int32")


def as_value(x: TensorLike, what: str = "array") -> Value:
    """``x`` as what ops compute with: an operand as it is, anything else as an array."""
    return x if isinstance(x, Operand) else as_array(x, what)


def _cast(value: Value, dtype: str) -> Value:
    result: Value = push("cast", [value], dtype=dtype)[0]
    return result


def untouched(x: Value) -> Any:
    """The result of an op that has nothing to do: a tensor as it is, an array as a copy, for it may be the caller's."""
    return push("identity", [x])[0] if isinstance(x, np.ndarray) else x


@symbolic
def cast(x: TensorLike, dtype: DTypeLike) -> Any:
    """``x`` with another element type: float32, int32 or uint8 (other floats, integers and bool mean these).

    Args:
        x: any shape.
        dtype: the type wanted. To an integer type only whole numbers within its range can be cast.

    Returns:
        The shape of ``x``.

    Raises:
        IndexError: a number is not whole, is NaN, or is outside the range of the integer type.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.cast(np.array([1, 2]), "float32")
    array([1., 2.], dtype=float32)
    """
    wanted = engine_dtype(dtype)
    value = as_value(x)
    return untouched(value) if str(value.dtype) == wanted else _cast(value, wanted)
