"""The graph that ops are pushed to, and its tensors.

A *traced* graph only records ops, to be compiled; an *eager* graph computes each one at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from corten import _core
from corten.graph.arrays import Array, as_array, stored
from corten.graph.operand import Operand, TensorLike
from corten.graph.variable import Variable

__all__ = ["Graph", "StandIn", "Tensor", "current_graph", "push"]


class Tensor(Operand):
    """A value of a :class:`Graph`: shape and dtype are known at once, numbers only in an eager graph."""

    __slots__ = ("dtype", "graph", "id", "mask", "shape")

    def __init__(self, graph: Graph, id: int) -> None:
        shape, self.dtype = graph.core.spec(id)
        self.shape: tuple[int, ...] = tuple(shape)
        self.graph = graph
        self.id = id
        #: Which time steps count, or None: carried from layer to layer.
        self.mask: Any = None

    def numpy(self) -> Array:
        """The numbers (a copy); ``ValueError`` where the graph is only being traced."""
        if not self.graph.eager:
            raise ValueError(
                f"{self!r} has no numbers yet: the model is being traced; set run_eagerly=True to look at values"
            )
        return self.graph.core.data(self.id)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.numpy(), dtype=dtype)

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __repr__(self) -> str:
        return f"<Tensor shape={self.shape} dtype={self.dtype}>"


def current_graph() -> Graph | None:
    """The graph that ops called now, by this thread, are pushed to, if any."""
    return cast("Graph | None", _core.current())


#: Gives the variable that a graph uses in the place of another, or that itself.
StandIn = Callable[[Variable], Variable]


class Graph(_core.GraphScope):
    """Ops applied to values; within ``with graph:`` ops are pushed to it.

    Args:
        eager: whether each op is computed as it is pushed.
        stand_in: variable -> the variable that is read and assigned in its place.
    """

    def __init__(self, eager: bool = False, stand_in: StandIn | None = None) -> None:
        self.core = _core.Graph(eager)
        self.eager = eager
        self._stand_in = stand_in
        self._variables: dict[int, Tensor] = {}
        self._assigned: dict[int, tuple[Variable, Tensor]] = {}
        self._read: dict[int, Tensor] = {}
        #: What layers have added to the loss of this step: (layer, scalar).
        self.losses: list[tuple[Any, Any]] = []
        #: What the trace depends on beside its inputs, by id: (object, the changes that its attributes had).
        self.guards: dict[int, tuple[Any, Any]] = {}
        #: What must be true of the data that the program is run on: each raises where it is not. ``check(columns)``
        self.checks: list[Callable[[Sequence[Array]], None]] = []
        #: Whether this is a trial in which numbers stand for sizes, beside the batch's, that are not known.
        self.open = False
        #: Where set, ``call_hook(layer, *args, **kwargs)`` stands in for each ``layer.call``.
        self.call_hook: Callable[..., Any] | None = None

    def input(self, shape: Sequence[int], dtype: str = "float32") -> Tensor:
        """A value fed at every run of the compiled graph."""
        return Tensor(self, self.core.input(list(shape), dtype))

    def constant(self, value: ArrayLike) -> Tensor:
        return Tensor(self, self.core.constant(as_array(value)))

    def variable(self, variable: Variable) -> Tensor:
        """What the variable holds at this point of the step.

        A value that was assigned is a new beginning, as a variable's value always is: no gradient passes back to what
        it was computed from, so that two optimizers in one step do not differentiate each other's updates.
        """
        if self._stand_in is not None:
            variable = self._stand_in(variable)
        assigned = self._assigned.get(variable.core.id)
        if assigned is not None:
            read = self._read.get(variable.core.id)
            if read is None:
                read = self._read[variable.core.id] = self.push("stop_gradient", [assigned[1]], {})[0]
            return read
        tensor = self._variables.get(variable.core.id)
        if tensor is None:
            tensor = self._variables[variable.core.id] = Tensor(self, self.core.variable(variable.core))
        return tensor

    def assign(self, variable: Variable, value: TensorLike) -> None:
        if self._stand_in is not None:
            variable = self._stand_in(variable)
        tensor = self.tensor(value, variable.dtype)
        if tensor.shape != variable.shape or tensor.dtype != variable.dtype:
            raise ValueError(
                f"assign to variable {variable.path!r}: expected {variable.dtype} {variable.shape}, "
                f"got {tensor.dtype} {tensor.shape}"
            )
        self._assigned[variable.core.id] = (variable, tensor)
        self._read.pop(variable.core.id, None)

    def tensor(self, value: TensorLike, dtype: str | None = None) -> Tensor:
        """``value`` as a tensor of this graph; a Python number or float array takes ``dtype``."""
        if isinstance(value, Tensor):
            if value.graph is not self:
                raise ValueError(f"{value!r} belongs to another step; a tensor lives only in the step that made it")
            return value
        if isinstance(value, Variable):
            return self.variable(value)
        if isinstance(value, Operand):
            raise ValueError(f"{value!r} is symbolic and was used while a step is traced")
        if dtype is not None:
            value = stored(value, "constant", dtype)
        return self.constant(value)

    def known(self, tensor: Tensor) -> Array:
        """The numbers of a tensor that depends on constants alone, such as sizes that were put together by ops.

        Raises:
            ValueError: it depends on data or on variables.
        """
        if self.eager:
            return tensor.numpy()
        pending, variables = [tensor.id], {variable.id for variable in self._variables.values()}
        while pending:
            value = pending.pop()
            producer = self.core.producer(value)
            if value in variables:
                raise ValueError("it depends on a variable")
            pending.extend([] if producer is None else producer[1])
        program = self.core.compile([], [tensor.id])
        arrays = [np.zeros(shape, dtype) for shape, dtype in program.outputs]
        program.run([], None, 0, 1, 1, arrays, None, math.inf)
        return arrays[0]

    def push(self, op: str, inputs: Sequence[Any], attributes: dict[str, Any]) -> list[Tensor]:
        ids = [self.tensor(value).id for value in inputs]
        return [Tensor(self, id) for id in self.core.push(op, ids, attributes)]

    def guard_on(self, *things: Any) -> None:
        """Says that a trace is outdated once an attribute of one of ``things`` has another value than now."""
        if not self.eager:
            self.guards.update((id(thing), (thing, thing._changes)) for thing in things)

    def compile(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _core.Program:
        """The program that computes ``outputs`` and every assignment from ``inputs``."""
        self._update()
        return self.core.compile([t.id for t in inputs], [t.id for t in outputs])

    def finish(self) -> None:
        """Ends an eager step: assigned variables take their new values."""
        self._update()
        self.core.finish()

    def _update(self) -> None:
        for variable, tensor in self._assigned.values():
            self.core.update(variable.core, tensor.id)
        # Tensors refer to the graph: without these nothing but the caller's own keeps an ended step and its data alive.
        self._assigned.clear()
        self._read.clear()
        self._variables.clear()
        self.losses.clear()


def push(op: str, inputs: Sequence[Any], **attributes: Any) -> list[Any]:
    """Applies the engine's op ``op``: in the current graph, or at once where the inputs are arrays."""
    graph = current_graph()
    if graph is not None:
        return graph.push(op, inputs, attributes)
    for value in inputs:
        if isinstance(value, Tensor):
            raise ValueError(f"{op}: {value!r} belongs to a step that has ended")
    return _core.run(op, [as_array(v.numpy() if isinstance(v, Variable) else v, op) for v in inputs], attributes)
