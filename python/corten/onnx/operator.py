"""The table of operators, and one application of an operator: which attributes it has and what of them was read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from corten.graph import Array, Variable
from corten.onnx.graph import Graph, Node
from corten.onnx.tensors import FLOAT
from corten.onnx.unsupported import UnsupportedOperatorError, unsupported_type
from corten.onnx.values import Value

__all__ = ["OPERATORS", "Call", "Operator", "expect_floats", "operator"]

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operator:
    """How an operator is run: ``function(call, *inputs)`` gives its output or a tuple of them."""

    function: Callable[..., Any]
    #: How many inputs it needs, and how many it can have.
    fewest: int
    most: int
    oldest: int
    newest: int


#: By name; those of other domains as ``domain.name``.
OPERATORS: dict[str, Operator] = {}


def operator(*names: str, oldest: int = 6, newest: int = 1000) -> Callable[[Function], Function]:
    """Puts a function into the table, for those versions of the operators that mean what it does."""

    def register(function: Function) -> Function:
        parameters = list(inspect.signature(function).parameters.values())[1:]
        several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        needed = sum(p.default is p.empty and p.kind is not p.VAR_POSITIONAL for p in parameters)
        entry = Operator(function, needed, 2**31 if several else len(parameters), oldest, newest)
        OPERATORS.update(dict.fromkeys(names, entry))
        return function

    return register


class Call:
    """An operator applied to values while a graph is run.

    Args:
        node: in the graph.
        training: whether the model is being trained.
        trainable: whether what belongs to the node may be changed by training.
        statistics: variables of the node that follow those of the batches.
        run: runs a graph within this one: ``run(graph)`` gives its outputs.
    """

    def __init__(
        self,
        node: Node,
        training: bool = False,
        trainable: bool = False,
        statistics: Sequence[Variable] = (),
        run: Callable[[Graph], list[Value]] | None = None,
    ) -> None:
        self.node = node
        self.version = node.version
        self.training = training
        self.trainable = trainable
        self.statistics = statistics
        self.run = run
        self._unread = set(node.attributes)

    def has(self, name: str) -> bool:
        """Whether the attribute is given."""
        return name in self.node.attributes

    def wants(self, output: int) -> bool:
        """Whether anything may use that output."""
        return output < len(self.node.outputs) and self.node.outputs[output] != ""

    def _read(self, name: str, kind: type | tuple[type, ...], default: Any, what: str) -> Any:
        self._unread.discard(name)
        value = self.node.attributes.get(name)
        if value is None and default is ...:
            raise ValueError(f"attribute {name!r} is missing")
        if value is not None and not isinstance(value, kind):
            raise ValueError(f"attribute {name!r}: expected {what}, got {value!r}")
        return default if value is None else value

    def integer(self, name: str, default: Any = ...) -> Any:
        """An attribute that is an int."""
        return self._read(name, int, default, "an int")

    def flag(self, name: str, default: bool = False) -> bool:
        """An attribute that is 0 or 1."""
        value = self._read(name, int, int(default), "0 or 1")
        if value not in (0, 1):
            raise ValueError(f"attribute {name!r}: expected 0 or 1, got {value}")
        return bool(value)

    def real(self, name: str, default: Any = ...) -> Any:
        """An attribute that is a float."""
        return self._read(name, float, default, "a float")

    def text(self, name: str, default: Any = ..., among: tuple[str, ...] | None = None) -> Any:
        """An attribute that is a text; ``among`` lists what is supported of those that ONNX has."""
        value = self._read(name, str, default, "a text")
        if among is not None and value not in among:
            raise UnsupportedOperatorError(f"{self.node}: {name}={value!r} is not supported; expected one of {among}")
        return value

    def integers(self, name: str, default: Any = ...) -> Any:
        """An attribute that is a list of ints."""
        return self._read(name, list, default, "ints")

    def texts(self, name: str, default: Any = ...) -> Any:
        """An attribute that is a list of texts."""
        return self._read(name, list, default, "texts")

    def reals(self, name: str, default: Any = ...) -> Any:
        """An attribute that is a list of floats."""
        return self._read(name, list, default, "floats")

    def array(self, name: str, default: Any = ...) -> Array:
        """An attribute that is a tensor."""
        array: Array = self._read(name, np.ndarray, default, "a tensor")
        return array

    def graph(self, name: str) -> Graph:
        """An attribute that is a graph."""
        graph: Graph = self._read(name, Graph, ..., "a graph")
        return graph

    def ignore(self, *names: str) -> None:
        """Says of attributes that they do not change the outputs that there are."""
        self._unread.difference_update(names)

    def only(self, name: str, value: Any, default: Any = None) -> None:
        """Refuses an attribute unless it has the one value that is supported."""
        self._unread.discard(name)
        got = self.node.attributes.get(name, value if default is None else default)
        if got != value:
            raise UnsupportedOperatorError(f"{self.node}: {name}={got!r} is not supported; only {value!r} is")

    def refuse(self, what: str) -> UnsupportedOperatorError:
        """The error that says what of the operator is not supported."""
        return UnsupportedOperatorError(f"{self.node}: {what} is not supported")

    def expect_all_read(self) -> None:
        """Refuses attributes that the operator's function did not look at."""
        if self._unread:
            raise self.refuse(f"the attribute {sorted(self._unread)[0]!r}")


def expect_floats(call: Call, *values: Value | None) -> None:
    """Refuses data that are no float32."""
    for value in values:
        if value is not None and value.dtype != FLOAT:
            raise unsupported_type(str(call.node), value.dtype)
