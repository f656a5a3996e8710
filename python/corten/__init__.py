"""Corten: deep learning on the CPU, with Keras's names.

>>> import numpy as np, corten
>>> from corten.layers import Dense
>>> model = corten.Sequential([Dense(8, activation="relu", input_shape=(4,)), Dense(1)])
>>> model.compile(optimizer="adam", loss="mse")
>>> history = model.fit(np.ones((64, 4)), np.ones((64, 1)), epochs=2, verbose=0)
>>> model.predict(np.ones((3, 4)), verbose=0).shape
(3, 1)
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from corten import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    datasets,
    errors,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    saving,
    utils,
)
from corten._core import __version__
from corten.graph import SymbolicTensor as KerasTensor
from corten.graph import Variable, gradients
from corten.initializers import Initializer
from corten.layers.input_layer import Input
from corten.layers.layer import Layer
from corten.losses import Loss
from corten.metrics import Metric
from corten.models import Model, Sequential
from corten.models.function import function
from corten.optimizers import Optimizer
from corten.regularizers import Regularizer

if TYPE_CHECKING:
    from corten import explain as explain
    from corten import onnx as onnx
    from corten import sklearn as sklearn
    from corten import wrappers as wrappers

__all__ = [
    "Initializer",
    "Input",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Variable",
    "__version__",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "errors",
    "explain",
    "function",
    "gradients",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "onnx",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "saving",
    "sklearn",
    "utils",
    "wrappers",
]


def __getattr__(name: str) -> ModuleType:
    # Imported when they are first asked for: `import corten` is quick.
    if name in ("explain", "onnx", "sklearn", "wrappers"):
        return import_module(f"corten.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
