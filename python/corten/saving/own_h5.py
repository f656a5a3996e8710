"""Whole models in HDF5 as Corten writes them: laid out so that Keras 3 reads them, in Keras 3's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from corten.errors import CorruptFileError
from corten.graph import Array, Variable, assign, values
from corten.saving.atomic import atomic_write
from corten.saving.closed_json import write_json
from corten.saving.hdf5_closed import Group, read_dataset, read_text_attribute, read_text_list
from corten.saving.keras2_training import whole_name
from corten.saving.made import KERAS_VERSION, made
from corten.saving.state import optimizers_by_path, restore
from corten.saving.stored import InMemory
from corten.saving.weights_h5 import create_hdf5, import_h5py
from corten.serialization import is_serialized, serialize_keras_object

__all__ = ["assign_arrays", "in_order", "is_own", "load_own", "load_own_weights", "save_h5"]

_BACKEND = "corten"
_WEIGHTS, _OPTIMIZER = "model_weights", "optimizer_weights"
#: What Keras has no place for: random states, and optimizers beside the one that the model was compiled with.
_COUNTERS, _OPTIMIZERS = "corten_counters", "corten_optimizers"
# Attributes of more bytes than these are cut into several.
_LARGEST_ATTRIBUTE = 64_000


def save_h5(model: Any, path: Path) -> None:
    """Writes a whole-model HDF5 file that Keras 3 and Corten read."""
    import_h5py("an HDF5 file")
    description = serialize_keras_object(model)
    settings = description.pop("compile_config", None)
    if description["registered_name"] not in (None, description["class_name"]):
        description["class_name"] = description["registered_name"]  # where Keras 2 had it
    with atomic_write(path) as file, create_hdf5(file) as root:
        root.attrs["keras_version"], root.attrs["backend"] = KERAS_VERSION, _BACKEND
        root.attrs["model_config"] = write_json(description, model.name)
        group = root.create_group(_WEIGHTS)
        group.attrs["keras_version"], group.attrs["backend"] = KERAS_VERSION, _BACKEND
        _put_texts(group, "layer_names", [layer.name for layer in model.layers])
        for name, variables in _parts(model):
            _put_weights(group.create_group(name), variables)
        if settings is not None:
            root.attrs["training_config"] = write_json(_in_keras_2_form(settings), model.name)
        _put_weights(root.create_group(_COUNTERS), _counters(model))
        for place, optimizer in optimizers_by_path(model).items():
            _put_weights(root.create_group(_place_of(model, place)), optimizer.saved_variables)


def is_own(root: Group) -> bool:
    """Whether Corten wrote the file."""
    return read_text_attribute(root, "backend") == _BACKEND


def load_own(
    root: Group, config: Any, settings: dict[str, Any] | None, custom_objects: Mapping[str, Any] | None
) -> Any:
    """The model of a file that :func:`save_h5` wrote.

    Args:
        config: what the file says of the model.
        settings: what it says of its training, where that is wanted.
    """
    where = root.file
    if settings is not None:
        if not isinstance(config, dict) or not isinstance(settings, dict):
            raise CorruptFileError(f"{where}: expected descriptions of a model and its training")
        config = {**config, "compile_config": _out_of_keras_2_form(settings)}
    model = made(config, custom_objects, settings is not None, where)
    counters = _matched(root, _COUNTERS, _counters(model), False)
    assign_arrays([*_stored_weights(model, root, False), *counters], where)
    for place, optimizer in optimizers_by_path(model).items() if settings is not None else ():
        if root.find(_place_of(model, place)) is not None:
            restore(model, optimizer, InMemory(_arrays(root, _place_of(model, place))), where)
    return model


def load_own_weights(model: Any, root: Group, skip_mismatch: bool) -> None:
    """Reads the weights of a file that :func:`save_h5` wrote into a model of the same layers."""
    assign_arrays(_stored_weights(model, root, skip_mismatch), root.where())


def _stored_weights(model: Any, root: Group, skip_mismatch: bool) -> list[tuple[Variable, Array, str]]:
    """The weights, the array of each, and its place."""
    parts, names = _parts(model), read_text_list(_group(root, _WEIGHTS), "layer_names") or []
    if len(names) != len(parts) - 1 and not skip_mismatch:
        raise CorruptFileError(f"{root.where(_WEIGHTS)}: expected {len(parts) - 1} layers, got {len(names)}")
    # By their order: layers without names of their own are numbered by the program.
    *layers, (top, own) = parts
    found = _matched(root, f"{_WEIGHTS}/{top}", own, skip_mismatch)
    for (_, variables), name in zip(layers, names):
        found += _matched(root, f"{_WEIGHTS}/{name}", variables, skip_mismatch)
    return found


def _matched(
    root: Group, place: str, variables: Sequence[Variable], skip_mismatch: bool
) -> list[tuple[Variable, Array, str]]:
    arrays = _arrays(root, place)
    if len(arrays) != len(variables):
        if skip_mismatch:
            return []
        raise CorruptFileError(f"{root.where(place)}: expected {len(variables)} arrays, got {len(arrays)}")
    found = list(zip(variables, arrays, [place] * len(arrays), strict=True))
    return [triple for triple in found if triple[0].shape == triple[1].shape] if skip_mismatch else found


def _parts(model: Any) -> list[tuple[str, list[Variable]]]:
    """The weights of each layer, by its name, and at last those of no layer."""
    inside = {id(weight) for layer in model.layers for weight in layer.weights}
    own = [weight for weight in in_order(model) if id(weight) not in inside]
    return [*((layer.name, in_order(layer)) for layer in model.layers), ("top_level_model_weights", own)]


def _counters(model: Any) -> list[Variable]:
    weights = {id(weight) for weight in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def _place_of(model: Any, optimizer: str) -> str:
    return _OPTIMIZER if optimizer == "optimizer" and model.optimizer is not None else f"{_OPTIMIZERS}/{optimizer}"


def _group(root: Group, place: str) -> Group:
    group = root.find(place)
    if group is None:
        raise CorruptFileError(f"{root.where(place)}: expected a group, got none")
    return group


def _arrays(root: Group, place: str) -> list[Array]:
    group = _group(root, place)
    return [read_dataset(group, name) for name in read_text_list(group, "weight_names") or []]


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


def in_order(layer: Any) -> list[Variable]:
    """The weights, those that are trained first; in a frozen layer none is."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def assign_arrays(triples: Sequence[tuple[Variable, Array, str]], where: str) -> None:
    """Gives variables the arrays, all or none; the third of each is for the message."""
    for variable, array, name in triples:
        if variable.shape != array.shape:
            raise CorruptFileError(
                f"{where}: {name}: {variable.name!r}: expected shape {variable.shape}, got {array.shape}"
            )
    assign([variable for variable, _, _ in triples], [array for _, array, _ in triples])
