"""Symbolic tensors: what a functional model is written with, and the calls recorded on them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeAlias, TypeVar, cast

import numpy as np

from corten import _core
from corten._core import has_symbolic
from corten.graph.arrays import engine_dtype
from corten.graph.graph import Graph, Tensor
from corten.graph.nested import flatten, map_nested
from corten.graph.operand import Operand

__all__ = ["Call", "Shape", "SymbolicTensor", "has_symbolic", "record", "symbolic", "trial"]

P = ParamSpec("P")
R = TypeVar("R")

#: The shape of what a layer is built for, the batch first: ``None`` stands for a size that only data tell.
Shape: TypeAlias = tuple[int | None, ...]


class SymbolicTensor(Operand):
    """A value of a functional model: ``None`` stands for a size that is known only when data come."""

    __slots__ = ("call", "dtype", "index", "mask", "name", "shape")

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: str = "float32",
        name: str | None = None,
        call: Call | None = None,
        index: int = 0,
    ) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = engine_dtype(dtype)
        self.name = name
        #: The call that gives this value; None for an input of the model.
        self.call = call
        self.index = index
        self.mask: Any = None

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape} dtype={self.dtype} name={self.name}>"


class Call:
    """A function (a layer, an op) applied to arguments among which are symbolic tensors."""

    __slots__ = ("args", "function", "kwargs", "outputs")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.outputs: Any = None


def symbolic(function: Callable[P, R]) -> Callable[P, R]:
    """Lets a function that calls :func:`push`, or others like it, take symbolic tensors too, as ``corten.ops`` do.

    Applied to symbolic tensors, the call is recorded and its result is again symbolic. Applied to plain arrays outside
    any graph, in a way (shapes, types, other arguments) that was seen before and that comes to one op, the op is run
    without calling the function: so it may depend on its arguments alone.
    """
    wrapper = _core.Function(function, record, _one_op)
    functools.update_wrapper(wrapper, function)
    return cast("Callable[P, R]", wrapper)


def _one_op(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> _core.Call | None:
    """The op that ``function(*args, **kwargs)`` comes to, the arrays among the arguments being its inputs."""
    with Graph() as graph:

        def leaf(value: Any) -> Any:
            return graph.input(value.shape, value.dtype.name) if isinstance(value, np.ndarray) else value

        try:
            result = function(*map_nested(leaf, args), **map_nested(leaf, kwargs or {}))
        except Exception:  # Called on the arrays themselves, it will say what is wrong.
            return None
    leaves = result if type(result) in (list, tuple) else [result]
    if not leaves or not all(isinstance(leaf, Tensor) and leaf.graph is graph for leaf in leaves):
        return None
    return graph.core.call(map_nested(lambda leaf: leaf.id, result))


_TRIALS = ((2, 96), (3, 128))


def trial(shape: Sequence[int | None], which: int) -> tuple[int, ...]:
    """A shape with its unknown sizes filled in, in one of two ways."""
    batch, inner = _TRIALS[which]
    return tuple((batch if axis == 0 else inner) if size is None else size for axis, size in enumerate(shape))


def record(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Records ``function(*args, **kwargs)``; sizes that differ between two trial traces are unknown."""

    def run(which: int) -> Any:
        inputs: dict[int, Tensor] = {}

        def leaf(value: Any) -> Any:
            if not isinstance(value, SymbolicTensor):
                return value
            if id(value) not in inputs:
                graph.open |= None in value.shape[1:]
                tensor = inputs[id(value)] = graph.input(trial(value.shape, which), value.dtype)
                if isinstance(value.mask, SymbolicTensor):
                    tensor.mask = graph.input(trial(value.mask.shape, which), value.mask.dtype)
            return inputs[id(value)]

        with Graph() as graph:
            return function(*map_nested(leaf, args), **map_nested(leaf, kwargs))

    call = Call(function, args, kwargs)
    first, second = run(0), run(1)
    twins = iter(flatten(second))
    count = 0

    def output(tensor: Any) -> Any:
        nonlocal count
        if tensor is None:
            return None
        twin = next(twins)
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{function!r}: expected tensors as the result, got {type(tensor).__name__}")
        shape = [a if a == b else None for a, b in zip(tensor.shape, twin.shape, strict=True)]
        result = SymbolicTensor(shape, tensor.dtype, call=call, index=count)
        if isinstance(tensor.mask, Tensor):
            mask = [a if a == b else None for a, b in zip(tensor.mask.shape, twin.mask.shape, strict=True)]
            result.mask = SymbolicTensor(mask, tensor.mask.dtype, call=call, index=-1 - count)
        count += 1
        return result

    call.outputs = map_nested(output, first)
    return call.outputs
