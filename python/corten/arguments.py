"""What functions and constructors check of the numbers they are given, before anything else sees them.

A wrong kind of value is an ``ArgumentTypeError``, a number outside its range a ``ValueError``; both say what was
expected, and got. ``where`` names the function and the argument: ``"tril: k"``.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Iterable, Sized
from typing import Any

from corten.errors import ArgumentTypeError

__all__ = ["INT64", "count", "extents", "misused", "number", "one_of", "real", "shown", "whole", "wholes"]

#: The least and the largest integer of 64 bits.
INT64 = (-(2**63), 2**63 - 1)
_LEAST = -sys.float_info.max
#: Of axes and sizes there are few; places to cut at may be many.
_MOST = 1 << 20


def whole(value: object, where: str, low: int | None = None, high: int | None = None) -> int:
    """An integer from ``low`` to ``high``: an int, or what else can be an index, such as NumPy's integers. No bool is.

    >>> from corten.arguments import whole
    >>> whole(3, "roll: shift")
    3
    >>> whole(-1, "top_k: k", low=1)
    Traceback (most recent call last):
    ...
    ValueError: top_k: k: expected an int >= 1, got -1
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        index: Any = value
        result = operator.index(index)
    except TypeError:
        raise ArgumentTypeError(f"{where}: expected an int, got {shown(value)}") from None
    if (low is not None and result < low) or (high is not None and result > high):
        limits = f">= {low}" if high is None else f"<= {high}" if low is None else f"from {low} to {high}"
        raise ValueError(f"{where}: expected an int {limits}, got {shown(result)}")
    return result


def wholes(value: object, where: str, low: int | None = None, high: int | None = None) -> list[int]:
    """One integer as :func:`whole` takes it, or several of them, as a list.

    >>> from corten.arguments import wholes
    >>> wholes(2, "tile: repeats"), wholes((2, 3), "tile: repeats")
    ([2], [2, 3])
    """
    if hasattr(value, "__index__") and getattr(value, "ndim", 0) == 0:
        return [whole(value, where, low, high)]
    if isinstance(value, (str, bytes, dict)) or not isinstance(value, Iterable):
        raise ArgumentTypeError(f"{where}: expected an int or several, got {shown(value)}")
    if isinstance(value, Sized) and len(value) > _MOST:
        raise ValueError(f"{where}: expected at most {_MOST} ints, got {len(value)}")
    return [whole(item, where, low, high) for item in value]


def extents(shape: object, where: str) -> list[int]:
    """The sizes of a new array: one integer or several, none negative, none beyond what an array can have.

    >>> from corten.arguments import extents
    >>> extents((2, 3), "zeros: shape")
    [2, 3]
    """
    return wholes(shape, where, 0, 2**63 - 1)


def count(value: object, where: str, least: int = 1) -> int:
    """An integer of at least ``least``.

    >>> from corten.arguments import count
    >>> count(3, "Dense: units")
    3
    """
    return whole(value, where, least)


def number(value: object, where: str, low: float = _LEAST, below: float = math.inf) -> float:
    """A finite number in [low, below) as a float: an int, a float, or a scalar of NumPy's. No bool is, nor a text.

    >>> from corten.arguments import number
    >>> number(1, "Dropout: rate", 0, 1)
    Traceback (most recent call last):
    ...
    ValueError: Dropout: rate: expected a number in [0, 1), got 1
    """
    result = real(value, where)
    if not low <= result < below:
        finite = "a finite number" if low == _LEAST else f"a finite number >= {low}"
        wanted = finite if below == math.inf else f"a number in [{low}, {below})"
        raise ValueError(f"{where}: expected {wanted}, got {shown(value)}")
    return result


def real(value: object, where: str) -> float:
    """A real number as a float, be it infinite or NaN.

    >>> from corten.arguments import real
    >>> real(2, "threshold: threshold")
    2.0
    """
    try:
        if isinstance(value, (bool, str, bytes)) or getattr(value, "ndim", 0) != 0 or not hasattr(value, "__float__"):
            raise TypeError
        scalar: Any = value
        return float(scalar)
    except OverflowError:
        raise ValueError(f"{where}: expected a number that a float can hold, got {shown(value)}") from None
    except TypeError:
        raise ArgumentTypeError(f"{where}: expected a number, got {shown(value)}") from None


def one_of(value: object, names: Iterable[str], where: str) -> str:
    """One of several names.

    >>> from corten.arguments import one_of
    >>> one_of("ful", ("valid", "same"), "conv2d: padding")
    Traceback (most recent call last):
    ...
    ValueError: conv2d: padding: expected 'valid' or 'same', got 'ful'
    """
    known = list(names)
    if not isinstance(value, str) or value not in known:
        *others, last = map(repr, known)
        raise ValueError(f"{where}: expected {', '.join(others)} or {last}, got {shown(value)}")
    return value


def misused(error: AttributeError, where: str, *values: object) -> Exception:
    """An ``ArgumentTypeError``, where what lacks the attribute is one of a caller's ``values``; else the error.

    To be raised by what hands a caller's values on to functions that take tensors.
    """
    if _holds(values, error.obj, 8):
        return ArgumentTypeError(f"{where}: expected arrays or tensors, got {shown(error.obj)}")
    return error


def _holds(values: Any, sought: Any, depth: int) -> bool:
    items = values.values() if isinstance(values, dict) else values
    nested = (list, tuple, dict)
    return any(
        item is sought or (depth > 0 and isinstance(item, nested) and _holds(item, sought, depth - 1)) for item in items
    )


def shown(value: object) -> str:
    """A value as an error message shows it: short, whatever it is.

    >>> from corten.arguments import shown
    >>> shown("a" * 1000)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..."
    """
    if isinstance(value, int) and not -(10**18) < value < 10**18:
        return f"an int of {value.bit_length()} bits"
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else f"{text[:59]}..."
