"""The nodes and initializers of an ONNX graph in the making."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from corten.export.traced import Node
from corten.graph import Array

__all__ = ["BOOL", "FIRST", "FLOAT", "INT32", "INT64", "LAST", "TYPES", "UINT8", "Nodes"]

#: ONNX's numbers of the element types.
FLOAT, UINT8, INT32, INT64, BOOL = 1, 2, 6, 7, 9
TYPES = {"float32": FLOAT, "int32": INT32, "uint8": UINT8, "bool": BOOL}
#: ONNX's first and last place of an axis, as ends of slices that go backwards and forwards.
FIRST, LAST = -(2**63) + 1, 2**63 - 1


class Nodes:
    """Takes nodes and initializers, gives each a name, and makes none twice.

    Args:
        opset: the version of ONNX's operators.
        reserved: names that are taken: those of inputs and outputs.
    """

    def __init__(self, opset: int, reserved: Iterable[str]) -> None:
        self.opset = opset
        self.nodes: list[Any] = []
        self.initializers: dict[str, Array] = {}
        #: The op whose rule is running.
        self.node: Node | None = None
        self._taken = set(reserved)
        self._counts: dict[str, int] = {}
        self._made: dict[Any, Any] = {}
        self._initializer_names: dict[tuple[Any, ...], str] = {}

    def _unique(self, base: str) -> str:
        name = base
        while name in self._taken:
            self._counts[base] = self._counts.get(base, 0) + 1
            name = f"{base}_{self._counts[base]}"
        self._taken.add(name)
        return name

    def add(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> Any:
        """Appends an ONNX node, named by the layer; gives the name of its output, or a list of several.

        A node that is there already is not made again.
        """
        from onnx import helper

        key = (kind, tuple(inputs), outputs, repr(sorted(attributes.items())))
        if key in self._made:
            return self._made[key]
        layer = self.node.layer if self.node is not None else ""
        name = self._unique(f"{layer}/{kind}" if layer else kind)
        names = [self._unique(f"{name}:{place}") for place in range(outputs)]
        node = helper.make_node(kind, list(inputs), names, name=name, **attributes)
        self.nodes.append(node)
        self._made[key] = names[0] if outputs == 1 else names
        return self._made[key]

    def initializer(self, array: Array, label: str = "constant") -> str:
        """The name of an initializer; equal ones of one label are there once."""
        from hashlib import blake2b

        array = np.ascontiguousarray(array).reshape(np.shape(array))
        key = (label, array.dtype.str, array.shape, blake2b(array.data if array.size else b"").digest())
        if key not in self._initializer_names:
            name = self._initializer_names[key] = self._unique(label)
            self.initializers[name] = array
        return self._initializer_names[key]

    def number(self, value: float) -> str:
        """A float32 number as an initializer."""
        return self.initializer(np.float32(value).reshape(()))  # type: ignore[arg-type]

    def whole(self, *values: int) -> str:
        """Integers as an initializer (a vector)."""
        return self.initializer(np.array(values, np.int64))

    def index(self, value: int) -> str:
        """An integer as an initializer (a scalar)."""
        return self.initializer(np.array(value, np.int64))
