"""Weights of other programs into a model: which tensors of a safetensors file belong to which variable, and how."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from corten.arguments import shown
from corten.errors import ArgumentTypeError, CorruptFileError, warn
from corten.graph import Variable, assign
from corten.layers.bidirectional import Bidirectional
from corten.layers.layer import Layer
from corten.layers.naming import snake_case
from corten.layers.recurrent_cell import RecurrentCell
from corten.layers.recurrent_layer import RecurrentLayer
from corten.layers.rnn import RNN
from corten.layers.time_distributed import TimeDistributed
from corten.saving.flattening import orders_of
from corten.saving.safetensors import StoredTensors, read_header
from corten.saving.state import Place, named_variables, places_of
from corten.saving.torch_layouts import ENDS, Layout, as_stored, chosen, layouts_of

__all__ = ["Names", "load_foreign"]

#: What stands for a variable or a layer: a tensor's or a module's name, several of them, or None: it stays as it is.
Name: TypeAlias = "str | Sequence[str] | None"
Names: TypeAlias = "Mapping[str, Name] | Callable[[str], Name]"
Header: TypeAlias = "dict[str, tuple[tuple[int, ...], np.dtype[Any]]]"


@dataclass(frozen=True)
class _Slot:
    """A variable to be filled, and how its array may be stored."""

    place: str
    path: str
    variable: Variable
    layer: Layer
    ways: Sequence[Layout]
    #: Why there is none.
    refusal: ValueError | None = None

    def expect_layout(self) -> None:
        """Raises where PyTorch has nothing that computes as the layer does."""
        if self.refusal is not None:
            raise self.refusal


@dataclass(frozen=True)
class _Source:
    """The tensors that a variable is made of."""

    slot: _Slot
    names: tuple[str, ...]
    layout: Layout


def load_foreign(model: Any, path: Path, names: Names, layout: str, skip_mismatch: bool) -> None:
    """Reads a safetensors file by names: see :meth:`corten.Model.load_weights`."""
    if layout not in ("pytorch", "keras"):
        raise ValueError(f"load_weights: layout: expected 'pytorch' or 'keras', got {shown(layout)}")
    stored = read_header(path)
    slots = _slots(model, layout)
    if isinstance(names, Mapping):
        wanted = _by_mapping(model, slots, names, stored, layout, path)
    elif callable(names):
        wanted = {slot.place: _as_names(names(slot.place), slot.place) for slot in slots}
    else:
        raise ArgumentTypeError(f"load_weights: names: expected a dict or a function, got {shown(names)}")
    uncovered = [slot.place for slot in slots if slot.place not in wanted]
    if uncovered and not skip_mismatch:
        raise ValueError(
            f"load_weights: names: nothing is said of {_listed(uncovered)}; name their tensors, or None to leave them"
        )
    sources = []
    for slot in slots:
        tensors = wanted.get(slot.place)
        if tensors is not None:
            source, problem = _source(slot, tensors, stored, layout)
            if source is not None:
                sources.append(source)
            elif not skip_mismatch:
                raise CorruptFileError(f"{path}: {problem}")
    used = {name for source in sources for name in source.names}
    arrays = dict(zip(used, StoredTensors(path, used).arrays(), strict=True))
    values = [_value(source, arrays, path) for source in sources]
    assign([source.slot.variable for source in sources], values)
    unused = [name for name in stored if name not in used and not name.endswith("num_batches_tracked")]
    if unused and not skip_mismatch:
        warn(f"load_weights: {path}: {len(unused)} tensors of the file are not used: {_listed(unused)}")


def _slots(model: Layer, layout: str) -> list[_Slot]:
    """The float variables in the order of their places."""
    orders = orders_of(model) if layout == "pytorch" else {}
    ways: dict[int, Sequence[Layout]] = {}
    refusals: dict[int, ValueError] = {}
    owners: dict[int, Place] = {}
    for place in places_of(model):
        own = [id(variable) for variable in place.layer._own()]
        owners.update((variable, place) for variable in own if variable not in owners)
        try:
            for variable, layouts in layouts_of(place.layer, orders) if layout == "pytorch" else ():
                ways.setdefault(id(variable), layouts)
        except ValueError as error:
            refusals |= dict.fromkeys(own, error)
    slots = []
    for name, variable in named_variables(model).items():
        if variable.dtype == "float32":
            owner = owners[id(variable)]
            path = f"{owner.path}/{variable.name}" if owner.path else variable.name
            found = ways.get(id(variable), [as_stored(variable.name, variable.shape)])
            slots.append(_Slot(name, path, variable, owner.layer, found, refusals.get(id(variable))))
    return slots


# --- names -----------------------------------------------------------------------------------------------------------


def _as_names(value: Any, key: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    listed = (value,) if isinstance(value, str) else value
    if not isinstance(listed, (tuple, list)) or not listed or not all(isinstance(name, str) for name in listed):
        raise ArgumentTypeError(
            f"load_weights: names: {key!r}: expected a tensor's name, a tuple of names, or None, got {shown(value)}"
        )
    return tuple(listed)


def _by_mapping(
    model: Layer, slots: list[_Slot], names: Mapping[str, Name], stored: Header, layout: str, path: Path
) -> dict[str, tuple[str, ...] | None]:
    """The tensors' names by the places of variables; those that a key names itself before those of a whole layer."""
    variables: dict[str, _Slot] = {slot.place: slot for slot in slots}
    by_path = {slot.path: slot for slot in slots}
    layers = {place.place: place for place in places_of(model) if place.place}
    layers_by_path = {place.path: place for place in places_of(model) if place.place}
    own: dict[str, tuple[str, ...] | None] = {}
    of_layers: dict[str, tuple[str, ...] | None] = {}
    for key, value in names.items():
        tensors = _as_names(value, key)
        slot, place = variables.get(key), layers.get(key)
        named = by_path.get(key) or layers_by_path.get(key)
        here = slot or place
        if here is not None and named is not None and named.layer is not here.layer and not _is_automatic(named.layer):
            raise ValueError(
                f"load_weights: names: {key!r} is the place of one layer and the name of another; "
                "give the layers names that are no places"
            )
        here = here or named
        if here is None:
            near = difflib.get_close_matches(str(key), [*layers, *layers_by_path, *variables], n=3, cutoff=0.5)
            raise ValueError(
                f"load_weights: names: the model has no layer or variable {key!r}"
                + (f"; did you mean {_listed(near)}?" if near else f"; expected one of {_listed(list(layers))}")
            )
        if isinstance(here, _Slot):
            own[here.place] = tensors
        else:
            of_layers |= _of_layer(here, slots, tensors, stored, layout, path)
    return {**of_layers, **own}


def _is_automatic(layer: Layer) -> bool:
    base = snake_case(type(layer).__name__)
    rest = layer.name.removeprefix(base)
    return layer.name.startswith(base) and (not rest or (rest[0] == "_" and rest[1:].isdecimal()))


def _of_layer(
    here: Place, slots: list[_Slot], modules: tuple[str, ...] | None, stored: Header, layout: str, path: Path
) -> dict[str, tuple[str, ...] | None]:
    """The tensors of all variables in a layer, by the names of PyTorch's modules."""
    inner = {id(variable) for variable in here.layer.variables}
    if modules is None:
        return {slot.place: None for slot in slots if id(slot.variable) in inner}
    found: dict[str, tuple[str, ...] | None] = {}
    by_variable = {id(slot.variable): slot for slot in slots}
    for part, patterns in _parts(here.layer, modules, here.place, layout):
        for slot in (by_variable[id(v)] for v in part.variables if id(v) in by_variable):
            slot.expect_layout()
            options = [
                tuple(_module(patterns, way, slot.place).replace("*", end) for end in way.ends) for way in slot.ways
            ]
            there = (option for option in options if all(name in stored for name in option))
            found[slot.place] = next(there, options[0])
        taken = {name for tensors in found.values() for name in tensors or ()}
        ends = ENDS if layout == "pytorch" else ()
        for name in (pattern.replace("*", end) for pattern in patterns for end in ends):
            if name in stored and name not in taken:
                raise CorruptFileError(
                    f"{path}: {name!r}: {here.place!r} ({type(part).__name__}) has no variable for this tensor; "
                    "is the layer made as PyTorch's module is?"
                )
    if missing := [s.place for s in slots if id(s.variable) in inner and s.place not in found]:
        raise ValueError(
            f"load_weights: names: {here.place!r} ({type(here.layer).__name__}) is made of several layers; "
            f"name the tensors of {_listed(missing)}, or their layers, one by one"
        )
    return found


def _parts(layer: Layer, modules: tuple[str, ...], place: str, layout: str) -> Iterator[tuple[Layer, tuple[str, ...]]]:
    """What in a layer PyTorch has modules for, with patterns of tensors' names: ``*`` is for what these end in."""
    if isinstance(layer, TimeDistributed):
        yield from _parts(layer.layer, modules, place, layout)
    elif isinstance(layer, Bidirectional) and layout == "pytorch":
        forward = tuple(name if "*" in name else f"{name}.*_l0" for name in modules)
        yield from _parts(layer.forward_layer, forward, place, layout)
        yield from _parts(layer.backward_layer, tuple(f"{name}_reverse" for name in forward), place, layout)
    elif isinstance(layer, RNN) and isinstance(layer.cell, RecurrentCell):
        end = ".*_l0" if isinstance(layer, RecurrentLayer) and layout == "pytorch" else None
        yield layer.cell, _patterns(modules, end, layout)
    elif not list(layer._children()) or list(layouts_of(layer, {})):
        yield layer, _patterns(modules, None, layout)


def _patterns(modules: tuple[str, ...], end: str | None, layout: str) -> tuple[str, ...]:
    end = end or (".*" if layout == "pytorch" else "/*")
    return tuple(name if "*" in name else name + end for name in modules)


def _module(patterns: tuple[str, ...], way: Layout, place: str) -> str:
    if way.module >= len(patterns):
        raise ValueError(
            f"load_weights: names: {place!r}: expected the names of {way.module + 1} modules, got {_listed(patterns)}"
        )
    return patterns[way.module]


# --- tensors ---------------------------------------------------------------------------------------------------------


def _source(slot: _Slot, names: tuple[str, ...], stored: Header, layout: str) -> tuple[_Source | None, str]:
    """The tensors of a variable, all looked at, or None and what is wrong."""
    slot.expect_layout()
    way = chosen(slot.ways, names)
    if way is None:
        counts = " or ".join(sorted({str(len(one.ends)) for one in slot.ways}))
        return None, f"{slot.place!r}: made of {counts} tensors, got the names of {len(names)}: {_listed(names)}"
    for name, shape in zip(names, way.shapes, strict=True):
        if name not in stored:
            near = difflib.get_close_matches(name, stored, n=3, cutoff=0.6)
            said = f"; did you mean {_listed(near)}?" if near else f"; the file has {_listed(list(stored))}"
            return None, f"{slot.place!r}: no tensor {name!r} in the file{said}"
        got, dtype = stored[name]
        if dtype.kind != "f":
            return None, f"{name!r}, for {slot.place!r}: expected float16, bfloat16, float32 or float64, got {dtype}"
        if got != shape:
            said = ""
            if layout == "pytorch" and got == slot.variable.shape and len(names) == 1:
                said = "; arrays that are laid out as Corten's are read with layout='keras'"
            return None, (
                f"{name!r}, for {slot.place!r} of shape {slot.variable.shape}: expected shape {shape}"
                f"{' in PyTorch' if layout == 'pytorch' else ''}, got {got}{said}"
            )
    return _Source(slot, names, way), ""


def _value(source: _Source, arrays: Mapping[str, Any], path: Path) -> Any:
    """The array of a variable."""
    with np.errstate(over="ignore"):
        tensors = [arrays[name].astype(np.float32, copy=False) for name in source.names]
    for name, tensor in zip(source.names, tensors, strict=True):
        if arrays[name].dtype == np.float64 and np.isinf(tensor).any() and not np.isinf(arrays[name]).any():
            raise CorruptFileError(f"{path}: {name!r}: numbers beyond float32")
    return np.ascontiguousarray(source.layout.turn(*tensors))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
