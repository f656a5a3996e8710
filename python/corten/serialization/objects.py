"""Objects as plain values, in the form of Keras, and back.

``{"module": "keras.layers", "class_name": "Dense", "config": {...}, "registered_name": None}``: a class and the
arguments that make the object. A class is found by its name among those that Corten publishes and those that the
program registered or passes; a file can name nothing else, and holds no code.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from corten.errors import UnsafeFileError
from corten.serialization import registry
from corten.serialization.refusing import refusing
from corten.serialization.registry import CustomObjectScope

__all__ = ["deserialize_keras_object", "is_serialized", "plain", "revived", "serialize_keras_object", "serialized"]


def serialize_keras_object(obj: Any) -> Any:
    """``obj`` as plain values: numbers, text, lists and dicts, as JSON has them.

    Raises:
        TypeError: neither plain nor an object with ``get_config()``, a function or an array.

    >>> import corten
    >>> corten.saving.serialize_keras_object(corten.regularizers.L2(0.5))["config"]
    {'l2': 0.5}
    """
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, (list, tuple)):
        return type(obj)([serialize_keras_object(item) for item in obj]) if type(obj) in (list, tuple) else list(obj)
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode()}}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, slice):
        parts = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        return {"class_name": "__slice__", "config": serialize_keras_object(parts)}
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        return _of_object(obj)
    if hasattr(obj, "dtype") and hasattr(obj, "shape"):
        array = obj.numpy() if hasattr(obj, "numpy") else np.asarray(obj)
        if array.shape == ():
            return array.item()
        return {"class_name": "__numpy__", "config": {"value": array.tolist(), "dtype": array.dtype.name}}
    if isinstance(obj, np.dtype) or (isinstance(obj, type) and issubclass(obj, np.generic)):
        return np.dtype(obj).name
    if isinstance(obj, (types.FunctionType, types.BuiltinFunctionType, types.MethodType)) or registry.place_of(obj):
        return _of_function(obj)
    table = registry.live()
    if table is not None:
        return {"class_name": "__live__", "config": table.name_of(obj)}
    if callable(obj) and hasattr(obj, "__name__"):
        return _of_function(obj)
    raise TypeError(
        f"{obj!r} cannot be described: expected plain values, arrays, functions, or an object with get_config()"
    )


def _of_object(obj: Any) -> dict[str, Any]:
    config = obj.get_config()
    if not isinstance(config, dict):
        raise TypeError(f"{type(obj).__name__}.get_config() must return a dict, got {type(config).__name__}")
    description = {**_class(type(obj)), "config": serialize_keras_object(config)}
    description["registered_name"] = description.pop("registered_name")  # Keras's order
    for part in ("build_config", "compile_config"):
        describe = getattr(obj, f"get_{part}", None)
        if describe is not None and (value := describe()) is not None:
            description[part] = serialize_keras_object(value)
    return description


def _class(kind: type) -> dict[str, Any]:
    kind = registry.written(kind)
    place = registry.place_of(kind)
    if place is not None:
        return {"module": place[0], "class_name": place[1], "registered_name": _registered_name(*place)}
    table = registry.live()
    name = registry.get_registered_name(kind) if table is None else table.name_of(kind)
    return {"module": kind.__module__, "class_name": kind.__name__, "registered_name": name}


def _registered_name(module: str, name: str) -> str | None:
    """Classes that Keras has but does not publish are named twice."""
    return name if module.startswith("keras.src.") else None


def _of_function(function: Any) -> dict[str, Any]:
    place = registry.place_of(function)
    if place is not None:
        module, name = place
        return {"module": module, "class_name": "function", "config": name, "registered_name": name}
    table = registry.live()
    name = registry.get_registered_name(function) if table is None else table.name_of(function)
    module = getattr(function, "__module__", None) or "builtins"
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def plain(value: object) -> Any:
    """As :func:`serialize_keras_object`, with Corten's own functions by their names alone, as Keras has activations."""
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)) or not hasattr(value, "get_config"):
        place = registry.place_of(value)
        if place is not None:
            return place[1]
    return serialize_keras_object(value)


def serialized(value: object, what: str) -> dict[str, Any]:
    """The description of an object that remembers its arguments.

    >>> serialized(5, "optimizer")
    Traceback (most recent call last):
    ...
    TypeError: optimizer: expected an object with get_config(), got 5
    """
    if isinstance(value, type) or not hasattr(value, "get_config"):
        raise TypeError(f"{what}: expected an object with get_config(), got {value!r}")
    return _of_object(value)


def is_serialized(value: Any) -> bool:
    """Whether ``value`` is the description of an object, with the place of its class."""
    return isinstance(value, dict) and "class_name" in value and "config" in value and "module" in value


def revived(value: Any) -> Any:
    """``value`` with objects for the descriptions in it; everything else stays as it is."""
    if is_serialized(value) or (isinstance(value, dict) and _is_special(value)):
        return deserialize_keras_object(value)
    if type(value) in (list, tuple):
        return type(value)(revived(item) for item in value)
    if type(value) is dict:
        return {key: revived(item) for key, item in value.items()}
    return value


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """What :func:`serialize_keras_object` described.

    Args:
        config: plain values.
        custom_objects: names and what they stand for, before those that are registered.
        safe_mode: must be True; code in a configuration is never run.
        module_objects: names for descriptions that do not say where their class is.

    Raises:
        ValueError: a class or function that nobody published, registered or passed.
        UnsafeFileError: code in the place of a function.
        TypeError: not a configuration, or arguments that the class does not take.

    >>> import corten
    >>> config = corten.saving.serialize_keras_object(corten.layers.Dense(3, activation="relu"))
    >>> corten.saving.deserialize_keras_object(config).units
    3
    """
    if not safe_mode:
        raise ValueError("safe_mode: only True is supported; code in a file is never run; register functions")
    with CustomObjectScope(custom_objects), refusing(ValueError, "configuration"):
        return _deserialized(config, module_objects)


def _deserialized(config: Any, known: Mapping[str, Any] | None) -> Any:
    if config is None or isinstance(config, (bool, int, float)):
        return config
    if isinstance(config, str):
        named = registry.custom_object(config)
        if named is None and known is not None:
            named = known.get(config)
        return config if named is None else named
    if isinstance(config, (list, tuple)):
        return [_deserialized(item, None) for item in config]
    if not isinstance(config, dict):
        if callable(config) or hasattr(config, "get_config"):
            return config  # made already
        raise TypeError(f"expected a configuration of plain values, got {config!r}")
    if "class_name" not in config or "config" not in config:
        return {key: _deserialized(value, None) for key, value in config.items()}
    if _is_special(config):
        return _special(config["class_name"], config["config"])
    return _object_of(config, known)


def _object_of(config: dict[str, Any], known: Mapping[str, Any] | None) -> Any:
    name, arguments = config["class_name"], config["config"]
    if not isinstance(name, str):
        raise TypeError(f"class_name: expected a string, got {name!r}")
    if name == "function":
        if not isinstance(arguments, str):
            raise TypeError(f"function: expected its name, got {arguments!r}")
        return _named(arguments, config, known, "function")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise TypeError(f"{name}: config: expected a dict of arguments, got {type(arguments).__name__}")
    kind = _named(name, config, known, "class")
    if not isinstance(kind, type):
        return kind
    if not hasattr(kind, "from_config"):
        raise TypeError(f"{name} has no from_config()")
    instance = kind.from_config(arguments)
    if config.get("build_config") and not getattr(instance, "built", True):
        instance.build_from_config(config["build_config"])
    if config.get("compile_config") and hasattr(instance, "compile_from_config"):
        instance.compile_from_config(config["compile_config"])
    return instance


def _named(name: str, config: dict[str, Any], known: Mapping[str, Any] | None, what: str) -> Any:
    """The class or function that a description names."""
    module, registered = config.get("module"), config.get("registered_name")
    found = registry.published(module, name) if isinstance(module, str) else None
    usual = not registered or registered in (name, what)
    thing = registry.custom_object(registered, *(() if found is not None and usual else (name,)))
    if thing is None and found is not None:
        if not usual:
            raise ValueError(
                f"{what} {name!r} of {module}: it is Corten's own, and registered_name asks for {registered!r}, which "
                "is neither registered nor passed as custom_objects"
            )
        thing = found
    if thing is None and known is not None and not isinstance(module, str):
        thing = known.get(name)
    if thing is None and usual and what == "function" and module == "builtins":
        # So Keras wrote functions until 3.6, its own too.
        thing = registry.function(name)
    if thing is None:
        place = f" of {module}" if isinstance(module, str) else ""
        wanted = registered if isinstance(registered, str) else name
        raise ValueError(
            f"unknown {what} {name!r}{place}; Corten has none of that name there. One's own is registered by "
            f"corten.saving.register_keras_serializable, or passed as custom_objects={{{wanted!r}: ...}}"
        )
    return thing


def _is_special(config: dict[str, Any]) -> bool:
    name, module = config.get("class_name"), config.get("module")
    if not isinstance(name, str) or name not in _SPECIAL or "config" not in config:
        return False
    # A policy of dtypes is Keras's; a class of the program's own may have the same name.
    return (
        name.startswith("__") or module is None or str(module).partition(".")[0] in ("keras", "tf_keras", "tensorflow")
    )


def _special(name: str, config: Any) -> Any:
    """The value of a description that is no object's."""
    make, members = _SPECIAL[name]
    if members and not (isinstance(config, dict) and members <= config.keys()):
        raise ValueError(f"{name}: expected {', '.join(sorted(members))}, got {str(config)[:80]}")
    return make(config)


def _array(config: dict[str, Any]) -> Any:
    dtype = np.dtype(str(config["dtype"]))
    if dtype.kind not in "biuf":
        raise ValueError(f"array: expected numbers, got dtype {dtype}")
    return np.array(config["value"], dtype)


def _code(_config: Any) -> Any:
    raise UnsafeFileError(
        "the configuration holds the code of a Python lambda, which is never run; write the function anew, register it "
        "by corten.saving.register_keras_serializable, and save the model again with it"
    )


def _policy(config: dict[str, Any]) -> Any:
    return config["name"]


def _slice(config: dict[str, Any]) -> slice:
    return slice(*(_deserialized(config[part], None) for part in ("start", "stop", "step")))


#: What makes the value of a description, and the members of its config that this needs.
_SPECIAL: dict[str, tuple[Callable[[Any], Any], set[str]]] = {
    "__numpy__": (_array, {"dtype", "value"}),
    "__tensor__": (_array, {"dtype", "value"}),
    "__bytes__": (lambda config: str(config["value"]).encode(), {"value"}),
    "__ellipsis__": (lambda _config: Ellipsis, set()),
    "__slice__": (_slice, {"start", "step", "stop"}),
    "__lambda__": (_code, set()),
    "__live__": (registry.custom_object, set()),
    "DTypePolicy": (_policy, {"name"}),
    "FloatDTypePolicy": (_policy, {"name"}),
    "Policy": (_policy, {"name"}),
}
