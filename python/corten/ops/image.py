"""Images in other sizes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corten.errors import ShapeError
from corten.ops.dtypes import floats
from corten.ops.linear import matmul
from corten.ops.nn import pair
from corten.ops.shapes import broadcast_to, reshape, swapaxes
from corten.tensor import symbolic

__all__ = ["upsample2d"]


def _linear(t: float) -> float:
    return max(0.0, 1 - t)


def _cubic(t: float) -> float:
    """Keys's (1981), with a = -1/2."""
    if t >= 2:
        return 0.0
    return ((1.5 * t - 2.5) * t) * t + 1 if t < 1 else ((-0.5 * t + 2.5) * t - 4) * t + 2


def _lanczos(t: float, radius: int) -> float:
    if t >= radius:
        return 0.0
    x = math.pi * t
    return radius * math.sin(x) * math.sin(x / radius) / (x * x) if t > 1e-3 else 1.0


#: How much an input pixel counts at a distance, by the name of the interpolation.
INTERPOLATIONS: dict[str, Callable[[float], float] | None] = {
    "nearest": None,
    "bilinear": _linear,
    "bicubic": _cubic,
    "lanczos3": functools.partial(_lanczos, radius=3),
    "lanczos5": functools.partial(_lanczos, radius=5),
}

#: Products with fewer columns than this cost more than moving the channels out of the way and back.
NARROW = 16


@functools.lru_cache(maxsize=64)
def _interpolation(size: int, factor: int, name: str) -> NDArray[np.float32]:
    """The matrix (size * factor, size) that interpolates along one axis; pixels are measured at their centres."""
    weight = INTERPOLATIONS[name]
    assert weight is not None
    matrix: NDArray[np.float64] = np.zeros((size * factor, size))
    for row in range(size * factor):
        centre = (row + 0.5) / factor - 0.5
        for column in range(max(0, math.floor(centre) - 5), min(size, math.ceil(centre) + 6)):
            matrix[row, column] = weight(abs(centre - column))
    matrix /= matrix.sum(axis=1, keepdims=True)
    return matrix.astype(np.float32)


@symbolic
def upsample2d(x: Any, size: int | Sequence[int] = 2, interpolation: str = "nearest") -> Any:
    """Images ``size`` times as large.

    Args:
        x: (batch, height, width, channels).
        size: one int or (vertical, horizontal).
        interpolation: ``"nearest"`` repeats pixels; ``"bilinear"``, ``"bicubic"`` (Keys 1981), ``"lanczos3"`` and
            ``"lanczos5"`` weigh those nearby by their distance, along one axis after the other.

    Returns:
        (batch, height * size, width * size, channels).

    Raises:
        ShapeError: not four axes.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.upsample2d(np.float32([[[[1], [2]]]]), (1, 2)).ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """
    x = floats(x)
    down, across = pair(size, "size")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"upsample2d: interpolation: expected one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}"
        )
    if len(x.shape) != 4:
        raise ShapeError(f"upsample2d: expected four axes (batch, height, width, channels), got {tuple(x.shape)}")
    n, height, width, channels = x.shape
    if interpolation == "nearest":
        cells = reshape(x, (n, height, 1, width, 1, channels))
        wide = broadcast_to(cells, (n, height, down, width, across, channels))
        return reshape(wide, (n, height * down, width * across, channels))
    if down > 1:
        rows = reshape(x, (n, height, width * channels))
        x = matmul(_interpolation(height, down, interpolation), rows)
    if across > 1:
        columns, weights = (
            reshape(x, (n * height * down, width, channels)),
            _interpolation(width, across, interpolation),
        )
        if channels < NARROW:
            x = swapaxes(matmul(swapaxes(columns, 1, 2), weights, transpose_b=True), 1, 2)
        else:
            x = matmul(weights, columns)
    return reshape(x, (n, height * down, width * across, channels))
