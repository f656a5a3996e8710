"""Grad-CAM: where in the picture the features are that speak for a class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from corten.errors import ShapeError
from corten.explain.explanation import Explanation
from corten.explain.probe import Probe, Target, calls
from corten.graph import Array, Graph, Tensor
from corten.layers.layer import Layer
from corten.models.model import Model
from corten.ops.dtypes import floats

__all__ = ["grad_cam"]


def grad_cam(model: Model, x: ArrayLike, target: Target | None = None, layer: str | Layer | None = None) -> Explanation:
    """``relu(sum over channels of a_c A_c)``, with ``a_c`` the mean gradient of the score by the feature map ``A_c``.

    Args:
        model: a built model.
        x: images (n, height, width, channels).
        target: the class to explain, see :mod:`corten.explain`.
        layer: the layer (or its name or path) that gives the feature maps; unless given, the last with an output
            (n, rows, columns, channels).

    Returns:
        Values (n, height, width): the map in the size of the images, interpolated.

    Raises:
        ShapeError: the layer gives no feature maps.
        ValueError: no such layer.

    Selvaraju et al., "Grad-CAM: visual explanations from deep networks", ICCV 2017.

    >>> import numpy as np, corten
    >>> from corten.layers import Conv2D, GlobalAveragePooling2D
    >>> model = corten.Sequential([Conv2D(2, 3, input_shape=(8, 8, 1)), GlobalAveragePooling2D()])
    >>> corten.explain.grad_cam(model, np.ones((5, 8, 8, 1))).values.shape
    (5, 8, 8)
    """
    images = np.asarray(floats(x, "grad_cam: x"))
    if not isinstance(model, Model):
        raise TypeError(f"grad_cam: expected a model, got {type(model).__name__}")
    probe = Probe(model, target, _last(model, images) if layer is None else layer)
    targets = probe.targets(images)
    maps, slopes, scores = probe.look(images, targets)
    if maps.ndim != 4:
        raise ShapeError(f"grad_cam: layer {layer!r}: expected outputs (n, rows, columns, channels), got {maps.shape}")
    cam = np.maximum((maps * slopes.mean(axis=(1, 2), keepdims=True)).sum(axis=-1), 0)
    down, across = (_interpolation(a, b) for a, b in zip(cam.shape[1:], images.shape[1:3], strict=True))
    return Explanation("Grad-CAM", (down @ cam @ across.T).astype(np.float32), images, targets, scores)


def _last(model: Model, images: Array) -> Layer:
    """The last layer that gives feature maps."""
    candidates: list[Layer] = []

    def hook(layer: Layer, *args: Any, **kwargs: Any) -> Any:
        outputs = layer.call(*args, **kwargs)
        if isinstance(outputs, Tensor) and outputs.ndim == 4 and not isinstance(layer, Model):
            candidates.append(layer)
        return outputs

    with Graph() as graph, calls(hook):
        model(graph.input(images[:1].shape))
    if not candidates:
        raise ShapeError(f"grad_cam: no layer of {model.name!r} outputs feature maps (n, rows, columns, channels)")
    return candidates[-1]


def _interpolation(size: int, wanted: int) -> Array:
    """The matrix (wanted, size) of a linear interpolation; places are measured at the pixels' centres."""
    centres = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    weights: Array = np.maximum(0, 1 - np.abs(centres[:, None] - np.arange(size)))
    return weights
