"""Models of Keras 1, Keras 2 and tf-keras in Keras 3's serialized form, number for number."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..errors import CorruptFileError
from .keras2_calls import operation, references, translate_call
from .keras2_layers import translate_layer
from .keras2_origin import Origin, layer_name, plain
from .keras2_training import translate_training

__all__ = ["translate", "translate_training"]

Config = dict[str, Any]

_MODELS = {"Model", "Functional", "Sequential"}
_OPERATIONS = {
    "TFOpLambda",
    "SlicingOpLambda",
    "TensorFlowOpLayer",
    "ClassMethod",
    "InstanceMethod",
    "InstanceProperty",
}
_DEEPEST = 50


def translate(config: Config, version: str = "2", custom: Collection[str] = ()) -> Config:
    """The same model in Keras 3's form: classes and arguments by their names there, and no default left to change.

    ``config`` is ``model_config`` of a whole-model HDF5 file, or ``config.json`` of an archive that tf-keras wrote;
    ``version`` is what the file says of its Keras (``1`` where it says nothing), as ``2.2.4-tf``. ``custom`` has the
    names of classes and functions that the reader registered: they are handed on.

    Slashes in the names of layers become underscores. Of what tf-keras adds, ``compile_config`` is translated too.

    Raises:
        ValueError: a layer, function, argument or value that Keras 3 has no equal for, by name.
        UnsafeFileError: a layer that is code, such as Lambda.
        CorruptFileError: it is not a configuration of a model.

    Example:
        >>> old = {"class_name": "Sequential", "config": [
        ...     {"class_name": "Dense", "config": {"name": "a", "units": 2, "batch_input_shape": [None, 3]}}]}
        >>> [layer["class_name"] for layer in translate(old, "2.0.5")["config"]["layers"]]
        ['InputLayer', 'Dense']
    """
    try:
        translated = _nested(config, Origin(version, custom, _nested))
        if isinstance(config.get("compile_config"), dict) and config["compile_config"]:
            translated["compile_config"] = translate_training(config["compile_config"], version, custom)
        return translated
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise CorruptFileError(f"model configuration: not as Keras writes it ({error!r})") from error


def _nested(entry: Any, origin: Origin) -> Config:
    """A model or a layer, at any depth."""
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
        raise CorruptFileError(f"model configuration: expected class_name and config, got {str(entry)[:80]!r}")
    name, config = entry["class_name"], entry.get("config")
    if name in _MODELS and not origin.is_custom(_without_alias(entry)):
        if name == "Sequential":
            return _sequential(entry, origin)
        if isinstance(config, dict) and isinstance(config.get("layers"), list) and "output_layers" in config:
            return _functional(config, origin)
        raise ValueError(
            f"model {entry.get('name', '?')!r} ({name}): only functional and sequential models have layers"
        )
    return translate_layer(entry, origin)


def _without_alias(entry: Config) -> Config:
    """tf-keras gives Functional, which has no public name, a registered one."""
    return {key: value for key, value in entry.items() if key != "registered_name" or value not in _MODELS}


def _sequential(entry: Config, origin: Origin) -> Config:
    config = entry["config"]
    # Until Keras 2.2 the configuration was the list of layers, and had no name.
    listed = {"layers": config} if isinstance(config, list) else config
    if not isinstance(listed, dict) or not isinstance(listed.get("layers"), list):
        raise CorruptFileError(f"model configuration: expected layers of a Sequential, got {str(config)[:80]!r}")
    entries = listed["layers"]
    layers = [_nested(layer, origin) for layer in entries]
    shape = plain(listed.get("build_input_shape") or (entry.get("build_config") or {}).get("input_shape"))
    translated: Config = {"name": layer_name(listed.get("name") or entry.get("name") or "sequential")}
    if layers and layers[0]["class_name"] != "InputLayer":
        if (batch_shape := _input_shape(entries[0])) is not None:
            first = layers[0]["config"].get("name", "sequential")
            dtype = "int32" if layers[0]["class_name"] == "Embedding" else "float32"
            inputs = {"name": f"{first}_input", "batch_shape": batch_shape, "dtype": dtype}
            layers.insert(0, _object("keras.layers", "InputLayer", inputs))
        elif shape is not None:
            translated["build_input_shape"] = shape
    translated["layers"] = layers
    return _object("keras", "Sequential", translated)


def _input_shape(entry: Config) -> list[int | None] | None:
    """The shape that the first layer of a Sequential was given, itself or the layer or model within it."""
    for _ in range(_DEEPEST):
        config = entry.get("config")
        layers = config if isinstance(config, list) else (config or {}).get("layers")
        if isinstance(layers, list):
            entry = layers[0] if layers else {}
            continue
        if not isinstance(config, dict):
            return None
        for key in ("batch_input_shape", "batch_shape"):
            if config.get(key) is not None:
                shape: list[int | None] = plain(config[key])
                return shape
        if not isinstance(config.get("layer"), dict):
            return None
        entry = config["layer"]
    return None


def _functional(config: Config, origin: Origin) -> Config:
    model = f"model {config.get('name')!r}"
    entries = config["layers"]
    names = [_name_of(entry) for entry in entries]
    renamed = [layer_name(name) for name in names]
    if len(set(renamed)) != len(renamed):
        twice = next(name for name in renamed if renamed.count(name) > 1)
        raise CorruptFileError(f"{model}: two layers are called {twice!r}")
    first_nodes = _first_nodes(entries, names, config)
    layers = []
    for entry, name in zip(entries, names, strict=True):
        where = f"{model}, layer {name!r} ({entry.get('class_name')})"
        nodes = entry.get("inbound_nodes", [])
        # A file of Keras 3 has its calls in Keras 3's form.
        calls = [
            node if isinstance(node, dict) and node.keys() == {"args", "kwargs"}
            else translate_call(node, entry, first_nodes, where)
            for node in nodes
        ]  # fmt: skip
        own = {key: value for key, value in entry.items() if key not in ("inbound_nodes", "name")}
        if entry.get("class_name") in _OPERATIONS:
            layer = operation(own, calls, where)
        else:
            layer = _nested(own | {"name": name}, origin)
        layers.append(layer | {"name": layer_name(name), "inbound_nodes": calls})
        layer["config"]["name"] = layer_name(name)
    # A model within a model is itself a first call; Keras 3 counts it in for functional models, in the outputs only.
    functional = {layer["name"] for layer in layers if layer["class_name"] == "Functional"}

    def tensors(data: Any) -> Any:
        if isinstance(data, list) and len(data) == 3 and isinstance(data[0], str):
            name, node, tensor = data
            if name not in first_nodes:
                raise CorruptFileError(f"{model}: {name!r} is no layer of it")
            return [layer_name(name), node - first_nodes[name] + (layer_name(name) in functional), tensor]
        if isinstance(data, dict):
            return {key: tensors(item) for key, item in data.items()}
        if not isinstance(data, list):
            raise CorruptFileError(f"{model}: expected tensors, got {str(data)[:80]!r}")
        return [tensors(item) for item in data]

    translated: Config = {"name": layer_name(config.get("name") or "model")}
    if "trainable" in config:
        translated["trainable"] = config["trainable"]
    translated["layers"] = layers
    for key in ("input_layers", "output_layers"):
        ends = tensors(config[key])
        # Of a single tensor, too, Keras 2 wrote a list.
        single = len(ends) == 1 and isinstance(ends, list) and isinstance(ends[0], list)
        translated[key] = ends[0] if single and len(ends[0]) == 3 and isinstance(ends[0][0], str) else ends
    return _object("keras.src.models.functional", "Functional", translated, "Functional")


def _first_nodes(entries: list[Config], names: list[str], config: Config) -> dict[str, int]:
    """The number of each layer's first call: that of the first reference to it, since every call is referred to."""
    first = dict.fromkeys(names, 0)
    models = {name for entry, name in zip(entries, names, strict=True) if entry.get("class_name") in _MODELS}
    lowest: dict[str, int] = {}
    keras3 = any(
        isinstance(node, dict) and "args" in node for entry in entries for node in entry.get("inbound_nodes", [])
    )
    nodes = [] if keras3 else [entry.get("inbound_nodes", []) for entry in entries]
    for name, node in references([*nodes, config["output_layers"]]):
        lowest[name] = min(node, lowest.get(name, node))
    for name in models & lowest.keys():
        first[name] = min(lowest[name], 1)
    if keras3:  # already counted as Keras 3 does: only what `_functional` adds is taken off
        first |= {
            name: int(entry.get("class_name") != "Sequential")
            for entry, name in zip(entries, names, strict=True)
            if name in models
        }
    return first


def _name_of(entry: Any) -> str:
    if not isinstance(entry, dict):
        raise CorruptFileError(f"model configuration: expected a layer, got {str(entry)[:80]!r}")
    config = entry.get("config")
    name = entry.get("name") or (config.get("name") if isinstance(config, dict) else None)
    layer_name(name)
    return str(name)


def _object(module: str, name: str, config: Config, registered: str | None = None) -> Config:
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}
