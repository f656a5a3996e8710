"""Which array becomes which: the engine has float32, int32 and uint8, and users bring everything else.

===================  =========================================  ==========================================
what is brought      becomes                                    by
===================  =========================================  ==========================================
an operand of an op  float32, int32 or uint8                    :func:`as_array`
a variable's value   the variable's dtype, float32 or int32     :func:`stored`
a column of data     itself, or what rows can be taken from     :func:`column`
a batch of a column  float32, int32 or uint8                    :func:`column_dtype`, :func:`as_fed`
the name of a dtype  that of the engine's dtype                 :func:`engine_dtype`
===================  =========================================  ==========================================
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from corten.errors import ArgumentTypeError, ShapeError

__all__ = [
    "Array",
    "any_array",
    "as_array",
    "as_fed",
    "column",
    "column_dtype",
    "engine_dtype",
    "native",
    "numeric",
    "stored",
]

Array = NDArray[Any]

_DTYPES = {"float32": np.float32, "int32": np.int32, "uint8": np.uint8}
_NATIVE = (np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.uint8))


def as_array(value: ArrayLike, what: str = "array") -> Array:
    """``value`` as an aligned, C-contiguous, native array of float32, int32 or uint8.

    Floats become float32, bool and uint8 uint8, other integers int32. An integer outside int32 raises ``IndexError``;
    objects, text, dates, complex numbers and masked arrays raise ``TypeError``.
    """
    # The common case first: an op on small arrays costs little more than this function.
    if type(value) is np.ndarray and value.dtype in _NATIVE and value.flags.carray:
        return value
    array = numeric(value, what)
    if array.dtype == np.float32 or array.dtype == np.int32 or array.dtype == np.uint8:
        return native(array, array.dtype.newbyteorder("="))
    if array.dtype.kind == "f":
        return native(array, np.float32)
    if array.dtype.kind == "b":
        return native(array, np.uint8)
    narrow = array.astype(np.int32, order="C")
    if not np.array_equal(narrow, array):
        raise IndexError(f"{what}: integers must fit into int32, got {array.min()}..{array.max()}")
    return narrow


def stored(value: ArrayLike, what: str, dtype: str) -> Array:
    """``value`` as an array of a variable's dtype; what is no int32 raises ``IndexError`` where one belongs."""
    array = numeric(value, what)
    if dtype == "int32" and array.dtype.kind == "f":
        fits = (np.floor(array) == array) & (array >= -(2.0**31)) & (array < 2.0**31)
        if not fits.all():
            raise IndexError(f"{what}: expected whole numbers of int32, got {array[~fits].flat[0]}")
    elif dtype == "int32":
        array = as_array(array, what)
    return native(array, _DTYPES[dtype])


def column(value: Any, what: str) -> Array:
    """``value`` as an array that the engine can take batches from: float32, float64, uint8, int32 or int64.

    Integers beyond int32 (amounts, times in milliseconds) become floats, for as indices they could not be used.
    """
    if hasattr(value, "to_numpy") and not isinstance(value, np.ndarray):
        value = value.to_numpy()
    array = numeric(value, what)
    if array.ndim == 0:
        raise ShapeError(f"{what}: expected an array with a row for each sample, got a single number")
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "f":
        dtype: Any = np.float64 if size == 8 else np.float32
    elif kind == "b" or (kind == "u" and size == 1):
        dtype = np.uint8
    elif size <= 2 or (kind == "i" and size == 4):
        dtype = np.int32
    else:
        beyond = array.size and (array.max() > 2**31 - 1 or array.min() < -(2**31))
        dtype = np.float64 if beyond else np.int64
    return native(array, dtype)


def column_dtype(array: Array, declared: str | None = None) -> str:
    """The engine's dtype for the batches of a :func:`column`: its own, or that of the model's input.

    An input declared as float32 makes floats of integers, one declared as int32 integers of bytes.
    """
    own = "float32" if array.dtype.kind == "f" else "uint8" if array.dtype == np.uint8 else "int32"
    return "float32" if declared == "float32" else "int32" if (declared, own) == ("int32", "uint8") else own


def as_fed(array: Array, dtype: str) -> Array:
    """A batch of a column in the engine's ``dtype``, as the native gather makes it; ``IndexError`` beyond int32."""
    if dtype == "int32" and array.dtype == np.int64 and array.size:
        low, high = array.min(), array.max()
        if low < -(2**31) or high > 2**31 - 1:
            raise IndexError(f"integer {low if low < -(2**31) else high} does not fit into int32")
    return array.astype(dtype)


def engine_dtype(dtype: DTypeLike) -> str:
    """The engine's dtype for one the caller names: floats are float32, integers int32, bool and uint8 uint8."""
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if name in ("float32", "float64", "float16", "bfloat16"):
        return "float32"
    if name in ("bool", "uint8"):
        return "uint8"
    if name in ("int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"):
        return "int32"
    raise TypeError(f"dtype: expected a float, integer or bool type, got {dtype!r}")


def native(array: Array, dtype: DTypeLike) -> Array:
    """``array`` as the engine reads arrays: of this dtype, C-contiguous and aligned; a copy only where it is not."""
    flags = array.flags
    # What np.require does, in a tenth of the time where nothing is to be done.
    if array.dtype == dtype and flags.c_contiguous and flags.aligned:
        return array
    return np.require(array, dtype=dtype, requirements=("C", "A"))


def numeric(value: ArrayLike, what: str) -> Array:
    """``value`` as an array of real numbers, of whatever type; ``TypeError`` for what is none."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{what}: masked arrays are not supported; fill the masked entries first (array.filled(...))")
    array = any_array(value, what)
    if array.dtype.kind not in "fiub":
        raise ArgumentTypeError(f"{what}: expected an array of numbers, got dtype {array.dtype}")
    return array


def any_array(value: ArrayLike, what: str) -> Array:
    """``value`` as an array of whatever; ``TypeError`` for what cannot be one."""
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{what}: expected an array of numbers, got {type(value).__name__} ({error})") from None
