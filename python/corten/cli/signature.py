"""The inputs and outputs of a model: their names, shapes and dtypes, and arrays put into the places of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from corten.graph import Array, SymbolicTensor, flatten, map_nested

__all__ = ["Declared", "arranged", "inputs_of", "named_outputs", "outputs_of", "symbols_of"]


@dataclass(frozen=True)
class Declared:
    """An input or output: None, or a name, stands for a size that is open; the first one is the batch."""

    name: str
    shape: tuple[int | str | None, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.name!r} {self.shape} {self.dtype}"


def _structure(model: Any) -> Any:
    """The symbolic inputs as the model takes them: one, or several in a list or dict."""
    symbols = list(model.inputs)
    try:
        structure = model.input
    except AttributeError:
        structure = None
    # What else is called input is that of one call of the model as a layer.
    same = {id(leaf) for leaf in flatten(structure)} == {id(symbol) for symbol in symbols}
    return structure if same else symbols[0] if len(symbols) == 1 else symbols


def inputs_of(model: Any) -> list[Declared]:
    """The inputs in their order; none where nobody knows them, as of a subclass that is called on several."""
    if model.inputs:
        structure = _structure(model)
        keys = {id(leaf): str(key) for key, leaf in structure.items()} if isinstance(structure, Mapping) else {}
        return [Declared(keys.get(id(s), s.name), tuple(s.shape), s.dtype) for s in flatten(structure)]
    built = model.get_build_config() or {}
    shape, dtype = built.get("input_shape"), built.get("input_dtype", model.input_dtype)
    if isinstance(shape, list | tuple) and all(size is None or isinstance(size, int) for size in shape):
        return [Declared("input", tuple(shape), str(dtype))]
    return []


def symbols_of(model: Any) -> Any:
    """The inputs as symbolic tensors, nested as the model takes them; None where nobody knows them."""
    if model.inputs:
        return _structure(model)
    return [SymbolicTensor(_sizes(item), item.dtype) for item in inputs_of(model)] or None


def _sizes(item: Declared) -> list[int | None]:
    return [size if isinstance(size, int) else None for size in item.shape]


def arranged(model: Any, arrays: list[Array]) -> Any:
    """The arrays, in the order of the inputs, as ``predict`` takes them."""
    if not model.inputs:
        return arrays[0] if len(arrays) == 1 else arrays
    remaining = iter(arrays)

    def following(_: SymbolicTensor) -> Array:
        return next(remaining)

    return map_nested(following, _structure(model))


def outputs_of(model: Any) -> list[Declared]:
    """The outputs in their order, as far as they are known."""
    try:
        symbols = [leaf for leaf in flatten(model.output) if isinstance(leaf, SymbolicTensor)]
    except (AttributeError, ValueError):
        return []
    names = _names(model, len(symbols))
    return [Declared(name, tuple(s.shape), s.dtype) for name, s in zip(names, symbols, strict=True)]


def named_outputs(model: Any, result: Any) -> dict[str, Array]:
    """What ``predict`` gave, by the names of the outputs."""
    if isinstance(result, Mapping) and all(hasattr(value, "shape") for value in result.values()):
        return {str(name): value for name, value in result.items()}
    arrays = flatten(result)
    return dict(zip(_names(model, len(arrays)), arrays, strict=True))


def _names(model: Any, count: int) -> list[str]:
    """A name for each of so many outputs: those of the model where they are known and differ."""
    try:
        names = [str(name) for name in model.output_names]
    except (AttributeError, IndexError):
        names = []
    if len(names) == count and len(set(names)) == count:
        return names
    return ["output"] if count == 1 else [f"output_{index}" for index in range(count)]
