"""Activation functions, element by element, and softmax."""

from __future__ import annotations

import math as scalars
import warnings
from typing import Any

from corten.arguments import number, real
from corten.errors import ShapeError
from corten.graph import TensorLike, push, symbolic
from corten.ops import math
from corten.ops.axes import Axes, axes_of, axis_of
from corten.ops.dtypes import floats, shape
from corten.ops.reduction import euclidean
from corten.ops.reduction import max as largest
from corten.ops.reduction import sum as sum_over
from corten.ops.shapes import broadcast_to, expand_dims, moveaxis, reshape, split, stack, swapaxes

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]


def _unary(name: str, x: Any, **attributes: Any) -> Any:
    return push(name, [floats(x, name)], **attributes)[0]


# --- with a kernel of their own --------------------------------------------------------------------------------------


@symbolic
def relu(x: TensorLike) -> Any:
    """``max(x, 0)``, the rectified linear unit; its gradient at 0 is 0.

    >>> from corten import ops
    >>> ops.relu([-1, 2])
    array([0., 2.], dtype=float32)
    """
    return _unary("relu", x)


@symbolic
def relu6(x: TensorLike) -> Any:
    """``min(max(x, 0), 6)`` (Howard et al. 2017, section 3).

    >>> from corten import ops
    >>> ops.relu6([-1, 2, 7])
    array([0., 2., 6.], dtype=float32)
    """
    return _unary("relu6", x)


@symbolic
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Any:
    """``x`` above zero, ``negative_slope x`` below (Maas et al. 2013, section 2).

    >>> from corten import ops
    >>> ops.leaky_relu([-1, 2], negative_slope=0.5)
    array([-0.5,  2. ], dtype=float32)
    """
    return _unary("leaky_relu", x, negative_slope=real(negative_slope, "leaky_relu: negative_slope"))


@symbolic
def elu(x: TensorLike, alpha: float = 1.0) -> Any:
    """``x`` above zero, ``alpha (e^x - 1)`` below (Clevert et al. 2016, eq. 15).

    >>> from corten import ops
    >>> ops.elu([-100, 2])
    array([-1.,  2.], dtype=float32)
    """
    return _unary("elu", x, alpha=real(alpha, "elu: alpha"))


@symbolic
def selu(x: TensorLike) -> Any:
    """``1.0507 elu(x, 1.67326)``, which keeps mean and variance of its input (Klambauer et al. 2017, eq. 2).

    >>> from corten import ops
    >>> ops.selu([0, 1])
    array([0.     , 1.050701], dtype=float32)
    """
    return _unary("selu", x)


@symbolic
def gelu(x: TensorLike, approximate: bool = True) -> Any:
    """``x`` times the normal distribution function, or its approximation by a tanh (Hendrycks and Gimpel 2016).

    >>> from corten import ops
    >>> ops.gelu([0, 10])
    array([ 0., 10.], dtype=float32)
    """
    return _unary("gelu", x, approximate=bool(approximate))


@symbolic
def silu(x: TensorLike) -> Any:
    """``x sigmoid(x)``, also called swish (Elfwing et al. 2018, eq. 8).

    >>> from corten import ops
    >>> ops.silu([0, 100])
    array([  0., 100.], dtype=float32)
    """
    return _unary("silu", x)


@symbolic
def hard_silu(x: TensorLike) -> Any:
    """``x hard_sigmoid(x)``, also called hard swish (Howard et al. 2019, section 5.2).

    >>> from corten import ops
    >>> ops.hard_silu([-4, 0, 4])
    array([-0.,  0.,  4.], dtype=float32)
    """
    return _unary("hard_silu", x)


@symbolic
def sigmoid(x: TensorLike) -> Any:
    """``1 / (1 + e^-x)``.

    >>> from corten import ops
    >>> ops.sigmoid([0, 100])
    array([0.5, 1. ], dtype=float32)
    """
    return _unary("sigmoid", x)


@symbolic
def hard_sigmoid(x: TensorLike) -> Any:
    """``min(max(x / 6 + 1 / 2, 0), 1)``.

    >>> from corten import ops
    >>> ops.hard_sigmoid([-4, 0, 4])
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return _unary("hard_sigmoid", x)


@symbolic
def tanh(x: TensorLike) -> Any:
    """The hyperbolic tangent.

    >>> from corten import ops
    >>> ops.tanh([0, 100])
    array([0., 1.], dtype=float32)
    """
    return _unary("tanh", x)


@symbolic
def softplus(x: TensorLike) -> Any:
    """``log(1 + e^x)``.

    >>> from corten import ops
    >>> ops.softplus([-200, 100])
    array([  0., 100.], dtype=float32)
    """
    return _unary("softplus", x)


@symbolic
def softsign(x: TensorLike) -> Any:
    """``x / (1 + |x|)``.

    >>> from corten import ops
    >>> ops.softsign([-1, 3])
    array([-0.5 ,  0.75], dtype=float32)
    """
    return _unary("softsign", x)


def _softmax(name: str, x: Any, axis: Axes) -> Any:
    x = floats(x, name)
    rank = len(shape(x))
    if not hasattr(axis, "__index__"):
        axes = axes_of(axis, rank, name)
        places = list(range(rank - len(axes), rank))
        last = moveaxis(x, axes, places)
        flat = push(name, [reshape(last, [*last.shape[: rank - len(axes)], -1])])[0]
        return moveaxis(reshape(flat, last.shape), places, axes)
    index = axis_of(axis, rank, name)
    if index == rank - 1:
        return push(name, [x])[0]
    return swapaxes(push(name, [swapaxes(x, index, -1)])[0], index, -1)


@symbolic
def softmax(x: TensorLike, axis: Axes = -1) -> Any:
    """``e^x / sum(e^x)`` along an axis (or several, or with None all, taken together), without overflow.

    Warns where there is one element to an axis, which becomes 1 whatever it was: a sigmoid may be meant.

    Minus infinity has no part; NaN, plus infinity, or nothing but minus infinity make NaN of all.

    >>> from corten import ops
    >>> ops.softmax([[0, 0], [1000, 0]])
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """
    sizes = shape(x)
    if hasattr(axis, "__index__") and sizes and sizes[axis_of(axis, len(sizes), "softmax")] == 1:
        text = f"softmax: axis {axis} of shape {tuple(sizes)} has size 1, so that all is 1; did you mean a sigmoid?"
        warnings.warn(text, stacklevel=3)
    return _softmax("softmax", x, axis)


@symbolic
def log_softmax(x: TensorLike, axis: Axes = -1) -> Any:
    """``x - log(sum(e^x))`` along an axis (or several, or with None all, taken together), without overflow.

    >>> from corten import ops
    >>> ops.log_softmax([1000, 0])
    array([    0., -1000.], dtype=float32)
    """
    return _softmax("log_softmax", x, axis)


# --- composed --------------------------------------------------------------------------------------------------------


@symbolic
def celu(x: TensorLike, alpha: float = 1.0) -> Any:
    """``max(x, 0) + min(0, alpha (e^(x / alpha) - 1))`` (Barron 2017).

    >>> from corten import ops
    >>> ops.celu([-100, 2], alpha=2)
    array([-2.,  2.], dtype=float32)
    """
    below = math.multiply(alpha, math.expm1(math.divide(math.minimum(x, 0), alpha)))
    return math.add(math.maximum(x, 0), below)


@symbolic
def glu(x: TensorLike, axis: int = -1) -> Any:
    """``a sigmoid(b)``, where a and b are the halves of ``x`` along an axis (Dauphin et al. 2017, eq. 1).

    >>> from corten import ops
    >>> ops.glu([4, 0])
    array([2.], dtype=float32)
    """
    x = floats(x)
    index = axis_of(axis, len(shape(x)), "glu")
    if shape(x)[index] % 2:
        raise ShapeError(f"glu: expected an even size along axis {axis}, got shape {shape(x)}")
    a, b = split(x, 2, index)
    return math.multiply(a, sigmoid(b))


@symbolic
def hard_tanh(x: TensorLike) -> Any:
    """``min(max(x, -1), 1)``.

    >>> from corten import ops
    >>> ops.hard_tanh([-2, 0.5])
    array([-1. ,  0.5], dtype=float32)
    """
    return math.clip(x, -1.0, 1.0)


@symbolic
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Any:
    """``x`` where ``|x| > threshold``, else 0; NaN stays.

    >>> from corten import ops
    >>> ops.hard_shrink([-1, 0.25])
    array([-1.,  0.], dtype=float32)
    """
    return math.where(math.less_equal(math.abs(x), threshold), 0.0, x)


@symbolic
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Any:
    """``x`` moved towards 0 by ``threshold``, and 0 where that would change its sign.

    >>> from corten import ops
    >>> ops.soft_shrink([-1, 0.25, 2])
    array([-0.5,  0. ,  1.5], dtype=float32)
    """
    return math.add(math.maximum(math.subtract(x, threshold), 0), math.minimum(math.add(x, threshold), 0))


@symbolic
def tanh_shrink(x: TensorLike) -> Any:
    """``x - tanh(x)``.

    >>> from corten import ops
    >>> ops.tanh_shrink([0, 100])
    array([ 0., 99.], dtype=float32)
    """
    return math.subtract(x, tanh(x))


@symbolic
def threshold(x: TensorLike, threshold: float, default_value: float) -> Any:
    """``x`` where ``x > threshold``, else ``default_value``; NaN stays.

    >>> from corten import ops
    >>> ops.threshold([1, 3], 2, -1)
    array([-1.,  3.], dtype=float32)
    """
    return math.where(math.less_equal(x, threshold), default_value, x)


@symbolic
def log_sigmoid(x: TensorLike) -> Any:
    """``log(sigmoid(x))``, without overflow.

    >>> from corten import ops
    >>> ops.log_sigmoid([-100, 0]).round(4)
    array([-100.    ,   -0.6931], dtype=float32)
    """
    return math.negative(softplus(math.negative(x)))


@symbolic
def mish(x: TensorLike) -> Any:
    """``x tanh(softplus(x))`` (Misra 2020, eq. 1).

    >>> from corten import ops
    >>> ops.mish([0, 100])
    array([  0., 100.], dtype=float32)
    """
    return math.multiply(x, tanh(softplus(x)))


@symbolic
def squareplus(x: TensorLike, b: float = 4) -> Any:
    """``(x + sqrt(x^2 + b)) / 2`` (Barron 2021, eq. 1), without overflow or cancellation.

    >>> from corten import ops
    >>> ops.squareplus([0])
    array([1.], dtype=float32)
    """
    b = number(b, "squareplus: b", 0)
    if b == 0:
        return relu(x)
    x = floats(x)
    root = euclidean(stack([x, broadcast_to(scalars.sqrt(b), shape(x))], axis=-1), -1, False)
    half = math.add(math.multiply(math.abs(x), 0.5), math.multiply(root, 0.5))
    # Below zero (root - |x|) / 2 would cancel.
    return math.where(math.less(x, 0.0), math.divide(b / 4, half), half)


@symbolic
def sparse_plus(x: TensorLike) -> Any:
    """0 up to -1, ``x`` from 1, ``(x + 1)^2 / 4`` between.

    >>> from corten import ops
    >>> ops.sparse_plus([-2, 0, 2])
    array([0.  , 0.25, 2.  ], dtype=float32)
    """
    middle = math.multiply(math.square(math.add(math.clip(x, -1.0, 1.0), 1.0)), 0.25)
    return math.add(middle, math.maximum(math.subtract(x, 1.0), 0.0))


@symbolic
def sparse_sigmoid(x: TensorLike) -> Any:
    """0 up to -1, 1 from 1, ``(x + 1) / 2`` between.

    >>> from corten import ops
    >>> ops.sparse_sigmoid([-2, 0, 2])
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return math.multiply(math.add(math.clip(x, -1.0, 1.0), 1.0), 0.5)


@symbolic
def sparsemax(x: TensorLike, axis: int = -1) -> Any:
    """The nearest probability vector along an axis; mostly zeros (Martins and Astudillo 2016, eq. 2).

    ``max(x - tau, 0)`` with tau such that the sum is 1. An element is in the support exactly if ``1 + k x > s``, where
    k and s are the count and sum of the elements not smaller than it (proposition 1); all pairs are compared, so the
    cost is the square of the axis' size. Minus infinity has no part; NaN, plus infinity, or nothing but minus infinity
    make NaN of all, as in :func:`softmax`.

    >>> from corten import ops
    >>> ops.sparsemax([2, 1.5, 0])
    array([0.75, 0.25, 0.  ], dtype=float32)
    """
    x = floats(x)
    index = axis_of(axis, len(shape(x)), "sparsemax")
    z = swapaxes(x, index, -1)
    # What is one or more below the largest is never in the support: near zero all sums are exact enough.
    z = math.maximum(math.subtract(z, math.stop_gradient(largest(z, -1, keepdims=True))), -2.0)
    others = expand_dims(z, -2)
    not_smaller = math.stop_gradient(math.greater_equal(others, expand_dims(z, -1)))
    count = sum_over(not_smaller, -1)
    total = sum_over(math.multiply(not_smaller, others), -1)
    inside = math.stop_gradient(math.greater(math.add(math.multiply(count, z), 1.0), total))
    surplus = math.subtract(sum_over(math.multiply(inside, z), -1, keepdims=True), 1.0)
    tau = math.divide(surplus, sum_over(inside, -1, keepdims=True))
    return swapaxes(math.maximum(math.subtract(z, tau), 0.0), index, -1)


swish = silu
hard_swish = hard_silu
