"""Attention maps: what each step of each attention layer looked at."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from corten.explain.explanation import figure
from corten.explain.probe import batches, calls, expect_arrays, find, paths
from corten.graph import Array, map_nested
from corten.layers.layer import Layer
from corten.models.function import Function
from corten.models.model import Model
from corten.training.feed import Arrays

__all__ = ["AttentionMaps", "attention_maps"]


@dataclass
class AttentionMaps:
    """The weights of attention layers.

    Attributes:
        maps: by the layer's path, the weights (n, heads, queries, keys), or (n, queries, keys) of layers without heads;
            a layer's second use in a model has ``#2`` behind its path.
    """

    maps: dict[str, Array]

    def plot(
        self,
        index: int = 0,
        queries: Sequence[object] | None = None,
        keys: Sequence[object] | None = None,
        path: str | os.PathLike[str] | None = None,
    ) -> Any:
        """A matplotlib figure of one input's maps: a row for each layer, a column for each head.

        Args:
            index: which input.
            queries, keys: labels of the steps.
            path: where to save the picture.

        Raises:
            ImportError: matplotlib is not there: ``pip install 'corten[plot]'``.
        """
        shown = {name: maps[index] if maps.ndim == 4 else maps[index][None] for name, maps in self.maps.items()}
        columns = max(len(heads) for heads in shown.values())
        picture = figure(len(shown), columns, 2.4, 2.6)
        grid = picture.subplots(len(shown), columns, squeeze=False)
        for row, (name, heads) in zip(grid, shown.items(), strict=True):
            for number, axes in enumerate(row):
                if number >= len(heads):
                    axes.axis("off")
                    continue
                axes.imshow(heads[number], cmap="viridis", vmin=0, aspect="auto")
                axes.set_title(name if len(heads) == 1 else f"{name}, head {number}", fontsize=8)
                for axis, labels in ((axes.xaxis, keys), (axes.yaxis, queries)):
                    if labels is not None:
                        axis.set_ticks(range(len(labels)), labels=list(labels), fontsize=7)
            if keys is not None:
                row[0].tick_params(axis="x", rotation=90)
        if path is not None:
            picture.savefig(path, dpi=100)
        return picture


def attention_maps(model: Model, x: Arrays, layer: str | Layer | None = None) -> AttentionMaps:
    """The weights that attention layers gave their keys, found by running the model once.

    Args:
        model: a built model, with layers anywhere inside whose ``call`` takes ``return_attention_scores``.
        x: inputs, nested where there are several.
        layer: only this layer: its name, its path, or the layer itself.

    Raises:
        ValueError: the model has no attention layer, or not this one; or a layer uses ``flash_attention``.

    >>> import numpy as np, corten
    >>> x = corten.Input((5, 8))
    >>> attend = corten.layers.MultiHeadAttention(num_heads=2, key_dim=4, name="attend")
    >>> maps = corten.explain.attention_maps(corten.Model(x, attend(x, x)), np.ones((3, 5, 8)))
    >>> maps.maps["attend"].shape
    (3, 2, 5, 5)
    """
    if not isinstance(model, Model):
        raise TypeError(f"attention_maps: expected a model, got {type(model).__name__}")
    expect_arrays(x)
    only = None if layer is None else find(model, layer)
    known = {id(inner): path for path, inner in paths(model)}

    def run(inputs: Any) -> dict[str, Any]:
        maps: dict[str, Any] = {}

        def hook(layer: Layer, *args: Any, **kwargs: Any) -> Any:
            attends = "return_attention_scores" in inspect.signature(type(layer).call).parameters
            if not attends or (only is not None and layer is not only):
                return layer.call(*args, **kwargs)
            asked = kwargs.pop("return_attention_scores", False)
            outputs, weights = layer.call(*args, return_attention_scores=True, **kwargs)
            name = known.get(id(layer), layer.name)
            uses = sum(1 for used in maps if used.partition("#")[0] == name)
            maps[name if not uses else f"{name}#{uses + 1}"] = weights
            return (outputs, weights) if asked else outputs

        with calls(hook):
            model(inputs, training=False)
        return maps

    step = Function(run)
    parts = [step(part) for _, part in batches(map_nested(np.asarray, x))]
    if not parts or not parts[0]:
        raise ValueError(f"attention_maps: {model.name!r} has no attention layer (with return_attention_scores)")
    return AttentionMaps({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
