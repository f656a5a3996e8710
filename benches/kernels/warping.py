"""Images under transforms of their own: four gathers of pixels, weighed and added."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal

from corten import ops

__all__ = ["CASES"]


def _transforms(count: int) -> Array:
    """Small turns, zooms and moves."""
    change = np.random.default_rng(2).uniform(-1, 1, (count, 8)) * [0.2, 0.2, 3, 0.2, 0.2, 3, 0, 0]
    return (change + np.array([1, 0, 0, 0, 1, 0, 0, 0])).astype(np.float32)


def _warp(x: Array, transforms: Array) -> Callable[..., Array]:
    """Bilinear, with the nearest pixel beyond the border."""
    n, height, width, channels = x.shape
    rows, columns = (axis.astype(np.float32) for axis in np.mgrid[:height, :width])
    pixels, first = x.reshape(-1, channels), (np.arange(n, dtype=np.int64) * height * width)[:, None, None]
    part, other = np.empty_like(x), np.empty_like(x)

    def run(out: Array | None = None) -> Array:
        y = np.empty_like(x) if out is None else out
        a0, a1, a2, b0, b1, b2, _, _ = transforms.T[:, :, None, None]
        down, across = b0 * columns + b1 * rows + b2, a0 * columns + a1 * rows + a2
        i, j = np.floor(down), np.floor(across)
        p, q = (down - i)[..., None], (across - j)[..., None]
        i, j = i.astype(np.int64), j.astype(np.int64)
        above, below = (np.clip(i + k, 0, height - 1) * width + first for k in (0, 1))
        left, right = (np.clip(j + k, 0, width - 1) for k in (0, 1))
        for line, to in ((above, y), (below, part)):
            np.take(pixels, line + left, axis=0, out=to, mode="clip")
            np.take(pixels, line + right, axis=0, out=other, mode="clip")
            np.subtract(other, to, out=other)
            np.multiply(other, q, out=other)
            to += other
        np.subtract(part, y, out=part)
        np.multiply(part, p, out=part)
        y += part
        return y

    return run


def _cases() -> Iterator[Case]:
    for shape in ((64, 32, 32, 3), (8, 224, 224, 3)):

        def arrays(shape: Any = shape) -> tuple[Array, ...]:
            return normal(*shape), _transforms(shape[0])

        yield Case(
            "warp",
            "x".join(map(str, shape)),
            arrays,
            lambda x, transforms: ops.image.affine_transform(x, transforms, fill_mode="nearest"),
            _warp,
        )


CASES = list(_cases())
