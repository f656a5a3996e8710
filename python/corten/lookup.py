"""Finding initializers, activations, regularizers and the like by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["find"]


def find(identifier: object, known: Mapping[str, Callable[..., Any]], what: str) -> Any:
    """The object that ``identifier`` stands for.

    A string names an entry of ``known`` (a class is called without arguments, a function taken as it is), a dict is a
    configuration ``{"class_name": ..., "config": {...}}``, a class is called, and any other callable stands for itself.
    ``ValueError`` for an unknown name, ``TypeError`` for anything else.

    >>> from corten.lookup import find
    >>> find("plus", {"plus": max}, "operation") is max
    True
    """
    if isinstance(identifier, dict):
        name, config = identifier.get("class_name"), identifier.get("config", {})
        if name == "function":
            return find(config, known, what)
        known_class = known.get(name) if isinstance(name, str) else None
        if known_class is None or not isinstance(config, dict):
            raise ValueError(f"{what}: expected a configuration with a known class_name, got {identifier!r}")
        return known_class(**config)
    if isinstance(identifier, str):
        entry = known.get(identifier)
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
