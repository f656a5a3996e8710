"""Models made of what a file says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from corten.errors import CorruptFileError
from corten.layers.context import without_initial_values
from corten.serialization import CustomObjectScope, deserialize_keras_object
from corten.serialization.refusing import refusing

__all__ = ["KERAS_VERSION", "made"]

#: The Keras whose format is written.
KERAS_VERSION = "3.15.0"


def made(config: Any, custom_objects: Mapping[str, Any] | None, compile: bool, where: str) -> Any:
    """The model of a description, its weights without values, compiled where that is said and wanted."""
    if not isinstance(config, dict):
        raise CorruptFileError(f"{where}: config: expected the description of a model, got {type(config).__name__}")
    settings = config.get("compile_config")
    with without_initial_values(), refusing(CorruptFileError, f"{where}: config"):
        model = deserialize_keras_object({**config, "compile_config": None}, custom_objects)
    if not hasattr(model, "compile_from_config"):
        raise CorruptFileError(f"{where}: config: expected the description of a model, got that of {model!r}")
    if not model.built:
        raise ValueError(
            f"{where}: {model.name!r} is described, but not how it is built: its class needs get_build_config and "
            "build_from_config, or must have been called on one input"
        )
    if compile and settings:
        with CustomObjectScope(custom_objects), refusing(CorruptFileError, f"{where}: compile_config"):
            model.compile_from_config(settings)
    return model
