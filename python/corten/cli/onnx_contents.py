"""What an ONNX file says without a model being made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corten.cli.failure import blaming
from corten.cli.formats import onnx_part

__all__ = ["read_onnx"]

_DEEPEST = 100


def read_onnx(path: Path) -> dict[str, Any]:
    """Versions, producer, inputs, outputs and operators, as plain values.

    Raises:
        FileError: it is no ONNX file.
    """
    with blaming(path):
        model, _ = onnx_part(".file").read(path)
        weights = {tensor.name for tensor in model.graph.initializer}
        operators = Counter(_operators(model.graph, 0))
        return {
            "metadata": {
                "ir_version": int(model.ir_version),
                "opset": {_text(entry.domain) or "ai.onnx": int(entry.version) for entry in model.opset_import},
                "producer": " ".join(filter(None, map(_text, (model.producer_name, model.producer_version)))),
            },
            "inputs": [_declared(value) for value in model.graph.input if value.name not in weights],
            "outputs": [_declared(value) for value in model.graph.output],
            "operators": dict(sorted(operators.items(), key=lambda item: (-item[1], item[0]))),
            "functions": sorted({f"{_text(f.domain)}.{_text(f.name)}" for f in model.functions}),
        }


def _operators(graph: Any, depth: int) -> Iterator[str]:
    """The operator of every node, also of graphs within it."""
    for node in graph.node:
        domain, operator = _text(node.domain), _text(node.op_type)
        yield operator if domain in ("", "ai.onnx") else f"{domain}.{operator}"
        for attribute in node.attribute if depth < _DEEPEST else ():
            if attribute.HasField("g"):
                yield from _operators(attribute.g, depth + 1)
            for inner in attribute.graphs:
                yield from _operators(inner, depth + 1)


def _text(value: str | bytes) -> str:
    """A text of a message; bytes where it is not in UTF-8."""
    return value if isinstance(value, str) else value.decode(errors="backslashreplace")


def _declared(value: Any) -> dict[str, Any]:
    """An input or output: an open size has a name or is None."""
    import onnx

    tensor = value.type.tensor_type
    try:
        dtype = onnx.TensorProto.DataType.Name(tensor.elem_type).lower()
    except ValueError:
        dtype = f"type {tensor.elem_type}"
    shape = None
    if tensor.HasField("shape"):
        shape = [
            int(size.dim_value) if size.HasField("dim_value") else _text(size.dim_param) or None
            for size in tensor.shape.dim
        ]
    return {
        "name": _text(value.name),
        "shape": shape,
        "dtype": {"float": "float32", "double": "float64"}.get(dtype, dtype),
    }
