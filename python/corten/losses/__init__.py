"""What training minimises: classes with a reduction, and functions that give a value for each sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from corten.lookup import find
from corten.losses.by_shape import CrossentropyByShape
from corten.losses.crossentropy import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    sparse_categorical_crossentropy,
)
from corten.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from corten.losses.loss import Loss, LossFunctionWrapper
from corten.losses.regression import (
    CosineSimilarity,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    cosine_similarity,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
)
from corten.serialization import publish, serialized

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalHinge",
    "CosineSimilarity",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "cosine_similarity",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
]

#: Each class by its own name and by those of its function.
_NAMES: dict[type[Loss], tuple[str, ...]] = {
    MeanSquaredError: ("mean_squared_error", "mse", "MSE"),
    MeanAbsoluteError: ("mean_absolute_error", "mae", "MAE"),
    MeanAbsolutePercentageError: ("mean_absolute_percentage_error", "mape", "MAPE"),
    MeanSquaredLogarithmicError: ("mean_squared_logarithmic_error", "msle", "MSLE"),
    Huber: ("huber", "huber_loss"),
    LogCosh: ("log_cosh", "logcosh", "LogCosh"),
    Poisson: ("poisson",),
    KLDivergence: ("kl_divergence", "kld", "KLD", "kullback_leibler_divergence"),
    CosineSimilarity: ("cosine_similarity",),
    Hinge: ("hinge",),
    SquaredHinge: ("squared_hinge",),
    CategoricalHinge: ("categorical_hinge",),
    BinaryCrossentropy: ("binary_crossentropy", "bce", "BCE"),
    BinaryFocalCrossentropy: ("binary_focal_crossentropy",),
    CategoricalCrossentropy: ("categorical_crossentropy",),
    CategoricalFocalCrossentropy: ("categorical_focal_crossentropy",),
    SparseCategoricalCrossentropy: ("sparse_categorical_crossentropy",),
    CrossentropyByShape: ("crossentropy", "ce"),
}
_KNOWN: dict[str, Callable[..., Any]] = {
    name: kind for kind, names in _NAMES.items() for name in (kind.__name__, *names)
}


#: What stands for a loss: a name, a ``Loss`` or its class, a function of (y_true, y_pred), a configuration, or None.
LossLike: TypeAlias = "str | Callable[..., Any] | dict[str, Any] | None"


def get(identifier: LossLike) -> Loss | None:
    """The loss that ``identifier`` stands for.

    Args:
        identifier: a name ("mse", "sparse_categorical_crossentropy", "crossentropy": by shape, ...), a ``Loss``, a
            ``Loss`` class, a configuration, a function (y_true, y_pred) giving a value for each sample, or None.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else.

    >>> from corten import losses
    >>> losses.get("mae").name
    'mae'
    """
    if identifier is None or isinstance(identifier, Loss):
        return identifier
    loss = find(identifier, _KNOWN, "loss")
    if not isinstance(loss, Loss):
        return LossFunctionWrapper(loss)
    if isinstance(identifier, str):
        loss.name = identifier
    return loss


def serialize(loss: Loss) -> dict[str, Any]:
    """``{"class_name", "config"}``, from which :func:`deserialize` makes an equal loss.

    >>> from corten import losses
    >>> losses.serialize(losses.Huber(2.0))["config"]["delta"]
    2.0
    """
    return serialized(loss, "loss")


def deserialize(name: LossLike) -> Loss | None:
    """The loss that a name or a configuration describes.

    >>> from corten import losses
    >>> losses.deserialize({"class_name": "Huber", "config": {"delta": 2.0}}).delta
    2.0
    """
    return get(name)


publish("losses", {name: globals()[name] for name in __all__ if name not in ("deserialize", "get", "serialize")})
