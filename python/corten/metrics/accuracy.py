"""How often predictions are right."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from corten import ops
from corten.arguments import whole
from corten.errors import ShapeError
from corten.graph import TensorLike, push
from corten.losses.loss import expect_same, loss_function
from corten.metrics.reduction import MeanMetricWrapper

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


@loss_function
def accuracy(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """1 where ``y_pred == y_true``, else 0.

    >>> import numpy as np
    >>> from corten.metrics import accuracy
    >>> accuracy(np.array([1, 2]), np.array([1, 3]))
    array([1., 0.], dtype=float32)
    """
    y_true, y_pred = expect_same("accuracy", y_true, y_pred)
    return ops.equal(y_true, y_pred)


@loss_function
def binary_accuracy(y_true: TensorLike, y_pred: TensorLike, threshold: float = 0.5) -> Any:
    """1 where ``(y_pred > threshold) == y_true``, else 0; 0 where the prediction is NaN.

    >>> import numpy as np
    >>> from corten.metrics import binary_accuracy
    >>> binary_accuracy(np.array([1, 0]), np.float32([0.7, 0.6]))
    array([1., 0.], dtype=float32)
    """
    y_true, y_pred = expect_same("binary_accuracy", y_true, y_pred)
    # A prediction that is not equal to itself is NaN, and never right.
    return ops.multiply(ops.equal(y_true, ops.greater(y_pred, threshold)), ops.equal(y_pred, y_pred))


@loss_function
def categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """1 where the largest element of ``y_pred`` along the last axis is where that of ``y_true`` is, else 0.

    The first of equal elements is the largest. A row that holds NaN is never right.

    >>> import numpy as np
    >>> from corten.metrics import categorical_accuracy
    >>> categorical_accuracy(np.float32([[0, 1], [1, 0]]), np.float32([[0.2, 0.8], [0.3, 0.7]]))
    array([1., 0.], dtype=float32)
    """
    hint = "; for integer labels take sparse_categorical_accuracy"
    y_true, y_pred = expect_same("categorical_accuracy", y_true, y_pred, hint)
    return ops.equal(ops.argmax(y_true, axis=-1), _best(y_pred))


def _best(y_pred: Any) -> Any:
    """The class of the largest prediction of each row, the first of equals; -1, which is never right, for a NaN."""
    return push("argmax", [ops.cast(y_pred, "float32")], unless_nan=True)[0]


def _labels(name: str, y_true: Any, y_pred: Any) -> Any:
    """Labels in the shape of ``y_pred`` without its last axis."""
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    if y_true.shape != y_pred.shape[:-1]:
        raise ShapeError(
            f"{name}: for y_pred {y_pred.shape}, y_true must be labels {y_pred.shape[:-1]}, got {y_true.shape}"
        )
    return y_true


@loss_function
def sparse_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike) -> Any:
    """1 where the largest element of ``y_pred`` along the last axis is at the label, else 0.

    The first of equal elements is the largest. A row that holds NaN is never right.

    >>> import numpy as np
    >>> from corten.metrics import sparse_categorical_accuracy
    >>> sparse_categorical_accuracy(np.array([1, 0]), np.float32([[0.2, 0.8], [0.3, 0.7]]))
    array([1., 0.], dtype=float32)
    """
    labels = _labels("sparse_categorical_accuracy", y_true, y_pred)
    matches = ops.equal(labels, _best(y_pred))
    return ops.squeeze(matches, -1) if matches.ndim > 1 and matches.shape[-1] == 1 else matches


def _in_top(labels: Any, y_pred: Any, k: int) -> Any:
    """1 where fewer than ``k`` classes are above the label's, or equal to it and before it; 0 where that is NaN."""
    classes = y_pred.shape[-1]
    chosen = ops.one_hot(labels, classes)
    own = ops.sum(ops.where(chosen, y_pred, 0.0), axis=-1, keepdims=True)
    before = ops.less(ops.arange(classes), ops.expand_dims(labels, -1))
    # As argmax has it: of equals the first is the largest, and NaN is larger than any number.
    ahead = ops.where(before, ops.greater_equal(y_pred, own), ops.greater(y_pred, own))
    ahead = ops.sum(ops.maximum(ahead, ops.not_equal(y_pred, y_pred)), axis=-1)
    return ops.multiply(ops.less(ahead, _k("top_k_categorical_accuracy", k)), ops.squeeze(ops.isfinite(own), -1))


@loss_function
def top_k_categorical_accuracy(y_true: TensorLike, y_pred: TensorLike, k: int = 5) -> Any:
    """1 where the class of the one-hot target is among the ``k`` largest predictions, else 0; of equals the first win.

    >>> import numpy as np
    >>> from corten.metrics import top_k_categorical_accuracy
    >>> top_k_categorical_accuracy(np.float32([[0, 0, 1]]), np.float32([[0.1, 0.7, 0.2]]), k=2)
    array([1.], dtype=float32)
    """
    y_true, y_pred = expect_same("top_k_categorical_accuracy", y_true, y_pred)
    return _in_top(ops.argmax(y_true, axis=-1), y_pred, k)


@loss_function
def sparse_top_k_categorical_accuracy(
    y_true: TensorLike, y_pred: TensorLike, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """1 where the label is among the ``k`` largest predictions, else 0; of equal ones the first win.

    With ``from_sorted_ids``, ``y_pred`` holds class numbers, the likeliest first.

    >>> import numpy as np
    >>> from corten.metrics import sparse_top_k_categorical_accuracy
    >>> sparse_top_k_categorical_accuracy(np.array([2, 0]), np.float32([[0.1, 0.7, 0.2], [0.1, 0.7, 0.2]]), k=2)
    array([1., 0.], dtype=float32)
    """
    labels = _labels("sparse_top_k_categorical_accuracy", y_true, y_pred)
    if from_sorted_ids:
        first = ops.getitem(y_pred, (..., slice(k)))
        return ops.max(ops.equal(ops.expand_dims(labels, -1), first), axis=-1)
    return _in_top(ops.cast(labels, "int32"), y_pred, k)


def _k(kind: str, k: int) -> int:
    return whole(k, f"{kind}: k", 1, 2**63 - 1)


class Accuracy(MeanMetricWrapper):
    """How often predictions equal labels.

    >>> import numpy as np
    >>> from corten.metrics import Accuracy
    >>> Accuracy()(np.array([1, 2, 3, 4]), np.array([0, 2, 3, 4]))
    0.75
    """

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: DTypeLike | None = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often labels 0 and 1 are predicted, above ``threshold`` counting as 1.

    >>> import numpy as np
    >>> from corten.metrics import BinaryAccuracy
    >>> BinaryAccuracy()(np.array([[1], [0]]), np.float32([[0.7], [0.6]]))
    0.5
    """

    _direction = "up"

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: DTypeLike | None = None, threshold: float = 0.5
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the likeliest class is that of the one-hot target.

    >>> import numpy as np
    >>> from corten.metrics import CategoricalAccuracy
    >>> CategoricalAccuracy()(np.float32([[0, 1], [1, 0]]), np.float32([[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: DTypeLike | None = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the likeliest class is the label.

    >>> import numpy as np
    >>> from corten.metrics import SparseCategoricalAccuracy
    >>> SparseCategoricalAccuracy()(np.array([1, 0]), np.float32([[0.2, 0.8], [0.3, 0.7]]))
    0.5
    """

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: DTypeLike | None = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class of the one-hot target is among the ``k`` likeliest.

    >>> import numpy as np
    >>> from corten.metrics import TopKCategoricalAccuracy
    >>> TopKCategoricalAccuracy(k=2)(np.float32([[0, 0, 1]]), np.float32([[0.1, 0.7, 0.2]]))
    1.0
    """

    _direction = "up"

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=_k("TopKCategoricalAccuracy", k))
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the label is among the ``k`` likeliest classes.

    >>> import numpy as np
    >>> from corten.metrics import SparseTopKCategoricalAccuracy
    >>> SparseTopKCategoricalAccuracy(k=2)(np.array([2]), np.float32([[0.1, 0.7, 0.2]]))
    1.0
    """

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: DTypeLike | None = None,
        from_sorted_ids: bool = False,
    ) -> None:
        k = _k("SparseTopKCategoricalAccuracy", k)
        super().__init__(sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
        self.k = k
        self.from_sorted_ids = from_sorted_ids
