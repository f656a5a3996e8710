"""Models and weights in files: written so that a crash leaves the old file or the new, read as if they were hostile."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from corten.serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)

if TYPE_CHECKING:
    from corten.saving.model_files import load_model, load_weights, save_model, save_weights

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]


def __getattr__(name: str) -> Any:
    # What reads and writes files is imported when it is first asked for: `import corten` is quick.
    if name in ("load_model", "load_weights", "save_model", "save_weights"):
        return getattr(import_module("corten.saving.model_files"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
