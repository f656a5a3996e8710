"""Objects that remember the arguments they were created with, and which of their attributes were changed since."""

from __future__ import annotations

import functools
import inspect
from typing import Any, TypeVar

from corten._core import current
from corten.keywords import expect_known, parameters, signature_of
from corten.serialization import plain, registry, revived

__all__ = ["Configured", "Itself", "forwarded"]

_UNSET = object()

Self = TypeVar("Self", bound="Configured")


class Itself:
    """A key that equals only that of the same object; the object lives as long."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def _key(value: Any) -> Any:
    """What tells one value of an attribute from another: numbers and text by value, everything else by identity."""
    if isinstance(value, float):
        return value.hex()
    return value if value is None or isinstance(value, (bool, int, str, bytes)) else Itself(value)


class Configured:
    """Remembers its constructor's arguments: ``cls.from_config(instance.get_config())`` makes an equal one.

    >>> class Point(Configured):
    ...     def __init__(self, x, y=0, **kwargs):
    ...         self.x, self.y = x, y
    >>> Point(1, colour="red").get_config()
    {'x': 1, 'y': 0, 'colour': 'red'}
    """

    _config: dict[str, Any]

    #: Attributes that now have another value than at first: (name, first, now). A program traced while they had others
    #: is outdated. What is set while a graph is built belongs to the trace, and does not count.
    _changes: tuple[tuple[str, Any, Any], ...] = ()

    #: Attributes that no computation depends on.
    _inconsequential: frozenset[str] = frozenset({"built", "name"})

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name, _UNSET)
        if before is _UNSET:
            before = getattr(type(self), name, _UNSET)
        if (
            before is not _UNSET
            and before is not value
            and not isinstance(before, property)
            and name not in self._inconsequential
            and _key(before) != _key(value)
            and current() is None
        ):
            changes = {change[0]: change for change in self._changes}
            first, now = changes.pop(name, (name, _key(before)))[1], _key(value)
            if now != first:
                changes[name] = (name, first, now)
            object.__setattr__(self, "_changes", tuple(changes[key] for key in sorted(changes)))
        object.__setattr__(self, name, value)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        key: Any = cls
        expect_known(key, args, kwargs)
        signature = signature_of(key)
        try:
            # Partial, for copies are made without arguments; what is missing is __init__'s to say.
            bound = signature.bind_partial(instance, *args, **kwargs)
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
        object.__setattr__(instance, "_config", config)
        return instance

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this object again, as plain values.

        Where a class of the program's own defines this too, it adds its own arguments, as in Keras: what it gets from
        ``super().get_config()`` are those of Corten's class.
        """
        config = {key: plain(value) for key, value in self._told().items()}
        if "name" in config:
            config["name"] = getattr(self, "name", config["name"])
        return config

    def _told(self) -> dict[str, Any]:
        """The arguments that :meth:`get_config` of Corten's class tells."""
        kind: Any = type(self)
        known = _known_below(kind)
        return self._config if known is None else {key: self._config[key] for key in self._config if key in known}

    def __copy__(self: Self) -> Self:
        kind = type(self)
        if hasattr(kind, "variables"):
            raise TypeError(
                f"{kind.__name__} {getattr(self, 'name', '')!r}: a shallow copy would share variables and caches with "
                "the original; make another, type(x).from_config(x.get_config()) or clone_model of a model, and give "
                "it the values: set_weights(get_weights())"
            )
        copy = object.__new__(kind)
        vars(copy).update(vars(self), _config=dict(self._config))
        return copy

    @classmethod
    def from_config(cls: type[Self], config: dict[str, Any]) -> Self:
        """A new object from what :meth:`get_config` gave; objects described in it are made first.

        What Keras has and Corten's class does not, and is off (None or False), is left out.
        """
        arguments = {name: revived(value) for name, value in config.items()}
        if registry.place_of(cls) is not None:
            known = parameters(cls)
            off = [name for name, value in arguments.items() if name not in known and value in (None, False)]
            for name in off:
                del arguments[name]
        return cls(**arguments)


def forwarded(scope: dict[str, Any], *own: str) -> dict[str, Any]:
    """The arguments that a constructor hands on: its ``locals()``, taken first of all, without its ``own`` arguments.

    >>> class Point:
    ...     def __init__(self, **kwargs):
    ...         print(kwargs)
    >>> class Circle(Point):
    ...     def __init__(self, radius, x=0, y=0, **kwargs):
    ...         super().__init__(**forwarded(locals(), "radius"))
    >>> circle = Circle(2, y=1, colour="red")
    {'x': 0, 'y': 1, 'colour': 'red'}
    """
    excluded = {"self", "__class__", "kwargs", *own}
    return {name: value for name, value in {**scope, **scope.get("kwargs", {})}.items() if name not in excluded}


@functools.cache
def _known_below(kind: type) -> frozenset[str] | None:
    """The parameters of Corten's class below the program's own class that defines ``get_config``; None without one."""
    own = next(base for base in kind.__mro__ if "get_config" in vars(base))
    if _is_cortens(own):
        return None
    return frozenset(parameters(next(base for base in own.__mro__ if _is_cortens(base))))


def _is_cortens(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "corten"
