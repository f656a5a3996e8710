"""What can be computed before the model runs: ops on weights and constants, and batch normalisations."""

from __future__ import annotations

import math

import numpy as np

from corten import _core
from corten.export.sizes import Size
from corten.export.traced import Node, Traced, Value
from corten.graph import flatten

__all__ = ["compute_constants", "fold_batch_norms"]

#: Ops that give the elements of their input in another order or shape.
_VIEWS = {"identity", "reshape", "slice", "split", "stop_gradient", "transpose"}
_RANDOM = {"dropout", "increment", "random_normal", "random_uniform"}
#: Elements that a result may have although its inputs have fewer.
_SMALL = 4096


def compute_constants(traced: Traced) -> None:
    """Computes what depends on weights and constants alone, by the engine's own ops."""
    left = []
    for node in traced.nodes:
        if not _computable(node):
            left.append(node)
            continue
        arrays = [value.array for value in node.inputs]
        results = _core.run(node.op, [np.array(array, order="C") for array in arrays], node.attributes)
        for place, (value, result) in enumerate(zip(node.outputs, results, strict=True)):
            value.array = result
            source = node.inputs[0].label
            if node.op not in _VIEWS:
                value.label = f"{node.layer}/{node.op}" if node.layer else node.op
            else:
                value.label = source if len(node.outputs) == 1 else f"{source}/{place}"
    traced.nodes = left


def _computable(node: Node) -> bool:
    if node.op in _RANDOM or any(value.array is None for value in node.inputs):
        return False
    attributes = [
        each for value in node.attributes.values() for each in (value if isinstance(value, list) else [value])
    ]
    if any(isinstance(each, tuple) for each in attributes):
        return False
    size = sum(np.size(value.array) for value in node.inputs if value.array is not None)
    shapes: list[tuple[Size, ...]] = [value.shape for value in node.outputs]
    return all(math.prod(n for n in shape if isinstance(n, int)) <= max(_SMALL, 2 * size) for shape in shapes)


def fold_batch_norms(traced: Traced) -> None:
    """Puts a batch normalisation by given statistics into the convolution or dense op before that only it follows."""
    uses: dict[Value, int] = {}
    for value in [*(value for node in traced.nodes for value in node.inputs), *flatten(traced.outputs)]:
        uses[value] = uses.get(value, 0) + 1
    left = []
    for node in traced.nodes:
        before = node.inputs[0].producer if node.op == "affine" else None
        if before is None or not _foldable(node, before, uses[node.inputs[0]]):
            left.append(node)
            continue
        kernel, *bias = (value.array for value in before.inputs[1:])
        centre, scale, shift = (value.array for value in node.inputs[1:])
        assert kernel is not None and centre is not None and scale is not None and shift is not None
        old = np.zeros_like(centre) if not bias else bias[0]
        label = before.inputs[1].label
        moved = (np.asarray(old, np.float64) - centre) * scale + shift
        scaled = (kernel.astype(np.float64) * scale).astype(np.float32)
        before.inputs[1:] = [
            Value(scaled.shape, "float32", array=scaled, label=f"{label}/folded"),
            Value(scale.shape, "float32", array=moved.astype(np.float32), label=f"{label}/folded_bias"),
        ]
        before.outputs = node.outputs
        node.outputs[0].producer = before
    traced.nodes = left


def _foldable(node: Node, before: Node, uses: int) -> bool:
    linear = before.op in ("conv2d", "dense") and before.attributes["activation"] == "linear"
    return linear and uses == 1 and all(value.array is not None for value in [*node.inputs[1:], *before.inputs[1:]])
