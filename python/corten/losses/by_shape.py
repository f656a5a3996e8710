"""``"crossentropy"``: the cross-entropy that the shapes ask for."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.graph import TensorLike
from corten.losses.crossentropy import binary_crossentropy, categorical_crossentropy, sparse_categorical_crossentropy
from corten.losses.loss import Loss

__all__ = ["CrossentropyByShape", "kind_of_targets"]


def kind_of_targets(y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> str:
    """``"binary"`` for one output, ``"sparse"`` for labels of several classes, else ``"categorical"``: Keras's rule.

    >>> from corten.losses.by_shape import kind_of_targets
    >>> kind_of_targets((32,), (32, 1)), kind_of_targets((32, 1), (32, 10)), kind_of_targets((32, 10), (32, 10))
    ('binary', 'sparse', 'categorical')
    """
    if y_pred_shape[-1:] == (1,) or not y_pred_shape:
        return "binary"
    if len(y_true_shape) < len(y_pred_shape) or y_true_shape[-1:] == (1,):
        return "sparse"
    return "categorical"


class CrossentropyByShape(Loss):
    """Binary, sparse categorical or categorical cross-entropy of probabilities, by the shapes of what it is given.

    >>> import numpy as np
    >>> from corten import losses
    >>> round(float(losses.get("crossentropy")(np.array([1]), np.float32([[0.5, 0.5]]))), 4)
    0.6931
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str | None = "crossentropy") -> None:
        super().__init__(name, reduction)

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        functions = {
            "binary": binary_crossentropy,
            "sparse": sparse_categorical_crossentropy,
            "categorical": categorical_crossentropy,
        }
        return functions[kind_of_targets(ops.shape(y_true), ops.shape(y_pred))](y_true, y_pred)
