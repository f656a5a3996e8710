"""Nested lists, tuples and dicts, and what is applied to their leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union

__all__ = ["Nested", "flatten", "map_nested"]

Nested = Union[Any, "list[Any]", "tuple[Any, ...]", "dict[str, Any]"]


#: How deep arguments may nest: a list may hold itself.
_DEPTH = 100


def map_nested(function: Callable[[Any], Any], value: Nested, depth: int = _DEPTH) -> Any:
    """``function`` applied to every leaf of nested lists, tuples and dicts."""
    if not isinstance(value, (dict, list, tuple)):
        return function(value)
    if not depth:
        raise ValueError(f"arguments are nested more than {_DEPTH} deep, or contain themselves")
    if isinstance(value, dict):
        return {key: map_nested(function, item, depth - 1) for key, item in value.items()}
    items = (map_nested(function, item, depth - 1) for item in value)
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def flatten(value: Nested) -> list[Any]:
    """The leaves of nested lists, tuples and dicts, in order; ``None`` is no leaf."""
    leaves: list[Any] = []
    map_nested(lambda leaf: leaves.append(leaf) if leaf is not None else None, value)
    return leaves
