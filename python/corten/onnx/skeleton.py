"""A file without its weights: what a model is made of again, the numbers coming from elsewhere."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from corten.errors import CorruptFileError
from corten.onnx.file import read
from corten.onnx.graph import Graph

__all__ = ["bones", "flesh_out", "strip"]

_PLACE = "weights of the model"
#: The most bytes that one weight may have.
_LARGEST = 2**31 - 1


def strip(graph: Graph, weights: set[tuple[Graph, str]]) -> None:
    """Takes the numbers of weights, and of what is not needed, out of the messages that a graph was parsed from."""
    tensors = {tensor.name: tensor for tensor in graph.proto.initializer}
    nodes = [node for node in graph.proto.node if node.op_type == "Constant"]
    tensors.update({n.output[0]: a.t for n in nodes for a in n.attribute if a.name == "value" and a.type == 4})
    needed = {*graph.constants, *(name for node in graph.nodes for name in node.outputs)}
    for name, tensor in tensors.items():
        if (graph, name) in weights or name not in needed:
            _empty(tensor)
    for node in graph.nodes:
        for inner in node.graphs:
            strip(inner, weights)


def _empty(tensor: Any) -> None:
    for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "external_data"):
        tensor.ClearField(field)
    tensor.data_location = 1
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", _PLACE


def bones(model: Any) -> str:
    """A stripped ``ModelProto`` as text."""
    return base64.b64encode(model.SerializeToString()).decode("ascii")


def flesh_out(text: str) -> tuple[Any, Any]:
    """The ``ModelProto`` that :func:`bones` gave, and what reads its weights: as zeros."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise CorruptFileError(f"ONNX model: its text is damaged: {error}") from None

    def zeros(where: str, entries: dict[str, str], size: int) -> bytes:
        if entries != {"location": _PLACE} or size > _LARGEST:
            raise CorruptFileError(f"{where}: expected a weight of at most {_LARGEST} bytes, got {size}")
        return bytes(size)

    return read(data)[0], zeros
