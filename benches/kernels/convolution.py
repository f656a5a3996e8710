"""Convolution by patches (im2col) and one matrix product: what a careful NumPy user writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from contest import Array, Case, normal
from numpy.lib.stride_tricks import as_strided

from corten import ops

__all__ = ["CASES", "Patches"]


@dataclass(frozen=True)
class Window:
    """How the kernel moves."""

    strides: int = 1
    padding: str = "valid"
    dilation: int = 1
    groups: int = 1

    def pads(self, size: int, kernel: int) -> tuple[int, int]:
        if self.padding == "valid":
            return 0, 0
        reach = (kernel - 1) * self.dilation + 1
        total = max((-(-size // self.strides) - 1) * self.strides + reach - size, 0)
        return total // 2, total - total // 2


class Patches:
    """The windows of images (N, H, W, C), gathered as rows of a matrix, and their way back."""

    def __init__(self, shape: tuple[int, ...], kernel: tuple[int, int], window: Window) -> None:
        n, h, w, c = shape
        kh, kw = kernel
        top, bottom = window.pads(h, kh)
        left, right = window.pads(w, kw)
        self.padded = np.zeros((n, h + top + bottom, w + left + right, c), np.float32)
        self.inside = (slice(None), slice(top, top + h), slice(left, left + w))
        self.has_padding = self.padded.shape != shape
        self.window, self.kernel = window, kernel
        self.out = tuple(
            (size - (k - 1) * window.dilation - 1) // window.strides + 1
            for size, k in zip(self.padded.shape[1:3], kernel, strict=True)
        )
        self.cells = np.empty((n, *self.out, kh, kw, c), np.float32)
        self.rows = self.cells.reshape(-1, kh * kw * c)

    def gather(self, x: Array) -> Array:
        """One row for each place of the window."""
        if self.has_padding:
            self.padded[self.inside] = x
            x = self.padded
        s, d = self.window.strides, self.window.dilation
        sn, sh, sw, sc = x.strides
        views = as_strided(x, self.cells.shape, (sn, sh * s, sw * s, sh * d, sw * d, sc), writeable=False)
        if x.shape[-1] * self.kernel[1] >= 8:
            np.copyto(self.cells, views)
        else:  # Short runs are copied faster cell by cell of the window.
            for i in range(self.kernel[0]):
                for j in range(self.kernel[1]):
                    self.cells[:, :, :, i, j] = views[:, :, :, i, j]
        return self.rows

    def scatter(self, out: Array | None) -> Array:
        """Adds the rows to where they came from."""
        s, d = self.window.strides, self.window.dilation
        target = self.padded if self.has_padding else np.empty_like(self.padded) if out is None else out
        target.fill(0)
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                rows = slice(i * d, i * d + s * (self.out[0] - 1) + 1, s)
                columns = slice(j * d, j * d + s * (self.out[1] - 1) + 1, s)
                target[:, rows, columns] += self.cells[:, :, :, i, j]
        if not self.has_padding:
            return target
        if out is None:
            return target[self.inside].copy()
        np.copyto(out, target[self.inside])
        return out


def _forward(window: Window) -> Callable[..., Any]:
    def baseline(x: Array, kernel: Array, bias: Array) -> Callable[..., Array]:
        kh, kw, inner, filters = kernel.shape
        groups = window.groups
        patches = Patches((*x.shape[:3], inner), (kh, kw), window)
        shape = (x.shape[0], *patches.out, filters)
        parts = np.split(kernel.reshape(-1, filters), groups, axis=1)

        def run(out: Array | None = None) -> Array:
            y = np.empty(shape, np.float32) if out is None else out
            rows = y.reshape(-1, filters)
            if groups == 1:
                np.matmul(patches.gather(x), parts[0], out=rows)
            else:
                for g, part in enumerate(parts):
                    width = filters // groups
                    own = patches.gather(np.ascontiguousarray(x[..., g * inner : (g + 1) * inner]))
                    rows[:, g * width : (g + 1) * width] = own @ part
            rows += bias
            np.maximum(rows, 0, out=rows)
            return y

        return run

    return baseline


def _input_gradient(window: Window) -> Callable[..., Any]:
    def baseline(x: Array, kernel: Array, dy: Array) -> Callable[..., Array]:
        kh, kw, _, filters = kernel.shape
        patches = Patches(x.shape, (kh, kw), window)
        rows, turned = dy.reshape(-1, filters), kernel.reshape(-1, filters).T

        def run(out: Array | None = None) -> Array:
            np.matmul(rows, turned, out=patches.rows)
            return patches.scatter(out)

        return run

    return baseline


def _kernel_gradient(window: Window) -> Callable[..., Any]:
    def baseline(x: Array, kernel: Array, dy: Array) -> Callable[..., Array]:
        kh, kw, _, filters = kernel.shape
        patches = Patches(x.shape, (kh, kw), window)
        rows = dy.reshape(-1, filters)

        def run(out: Array | None = None) -> Array:
            flat = None if out is None else out.reshape(-1, filters)
            return np.matmul(patches.gather(x).T, rows, out=flat).reshape(kernel.shape)

        return run

    return baseline


_LAYERS: list[tuple[tuple[int, int, int, int], int, int, Window]] = [
    ((128, 28, 28, 1), 32, 3, Window()),
    ((128, 13, 13, 32), 64, 3, Window()),
    ((32, 28, 28, 32), 3, 3, Window(padding="same")),
    ((32, 28, 28, 1), 32, 3, Window()),
    ((32, 13, 13, 32), 64, 3, Window()),
    ((1, 13, 13, 32), 64, 3, Window()),
    ((64, 34, 34, 16), 16, 3, Window()),
    ((64, 10, 10, 64), 64, 3, Window()),
    ((8, 56, 56, 64), 64, 3, Window(padding="same")),
    ((32, 32, 32, 3), 32, 5, Window(padding="same")),
    ((32, 32, 32, 32), 64, 3, Window(strides=2, padding="same")),
    ((64, 16, 16, 128), 64, 1, Window()),
    ((32, 32, 32, 16), 32, 3, Window(dilation=2)),
    ((32, 16, 16, 64), 64, 3, Window(padding="same", groups=4)),
]


def _cases() -> Iterator[Case]:
    for shape, filters, k, window in _LAYERS:
        n, h, w, c = shape
        size = f"{n}x{h}x{w}x{c} to {filters}, {k}x{k}"
        size += f" stride {window.strides}" * (window.strides > 1) + " same" * (window.padding == "same")
        size += f" dilation {window.dilation}" * (window.dilation > 1) + f" groups {window.groups}" * (
            window.groups > 1
        )
        weights = (k, k, c // window.groups, filters)
        options = {name: getattr(window, name) for name in ("strides", "padding", "dilation", "groups")}

        def forward(x: Any, kernel: Any, bias: Any, options: dict[str, Any] = options) -> Any:
            return ops.conv2d(x, kernel, bias, activation="relu", **options)

        def plain(x: Any, kernel: Any, options: dict[str, Any] = options) -> Any:
            return ops.conv2d(x, kernel, **options)

        def arrays(shape: Any = shape, weights: Any = weights) -> tuple[Array, ...]:
            return normal(*shape), normal(*weights, seed=2)

        def biased(shape: Any = shape, weights: Any = weights) -> tuple[Array, ...]:
            return normal(*shape), normal(*weights, seed=2), normal(weights[-1], seed=3)

        yield Case("conv2d with bias and relu", size, biased, forward, _forward(window), blas=True)
        if window.groups == 1:
            if c > 1:
                yield Case("conv2d input gradient", size, arrays, plain, _input_gradient(window), wrt=0, blas=True)
            yield Case("conv2d kernel gradient", size, arrays, plain, _kernel_gradient(window), wrt=1, blas=True)


CASES = list(_cases())
