"""A file without its weights: what a model, or a file with other weights, is made of again."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from corten.errors import CorruptFileError
from corten.onnx.file import read
from corten.onnx.graph import Graph, parse
from corten.onnx.weights import Weights

__all__ = ["bones", "filled", "flesh_out", "strip"]

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


def filled(text: str, graph: Graph, weights: Weights) -> Any:
    """The ``ModelProto`` that :func:`bones` gave, with what the weights hold now.

    Args:
        text: as :func:`bones` gave it.
        graph: the part of it that is used, with the inputs that are left and the outputs that are wanted.
        weights: of the graph.
    """
    whole, model = parse(*flesh_out(text))
    proto = whole.proto
    inputs = {declared.name for declared in graph.inputs}
    for place in reversed(range(len(proto.input))):
        if proto.input[place].name not in inputs:
            del proto.input[place]
    declared = {value.name: value for value in proto.output}
    wanted = [declared.get(output.name) or _undeclared(output.name) for output in graph.outputs]
    outputs = [type(value).FromString(value.SerializeToString()) for value in wanted]
    del proto.output[:]
    proto.output.extend(outputs)
    _fill(proto, graph, weights)
    # Before version 4 a constant had to be an input too.
    model.ir_version = max(model.ir_version, 4)
    return model


def _undeclared(name: str) -> Any:
    from onnx import helper

    return helper.make_empty_tensor_value_info(name)


def _fill(proto: Any, graph: Graph, weights: Weights) -> None:
    """Puts numbers into a message, and takes out of it what the graph does not have."""
    from onnx import numpy_helper

    del proto.initializer[:]
    for name, constant in graph.constants.items():
        weight = weights.constants.get((graph, name))
        proto.initializer.append(numpy_helper.from_array(constant if weight is None else weight.value(), name))
    nodes = {tuple(node.outputs): node for node in graph.nodes}
    for place in reversed(range(len(proto.node))):
        message = proto.node[place]
        node = nodes.get(tuple(message.output))
        if node is None:
            del proto.node[place]
            continue
        weight = weights.constants.get((graph, message.output[0]))
        for attribute in message.attribute:
            if attribute.type == 5:
                _fill(attribute.g, node.attributes[attribute.name], weights)
            elif attribute.name == "value" and weight is not None:
                attribute.t.CopyFrom(numpy_helper.from_array(weight.value()))


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
