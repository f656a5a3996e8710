"""Depthwise convolution: one product of whole images for each tap, added up in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal

from corten import ops

__all__ = ["CASES"]

K = 3


class _Taps:
    """The views of a padded image that the nine taps of a "same" convolution see."""

    def __init__(self, shape: tuple[int, ...], stride: int) -> None:
        n, h, w, c = shape
        self.out = (-(-h // stride), -(-w // stride))
        low = [((out - 1) * stride + K - size) // 2 for out, size in zip(self.out, (h, w), strict=True)]
        high = [(out - 1) * stride + K - size - first for out, size, first in zip(self.out, (h, w), low, strict=True)]
        self.padded = np.zeros((n, h + low[0] + high[0], w + low[1] + high[1], c), np.float32)
        self.inside = self.padded[:, low[0] : low[0] + h, low[1] : low[1] + w]
        self.views = [self._view(i, j, stride) for i in range(K) for j in range(K)]

    def _view(self, i: int, j: int, stride: int) -> Array:
        rows = slice(i, i + (self.out[0] - 1) * stride + 1, stride)
        columns = slice(j, j + (self.out[1] - 1) * stride + 1, stride)
        return self.padded[:, rows, columns]


def _forward(stride: int) -> Callable[..., Any]:
    def baseline(x: Array, kernel: Array) -> Callable[..., Array]:
        taps = _Taps(x.shape, stride)
        part = np.empty((x.shape[0], *taps.out, x.shape[3]), np.float32)

        def run(out: Array | None = None) -> Array:
            taps.inside[...] = x
            y = np.empty_like(part) if out is None else out
            for k, view in enumerate(taps.views):
                np.multiply(view, kernel[k // K, k % K, 0], out=y if k == 0 else part)
                if k:
                    y += part
            return y

        return run

    return baseline


def _input_gradient(stride: int) -> Callable[..., Any]:
    def baseline(x: Array, kernel: Array, dy: Array) -> Callable[..., Array]:
        taps, part = _Taps(x.shape, stride), np.empty_like(dy)

        def run(out: Array | None = None) -> Array:
            taps.padded.fill(0)
            for k, view in enumerate(taps.views):
                np.multiply(dy, kernel[k // K, k % K, 0], out=part)
                view += part
            if out is None:
                return taps.inside.copy()
            np.copyto(out, taps.inside)
            return out

        return run

    return baseline


def _kernel_gradient(stride: int) -> Callable[..., Any]:
    def baseline(x: Array, kernel: Array, dy: Array) -> Callable[..., Array]:
        taps, part = _Taps(x.shape, stride), np.empty_like(dy)

        def run(out: Array | None = None) -> Array:
            taps.inside[...] = x
            dk = np.empty_like(kernel) if out is None else out
            for k, view in enumerate(taps.views):
                np.multiply(view, dy, out=part)
                np.sum(part, axis=(0, 1, 2), out=dk[k // K, k % K, 0])
            return dk

        return run

    return baseline


def _cases() -> Iterator[Case]:
    for shape, stride in (((1, 13, 13, 32), 1), ((32, 28, 28, 32), 1), ((32, 14, 14, 256), 1), ((16, 56, 56, 64), 2)):
        size = f"{'x'.join(map(str, shape))}, 3x3 stride {stride}"

        def arrays(shape: Any = shape) -> tuple[Array, ...]:
            return normal(*shape), normal(K, K, 1, shape[3], seed=2)

        def convolution(x: Any, kernel: Any, stride: int = stride, groups: int = shape[3]) -> Any:
            return ops.conv2d(x, kernel, strides=stride, padding="same", groups=groups)

        yield Case("depthwise", size, arrays, convolution, _forward(stride))
        yield Case("depthwise input gradient", size, arrays, convolution, _input_gradient(stride), wrt=0)
        yield Case("depthwise kernel gradient", size, arrays, convolution, _kernel_gradient(stride), wrt=1)


CASES = list(_cases())
