"""``corten.function``: a Python function of tensors that runs natively, for steps outside any model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from corten.configured import Itself
from corten.graph import Array, Operand, Signature, StepCache, column_dtype, current_graph, has_symbolic, map_nested
from corten.graph.arrays import column
from corten.training.feed import Chunk
from corten.training.runner import Runner

__all__ = ["Function", "function"]


@dataclass(frozen=True)
class _Place:
    """Stands for an array among the arguments."""

    index: int


def _value(leaf: Any) -> Any:
    """What tells one fixed argument from another: 0.0 from -0.0, but not NaN from NaN; and a set as it is now."""
    if isinstance(leaf, Operand):
        return Itself(leaf)  # tensors compare element by element
    return leaf.hex() if isinstance(leaf, float) else frozenset(leaf) if isinstance(leaf, set) else leaf


class Function:
    """What :func:`function` makes of a Python function: call it as you would call that.

    Args:
        python_function: takes nested arguments and returns nested tensors.
        eager: run op by op instead, so that values can be looked at; the same bits, more slowly.
    """

    def __init__(self, python_function: Callable[..., Any], eager: bool = False) -> None:
        functools.update_wrapper(self, python_function)
        self.python_function = python_function
        self.run_eagerly = eager
        self._steps = StepCache()

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if current_graph() is not None or has_symbolic(args) or has_symbolic(kwargs):
            # Inside another step it is a part of that.
            return self.python_function(*args, **kwargs)
        columns: list[Array] = []
        fixed: list[Any] = []

        def take(leaf: Any) -> Any:
            if isinstance(leaf, Operand) or not hasattr(leaf, "__array__"):
                fixed.append((type(leaf), _value(leaf)))
                return leaf
            # The engine takes rows: the whole array is one.
            columns.append(column(np.asarray(leaf)[None], f"argument {len(columns)} of {self.__name__}"))
            return _Place(len(columns) - 1)

        placed = map_nested(take, (args, kwargs))
        places = map_nested(lambda leaf: leaf if isinstance(leaf, _Place) else None, placed)
        shapes, dtypes = [array.shape[1:] for array in columns], [column_dtype(array) for array in columns]

        def call(leaves: list[Any]) -> Any:
            args, kwargs = map_nested(lambda leaf: leaves[leaf.index] if isinstance(leaf, _Place) else leaf, placed)
            return self.python_function(*args, **kwargs)

        runner = Runner(call, self._steps, lambda: (places, fixed), self.run_eagerly)
        chunk = Chunk(columns, Signature(list(range(len(columns))), shapes, dtypes))
        next(runner.run(chunk))
        return runner.outputs

    __name__: str


@overload
def function(python_function: Callable[..., Any], *, run_eagerly: bool = False) -> Function: ...


@overload
def function(*, run_eagerly: bool = False) -> Callable[[Callable[..., Any]], Function]: ...


def function(python_function: Callable[..., Any] | None = None, *, run_eagerly: bool = False) -> Any:
    """Decorates a function of tensors so that each call runs it natively, as one step.

    The function is traced the first time it is called with arrays of certain shapes: its Python code runs once, on
    tensors that have shapes and no numbers yet. Every later call with these shapes runs only what was recorded: layers,
    ops, :func:`corten.gradients`, ``optimizer.apply`` and ``minimize``, metrics, ``variable.assign``. Variables change
    when the call ends, all of them or, after an exception, none. Within another step it is a part of that one.

    Args:
        python_function: takes arrays, in nested lists, tuples and dicts; and anything else, for each value of which it
            is traced anew. Returns nested tensors.
        run_eagerly: run op by op, so that values can be looked at; the same bits, more slowly.

    Returns:
        What is called as the function was: arrays in, arrays out.

    Raises:
        TypeError: an argument is an array of something else than numbers.

    >>> import numpy as np, corten
    >>> w, optimizer = corten.Variable(np.float32(0)), corten.optimizers.SGD(0.25)
    >>> @corten.function
    ... def step(x):
    ...     loss = corten.ops.mean((x - w) ** 2)
    ...     optimizer.minimize(loss, [w])
    ...     return loss
    >>> [float(step(np.float32([1, 3]))) for _ in range(3)]
    [5.0, 2.0, 1.25]
    >>> float(w)
    1.75
    """
    if python_function is None:
        return functools.partial(function, run_eagerly=run_eagerly)
    return Function(python_function, run_eagerly)
