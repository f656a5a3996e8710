"""Sums, means, largest and smallest elements along axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal

from corten import ops

__all__ = ["CASES"]


def _reduce(function: Any, axis: Any) -> Callable[..., Any]:
    def baseline(x: Array) -> Callable[..., Any]:
        def run(out: Array | None = None) -> Any:
            # A scalar has no array to be written into.
            return function(x, axis=axis) if out is None or out.ndim == 0 else function(x, axis=axis, out=out)

        return run

    return baseline


def _norm(x: Array) -> Callable[..., Array]:
    """The root of the sum of squares: without the guard against squares that overflow."""

    def run(out: Array | None = None) -> Array:
        squares = np.einsum("ij,ij->i", x, x, out=out)
        return np.sqrt(squares, out=squares)

    return run


def _column_sums(x: Array) -> Callable[..., Array]:
    """The gradient of a bias. A product with ones runs in OpenBLAS, which is faster than ``sum``."""
    ones = np.ones(len(x), np.float32)
    return lambda out=None: np.matmul(ones, x, out=out)


def _cases() -> Iterator[Case]:
    for shape, axes in (((32, 128), None), ((1024, 1024), None), ((32, 128), -1), ((1024, 1024), -1), ((32, 128), 0),
                        ((1024, 1024), 0), ((64, 32, 32, 64), (1, 2)), ((64, 32, 32, 64), (0, 1, 2))):  # fmt: skip
        size = f"{'x'.join(map(str, shape))} over {'all' if axes is None else axes}"

        def arrays(shape: Any = shape) -> tuple[Array, ...]:
            return (normal(*shape) + np.float32(0.5),)

        for name, function in (("sum", np.sum), ("mean", np.mean), ("max", np.max), ("min", np.min)):
            ours = getattr(ops, name)
            yield Case(name, size, arrays, lambda x, f=ours, a=axes: f(x, axis=a), _reduce(function, axes))
    for shape in ((15488, 64), (86528, 32), (128, 10)):
        size = f"{'x'.join(map(str, shape))}"

        def matrix(shape: Any = shape) -> tuple[Array, ...]:
            return (normal(*shape) + np.float32(0.5),)

        yield Case("column sums", size, matrix, lambda x: ops.sum(x, axis=0), _column_sums, blas=True)
    for shape in ((128, 10), (1024, 1000)):
        size = f"{'x'.join(map(str, shape))} over -1"

        def rows(shape: Any = shape) -> tuple[Array, ...]:
            return (normal(*shape),)

        for name, function in (("argmax", np.argmax), ("argmin", np.argmin)):
            ours = getattr(ops, name)
            baseline = lambda x, f=function: lambda out=None: f(x, axis=-1)  # noqa: E731
            yield Case(name, size, rows, lambda x, f=ours: f(x, axis=-1), baseline)

        def about_one(shape: Any = shape) -> tuple[Array, ...]:
            return (np.float32(1) + normal(*shape) / np.float32(100),)

        yield Case("norm", size, rows, lambda x: ops.norm(x, axis=-1), _norm)
        yield Case("prod", size, about_one, lambda x: ops.prod(x, axis=-1), _reduce(np.prod, -1))


CASES = list(_cases())
