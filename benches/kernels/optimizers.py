"""One step of an optimizer over one variable, in place on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal

from corten import ops, optimizers
from corten.graph import Variable

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


def _nadam(w: Array, g: Array) -> Callable[[], Array]:
    m, v, part, root = (np.zeros_like(w) for _ in range(4))
    time, product = 0, 1.0

    def step() -> Array:
        nonlocal time, product
        time += 1
        now, then = (0.9 * (1 - 0.5 * 0.96**t) for t in (time, time + 1))
        product *= now
        np.subtract(g, m, out=part)
        np.multiply(part, np.float32(0.1), out=part)
        np.add(m, part, out=m)
        np.multiply(g, g, out=part)
        np.subtract(part, v, out=part)
        np.multiply(part, np.float32(0.001), out=part)
        np.add(v, part, out=v)
        np.multiply(v, np.float32(1 / (1 - 0.999**time)), out=root)
        np.sqrt(root, out=root)
        np.add(root, np.float32(1e-7), out=root)
        np.multiply(m, np.float32(0.001 * then / (1 - product * then)), out=part)
        np.divide(part, root, out=part)
        np.subtract(w, part, out=w)
        np.multiply(g, np.float32(0.001 * (1 - now) / (1 - product)), out=part)
        np.divide(part, root, out=part)
        np.subtract(w, part, out=w)
        return w

    return step


def _adamax(w: Array, g: Array) -> Callable[[], Array]:
    m, largest, part = (np.zeros_like(w) for _ in range(3))
    time = 0

    def step() -> Array:
        nonlocal time
        time += 1
        np.subtract(g, m, out=part)
        np.multiply(part, np.float32(0.1), out=part)
        np.add(m, part, out=m)
        np.multiply(largest, np.float32(0.999), out=largest)
        np.maximum(largest, np.abs(g, out=part), out=largest)
        np.add(largest, np.float32(1e-7), out=part)
        np.divide(m, part, out=part)
        np.multiply(part, np.float32(0.001 / (1 - 0.9**time)), out=part)
        np.subtract(w, part, out=w)
        return w

    return step


def _adagrad(w: Array, g: Array) -> Callable[[], Array]:
    total, part = np.full_like(w, 0.1), np.empty_like(w)

    def step() -> Array:
        np.multiply(g, g, out=part)
        np.add(total, part, out=total)
        np.add(total, np.float32(1e-7), out=part)
        np.sqrt(part, out=part)
        np.divide(g, part, out=part)
        np.multiply(part, np.float32(0.001), out=part)
        np.subtract(w, part, out=w)
        return w

    return step


def _adadelta(w: Array, g: Array) -> Callable[[], Array]:
    gradients, steps, part, root = (np.zeros_like(w) for _ in range(4))

    def mean(of: Array, x: Array) -> None:
        np.multiply(of, np.float32(0.95), out=of)
        np.multiply(x, x, out=root)
        np.multiply(root, np.float32(0.05), out=root)
        np.add(of, root, out=of)

    def step() -> Array:
        mean(gradients, g)
        np.add(steps, np.float32(1e-7), out=part)
        np.add(gradients, np.float32(1e-7), out=root)
        np.divide(part, root, out=part)
        np.sqrt(part, out=part)
        np.multiply(part, g, out=part)
        mean(steps, part)
        np.multiply(part, np.float32(0.001), out=part)
        np.subtract(w, part, out=w)
        return w

    return step


def _lion(w: Array, g: Array) -> Callable[[], Array]:
    m, part, rest = (np.zeros_like(w) for _ in range(3))

    def step() -> Array:
        np.multiply(m, np.float32(0.9), out=part)
        np.multiply(g, np.float32(0.1), out=rest)
        np.add(part, rest, out=part)
        np.sign(part, out=part)
        np.multiply(part, np.float32(0.001), out=part)
        np.subtract(w, part, out=w)
        np.multiply(m, np.float32(0.99), out=m)
        np.multiply(g, np.float32(0.01), out=rest)
        np.add(m, rest, out=m)
        return w

    return step


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
    ("nadam", lambda: optimizers.Nadam(0.001), _nadam),
    ("adamax", lambda: optimizers.Adamax(0.001), _adamax),
    ("adagrad", lambda: optimizers.Adagrad(0.001), _adagrad),
    ("adadelta", lambda: optimizers.Adadelta(0.001), _adadelta),
    ("lion", lambda: optimizers.Lion(0.001), _lion),
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
