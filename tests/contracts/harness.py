"""The ways in which a function of tensors can run: on arrays, eagerly, compiled; and its gradient in two of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import corten
from corten.graph import Graph, Tensor, Variable, flatten

Array = NDArray[Any]
Function = Callable[..., Any]


def same(a: Sequence[Array], b: Sequence[Array]) -> None:
    """Asserts equal types, shapes and bits."""
    for x, y in zip(a, b, strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


def on_arrays(function: Function, arrays: Sequence[Array]) -> list[Array]:
    """Called three times: the third is sure to run the op directly, where the function comes to one."""
    first, *others = ([np.asarray(y) for y in flatten(function(*arrays))] for _ in range(3))
    for other in others:
        same(first, other)
    return first


def eagerly(function: Function, arrays: Sequence[Array]) -> list[Array]:
    with Graph(eager=True) as graph:
        return [y.numpy() for y in flatten(function(*(graph.constant(x) for x in arrays)))]


def compiled(function: Function, arrays: Sequence[Array]) -> list[Array]:
    graph = Graph()
    # Variables, for the rows of a data set would have to be as many in every array.
    variables = [Variable(x, dtype=kind(x)) for x in arrays]
    with graph:
        inputs = [graph.variable(v) for v in variables]
        outputs: list[Tensor] = flatten(function(*inputs))
    return run(graph, outputs)


def run(graph: Graph, outputs: Sequence[Tensor]) -> list[Array]:
    """Compiles and runs a graph that takes everything from variables."""
    program = graph.compile([], outputs)
    arrays = [np.zeros(shape, dtype) for shape, dtype in program.outputs]
    assert program.run([], None, 0, 1, 1, arrays, None, math.inf) == 1
    return arrays


def kind(array: Array) -> str:
    return "float32" if array.dtype.kind == "f" else "int32"


def pulled_back(function: Function, arrays: Sequence[Array], eager: bool, targets: int = 0) -> list[Array]:
    """The gradient of ``sum(weights(y) * y)`` by each float array, but for the first ``targets``."""
    graph = Graph(eager=eager)
    variables = [Variable(x, dtype=kind(x)) for x in arrays]
    with graph:
        inputs = [graph.variable(v) for v in variables]
        y = flatten(function(*inputs))[0]
        loss = corten.ops.sum(corten.ops.multiply(y, weights(y.shape).astype(np.float32)))
        found = corten.gradients(loss, [x for x in inputs[targets:] if x.dtype == "float32"])
        if eager:
            return [g.numpy() for g in found]
    return run(graph, found)


def weights(shape: Sequence[int]) -> Array:
    """What each element of an output counts in the loss of a gradient check: all different."""
    return np.float32(0.5 + np.arange(math.prod(shape)) % 7 / 4).astype(np.float64).reshape(tuple(shape))


def central_differences(
    reference: Function, arrays: Sequence[Array], targets: int = 0, step: float = 1e-5
) -> list[Array]:
    """What :func:`pulled_back` shall be, from a reference in float64."""
    exact = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in arrays]

    def loss() -> float:
        y = flatten(reference(*exact))[0]
        return float(np.sum(weights(np.shape(y)) * y))

    found = []
    for x in exact[targets:]:
        if x.dtype.kind != "f":
            continue
        gradient = np.zeros_like(x)
        for at in np.ndindex(*x.shape):
            own = x[at]
            x[at] = own + step
            above = loss()
            x[at] = own - step
            gradient[at] = (above - loss()) / (2 * step)
            x[at] = own
        found.append(gradient)
    return found
