"""Whole models in HDF5, as Keras 2 laid them out and Keras 3 still does, and in archives of tf-keras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from corten.errors import CorruptFileError, warn
from corten.graph import Array, Variable, assign, values
from corten.saving.atomic import atomic_write
from corten.saving.closed_json import read_json, write_json
from corten.saving.hdf5_closed import Group, open_hdf5, read_dataset, read_text_attribute, read_text_list
from corten.saving.hdf5_legacy import layer_paths, read_archive, read_weights
from corten.saving.hdf5_optimizer import order_optimizer, read_optimizer
from corten.saving.keras2 import translate
from corten.saving.keras2_training import translate_training, whole_name
from corten.saving.keras_archive import WEIGHTS, KerasArchive
from corten.saving.made import KERAS_VERSION, made
from corten.saving.state import optimizers_by_path, restore, variables_by_path
from corten.saving.stored import InMemory
from corten.saving.weights_h5 import import_h5py
from corten.serialization import get_custom_objects, is_serialized, serialize_keras_object
from corten.serialization.registry import custom_objects_in_scope

__all__ = ["load_legacy", "load_legacy_weights", "load_tf_keras", "save_legacy"]

# Attributes of more bytes than these are cut into several.
_LARGEST_ATTRIBUTE = 64_000


def load_legacy(path: Path, custom_objects: Mapping[str, Any] | None, compile: bool) -> Any:
    """The model of a whole-model HDF5 file."""
    with path.open("rb") as file, open_hdf5(file, str(path)) as root:
        text = read_text_attribute(root, "model_config")
        if text is None:
            raise CorruptFileError(
                f"{path}: weights alone, without the configuration of a model; make the model and use load_weights"
            )
        version = read_text_attribute(root, "keras_version") or "1"
        custom = _custom(custom_objects)
        # Of Corten's own files only the layout is Keras 2's.
        own = read_text_attribute(root, "backend") == "corten"
        config = read_json(text, f"{path}: model_config")
        description = config if own else translate(config, version, custom)
        training = read_text_attribute(root, "training_config") if compile else None
        if training is not None:
            settings = read_json(training, f"{path}: training_config")
            settings = _out_of_keras_2_form(settings) if own else translate_training(settings, version, custom)
            description = {**description, "compile_config": settings}
        model = made(description, custom_objects, compile, str(path))
        weights = root.groups.get("model_weights")
        if weights is None:
            raise CorruptFileError(f"{path}: expected a group model_weights, got none")
        # Corten's have the weights of a model inside at its own name.
        stored = read_weights(weights, None if own else config)
        _assign_by_name(model, stored, str(path), nested=not own)
        if own:
            _assign_own(model, weights)
        if compile and model.compiled and model.optimizer is not None and "optimizer_weights" in root.groups:
            layers = _trained(model)
            optimizer = serialize_keras_object(model.optimizer)
            arrays, reason = read_optimizer(root, optimizer, layers, [name for name, _ in stored])
            _restore(model, arrays, reason, str(path))
    return model


def load_tf_keras(
    archive: KerasArchive, config: Any, version: str, custom_objects: Mapping[str, Any] | None, compile: bool
) -> Any:
    """The model of a ``.keras`` archive that tf-keras wrote."""
    translated = translate(config, version, _custom(custom_objects))
    model = made(translated, custom_objects, compile, archive.name)
    # Keras counts the layers of a class in the order of the configuration, which need not be the model's.
    folders = layer_paths(translated)
    with archive.stream(WEIGHTS) as stream, open_hdf5(stream, archive.name) as root:
        arrays = read_archive(root)
        variables = {
            "/".join(filter(None, (folders[path], place, "vars", str(index)))): variable
            for path, layer in _leaves(model)
            if path in folders
            for place, part in variables_by_path(layer).items()
            for index, variable in enumerate(part)
        }
        variables |= {f"vars/{index}": variable for index, variable in enumerate(model._saved_variables())}
        state = [arrays[name] for i in range(len(arrays)) if (name := f"optimizer/vars/{i}") in arrays]
        unknown = [name for name in arrays if name not in variables and not name.startswith(("optimizer/", "metrics/"))]
        missing = [name for name in variables if name not in arrays]
        for problem, names in (("the model has no such weight", unknown), ("expected an array, got none", missing)):
            if names:
                raise CorruptFileError(f"{archive.name}: {names[0]}: {problem}")
        _assign([(variable, arrays[name], name) for name, variable in variables.items()], archive.name)
        if compile and model.compiled and model.optimizer is not None and state:
            layers = _trained(model)
            optimizer = serialize_keras_object(model.optimizer)
            ordered, reason = order_optimizer(state, optimizer, layers, list(folders))
            _restore(model, ordered, reason, archive.name)
    return model


def load_legacy_weights(model: Any, root: Group, skip_mismatch: bool) -> None:
    """Reads weights into the layers that have any, in their order."""
    group = root.groups.get("model_weights", root)
    text = read_text_attribute(root, "model_config")
    config = None if text is None else read_json(text, root.where("model_config"))
    stored = [(name, arrays) for name, arrays in read_weights(group, config) if arrays]
    layers = [(path, _in_order(layer)) for path, layer in _leaves(model, nested=config is not None) if layer.weights]
    if len(stored) != len(layers) and not skip_mismatch:
        raise CorruptFileError(f"{root.where()}: expected {len(layers)} layers with weights, got {len(stored)}")
    triples: list[tuple[Variable, Array, str]] = []
    for (name, arrays), (path, variables) in zip(stored, layers, strict=False):
        if len(arrays) != len(variables):
            if skip_mismatch:
                continue
            raise CorruptFileError(
                f"{root.where(name)}: layer {path!r} has {len(variables)} weights, the file {len(arrays)} for it"
            )
        triples += zip(variables, arrays, [path] * len(arrays), strict=True)
    if skip_mismatch:
        triples = [triple for triple in triples if triple[0].shape == triple[1].shape]
    _assign(triples, root.where())


def save_legacy(model: Any, path: Path) -> None:
    """Writes a whole-model HDF5 file that Keras 3 and Corten read."""
    h5py = import_h5py("an HDF5 file")
    description = serialize_keras_object(model)
    settings = description.pop("compile_config", None)
    if description["registered_name"] not in (None, description["class_name"]):
        description["class_name"] = description["registered_name"]  # where Keras 2 had it
    with atomic_write(path) as file, h5py.File(file, "w") as root:
        root.attrs["keras_version"], root.attrs["backend"] = KERAS_VERSION, "corten"
        root.attrs["model_config"] = write_json(description, model.name)
        group = root.create_group("model_weights")
        group.attrs["keras_version"], group.attrs["backend"] = KERAS_VERSION, "corten"
        layers = model.layers
        _put_texts(group, "layer_names", [layer.name for layer in layers])
        for layer in layers:
            _put_weights(group.create_group(layer.name), _in_order(layer))
        _put_weights(group.create_group("top_level_model_weights"), _own_weights(model))
        if settings is not None:
            root.attrs["training_config"] = write_json(_in_keras_2_form(settings), model.name)
        if model.optimizer is not None:
            _put_weights(root.create_group("optimizer_weights"), model.optimizer.saved_variables)
    others = sorted(place for place, optimizer in optimizers_by_path(model).items() if optimizer is not model.optimizer)
    if others:
        warn(f"save_model: {path}: HDF5 of Keras 2 keeps no state of {', '.join(others)}; .keras and .safetensors do")


def _in_keras_2_form(settings: dict[str, Any]) -> dict[str, Any]:
    """Compile settings as Keras reads them in HDF5: the optimizer apart, losses by their whole names."""
    if "optimizer" not in settings:
        return settings
    optimizer = settings["optimizer"]
    if isinstance(optimizer, str):
        optimizer = {"class_name": optimizer, "config": {}}
    defaults = dict.fromkeys(("loss", "metrics", "weighted_metrics", "loss_weights"))
    written = {**defaults, **settings, "loss": _whole_names(settings.get("loss")), "optimizer_config": optimizer}
    del written["optimizer"]
    return written


def _out_of_keras_2_form(settings: Any) -> dict[str, Any]:
    others = {name: value for name, value in settings.items() if name != "optimizer_config"}
    return {**others, "optimizer": settings["optimizer_config"]} if "optimizer_config" in settings else others


def _whole_names(loss: Any) -> Any:
    """``"mean_squared_error"`` for ``"mse"``, in lists and dicts too."""
    if isinstance(loss, dict):
        return loss if is_serialized(loss) else {key: _whole_names(item) for key, item in loss.items()}
    if isinstance(loss, list):
        return [_whole_names(item) for item in loss]
    return whole_name(loss) if isinstance(loss, str) else loss


def _put_weights(group: Any, variables: Sequence[Variable]) -> None:
    names: list[str] = []
    for variable, array in zip(variables, values(variables), strict=True):
        count, name = 1, variable.path
        while name in names:
            name, count = f"{variable.path}_{count}", count + 1
        names.append(name)
        group.create_dataset(name, data=array)
    _put_texts(group, "weight_names", names)


def _put_texts(group: Any, name: str, texts: Sequence[str]) -> None:
    """A list as an attribute or, where it is too long for one, as ``name0``, ``name1``, ..."""
    encoded = [text.encode() for text in texts]
    pieces = 1
    while encoded and any(_size(piece) > _LARGEST_ATTRIBUTE for piece in np.array_split(encoded, pieces)):
        pieces += 1
    if pieces == 1:
        group.attrs[name] = encoded
        return
    for index, piece in enumerate(np.array_split(encoded, pieces)):
        group.attrs[f"{name}{index}"] = piece


def _size(piece: Any) -> int:
    return int(piece.nbytes)


def _custom(custom_objects: Mapping[str, Any] | None) -> set[str]:
    """The names of classes and functions that the program registered or passed."""
    known = {**get_custom_objects(), **custom_objects_in_scope(), **(custom_objects or {})}
    return {*known, *(getattr(thing, "__name__", name) for name, thing in known.items())}


def _in_order(layer: Any) -> list[Variable]:
    """The weights, those that are trained first; in a frozen layer none is."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _leaves(model: Any, nested: bool = True, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The layers by name; those of a model inside, or inside its TimeDistributed, by path."""
    for layer in model.layers:
        inner = getattr(layer, "layer", layer)
        if nested and hasattr(inner, "layers"):
            yield from _leaves(inner, nested, f"{prefix}{layer.name}/")
        else:
            yield f"{prefix}{layer.name}", layer


def _trained(model: Any) -> list[tuple[str, list[tuple[int, ...]]]]:
    """The layers with what is trained in them, as shapes."""
    trained = [(path, [v.shape for v in layer.trainable_variables]) for path, layer in _leaves(model)]
    return [(path, shapes) for path, shapes in trained if shapes]


def _assign_own(model: Any, weights: Group) -> None:
    """Reads the weights that the model has beside its layers."""
    group = weights.groups.get("top_level_model_weights")
    names = [] if group is None else read_text_list(group, "weight_names") or []
    own = _own_weights(model)
    if len(names) != len(own):
        raise CorruptFileError(f"{weights.where()}: expected {len(own)} weights of the model itself, got {len(names)}")
    if group is not None:
        arrays = [read_dataset(group, name) for name in names]
        _assign(list(zip(own, arrays, names, strict=True)), weights.where())


def _own_weights(model: Any) -> list[Variable]:
    inside = {id(weight) for layer in model.layers for weight in layer.weights}
    return [weight for weight in _in_order(model) if id(weight) not in inside]


def _assign_by_name(model: Any, stored: Sequence[tuple[str, Sequence[Array]]], where: str, nested: bool) -> None:
    layers = {path: _in_order(layer) for path, layer in _leaves(model, nested) if layer.weights}
    arrays = {name: weights for name, weights in stored if weights}
    if arrays.keys() != layers.keys() and len(arrays) == len(layers):
        # Layers without names of their own are numbered by the program: as Keras, by their order.
        arrays = dict(zip(layers, arrays.values(), strict=True))
    for name in (*arrays, *layers):
        wanted, got = len(layers.get(name, ())), len(arrays.get(name, ()))
        if wanted != got:
            raise CorruptFileError(f"{where}: layer {name!r}: expected {wanted} weights, got {got}")
    triples = [
        (variable, array, name)
        for name, variables in layers.items()
        for variable, array in zip(variables, arrays[name], strict=True)
    ]
    _assign(triples, where)


def _assign(triples: Sequence[tuple[Variable, Array, str]], where: str) -> None:
    for variable, array, name in triples:
        if variable.shape != array.shape:
            raise CorruptFileError(
                f"{where}: {name}: {variable.name!r}: expected shape {variable.shape}, got {array.shape}"
            )
    assign([variable for variable, _, _ in triples], [array for _, array, _ in triples])


def _restore(model: Any, arrays: Sequence[Array] | None, reason: str, where: str) -> None:
    if arrays is None:
        warn(f"load_model: {where}: the optimizer's state is left out: {reason}; training begins with a new state")
    else:
        restore(model, model.optimizer, InMemory(arrays), where)
