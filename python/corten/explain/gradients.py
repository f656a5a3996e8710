"""Explanations by gradients: the slope at an input, its mean over noisy copies, its integral from a baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from corten import random
from corten.explain.explanation import Explanation
from corten.explain.probe import Probe, Target
from corten.graph import Array
from corten.layers.arguments import count, number, whole
from corten.layers.layer import Layer
from corten.models.model import Model
from corten.ops.dtypes import floats
from corten.training.feed import Arrays

__all__ = ["integrated_gradients", "saliency", "smooth_grad"]


def saliency(model: Model, x: Arrays, target: Target | None = None, layer: str | Layer | None = None) -> Explanation:
    """The gradient of the score by the input: how much it changes with each element.

    Args:
        model: a built model.
        x: inputs (n, ...).
        target: the class to explain, see :mod:`corten.explain`.
        layer: a layer's name, path (``body/conv2d``) or the layer: the gradient is by its output, as it must be where
            inputs are no floats: by an embedding's.

    Raises:
        ValueError: no such layer, or more than one; outputs that ask for a function as target.

    Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2013 (arXiv 1312.6034).

    >>> import numpy as np, corten
    >>> model = corten.Sequential([corten.layers.Dense(2, use_bias=False, input_shape=(3,))])
    >>> model.set_weights([np.float32([[1, 4], [2, 5], [3, 6]])])
    >>> corten.explain.saliency(model, np.ones((1, 3)), target=1).values
    array([[4., 5., 6.]], dtype=float32)
    """
    probe = Probe(model, target, layer)
    x = probe.inputs(x)
    targets = probe.targets(x)
    _, values, scores = probe.look(x, targets)
    return Explanation("saliency", values, x, targets, scores)


def smooth_grad(
    model: Model,
    x: Arrays,
    target: Target | None = None,
    samples: int = 25,
    noise: float = 0.15,
    layer: str | Layer | None = None,
    seed: int = 0,
) -> Explanation:
    """The mean of the gradients at noisy copies of the input: what remains is what does not hang on single pixels.

    Args:
        model, x, target, layer: as for :func:`saliency`.
        samples: how many noisy copies.
        noise: the standard deviation of the noise, as a part of the range of the values.
        seed: of the noise.

    Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017 (arXiv 1706.03825).
    """
    samples, noise = count(samples, "smooth_grad: samples"), number(noise, "smooth_grad: noise", 0.0)
    probe = Probe(model, target, layer)
    x = probe.inputs(x)
    targets = probe.targets(x)
    values, _, scores = probe.look(x, targets)
    generator = random.SeedGenerator(seed)
    spread = noise * float(values.max() - values.min())
    total = np.zeros(values.shape, np.float64)
    for _ in range(samples):
        total += probe.look(x, targets, values + random.normal(values.shape, stddev=spread, seed=generator))[1]
    return Explanation("smooth grad", (total / samples).astype(np.float32), x, targets, scores)


def integrated_gradients(
    model: Model,
    x: Arrays,
    target: Target | None = None,
    baseline: ArrayLike | None = None,
    steps: int = 64,
    layer: str | Layer | None = None,
) -> Explanation:
    """How much each element adds to the score on the straight way from a baseline: ``(x - b) * mean of the gradients``.

    The values of an input sum to its score minus the baseline's, but for the error of the numerical integral
    (Gauss-Legendre): what is missing is in ``residual``. More steps make it smaller.

    Args:
        model, x, target, layer: as for :func:`saliency`.
        baseline: an input that says nothing, or one for each input; zeros unless given (what the layer gives is
            meant where ``layer`` is).
        steps: how many gradients along the way.

    Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", ICML 2017.

    >>> import numpy as np, corten
    >>> model = corten.Sequential([corten.layers.Dense(1, use_bias=False, input_shape=(2,))])
    >>> model.set_weights([np.float32([[2], [-1]])])
    >>> corten.explain.integrated_gradients(model, np.float32([[3, 4]])).values.round(4)
    array([[ 6., -4.]], dtype=float32)
    """
    steps = whole(steps, "integrated_gradients: steps", 1, 1 << 14)
    probe = Probe(model, target, layer)
    x = probe.inputs(x)
    targets = probe.targets(x)
    values, _, scores = probe.look(x, targets)
    start = (
        np.zeros_like(values)
        if baseline is None
        else np.broadcast_to(np.asarray(floats(baseline, "integrated_gradients: baseline")), values.shape).copy()
    )
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    mean: Array = np.zeros(values.shape, np.float64)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        mean += weight * probe.look(x, targets, (start + node * (values - start)).astype(np.float32))[1]
    contributions = ((values - start) * mean).astype(np.float32)
    gained = scores - probe.look(x, targets, start)[2]
    residual = gained - contributions.reshape(len(contributions), -1).sum(axis=1)
    return Explanation("integrated gradients", contributions, x, targets, scores, residual)
