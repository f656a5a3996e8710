"""ONNX's backend interface: what ``onnx.backend.test`` judges a runtime by.

``prepare(model).run(inputs)`` and ``run_node(node, inputs)`` run a graph on arrays at once, without a model to train.
Inputs are data, which the engine computes with; those whose numbers an operator needs (shapes, axes, counts) are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from corten.graph import Array, Graph
from corten.onnx.file import external_data
from corten.onnx.graph import Graph as OnnxGraph
from corten.onnx.graph import parse
from corten.onnx.interpreter import apply, expect_supported, run
from corten.onnx.operator import Call
from corten.onnx.unsupported import UnknownValueError, unsupported_type
from corten.onnx.values import Data, Value, as_data

__all__ = ["Representation", "is_compatible", "prepare", "run_model", "run_node", "supports_device"]


class Representation:
    """A graph that is ready to be run on arrays.

    Args:
        graph: of operators that are supported.
    """

    def __init__(self, graph: OnnxGraph) -> None:
        self.graph = graph

    def run(
        self, inputs: ArrayLike | Sequence[ArrayLike] | Mapping[str, ArrayLike], **kwargs: Any
    ) -> tuple[Array, ...]:
        """The outputs, in the types that ONNX says they have."""
        names = [declared.name for declared in self.graph.inputs]
        if isinstance(inputs, Mapping):
            arrays = {name: np.asarray(inputs[name]) for name in names}
        else:
            given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
            if len(given) != len(names):
                raise ValueError(f"expected {len(names)} inputs, {names}, got {len(given)}")
            arrays = {name: np.asarray(value) for name, value in zip(names, given)}
        return self._run(arrays, set())

    def _run(self, arrays: Mapping[str, Array], known: set[str]) -> tuple[Array, ...]:
        try:
            return self._run_once(arrays, known)
        except UnknownValueError as error:
            # An operator needs the numbers of an input, or of what follows from inputs that are integers.
            more = {error.source} if error.source else {n for n, a in arrays.items() if a.dtype.kind in "iub"}
            if more <= known:
                raise
        return self._run(arrays, known | more)

    def _run_once(self, arrays: Mapping[str, Array], known: set[str]) -> tuple[Array, ...]:
        with Graph(eager=True):
            values = {n: a if n in known or _beyond(a) else _entered(n, a) for n, a in arrays.items()}
            outputs = run(
                self.graph,
                values,
                lambda node, inputs, branch: apply(node, inputs, Call(node, run=branch)),
                lambda graph, name, value: value,
            )
            return tuple(_left(value) for value in outputs)


def _beyond(array: Array) -> bool:
    """Whether there are integers that the engine does not have; ends of slices are such."""
    return array.dtype.kind in "iu" and bool(array.size) and (array.max() > 2**31 - 1 or array.min() < -(2**31))


def _entered(name: str, array: Array) -> Data:
    if array.dtype != np.float32 and array.dtype.kind not in "iub":
        raise unsupported_type(f"input {name!r}", array.dtype)
    data = as_data(array, f"input {name!r}")
    return Data(data.tensor, data.dtype, source=name)


def _left(value: Value) -> Array:
    return value.plain.numpy().astype(value.dtype) if isinstance(value, Data) else value


def prepare(model: Any, device: str = "CPU", **kwargs: Any) -> Representation:
    """The graph of a ``ModelProto``, ready to be run.

    Raises:
        UnsupportedOperatorError: it has operators that Corten does not run.
    """
    if not supports_device(device):
        raise ValueError(f"device: expected 'CPU', got {device!r}")
    graph, _ = parse(model, external_data(None))
    expect_supported(graph)
    return Representation(graph)


def run_model(model: Any, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Array, ...]:
    """The outputs of a ``ModelProto``."""
    return prepare(model, device).run(inputs)


def run_node(node: Any, inputs: Any, device: str = "CPU", outputs_info: Any = None, **kwargs: Any) -> tuple[Array, ...]:
    """The outputs of one ``NodeProto``, of the newest version of its operator or that of ``opset_version``."""
    from onnx import helper

    from corten.onnx.graph import NEWEST

    given = list(inputs.values()) if isinstance(inputs, Mapping) else list(inputs)
    names = [name for name in node.input if name]
    declared = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.asarray(array).dtype), np.shape(array))
        for name, array in zip(names, given)
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = helper.make_graph([node], "node", declared, outputs)
    version = kwargs.get("opset_version", NEWEST)
    return run_model(helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, version)]), given, device)


def is_compatible(model: Any, device: str = "CPU", **kwargs: Any) -> bool:
    """Whether the operators of a ``ModelProto`` are supported."""
    try:
        prepare(model, device)
    except ValueError:
        return False
    return True


def supports_device(device: str) -> bool:
    """Whether Corten runs there: on the CPU."""
    return device.partition(":")[0] == "CPU"
