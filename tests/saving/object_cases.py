"""Every loss, metric, schedule, initializer, regularizer, constraint, and optimizers after steps, in either room."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SCHEDULES = "optimizers.schedules"
#: Where the class is, its name, and arguments that are not its defaults.
OBJECTS: list[tuple[str, str, dict[str, Any]]] = [
    ("losses", "BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1, "axis": 1, "reduction": "sum"}),
    ("losses", "BinaryFocalCrossentropy", {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5}),
    ("losses", "CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1, "name": "mine"}),
    ("losses", "CategoricalFocalCrossentropy", {"alpha": 0.3, "gamma": 1.5}),
    ("losses", "CategoricalHinge", {"reduction": "none"}),
    ("losses", "CosineSimilarity", {"reduction": "mean"}),
    ("losses", "Hinge", {}),
    ("losses", "Huber", {"reduction": "sum"}),
    ("losses", "KLDivergence", {}),
    ("losses", "LogCosh", {"name": "mine"}),
    ("losses", "MeanAbsoluteError", {}),
    ("losses", "MeanAbsolutePercentageError", {}),
    ("losses", "MeanSquaredError", {"reduction": "mean_with_sample_weight"}),
    ("losses", "MeanSquaredLogarithmicError", {}),
    ("losses", "Poisson", {}),
    ("losses", "SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}),
    ("losses", "SquaredHinge", {}),
    ("metrics", "AUC", {"num_thresholds": 50, "curve": "PR", "summation_method": "majoring", "name": "area"}),
    ("metrics", "AUC", {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 2.0, 3.0], "from_logits": True}),
    ("metrics", "AUC", {"thresholds": [0.0, 0.2, 0.5, 1.0]}),
    ("metrics", "Accuracy", {}),
    ("metrics", "BinaryAccuracy", {"threshold": 0.3}),
    ("metrics", "BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("metrics", "CategoricalAccuracy", {"name": "mine"}),
    ("metrics", "CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}),
    ("metrics", "CategoricalHinge", {}),
    ("metrics", "CosineSimilarity", {}),
    ("metrics", "F1Score", {"average": "macro", "threshold": 0.4}),
    ("metrics", "FBetaScore", {"average": "micro", "beta": 2.0, "threshold": 0.4}),
    ("metrics", "FalseNegatives", {"thresholds": [0.2, 0.6]}),
    ("metrics", "FalsePositives", {"thresholds": 0.3}),
    ("metrics", "Hinge", {}),
    ("metrics", "KLDivergence", {}),
    ("metrics", "LogCoshError", {}),
    ("metrics", "Mean", {"name": "mine"}),
    ("metrics", "MeanAbsoluteError", {}),
    ("metrics", "MeanAbsolutePercentageError", {}),
    ("metrics", "MeanSquaredError", {}),
    ("metrics", "MeanSquaredLogarithmicError", {}),
    ("metrics", "Poisson", {}),
    ("metrics", "Precision", {"thresholds": [0.2, 0.6], "class_id": 1}),
    ("metrics", "R2Score", {"class_aggregation": "variance_weighted_average", "num_regressors": 2}),
    ("metrics", "Recall", {"top_k": 2}),
    ("metrics", "RootMeanSquaredError", {}),
    ("metrics", "SparseCategoricalAccuracy", {}),
    ("metrics", "SparseCategoricalCrossentropy", {"from_logits": True}),
    ("metrics", "SparseTopKCategoricalAccuracy", {"k": 3}),
    ("metrics", "SquaredHinge", {}),
    ("metrics", "Sum", {}),
    ("metrics", "TopKCategoricalAccuracy", {"k": 3}),
    ("metrics", "TrueNegatives", {}),
    ("metrics", "TruePositives", {}),
    (SCHEDULES, "CosineDecay", {"initial_learning_rate": 0, "decay_steps": 9, "warmup_target": 0.1, "warmup_steps": 2}),
    (SCHEDULES, "CosineDecayRestarts", {"initial_learning_rate": 1, "first_decay_steps": 3, "t_mul": 2, "m_mul": 0.5}),
    (SCHEDULES, "ExponentialDecay", {"initial_learning_rate": 1, "decay_steps": 3, "decay_rate": 1, "staircase": True}),
    (SCHEDULES, "InverseTimeDecay", {"initial_learning_rate": 1, "decay_steps": 3, "decay_rate": 0.5}),
    (SCHEDULES, "PiecewiseConstantDecay", {"boundaries": [2, 5], "values": [0.1, 0.2, 0.3]}),
    (SCHEDULES, "PolynomialDecay", {"initial_learning_rate": 1, "decay_steps": 3, "power": 2.0, "cycle": True}),
    ("initializers", "Constant", {"value": 2.5}),
    ("initializers", "GlorotNormal", {"seed": 1}),
    ("initializers", "GlorotUniform", {"seed": 1}),
    ("initializers", "HeNormal", {}),
    ("initializers", "HeUniform", {"seed": 1}),
    ("initializers", "Identity", {"gain": 2.0}),
    ("initializers", "LecunNormal", {}),
    ("initializers", "LecunUniform", {"seed": 1}),
    ("initializers", "Ones", {}),
    ("initializers", "Orthogonal", {"gain": 0.5, "seed": 1}),
    ("initializers", "RandomNormal", {"mean": 1.0, "stddev": 0.25, "seed": 1}),
    ("initializers", "RandomUniform", {"minval": -0.25, "maxval": 0.5}),
    ("initializers", "TruncatedNormal", {"mean": 1.0, "stddev": 0.25}),
    ("initializers", "VarianceScaling", {"scale": 2.0, "mode": "fan_avg", "distribution": "uniform", "seed": 3}),
    ("initializers", "Zeros", {}),
    ("regularizers", "L1", {"l1": 0.25}),
    ("regularizers", "L1L2", {"l1": 0.25, "l2": 0.5}),
    ("regularizers", "L2", {"l2": 0.5}),
    ("regularizers", "OrthogonalRegularizer", {"factor": 0.25, "mode": "columns"}),
    ("constraints", "MaxNorm", {"max_value": 1.5, "axis": 1}),
    ("constraints", "MinMaxNorm", {"min_value": 0.5, "max_value": 1.5, "rate": 0.5, "axis": 1}),
    ("constraints", "NonNeg", {}),
    ("constraints", "UnitNorm", {"axis": 1}),
]  # fmt: skip

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"momentum": 0.9, "gradient_accumulation_steps": 3}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.9}),
    ("Adagrad", {"initial_accumulator_value": 0.2, "clipvalue": 0.5}),
    ("Adam", {"beta_1": 0.8, "epsilon": 1e-5, "use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3}),
    ("Adam", {"amsgrad": True, "global_clipnorm": 1.0}),
    ("AdamW", {"weight_decay": 0.02, "clipnorm": 0.5}),
    ("Adamax", {"learning_rate": 0.01}),
    ("Lion", {"beta_2": 0.9}),
    ("Nadam", {"learning_rate": 0.01}),
    ("RMSprop", {"rho": 0.8}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
]


def place(room: Any, where: str) -> Any:
    """``room.optimizers.schedules`` for "optimizers.schedules"."""
    for name in where.split("."):
        room = getattr(room, name)
    return room


def described(room: Any, value: Any) -> Any:
    """The description as JSON has it."""
    return json.loads(json.dumps(room.saving.serialize_keras_object(value)))


def deserialized(room: Any, description: Any) -> Any:
    return room.saving.deserialize_keras_object(description)


def trained(room: Any, index: int, scheduled: bool = False) -> Any:
    """A model whose optimizer has taken two steps."""
    name, arguments = OPTIMIZERS[index]
    if scheduled:
        arguments = {**arguments, "learning_rate": room.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)}
    layers = [room.Input((3,)), room.layers.Dense(4, name="first"), room.layers.Dense(2, name="last")]
    model = room.Sequential(layers, name="model")
    rng = np.random.default_rng(1)
    model.set_weights([rng.standard_normal(weight.shape).astype(np.float32) for weight in model.get_weights()])
    model.compile(getattr(room.optimizers, name)(**arguments), "mse")
    steps(model, 0, 2)
    return model


def steps(model: Any, first: int, count: int) -> list[Any]:
    """Takes steps with gradients that depend on their number alone; returns the weights after each."""
    found = []
    for number in range(first, first + count):
        rng = np.random.default_rng(number)
        weights = model.trainable_variables
        gradients = [rng.standard_normal(weight.shape).astype(np.float32) for weight in weights]
        model.optimizer.apply(gradients, weights)
        found += [np.array(weight) for weight in model.get_weights()]
    return found


# --- in Keras's process ----------------------------------------------------------------------------------------------


def keras_describes(index: int, ours: Any) -> tuple[Any, Any]:
    """Keras's own description of the object, and of what it makes of ours."""
    import keras

    where, name, arguments = OBJECTS[index]
    theirs = getattr(place(keras, where), name)(**arguments)
    return described(keras, theirs), described(keras, deserialized(keras, ours))


def keras_goes_on(path: Path) -> list[Any]:
    """The weights after further steps of the model in a file."""
    import keras

    return steps(keras.saving.load_model(path), 2, 3)


def keras_writes(index: int, scheduled: bool, path: Path) -> list[Any]:
    """Writes the model and goes on."""
    import keras

    model = trained(keras, index, scheduled)
    model.save(path)
    return steps(model, 2, 3)
