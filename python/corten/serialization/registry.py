"""The names by which configurations and files ask for classes and functions: nothing else is found by a name.

Corten's own packages publish theirs under the place that Keras has for them ("keras.layers"); a program registers its
own, or passes them as ``custom_objects``. No module is ever imported because a file names it.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

__all__ = [
    "CustomObjectScope",
    "LiveObjects",
    "custom_object",
    "custom_object_scope",
    "custom_objects_in_scope",
    "function",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "live_objects",
    "made_of",
    "place_of",
    "publish",
    "publish_later",
    "published",
    "register_keras_serializable",
    "written",
]

Named = TypeVar("Named", bound=Callable[..., Any])

#: What Corten publishes: section ("layers") -> name -> class or function.
_sections: dict[str, dict[str, Any]] = {}
#: (module, name) of what is published, by the object itself.
_places: dict[Any, tuple[str, str]] = {}

#: The module of Corten that publishes a class which is seldom needed, by section and name.
_later: dict[tuple[str, str], str] = {}
#: The classes that others were made of, by these.
_originals: dict[type, type] = {}

_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.custom: list[Mapping[str, Any]] = []
        self.live: LiveObjects | None = None


_scopes = _Scopes()


def publish(section: str, objects: Mapping[str, Any], own: Collection[str] = (), module: str | None = None) -> None:
    """Makes classes and functions of Corten known by their names.

    Args:
        section: the package, such as "layers".
        objects: by name.
        own: the names that Keras does not have; files give their place as ``corten.<section>``.
        module: the place in Keras, ``keras.<section>`` unless given.
    """
    known = _sections.setdefault(section, {})
    for name, thing in objects.items():
        known[name] = thing
        # Of several names the class's own.
        if thing not in _places or getattr(thing, "__name__", None) == name:
            _places[thing] = (f"corten.{section}" if name in own else module or f"keras.{section}", name)


def publish_later(section: str, name: str, module: str) -> None:
    """Makes a class of Corten known whose module is imported, and publishes it, when a configuration names it."""
    _later[section, name] = module


def place_of(thing: object) -> tuple[str, str] | None:
    """(module, name) of a class or function that Corten publishes, or None."""
    try:
        return _places.get(thing)
    except TypeError:  # not hashable
        return None


def published(module: str, name: str) -> Any:
    """What Corten publishes by that name in a module of Keras or of its own; None where there is nothing."""
    parts = [part for part in module.split(".") if part not in ("src", "_tf_keras", "tf_keras", "tensorflow", "python")]
    if not parts or parts[0] not in ("keras", "corten"):
        return None
    section = parts[1] if len(parts) > 1 else "models"
    if (section, name) in _later:
        import_module(_later.pop((section, name)))
    return _sections.get(section, {}).get(name)


def written(kind: type) -> type:
    """The class as the program has it, for one that was made of it: see :func:`made_of`."""
    return _originals.get(kind, kind)


def made_of(kind: type, original: type) -> type:
    """Lets ``kind`` be described as the class that it was made of."""
    _originals[kind] = original
    return kind


def function(name: str) -> Any:
    """The function of that name that the program registered, in whichever package, or that Corten publishes."""
    registered = [thing for key, thing in _registered.items() if key.rpartition(">")[2] == name]
    published = [known[name] for known in _sections.values() if name in known]
    return next((thing for thing in (*registered, *published) if inspect.isfunction(thing)), None)


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
        _registered[registered] = thing
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
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """What was registered by that name, or is in one of the two dicts; None where there is nothing."""
    for known in (custom_objects, *reversed(_scopes.custom), _registered, module_objects):
        if known and name in known:
            return known[name]
    return None


def custom_object(*names: Any) -> Any:
    """What the program registered, or gave as a custom object, by the first of these names that is known; or None.

    A class that is registered as ``package>Name`` is found by that name alone.
    """
    for name in names:
        if isinstance(name, str) and (found := get_registered_object(name)) is not None:
            return found
    return None


def get_custom_objects() -> dict[str, Any]:
    """The dict of what is registered, by name; what is put into it is found too.

    >>> import corten
    >>> corten.saving.get_custom_objects()["double"] = lambda x: x * 2
    >>> corten.activations.get("double")(4)
    8
    >>> del corten.saving.get_custom_objects()["double"]
    """
    return _registered


def custom_objects_in_scope() -> dict[str, Any]:
    """What the scopes around this call name, without what is registered for good."""
    merged: dict[str, Any] = {}
    for scope in _scopes.custom:
        merged.update(scope)
    return merged


class CustomObjectScope:
    """Within ``with``, names in configurations stand for these classes and functions, in this thread.

    >>> import corten
    >>> def double(x):
    ...     return x * 2
    >>> with corten.saving.custom_object_scope({"double": double}):
    ...     layer = corten.layers.Dense.from_config({"units": 2, "activation": "double"})
    >>> layer.activation is double
    True
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        # Not a copy: names may be added within the block.
        self.custom_objects = {} if custom_objects is None else custom_objects

    def __enter__(self) -> CustomObjectScope:
        _scopes.custom.append(self.custom_objects)
        return self

    def __exit__(self, *_: object) -> None:
        _scopes.custom.pop()


class LiveObjects(dict[str, Any]):
    """Names for objects of this program that have none, given as they are met: for copies within it, and pickles.

    As ``custom_objects`` it gives them back.
    """

    def name_of(self, thing: Any) -> str:
        """The name of ``thing``, which may be any object."""
        for name, known in self.items():
            if known is thing:
                return name
        name = f"live>{len(self)}"
        self[name] = thing
        return name


custom_object_scope = CustomObjectScope


@contextmanager
def live_objects() -> Iterator[LiveObjects]:
    """Within the block, configurations name any object that is not Corten's own through the table it gives."""
    before, _scopes.live = _scopes.live, LiveObjects()
    try:
        yield _scopes.live
    finally:
        _scopes.live = before


def live() -> LiveObjects | None:
    """The table of the block of :func:`live_objects` around this call, if any."""
    return _scopes.live
