"""Functions of tensors as compiled programs over variables, so that only the kernels are timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from contest import Array

from corten import ops
from corten.graph import Graph, Variable, flatten, gradients

__all__ = ["Native", "gradient_of", "weighted_gradient_of"]


class Native:
    """``function`` of variables that hold ``arrays``, compiled; ``repeat`` runs it in one native loop.

    With ``whole`` false, one number of each result is brought out: a model keeps its results in its own memory too.
    """

    def __init__(self, function: Callable[..., Any], arrays: Sequence[Array], whole: bool = False) -> None:
        self.variables = [Variable(array, dtype=array.dtype.name) for array in arrays]
        with Graph() as graph:
            results = [graph.tensor(value) for value in flatten(function(*self.variables))]
            if not whole:
                results = [ops.getitem(ops.reshape(value, [-1]), slice(0, 1)) for value in results]
        self.program = graph.compile([], results)
        self._targets: dict[int, list[Array]] = {}

    def repeat(self, count: int) -> None:
        """Runs it so many times."""
        if count not in self._targets:
            self._targets = {count: [np.empty((count, *shape), dtype) for shape, dtype in self.program.outputs]}
        self.program.run([], None, 0, 1, count, self._targets[count], None, 1e6)

    def __call__(self) -> list[Array]:
        self.repeat(1)
        return [target[0] for target in self._targets[1]]


def gradient_of(function: Callable[..., Any], wrt: int) -> Callable[..., Any]:
    """The gradient by one argument, the gradient of the result being ones: no node beside the kernel's own."""
    return lambda *values: gradients(function(*values), values[wrt])


def weighted_gradient_of(function: Callable[..., Any], wrt: int) -> Callable[..., Any]:
    """The same, the gradient of the result being the last argument."""
    return lambda *values: gradients(ops.multiply(function(*values[:-1]), values[-1]), values[wrt])
