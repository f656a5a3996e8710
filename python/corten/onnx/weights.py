"""Which constants of a graph are weights: those that operators with weights use, directly or after moving elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from corten.graph import Array, Variable
from corten.onnx.graph import Graph, Node
from corten.onnx.values import Order

__all__ = ["Weight", "Weights", "find_weights"]


@dataclass(eq=False)
class Weight:
    """A constant that training may change."""

    name: str
    array: Array
    #: In which order of its axes the variable has it.
    order: Order
    #: Whether it is a statistic of batches, which training follows and no gradient changes.
    statistic: bool = False
    variable: Variable | None = None

    def value(self) -> Array:
        """What the variable holds now, with its axes in ONNX's order."""
        assert self.variable is not None
        return np.ascontiguousarray(self.variable.numpy().transpose(np.argsort(self.order)))

    def forget_array(self) -> None:
        """Keeps of the array its shape only: the numbers are the variable's."""
        self.array = np.broadcast_to(np.float32(0), self.array.shape)


@dataclass
class Weights:
    """The weights of a graph and of those inside it."""

    #: By the graph and the name that a constant has in it.
    constants: dict[tuple[Graph, str], Weight] = field(default_factory=dict)
    #: By node, in the order of its inputs.
    nodes: dict[Node, list[Weight]] = field(default_factory=dict)


_Key: TypeAlias = tuple[Graph, str]

#: Inputs that are weights wherever they are constants.
_INPUTS: dict[str, tuple[int, ...]] = {
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "Gemm": (1, 2),
    "MatMul": (0, 1),
    "com.microsoft.FusedMatMul": (0, 1),
    "BatchNormalization": (1, 2, 3, 4),
    "InstanceNormalization": (1, 2),
    "LayerNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "RMSNormalization": (1,),
    "SimplifiedLayerNormalization": (1,),
    "com.microsoft.SimplifiedLayerNormalization": (1,),
    "com.microsoft.SkipLayerNormalization": (2, 3, 4),
    "com.microsoft.BiasGelu": (1,),
    "com.microsoft.FastGelu": (1,),
    "LSTM": (1, 2, 3),
    "GRU": (1, 2, 3),
    "RNN": (1, 2, 3),
    "PRelu": (1,),
    "Gather": (0,),
    "Einsum": (0, 1, 2, 3),
}
_STATISTICS = {"BatchNormalization": (3, 4)}

#: Where a constant of several numbers is a weight: biases, factors, tokens put before others.
_ELEMENTWISE = {"Add", "Sub", "Mul", "Concat"}
#: A bias behind these may be of one number.
_PRODUCTS = {"MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum"}

#: What moves elements only: a weight stays one.
_MOVES = {
    "Concat", "Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Tile", "Transpose",
    "Unsqueeze",
}  # fmt: skip
#: What gives numbers that depend on shapes alone.
_SHAPES = {"Shape", "Size"}


@dataclass
class _Origin:
    """Where a value comes from."""

    #: Whether it depends on the model's inputs.
    data: bool
    #: The constants it is made of, by moving elements.
    constants: tuple[_Key, ...] = ()
    operator: str = ""


def find_weights(graph: Graph) -> Weights:
    """The weights of a graph.

    A constant is one where an operator with weights uses it (the kernel of a convolution), or where several numbers
    are added to data, multiplied with them or joined to them. Numbers that stand for themselves (of one element, or
    a mask) are none, and neither is what is computed from constants.
    """
    search = _Search()
    search.graph(graph, {}, True)
    return search.weights()


class _Search:
    def __init__(self) -> None:
        self.arrays: dict[_Key, Array] = {}
        self.used: dict[Node, dict[_Key, None]] = {}
        self.orders: dict[_Key, set[Order]] = {}
        self.statistics: set[_Key] = set()

    def weights(self) -> Weights:
        found = Weights()
        for node, keys in self.used.items():
            for key in keys:
                if key not in found.constants:
                    array = self.arrays[key]
                    plain: Order = tuple(range(array.ndim))
                    orders = self.orders.get(key, set())
                    order = next(iter(orders)) if len(orders) == 1 else plain
                    found.constants[key] = Weight(key[1], array, order, key in self.statistics)
            found.nodes[node] = [found.constants[key] for key in keys]
        return found

    def graph(self, graph: Graph, outer: Mapping[str, _Origin], outermost: bool = False) -> list[_Origin]:
        scope = dict(outer)
        for name, array in graph.constants.items():
            scope[name] = self._constant((graph, name), array)
        scope.update({declared.name: _Origin(True) for declared in graph.inputs})
        for node in graph.nodes:
            scope.update(zip(node.outputs, self._node(graph, node, scope)))
        return [scope[declared.name] for declared in graph.outputs]

    def _constant(self, key: _Key, array: Array) -> _Origin:
        if array.dtype != np.float32 or not array.size:
            return _Origin(False)
        self.arrays[key] = array
        return _Origin(False, (key,))

    def _node(self, graph: Graph, node: Node, scope: Mapping[str, _Origin]) -> list[_Origin]:
        count = len(node.outputs)
        if node.operator == "Constant":
            value = node.attributes.get("value")
            own = self._constant((graph, node.outputs[0]), value) if isinstance(value, np.ndarray) else _Origin(False)
            return [own] * count
        inputs = [scope[name] if name else None for name in node.inputs]
        if node.graphs:
            branches = [self.graph(branch, scope) for branch in node.graphs]
            data = any(origin is not None and origin.data for origin in inputs)
            return [
                _Origin(data or any(one.data for one in ones), tuple({k: None for one in ones for k in one.constants}))
                for ones in zip(*branches)
            ]
        data = any(origin is not None and origin.data for origin in inputs) and node.operator not in _SHAPES
        if data:
            self._use(node, inputs)
        constants: dict[_Key, None] = {}
        if node.operator in _MOVES and not data:
            own_inputs = inputs[:1] if node.operator in ("Gather", "Expand", "Tile") else inputs
            constants = {key: None for origin in own_inputs if origin is not None for key in origin.constants}
        return [_Origin(data, tuple(constants), node.operator)] * count

    def _use(self, node: Node, inputs: list[_Origin | None]) -> None:
        places = _INPUTS.get(node.operator, ())
        other = next((origin for origin in inputs if origin is not None and origin.data), None)
        for place, origin in enumerate(inputs):
            if origin is None or origin.data or not origin.constants:
                continue
            if place not in places and not (node.operator in _ELEMENTWISE and self._is_weight(node, origin, other)):
                continue
            self.used.setdefault(node, {}).update(dict.fromkeys(origin.constants))
            if place in _STATISTICS.get(node.operator, ()):
                self.statistics.update(origin.constants)
            for key in origin.constants:
                order = _order(node, place, self.arrays[key].ndim)
                self.orders.setdefault(key, set()).add(order)

    def _is_weight(self, node: Node, origin: _Origin, other: _Origin | None) -> bool:
        """Whether numbers that are added, multiplied or joined are learned, as far as can be seen."""
        arrays = [self.arrays[key] for key in origin.constants]
        if max(array.size for array in arrays) == 1:
            return node.operator == "Add" and arrays[0].ndim > 0 and other is not None and other.operator in _PRODUCTS
        return not any(_is_mask(array) for array in arrays)


def _is_mask(array: Array) -> bool:
    """Whether numbers choose what counts: some of them huge or infinite, or zeros and ones."""
    return bool((np.abs(array) >= 1e4).any() or (np.isin(array, (0, 1)).all() and array.min() < array.max()))


def _order(node: Node, place: int, rank: int) -> Order:
    """The order of axes in which an operator wants a constant of its own."""
    if place == 1 and node.operator in ("Conv", "ConvTranspose") and rank > 2:
        return (*range(2, rank), 1, 0)
    if place == 1 and node.operator == "Gemm" and node.attributes.get("transB") == 1 and rank == 2:
        return (1, 0)
    return tuple(range(rank))
