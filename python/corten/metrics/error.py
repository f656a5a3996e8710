"""Means of losses, roots of them, and the share of variance explained."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from corten import losses, ops
from corten.arguments import whole
from corten.errors import ShapeError
from corten.graph import TensorLike
from corten.losses.loss import expect_same, fit_weights, safe_divide
from corten.metrics.metric import Metric
from corten.metrics.reduction import Averaged, MeanMetricWrapper, unmasked, weigh

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "R2Score",
    "RootMeanSquaredError",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
]


class MeanSquaredError(MeanMetricWrapper):
    """The mean of squared errors.

    >>> import numpy as np
    >>> from corten.metrics import MeanSquaredError
    >>> MeanSquaredError()(np.zeros((2, 1)), np.float32([[1], [3]]))
    5.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of absolute errors.

    >>> import numpy as np
    >>> from corten.metrics import MeanAbsoluteError
    >>> MeanAbsoluteError()(np.zeros((2, 1)), np.float32([[1], [3]]))
    2.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of relative errors, in percent.

    >>> import numpy as np
    >>> from corten.metrics import MeanAbsolutePercentageError
    >>> MeanAbsolutePercentageError()(np.full((1, 1), 4.0), np.full((1, 1), 3.0))
    25.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_percentage_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of squared differences of logarithms.

    >>> import numpy as np
    >>> from corten.metrics import MeanSquaredLogarithmicError
    >>> MeanSquaredLogarithmicError()(np.ones((1, 1)), np.ones((1, 1)))
    0.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_logarithmic_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """The mean of the logarithm of the hyperbolic cosine of the error.

    >>> import numpy as np
    >>> from corten.metrics import LogCoshError
    >>> LogCoshError()(np.ones((1, 1)), np.ones((1, 1)))
    0.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


class Poisson(MeanMetricWrapper):
    """The mean of ``y_pred - y_true log(y_pred)``.

    >>> import numpy as np
    >>> from corten.metrics import Poisson
    >>> Poisson()(np.zeros((1, 1)), np.ones((1, 1)))
    1.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "poisson", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.poisson, name, dtype)


class KLDivergence(MeanMetricWrapper):
    """The mean of the Kullback-Leibler divergence.

    >>> import numpy as np
    >>> from corten.metrics import KLDivergence
    >>> KLDivergence()(np.full((1, 2), 0.5), np.full((1, 2), 0.5))
    0.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "kl_divergence", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


def _cosine(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    return ops.negative(losses.cosine_similarity(y_true, y_pred, axis))


class CosineSimilarity(MeanMetricWrapper):
    """The mean of the cosine of the angle between target and prediction: 1 for the same direction.

    >>> import numpy as np
    >>> from corten.metrics import CosineSimilarity
    >>> round(CosineSimilarity()(np.float32([[3, 4]]), np.float32([[3, -4]])), 4)
    -0.28
    """

    _direction = "up"

    def __init__(self, name: str | None = "cosine_similarity", dtype: DTypeLike | None = None, axis: int = -1) -> None:
        super().__init__(_cosine, name, dtype, axis=axis)
        self.axis = axis


class Hinge(MeanMetricWrapper):
    """The mean of the hinge loss.

    >>> import numpy as np
    >>> from corten.metrics import Hinge
    >>> Hinge()(np.float32([[0], [1]]), np.float32([[-1], [0]]))
    0.5
    """

    _direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of the squared hinge loss.

    >>> import numpy as np
    >>> from corten.metrics import SquaredHinge
    >>> SquaredHinge()(np.float32([[-1], [1]]), np.float32([[1], [1]]))
    2.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean of the hinge loss of classes.

    >>> import numpy as np
    >>> from corten.metrics import CategoricalHinge
    >>> CategoricalHinge()(np.float32([[0, 1]]), np.float32([[0, 3]]))
    0.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: DTypeLike | None = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of the cross-entropy of labels 0 and 1.

    >>> import numpy as np
    >>> from corten.metrics import BinaryCrossentropy
    >>> round(BinaryCrossentropy()(np.array([[1]]), np.float32([[0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy, name, dtype, from_logits=from_logits, label_smoothing=label_smoothing
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of the cross-entropy of one-hot targets.

    >>> import numpy as np
    >>> from corten.metrics import CategoricalCrossentropy
    >>> round(CategoricalCrossentropy()(np.float32([[0, 1]]), np.float32([[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of the cross-entropy of integer labels.

    >>> import numpy as np
    >>> from corten.metrics import SparseCategoricalCrossentropy
    >>> round(SparseCategoricalCrossentropy()(np.array([1]), np.float32([[0.5, 0.5]])), 4)
    0.6931
    """

    _direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis


class RootMeanSquaredError(Averaged):
    """The root of the mean of squared errors.

    >>> import numpy as np
    >>> from corten.metrics import RootMeanSquaredError
    >>> RootMeanSquaredError()(np.zeros((2, 1)), np.float32([[2], [2]]))
    2.0
    """

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: DTypeLike | None = None) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        weights = unmasked(y_pred, sample_weight)
        y_true, y_pred = expect_same("root_mean_squared_error", y_true, y_pred)
        self.gather(ops.square(ops.subtract(y_pred, y_true)), weights)

    def result(self) -> Any:
        return ops.sqrt(super().result())


class R2Score(Metric):
    """The share of the variance that is explained: ``1 - sum (y - p)^2 / sum (y - mean(y))^2``, for each output.

    Args:
        class_aggregation: ``"uniform_average"`` over outputs, ``"variance_weighted_average"``, or None for all of them.
        num_regressors: p of the adjusted score ``1 - (1 - R2)(n - 1) / (n - p - 1)``; 0 for none. Where n samples are
            not enough for it, the score is not adjusted.

    Raises:
        ValueError: an unknown aggregation, a negative number.
        ShapeError: the shapes differ, or are not (batch, outputs).

    >>> import numpy as np
    >>> from corten.metrics import R2Score
    >>> R2Score()(np.float32([[1], [4], [3]]), np.float32([[2], [4], [4]]))  # doctest: +ELLIPSIS
    0.571...
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(dtype, name)
        if class_aggregation not in (None, "uniform_average", "variance_weighted_average"):
            raise ValueError(f"R2Score: unknown class_aggregation {class_aggregation!r}")
        whole(num_regressors, "R2Score: num_regressors", 0, 2**31)
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_sum(name="num_samples")
        self._outputs: int | None = None

    def _build(self, outputs: int) -> None:
        self._outputs = outputs
        self.squared_sum = self.add_sum((outputs,), name="squared_sum")
        self.sum = self.add_sum((outputs,), name="sum")
        self.origin = self.add_variable((outputs,), "zeros", name="origin")
        self.total_mse = self.add_sum((outputs,), name="residual")
        self.count = self.add_sum((outputs,), name="count")

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        sample_weight = unmasked(y_pred, sample_weight)
        y_true, y_pred = expect_same("r2_score", y_true, y_pred)
        if y_pred.ndim != 2:
            raise ShapeError(f"r2_score: expected shape (batch, outputs), got {y_pred.shape}")
        if self._outputs is None:
            self._build(y_pred.shape[1])
        if sample_weight is None:
            weights = ops.ones(y_pred.shape)
        else:
            weights = ops.broadcast_to(fit_weights(self.name, sample_weight, y_pred), y_pred.shape)
        y_true = ops.cast(y_true, "float32")
        # Squares of what is far from 0 cancel in the variance: targets are counted from the one nearest to their mean.
        mean = safe_divide(ops.sum(weigh(y_true, weights), axis=0), ops.sum(weights, axis=0))
        far = ops.where(weights, ops.abs(ops.subtract(y_true, mean)), float("inf"))
        nearest = ops.transpose(ops.one_hot(ops.argmin(far, axis=0), y_pred.shape[0]))
        first = ops.sum(ops.where(nearest, y_true, 0.0), axis=0)
        origin = ops.where(self.count.value, self.origin.value, first)
        distance = ops.subtract(y_true, origin)
        residual = weigh(ops.square(ops.subtract(y_true, y_pred)), weights)
        for variable, values in (
            (self.sum, weigh(distance, weights)),
            (self.squared_sum, weigh(ops.square(distance), weights)),
            (self.total_mse, residual),
            (self.count, weights),
        ):
            self.accumulate(variable, ops.sum(values, axis=0))
        self.origin.assign(origin)
        self.accumulate(self.num_samples, float(y_pred.shape[0] * y_pred.shape[1]))

    def result(self) -> Any:
        if self._outputs is None:
            return ops.constant(0.0)
        total = ops.subtract(self.squared_sum.value, ops.divide(ops.square(self.sum.value), self.count.value))
        scores = ops.subtract(1.0, ops.divide(self.total_mse.value, total))
        # Nothing varied and something was missed: Keras calls that 0.
        scores = ops.where(ops.equal(ops.abs(scores), float("inf")), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = ops.mean(scores)
        elif self.class_aggregation == "variance_weighted_average":
            scores = ops.divide(ops.sum(ops.multiply(total, scores)), ops.sum(total))
        if self.num_regressors == 0:
            return scores
        n, p = self.num_samples.value, float(self.num_regressors)
        freedom = ops.subtract(n, p + 1.0)
        enough = ops.greater(freedom, 0.0)
        factor = ops.divide(ops.subtract(n, 1.0), ops.where(enough, freedom, 1.0))
        adjusted = ops.subtract(1.0, ops.multiply(ops.subtract(1.0, scores), factor))
        return ops.where(enough, adjusted, scores)
