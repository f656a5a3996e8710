"""Pooling by strided windows: one slice for each cell of the window, combined in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal

from corten import ops

__all__ = ["CASES"]


def _cells(x: Array, pool: int, stride: int) -> list[Array]:
    height, width = ((size - pool) // stride + 1 for size in x.shape[1:3])
    return [
        x[:, i : i + stride * (height - 1) + 1 : stride, j : j + stride * (width - 1) + 1 : stride]
        for i in range(pool)
        for j in range(pool)
    ]


def _max(pool: int, stride: int) -> Callable[..., Any]:
    def baseline(x: Array) -> Callable[..., Array]:
        first, second, *rest = _cells(x, pool, stride)

        def run(out: Array | None = None) -> Array:
            y = np.maximum(first, second, out=out)
            for cell in rest:
                np.maximum(y, cell, out=y)
            return y

        return run

    return baseline


def _max_gradient(pool: int, stride: int) -> Callable[..., Any]:
    """Forward, then back to the first cell that is the largest."""

    def baseline(x: Array, dy: Array) -> Callable[..., Array]:
        forward, cells = _max(pool, stride)(x), _cells(x, pool, stride)
        y, part = np.empty_like(dy), np.empty_like(dy)
        hit, free = np.empty(dy.shape, bool), np.empty(dy.shape, bool)

        def run(out: Array | None = None) -> Array:
            dx = np.empty_like(x) if out is None else out
            dx.fill(0)
            forward(out=y)
            free.fill(True)
            for cell, target in zip(cells, _cells(dx, pool, stride), strict=True):
                np.equal(cell, y, out=hit)
                np.logical_and(hit, free, out=hit)
                np.logical_xor(free, hit, out=free)
                if stride >= pool:
                    np.multiply(dy, hit, out=target)
                else:
                    np.multiply(dy, hit, out=part)
                    target += part
            return dx

        return run

    return baseline


def _average(pool: int, stride: int) -> Callable[..., Any]:
    def baseline(x: Array) -> Callable[..., Array]:
        first, second, *rest = _cells(x, pool, stride)

        def run(out: Array | None = None) -> Array:
            y = np.add(first, second, out=out)
            for cell in rest:
                y += cell
            y *= np.float32(1 / pool**2)
            return y

        return run

    return baseline


def _average_gradient(pool: int, stride: int) -> Callable[..., Any]:
    def baseline(x: Array, dy: Array) -> Callable[..., Array]:
        part = np.empty_like(dy)

        def run(out: Array | None = None) -> Array:
            dx = np.empty_like(x) if out is None else out
            dx.fill(0)
            np.multiply(dy, np.float32(1 / pool**2), out=part)
            for target in _cells(dx, pool, stride):
                if stride >= pool:
                    np.copyto(target, part)
                else:
                    target += part
            return dx

        return run

    return baseline


def _global(name: str) -> Callable[..., Any]:
    reduce = {"max": np.max, "mean": np.mean}[name]
    return lambda x: lambda out=None: reduce(x, axis=(1, 2), out=out)


def _cases() -> Iterator[Case]:
    for shape, pool, stride in (
        ((128, 26, 26, 32), 2, 2),
        ((128, 11, 11, 64), 2, 2),
        ((1, 26, 26, 32), 2, 2),
        ((32, 32, 32, 3), 2, 2),
        ((32, 28, 28, 64), 3, 2),
        ((32, 14, 14, 64), 3, 1),
    ):
        size = f"{'x'.join(map(str, shape))}, {pool}x{pool} stride {stride}"

        def arrays(shape: Any = shape) -> tuple[Array, ...]:
            return (normal(*shape),)

        def largest(x: Any, pool: int = pool, stride: int = stride) -> Any:
            return ops.max_pool2d(x, pool, stride)

        def average(x: Any, pool: int = pool, stride: int = stride) -> Any:
            return ops.average_pool2d(x, pool, stride)

        yield Case("max_pool2d", size, arrays, largest, _max(pool, stride))
        yield Case("max_pool2d and gradient", size, arrays, largest, _max_gradient(pool, stride), wrt=0)
        yield Case("average_pool2d", size, arrays, average, _average(pool, stride))
        yield Case("average_pool2d gradient", size, arrays, average, _average_gradient(pool, stride), wrt=0)
    for shape in ((128, 11, 11, 64), (32, 7, 7, 512)):
        size = "x".join(map(str, shape))

        def images(shape: Any = shape) -> tuple[Array, ...]:
            return (normal(*shape),)

        yield Case("global max pooling", size, images, lambda x: ops.max(x, axis=(1, 2)), _global("max"))
        yield Case("global average pooling", size, images, lambda x: ops.mean(x, axis=(1, 2)), _global("mean"))


CASES = list(_cases())
