"""Counts of true and false positives and negatives, and what is made of them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from corten import ops
from corten.arguments import count, number, real, whole
from corten.errors import ShapeError
from corten.graph import Array, Graph, TensorLike, Value, Variable, gradients
from corten.losses.loss import expect_same, fit_weights, safe_divide
from corten.metrics.metric import Metric
from corten.metrics.reduction import unmasked, weigh
from corten.ops.dtypes import as_value

__all__ = [
    "AUC",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "Recall",
    "TrueNegatives",
    "TruePositives",
]

EPSILON = 1e-7


def counts(
    name: str,
    y_true: TensorLike,
    y_pred: TensorLike,
    weights: TensorLike | None,
    thresholds: Sequence[float],
    top_k: int | None = None,
    class_id: int | None = None,
    label_weights: ArrayLike | None = None,
    by_label: bool = False,
) -> dict[str, Any]:
    """The weighted numbers of ``tp``, ``fp``, ``tn``, ``fn`` at each threshold.

    A prediction above the threshold is positive, a label that is not 0 too. (thresholds,), or (thresholds, labels)
    ``by_label``.
    """
    weights = unmasked(y_pred, weights)
    true, pred = expect_same(name, y_true, y_pred)
    weight = ops.constant(1.0) if weights is None else fit_weights(name, weights, pred)
    if top_k is not None:
        pred = _only_top(pred, top_k)
    if class_id is not None:
        if pred.ndim < 2 or not 0 <= class_id < pred.shape[-1]:
            raise ShapeError(f"{name}: no class {class_id} in predictions of shape {pred.shape}")
        true, pred = true[..., class_id : class_id + 1], pred[..., class_id : class_id + 1]
        if weight.ndim and weight.shape[-1] > 1:
            weight = weight[..., class_id : class_id + 1]
    if label_weights is not None:
        weight = ops.multiply(weight, ops.constant(np.asarray(label_weights, np.float32)))
    labels = pred.shape[-1] if by_label else 1
    # (labels, samples): one row of samples for each label, or one for all.
    rows = [ops.reshape(v, (-1, labels)) for v in (pred, true, ops.broadcast_to(weight, pred.shape))]
    pred, true, weight = (ops.transpose(v) for v in rows)
    # As many samples at once as make a million comparisons, so that memory does not grow with the thresholds.
    samples, each = pred.shape[1], labels * len(thresholds)
    sorting = len(thresholds) > _MANY_THRESHOLDS and samples * each > _COMPARISONS // 4 and labels + each < 2**24
    sums = functools.partial(_by_bucket if sorting else _by_comparison, np.asarray(thresholds, np.float32))
    size = max(1, _COMPARISONS // (labels * len(thresholds).bit_length() if sorting else each))
    if samples <= size:
        above, *all = sums(pred, true, weight)
    else:
        starts = range(0, samples, size)
        parts = [_at_once(sums, *(v[:, start : start + size] for v in (pred, true, weight))) for start in starts]
        above, *all = (functools.reduce(ops.add, sums) for sums in zip(*parts, strict=True))
    # (thresholds, labels)
    tp, fp = ops.transpose(above[..., 0]), ops.transpose(above[..., 1])
    totals = {"tp": tp, "fp": fp, "fn": ops.subtract(all[0], tp), "tn": ops.subtract(all[1], fp)}
    return totals if by_label else {key: ops.reshape(value, (-1,)) for key, value in totals.items()}


#: How many comparisons of predictions with thresholds are made at once.
_COMPARISONS = 2**20
#: With more thresholds, many predictions are sorted into the buckets between them; else comparing them is faster.
_MANY_THRESHOLDS = 256


def _positives_and_negatives(true: Any, weight: Any) -> tuple[Any, Any]:
    """The weights of the positives, 0 for the others, and those of the negatives."""
    positive = ops.not_equal(true, 0.0)
    return ops.multiply(weight, positive), ops.multiply(weight, ops.equal(positive, 0.0))


def _by_comparison(edges: Array, pred: Any, true: Any, weight: Any) -> tuple[Any, Any, Any]:
    """The weights of positives and negatives above each threshold (labels, thresholds, 2), and of all (labels,)."""
    p, n = _positives_and_negatives(true, weight)
    # One comparison for each threshold and sample; sums over the samples are one product of matrices.
    above = ops.greater(ops.expand_dims(pred, 1), ops.constant(edges.reshape(1, -1, 1)))
    return ops.matmul(above, ops.stack([p, n], axis=-1)), ops.sum(p, axis=-1), ops.sum(n, axis=-1)


def _by_bucket(edges: Array, pred: Any, true: Any, weight: Any) -> tuple[Any, Any, Any]:
    """The same, in as many operations as the samples and the thresholds are together."""
    p, n = _positives_and_negatives(true, weight)
    order = np.argsort(edges, kind="stable")
    levels = len(edges).bit_length()
    table = np.full(2**levels - 1, np.inf, np.float32)
    table[: len(edges)] = edges[order]
    # How many edges a prediction is above, by bisection.
    bucket = ops.zeros(pred.shape)
    for step in (2.0**level for level in reversed(range(levels))):
        edge = ops.take(ops.constant(table), ops.cast(ops.add(bucket, step - 1.0), "int32"), axis=0)
        bucket = ops.add(bucket, ops.multiply(ops.greater(pred, edge), step))
    labels, buckets = pred.shape[0], len(edges) + 1
    # What is taken from a table adds up in its gradient: the sums over the samples of each bucket.
    sums = ops.zeros((labels * buckets, 2))
    place = ops.add(bucket, ops.constant(np.arange(0, labels * buckets, buckets, dtype=np.float32)[:, None]))
    taken = ops.take(sums, ops.cast(place, "int32"), axis=0)
    weighted = ops.multiply(taken, ops.stack([p, n], axis=-1))
    sums = ops.reshape(gradients(ops.sum(weighted), sums), (labels, buckets, 2))
    above = ops.flip(ops.cumsum(ops.flip(sums, axis=1), axis=1), axis=1)[:, 1:]
    above = ops.take(above, np.argsort(order).astype(np.int32), axis=1)
    return above, ops.sum(p, axis=-1), ops.sum(n, axis=-1)


def _at_once(function: Callable[..., Any], *tensors: Any) -> Any:
    """``function(*tensors)``; in an eager step, what it holds on the way is given up at once, not at the step's end."""
    graph = tensors[0].graph
    if not graph.eager:
        return function(*tensors)
    with Graph(eager=True) as inner:
        results = [result.numpy() for result in function(*(inner.constant(tensor.numpy()) for tensor in tensors))]
        inner.finish()
    return [graph.constant(result) for result in results]


def _only_top(y_pred: Value, k: int) -> Any:
    """``y_pred`` with all but the ``k`` largest of the last axis far below any threshold; the first of equals wins."""
    remaining, top = y_pred, ops.zeros_like(y_pred)
    for _ in range(min(k, y_pred.shape[-1])):
        best = ops.one_hot(ops.argmax(remaining, axis=-1), y_pred.shape[-1])
        remaining = ops.where(best, -math.inf, remaining)
        top = ops.maximum(top, best)
    return ops.where(top, y_pred, -1e10)


def _thresholds(kind: str, thresholds: Any, default: float) -> list[float]:
    wanted: Any = default if thresholds is None else thresholds
    several = isinstance(wanted, (list, tuple)) or np.ndim(wanted) == 1
    numbers = [real(t, f"{kind}: thresholds") for t in (wanted if several else [wanted])]
    if not numbers or (thresholds is not None and not all(0.0 <= t <= 1.0 for t in numbers)):
        raise ValueError(f"{kind}: thresholds must be from 0 to 1, got {thresholds}")
    return [float(t) for t in numbers]


def _add_sums(metric: Metric, names: dict[str, str], shape: tuple[int, ...]) -> dict[str, Variable]:
    """New variables of a metric's state, which are its attributes too, by the short names of ``names``."""
    sums = {part: metric.add_sum(shape, name) for part, name in names.items()}
    for part, name in names.items():
        setattr(metric, name, sums[part])
    return sums


class _Counter(Metric):
    """Sums one or two of the four counts at some thresholds."""

    _parts: dict[str, str]

    def __init__(self, thresholds: Any, top_k: int | None, class_id: int | None, name: str | None, dtype: Any) -> None:
        super().__init__(dtype, name)
        kind = type(self).__name__
        if top_k is not None:
            top_k = count(top_k, f"{kind}: top_k")
        if class_id is not None:
            class_id = count(class_id, f"{kind}: class_id", 0)
        self.thresholds = _thresholds(kind, thresholds, 0.5 if top_k is None else -1e10)
        self.top_k = top_k
        self.class_id = class_id
        shape = (len(self.thresholds),)
        self._sums = _add_sums(self, self._parts, shape)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        batch = counts(self.name, y_true, y_pred, sample_weight, self.thresholds, self.top_k, self.class_id)
        for part, variable in self._sums.items():
            self.accumulate(variable, batch[part])

    def _first(self, values: Any) -> Any:
        return ops.reshape(values, ()) if len(self.thresholds) == 1 else values


class TruePositives(_Counter):
    """The (weighted) number of positives found.

    >>> import numpy as np
    >>> from corten.metrics import TruePositives
    >>> TruePositives()(np.array([0, 1, 1, 1]), np.array([1, 0, 1, 1]))
    2.0
    """

    _parts = {"tp": "accumulator"}

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(thresholds, None, None, name, dtype)

    def result(self) -> Any:
        return self._first(self._sums["tp"].value)


class FalsePositives(_Counter):
    """The (weighted) number of negatives taken for positives.

    >>> import numpy as np
    >>> from corten.metrics import FalsePositives
    >>> FalsePositives()(np.array([0, 1, 0, 0]), np.array([0, 0, 1, 1]))
    2.0
    """

    _parts = {"fp": "accumulator"}

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(thresholds, None, None, name, dtype)

    def result(self) -> Any:
        return self._first(self._sums["fp"].value)


class TrueNegatives(_Counter):
    """The (weighted) number of negatives found.

    >>> import numpy as np
    >>> from corten.metrics import TrueNegatives
    >>> TrueNegatives()(np.array([0, 1, 0, 0]), np.array([1, 1, 0, 0]))
    2.0
    """

    _parts = {"tn": "accumulator"}

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(thresholds, None, None, name, dtype)

    def result(self) -> Any:
        return self._first(self._sums["tn"].value)


class FalseNegatives(_Counter):
    """The (weighted) number of positives missed.

    >>> import numpy as np
    >>> from corten.metrics import FalseNegatives
    >>> FalseNegatives()(np.array([0, 1, 1, 1]), np.array([0, 1, 0, 0]))
    2.0
    """

    _parts = {"fn": "accumulator"}

    def __init__(
        self, thresholds: float | Sequence[float] | None = None, name: str | None = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(thresholds, None, None, name, dtype)

    def result(self) -> Any:
        return self._first(self._sums["fn"].value)


class Precision(_Counter):
    """Which share of the predicted positives is positive: ``tp / (tp + fp)``, 0 where nothing was predicted.

    Args:
        thresholds: one or more from 0 to 1; 0.5 unless given.
        top_k: only the k largest of the last axis count as predicted.
        class_id: look at this class only.

    Raises:
        ValueError: thresholds outside [0, 1], ``top_k`` below 1.
        ShapeError: the shapes differ, or there is no such class.

    >>> import numpy as np
    >>> from corten.metrics import Precision
    >>> Precision()(np.array([0, 1, 1, 1]), np.array([1, 0, 1, 1]))  # doctest: +ELLIPSIS
    0.6666...
    """

    _direction = "up"
    _parts = {"tp": "true_positives", "fp": "false_positives"}

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype)

    def result(self) -> Any:
        tp, fp = self._sums["tp"].value, self._sums["fp"].value
        return self._first(safe_divide(tp, ops.add(tp, fp)))


class Recall(_Counter):
    """Which share of the positives was found: ``tp / (tp + fn)``, 0 where there are none.

    Args and errors as those of :class:`Precision`.

    >>> import numpy as np
    >>> from corten.metrics import Recall
    >>> Recall()(np.array([0, 1, 1, 1]), np.array([1, 0, 1, 1]))  # doctest: +ELLIPSIS
    0.6666...
    """

    _direction = "up"
    _parts = {"tp": "true_positives", "fn": "false_negatives"}

    def __init__(
        self,
        thresholds: float | Sequence[float] | None = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(thresholds, top_k, class_id, name, dtype)

    def result(self) -> Any:
        tp, fn = self._sums["tp"].value, self._sums["fn"].value
        return self._first(safe_divide(tp, ops.add(tp, fn)))


class AUC(Metric):
    """The area under the ROC or the precision-recall curve, from counts at ``num_thresholds`` thresholds.

    Args:
        num_thresholds: evenly spaced from 0 to 1.
        curve: ``"ROC"``, ``"PR"`` or ``"PRGAIN"`` (Flach and Kull, 2015).
        summation_method: ``"interpolation"`` (for PR that of Davis and Goadrich, 2006), ``"minoring"`` or
            ``"majoring"``.
        thresholds: those between 0 and 1 to take instead.
        multi_label: the mean of an area for each label, predictions being (batch, labels).
        num_labels: the number of labels, if known in advance.
        label_weights: a factor for each label.
        from_logits: whether predictions are logits.

    Raises:
        ValueError: unknown curve or method, fewer than 2 thresholds, thresholds outside [0, 1].

    >>> import numpy as np
    >>> from corten.metrics import AUC
    >>> AUC(num_thresholds=3)(np.array([0, 0, 1, 1]), np.float32([0, 0.5, 0.3, 0.9]))
    0.75
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: DTypeLike | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        if str(curve).upper() not in ("ROC", "PR", "PRGAIN"):
            raise ValueError(f"AUC: curve must be 'ROC', 'PR' or 'PRGAIN', got {curve!r}")
        if str(summation_method).lower() not in ("interpolation", "minoring", "majoring"):
            raise ValueError(f"AUC: unknown summation_method {summation_method!r}")
        if num_labels and not multi_label:
            raise ValueError("AUC: num_labels is for multi_label=True only")
        if thresholds is not None:
            inner = sorted(_thresholds("AUC", thresholds, 0.5))
        else:
            steps = whole(num_thresholds, "AUC: num_thresholds", 2, 2**20) - 1
            inner = [i / steps for i in range(1, steps)]
        self.curve = str(curve).upper()
        self.summation_method = str(summation_method).lower()
        self.thresholds = [-EPSILON, *inner, 1.0 + EPSILON]
        self.num_thresholds = len(self.thresholds)
        self.multi_label = multi_label
        self.label_weights = None if label_weights is None else [number(w, "AUC: label_weights") for w in label_weights]
        self.from_logits = from_logits
        self._sums: dict[str, Any] | None = None
        if not multi_label:
            self._build((self.num_thresholds,))
        elif num_labels:
            self._build((self.num_thresholds, num_labels))

    def _build(self, shape: tuple[int, ...]) -> None:
        names = {"tp": "true_positives", "fp": "false_positives", "tn": "true_negatives", "fn": "false_negatives"}
        self._sums = _add_sums(self, names, shape)

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        y_pred = as_value(y_pred, "y_pred")
        if self.multi_label and y_pred.ndim != 2:
            raise ShapeError(f"AUC {self.name!r}: with multi_label expected (batch, labels), got {y_pred.shape}")
        if self._sums is None:
            self._build((self.num_thresholds, y_pred.shape[1]))
        if self.from_logits:
            probabilities = ops.sigmoid(y_pred)
            probabilities.mask = getattr(y_pred, "mask", None)
            y_pred = probabilities
        label_weights = None if self.multi_label else self.label_weights
        batch = counts(
            self.name,
            y_true,
            y_pred,
            sample_weight,
            # All that is a number is above the lowest, and nothing above the highest: the curve has both its ends.
            [-math.inf, *self.thresholds[1:-1], math.inf],
            label_weights=label_weights,
            by_label=self.multi_label,
        )
        for part, variable in (self._sums or {}).items():
            self.accumulate(variable, batch[part])

    def result(self) -> Any:
        if self._sums is None:
            return ops.constant(0.0)
        tp, fp, tn, fn = (self._sums[part].value for part in ("tp", "fp", "tn", "fn"))
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = self._interpolated(tp, fp, fn)
        else:
            x, y = self._points(tp, fp, tn, fn)
            join = {"interpolation": _middle, "minoring": ops.minimum, "majoring": ops.maximum}[self.summation_method]
            areas = ops.multiply(ops.subtract(x[:-1], x[1:]), join(y[:-1], y[1:]))
        areas = ops.sum(areas, axis=0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return ops.mean(areas)
        weights = ops.constant(np.asarray(self.label_weights, np.float32))
        return safe_divide(ops.sum(ops.multiply(areas, weights)), ops.sum(weights))

    def _points(self, tp: Any, fp: Any, tn: Any, fn: Any) -> tuple[Any, Any]:
        """The curve, from the lowest threshold to the highest."""
        recall = safe_divide(tp, ops.add(tp, fn))
        if self.curve == "ROC":
            return safe_divide(fp, ops.add(fp, tn)), recall
        if self.curve == "PR":
            return recall, safe_divide(tp, ops.add(tp, fp))
        scale = safe_divide(ops.add(tp, fn), ops.add(tn, fp))
        none = ops.equal(tp, 0.0)
        recall_gain = ops.subtract(1.0, ops.multiply(scale, safe_divide(fn, tp)))
        precision_gain = ops.subtract(1.0, ops.multiply(scale, safe_divide(fp, tp)))
        return ops.maximum(ops.where(none, 0.0, recall_gain), 0.0), ops.where(none, 1.0, precision_gain)

    def _interpolated(self, tp: Any, fp: Any, fn: Any) -> Any:
        """Areas between thresholds where true positives grow in proportion to all positives."""
        p = ops.add(tp, fp)
        slope = safe_divide(ops.subtract(tp[:-1], tp[1:]), ops.maximum(ops.subtract(p[:-1], p[1:]), 0.0))
        intercept = ops.subtract(tp[1:], ops.multiply(slope, p[1:]))
        both = ops.multiply(ops.greater(p[:-1], 0.0), ops.greater(p[1:], 0.0))
        ratio = ops.where(both, safe_divide(p[:-1], ops.maximum(p[1:], 0.0)), 1.0)
        grown = ops.add(ops.subtract(tp[:-1], tp[1:]), ops.multiply(intercept, ops.log(ratio)))
        return safe_divide(ops.multiply(slope, grown), ops.maximum(ops.add(tp[1:], fn[1:]), 0.0))


def _middle(a: Any, b: Any) -> Any:
    return ops.multiply(ops.add(a, b), 0.5)


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall: ``(1 + b^2) p r / (b^2 p + r)``, for each class.

    Args:
        average: None for a score of each class; ``"micro"`` counts over all classes; ``"macro"`` the mean of the
            classes' scores; ``"weighted"`` by how frequent they are.
        beta: b, how much more recall counts.
        threshold: predictions above it are positive; unless given, only the largest of each row, of equals the first.

    Raises:
        ValueError: an unknown average, ``beta`` not above 0, ``threshold`` outside (0, 1].
        ShapeError: the shapes differ or are not (batch, classes).

    >>> import numpy as np
    >>> from corten.metrics import FBetaScore
    >>> metric = FBetaScore(average="macro", beta=2.0, threshold=0.5)
    >>> metric(np.float32([[1, 0], [1, 1]]), np.float32([[0.9, 0.1], [0.2, 0.8]]))  # doctest: +ELLIPSIS
    0.777...
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(dtype, name)
        kind = type(self).__name__
        if average not in (None, "micro", "macro", "weighted"):
            raise ValueError(f"{kind}: average must be None, 'micro', 'macro' or 'weighted', got {average!r}")
        self.beta = number(beta, f"{kind}: beta", 0)
        if not self.beta:
            raise ValueError(f"{kind}: beta: expected a number above 0, got {beta!r}")
        if threshold is not None and not 0 < real(threshold, f"{kind}: threshold") <= 1:
            raise ValueError(f"{kind}: expected 0 < threshold <= 1, got {threshold!r}")
        self.average = average
        self.threshold = threshold
        self._sums: dict[str, Any] | None = None

    def update_state(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> None:
        sample_weight = unmasked(y_pred, sample_weight)
        y_true, y_pred = expect_same(self.name, y_true, y_pred)
        if y_pred.ndim != 2:
            raise ShapeError(f"{self.name}: expected shape (batch, classes), got {y_pred.shape}")
        if self._sums is None:
            shape = () if self.average == "micro" else (y_pred.shape[1],)
            names = {"tp": "true_positives", "fp": "false_positives", "fn": "false_negatives"}
            self._sums = _add_sums(self, {**names, "p": "intermediate_weights"}, shape)
        if self.threshold is None:
            largest = ops.one_hot(ops.argmax(y_pred, axis=-1), y_pred.shape[-1])
            positive = ops.multiply(largest, ops.greater(ops.abs(y_pred), 1e-9))
        else:
            positive = ops.greater(y_pred, self.threshold)
        true = ops.cast(y_true, "float32")
        weights = None if sample_weight is None else fit_weights(self.name, sample_weight, y_pred)
        axis = None if self.average == "micro" else 0
        batch = {
            "tp": ops.multiply(positive, true),
            "fp": ops.multiply(positive, ops.subtract(1.0, true)),
            "fn": ops.multiply(ops.subtract(1.0, positive), true),
            "p": true,
        }
        for part, values in batch.items():
            weighted = values if weights is None else weigh(values, weights)
            self.accumulate(self._sums[part], ops.sum(weighted, axis=axis))

    def result(self) -> Any:
        if self._sums is None:
            return ops.constant(0.0)
        tp, fp, fn, p = (self._sums[part].value for part in ("tp", "fp", "fn", "p"))
        precision = ops.divide(tp, ops.add(ops.add(tp, fp), EPSILON))
        recall = ops.divide(tp, ops.add(ops.add(tp, fn), EPSILON))
        square = self.beta * self.beta
        below = ops.add(ops.add(ops.multiply(precision, square), recall), EPSILON)
        scores = ops.multiply(ops.divide(ops.multiply(precision, recall), below), 1.0 + square)
        if self.average == "weighted":
            return ops.sum(ops.multiply(scores, ops.divide(p, ops.add(ops.sum(p), EPSILON))))
        return scores if self.average is None else ops.mean(scores)


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall: :class:`FBetaScore` with ``beta=1``.

    >>> import numpy as np
    >>> from corten.metrics import F1Score
    >>> F1Score(average="micro")(np.float32([[0, 1], [1, 0]]), np.float32([[0.2, 0.8], [0.3, 0.7]])).__round__(4)
    0.5
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
