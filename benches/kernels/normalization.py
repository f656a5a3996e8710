"""Normalisation over the batch and over features: moments, then passes in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal, uniform

from corten import ops

__all__ = ["CASES"]

EPSILON = np.float32(1e-3)


def _moments(x: Array, axis: Any, square: Array) -> tuple[Array, Array]:
    """The mean, and one over the deviation; ``square`` is left with the deviations from the mean."""
    mean = x.mean(axis=axis, keepdims=True)
    np.subtract(x, mean, out=square)
    variance = np.einsum(square, [0, 1], square, [0, 1], [1 - axis], optimize=False) / np.float32(x.shape[axis])
    return mean, 1 / np.sqrt(np.expand_dims(variance, axis) + EPSILON)


def _norm(axis: int) -> Callable[..., Any]:
    def baseline(x: Array, gamma: Array, beta: Array) -> Callable[..., Array]:
        rows = x.reshape(-1, x.shape[-1])

        def run(out: Array | None = None) -> Array:
            y = np.empty_like(x) if out is None else out
            flat = y.reshape(rows.shape)
            _, inverse = _moments(rows, axis, flat)
            if axis == 0:
                flat *= inverse * gamma
            else:
                flat *= inverse
                flat *= gamma
            flat += beta
            return y

        return run

    return baseline


def _gradient(axis: int) -> Callable[..., Any]:
    """Forward's moments, then dx."""

    def baseline(x: Array, gamma: Array, beta: Array, dy: Array) -> Callable[..., Array]:
        rows, dys = x.reshape(-1, x.shape[-1]), dy.reshape(-1, x.shape[-1])
        z, part = np.empty_like(rows), np.empty_like(rows)
        count = np.float32(rows.shape[axis])

        def run(out: Array | None = None) -> Array:
            dx = np.empty_like(x) if out is None else out
            g = dx.reshape(rows.shape)
            _, inverse = _moments(rows, axis, z)
            np.multiply(z, inverse, out=z)
            np.multiply(dys, gamma, out=g)
            np.multiply(g, z, out=part)
            tilt = part.sum(axis=axis, keepdims=True) / count
            g -= g.mean(axis=axis, keepdims=True)
            np.multiply(z, tilt, out=part)
            g -= part
            g *= inverse
            return dx

        return run

    return baseline


def _affine(x: Array, centre: Array, scale: Array, shift: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        y = np.subtract(x, centre, out=out)
        y *= scale
        y += shift
        return y

    return run


def _batch_norm(x: Any, gamma: Any, beta: Any) -> Any:
    return ops.batch_norm(x, gamma, beta, 1e-3)[0]


def _layer_norm(x: Any, gamma: Any, beta: Any) -> Any:
    return ops.layer_normalization(x, gamma, beta, epsilon=1e-3)


def _cases() -> Iterator[Case]:
    for shape in ((32, 128), (32, 28, 28, 32), (32, 14, 14, 256)):
        size = "x".join(map(str, shape))

        def rows(shape: Any = shape) -> tuple[Array, ...]:
            return normal(*shape), uniform(shape[-1]), normal(shape[-1], seed=2)

        def given(shape: Any = shape) -> tuple[Array, ...]:
            return (*rows(shape), normal(shape[-1], seed=3))

        yield Case("batch_norm", size, rows, _batch_norm, _norm(0))
        yield Case("batch_norm and gradient", size, rows, _batch_norm, _gradient(0), wrt=0)
        yield Case("affine", size, given, ops.affine, _affine)
    for shape in ((32, 128), (32, 64, 128), (32, 64, 512)):
        size = "x".join(map(str, shape))

        def features(shape: Any = shape) -> tuple[Array, ...]:
            return normal(*shape), uniform(shape[-1]), normal(shape[-1], seed=2)

        yield Case("layer_norm", size, features, _layer_norm, _norm(1))
        yield Case("layer_norm and gradient", size, features, _layer_norm, _gradient(1), wrt=0)


CASES = list(_cases())
