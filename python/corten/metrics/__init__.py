"""What is watched during training: state in variables, updated inside the compiled step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from corten.lookup import find
from corten.losses import Loss
from corten.losses.by_shape import kind_of_targets
from corten.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from corten.metrics.confusion import (
    AUC,
    F1Score,
    FalseNegatives,
    FalsePositives,
    FBetaScore,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from corten.metrics.error import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    R2Score,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from corten.metrics.metric import Metric
from corten.metrics.ranking import ndcg_at_k, recall_at_k
from corten.metrics.reduction import Mean, MeanMetricWrapper, Sum
from corten.serialization import publish, serialized

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "Poisson",
    "Precision",
    "R2Score",
    "Recall",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "check",
    "deserialize",
    "for_shapes",
    "get",
    "ndcg_at_k",
    "recall_at_k",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

_NAMES: dict[type[Metric], tuple[str, ...]] = {
    Accuracy: ("accuracy", "acc"),
    BinaryAccuracy: ("binary_accuracy",),
    CategoricalAccuracy: ("categorical_accuracy",),
    SparseCategoricalAccuracy: ("sparse_categorical_accuracy",),
    TopKCategoricalAccuracy: ("top_k_categorical_accuracy",),
    SparseTopKCategoricalAccuracy: ("sparse_top_k_categorical_accuracy",),
    TruePositives: ("true_positives",),
    FalsePositives: ("false_positives",),
    TrueNegatives: ("true_negatives",),
    FalseNegatives: ("false_negatives",),
    Precision: ("precision",),
    Recall: ("recall",),
    AUC: ("auc",),
    FBetaScore: ("fbeta_score", "f_beta_score"),
    F1Score: ("f1_score",),
    MeanSquaredError: ("mean_squared_error", "mse", "MSE"),
    MeanAbsoluteError: ("mean_absolute_error", "mae", "MAE"),
    MeanAbsolutePercentageError: ("mean_absolute_percentage_error", "mape", "MAPE"),
    MeanSquaredLogarithmicError: ("mean_squared_logarithmic_error", "msle", "MSLE"),
    RootMeanSquaredError: ("root_mean_squared_error", "rmse", "RMSE"),
    LogCoshError: ("log_cosh_error", "log_cosh", "logcosh"),
    Poisson: ("poisson",),
    KLDivergence: ("kl_divergence", "kld", "KLD"),
    CosineSimilarity: ("cosine_similarity",),
    R2Score: ("r2_score",),
    Hinge: ("hinge",),
    SquaredHinge: ("squared_hinge",),
    CategoricalHinge: ("categorical_hinge",),
    BinaryCrossentropy: ("binary_crossentropy", "bce", "BCE"),
    CategoricalCrossentropy: ("categorical_crossentropy",),
    SparseCategoricalCrossentropy: ("sparse_categorical_crossentropy",),
    Mean: ("mean",),
    Sum: ("sum",),
}
_KNOWN: dict[str, Callable[..., Any]] = {
    name: kind for kind, names in _NAMES.items() for name in (kind.__name__, *names)
}
#: Names that stand for a different metric by the shapes of what is compared.
_BY_SHAPE: dict[str, dict[str, type[Metric]]] = {
    "accuracy": {
        "binary": BinaryAccuracy,
        "sparse": SparseCategoricalAccuracy,
        "categorical": CategoricalAccuracy,
    },
    "crossentropy": {
        "binary": BinaryCrossentropy,
        "sparse": SparseCategoricalCrossentropy,
        "categorical": CategoricalCrossentropy,
    },
}
_BY_SHAPE["acc"] = _BY_SHAPE["accuracy"]
_BY_SHAPE["ce"] = _BY_SHAPE["crossentropy"]


#: What stands for a metric: a name, a ``Metric`` or its class, a function of (y_true, y_pred), a configuration.
MetricLike: TypeAlias = "str | Metric | Callable[..., Any] | dict[str, Any] | None"


def get(identifier: MetricLike) -> Metric | None:
    """The metric that ``identifier`` stands for, named as it was called.

    Args:
        identifier: a name, a ``Metric``, a ``Metric`` class, a configuration, a ``Loss`` or a function
            (y_true, y_pred) of which the mean is taken, or None.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else.

    >>> from corten import metrics
    >>> metrics.get("mse")
    <MeanSquaredError name='mse'>
    """
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, Loss):
        return MeanMetricWrapper(identifier.call, name=identifier.name)
    metric = find(identifier, _KNOWN, "metric")
    if isinstance(metric, Loss):
        return get(metric)
    if not isinstance(metric, Metric):
        name = getattr(metric, "__name__", type(metric).__name__)
        return MeanMetricWrapper(metric, name=name)
    if isinstance(identifier, str):
        metric.name = identifier
    return metric


def for_shapes(identifier: MetricLike, y_true_shape: tuple[int, ...], y_pred_shape: tuple[int, ...]) -> Metric:
    """As :func:`get`; "accuracy" and "crossentropy" are chosen by the shapes of targets and predictions.

    >>> from corten import metrics
    >>> metrics.for_shapes("accuracy", (32,), (32, 10))
    <SparseCategoricalAccuracy name='accuracy'>
    >>> metrics.for_shapes("acc", (32, 1), (32, 1))
    <BinaryAccuracy name='acc'>
    """
    choices = _BY_SHAPE.get(identifier.lower()) if isinstance(identifier, str) else None
    if choices is not None:
        return choices[kind_of_targets(tuple(y_true_shape), tuple(y_pred_shape))](name=str(identifier))
    metric = get(identifier)
    if metric is None:
        raise TypeError("metric: expected a name, a Metric or a function, got None")
    return metric


def check(identifier: MetricLike) -> None:
    """Raises what :func:`for_shapes` would raise, without making anything."""
    if isinstance(identifier, Metric) or (isinstance(identifier, str) and identifier.lower() in _BY_SHAPE):
        return
    if isinstance(identifier, str) and identifier in _KNOWN:
        return
    if not isinstance(identifier, (str, dict)) and callable(identifier):
        return
    find(identifier, _KNOWN, "metric")


def serialize(metric: Metric) -> dict[str, Any]:
    """``{"class_name", "config"}``, from which :func:`deserialize` makes an equal metric.

    >>> from corten import metrics
    >>> metrics.serialize(metrics.Mean())["class_name"]
    'Mean'
    """
    return serialized(metric, "metric")


def deserialize(config: MetricLike) -> Metric | None:
    """The metric that a name or a configuration describes.

    >>> from corten import metrics
    >>> metrics.deserialize({"class_name": "AUC", "config": {"curve": "PR"}}).curve
    'PR'
    """
    return get(config)


publish(
    "metrics",
    {n: globals()[n] for n in __all__ if n not in ("check", "deserialize", "for_shapes", "get", "serialize")},
    own=("accuracy", "ndcg_at_k", "recall_at_k"),
)
