"""What of a model a format does not keep."""

from __future__ import annotations

from typing import Any

from corten.saving.state import optimizers_by_path, variables_by_path
from corten.serialization import get_custom_objects, serialize_keras_object

__all__ = ["foreign_names", "losses", "waiting_state"]


def losses(model: Any, end: str) -> list[str]:
    """What a file whose name has that end does not keep of the model, in words."""
    optimizers = optimizers_by_path(model)
    trained = [place for place, optimizer in optimizers.items() if optimizer.built and int(optimizer.iterations)]
    waiting = [place for place, optimizer in optimizers.items() if waiting_state(optimizer)]
    lost: list[str] = []
    if end in (".onnx", ".weights.h5"):
        if end == ".weights.h5":
            lost.append("the layers and how they are connected")
        if model.compiled:
            lost.append("what compile() was called with")
        if trained or waiting:
            lost.append("the state of the optimizer")
        if end == ".onnx":
            lost += _beyond_inference(model)
    else:
        kept = {"optimizer"} if end in (".h5", ".hdf5") else set(optimizers)
        lost += [f"the state of the optimizer {place!r}" for place in optimizers if place in {*trained} - kept]
        lost += [f"the state of the optimizer {place!r}, which waits for the first step" for place in waiting]
    if end != ".safetensors" and end != ".keras" and _has_counters(model):
        lost.append("random states of layers: training that goes on draws other numbers")
    return lost


def waiting_state(optimizer: Any) -> bool:
    """Whether the state that a file had of the optimizer waits for a step of the model's own to show what it trains."""
    return optimizer._pending is not None and len(optimizer._pending) > 2


def _beyond_inference(model: Any) -> list[str]:
    """What ONNX has no place for: a file is one graph of operators, the model's without training."""
    kinds = {"Dropout", "Noise", "Random"}
    names = [layer.name for layer in _every_layer(model) if any(kind in type(layer).__name__ for kind in kinds)]
    return [f"layers that act in training only: {', '.join(names)}"] if names else []


def _every_layer(layer: Any) -> list[Any]:
    return [part for inner in getattr(layer, "layers", ()) for part in (inner, *_every_layer(inner))]


def _has_counters(model: Any) -> bool:
    """Whether there are variables that have no place in Keras's files."""
    placed = {id(variable) for part in variables_by_path(model).values() for variable in part}
    return any(id(variable) not in placed for variable in model.variables)


def foreign_names(model: Any) -> tuple[list[str], list[str]]:
    """The classes and functions of the model that others registered, and those of Corten that Keras does not have."""
    registered: dict[str, None] = {}
    own: dict[str, None] = {}

    def visit(value: Any) -> None:
        if isinstance(value, dict):
            name, module = value.get("registered_name"), value.get("module")
            if isinstance(module, str) and module.partition(".")[0] == "corten":
                own[str(value["config"] if value.get("class_name") == "function" else value.get("class_name"))] = None
            elif isinstance(name, str) and name in get_custom_objects():
                registered[name] = None
            for item in value.values():
                visit(item)
        elif isinstance(value, list | tuple):
            for item in value:
                visit(item)

    visit(serialize_keras_object(model))
    return list(registered), list(own)
