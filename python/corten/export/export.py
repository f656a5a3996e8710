"""A model's inference written to a file that other programs run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from corten.errors import ArgumentTypeError
from corten.export.model_proto import OPSETS, onnx_package, serialized
from corten.export.trace import trace
from corten.graph import Nested, SymbolicTensor, flatten
from corten.saving.atomic import atomic_write

__all__ = ["export_onnx"]


def export_onnx(
    model: Any,
    filepath: str | os.PathLike[str],
    input_signature: Any = None,
    opset_version: int | None = None,
    fold_batch_norm: bool = False,
) -> None:
    """Writes what ``model(x, training=False)`` computes as an ONNX file.

    Args:
        model: built; its inputs are known, or ``input_signature`` says them.
        filepath: the file.
        input_signature: for each input its shape (None where a size is open) and type, as :class:`corten.Input`, nested
            as the model's argument.
        opset_version: of ONNX's operators; 17 unless given.
        fold_batch_norm: whether batch normalisations become part of the convolution or dense layer before.

    Raises:
        ImportError: the package onnx is missing.
        ValueError: an op cannot be exported; the message names it and its layer.
    """
    newest = min(OPSETS[-1], onnx_package().defs.onnx_opset_version())
    opset = 17 if opset_version is None else opset_version
    if opset not in range(OPSETS[0], newest + 1):
        raise ValueError(
            f"export: opset_version: expected {OPSETS[0]} to {newest} (the package onnx knows no newer than its own), "
            f"got {opset_version!r}"
        )
    structure, symbols = _signature(model, input_signature)
    names = _distinct(_input_names(model, symbols), set())
    traced = trace(_inference(model), structure, symbols, names)
    outputs = _distinct(_output_names(model, traced.outputs), set(names))
    file_content = serialized(traced, model.name, names, outputs, opset, bool(fold_batch_norm))
    with atomic_write(filepath) as file:
        file.write(file_content)


def _inference(model: Any) -> Callable[[Any], Any]:
    def inference(inputs: Any) -> Any:
        return model(inputs, training=False)

    return inference


def _signature(model: Any, given: Any) -> tuple[Nested, list[SymbolicTensor]]:
    """The nested argument of the model with numbers as leaves, and what each is."""
    if given is None:
        given = getattr(model, "input", None) if getattr(model, "inputs", None) else None
    elif isinstance(given, (list, tuple)) and len(given) == 1 and not _is_shape(given):
        given = given[0]
    if given is None:
        raise ValueError(
            f"export: the inputs of {model.name!r} are not known; say what they are: "
            "input_signature=[corten.Input((28, 28, 1))]"
        )
    symbols: list[SymbolicTensor] = []

    def leaf(value: Any) -> int:
        symbols.append(_symbol(value))
        return len(symbols) - 1

    return _map_signature(leaf, given), symbols


def _map_signature(leaf: Callable[[Any], int], value: Any) -> Nested:
    """``leaf`` of every input in a signature, in which a shape is an input."""
    if _is_shape(value):
        return leaf(value)
    if isinstance(value, dict):
        return {key: _map_signature(leaf, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map_signature(leaf, item) for item in value]
    return leaf(value)


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and all(size is None or hasattr(size, "__index__") for size in value)
    )


def _symbol(value: Any) -> SymbolicTensor:
    """An input as a symbolic tensor: one, a shape with the batch, or anything with ``shape`` and ``dtype``."""
    if isinstance(value, SymbolicTensor):
        return value
    if _is_shape(value):
        return SymbolicTensor([None if size is None else int(size) for size in value])
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None:
        raise ArgumentTypeError(
            f"export: input_signature: expected corten.Input(...) or a shape for each input, got {value!r}"
        )
    dtype = getattr(dtype, "name", dtype)
    return SymbolicTensor(tuple(shape), dtype or "float32", getattr(value, "name", None))


def _input_names(model: Any, symbols: Sequence[SymbolicTensor]) -> list[str]:
    """The names of the model's own inputs, or of those in the signature."""
    own = [symbol.name for symbol in getattr(model, "inputs", None) or []]
    names = own if len(own) == len(symbols) else [symbol.name for symbol in symbols]
    return [name or f"input_{place}" for place, name in enumerate(names)]


def _output_names(model: Any, outputs: Nested) -> list[str]:
    """The names of a dict's keys, of the layers behind a functional model's outputs, or numbers."""
    leaves = flatten(outputs)
    if isinstance(outputs, dict) and len(outputs) == len(leaves):
        return [str(key) for key in outputs]
    names = getattr(model, "output_names", None)
    if names is not None and len(names) == len(leaves):
        return [str(name) for name in names]
    return [f"output_{place}" for place in range(len(leaves))]


def _distinct(names: Sequence[str], taken: set[str]) -> list[str]:
    """The names, numbered where one comes again."""
    found: list[str] = []
    for name in names:
        count, given = 0, name
        while given in taken:
            count += 1
            given = f"{name}_{count}"
        taken.add(given)
        found.append(given)
    return found
