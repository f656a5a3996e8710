"""Occlusion: how much the score falls where a part of the input is covered."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from corten.errors import ShapeError
from corten.explain.explanation import Explanation
from corten.explain.probe import Probe, Target
from corten.graph import Array, numeric
from corten.layers.arguments import number, sizes
from corten.models.model import Model

__all__ = ["occlusion"]


def occlusion(
    model: Model,
    x: ArrayLike,
    target: Target | None = None,
    window: int | Sequence[int] = 4,
    stride: int | Sequence[int] | None = None,
    fill: float = 0.0,
) -> Explanation:
    """The score minus that of the input with a window covered; each place has the mean over the windows that cover it.

    Needs no gradients, and one run of the model for each place of the window.

    Args:
        model: a built model.
        x: images (n, height, width, channels) or sequences (n, steps) or (n, steps, features).
        target: the class to explain, see :mod:`corten.explain`.
        window: the size of what is covered: an int, or (height, width).
        stride: from one window to the next; the window's size unless given.
        fill: what covers it.

    Returns:
        Values (n, height, width), or (n, steps).

    Raises:
        ShapeError: inputs with other axes.

    Zeiler, Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.

    >>> import numpy as np, corten
    >>> model = corten.Sequential([corten.layers.Dense(1, use_bias=False, input_shape=(4,))])
    >>> model.set_weights([np.float32([[1], [2], [3], [4]])])
    >>> corten.explain.occlusion(model, np.ones((1, 4)), window=2).values
    array([[3., 3., 7., 7.]], dtype=float32)
    """
    inputs = numeric(x, "occlusion: x")
    fill = number(fill, "occlusion: fill")
    if inputs.ndim not in (2, 3, 4):
        raise ShapeError(f"occlusion: expected images (n, h, w, c) or sequences (n, steps, ...), got {inputs.shape}")
    places = inputs.shape[1:3] if inputs.ndim == 4 else inputs.shape[1:2]
    window = [min(a, b) for a, b in zip(sizes(window, "occlusion: window", len(places)), places, strict=True)]
    steps = window if stride is None else sizes(stride, "occlusion: stride", len(places))
    probe = Probe(model, target)
    targets = probe.targets(inputs)
    scores = probe.scores(inputs, targets)
    total: Array = np.zeros((len(inputs), *places), np.float64)
    covered: Array = np.zeros(places, np.float64)
    for corner in itertools.product(*(_starts(*axis) for axis in zip(places, window, steps, strict=True))):
        part = tuple(slice(start, start + size) for start, size in zip(corner, window, strict=True))
        hidden = inputs.copy()
        hidden[(slice(None), *part)] = fill
        total[(slice(None), *part)] += (scores - probe.scores(hidden, targets)).reshape(-1, *[1] * len(places))
        covered[part] += 1
    return Explanation("occlusion", (total / covered).astype(np.float32), inputs, targets, scores)


def _starts(size: int, window: int, stride: int) -> list[int]:
    """Where windows begin, so that they cover all: the last ends at the end."""
    return sorted({*range(0, size - window, min(stride, window)), size - window})
