"""Names for classes and functions of one's own, by which a file may ask for them: nothing else is found by a name.

Whole models are not kept in files yet, and weights need no names: this lets code run that registers its classes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["get_registered_name", "get_registered_object", "register_keras_serializable"]

Named = TypeVar("Named", bound=Callable[..., Any])

_objects: dict[str, Any] = {}
_names: dict[Any, str] = {}


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Named], Named]:
    """A decorator that registers a class or function as ``package>name``; its own name by default.

    Raises:
        ValueError: a class without ``get_config``.

    >>> import corten
    >>> @corten.saving.register_keras_serializable("mine")
    ... def shifted(x):
    ...     return x + 1
    >>> corten.saving.get_registered_name(shifted)
    'mine>shifted'
    """

    def register(thing: Named) -> Named:
        if inspect.isclass(thing) and not hasattr(thing, "get_config"):
            raise ValueError(f"register_keras_serializable: class {thing.__name__} has no get_config()")
        registered = f"{package}>{name or thing.__name__}"
        _objects[registered] = thing
        _names[thing] = registered
        return thing

    return register


def get_registered_name(obj: object) -> str:
    """The name a class or function was registered by; its own where it was not."""
    if not hasattr(obj, "__name__"):
        raise TypeError(f"get_registered_name: expected a class or a function, got {obj!r}")
    known: str | None = _names.get(obj)
    return str(obj.__name__) if known is None else known


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """What was registered by that name, or is in one of the two dicts; None where there is nothing."""
    for known in (custom_objects, _objects, module_objects):
        if known and name in known:
            return known[name]
    return None
