"""Attention: in NumPy two stacked products, and a softmax in place between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from contest import Array, Case, normal

from corten import ops

__all__ = ["CASES"]


def _baseline(query: Array, key: Array, value: Array) -> Callable[..., Array]:
    q, k, v = (np.ascontiguousarray(x.transpose(0, 2, 1, 3)) for x in (query, key, value))
    y = np.empty_like(q)

    def run(out: Array | None = None) -> Array:
        scores = np.matmul(q, k.swapaxes(2, 3))
        scores *= q.shape[3] ** -0.5
        scores -= scores.max(-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(-1, keepdims=True)
        np.matmul(scores, v, out=y)
        if out is None:
            return y.transpose(0, 2, 1, 3).copy()
        out[:] = y.transpose(0, 2, 1, 3)
        return out

    return run


def _gradient(query: Array, key: Array, value: Array, dy: Array) -> Callable[..., Array]:
    """By the query; forward as well, for its weights are needed."""
    q, k, v, dys = (np.ascontiguousarray(x.transpose(0, 2, 1, 3)) for x in (query, key, value, dy))
    weights = np.empty((*q.shape[:3], k.shape[2]), np.float32)
    pull, y = np.empty_like(weights), np.empty_like(q)
    scale = np.float32(q.shape[3] ** -0.5)

    def run(out: Array | None = None) -> Array:
        np.matmul(q, k.swapaxes(2, 3), out=weights)
        weights[...] *= scale
        weights[...] -= weights.max(-1, keepdims=True)
        np.exp(weights, out=weights)
        weights[...] /= weights.sum(-1, keepdims=True)
        np.matmul(weights, v, out=y)
        np.matmul(dys, v.swapaxes(2, 3), out=pull)
        pull[...] -= np.multiply(y, dys).sum(-1, keepdims=True)
        pull[...] *= weights
        pull[...] *= scale
        dq = np.matmul(pull, k).transpose(0, 2, 1, 3)
        if out is None:
            return dq.copy()
        out[:] = dq
        return out

    return run


def _cases() -> Iterator[Case]:
    for batch, steps, heads, depth in ((32, 64, 4, 32), (1, 64, 4, 32), (4, 512, 4, 64)):
        arrays = lambda s=(batch, steps, heads, depth): tuple(normal(*s, seed=i) for i in (1, 2, 3))  # noqa: E731
        sizes = f"{batch}x{steps}x{heads}x{depth}"
        ours = lambda q, k, v: ops.attention(q, k, v)[0]  # noqa: E731
        yield Case("attention", sizes, arrays, ours, _baseline, blas=True)
        yield Case("attention and gradient", sizes, arrays, ours, _gradient, wrt=0, blas=True)


CASES = list(_cases())
