"""A model as plain values: its layers, inputs, outputs, and what it was compiled with."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.cli.losses import waiting_state
from corten.cli.signature import inputs_of, outputs_of
from corten.graph import flatten
from corten.layers.layer import Layer
from corten.saving.state import optimizers_by_path

__all__ = ["brief", "report_model"]


def report_model(model: Any) -> dict[str, Any]:
    """What there is to say of a model that was loaded."""
    trainable = sum(weight.size for weight in model.trainable_weights)
    total = sum(weight.size for weight in model.weights)
    optimizers = optimizers_by_path(model)
    slots = sum(v.size for optimizer in optimizers.values() if optimizer.built for v in optimizer.variables)
    return {
        "name": model.name,
        "class": type(model).__name__,
        "layers": [_layer(layer) for layer in model.layers],
        "parameters": {
            "total": total,
            "trainable": trainable,
            "non_trainable": total - trainable,
            "optimizer": slots,
        },
        "inputs": [_tensor(item) for item in inputs_of(model)],
        "outputs": [_tensor(item) for item in outputs_of(model)],
        "compile": model.get_compile_config() if model.compiled else None,
        "optimizers": {place: _optimizer(optimizer) for place, optimizer in optimizers.items()},
    }


def _layer(layer: Layer) -> dict[str, Any]:
    try:
        shapes = [list(tensor.shape) for tensor in flatten(layer.output) if hasattr(tensor, "shape")]
    except (AttributeError, ValueError):
        shapes = []
    described: dict[str, Any] = {
        "name": layer.name,
        "class": type(layer).__name__,
        "output_shape": None if not shapes else shapes[0] if len(shapes) == 1 else shapes,
        "parameters": sum(weight.size for weight in layer.weights),
        "trainable": bool(layer.trainable_weights) if layer.weights else None,
    }
    inner = getattr(layer, "layers", None)
    return described | ({"layers": [_layer(part) for part in inner]} if inner else {})


def _tensor(item: Any) -> dict[str, Any]:
    return {"name": item.name, "shape": list(item.shape), "dtype": item.dtype}


def _optimizer(optimizer: Any) -> dict[str, Any]:
    return {
        "class": type(optimizer).__name__,
        "learning_rate": float(np.asarray(optimizer.learning_rate)),
        # Of a state that waits for the first step only that is known.
        "iterations": None if waiting_state(optimizer) else int(optimizer.iterations),
    }


def brief(value: Any) -> str:
    """What was passed to ``compile``, in a few words.

    >>> brief({"class_name": "CategoricalCrossentropy", "config": {"from_logits": True}})
    'CategoricalCrossentropy'
    >>> brief([["accuracy"], None])
    '[accuracy], None'
    """
    if isinstance(value, dict) and "class_name" in value:
        function = value["class_name"] == "function" and isinstance(value.get("config"), str)
        return str(value["config"] if function else value["class_name"])
    if isinstance(value, dict):
        return ", ".join(f"{key}: {brief(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(f"[{brief(item)}]" if isinstance(item, list | tuple) else brief(item) for item in value)
    return str(value)
