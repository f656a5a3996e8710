"""The probe: a model seen from one place, its input or a layer inside: scores, activations and gradients there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from corten import ops
from corten.arguments import shown
from corten.errors import ShapeError
from corten.graph import Array, current_graph, flatten, gradients, has_symbolic, map_nested
from corten.layers.layer import Layer
from corten.models.function import Function
from corten.models.model import Model
from corten.ops.dtypes import integers
from corten.training.feed import Arrays

__all__ = ["Probe", "Target", "batches", "calls", "find", "paths"]

#: Which score is explained: of a class, one class for each input, the likeliest (None), or what a function says.
Target: TypeAlias = "ArrayLike | Callable[[Any], Any] | None"

#: Rows that go through the model at once.
ROWS = 64


def paths(model: Layer, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """All layers inside a model, in order, each with its path: ``body/conv2d``."""
    for layer in model.layers if isinstance(model, Model) else model._sublayers():
        yield prefix + layer.name, layer
        yield from paths(layer, f"{prefix}{layer.name}/")


def find(model: Model, layer: str | Layer) -> Layer:
    """The layer of that name or path.

    Raises:
        ValueError: there is none, or there are several.
    """
    known = list(paths(model))
    fits = [(p, inner) for p, inner in known if inner is layer or p == layer or p.endswith(f"/{layer}")]
    if len({id(inner) for _, inner in fits}) == 1:
        return fits[0][1]
    if fits:
        raise ValueError(f"{model.name!r} has several layers {layer!r}; give a path: {[p for p, _ in fits]}")
    raise ValueError(f"{model.name!r} has no layer {layer!r}; expected one of {[p for p, _ in known]}")


def batches(x: Arrays) -> Iterator[tuple[slice, Any]]:
    """Nested arrays in parts that go through the model at once, and which rows these are."""

    def part(rows: slice) -> Any:
        return map_nested(lambda leaf: leaf[rows], x)

    for start in range(0, len(flatten(x)[0]), ROWS):
        rows = slice(start, start + ROWS)
        yield rows, part(rows)


def expect_arrays(x: Arrays) -> None:
    """Refuses what is no input of :func:`batches`: symbolic tensors, nothing, and lists that hold themselves."""
    if has_symbolic(x):
        raise TypeError("expected arrays of inputs, got symbolic tensors")
    if any(np.ndim(leaf) == 0 for leaf in (flatten(x) or [0])):
        raise ShapeError(f"expected arrays of inputs, the first axis the samples, got {shown(x)}")


class calls:
    """Within it, ``hook(layer, *args, **kwargs)`` stands in for each ``layer.call`` of the step."""

    def __init__(self, hook: Callable[..., Any]) -> None:
        self.hook = hook

    def __enter__(self) -> None:
        graph = current_graph()
        assert graph is not None
        self.graph, self.before = graph, graph.call_hook
        graph.call_hook = self.hook

    def __exit__(self, *_: object) -> None:
        self.graph.call_hook = self.before


class Probe:
    """A model seen from one place.

    Args:
        model: a built model.
        target: a class, one class for each input, None for the likeliest, or a function of the outputs.
        layer: a layer, its name or its path: the place is its output; None: the model's input.
    """

    def __init__(self, model: Model, target: Target | None = None, layer: str | Layer | None = None) -> None:
        if not isinstance(model, Model):
            raise TypeError(f"expected a model, got {type(model).__name__}")
        if target is not None and not callable(target):
            target = np.asarray(integers(target))
            if target.ndim > 1:
                raise ShapeError(f"target: expected a class, or one for each input, got shape {target.shape}")
        self.model = model
        self.layer = None if layer is None else find(model, layer)
        self.target = target
        self._scored, self._graded = Function(self._score), Function(self._gradient)

    def inputs(self, x: Arrays) -> Any:
        """``x`` as arrays: of floats, where gradients by them are wanted."""
        expect_arrays(x)
        if self.layer is None and isinstance(x, (list, tuple, dict)) and any(np.ndim(leaf) for leaf in flatten(x)):
            leaves = flatten(x)
            if len(leaves) > 1 and all(hasattr(leaf, "shape") for leaf in leaves):
                raise ValueError(f"{self.model.name!r} has several inputs; pass layer= to select one place")
        if self.layer is None:
            return np.asarray(x, np.float32)
        return map_nested(np.asarray, x)

    def targets(self, x: Arrays) -> Array | None:
        """The class of each input that is explained; None where a function says what."""
        if callable(self.target):
            return None
        count = len(flatten(x)[0])
        if self.target is not None:
            return np.broadcast_to(self.target, (count,))
        outputs = np.asarray(self.model.predict(x, batch_size=ROWS, verbose=0))
        if outputs.ndim > 2:
            raise ValueError(
                f"{self.model.name!r}: outputs of shape {outputs.shape}; target= must be a function of them that gives "
                "one score for each input"
            )
        likeliest: Array = outputs.reshape(count, -1).argmax(axis=1).astype(np.int32)
        return likeliest

    def scores(self, x: Arrays, targets: Array | None) -> Array:
        """The score of each input (n,)."""
        return np.concatenate([self._scored(part, own) for part, own, _ in self._parts(x, targets, None)])

    def look(self, x: Arrays, targets: Array | None, at: Array | None = None) -> tuple[Array, Array, Array]:
        """What the place holds, the gradient of the score by it, and the score (n,).

        Where ``at`` is given, it stands in for what the place would hold.
        """
        parts = [self._graded(part, own, where) for part, own, where in self._parts(x, targets, at)]
        values, slopes, scores = (np.concatenate(group) for group in zip(*parts, strict=True))
        return values, slopes, scores

    def _parts(self, x: Any, targets: Array | None, at: Array | None) -> Iterator[tuple[Any, Any, Any]]:
        for rows, part in batches(x):
            yield part, None if targets is None else targets[rows], None if at is None else at[rows]

    def _score(self, x: Any, target: Any) -> Any:
        outputs = self.model(x, training=False)
        if callable(self.target):
            score = self.target(outputs)
        else:
            flat = ops.reshape(outputs, (outputs.shape[0], -1))
            score = ops.sum(flat * ops.one_hot(target, flat.shape[1]), axis=-1)
        if getattr(score, "shape", None) != (flatten(x)[0].shape[0],):
            raise ValueError(f"target: expected a score for each input, got {score!r}")
        return score

    def _gradient(self, x: Any, target: Any, at: Any = None) -> tuple[Any, Any, Any]:
        place: list[Any] = [] if self.layer is not None else [x if at is None else at]

        def hook(layer: Layer, *args: Any, **kwargs: Any) -> Any:
            outputs = layer.call(*args, **kwargs)
            if layer is not self.layer:
                return outputs
            if place:
                raise ValueError(f"layer {layer.name!r} is used more than once; cannot tell which use is meant")
            place.append(outputs if at is None else ops.identity(at))
            return place[0]

        with calls(hook):
            score = self._score(x if self.layer is not None else place[0], target)
        if not place:
            raise ValueError(f"layer {self.layer!r} does not contribute to the model's outputs")
        return ops.identity(place[0]), gradients(score, place[0]), score
