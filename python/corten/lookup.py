"""Finding initializers, activations, regularizers and the like by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from corten.serialization import custom_object, deserialize_keras_object

__all__ = ["find"]


def find(identifier: object, known: Mapping[str, Callable[..., Any]], what: str) -> Any:
    """The object that ``identifier`` stands for.

    A string names what the program registered, or an entry of ``known`` (a class is called without arguments, a
    function taken as it is), a dict is a configuration ``{"class_name": ..., "config": {...}}``, a class is called, and
    any other callable stands for itself.
    ``ValueError`` for an unknown name, ``TypeError`` for anything else.

    >>> from corten.lookup import find
    >>> find("plus", {"plus": max}, "operation") is max
    True
    """
    if isinstance(identifier, dict):
        if "class_name" not in identifier or "config" not in identifier:
            raise ValueError(f"{what}: expected a configuration with class_name and config, got {identifier!r}")
        return deserialize_keras_object(identifier, module_objects=known)
    if isinstance(identifier, str):
        entry = custom_object(identifier) or known.get(identifier)
        if entry is None:
            names = ", ".join(sorted(name for name in known if name.islower()))
            raise ValueError(f"unknown {what} {identifier!r}; expected one of {names}")
        return entry() if isinstance(entry, type) else entry
    if isinstance(identifier, type):
        instance = identifier()
        if not callable(instance) and not hasattr(instance, "get_config"):
            raise TypeError(f"{what}: expected a class of callables, got {identifier!r}")
        return instance
    if callable(identifier):
        return identifier
    raise TypeError(f"{what}: expected a name, a configuration or a callable, got {type(identifier).__name__}")
