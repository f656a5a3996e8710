"""Normalisation: elements brought to mean 0 and variance 1, over the batch, over features, or to length 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from corten.arguments import number, real
from corten.graph import TensorLike, push, symbolic
from corten.ops.axes import axes_of, axis_of
from corten.ops.creation import ones, zeros
from corten.ops.dtypes import floats, shape
from corten.ops.linear import norm
from corten.ops.math import add, divide, maximum, multiply, rsqrt
from corten.ops.reduction import euclidean
from corten.ops.shapes import moveaxis, reshape, transpose

__all__ = ["affine", "batch_norm", "batch_normalization", "layer_normalization", "normalize", "rms_normalization"]

#: What Keras adds where no epsilon is given.
EPSILON = 1e-7


@symbolic
def batch_norm(
    x: TensorLike, gamma: TensorLike | None = None, beta: TensorLike | None = None, epsilon: float = 1e-3
) -> tuple[Any, Any, Any]:
    """Batch normalisation by the batch's own statistics, as in training (Ioffe and Szegedy, 2015).

    ``y = gamma (x - mean) / sqrt(variance + epsilon) + beta``, mean and variance over all axes but the last.

    Args:
        x: (..., channels).
        gamma: (channels,), ones unless given.
        beta: (channels,), zeros unless given.
        epsilon: added to the variance.

    Returns:
        y in the shape of ``x``, and mean and (biased) variance, (channels,) each.

    Raises:
        ShapeError: gamma or beta is not (channels,).
        ValueError: there are no rows.

    >>> from corten import ops
    >>> y, mean, variance = ops.batch_norm([[1.0], [3.0]], epsilon=0)
    >>> y.ravel(), mean, variance
    (array([-1.,  1.], dtype=float32), array([2.], dtype=float32), array([1.], dtype=float32))
    """
    x = floats(x)
    epsilon = number(epsilon, "batch_norm: epsilon", 0)
    y, mean, variance = push("batch_norm", [x, *_weights(gamma, beta, shape(x)[-1:])], epsilon=epsilon)
    return y, mean, variance


@symbolic
def affine(x: TensorLike, centre: TensorLike, scale: TensorLike, shift: TensorLike) -> Any:
    """``(x - centre) scale + shift`` for each channel, the last axis, in one pass.

    Args:
        x: (..., channels).
        centre: (channels,).
        scale: (channels,).
        shift: (channels,).

    Returns:
        The shape of ``x``.

    >>> from corten import ops
    >>> ops.affine([[1, 2]], [0, 1], [3, 3], [0, 5])
    array([[3., 8.]], dtype=float32)
    """
    return push("affine", [floats(value) for value in (x, centre, scale, shift)])[0]


@symbolic
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> Any:
    """Batch normalisation by given statistics: ``scale (x - mean) / sqrt(variance + epsilon) + offset``.

    Args:
        x: any shape.
        mean: (channels,), of the axis ``axis``.
        variance: (channels,).
        axis: the channels' axis.
        offset: (channels,), zeros unless given.
        scale: (channels,), ones unless given.
        epsilon: added to the variance.

    Returns:
        The shape of ``x``.

    >>> from corten import ops
    >>> ops.batch_normalization([[3.0, 5.0]], [1.0, 1.0], [4.0, 1.0], axis=-1, epsilon=0)
    array([[1., 4.]], dtype=float32)
    """
    x, variance = floats(x), floats(variance)
    axis = axis_of(axis, len(shape(x)), "batch_normalization")
    inverse = rsqrt(add(variance, number(epsilon, "batch_normalization: epsilon", 0)))
    factor = inverse if scale is None else multiply(inverse, scale)
    shift = zeros(shape(variance)) if offset is None else offset
    last = len(shape(x)) - 1
    y = affine(x if axis == last else moveaxis(x, axis, -1), mean, factor, shift)
    return y if axis == last else moveaxis(y, -1, axis)


@symbolic
def layer_normalization(
    x: TensorLike,
    gamma: TensorLike | None = None,
    beta: TensorLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Any:
    """Layer normalisation (Ba, Kiros and Hinton, 2016): each sample by its own mean and variance over ``axis``.

    ``gamma (x - mean) / sqrt(variance + epsilon) + beta``

    Args:
        x: any shape.
        gamma: the sizes of the axes, ones unless given.
        beta: likewise, zeros unless given.
        axis: one axis or several.
        epsilon: added to the variance; 1e-7 unless given.

    Returns:
        The shape of ``x``.

    Raises:
        ShapeError: gamma or beta does not fit.

    >>> from corten import ops
    >>> ops.layer_normalization([[1.0, 3.0], [10.0, 30.0]], epsilon=0)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """
    return _layer_norm(x, gamma, beta, axis, epsilon, True, "layer_normalization")


@symbolic
def rms_normalization(
    x: TensorLike, scale: TensorLike | None = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> Any:
    """RMS normalisation (Zhang and Sennrich, 2019): ``scale x / sqrt(mean(x^2) + epsilon)``, the mean over ``axis``.

    Args:
        x: any shape.
        scale: the sizes of the axes, ones unless given.
        axis: one axis or several.
        epsilon: added to the mean square; 1e-7 unless given.

    Returns:
        The shape of ``x``.

    Raises:
        ShapeError: the scale does not fit.

    >>> from corten import ops
    >>> ops.rms_normalization([[3.0, -3.0]], epsilon=0)
    array([[ 1., -1.]], dtype=float32)
    """
    return _layer_norm(x, scale, None, axis, epsilon, False, "rms_normalization")


@symbolic
def normalize(x: TensorLike, axis: int | Sequence[int] = -1, order: float = 2, epsilon: float | None = None) -> Any:
    """``x / max(|x|, epsilon)``, the length taken over ``axis``; no square overflows.

    Args:
        x: any shape.
        axis: one axis or several.
        order: of the norm along one axis, as in :func:`norm`; 2, the Euclidean one, also of several axes together.
        epsilon: the least length that is divided by; 1e-7 unless given.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: an order below 1, or another than 2 of several axes.

    >>> from corten import ops
    >>> ops.normalize([[3.0, 4.0], [0.0, 0.0]])
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    order = real(order, "normalize: order")
    if not order >= 1:
        raise ValueError(f"normalize: order: expected a number >= 1, got {order}")
    least = EPSILON if epsilon is None else number(epsilon, "normalize: epsilon", 0)
    if order != 2:
        return divide(x, maximum(norm(x, order, axis, keepdims=True), least))
    return divide(x, maximum(euclidean(x, axis, keepdims=True), least))


def _weights(gamma: Any, beta: Any, sizes: tuple[int, ...]) -> list[Any]:
    return [ones(sizes) if gamma is None else floats(gamma), zeros(sizes) if beta is None else floats(beta)]


def _layer_norm(x: Any, gamma: Any, beta: Any, axis: Any, epsilon: float | None, centered: bool, what: str) -> Any:
    x = floats(x)
    axes = axes_of(axis, len(shape(x)), what)
    sizes = tuple(shape(x)[a] for a in axes)
    weights = [
        weight if len(sizes) == 1 or shape(weight) != sizes else reshape(weight, (-1,))
        for weight in _weights(gamma, beta, sizes)
    ]
    options = {"epsilon": EPSILON if epsilon is None else number(epsilon, f"{what}: epsilon", 0), "centered": centered}
    return _on_last(x, axes, lambda rows: push("layer_norm", [rows, *weights], **options)[0])


def _on_last(x: Any, axes: list[int], function: Callable[[Any], Any]) -> Any:
    """``function`` of ``x`` with ``axes`` as its one last axis."""
    order = [a for a in range(len(shape(x))) if a not in axes] + axes
    moved = x if order == sorted(order) else transpose(x, order)
    sizes = shape(moved)
    leading = len(order) - len(axes)
    y = reshape(function(reshape(moved, (*sizes[:leading], math.prod(sizes[leading:])))), sizes)
    return y if order == sorted(order) else transpose(y, [order.index(a) for a in range(len(order))])
