"""Losses of a batch: one number each, and their gradients by the predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal

from corten import losses

__all__ = ["CASES"]


def _labels(rows: int, classes: int) -> Array:
    return np.random.default_rng(5).integers(0, classes, rows).astype(np.int32)


def _probabilities(rows: int, classes: int) -> Array:
    powers = np.exp(normal(rows, classes))
    return powers / powers.sum(axis=-1, keepdims=True)


class _Softmax:
    """Powers of e and their sums, without overflow, in arrays made once."""

    def __init__(self, logits: Array) -> None:
        self.logits = logits
        self.shifted, self.powers = np.empty_like(logits), np.empty_like(logits)
        self.total = np.empty((len(logits), 1), np.float32)

    def run(self) -> None:
        np.max(self.logits, axis=-1, keepdims=True, out=self.total)
        np.subtract(self.logits, self.total, out=self.shifted)
        np.exp(self.shifted, out=self.powers)
        np.sum(self.powers, axis=-1, keepdims=True, out=self.total)


def _sparse_logits(labels: Array, logits: Array) -> Callable[..., Any]:
    softmax, rows = _Softmax(logits), np.arange(len(labels))

    def run(out: Array | None = None) -> Any:
        softmax.run()
        return (np.log(softmax.total[:, 0]) - softmax.shifted[rows, labels]).mean()

    return run


def _sparse_logits_gradient(labels: Array, logits: Array, dy: Array) -> Callable[..., Array]:
    softmax, rows = _Softmax(logits), np.arange(len(labels))

    def run(out: Array | None = None) -> Array:
        softmax.run()
        dx = np.divide(softmax.powers, softmax.total, out=out)
        dx[rows, labels] -= 1
        dx *= dy / np.float32(len(labels))
        return dx

    return run


def _dense_logits(targets: Array, logits: Array) -> Callable[..., Any]:
    softmax = _Softmax(logits)

    def run(out: Array | None = None) -> Any:
        softmax.run()
        np.subtract(softmax.shifted, np.log(softmax.total), out=softmax.shifted)
        return -np.vdot(targets, softmax.shifted) / np.float32(len(logits))

    return run


def _sparse_probabilities(labels: Array, p: Array) -> Callable[..., Any]:
    rows = np.arange(len(labels))

    def run(out: Array | None = None) -> Any:
        chosen = p[rows, labels] / p.sum(axis=-1)
        return -np.log(np.clip(chosen, 1e-7, 1 - 1e-7)).mean()

    return run


def _binary(targets: Array, p: Array) -> Callable[..., Any]:
    one, other = np.empty_like(p), np.empty_like(p)

    def run(out: Array | None = None) -> Any:
        np.clip(p, np.float32(1e-7), np.float32(1 - 1e-7), out=one)
        np.subtract(1, one, out=other)
        np.log(one, out=one)
        np.log(other, out=other)
        np.subtract(one, other, out=one)
        np.multiply(one, targets, out=one)
        np.add(one, other, out=one)
        return -one.mean()

    return run


def _binary_logits(targets: Array, z: Array) -> Callable[..., Any]:
    soft, rest = np.empty_like(z), np.empty_like(z)

    def run(out: Array | None = None) -> Any:
        np.abs(z, out=soft)
        np.negative(soft, out=soft)
        np.exp(soft, out=soft)
        np.log1p(soft, out=soft)
        np.add(soft, np.maximum(z, 0, out=rest), out=soft)
        np.subtract(soft, np.multiply(z, targets, out=rest), out=soft)
        return soft.mean()

    return run


def _dense_probabilities(targets: Array, p: Array) -> Callable[..., Any]:
    part, total = np.empty_like(p), np.empty((len(p), 1), np.float32)

    def run(out: Array | None = None) -> Any:
        np.sum(p, axis=-1, keepdims=True, out=total)
        np.divide(p, total, out=part)
        np.clip(part, np.float32(1e-7), np.float32(1 - 1e-7), out=part)
        np.log(part, out=part)
        return -np.vdot(targets, part) / np.float32(len(p))

    return run


def _dense_logits_gradient(targets: Array, logits: Array, dy: Array) -> Callable[..., Array]:
    softmax, weight = _Softmax(logits), targets.sum(axis=-1, keepdims=True)

    def run(out: Array | None = None) -> Array:
        softmax.run()
        dx = np.divide(softmax.powers, softmax.total, out=out)
        dx *= weight
        dx -= targets
        dx *= dy / np.float32(len(logits))
        return dx

    return run


def _binary_gradient(targets: Array, p: Array, dy: Array) -> Callable[..., Array]:
    """The probabilities of this contest lie within the clipping."""
    rest = np.empty_like(p)

    def run(out: Array | None = None) -> Array:
        dx = np.subtract(p, targets, out=out)
        np.subtract(1, p, out=rest)
        np.multiply(rest, p, out=rest)
        dx /= rest
        dx *= dy / np.float32(p.size)
        return dx

    return run


def _binary_logits_gradient(targets: Array, z: Array, dy: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        dx = np.negative(z, out=out)
        np.exp(dx, out=dx)
        dx += 1
        np.reciprocal(dx, out=dx)
        dx -= targets
        dx *= dy / np.float32(z.size)
        return dx

    return run


def _mae_gradient(targets: Array, x: Array, dy: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        dx = np.subtract(x, targets, out=out)
        np.sign(dx, out=dx)
        dx *= dy / np.float32(x.size)
        return dx

    return run


def _huber_gradient(targets: Array, x: Array, dy: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        dx = np.subtract(x, targets, out=out)
        np.clip(dx, -1, 1, out=dx)
        dx *= dy / np.float32(x.size)
        return dx

    return run


def _mse(targets: Array, x: Array) -> Callable[..., Any]:
    difference = np.empty_like(x)

    def run(out: Array | None = None) -> Any:
        np.subtract(x, targets, out=difference)
        return np.vdot(difference, difference) / np.float32(x.size)

    return run


def _mse_gradient(targets: Array, x: Array, dy: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        dx = np.subtract(x, targets, out=out)
        dx *= dy * np.float32(2 / x.size)
        return dx

    return run


def _mae(targets: Array, x: Array) -> Callable[..., Any]:
    difference = np.empty_like(x)

    def run(out: Array | None = None) -> Any:
        np.subtract(x, targets, out=difference)
        return np.abs(difference, out=difference).mean()

    return run


def _huber(targets: Array, x: Array) -> Callable[..., Any]:
    size, inner = np.empty_like(x), np.empty_like(x)

    def run(out: Array | None = None) -> Any:
        np.subtract(x, targets, out=size)
        np.abs(size, out=size)
        np.minimum(size, 1, out=inner)
        # With q = min(|d|, 1): q (|d| - q / 2).
        np.multiply(inner, np.float32(-0.5), out=inner)
        np.add(size, inner, out=size)
        np.multiply(inner, size, out=size)
        return size.mean() * np.float32(-2)

    return run


def _on_logits(kind: Any) -> Any:
    return kind(from_logits=True)


def _cases() -> Iterator[Case]:
    for rows, classes in ((32, 10), (128, 10), (1024, 1000)):
        size = f"{rows}x{classes}"

        def sparse(rows: int = rows, classes: int = classes) -> tuple[Array, ...]:
            return _labels(rows, classes), normal(rows, classes)

        def chances(rows: int = rows, classes: int = classes) -> tuple[Array, ...]:
            return _labels(rows, classes), _probabilities(rows, classes)

        def full(rows: int = rows, classes: int = classes) -> tuple[Array, ...]:
            return np.eye(classes, dtype=np.float32)[_labels(rows, classes)], normal(rows, classes)

        of_logits = _on_logits(losses.SparseCategoricalCrossentropy)
        name = "sparse cross-entropy of logits"
        yield Case(name, size, sparse, of_logits, _sparse_logits, on_arrays=False)
        yield Case(f"{name}, gradient", size, sparse, of_logits, _sparse_logits_gradient, wrt=1)
        yield Case(
            "sparse cross-entropy of probabilities",
            size,
            chances,
            losses.SparseCategoricalCrossentropy(),
            _sparse_probabilities,
            on_arrays=False,
        )
        of_logits = _on_logits(losses.CategoricalCrossentropy)
        yield Case("cross-entropy of logits", size, full, of_logits, _dense_logits, on_arrays=False)
        yield Case("cross-entropy of logits, gradient", size, full, of_logits, _dense_logits_gradient, wrt=1)

        def fractions(rows: int = rows, classes: int = classes) -> tuple[Array, ...]:
            return np.eye(classes, dtype=np.float32)[_labels(rows, classes)], _probabilities(rows, classes)

        of_chances = losses.CategoricalCrossentropy()
        yield Case("cross-entropy of probabilities", size, fractions, of_chances, _dense_probabilities, on_arrays=False)
    for rows, width in ((32, 1), (128, 64), (1024, 1024)):
        size = f"{rows}x{width}"

        def numbers(rows: int = rows, width: int = width) -> tuple[Array, ...]:
            return normal(rows, width, seed=2), normal(rows, width)

        def bits(rows: int = rows, width: int = width) -> tuple[Array, ...]:
            return np.float32(normal(rows, width, seed=2) > 0), normal(rows, width)

        def coins(rows: int = rows, width: int = width) -> tuple[Array, ...]:
            return np.float32(normal(rows, width, seed=2) > 0), 1 / (1 + np.exp(-normal(rows, width)))

        mse = losses.MeanSquaredError()
        yield Case("mean squared error", size, numbers, mse, _mse, on_arrays=False)
        yield Case("mean squared error, gradient", size, numbers, mse, _mse_gradient, wrt=1)
        mae, huber, of_coins = losses.MeanAbsoluteError(), losses.Huber(), losses.BinaryCrossentropy()
        yield Case("mean absolute error", size, numbers, mae, _mae, on_arrays=False)
        yield Case("mean absolute error, gradient", size, numbers, mae, _mae_gradient, wrt=1)
        yield Case("huber", size, numbers, huber, _huber, on_arrays=False)
        yield Case("huber, gradient", size, numbers, huber, _huber_gradient, wrt=1)
        yield Case("binary cross-entropy", size, coins, of_coins, _binary, on_arrays=False)
        yield Case("binary cross-entropy, gradient", size, coins, of_coins, _binary_gradient, wrt=1)
        of_logits = _on_logits(losses.BinaryCrossentropy)
        yield Case("binary cross-entropy of logits", size, bits, of_logits, _binary_logits, on_arrays=False)
        yield Case("binary cross-entropy of logits, gradient", size, bits, of_logits, _binary_logits_gradient, wrt=1)


CASES = list(_cases())
