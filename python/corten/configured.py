"""Objects that remember the arguments they were made with, so that none has to restate them."""

from __future__ import annotations

import functools
import inspect
from typing import Any, TypeVar

__all__ = ["Configured", "forwarded", "plain"]

Self = TypeVar("Self", bound="Configured")


@functools.cache
def _signature(cls: Any) -> inspect.Signature:
    return inspect.signature(cls.__init__)


class Configured:
    """Remembers its constructor's arguments: ``cls.from_config(made.get_config())`` makes an equal one.

    >>> class Point(Configured):
    ...     def __init__(self, x, y=0, **kwargs):
    ...         self.x, self.y = x, y
    >>> Point(1, colour="red").get_config()
    {'x': 1, 'y': 0, 'colour': 'red'}
    """

    _config: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        key: Any = cls
        signature = _signature(key)
        try:
            # Partial, for copies are made without arguments; what is missing is __init__'s to say.
            bound = signature.bind_partial(made, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}: {error}") from None
        bound.apply_defaults()
        config: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            kind = signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_KEYWORD:
                config.update(value)
            elif kind is not inspect.Parameter.VAR_POSITIONAL:
                config[name] = value
        object.__setattr__(made, "_config", config)
        return made

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this object again, as plain values."""
        config = {key: plain(value) for key, value in self._config.items()}
        if "name" in config:
            config["name"] = getattr(self, "name", config["name"])
        return config

    @classmethod
    def from_config(cls: type[Self], config: dict[str, Any]) -> Self:
        """A new object from what :meth:`get_config` gave."""
        return cls(**config)


def forwarded(scope: dict[str, Any], *own: str) -> dict[str, Any]:
    """The arguments that a constructor hands on: its ``locals()``, taken first of all, without its ``own`` arguments.

    >>> class Point:
    ...     def __init__(self, **given):
    ...         print(given)
    >>> class Circle(Point):
    ...     def __init__(self, radius, x=0, y=0, **kwargs):
    ...         super().__init__(**forwarded(locals(), "radius"))
    >>> made = Circle(2, y=1, colour="red")
    {'x': 0, 'y': 1, 'colour': 'red'}
    """
    left = {"self", "__class__", "kwargs", *own}
    return {name: value for name, value in {**scope, **scope.get("kwargs", {})}.items() if name not in left}


def plain(value: Any) -> Any:
    """A value of a configuration without objects: these become their own configuration, functions their names."""
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return value.item() if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0 else value
