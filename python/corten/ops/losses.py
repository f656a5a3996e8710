"""Losses of predictions against targets, fused and stable; :mod:`corten.losses` has them with Keras's reductions."""

from __future__ import annotations

from typing import Any

from corten.arguments import INT64, number, whole
from corten.errors import ShapeError
from corten.graph import TensorLike, push, symbolic
from corten.ops.dtypes import dtype_of, floats, integers, shape
from corten.ops.shapes import moveaxis, squeeze

__all__ = [
    "binary_cross_entropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "cross_entropy",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sparse_categorical_crossentropy",
]


def _classes(name: str, target: Any, output: Any, ignore_class: int | None) -> Any:
    # Labels have one axis less than scores; where they are not of an integer type, the cast checks that they are whole.
    sparse = dtype_of(target) != "float32" and len(shape(target)) == len(shape(output)) - 1
    targets = integers(target) if sparse else floats(target)
    ignored = [] if ignore_class is None else [whole(ignore_class, f"{name}: ignore_class", *INT64)]
    return push(name, [targets, floats(output)], ignore_class=ignored)[0]


@symbolic
def softmax_cross_entropy(target: TensorLike, logits: TensorLike, ignore_class: int | None = None) -> Any:
    """``-sum(target log(softmax(logits)))`` over the last axis, by log-sum-exp: exact for logits of any size.

    Args:
        target: integer labels (...), or float distributions (..., classes).
        logits: (..., classes).
        ignore_class: rows with this label have loss 0.

    Returns:
        (...): the loss of each row.

    Raises:
        IndexError: a label is no class; with its position and value.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.softmax_cross_entropy(np.array([1]), np.float32([[1000, 0]]))
    array([1000.], dtype=float32)
    """
    return _classes("softmax_cross_entropy", target, logits, ignore_class)


@symbolic
def cross_entropy(target: TensorLike, probabilities: TensorLike, ignore_class: int | None = None) -> Any:
    """``-sum(target log(p))`` over the last axis; p is divided by its sum and held within [1e-7, 1 - 1e-7].

    Args:
        target: integer labels (...), or float distributions (..., classes).
        probabilities: (..., classes).
        ignore_class: rows with this label have loss 0.

    Returns:
        (...): the loss of each row.

    Raises:
        IndexError: a label is no class; with its position and value.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.cross_entropy(np.array([1]), np.float32([[0.5, 0.5]])).round(4)
    array([0.6931], dtype=float32)
    """
    return _classes("cross_entropy", target, probabilities, ignore_class)


@symbolic
def binary_cross_entropy(target: TensorLike, probabilities: TensorLike) -> Any:
    """``-(t log(p) + (1 - t) log(1 - p))`` of each element; p is held within [1e-7, 1 - 1e-7].

    Args:
        target: labels from 0 to 1.
        probabilities: the same shape.

    Returns:
        The same shape.

    >>> from corten import ops
    >>> ops.binary_cross_entropy([1.0, 0.0], [0.5, 0.5]).round(4)
    array([0.6931, 0.6931], dtype=float32)
    """
    return push("binary_cross_entropy", [floats(target), floats(probabilities)])[0]


@symbolic
def sigmoid_cross_entropy(target: TensorLike, logits: TensorLike) -> Any:
    """:func:`binary_cross_entropy` of ``sigmoid(logits)``, exact for logits of any size.

    Args:
        target: labels from 0 to 1.
        logits: the same shape.

    Returns:
        The same shape.

    >>> from corten import ops
    >>> ops.sigmoid_cross_entropy([1.0, 0.0], [-200.0, -200.0])
    array([200.,   0.], dtype=float32)
    """
    return push("sigmoid_cross_entropy", [floats(target), floats(logits)])[0]


@symbolic
def mean_squared_error(target: TensorLike, output: TensorLike) -> Any:
    """The mean of ``(output - target)^2`` over the last axis.

    >>> from corten import ops
    >>> ops.mean_squared_error([[1.0, 2.0]], [[2.0, 5.0]])
    array([5.], dtype=float32)
    """
    return push("mean_squared_error", [floats(target), floats(output)])[0]


@symbolic
def mean_absolute_error(target: TensorLike, output: TensorLike) -> Any:
    """The mean of ``|output - target|`` over the last axis.

    >>> from corten import ops
    >>> ops.mean_absolute_error([[1.0, 2.0]], [[2.0, 5.0]])
    array([2.], dtype=float32)
    """
    return push("mean_absolute_error", [floats(target), floats(output)])[0]


@symbolic
def huber(target: TensorLike, output: TensorLike, delta: float = 1.0) -> Any:
    """The mean over the last axis of ``d^2 / 2`` up to ``|d| = delta``, ``delta (|d| - delta / 2)`` beyond.

    >>> from corten import ops
    >>> ops.huber([[0.0, 0.0]], [[1.0, 3.0]])
    array([1.5], dtype=float32)
    """
    return push("huber", [floats(target), floats(output)], delta=number(delta, "huber: delta", 0))[0]


# --- by Keras's names ------------------------------------------------------------------------------------------------


@symbolic
def binary_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False) -> Any:
    """:func:`binary_cross_entropy` of each element, or :func:`sigmoid_cross_entropy` where ``from_logits``.

    >>> from corten import ops
    >>> ops.binary_crossentropy([1.0, 0.0], [0.5, 0.5]).round(4)
    array([0.6931, 0.6931], dtype=float32)
    """
    if shape(target) != shape(output):
        raise ShapeError(f"binary_crossentropy: expected targets of shape {shape(output)}, got {shape(target)}")
    return (sigmoid_cross_entropy if from_logits else binary_cross_entropy)(target, output)


@symbolic
def categorical_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1) -> Any:
    """:func:`cross_entropy` of distributions over an axis, or :func:`softmax_cross_entropy` where ``from_logits``.

    >>> from corten import ops
    >>> ops.categorical_crossentropy([[0, 1]], [[0.5, 0.5]]).round(4)
    array([0.6931], dtype=float32)
    """
    if shape(target) != shape(output):
        raise ShapeError(f"categorical_crossentropy: expected targets of shape {shape(output)}, got {shape(target)}")
    loss = softmax_cross_entropy if from_logits else cross_entropy
    return loss(moveaxis(floats(target), axis, -1), moveaxis(output, axis, -1))


@symbolic
def sparse_categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Any:
    """As :func:`categorical_crossentropy`, of integer labels, whose last axis may be one of size 1 more.

    >>> from corten import ops
    >>> ops.sparse_categorical_crossentropy([1], [[0.5, 0.5]]).round(4)
    array([0.6931], dtype=float32)
    """
    labels = integers(target)
    if len(shape(labels)) == len(shape(output)) and shape(labels)[-1] == 1:
        labels = squeeze(labels, -1)
    return (softmax_cross_entropy if from_logits else cross_entropy)(labels, moveaxis(output, axis, -1))
