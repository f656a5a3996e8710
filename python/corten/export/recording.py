"""One trace of a model: what was pushed, and what its constants and variables are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from corten.graph import Array, Graph, Nested, SymbolicTensor, Tensor, Variable, map_nested, tracing

__all__ = ["Recording"]


class RecordingGraph(Graph):
    """A graph that knows its constants and variables, and names ops by the layers around them, outermost first."""

    def __init__(self) -> None:
        super().__init__()
        self.call_hook = self._call
        #: The layers that are being called.
        self._layers: list[str] = []
        self.constants: dict[int, Array] = {}
        self.read: dict[int, Variable] = {}
        self.assigned: list[Variable] = []

    def _call(self, layer: Any, *args: Any, **kwargs: Any) -> Any:
        """``layer.call``; the model itself is named only where it pushes ops of its own."""
        self._layers.append(layer.name)
        self.core.scope("/".join(self._layers[1:]) or layer.name)
        try:
            return layer.call(*args, **kwargs)
        finally:
            self._layers.pop()

    def constant(self, value: ArrayLike) -> Tensor:
        tensor = super().constant(value)
        self.constants[tensor.id] = np.array(value).astype(tensor.dtype)
        return tensor

    def variable(self, variable: Variable) -> Tensor:
        tensor = super().variable(variable)
        self.read.setdefault(tensor.id, variable)
        return tensor

    def assign(self, variable: Variable, value: Any) -> None:
        self.assigned.append(variable)
        super().assign(variable, value)


class Recording:
    """One trace: its nodes, and what its values are."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        structure: Nested,
        symbols: Sequence[SymbolicTensor],
        shapes: Sequence[Sequence[int]],
    ) -> None:
        with tracing, RecordingGraph() as graph:
            self.inputs = [graph.input(shape, x.dtype) for shape, x in zip(shapes, symbols, strict=True)]
            outputs = function(map_nested(lambda i: None if i is None else self.inputs[i], structure))
            self.outputs = map_nested(lambda leaf: None if leaf is None else graph.tensor(leaf), outputs)
        self.graph = graph
        self.nodes = graph.core.nodes()

    def spec(self, value: int) -> tuple[list[int], str]:
        return self.graph.core.spec(value)
