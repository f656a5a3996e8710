"""Sums, means, extremes over axes.

``axis`` is an int, several, or None for all axes; negative ones count from the end. With ``keepdims`` a reduced axis
stays, with size 1. Sums are formed in a fixed order: the result does not depend on the number of threads.
"""

from __future__ import annotations

import math as scalars
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from corten.arguments import whole
from corten.errors import ShapeError
from corten.graph import TensorLike, push, symbolic
from corten.ops import math
from corten.ops.axes import Axes, axes_of, axis_of
from corten.ops.dtypes import cast, floats, shape
from corten.ops.shapes import broadcast_to, expand_dims, getitem, moveaxis, one_hot, pad, reshape, squeeze, stack

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "average",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "logsumexp",
    "max",
    "mean",
    "min",
    "moments",
    "prod",
    "std",
    "sum",
    "top_k",
    "var",
]


def _reduce(name: str, x: Any, axis: Axes, keepdims: bool) -> Any:
    x = floats(x)
    return push(name, [x], axes=axes_of(axis, len(shape(x)), name), keepdims=bool(keepdims))[0]


@symbolic
def sum(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """The sum over axes.

    >>> from corten import ops
    >>> ops.sum([[1, 2], [3, 4]], axis=0)
    array([4., 6.], dtype=float32)
    """
    return _reduce("sum", x, axis, keepdims)


@symbolic
def mean(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """The mean over axes; ``ValueError`` over nothing.

    >>> from corten import ops
    >>> ops.mean([[1, 2], [3, 4]], axis=1)
    array([1.5, 3.5], dtype=float32)
    """
    return _reduce("mean", x, axis, keepdims)


@symbolic
def max(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """The largest over axes; NaN where any is NaN. Equal largest ones share the gradient.

    >>> from corten import ops
    >>> ops.max([[1, 2], [4, 3]], axis=1)
    array([2., 4.], dtype=float32)
    """
    return _reduce("max", x, axis, keepdims)


@symbolic
def min(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """The smallest over axes; NaN where any is NaN. Equal smallest ones share the gradient.

    >>> from corten import ops
    >>> ops.min([[1, 2], [4, 3]], axis=1)
    array([1., 3.], dtype=float32)
    """
    return _reduce("min", x, axis, keepdims)


@symbolic
def prod(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """The product over axes; its gradient by a factor is the product of the others, whatever that factor is.

    >>> from corten import ops
    >>> ops.prod([[1, 2], [4, 3]], axis=1)
    array([ 2., 12.], dtype=float32)
    """
    return _reduce("prod", x, axis, keepdims)


@symbolic
def var(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """The variance over axes: the mean of ``(x - mean)^2``.

    >>> from corten import ops
    >>> float(ops.var([1, 2, 3, 4]))
    1.25
    """
    return mean(math.square(math.subtract(x, mean(x, axis, keepdims=True))), axis, keepdims)


@symbolic
def std(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """The standard deviation over axes: the root of :func:`var`, also where that is beyond the largest float.

    Where all are equal its gradient is 0.

    >>> from corten import ops
    >>> float(ops.std([1, 1, 3, 3]))
    1.0
    """
    x = floats(x)
    count = scalars.prod(shape(x)[a] for a in axes_of(axis, len(shape(x)), "std"))
    length = euclidean(math.subtract(x, mean(x, axis, keepdims=True)), axis, keepdims)
    return math.divide(length, scalars.sqrt(count))


def euclidean(x: TensorLike, axis: Axes, keepdims: bool) -> Any:
    """The root of the sum of squares over axes; no square overflows, and the gradient at 0 is 0."""
    return _reduce("norm", x, axis, keepdims)


@symbolic
def any(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """1 where an element over the axes is not zero, else 0.

    >>> from corten import ops
    >>> ops.any([[0, 0], [0, 2]], axis=1)
    array([0., 1.], dtype=float32)
    """
    return max(math.not_equal(x, 0), axis, keepdims)


@symbolic
def all(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """1 where no element over the axes is zero, else 0.

    >>> from corten import ops
    >>> ops.all([[1, 1], [0, 2]], axis=1)
    array([1., 0.], dtype=float32)
    """
    return min(math.not_equal(x, 0), axis, keepdims)


@symbolic
def logsumexp(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """``log(sum(e^x))`` over axes, without overflow; -inf, without a gradient, where all are -inf.

    >>> from corten import ops
    >>> float(ops.logsumexp([1000, -1000]))
    1000.0
    """
    axes = axes_of(axis, len(shape(x)), "logsumexp")
    largest = math.stop_gradient(max(x, axes, keepdims=True))
    # An infinite largest one would give inf - inf.
    largest = math.where(math.isfinite(largest), largest, 0.0)
    total = sum(math.exp(math.subtract(x, largest)), axes, keepdims=True)
    # Of nothing but -inf the sum is 0, where the logarithm's slope is infinite.
    nothing = math.equal(total, 0.0)
    total = math.where(nothing, -np.inf, math.add(math.log(math.where(nothing, 1.0, total)), largest))
    return total if keepdims else squeeze(total, axes)


def _position(name: str, x: Any, axis: int | None, keepdims: bool) -> Any:
    x = floats(x)
    rank = len(shape(x))
    if axis is None:
        place = push(name, [reshape(x, [-1])], unless_nan=False)[0]
        return reshape(place, [1] * rank) if keepdims else place
    index = axis_of(axis, rank, name)
    places = push(name, [x if index == rank - 1 else moveaxis(x, index, -1)], unless_nan=False)[0]
    return expand_dims(places, index) if keepdims else places


@symbolic
def argmax(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where along an axis the largest is (the first of equal ones), as int32; without an axis, in the flattened value.

    >>> from corten import ops
    >>> ops.argmax([[1, 2], [4, 3]], axis=1)
    array([1, 0], dtype=int32)
    """
    return _position("argmax", x, axis, keepdims)


@symbolic
def argmin(x: TensorLike, axis: int | None = None, keepdims: bool = False) -> Any:
    """Where along an axis the smallest is (the first of equal ones), as int32; without an axis, in the flattened value.

    >>> from corten import ops
    >>> ops.argmin([[1, 2], [4, 3]], axis=1)
    array([0, 1], dtype=int32)
    """
    return _position("argmin", x, axis, keepdims)


@symbolic
def amax(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """As :func:`max`.

    >>> from corten import ops
    >>> ops.amax([[1, 2], [4, 3]], axis=1)
    array([2., 4.], dtype=float32)
    """
    return max(x, axis, keepdims)


@symbolic
def amin(x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Any:
    """As :func:`min`.

    >>> from corten import ops
    >>> ops.amin([[1, 2], [4, 3]], axis=1)
    array([1., 3.], dtype=float32)
    """
    return min(x, axis, keepdims)


@symbolic
def average(x: TensorLike, axis: Axes = None, weights: TensorLike | None = None) -> Any:
    """The mean over axes, in which elements count as much as their weights say; NaN where the weights sum to 0.

    Args:
        x: any shape.
        axis: what the mean is over.
        weights: the shape of ``x``, or one weight for each place along one ``axis``.

    >>> from corten import ops
    >>> float(ops.average([1, 2, 5], weights=[1, 1, 2]))
    3.25
    """
    if weights is None:
        return mean(x, axis)
    x, factors = floats(x), floats(weights)
    rank = len(shape(x))
    if len(shape(factors)) == 1 and rank > 1:
        place = axis_of(axis, rank, "average")
        factors = reshape(factors, [-1 if a == place else 1 for a in range(rank)])
    total = sum(broadcast_to(factors, shape(x)), axis)
    return math.divide(sum(math.multiply(x, factors), axis), total)


@symbolic
def count_nonzero(x: TensorLike, axis: Axes = None) -> Any:
    """How many elements over axes are not zero.

    >>> from corten import ops
    >>> ops.count_nonzero([[0, 1], [2, 3]], axis=1)
    array([1., 2.], dtype=float32)
    """
    return sum(math.not_equal(x, 0), axis)


@symbolic
def moments(x: TensorLike, axes: Axes, keepdims: bool = False, synchronized: bool = False) -> tuple[Any, Any]:
    """Mean and variance over axes.

    Raises:
        ValueError: ``synchronized``: there is one process.

    >>> from corten import ops
    >>> mean, variance = ops.moments([[1, 3], [5, 5]], axes=1)
    >>> mean, variance
    (array([2., 5.], dtype=float32), array([1., 0.], dtype=float32))
    """
    if synchronized:
        raise ValueError("moments: synchronized: only False is supported")
    return mean(x, axes, keepdims), var(x, axes, keepdims)


def _running(name: str, x: Any, axis: int | None, dtype: Any, combine: Callable[[Any, Any], Any], start: float) -> Any:
    """Each element combined with all before it, in a number of steps that grows as the logarithm of their number."""
    x = floats(x)
    if axis is None:
        x, axis = reshape(x, [-1]), 0
    axis = axis_of(axis, len(shape(x)), name)
    extent, step = shape(x)[axis], 1
    while step < extent:
        before = [(step, 0) if a == axis else (0, 0) for a in range(len(shape(x)))]
        earlier = getitem(x, (*[slice(None)] * axis, slice(0, extent - step)))
        x = combine(x, pad(earlier, before, constant_values=start))
        step *= 2
    return x if dtype is None else cast(x, dtype)


@symbolic
def cumsum(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Any:
    """The sum of each element and those before it along an axis; without one, of the flattened value.

    >>> from corten import ops
    >>> ops.cumsum([[1, 2, 3], [4, 5, 6]], axis=1)
    array([[ 1.,  3.,  6.],
           [ 4.,  9., 15.]], dtype=float32)
    """
    return _running("cumsum", x, axis, dtype, math.add, 0.0)


@symbolic
def cumprod(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Any:
    """The product of each element and those before it along an axis; without one, of the flattened value.

    >>> from corten import ops
    >>> ops.cumprod([1, 2, 3, 4])
    array([ 1.,  2.,  6., 24.], dtype=float32)
    """
    return _running("cumprod", x, axis, dtype, math.multiply, 1.0)


@symbolic
def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[Any, Any]:
    """The ``k`` largest along the last axis and where they are, the largest first; of equal ones the first.

    Meant for few: each is looked for among all.

    Args:
        x: (..., n).
        k: from 1 to n.
        sorted: accepted for Keras's sake; they always are.

    Returns:
        (..., k) twice: the numbers, and their places as int32.

    >>> from corten import ops
    >>> ops.top_k([1, 5, 3], 2)
    (array([5., 3.], dtype=float32), array([1, 2], dtype=int32))
    """
    x = floats(x)
    if not shape(x):
        raise ShapeError("top_k: expected at least one axis, got shape ()")
    k = whole(k, "top_k: k", 1, shape(x)[-1])
    # What was picked already is below every number there is.
    remaining = math.maximum(math.stop_gradient(x), np.finfo(np.float32).min)
    values, places = [], []
    for _ in range(k):
        place = argmax(remaining, axis=-1)
        picked = one_hot(place, shape(x)[-1])
        values.append(sum(math.where(picked, x, 0.0), axis=-1))
        places.append(place)
        remaining = math.where(picked, -np.inf, remaining)
    return stack(values, axis=-1), stack(places, axis=-1)
