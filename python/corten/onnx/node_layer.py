"""A node with weights, as a layer of the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from corten.graph import SymbolicTensor
from corten.layers.layer import Layer
from corten.onnx.graph import Graph, Node
from corten.onnx.interpreter import apply
from corten.onnx.operator import Call
from corten.onnx.values import Data, Value
from corten.onnx.weights import Weight

__all__ = ["NodeLayer"]


class NodeLayer(Layer):
    """A node of an ONNX graph that has weights: freeze it with ``trainable = False``, read ``weights``.

    Args:
        node: of the graph.
        weights: those of its constants that it learns; one that another layer has already is shared with it.
        name: of the layer.
    """

    def __init__(self, node: Node, weights: Sequence[Weight], name: str) -> None:
        super().__init__(name=name)
        self.operator = node.operator
        #: The name that the file gives the node.
        self.node_name = node.name
        object.__setattr__(self, "_node", node)
        for weight in weights:
            if weight.variable is None:
                array = np.ascontiguousarray(weight.array.transpose(weight.order))
                weight.variable = self.add_weight(array.shape, array, trainable=not weight.statistic, name=weight.name)
                weight.forget_array()
            else:
                self._weights = [*self._weights, weight.variable]
        self.built = True

    _node: Node

    #: The shape of what it gives in ONNX's order, None where a size is open; known once the model has been traced.
    output_shape: tuple[int | None, ...] | None = None

    def call(
        self,
        inputs: Sequence[Value | None],
        results: list[Value | None],
        run: Callable[[Graph], list[Value]] | None = None,
        training: bool | None = None,
    ) -> Any:
        statistics = [variable for variable in self._weights if not variable.trainable]
        call = Call(self._node, bool(training), self.trainable, statistics, run)
        results[:] = apply(self._node, inputs, call)
        tensors = [value.tensor for value in results if isinstance(value, Data)]
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def output(self) -> Any:
        """A symbolic tensor in the shape of the output, as far as it is known."""
        if self.output_shape is None:
            raise AttributeError(f"{self.name!r} has no output: the shapes in the model are not known yet")
        return SymbolicTensor(self.output_shape)

    def get_config(self) -> dict[str, Any]:
        return {"operator": self.operator, "node_name": self.node_name, "name": self.name, "trainable": self.trainable}
