"""Sums, means, extremes over axes.

``axis`` is an int, several, or None for all axes; negative ones count from the end. With ``keepdims`` a reduced axis
stays, with size 1. Sums are formed in a fixed order: the result does not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten.ops import math
from corten.ops.axes import axes_of, axis_of
from corten.ops.dtypes import floats, shape
from corten.ops.shapes import expand_dims, moveaxis, reshape, squeeze
from corten.tensor import push, symbolic

__all__ = ["all", "any", "argmax", "argmin", "logsumexp", "max", "mean", "min", "prod", "std", "sum", "var"]

Axis = int | Sequence[int] | None


def _reduce(name: str, x: Any, axis: Axis, keepdims: bool) -> Any:
    x = floats(x)
    return push(name, [x], axes=axes_of(axis, len(shape(x)), name), keepdims=bool(keepdims))[0]


@symbolic
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over axes.

    >>> from corten import ops
    >>> ops.sum([[1, 2], [3, 4]], axis=0)
    array([4., 6.], dtype=float32)
    """
    return _reduce("sum", x, axis, keepdims)


@symbolic
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over axes; ``ValueError`` over nothing.

    >>> from corten import ops
    >>> ops.mean([[1, 2], [3, 4]], axis=1)
    array([1.5, 3.5], dtype=float32)
    """
    return _reduce("mean", x, axis, keepdims)


@symbolic
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest over axes; NaN where any is NaN. Equal largest ones share the gradient.

    >>> from corten import ops
    >>> ops.max([[1, 2], [4, 3]], axis=1)
    array([2., 4.], dtype=float32)
    """
    return _reduce("max", x, axis, keepdims)


@symbolic
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest over axes; NaN where any is NaN. Equal smallest ones share the gradient.

    >>> from corten import ops
    >>> ops.min([[1, 2], [4, 3]], axis=1)
    array([1., 3.], dtype=float32)
    """
    return _reduce("min", x, axis, keepdims)


@symbolic
def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The product over axes.

    >>> from corten import ops
    >>> ops.prod([[1, 2], [4, 3]], axis=1)
    array([ 2., 12.], dtype=float32)
    """
    return _reduce("prod", x, axis, keepdims)


@symbolic
def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The variance over axes: the mean of ``(x - mean)^2``.

    >>> from corten import ops
    >>> float(ops.var([1, 2, 3, 4]))
    1.25
    """
    return mean(math.square(math.subtract(x, mean(x, axis, keepdims=True))), axis, keepdims)


@symbolic
def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The standard deviation over axes: the root of :func:`var`.

    >>> from corten import ops
    >>> float(ops.std([1, 1, 3, 3]))
    1.0
    """
    return math.sqrt(var(x, axis, keepdims))


@symbolic
def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """1 where an element over the axes is not zero, else 0.

    >>> from corten import ops
    >>> ops.any([[0, 0], [0, 2]], axis=1)
    array([0., 1.], dtype=float32)
    """
    return max(math.not_equal(x, 0), axis, keepdims)


@symbolic
def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """1 where no element over the axes is zero, else 0.

    >>> from corten import ops
    >>> ops.all([[1, 1], [0, 2]], axis=1)
    array([1., 0.], dtype=float32)
    """
    return min(math.not_equal(x, 0), axis, keepdims)


@symbolic
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """``log(sum(e^x))`` over axes, without overflow.

    >>> from corten import ops
    >>> float(ops.logsumexp([1000, -1000]))
    1000.0
    """
    axes = axes_of(axis, len(shape(x)), "logsumexp")
    largest = math.stop_gradient(max(x, axes, keepdims=True))
    # An infinite largest one would give inf - inf.
    largest = math.where(math.isfinite(largest), largest, 0.0)
    total = math.add(math.log(sum(math.exp(math.subtract(x, largest)), axes, keepdims=True)), largest)
    return total if keepdims else squeeze(total, axes)


def _position(name: str, x: Any, axis: int | None, keepdims: bool) -> Any:
    x = floats(x)
    rank = len(shape(x))
    if axis is None:
        found = push(name, [reshape(x, [-1])])[0]
        return reshape(found, [1] * rank) if keepdims else found
    index = axis_of(axis, rank, name)
    found = push(name, [x if index == rank - 1 else moveaxis(x, index, -1)])[0]
    return expand_dims(found, index) if keepdims else found


@symbolic
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where along an axis the largest is (the first of equal ones), as int32; without an axis, in the flattened value.

    >>> from corten import ops
    >>> ops.argmax([[1, 2], [4, 3]], axis=1)
    array([1, 0], dtype=int32)
    """
    return _position("argmax", x, axis, keepdims)


@symbolic
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where along an axis the smallest is (the first of equal ones), as int32; without an axis, in the flattened value.

    >>> from corten import ops
    >>> ops.argmin([[1, 2], [4, 3]], axis=1)
    array([0, 1], dtype=int32)
    """
    return _position("argmin", x, axis, keepdims)
