"""Whole models in HDF5, as Keras 2 laid them out and Keras 3 still does, and in archives of tf-keras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from corten.errors import CorruptFileError, warn
from corten.graph import Array, Variable
from corten.saving.closed_json import read_json
from corten.saving.hdf5_closed import Group, open_hdf5, read_text_attribute
from corten.saving.hdf5_legacy import layer_paths, read_archive, read_weights
from corten.saving.hdf5_optimizer import order_optimizer, read_optimizer
from corten.saving.keras2 import translate
from corten.saving.keras2_training import translate_training
from corten.saving.keras_archive import WEIGHTS, KerasArchive
from corten.saving.made import made
from corten.saving.own_h5 import assign_arrays, in_order, is_own, load_own, load_own_weights
from corten.saving.state import restore, variables_by_path
from corten.saving.stored import InMemory
from corten.serialization import get_custom_objects, serialize_keras_object
from corten.serialization.registry import custom_objects_in_scope

__all__ = ["load_legacy", "load_legacy_weights", "load_tf_keras"]


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
        config = read_json(text, f"{path}: model_config")
        training = read_text_attribute(root, "training_config") if compile else None
        settings = None if training is None else read_json(training, f"{path}: training_config")
        if is_own(root):
            return load_own(root, config, settings, custom_objects)
        description = translate(config, version, custom)
        if settings is not None:
            description["compile_config"] = translate_training(settings, version, custom)
        model = made(description, custom_objects, compile, str(path))
        weights = root.groups.get("model_weights")
        if weights is None:
            raise CorruptFileError(f"{path}: expected a group model_weights, got none")
        stored = read_weights(weights, config)
        _assign_by_name(model, stored, str(path))
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
        assign_arrays([(variable, arrays[name], name) for name, variable in variables.items()], archive.name)
        if compile and model.compiled and model.optimizer is not None and state:
            layers = _trained(model)
            optimizer = serialize_keras_object(model.optimizer)
            ordered, reason = order_optimizer(state, optimizer, layers, list(folders))
            _restore(model, ordered, reason, archive.name)
    return model


def load_legacy_weights(model: Any, root: Group, skip_mismatch: bool) -> None:
    """Reads weights into the layers that have any, in their order."""
    if is_own(root):
        load_own_weights(model, root, skip_mismatch)
        return
    group = root.groups.get("model_weights", root)
    text = read_text_attribute(root, "model_config")
    config = None if text is None else read_json(text, root.where("model_config"))
    stored = [(name, arrays) for name, arrays in read_weights(group, config) if arrays]
    layers = [(path, in_order(layer)) for path, layer in _leaves(model, nested=config is not None) if layer.weights]
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
    assign_arrays(triples, root.where())


def _custom(custom_objects: Mapping[str, Any] | None) -> set[str]:
    """The names of classes and functions that the program registered or passed."""
    known = {**get_custom_objects(), **custom_objects_in_scope(), **(custom_objects or {})}
    return {*known, *(getattr(thing, "__name__", name) for name, thing in known.items())}


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


def _assign_by_name(model: Any, stored: Sequence[tuple[str, Sequence[Array]]], where: str) -> None:
    layers = {path: in_order(layer) for path, layer in _leaves(model) if layer.weights}
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
    assign_arrays(triples, where)


def _restore(model: Any, arrays: Sequence[Array] | None, reason: str, where: str) -> None:
    if arrays is None:
        warn(f"load_model: {where}: the optimizer's state is left out: {reason}; training begins with a new state")
    else:
        restore(model, model.optimizer, InMemory(arrays), where)
