"""The graph in a file: nodes, attributes and constants as plain values, checked for being a graph at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from corten.errors import CorruptFileError
from corten.graph import Array
from corten.onnx.tensors import External, array_of, dtype_of, text_of
from corten.onnx.unsupported import UnsupportedOperatorError

__all__ = ["NEWEST", "OLDEST", "Declared", "Graph", "Node", "parse", "steering"]

#: How deep branches may lie within branches, and how many nodes there may be in all.
_DEPTH, _NODES = 100, 100_000
#: The versions of ONNX's own operators that the operators here follow.
OLDEST, NEWEST = 1, 28


@dataclass(frozen=True)
class Declared:
    """What a file says of an input or output: a size is a number, the name of one that is open, or None."""

    name: str
    dtype: np.dtype[Any] | None
    shape: tuple[int | str | None, ...] | None


@dataclass(eq=False)
class Node:
    """An operator applied to values, all of them by name; an empty name stands for an input or output left out."""

    name: str
    operator: str
    #: The version of its domain.
    version: int
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]

    @property
    def graphs(self) -> list[Graph]:
        """The graphs among its attributes: the branches of an ``If``."""
        return [value for value in self.attributes.values() if isinstance(value, Graph)]

    def __str__(self) -> str:
        return f"{self.operator} {self.name!r}"


@dataclass(eq=False)
class Graph:
    """Nodes in an order in which each comes after those it needs."""

    name: str
    nodes: list[Node]
    inputs: list[Declared]
    outputs: list[Declared]
    constants: dict[str, Array] = field(default_factory=dict)
    #: The message that it was read from.
    proto: Any = None

    def every_node(self) -> Iterator[Node]:
        """The nodes of this graph and of those inside it, in order."""
        for node in self.nodes:
            for graph in node.graphs:
                yield from graph.every_node()
            yield node

    def captured(self) -> set[str]:
        """The names that it uses and does not define: those of the graph around it."""
        own = {*self.constants, *(declared.name for declared in self.inputs)}
        used: set[str] = set()
        for node in self.nodes:
            names = {*node.inputs, *(name for graph in node.graphs for name in graph.captured())}
            used |= names - own - {""}
            own |= set(node.outputs)
        return used | ({declared.name for declared in self.outputs} - own)

    def pruned(self, outputs: list[str]) -> Graph:
        """The part of it that ``outputs`` depend on: outputs of its own, or of nodes.

        Raises:
            ValueError: there is no such output.
        """
        known = {name: Declared(name, None, None) for node in self.nodes for name in node.outputs if name}
        known.update({declared.name: declared for declared in self.outputs})
        unknown = [name for name in outputs if name not in known]
        if unknown or not outputs:
            raise ValueError(
                f"outputs: no {unknown[0] if unknown else ''!r}; expected names among "
                f"{[declared.name for declared in self.outputs]}, or of outputs of nodes"
            )
        needed, nodes = set(outputs), []
        for node in reversed(self.nodes):
            if needed & set(node.outputs) - {""}:
                nodes.append(node)
                needed |= {*node.inputs, *(name for graph in node.graphs for name in graph.captured())}
        return Graph(
            self.name,
            nodes[::-1],
            [declared for declared in self.inputs if declared.name in needed],
            [known[name] for name in outputs],
            {name: value for name, value in self.constants.items() if name in needed},
            self.proto,
        )


def steering(graph: Graph) -> set[str]:
    """The inputs, of integers or bools, that a condition depends on: which branch is taken is up to them."""
    sources = {d.name: {d.name} for d in graph.inputs if d.dtype is not None and d.dtype.kind in "iub"}
    return _steering(graph, sources)


def _steering(graph: Graph, outer: Mapping[str, set[str]]) -> set[str]:
    sources, found = dict(outer), set()
    for node in graph.nodes:
        own = set().union(*(sources.get(name, set()) for name in node.inputs))
        for inner in node.graphs:
            found |= sources.get(node.inputs[0], set()) if node.operator == "If" and node.inputs else set()
            found |= _steering(inner, sources)
            own |= set().union(*(sources.get(name, set()) for name in inner.captured()))
        if node.operator not in ("Shape", "Size"):
            sources.update(dict.fromkeys(node.outputs, own))
    return found


def parse(model: Any, external: External) -> tuple[Graph, Any]:
    """The graph of a ``ModelProto``, and the message without functions, of which it was made.

    Raises:
        CorruptFileError: it is no graph: names twice or missing, nodes in a circle, arrays of the wrong size.
        UnsupportedOperatorError: a version of the operators, or something in the file, that Corten does not know.
    """
    versions: dict[str, int] = {}
    for entry in model.opset_import:
        domain = "" if entry.domain == "ai.onnx" else text_of(entry.domain)
        if domain in versions:
            raise CorruptFileError(f"ONNX model: two versions of the operators of {domain or 'ai.onnx'!r}")
        versions[domain] = int(entry.version)
    if not OLDEST <= versions.get("", OLDEST) <= NEWEST:
        raise UnsupportedOperatorError(
            f"ONNX model: operators of version (opset) {versions['']}; expected {OLDEST} to {NEWEST}"
        )
    if model.functions:
        model = _inlined(model)
    return _Parser(versions, external).graph(model.graph, {}, 0), model


def _inlined(model: Any) -> Any:
    """The model with calls of its own functions replaced by their nodes."""
    from onnx import inliner

    bodies = {(f.domain, f.name): f for f in model.functions}
    if len(bodies) != len(model.functions) or any(f.overload for f in model.functions):
        raise UnsupportedOperatorError("ONNX model: several functions of one name are not supported")
    sizes: dict[Any, int] = {}

    def size(key: Any, depth: int) -> int:
        """The nodes that a call comes to; it raises where functions call one another in a circle."""
        if depth > _DEPTH:
            raise CorruptFileError(f"ONNX model: functions call one another without an end: {key[1]!r}")
        if key not in sizes:
            nodes = bodies[key].node
            if any(attribute.HasField("g") for node in nodes for attribute in node.attribute):
                raise UnsupportedOperatorError(f"ONNX model: branches within the function {key[1]!r} are not supported")
            sizes[key] = sum(
                size((n.domain, n.op_type), depth + 1) if (n.domain, n.op_type) in bodies else 1 for n in nodes
            )
        if sizes[key] > _NODES:
            raise CorruptFileError(f"ONNX model: expected at most {_NODES} nodes, got more in {key[1]!r}")
        return sizes[key]

    calls = [(node.domain, node.op_type) for node in model.graph.node]
    if sum(size(key, 0) for key in calls if key in bodies) > _NODES:
        raise CorruptFileError(f"ONNX model: expected at most {_NODES} nodes, got more in functions")
    return inliner.inline_local_functions(model)


class _Parser:
    def __init__(self, versions: Mapping[str, int], external: External) -> None:
        self.versions = versions
        self.external = external
        self.count = 0
        self.names: set[str] = set()

    def graph(self, proto: Any, outer: Mapping[str, Any], depth: int) -> Graph:
        if depth > _DEPTH:
            raise CorruptFileError(f"ONNX model: expected graphs nested at most {_DEPTH} deep")
        if proto.sparse_initializer:
            raise UnsupportedOperatorError("ONNX model: sparse tensors are not supported")
        constants: dict[str, Array] = {}
        for tensor in proto.initializer:
            if not tensor.name or tensor.name in constants:
                raise CorruptFileError(f"ONNX model: a constant without a name, or a second one named {tensor.name!r}")
            constants[text_of(tensor.name)] = array_of(tensor, "constant", self.external)
        # Where a constant has the name of an input, it is that input's value.
        inputs = [_declared(value) for value in proto.input if value.name not in constants]
        known = {**dict.fromkeys(outer), **dict.fromkeys(constants)}
        own = set(constants)
        for declared in inputs:
            self._define(declared.name, own, "input")
        known.update(dict.fromkeys(own))
        later = {name for node in proto.node for name in node.output}
        nodes: list[Node] = []
        for item in proto.node:
            for name in item.input:
                if name and name not in known:
                    reason = "comes later, or depends on it" if name in later else "is nowhere"
                    raise CorruptFileError(
                        f"ONNX model: node {item.name or item.op_type!r} needs {name!r}, which {reason}"
                    )
            nodes.append(self._node(item, known, depth))
            for name in nodes[-1].outputs:
                if name:
                    self._define(name, own, "output of a node")
                    known[name] = None
        outputs = [_declared(value) for value in proto.output]
        missing = [declared.name for declared in outputs if declared.name not in known]
        if missing or not outputs:
            raise CorruptFileError(f"ONNX model: no node gives the output {missing[0] if missing else ''!r}")
        return Graph(text_of(proto.name), nodes, inputs, outputs, constants, proto)

    def _define(self, name: str, own: set[str], what: str) -> None:
        if not name or name in own:
            raise CorruptFileError(f"ONNX model: {what} without a name, or with one that is taken: {name!r}")
        own.add(name)

    def _node(self, proto: Any, known: Mapping[str, Any], depth: int) -> Node:
        self.count += 1
        if self.count > _NODES:
            raise CorruptFileError(f"ONNX model: expected at most {_NODES} nodes")
        domain = "" if proto.domain == "ai.onnx" else text_of(proto.domain)
        operator = f"{domain}.{text_of(proto.op_type)}" if domain else text_of(proto.op_type)
        inputs, outputs = ([text_of(name) for name in names] for names in (proto.input, proto.output))
        if not any(outputs):
            raise CorruptFileError(f"ONNX model: {operator} {proto.name!r} has no output")
        name = text_of(proto.name) or next(output for output in outputs if output)
        attributes: dict[str, Any] = {}
        for attribute in proto.attribute:
            if attribute.name in attributes:
                raise CorruptFileError(f"ONNX model: {operator} {name!r}: attribute {attribute.name!r} twice")
            attributes[text_of(attribute.name)] = self._attribute(attribute, f"{operator} {name!r}", known, depth)
        version = self.versions.get(domain, OLDEST if not domain else 1)
        return Node(name, operator, version, inputs, outputs, attributes)

    def _attribute(self, proto: Any, where: str, known: Mapping[str, Any], depth: int) -> Any:
        if proto.ref_attr_name:
            raise CorruptFileError(
                f"ONNX model: {where}: attribute {proto.name!r} refers to a function that is not there"
            )
        match proto.type:
            case 1:
                return float(proto.f)
            case 2:
                return int(proto.i)
            case 3:
                return proto.s.decode("utf-8", "surrogateescape")
            case 4:
                return array_of(proto.t, f"{where}: attribute {proto.name!r}", self.external)
            case 5:
                return self.graph(proto.g, known, depth + 1)
            case 6:
                return [float(value) for value in proto.floats]
            case 7:
                return [int(value) for value in proto.ints]
            case 8:
                return [value.decode("utf-8", "surrogateescape") for value in proto.strings]
        raise UnsupportedOperatorError(f"{where}: attribute {proto.name!r} of type {proto.type} is not supported")


def _declared(proto: Any) -> Declared:
    """What is said of an input or output."""
    text_of(proto.name)
    if not proto.type.HasField("tensor_type"):
        if proto.type.WhichOneof("value") is None:
            return Declared(proto.name, None, None)
        raise UnsupportedOperatorError(f"ONNX model: {proto.name!r}: only tensors are supported, no sequences or maps")
    tensor = proto.type.tensor_type
    dtype = dtype_of(tensor.elem_type, f"ONNX model: {proto.name!r}") if tensor.elem_type else None
    if not tensor.HasField("shape"):
        return Declared(proto.name, dtype, None)
    shape: list[int | str | None] = []
    for size in tensor.shape.dim:
        # Some exporters write -1 for a size that is open.
        fixed = size.HasField("dim_value") and size.dim_value >= 0
        shape.append(int(size.dim_value) if fixed else text_of(size.dim_param) or None)
    return Declared(proto.name, dtype, tuple(shape))
