"""Objects that get back what they were, after a failure or after a trial."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from corten.layers.naming import names_as_before
from corten.random import seeds_as_before

__all__ = ["undone", "undone_on_error"]


@contextlib.contextmanager
def undone_on_error(*things: Any) -> Iterator[None]:
    """Where the block fails, ``things`` get back the attributes that they had, and lists and dicts their items.

    What one thread undoes must be nobody else's: hold ``tracing``.
    """
    saved: list[tuple[dict[str, Any], dict[str, Any]]] = []
    items: list[tuple[Any, Any]] = []

    seen: set[int] = set()

    def save(value: Any) -> None:
        if not isinstance(value, (list, tuple, dict)) or id(value) in seen:
            return
        seen.add(id(value))
        if not isinstance(value, tuple):
            items.append((value, value.copy()))
        for item in value.values() if isinstance(value, dict) else value:
            save(item)

    for thing in things:
        saved.append((vars(thing), dict(vars(thing))))
        for value in vars(thing).values():
            save(value)
    try:
        yield
    except BaseException:
        for attributes, before in saved:
            attributes.clear()
            attributes.update(before)
        for value, copy in items:
            value.clear()
            if isinstance(value, dict):
                value.update(copy)
            else:
                value.extend(copy)
        raise


class _UndoneError(Exception):
    """Ends a block that is to be undone."""


@contextlib.contextmanager
def undone(*things: Any) -> Iterator[None]:
    """After the block, ``things`` are as before it, and so are names and seeds to come."""
    with contextlib.suppress(_UndoneError), names_as_before(), seeds_as_before(), undone_on_error(*things):
        yield
        raise _UndoneError
