"""Layers made again from what describes them: copies within the program, and pickles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten.graph import Array, assign, values
from corten.layers.context import without_initial_values
from corten.serialization import CustomObjectScope, deserialize_keras_object, live_objects, serialize_keras_object

__all__ = ["again", "described", "remade"]


def again(layer: Any, **changes: Any) -> Any:
    """A new layer of the same arguments, but for ``changes``; its weights begin anew.

    >>> from corten.layers import Dense
    >>> again(Dense(2, activation="relu"), units=3).units
    3
    """
    with live_objects() as objects, CustomObjectScope(objects):
        return type(layer).from_config({**layer.get_config(), **changes})


def described(layer: Any) -> tuple[dict[str, Any], dict[str, Any], list[Array]]:
    """A description of the layer, the program's own objects that it names, and what the variables hold."""
    with live_objects() as objects:
        description = serialize_keras_object(layer)
    return description, dict(objects), values(layer.variables)


def remade(description: dict[str, Any], objects: dict[str, Any], arrays: Sequence[Array]) -> Any:
    """The layer of what :func:`described` gave.

    Raises:
        ValueError: the class, made from its configuration, has other variables.
    """
    with without_initial_values():
        layer = deserialize_keras_object(description, objects)
    variables = layer.variables
    if [v.shape for v in variables] != [array.shape for array in arrays]:
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r}: made from get_config() and get_build_config() it has "
            f"{len(variables)} variables in place of {len(arrays)}, or others; a layer that is to be copied or pickled "
            "must be described by its configuration"
        )
    assign(variables, arrays)
    return layer
