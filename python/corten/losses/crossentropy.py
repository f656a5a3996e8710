"""Cross-entropies of classes and of yes-or-no labels, from probabilities or from logits.

Where probabilities come straight from a softmax or a sigmoid of the same model, the loss is computed from what went
into it: log-sum-exp is exact where the logarithm of a rounded probability is not.
"""

from __future__ import annotations

import warnings
from typing import Any

from numpy.typing import DTypeLike

from corten import ops
from corten.arguments import real
from corten.errors import ShapeError
from corten.graph import Tensor, TensorLike, Value
from corten.losses.loss import Loss, expect_same, loss_function
from corten.ops.dtypes import as_value

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "sparse_categorical_crossentropy",
]

EPSILON = 1e-7


def logits_behind(y_pred: Value, activation: str) -> Tensor | None:
    """What the activation (``"softmax"`` over the last axis, or ``"sigmoid"``) that made ``y_pred`` was given."""
    if not isinstance(y_pred, Tensor):
        return None
    graph, id = y_pred.graph, y_pred.id
    while (node := graph.core.producer(id)) is not None:
        op, inputs, _, attributes, _ = node
        inner = Tensor(graph, inputs[0])
        if op == activation:
            if activation == "softmax" and attributes.get("axis", -1) not in (-1, inner.ndim - 1):
                return None
            return inner if inner.shape == y_pred.shape else ops.reshape(inner, y_pred.shape)
        # A reshape that keeps the last axis keeps each row of classes together.
        if op not in ("identity", "reshape") or (activation == "softmax" and inner.shape[-1:] != y_pred.shape[-1:]):
            return None
        id = inner.id
    return None


def _last(x: Any, axis: int) -> Any:
    """``x`` with the axis of the classes moved to the end."""
    return x if axis in (-1, x.ndim - 1) else ops.moveaxis(x, axis, -1)


def _smooth(y_true: Any, smoothing: float, classes: int) -> Any:
    if not _smoothing("crossentropy", smoothing):
        return y_true
    return ops.add(ops.multiply(y_true, 1.0 - smoothing), smoothing / classes)


def _smoothing(kind: str, label_smoothing: float) -> float:
    if not 0.0 <= real(label_smoothing, f"{kind}: label_smoothing") <= 1.0:
        raise ValueError(f"{kind}: expected 0 <= label_smoothing <= 1, got {label_smoothing}")
    return label_smoothing


def _focusing(kind: str, alpha: float, gamma: float) -> None:
    if not 0.0 <= real(alpha, f"{kind}: alpha") <= 1.0 or not real(gamma, f"{kind}: gamma") >= 0.0:
        raise ValueError(f"{kind}: expected 0 <= alpha <= 1 and gamma >= 0, got alpha={alpha}, gamma={gamma}")


def _expect_classes(name: str, y_pred: Any) -> None:
    if y_pred.ndim == 0 or y_pred.shape[-1] == 0:
        raise ShapeError(f"{name}: y_pred needs an axis of classes, got shape {y_pred.shape}")


@loss_function
def categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """``-sum(y_true log(y_pred))`` over the classes.

    Args:
        y_true: one-hot targets, or distributions, in the shape of ``y_pred``.
        y_pred: probabilities (divided by their sum, then clipped to [1e-7, 1 - 1e-7]), or logits.
        from_logits: whether they are logits.
        label_smoothing: s makes of the targets ``(1 - s) y_true + s / classes``.
        axis: of the classes.

    Returns:
        The shape of ``y_pred`` without ``axis``.

    Raises:
        ShapeError: the shapes differ.

    >>> import numpy as np
    >>> from corten.losses import categorical_crossentropy
    >>> categorical_crossentropy(np.float32([[0, 1]]), np.float32([[0.5, 0.5]])).round(4)
    array([0.6931], dtype=float32)
    """
    hint = "; for integer labels take sparse_categorical_crossentropy"
    y_true, y_pred = expect_same("categorical_crossentropy", y_true, y_pred, hint)
    _expect_classes("categorical_crossentropy", y_pred)
    if y_pred.shape[axis] == 1:
        warnings.warn(
            f"categorical_crossentropy: y_pred {y_pred.shape} has one class only, whose loss is always 0; for two "
            "classes in one output take binary_crossentropy",
            SyntaxWarning,
            stacklevel=4,
        )
    logits = y_pred if from_logits else logits_behind(y_pred, "softmax") if axis in (-1, y_pred.ndim - 1) else None
    true = _last(ops.cast(y_true, "float32"), axis)
    true = _smooth(true, label_smoothing, true.shape[-1])
    if logits is not None:
        return ops.softmax_cross_entropy(true, _last(logits, axis))
    return ops.cross_entropy(true, _last(y_pred, axis))


@loss_function
def sparse_categorical_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """``-log(y_pred[label])`` for integer labels.

    Args:
        y_true: labels 0 <= label < classes, in the shape of ``y_pred`` without ``axis`` (or with it of size 1).
            Whole numbers of any dtype.
        y_pred: probabilities (divided by their sum, then clipped to [1e-7, 1 - 1e-7]), or logits.
        from_logits: whether they are logits.
        ignore_class: samples of this label have loss 0 and do not count in the mean; where all have it, the mean is 0.
        axis: of the classes.

    Returns:
        The shape of ``y_pred`` without ``axis``.

    Raises:
        ShapeError: the shapes do not fit.
        IndexError: a label is outside the classes, or not whole; with its position and value.

    >>> import numpy as np
    >>> from corten.losses import sparse_categorical_crossentropy
    >>> sparse_categorical_crossentropy(np.array([1, 0]), np.float32([[0.5, 0.5], [1, 0]])).round(4)
    array([0.6931, 0.    ], dtype=float32)
    """
    name = "sparse_categorical_crossentropy"
    y_true, y_pred = as_value(y_true, "y_true"), as_value(y_pred, "y_pred")
    _expect_classes(name, y_pred)
    logits = y_pred if from_logits else logits_behind(y_pred, "softmax") if axis in (-1, y_pred.ndim - 1) else None
    labels: Any = y_true
    pred = _last(y_pred if logits is None else logits, axis)
    if labels.ndim == pred.ndim and labels.shape[axis] == 1:
        labels = ops.squeeze(labels, axis)
    if labels.shape != pred.shape[:-1]:
        hint = "; for one-hot targets take categorical_crossentropy" if labels.shape == y_pred.shape else ""
        raise ShapeError(
            f"{name}: for y_pred {y_pred.shape}, y_true must be labels {pred.shape[:-1]}, got {y_true.shape}{hint}"
        )
    labels = ops.cast(labels, "int32")
    function = ops.cross_entropy if logits is None else ops.softmax_cross_entropy
    if ignore_class is None:
        return function(labels, pred)
    values = function(labels, pred, ignore_class=ignore_class)
    values.mask = ops.not_equal(labels, ignore_class)
    return values


@loss_function
def binary_crossentropy(
    y_true: TensorLike, y_pred: TensorLike, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """``-mean(y_true log(y_pred) + (1 - y_true) log(1 - y_pred))`` over ``axis``.

    Args:
        y_true: labels from 0 to 1, in the shape of ``y_pred``.
        y_pred: probabilities (clipped to [1e-7, 1 - 1e-7]), or logits.
        from_logits: whether they are logits.
        label_smoothing: s makes of the targets ``(1 - s) y_true + s / 2``.
        axis: over which the mean is taken.

    Raises:
        ShapeError: the shapes differ.

    >>> import numpy as np
    >>> from corten.losses import binary_crossentropy
    >>> binary_crossentropy(np.float32([[1], [0]]), np.float32([[0.5], [0.25]])).round(4)
    array([0.6931, 0.2877], dtype=float32)
    """
    y_true, y_pred = expect_same("binary_crossentropy", y_true, y_pred)
    true = _smooth(ops.cast(y_true, "float32"), label_smoothing, 2)
    logits = y_pred if from_logits else logits_behind(y_pred, "sigmoid")
    values = ops.binary_cross_entropy(true, y_pred) if logits is None else ops.sigmoid_cross_entropy(true, logits)
    return ops.mean(values, axis=axis)


@loss_function
def binary_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """The binary cross-entropy times ``(1 - p)^gamma``, p the probability given to the true label (Lin et al., 2017).

    With ``apply_class_balancing``, also times ``alpha`` for the label 1 and ``1 - alpha`` for 0.

    >>> import numpy as np
    >>> from corten.losses import binary_focal_crossentropy
    >>> binary_focal_crossentropy(np.float32([[1]]), np.float32([[0.5]])).round(4)
    array([0.1733], dtype=float32)
    """
    y_true, y_pred = expect_same("binary_focal_crossentropy", y_true, y_pred)
    true = _smooth(ops.cast(y_true, "float32"), label_smoothing, 2)
    false = ops.subtract(1.0, true)
    logits = y_pred if from_logits else logits_behind(y_pred, "sigmoid")
    if logits is None:
        values, yes, no = ops.binary_cross_entropy(true, y_pred), y_pred, ops.subtract(1.0, y_pred)
    else:
        # 1 - sigmoid(x) is 0 from x = 17 on, sigmoid(-x) is not.
        values = ops.sigmoid_cross_entropy(true, logits)
        yes, no = ops.sigmoid(logits), ops.sigmoid(ops.negative(logits))
    missed = ops.add(ops.multiply(true, no), ops.multiply(false, yes))
    values = ops.multiply(ops.power(missed, gamma), values)
    if apply_class_balancing:
        values = ops.multiply(ops.add(ops.multiply(true, alpha), ops.multiply(false, 1.0 - alpha)), values)
    return ops.mean(values, axis=axis)


@loss_function
def categorical_focal_crossentropy(
    y_true: TensorLike,
    y_pred: TensorLike,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """``-sum(alpha (1 - y_pred)^gamma y_true log(y_pred))`` over the classes (Lin et al., 2017).

    >>> import numpy as np
    >>> from corten.losses import categorical_focal_crossentropy
    >>> categorical_focal_crossentropy(np.float32([[0, 1]]), np.float32([[0.5, 0.5]])).round(4)
    array([0.0433], dtype=float32)
    """
    y_true, y_pred = expect_same("categorical_focal_crossentropy", y_true, y_pred)
    _expect_classes("categorical_focal_crossentropy", y_pred)
    true = _smooth(ops.cast(y_true, "float32"), label_smoothing, y_pred.shape[axis])
    logits = y_pred if from_logits else logits_behind(y_pred, "softmax") if axis in (-1, y_pred.ndim - 1) else None
    if logits is None:
        pred = ops.divide_no_nan(y_pred, ops.sum(y_pred, axis=axis, keepdims=True))
        pred = ops.clip(pred, EPSILON, 1.0 - EPSILON)
        log, missed = ops.log(pred), ops.subtract(1.0, pred)
    else:
        log = ops.log_softmax(logits, axis=axis)
        missed = ops.negative(ops.expm1(log))
    # A class of no probability is no loss where it is not the target.
    log = ops.where(true, log, 0.0)
    focus = ops.multiply(ops.power(missed, gamma), alpha)
    return ops.negative(ops.sum(ops.multiply(focus, ops.multiply(true, log)), axis=axis))


class CategoricalCrossentropy(Loss):
    """The cross-entropy of one-hot targets, see :func:`categorical_crossentropy`.

    Raises:
        ValueError: ``label_smoothing`` outside [0, 1].

    >>> import numpy as np
    >>> from corten.losses import CategoricalCrossentropy
    >>> round(float(CategoricalCrossentropy(from_logits=True)(np.float32([[0, 1]]), np.float32([[1, 1]]))), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = _smoothing("CategoricalCrossentropy", label_smoothing)
        self.axis = axis

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return categorical_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)


class SparseCategoricalCrossentropy(Loss):
    """The cross-entropy of integer labels, see :func:`sparse_categorical_crossentropy`.

    >>> import numpy as np
    >>> from corten.losses import SparseCategoricalCrossentropy
    >>> loss = SparseCategoricalCrossentropy(ignore_class=-1)
    >>> round(float(loss(np.array([1, -1]), np.float32([[0.5, 0.5], [0.1, 0.9]]))), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return sparse_categorical_crossentropy(y_true, y_pred, self.from_logits, self.ignore_class, self.axis)


class BinaryCrossentropy(Loss):
    """The cross-entropy of labels 0 and 1, see :func:`binary_crossentropy`.

    Raises:
        ValueError: ``label_smoothing`` outside [0, 1].

    >>> import numpy as np
    >>> from corten.losses import BinaryCrossentropy
    >>> round(float(BinaryCrossentropy(from_logits=True)(np.float32([1, 0]), np.float32([0, 0]))), 4)
    0.6931
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = _smoothing("BinaryCrossentropy", label_smoothing)
        self.axis = axis

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return binary_crossentropy(y_true, y_pred, self.from_logits, self.label_smoothing, self.axis)


class BinaryFocalCrossentropy(Loss):
    """The focal loss of labels 0 and 1, see :func:`binary_focal_crossentropy`.

    Raises:
        ValueError: ``label_smoothing`` or ``alpha`` outside [0, 1], a negative ``gamma``.

    >>> import numpy as np
    >>> from corten.losses import BinaryFocalCrossentropy
    >>> round(float(BinaryFocalCrossentropy(gamma=0.0)(np.float32([[1]]), np.float32([[0.5]]))), 4)
    0.6931
    """

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        _focusing("BinaryFocalCrossentropy", alpha, gamma)
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = _smoothing("BinaryFocalCrossentropy", label_smoothing)
        self.axis = axis

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return binary_focal_crossentropy(
            y_true,
            y_pred,
            self.apply_class_balancing,
            self.alpha,
            self.gamma,
            self.from_logits,
            self.label_smoothing,
            self.axis,
        )


class CategoricalFocalCrossentropy(Loss):
    """The focal loss of one-hot targets, see :func:`categorical_focal_crossentropy`.

    Raises:
        ValueError: ``label_smoothing`` or ``alpha`` outside [0, 1], a negative ``gamma``.

    >>> import numpy as np
    >>> from corten.losses import CategoricalFocalCrossentropy
    >>> loss = CategoricalFocalCrossentropy(alpha=1.0, gamma=0.0)
    >>> round(float(loss(np.float32([[0, 1]]), np.float32([[0.5, 0.5]]))), 4)
    0.6931
    """

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        _focusing("CategoricalFocalCrossentropy", alpha, gamma)
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = _smoothing("CategoricalFocalCrossentropy", label_smoothing)
        self.axis = axis

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return categorical_focal_crossentropy(
            y_true, y_pred, self.alpha, self.gamma, self.from_logits, self.label_smoothing, self.axis
        )
