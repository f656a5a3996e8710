"""Trials: a model is traced on inputs of made-up sizes, to see what shapes there are in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from corten.graph import Graph, flatten
from corten.onnx.node_layer import NodeLayer

__all__ = ["TRIALS", "Sizes", "Trial", "trial"]

#: Of the batch, and of other axes that are open.
Sizes: TypeAlias = tuple[int, int]

#: Pairs of sizes to be tried, one after the other. Where the second will not do with the first, only the batch differs.
TRIALS: tuple[tuple[Sizes, Sizes], ...] = (((2, 96), (3, 128)), ((2, 576), (3, 704)), ((2, 16), (3, 24)))


@dataclass
class Trial:
    """What a trace on made-up sizes shows."""

    #: Of what each layer gives, in ONNX's order.
    shapes: dict[NodeLayer, tuple[int, ...]]
    #: Whether all inputs and outputs have as many rows.
    by_rows: bool


def trial(
    model: Any, shapes: Sequence[Sequence[int | str | None]], dtypes: Sequence[str], batch: int, other: int
) -> Trial:
    """Traces a model.

    Args:
        model: a function of a list of tensors.
        shapes: of the inputs, the batch first; a name, or None, for a size that is open.
        dtypes: of the inputs.
        batch: what stands for the size of an open first axis.
        other: for that of another; axes of one name have one size.
    """
    seen: dict[NodeLayer, tuple[int, ...]] = {}
    names: dict[str, int] = {}

    def hook(layer: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = layer.call(*args, **kwargs)
        if isinstance(layer, NodeLayer):
            seen[layer] = args[1][0].shape
        return outputs

    with Graph() as graph:
        tensors = []
        for place, (shape, dtype) in enumerate(zip(shapes, dtypes)):
            sizes = [
                size if isinstance(size, int) else names.setdefault(size or f"{place} {axis}", other if axis else batch)
                for axis, size in enumerate(shape)
            ]
            tensors.append(graph.input(sizes, dtype))
        graph.call_hook = hook
        outputs = model(tensors, training=False)
    firsts = {tensor.shape[:1] for tensor in (*tensors, *flatten(outputs))}
    return Trial(seen, len(firsts) == 1 and () not in firsts)
