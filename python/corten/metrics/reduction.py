"""Sums and means over all samples, and means of a function of target and prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import DTypeLike

from corten import ops
from corten.errors import ShapeError
from corten.graph import Tensor, TensorLike, Value
from corten.losses.loss import apply_mask, by_sample
from corten.metrics.metric import Metric

__all__ = ["Averaged", "Mean", "MeanMetricWrapper", "Sum"]


def _rest(x: Any, first: int) -> list[int]:
    return list(range(first, x.ndim))


def weigh(values: TensorLike, weights: TensorLike) -> Any:
    """``values * weights``, 0 where a weight is 0: what does not count may be anything, NaN too."""
    return ops.where(weights, ops.multiply(values, weights), 0.0)


def unmasked(y_pred: TensorLike, weights: TensorLike | None) -> TensorLike | None:
    """The weights, 0 for what the mask of ``y_pred`` excludes; None where there is neither."""
    mask = getattr(y_pred, "mask", None)
    if mask is None:
        return weights
    masked: Tensor = apply_mask(weights, mask, "sum")
    return masked


def per_sample(values: Value, weights: Value | None, reduce: Callable[..., Any], name: str) -> tuple[Any, Any]:
    """Weighted values, one for each sample, and the weights (None where there are none), as Keras reduces them.

    Raises:
        ShapeError: the weights do not fit.
    """
    if weights is not None:
        shapes = values.shape, weights.shape
        if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1:
            weights = ops.squeeze(weights, -1)
        if values.ndim == 2 and values.shape[-1] == 1 and weights.ndim == 1:
            weights = ops.expand_dims(weights, -1)
        if values.ndim > weights.ndim:
            values = reduce(values, axis=_rest(values, weights.ndim))
        fits = zip(weights.shape, values.shape, strict=False)
        if weights.ndim > values.ndim or not all(w in (1, v) for w, v in fits):
            raise ShapeError(f"metric {name!r}: sample_weight {shapes[1]} does not fit the values {shapes[0]}")
        if weights.shape != values.shape:
            weights = ops.broadcast_to(weights, values.shape)
        values = weigh(values, weights)
        if weights.ndim > 1:
            weights = reduce(weights, axis=_rest(weights, 1))
    if values.ndim > 1:
        values = reduce(values, axis=_rest(values, 1))
    return values, weights


class Sum(Metric):
    """The weighted sum of all values.

    >>> import numpy as np
    >>> from corten.metrics import Sum
    >>> total = Sum()
    >>> total.update_state(np.float32([1, 2, 3]), sample_weight=np.float32([1, 1, 0]))
    >>> total.result()
    3.0
    """

    def __init__(self, name: str | None = "sum", dtype: DTypeLike | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_sum(name="total")

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        weights = None if sample_weight is None else _floats(sample_weight)
        samples, _ = per_sample(_floats(values), weights, ops.sum, self.name)
        self.accumulate(self.total, ops.sum(samples))

    def result(self) -> Any:
        return self.total.value


class Averaged(Metric):
    """The weighted mean of values, 0 where there are none; subclasses say of what."""

    def __init__(self, name: str | None = None, dtype: DTypeLike | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_sum(name="total")
        self.count = self.add_sum(name="count")

    def gather(self, values: TensorLike, sample_weight: TensorLike | None) -> None:
        """Takes values, a float for each sample, into account."""
        mask = getattr(values, "mask", None)
        weights: Tensor | None = None if sample_weight is None else _floats(sample_weight)
        if weights is not None and mask is not None:
            # Values that a class is ignored in have no weight; without weights Keras counts them as zeros.
            weights = apply_mask(weights, mask, "sum")
        samples, weights = per_sample(_floats(values), weights, ops.mean, self.name)
        if weights is not None:
            count = ops.sum(weights) if weights.ndim else weights
        else:
            count = float(samples.shape[0]) if samples.ndim else 1.0
        self.accumulate(self.total, ops.sum(samples) if samples.ndim else samples)
        self.accumulate(self.count, count)

    def result(self) -> Any:
        # The total of nothing is 0, and so is the mean; the count may be negative, as weights may.
        count = self.count.value
        return ops.divide(self.total.value, ops.where(count, count, 1.0))


class Mean(Averaged):
    """The weighted mean of all values; 0 where there are none.

    >>> import numpy as np
    >>> from corten.metrics import Mean
    >>> mean = Mean()
    >>> mean.update_state(np.float32([1, 3]))
    >>> mean.update_state(np.float32([8]), sample_weight=np.float32([2]))
    >>> mean.result()
    5.0
    """

    def __init__(self, name: str | None = "mean", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, values: TensorLike, sample_weight: TensorLike | None = None) -> None:
        self.gather(values, sample_weight)


def _floats(value: Any) -> Tensor:
    """A number or a tensor as a float32 tensor."""
    tensor: Tensor = ops.cast(value, "float32") if hasattr(value, "shape") else ops.constant(float(value))
    return tensor


class MeanMetricWrapper(Averaged):
    """The mean of ``fn(y_true, y_pred, **kwargs)`` over all samples; what a mask excludes does not count.

    The function is called as that of a :class:`corten.losses.LossFunctionWrapper` is: with ranks aligned, and never
    across samples.

    >>> import numpy as np
    >>> from corten.losses import mean_absolute_error
    >>> from corten.metrics import MeanMetricWrapper
    >>> metric = MeanMetricWrapper(mean_absolute_error, name="error")
    >>> metric(np.zeros((2, 1), np.float32), np.float32([[1], [2]]))
    1.5
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: DTypeLike | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name, dtype)
        self._fn = fn
        self._kwargs = kwargs

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        weights = unmasked(y_pred, sample_weight)
        self.gather(by_sample(f"metric {self.name!r}", self._fn, y_true, y_pred, **self._kwargs), weights)
