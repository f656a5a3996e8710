"""A traced model as an ONNX model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import _core
from corten.export import fold
from corten.export.emitter import Emitter
from corten.export.nodes import TYPES
from corten.export.rules import REFUSED, RULES, needs, open_constant
from corten.export.sizes import Size
from corten.export.traced import FIX, Node, Traced, Value, refusal
from corten.graph import flatten

__all__ = ["OPSETS", "onnx_package", "serialized"]

#: The versions of ONNX's operators that can be asked for.
OPSETS = range(13, 24)
#: Attributes that may follow open sizes.
_OPEN = {"begin", "high", "low", "shape", "size", "sizes"}
#: What a file of protocol buffers holds at most.
_LIMIT = 2**31 - 2**20


def onnx_package() -> Any:
    """The package ``onnx``; ``ImportError`` says how to get it."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError("export to ONNX needs the package onnx: pip install corten[onnx]") from error
    return onnx


def serialized(
    traced: Traced,
    name: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    opset: int,
    fold_batch_norm: bool = False,
) -> bytes:
    """The ONNX model as a file holds it, checked.

    Args:
        traced: the model.
        name: of the graph.
        inputs: names, in the order of ``traced.inputs``.
        outputs: names, in the order of the flattened outputs.
        opset: one of :data:`OPSETS`.
        fold_batch_norm: whether batch normalisations become part of the convolution or dense layer before.

    Raises:
        ValueError: an op cannot be exported.
    """
    onnx = onnx_package()
    fold.compute_constants(traced)
    if fold_batch_norm:
        fold.fold_batch_norms(traced)
    to = Emitter(opset, [*inputs, *outputs])
    for value, given in zip(traced.inputs, inputs, strict=True):
        to.hold(value, given)
    for node in _reached(traced):
        to.node = node
        _emit(to, node)
    if traced.assigned:
        raise ValueError(
            f"export: a call of the model assigns its variable {traced.assigned[0].path!r}, and an ONNX model keeps no "
            "state between runs (is a layer stateful?)"
        )
    results = flatten(traced.outputs)
    for value, wanted in zip(results, outputs, strict=True):
        to.node = value.producer or Node("constant", [], {}, "")
        if value.samples is not None and not to.holds(value):
            open_constant(to, value, to.node)
        to.nodes.append(onnx.helper.make_node("Identity", [to.plain(value)], [wanted], name=f"{wanted}/Identity"))
    nodes = _without_identities(_needed(to.nodes, outputs), set(inputs) | set(to.initializers))
    used = {one for node in nodes for one in node.input}
    arrays = {key: array for key, array in to.initializers.items() if key in used}
    size = sum(array.nbytes for array in arrays.values())
    if size > _LIMIT:
        raise ValueError(f"export: the weights take {size} bytes, and an ONNX file holds at most {_LIMIT}")

    def info(value: Value, key: str) -> Any:
        shape = [_declared(size, traced) for size in value.shape]
        return onnx.helper.make_tensor_value_info(key, TYPES[value.dtype], shape)

    graph = onnx.helper.make_graph(
        nodes,
        name,
        [info(value, key) for value, key in zip(traced.inputs, inputs, strict=True)],
        [info(value, key) for value, key in zip(results, outputs, strict=True)],
    )
    operators = [onnx.helper.make_opsetid("", opset)]
    model = onnx.helper.make_model(
        graph,
        opset_imports=operators,
        ir_version=onnx.helper.find_min_ir_version_for(operators),
        producer_name="corten",
        producer_version=_core.__version__,
    )
    for key, array in arrays.items():
        # In its place at once: weights may be large, and every list of them that is handed on is a copy.
        tensor = model.graph.initializer.add(name=key, dims=array.shape)
        tensor.data_type = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        tensor.raw_data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    found: bytes = model.SerializeToString()
    onnx.checker.check_model(found, full_check=True)
    return found


def _reached(traced: Traced) -> list[Node]:
    """The nodes whose rules are needed, in their order."""
    wanted = set(flatten(traced.outputs))
    reached = []
    for node in reversed(traced.nodes):
        if not wanted.isdisjoint(node.outputs):
            wanted.update(needs(node))
            reached.append(node)
    return reached[::-1]


def _emit(to: Emitter, node: Node) -> None:
    """The nodes of one op."""
    rule = RULES.get(node.op)
    if rule is None:
        raise refusal(node, REFUSED.get(node.op, "there is no rule for it"))
    for key, given in node.attributes.items():
        if key not in _OPEN and any(isinstance(one, tuple) for one in (given if isinstance(given, list) else [given])):
            raise refusal(node, f"its {key!r} depends on an open size: {FIX}")
    for value in node.inputs:
        if value.samples is not None and not to.holds(value):
            open_constant(to, value, node)
    rule(to, node)


def _declared(size: Size, traced: Traced) -> int | str | None:
    """A size in the description of an input or output: open ones have names."""
    return size if isinstance(size, int) else traced.names.get(size)


def _needed(nodes: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
    """The nodes that the outputs depend on; of them, outputs that nobody reads have no name."""
    wanted = set(outputs)
    kept = []
    for node in reversed(nodes):
        if wanted.isdisjoint(node.output):
            continue
        names = [name if name in wanted else "" for name in node.output]
        while not names[-1]:
            names.pop()
        # The first output of most ops must be there.
        if len(names) > 1 and node.op_type == "TopK":
            names = list(node.output)
        del node.output[:]
        node.output.extend(names)
        wanted.update(node.input)
        kept.append(node)
    return kept[::-1]


def _without_identities(nodes: list[Any], sources: set[str]) -> list[Any]:
    """The nodes, the outputs named by the nodes that compute them: copies are left only of inputs and weights."""
    copies = [node for node in nodes if node.op_type == "Identity"]
    renamed: dict[str, str] = {}
    outputs = {node.output[0] for node in copies}
    for node in copies:
        source = node.input[0]
        if source not in sources and source not in renamed and source not in outputs:
            renamed[source] = node.output[0]
    left = []
    for node in nodes:
        if node.op_type == "Identity" and renamed.get(node.input[0]) == node.output[0]:
            continue
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
        for place, name in enumerate(node.output):
            node.output[place] = renamed.get(name, name)
        left.append(node)
    return left
