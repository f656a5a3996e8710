"""A traced model: its values and the ops between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from corten.export.sizes import Samples, Size
from corten.graph import Array, Nested, Variable

__all__ = ["FIX", "Node", "Traced", "Value", "place_of", "refusal"]


@dataclass(eq=False)
class Value:
    """A value of the model: an input, a constant, a variable, or what an op gives."""

    shape: tuple[Size, ...]
    dtype: str
    #: The op that gives it.
    producer: Node | None = None
    #: What it holds, where that is the same whatever the model is given.
    array: Array | None = None
    #: What a constant holds in each trace, where that differs.
    samples: list[Array] | None = None
    #: What an initializer is called that holds it.
    label: str = ""

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass(eq=False)
class Node:
    """An op applied to values."""

    op: str
    inputs: list[Value]
    attributes: dict[str, Any]
    #: The layer whose call pushed it, or nothing.
    layer: str
    outputs: list[Value] = field(default_factory=list)


@dataclass
class Traced:
    """A model between its inputs and outputs."""

    nodes: list[Node]
    inputs: list[Value]
    #: Nested as the model returns them.
    outputs: Nested
    #: What the open sizes are called.
    names: dict[Samples, str]
    #: Variables that a call assigns.
    assigned: list[Variable]


#: What to do where an open size cannot stay open.
FIX = "give fixed sizes in input_signature=[corten.Input(...)]"


def refusal(node: Node, why: str) -> ValueError:
    """The exception for an op that cannot be exported."""
    return ValueError(f"export: {place_of(node.op, node.layer)} cannot be exported to ONNX: {why}")


def place_of(op: str, layer: str) -> str:
    """An op as messages name it."""
    return f"op {op!r} of layer {layer!r}" if layer else f"op {op!r}"
