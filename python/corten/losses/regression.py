"""Losses of numbers: squared, absolute, relative and robust errors; distributions of counts and of mass."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import DTypeLike

from corten import ops
from corten.graph import TensorLike
from corten.losses.loss import Loss, expect_same, loss_function

__all__ = [
    "CosineSimilarity",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "cosine_similarity",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
]

EPSILON = 1e-7


@loss_function
def mean_squared_error(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """``mean((y_true - y_pred)^2)`` over the last axis.

    >>> import numpy as np
    >>> from corten.losses import mean_squared_error
    >>> mean_squared_error(np.float32([[0, 1], [2, 2]]), np.float32([[1, 1], [0, 2]]))
    array([0.5, 2. ], dtype=float32)
    """
    y_true, y_pred = expect_same("mean_squared_error", y_true, y_pred)
    return ops.mean_squared_error(y_true, y_pred)


@loss_function
def mean_absolute_error(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """``mean(|y_true - y_pred|)`` over the last axis.

    >>> import numpy as np
    >>> from corten.losses import mean_absolute_error
    >>> mean_absolute_error(np.float32([[0, 1], [2, 2]]), np.float32([[1, 1], [0, 2]]))
    array([0.5, 1. ], dtype=float32)
    """
    y_true, y_pred = expect_same("mean_absolute_error", y_true, y_pred)
    return ops.mean_absolute_error(y_true, y_pred)


@loss_function
def mean_absolute_percentage_error(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """``100 mean(|y_true - y_pred| / max(|y_true|, 1e-7))`` over the last axis.

    >>> import numpy as np
    >>> from corten.losses import mean_absolute_percentage_error
    >>> mean_absolute_percentage_error(np.float32([[2, 4]]), np.float32([[1, 4]]))
    array([25.], dtype=float32)
    """
    y_true, y_pred = expect_same("mean_absolute_percentage_error", y_true, y_pred)
    scale = ops.maximum(ops.abs(y_true), EPSILON)
    return ops.multiply(100.0, ops.mean(ops.abs(ops.divide(ops.subtract(y_true, y_pred), scale)), axis=-1))


@loss_function
def mean_squared_logarithmic_error(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """``mean((log(1 + y_true) - log(1 + y_pred))^2)`` over the last axis; what is below 1e-7 counts as 1e-7.

    >>> import numpy as np
    >>> from corten.losses import mean_squared_logarithmic_error
    >>> mean_squared_logarithmic_error(np.float32([[1]]), np.float32([[1]]))
    array([0.], dtype=float32)
    """
    y_true, y_pred = expect_same("mean_squared_logarithmic_error", y_true, y_pred)
    true, pred = (ops.log1p(ops.maximum(y, EPSILON)) for y in (y_true, y_pred))
    return ops.mean(ops.square(ops.subtract(pred, true)), axis=-1)


@loss_function
def huber(y_true: TensorLike, y_pred: TensorLike, delta: float = 1.0) -> Any:
    """The mean over the last axis of ``e^2 / 2`` where ``|e| <= delta``, else of ``delta |e| - delta^2 / 2``.

    >>> import numpy as np
    >>> from corten.losses import huber
    >>> huber(np.float32([[0], [0]]), np.float32([[1], [3]]))
    array([0.5, 2.5], dtype=float32)
    """
    y_true, y_pred = expect_same("huber", y_true, y_pred)
    return ops.huber(y_true, y_pred, delta)


@loss_function
def log_cosh(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """``mean(log(cosh(y_pred - y_true)))`` over the last axis, without overflow.

    >>> import numpy as np
    >>> from corten.losses import log_cosh
    >>> log_cosh(np.float32([[0], [0]]), np.float32([[0], [100]])).round(3)
    array([ 0.   , 99.307], dtype=float32)
    """
    y_true, y_pred = expect_same("log_cosh", y_true, y_pred)
    error = ops.abs(ops.subtract(y_pred, y_true))
    # log((1 + e^-2a) / 2), in which nothing is rounded away where a is small.
    below = ops.log1p(ops.multiply(ops.expm1(ops.multiply(error, -2.0)), 0.5))
    return ops.mean(ops.add(error, below), axis=-1)


@loss_function
def poisson(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """``mean(y_pred - y_true log(y_pred + 1e-7))`` over the last axis.

    >>> import numpy as np
    >>> from corten.losses import poisson
    >>> poisson(np.float32([[2]]), np.float32([[1]])).round(3)
    array([1.], dtype=float32)
    """
    y_true, y_pred = expect_same("poisson", y_true, y_pred)
    log = ops.log(ops.add(y_pred, EPSILON))
    return ops.mean(ops.subtract(y_pred, ops.multiply(y_true, log)), axis=-1)


@loss_function
def kl_divergence(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """``sum(y_true log(y_true / y_pred))`` over the last axis, both clipped to [1e-7, 1].

    >>> import numpy as np
    >>> from corten.losses import kl_divergence
    >>> kl_divergence(np.float32([[0.5, 0.5]]), np.float32([[0.25, 0.75]])).round(4)
    array([0.1438], dtype=float32)
    """
    y_true, y_pred = expect_same("kl_divergence", y_true, y_pred)
    true, pred = ops.clip(y_true, EPSILON, 1.0), ops.clip(y_pred, EPSILON, 1.0)
    return ops.sum(ops.multiply(true, ops.log(ops.divide(true, pred))), axis=-1)


@loss_function
def cosine_similarity(y_true: TensorLike, y_pred: TensorLike, axis: int = -1) -> Any:
    """``-sum(y_true y_pred) / (|y_true| |y_pred|)`` along ``axis``: -1 for the same direction, 1 for opposite ones.

    >>> import numpy as np
    >>> from corten.losses import cosine_similarity
    >>> cosine_similarity(np.float32([[3, 4]]), np.float32([[3, -4]])).round(4)
    array([0.28], dtype=float32)
    """
    y_true, y_pred = expect_same("cosine_similarity", y_true, y_pred)
    return ops.negative(ops.sum(ops.multiply(ops.normalize(y_true, axis), ops.normalize(y_pred, axis)), axis=axis))


class MeanSquaredError(Loss):
    """The mean of squared errors, see :func:`mean_squared_error`.

    >>> import numpy as np
    >>> from corten.losses import MeanSquaredError
    >>> float(MeanSquaredError()(np.zeros((2, 2)), np.ones((2, 2))))
    1.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return mean_squared_error(y_true, y_pred)


class MeanAbsoluteError(Loss):
    """The mean of absolute errors, see :func:`mean_absolute_error`.

    >>> import numpy as np
    >>> from corten.losses import MeanAbsoluteError
    >>> float(MeanAbsoluteError()(np.zeros((2, 2)), np.full((2, 2), -3.0)))
    3.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return mean_absolute_error(y_true, y_pred)


class MeanAbsolutePercentageError(Loss):
    """The mean of relative errors in percent, see :func:`mean_absolute_percentage_error`.

    >>> import numpy as np
    >>> from corten.losses import MeanAbsolutePercentageError
    >>> float(MeanAbsolutePercentageError()(np.full((1, 1), 4.0), np.full((1, 1), 3.0)))
    25.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return mean_absolute_percentage_error(y_true, y_pred)


class MeanSquaredLogarithmicError(Loss):
    """The mean of squared differences of logarithms, see :func:`mean_squared_logarithmic_error`.

    >>> import numpy as np
    >>> from corten.losses import MeanSquaredLogarithmicError
    >>> float(MeanSquaredLogarithmicError()(np.ones((1, 2)), np.ones((1, 2))))
    0.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return mean_squared_logarithmic_error(y_true, y_pred)


class Huber(Loss):
    """Quadratic for errors up to ``delta``, linear beyond (Huber, 1964), see :func:`huber`.

    Raises:
        ValueError: ``delta`` is not above 0.

    >>> import numpy as np
    >>> from corten.losses import Huber
    >>> float(Huber(delta=2.0)(np.zeros((1, 1)), np.full((1, 1), 3.0)))
    4.0
    """

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        if not 0 < delta < math.inf:
            raise ValueError(f"Huber: delta must be above 0, got {delta}")
        self.delta = delta

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return huber(y_true, y_pred, self.delta)


class LogCosh(Loss):
    """The logarithm of the hyperbolic cosine of the error, see :func:`log_cosh`.

    >>> import numpy as np
    >>> from corten.losses import LogCosh
    >>> float(LogCosh()(np.ones((1, 1)), np.ones((1, 1))))
    0.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return log_cosh(y_true, y_pred)


class Poisson(Loss):
    """The negative log-likelihood of counts, up to a constant, see :func:`poisson`.

    >>> import numpy as np
    >>> from corten.losses import Poisson
    >>> round(float(Poisson()(np.zeros((1, 1)), np.ones((1, 1)))), 4)
    1.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return poisson(y_true, y_pred)


class KLDivergence(Loss):
    """The Kullback-Leibler divergence of distributions, see :func:`kl_divergence`.

    >>> import numpy as np
    >>> from corten.losses import KLDivergence
    >>> float(KLDivergence()(np.full((1, 2), 0.5), np.full((1, 2), 0.5)))
    0.0
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return kl_divergence(y_true, y_pred)


class CosineSimilarity(Loss):
    """The negative cosine of the angle between target and prediction, see :func:`cosine_similarity`.

    >>> import numpy as np
    >>> from corten.losses import CosineSimilarity
    >>> round(float(CosineSimilarity()(np.float32([[1, 0]]), np.float32([[2, 0]]))), 4)
    -1.0
    """

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return cosine_similarity(y_true, y_pred, self.axis)
