"""The state of an optimizer in files of Keras 1, Keras 2 and tf-keras, as the variables of Keras 3's optimizer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .hdf5_closed import Group, read_dataset, read_text_attribute, read_text_list

__all__ = ["order_optimizer", "read_optimizer"]

Arrays = list[NDArray[Any]]
Shape = tuple[int, ...]
Layers = Sequence[tuple[str, Sequence[Shape]]]
Result = tuple[Arrays | None, str]

# Keras 3's slots; those in one list alternate, variable by variable. By the names that tf-keras's two kinds of
# optimizers have for them, and in the order in which Keras 2 has them without names.
_SLOTS: dict[str, list[list[str]]] = {
    "Adadelta": [["accumulated_grad", "accumulated_delta_var"]],
    "Adagrad": [["accumulator"]],
    "Adam": [["m", "v"], ["vhat"]],
    "AdamW": [["m", "v"], ["vhat"]],
    "Adamax": [["m", "u"]],
    "RMSprop": [["velocity"], ["momentum"], ["average_gradient"]],
    "SGD": [["m"]],
}
_SYNONYMS = {
    "accum_grad": "accumulated_grad",
    "accum_var": "accumulated_delta_var",
    "rms": "velocity",
    "mg": "average_gradient",
}


def read_optimizer(root: Group, optimizer: dict[str, Any], layers: Layers, order: Sequence[str]) -> Result:
    """The optimizer's variables from ``optimizer_weights`` of a whole-model file, in Keras 3's order, or None and why.

    They are iteration, learning_rate where it is a number, then the slots, alternating for each variable. ``optimizer``
    is its translated configuration. ``layers`` are the model's layers in its own order, by name or path as in
    ``read_weights``, with the shapes of their trainable variables; ``order`` has the names in the order of the file.
    """
    group = root.groups.get("optimizer_weights")
    if group is None:
        return None, "the file has no optimizer_weights"
    names = read_text_list(group, "weight_names") or []
    arrays = [read_dataset(group, name) for name in names]
    version = read_text_attribute(root, "keras_version") or "1"
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if numbers >= (3,):
        return arrays, ""
    in_file = _in_file(layers, order)
    if numbers < (2, 0, 6):  # until then the variables were sorted by their names
        variables = [_name_in_file(root, layer, index) for layer, index in in_file]
        if None in variables or len(set(variables)) != len(variables):
            return None, f"Keras {version} orders an optimizer's weights by names that are not in the file"
        in_file = [place for _, place in sorted(zip(map(str, variables), in_file, strict=True))]
    return _ordered(names, arrays, optimizer, layers, in_file)


def order_optimizer(arrays: Arrays, optimizer: dict[str, Any], layers: Layers, order: Sequence[str]) -> Result:
    """The arrays ``optimizer/vars/0``, ... of an archive of tf-keras in Keras 3's order, or None and why not.

    The other arguments are those of ``read_optimizer``; ``order`` is that of the layers in ``config.json``.
    """
    return _ordered([], arrays, optimizer, layers, _in_file(layers, order))


def _in_file(layers: Layers, order: Sequence[str]) -> list[tuple[str, int]]:
    """The trainable variables, each by its layer and its place there, in the order of the file's layers."""
    by_layer = dict(layers)
    return [(layer, index) for layer in order for index in range(len(by_layer.get(layer, ())))]


def _name_in_file(root: Group, layer: str, index: int) -> str | None:
    group = root.find(f"model_weights/{layer}")
    names = read_text_list(group, "weight_names") if group is not None else None
    return names[index] if names is not None and index < len(names) else None


def _ordered(
    names: Sequence[str],
    arrays: Arrays,
    optimizer: dict[str, Any],
    layers: Layers,
    in_file: list[tuple[str, int]],
) -> Result:
    """The state in Keras 3's order; an archive of tf-keras has no names, and the order is tf-keras's."""
    name, config = optimizer["class_name"], optimizer["config"]
    if name == "Nadam":
        return None, "no file of Keras 2 has the product of momenta from which Nadam goes on in Keras 3"
    if name not in _SLOTS:
        return None, f"the state of {name} is not known"
    if config.get("use_ema"):
        return None, "moving averages of weights are not read"
    in_model = [(layer, index) for layer, own in layers for index in range(len(own))]
    if missing := sorted(set(in_model) - set(in_file)):
        return None, f"the file has no weights of the layer {missing[0][0]!r}"
    # What the file has first may come later in the model.
    places = [in_file.index(variable) for variable in in_model]
    by_layer = dict(layers)
    shapes = [tuple(by_layer[layer][index]) for layer, index in in_file]
    used = [[slot for slot in together if _is_used(name, slot, config)] for together in _SLOTS[name]]
    used = [together for together in used if together]
    if not names:
        names = _names_of_archive(arrays, name, used, len(shapes))
    by_name = _by_name(names, arrays, name)
    slots = by_name if by_name is not None else _by_position(name, arrays, len(shapes), used)
    if slots is None:
        return None, f"expected the state of {name} for {len(shapes)} variables, got {len(arrays)} arrays"
    ordered: Arrays = []
    for together in used:
        for slot in together:
            got = [array.shape for array in slots.get(slot, [])]
            if got != shapes:
                return None, f"expected {slot} of the shapes of {len(shapes)} variables, got {len(got)} arrays"
        ordered += [slots[slot][place] for place in places for slot in together]
    steps = slots.get("iteration")
    rate = config.get("learning_rate", 0.001)
    if steps is None and isinstance(rate, dict):
        return None, "the file has no count of iterations, on which the learning rate depends"
    iteration = np.asarray(steps[0] if steps else 0).astype(np.int64).reshape(())
    first: Arrays = [iteration]
    if not isinstance(rate, dict):
        first.append(
            np.asarray(slots["learning_rate"][0] if "learning_rate" in slots else rate, np.float32).reshape(())
        )
    return first + ordered, ""


def _is_used(name: str, slot: str, config: dict[str, Any]) -> bool:
    if slot == "vhat":
        return bool(config.get("amsgrad"))
    if slot == "average_gradient":
        return bool(config.get("centered"))
    if slot == "momentum" or name == "SGD":
        return bool(config.get("momentum"))
    return True


def _names_of_archive(arrays: Arrays, name: str, used: list[list[str]], count: int) -> list[str]:
    """Names as tf-keras gives them in an HDF5 file: it makes slots in Keras 3's order; SGD's always."""
    used = [["m"]] if name == "SGD" else used
    names = ["iteration:0"]
    if len(arrays) == 2 + count * sum(map(len, used)) and arrays[1].ndim == 0:
        names.append("learning_rate:0")
    for together in used:
        names += [f"{name}/{slot}/{index}:0" for index in range(count) for slot in together]
    return names


def _by_name(names: Sequence[str], arrays: Arrays, optimizer: str) -> dict[str, Arrays] | None:
    """Arrays by slot, where every name tells it: ``Adam/m/dense/kernel:0``, or before ``Adam/dense/kernel/m:0``."""
    if len(names) != len(arrays):
        return None
    known = {slot for groups in _SLOTS.values() for together in groups for slot in together}
    slots: dict[str, Arrays] = {}
    for name, array in zip(names, arrays, strict=True):
        parts = re.sub(r":\d+$", "", name).split("/")
        last, second = parts[-1], parts[1] if len(parts) > 2 else ""
        if last in ("iter", "iteration", "iterations", "_iteration"):
            slot = "iteration"
        elif last in ("learning_rate", "_learning_rate") and array.ndim == 0:
            slot = "learning_rate"
        elif second in known and last not in known | _SYNONYMS.keys():
            slot = second
        else:
            slot = _SYNONYMS.get(last, last)
        if slot not in known | {"iteration", "learning_rate"}:
            return None
        # Adamax, and SGD, of TensorFlow 2.10 and before.
        if optimizer == "Adamax" and slot == "v":
            slot = "u"
        if optimizer == "SGD" and slot == "momentum":
            slot = "m"
        slots.setdefault(slot, []).append(array)
    return slots


def _by_position(name: str, arrays: Arrays, count: int, used: list[list[str]]) -> dict[str, Arrays] | None:
    """Keras 2 without TensorFlow's names: iterations, all of one slot, all of the next.

    Some have no iterations. Adam has placeholders where there is no amsgrad, SGD momenta where there is no momentum.
    """
    order = ["m"] if name == "SGD" else [slot for together in used for slot in together]
    lengths = {count * len(order)} | ({3 * count} if name == "Adam" else set())
    slots: dict[str, Arrays] = {}
    if len(arrays) - 1 in lengths and arrays[0].ndim == 0:
        slots["iteration"], arrays = arrays[:1], arrays[1:]
    if len(arrays) not in lengths:
        return None
    for index, slot in enumerate(order):
        slots[slot] = arrays[index * count : (index + 1) * count]
    return slots
