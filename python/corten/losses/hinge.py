"""Losses of margins: labels -1 and 1 (0 and 1 are converted), or one-hot classes."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from corten import ops
from corten.graph import TensorLike
from corten.losses.loss import Loss, expect_same, loss_function

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge", "categorical_hinge", "hinge", "squared_hinge"]


def _signs(y_true: Any) -> Any:
    """Labels that are all 0 or 1 as -1 and 1; others as they are. NaN, which a mask leaves out, is no label."""
    labels = ops.cast(y_true, "float32")
    known = ops.maximum(ops.equal(labels, 0.0), ops.equal(labels, 1.0))
    binary = ops.min(ops.maximum(known, ops.isnan(labels)))
    return ops.where(binary, ops.subtract(ops.multiply(labels, 2.0), 1.0), labels)


def _margin(name: str, y_true: Any, y_pred: Any) -> Any:
    y_true, y_pred = expect_same(name, y_true, y_pred)
    return ops.maximum(ops.subtract(1.0, ops.multiply(_signs(y_true), y_pred)), 0.0)


@loss_function
def hinge(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """``mean(max(1 - y_true y_pred, 0))`` over the last axis.

    >>> import numpy as np
    >>> from corten.losses import hinge
    >>> hinge(np.float32([[1, -1]]), np.float32([[0.5, 0.5]]))
    array([1.], dtype=float32)
    """
    return ops.mean(_margin("hinge", y_true, y_pred), axis=-1)


@loss_function
def squared_hinge(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """``mean(max(1 - y_true y_pred, 0)^2)`` over the last axis.

    >>> import numpy as np
    >>> from corten.losses import squared_hinge
    >>> squared_hinge(np.float32([[1, -1]]), np.float32([[0.5, 0.5]]))
    array([1.25], dtype=float32)
    """
    return ops.mean(ops.square(_margin("squared_hinge", y_true, y_pred)), axis=-1)


@loss_function
def categorical_hinge(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """``max(max((1 - y_true) y_pred) - sum(y_true y_pred) + 1, 0)`` over the last axis, for one-hot targets.

    >>> import numpy as np
    >>> from corten.losses import categorical_hinge
    >>> categorical_hinge(np.float32([[0, 1]]), np.float32([[0.5, 1]]))
    array([0.5], dtype=float32)
    """
    y_true, y_pred = expect_same("categorical_hinge", y_true, y_pred)
    positive = ops.sum(ops.multiply(y_true, y_pred), axis=-1)
    negative = ops.max(ops.multiply(ops.subtract(1.0, y_true), y_pred), axis=-1)
    return ops.maximum(ops.add(ops.subtract(negative, positive), 1.0), 0.0)


class Hinge(Loss):
    """The hinge loss of labels -1 and 1, see :func:`hinge`.

    >>> import numpy as np
    >>> from corten.losses import Hinge
    >>> float(Hinge()(np.float32([[0], [1]]), np.float32([[-1], [0]])))
    0.5
    """

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str | None = "hinge", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return hinge(y_true, y_pred)


class SquaredHinge(Loss):
    """The squared hinge loss of labels -1 and 1, see :func:`squared_hinge`.

    >>> import numpy as np
    >>> from corten.losses import SquaredHinge
    >>> float(SquaredHinge()(np.float32([[-1], [1]]), np.float32([[1], [1]])))
    2.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return squared_hinge(y_true, y_pred)


class CategoricalHinge(Loss):
    """The hinge loss of one-hot classes, see :func:`categorical_hinge`.

    >>> import numpy as np
    >>> from corten.losses import CategoricalHinge
    >>> float(CategoricalHinge()(np.float32([[0, 1]]), np.float32([[0, 3]])))
    0.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return categorical_hinge(y_true, y_pred)
