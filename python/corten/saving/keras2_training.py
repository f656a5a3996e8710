"""What a model of Keras 1, Keras 2 or tf-keras was compiled with, as Keras 3's ``compile_config``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ..errors import CorruptFileError
from .keras2_origin import Origin, plain

__all__ = ["translate_training", "whole_name"]

Config = dict[str, Any]

_OPTIMIZERS = {
    name.lower(): name
    for name in (
        "Adadelta",
        "Adagrad",
        "Adam",
        "AdamW",
        "Adamax",
        "Adafactor",
        "Ftrl",
        "Lion",
        "Nadam",
        "RMSprop",
        "SGD",
    )
}
_SCHEDULES = {
    "CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "PiecewiseConstantDecay",
    "PolynomialDecay",
}  # fmt: skip
# Functions by all the names that Keras 2 had for them, and the class of the loss and of the metric.
_FUNCTIONS: dict[str, tuple[str, str]] = {
    name: (function, metric)
    for names, function, metric in [
        ("binary_crossentropy bce BCE", "binary_crossentropy", "BinaryCrossentropy"),
        ("binary_focal_crossentropy", "binary_focal_crossentropy", ""),
        ("categorical_crossentropy", "categorical_crossentropy", "CategoricalCrossentropy"),
        ("categorical_focal_crossentropy", "categorical_focal_crossentropy", ""),
        ("categorical_hinge", "categorical_hinge", "CategoricalHinge"),
        ("hinge", "hinge", "Hinge"),
        ("huber huber_loss", "huber", ""),
        ("kl_divergence kullback_leibler_divergence kld KLD", "kl_divergence", "KLDivergence"),
        ("log_cosh logcosh", "log_cosh", "LogCoshError"),
        ("mean_absolute_error mae MAE", "mean_absolute_error", "MeanAbsoluteError"),
        ("mean_absolute_percentage_error mape MAPE", "mean_absolute_percentage_error", "MeanAbsolutePercentageError"),
        ("mean_squared_error mse MSE", "mean_squared_error", "MeanSquaredError"),
        ("mean_squared_logarithmic_error msle MSLE", "mean_squared_logarithmic_error", "MeanSquaredLogarithmicError"),
        ("poisson", "poisson", "Poisson"),
        ("sparse_categorical_crossentropy", "sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"),
        ("squared_hinge", "squared_hinge", "SquaredHinge"),
        ("binary_accuracy", "", "BinaryAccuracy"),
        ("categorical_accuracy", "", "CategoricalAccuracy"),
        ("sparse_categorical_accuracy", "", "SparseCategoricalAccuracy"),
        ("sparse_top_k_categorical_accuracy", "", "SparseTopKCategoricalAccuracy"),
        ("top_k_categorical_accuracy", "", "TopKCategoricalAccuracy"),
    ]
    for name in names.split()
}
_LOSSES = {
    "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy",
    "CategoricalHinge", "CosineSimilarity", "Hinge", "Huber", "KLDivergence", "LogCosh", "MeanAbsoluteError",
    "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError", "Poisson",
    "SparseCategoricalCrossentropy", "SquaredHinge",
}  # fmt: skip
_METRICS = {metric for _, metric in _FUNCTIONS.values() if metric} | {
    "AUC", "Accuracy", "BinaryIoU", "CosineSimilarity", "F1Score", "FBetaScore", "FalseNegatives", "FalsePositives",
    "IoU", "Mean", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "Precision", "PrecisionAtRecall", "R2Score", "Recall",
    "RecallAtPrecision", "RootMeanSquaredError", "SensitivityAtSpecificity", "SpecificityAtSensitivity", "Sum",
    "TrueNegatives", "TruePositives",
}  # fmt: skip
_BY_SHAPE = {"accuracy", "acc", "crossentropy", "ce"}
# Of tf-keras's optimizers: where a value differs from these, there is no equal. `...`: changes no number.
_DROPPED_OF_OPTIMIZERS: dict[str, tuple[Any, ...]] = {
    "adaptive_epsilon": (False,),
    "experimental_update_with_grad_scale": (...,),
    "is_legacy_optimizer": (...,),
    "jit_compile": (...,),
}  # fmt: skip


def whole_name(loss: str) -> str:
    """The name of a loss's function, for any of its names.

    >>> whole_name("mse"), whole_name("my_loss")
    ('mean_squared_error', 'my_loss')
    """
    return _FUNCTIONS.get(loss, ("", ""))[0] or loss


def translate_training(config: Config, version: str = "2", custom: Collection[str] = ()) -> Config:
    """Keras 3's compile_config for ``training_config`` of an HDF5 file or ``compile_config`` of tf-keras's archive.

    ``version`` and ``custom`` are those of ``translate``.

    Raises:
        ValueError: an optimizer, loss or metric that Keras 3 has no equal for, by name.
        CorruptFileError: it is not what Keras writes.

    Example:
        >>> old = {"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1, "decay": 0.0}}, "loss": "MSE"}
        >>> new = translate_training(old, "2.0.5")
        >>> new["optimizer"]["config"], new["loss"]
        ({'learning_rate': 0.1}, 'mean_squared_error')
    """
    origin = Origin(version, custom, lambda entry, _: dict(entry))
    try:
        modes = config.get("sample_weight_mode")
        if "temporal" in _leaves(modes):
            raise ValueError("sample_weight_mode='temporal' has no equal in Keras 3: pass sample weights of two axes")
        optimizer = config.get("optimizer_config", config.get("optimizer"))
        return {
            "optimizer": None if optimizer is None else _optimizer(optimizer, origin),
            "loss": _each(config.get("loss"), lambda loss: _loss(loss, origin)),
            "loss_weights": plain(config.get("loss_weights")),
            "metrics": _metrics(config.get("metrics"), origin),
            "weighted_metrics": _metrics(config.get("weighted_metrics"), origin),
            "run_eagerly": bool(config.get("run_eagerly")),
            "steps_per_execution": config.get("steps_per_execution") or 1,
            "jit_compile": False,
        }
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise CorruptFileError(f"training configuration: not as Keras writes it ({error!r})") from error


def _optimizer(entry: Any, origin: Origin) -> Any:
    if isinstance(entry, str):
        entry = {"class_name": entry, "config": {}}
    name = entry["class_name"]
    if name.startswith("Custom>"):  # tf-keras registers its own optimizers so
        entry = entry | {"class_name": name.removeprefix("Custom>"), "registered_name": None}
        name = entry["class_name"]
    where = f"optimizer {name}"
    if name.lower() not in _OPTIMIZERS:
        origin.is_custom(entry)
        if name in origin.custom or entry.get("registered_name") in origin.custom:
            return entry
        raise ValueError(f"{where}: there is no such optimizer in Keras 3")
    name = _OPTIMIZERS[name.lower()]
    config = {key: plain(value) for key, value in entry["config"].items()}
    for key, harmless in _DROPPED_OF_OPTIMIZERS.items():
        if key in config and (value := config.pop(key)) not in harmless and ... not in harmless:
            raise ValueError(f"{where}: {key}={value!r} has no equal in Keras 3")
    if "lr" in config:
        config["learning_rate"] = config.pop("lr")
    if isinstance(config.get("learning_rate"), dict):
        config["learning_rate"] = _schedule(config["learning_rate"], where)
    decay = config.pop("decay", 0) or 0
    if name == "Nadam" and (decay or "schedule_decay" in config):
        # Its momentum grows by 0.96 ** (0.004 t); in Keras 3 by 0.96 ** t.
        raise ValueError(f"{where}: a schedule of momentum by schedule_decay has no equal in Keras 3")
    if decay:
        if not isinstance(config.get("learning_rate"), int | float):
            raise ValueError(f"{where}: decay={decay} of a schedule has no equal in Keras 3")
        slower = {"initial_learning_rate": config["learning_rate"], "decay_steps": 1, "decay_rate": decay}
        config["learning_rate"] = _object("optimizers.schedules", "InverseTimeDecay", slower)
    if "clipnorm" in config and origin.several_backends:  # which took the norm over all gradients
        config["global_clipnorm"] = config.pop("clipnorm")
    if "epsilon" in config and config["epsilon"] is None:
        config["epsilon"] = 1e-7
    if name == "Adagrad" and origin.several_backends:
        config.setdefault("initial_accumulator_value", 0.0)
    if name == "Lion" and origin.version < (3,):
        config.setdefault("learning_rate", 1e-4)
    return _object("optimizers", name, config)


def _schedule(entry: Config, where: str) -> Config:
    if entry.get("class_name") not in _SCHEDULES:
        raise ValueError(f"{where}: the schedule {entry.get('class_name')!r} is not known")
    config = {key: plain(value) for key, value in entry["config"].items() if (key, value) != ("name", None)}
    return _object("optimizers.schedules", entry["class_name"], config)


def _loss(loss: Any, origin: Origin) -> Any:
    if isinstance(loss, dict) and loss.get("class_name") == "function":
        loss = loss["config"]
    if isinstance(loss, dict) and loss.get("class_name") == "LossFunctionWrapper":
        own = {key: value for key, value in loss["config"].items() if key not in ("fn", "name", "reduction")}
        if own:
            raise ValueError(f"loss {loss['config'].get('fn')!r}: {sorted(own)[0]} has no equal in Keras 3")
        loss = _function_name(loss["config"].get("fn"))
    if isinstance(loss, str):
        if loss in _FUNCTIONS and (function := _FUNCTIONS[loss][0]):
            return function
        if loss in origin.custom:
            return loss
        if loss not in _LOSSES:
            raise ValueError(f"loss {loss!r}: there is no such loss in Keras 3")
        loss = {"class_name": loss, "config": {}}
    if loss["class_name"] not in _LOSSES:
        if origin.is_custom(loss):
            return loss
        raise ValueError(f"loss {loss['class_name']!r}: there is no such loss in Keras 3")
    config = {key: plain(value) for key, value in loss["config"].items() if key != "fn"}
    if config.get("reduction") == "auto":
        config["reduction"] = "sum_over_batch_size"
    return _object("losses", loss["class_name"], config)


def _metrics(metrics: Any, origin: Origin) -> Any:
    """One list for each output, as written, or their list where there is one output."""
    if isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list):
        metrics = metrics[0]
    return _each(metrics, lambda metric: _metric(metric, origin))


def _metric(metric: Any, origin: Origin) -> Any:
    if isinstance(metric, dict) and metric.get("class_name") == "function":
        metric = metric["config"]
    if isinstance(metric, dict) and metric.get("class_name") == "MeanMetricWrapper":
        config = {key: plain(value) for key, value in metric["config"].items()}
        function = _function_name(config.pop("fn", None))
        if function not in _FUNCTIONS or not _FUNCTIONS[function][1]:
            raise ValueError(f"metric {function!r}: there is no such metric in Keras 3")
        return _object("metrics", _FUNCTIONS[function][1], _single_dtype(config, origin))
    if isinstance(metric, str):
        if metric in _BY_SHAPE or metric in origin.custom:
            return metric
        if metric in _FUNCTIONS and _FUNCTIONS[metric][1]:
            return _object("metrics", _FUNCTIONS[metric][1], {"name": metric})
        if metric not in _METRICS:
            raise ValueError(f"metric {metric!r}: there is no such metric in Keras 3")
        metric = {"class_name": metric, "config": {}}
    if metric["class_name"] not in _METRICS:
        if origin.is_custom(metric):
            return metric
        raise ValueError(f"metric {metric['class_name']!r}: there is no such metric in Keras 3")
    config = {key: plain(value) for key, value in metric["config"].items() if key != "fn"}
    return _object("metrics", metric["class_name"], _single_dtype(config, origin))


def _single_dtype(config: Config, origin: Origin) -> Config:
    if "dtype" in config:
        config["dtype"] = origin.dtype(config["dtype"], "metric")
    return config


def _function_name(function: Any) -> Any:
    return function.get("config") if isinstance(function, dict) else function


def _each(value: Any, translate: Callable[[Any], Any]) -> Any:
    """The value with every object in its lists and dicts translated; what is None stays so."""
    if value is None:
        return None
    if isinstance(value, list):
        return [_each(item, translate) for item in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _each(item, translate) for key, item in value.items()}
    return translate(value)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list) else [value]


def _object(kind: str, name: str, config: Config) -> Config:
    return {"module": f"keras.{kind}", "class_name": name, "config": config, "registered_name": None}
