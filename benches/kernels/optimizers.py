"""One step of an optimizer over one variable, in place on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal

from corten import ops, optimizers
from corten.tensor import Variable

__all__ = ["CASES"]


def _corten(make: Callable[[], Any]) -> Callable[..., Any]:
    def step(weights: Variable, gradient: Variable) -> list[Any]:
        optimizer = make()
        optimizer.build([weights])
        optimizer.apply([gradient.value], [weights])
        return []

    return step


def _sgd(w: Array, g: Array) -> Callable[[], Array]:
    part = np.empty_like(w)

    def step() -> Array:
        np.multiply(g, np.float32(0.01), out=part)
        np.subtract(w, part, out=w)
        return w

    return step


def _momentum(nesterov: bool) -> Callable[..., Any]:
    def baseline(w: Array, g: Array) -> Callable[[], Array]:
        m, part = np.zeros_like(w), np.empty_like(w)

        def step() -> Array:
            np.multiply(g, np.float32(0.01), out=part)
            np.multiply(m, np.float32(0.9), out=m)
            np.subtract(m, part, out=m)
            if nesterov:
                np.subtract(w, part, out=w)
                np.multiply(m, np.float32(0.9), out=part)
                np.add(w, part, out=w)
            else:
                np.add(w, m, out=w)
            return w

        return step

    return baseline


def _rmsprop(w: Array, g: Array) -> Callable[[], Array]:
    v, part, root = np.zeros_like(w), np.empty_like(w), np.empty_like(w)

    def step() -> Array:
        np.multiply(g, g, out=part)
        np.multiply(part, np.float32(0.1), out=part)
        np.multiply(v, np.float32(0.9), out=v)
        np.add(v, part, out=v)
        np.add(v, np.float32(1e-7), out=root)
        np.sqrt(root, out=root)
        np.divide(g, root, out=part)
        np.multiply(part, np.float32(0.001), out=part)
        np.subtract(w, part, out=w)
        return w

    return step


def _adam(decay: float) -> Callable[..., Any]:
    def baseline(w: Array, g: Array) -> Callable[[], Array]:
        m, v, part = np.zeros_like(w), np.zeros_like(w), np.empty_like(w)
        time = 0

        def step() -> Array:
            nonlocal time
            time += 1
            if decay:
                np.multiply(w, np.float32(1 - 0.001 * decay), out=w)
            np.subtract(g, m, out=part)
            np.multiply(part, np.float32(0.1), out=part)
            np.add(m, part, out=m)
            np.multiply(g, g, out=part)
            np.subtract(part, v, out=part)
            np.multiply(part, np.float32(0.001), out=part)
            np.add(v, part, out=v)
            np.sqrt(v, out=part)
            np.add(part, np.float32(1e-7), out=part)
            np.divide(m, part, out=part)
            rate = 0.001 * np.sqrt(1 - 0.999**time) / (1 - 0.9**time)
            np.multiply(part, np.float32(rate), out=part)
            np.subtract(w, part, out=w)
            return w

        return step

    return baseline


def _read(weights: Variable, indices: Variable, rows: Variable) -> list[Any]:
    """Adam where the table was read by index."""
    optimizer = optimizers.Adam(0.001)
    optimizer.build([weights])
    optimizer.minimize(ops.sum(ops.multiply(ops.take(weights, indices, axis=0), rows)), [weights])
    return []


def _adam_of_rows(w: Array, indices: Array, dy: Array) -> Callable[[], Array]:
    """Rows sorted by index, summed, and their part of the table and its slots taken out and put back."""
    m, v, time = np.zeros_like(w), np.zeros_like(w), 0

    def step() -> Array:
        nonlocal time
        time += 1
        order = np.argsort(indices, kind="stable")
        rows, starts = np.unique(indices[order], return_index=True)
        g = np.add.reduceat(dy[order], starts, axis=0)
        m[rows] += (g - m[rows]) * np.float32(0.1)
        v[rows] += (g * g - v[rows]) * np.float32(0.001)
        rate = np.float32(0.001 * np.sqrt(1 - 0.999**time) / (1 - 0.9**time))
        w[rows] -= rate * m[rows] / (np.sqrt(v[rows]) + np.float32(1e-7))
        return w

    return step


_OPTIMIZERS: list[tuple[str, Callable[[], Any], Callable[..., Any]]] = [
    ("sgd", lambda: optimizers.SGD(0.01), _sgd),
    ("sgd with momentum", lambda: optimizers.SGD(0.01, momentum=0.9), _momentum(nesterov=False)),
    ("sgd with nesterov", lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True), _momentum(nesterov=True)),
    ("rmsprop", lambda: optimizers.RMSprop(0.001), _rmsprop),
    ("adam", lambda: optimizers.Adam(0.001), _adam(0.0)),
    ("adamw", lambda: optimizers.AdamW(0.001, weight_decay=0.004), _adam(0.004)),
]


def _cases() -> Iterator[Case]:
    for name, make, baseline in _OPTIMIZERS:
        for count in (1280, 204800, 4194304):
            yield Case(
                name,
                f"{count} weights",
                lambda count=count: (normal(count), normal(count, seed=2)),
                _corten(make),
                baseline,
                on_arrays=False,
                in_place=True,
                tolerance=1e-5,
            )
    for count in (128, 6400):
        yield Case(
            "adam of gathered rows",
            f"{count} of 50000x64",
            lambda count=count: (
                normal(50_000, 64),
                np.random.default_rng(3).integers(0, 50_000, count).astype(np.int32),
                normal(count, 64, seed=2),
            ),
            _read,
            _adam_of_rows,
            on_arrays=False,
            in_place=True,
            tolerance=1e-4,
        )


CASES = list(_cases())
