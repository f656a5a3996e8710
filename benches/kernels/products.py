"""Matrix products: NumPy's are OpenBLAS's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal

from corten import ops

__all__ = ["CASES"]


def _matmul(transpose_a: bool = False, transpose_b: bool = False) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def baseline(a: Array, b: Array) -> Callable[..., Array]:
        a = a.swapaxes(-1, -2) if transpose_a else a
        b = b.swapaxes(-1, -2) if transpose_b else b
        return lambda out=None: np.matmul(a, b, out=out)

    # As one would write it.
    written: dict[tuple[bool, bool], Callable[..., Any]] = {
        (False, False): ops.matmul,
        (False, True): lambda a, b: ops.matmul(a, b, transpose_b=True),
        (True, False): lambda a, b: ops.matmul(a, b, transpose_a=True),
        (True, True): lambda a, b: ops.matmul(a, b, transpose_a=True, transpose_b=True),
    }
    return written[transpose_a, transpose_b], baseline


def _dense(x: Array, kernel: Array, bias: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        y = np.matmul(x, kernel, out=out)
        y += bias
        return np.maximum(y, 0, out=y)

    return run


def _cases() -> Iterator[Case]:
    for n in (32, 64, 96, 128, 192, 256, 384, 512, 768, 1024):
        corten, baseline = _matmul()
        yield Case(
            "matmul", f"{n}x{n}x{n}", lambda n=n: (normal(n, n), normal(n, n, seed=2)), corten, baseline, blas=True
        )
    for left, right in ((False, True), (True, False), (True, True)):
        for n in (64, 256, 512):
            corten, baseline = _matmul(left, right)
            sign = f"{'T' if left else 'N'}{'T' if right else 'N'}"
            arrays = lambda n=n: (normal(n, n), normal(n, n, seed=2))  # noqa: E731
            yield Case("matmul", f"{sign} {n}x{n}x{n}", arrays, corten, baseline, blas=True)
    for m, k, n in (
        (128, 1600, 128),
        (128, 128, 10),
        (128, 128, 1),
        (1024, 512, 3),
        (1, 1600, 128),
        (1600, 128, 128),
        (2048, 64, 64),
    ):
        corten, baseline = _matmul()
        arrays = lambda m=m, k=k, n=n: (normal(m, k), normal(k, n, seed=2))  # noqa: E731
        yield Case("matmul", f"{m}x{k}x{n}", arrays, corten, baseline, blas=True)
    for stack, m, k, n in ((128, 64, 32, 64), (32, 128, 128, 128)):
        corten, baseline = _matmul()
        arrays = lambda s=stack, m=m, k=k, n=n: (normal(s, m, k), normal(s, k, n, seed=2))  # noqa: E731
        yield Case("matmul, stacked", f"{stack} of {m}x{k}x{n}", arrays, corten, baseline, blas=True)
    for m, k, n in ((32, 64, 64), (128, 1600, 128), (256, 784, 128)):
        yield Case(
            "dense with bias and relu",
            f"{m}x{k}x{n}",
            lambda m=m, k=k, n=n: (normal(m, k), normal(k, n, seed=2), normal(n, seed=3)),
            lambda x, kernel, bias: ops.dense(x, kernel, bias, activation="relu"),
            _dense,
            blas=True,
        )


CASES = list(_cases())
