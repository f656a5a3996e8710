"""Recurrent networks over sequences: NumPy goes step by step with OpenBLAS's products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal

from corten import ops

__all__ = ["CASES"]


def _sigmoid(x: Array) -> Array:
    result: Array = 1 / (1 + np.exp(-x))
    return result


def _lstm(gates: Array, h: Array, c: Array, kernel: Array) -> Callable[..., Array]:
    units = h.shape[1]

    def run(out: Array | None = None) -> Array:
        ours, memory = h, c
        hs = np.empty((*gates.shape[:2], units), np.float32) if out is None else out
        for t in range(gates.shape[1]):
            z = gates[:, t] + ours @ kernel
            sigmoids = _sigmoid(z)
            memory = sigmoids[:, units : 2 * units] * memory
            memory += sigmoids[:, :units] * np.tanh(z[:, 2 * units : 3 * units])
            ours = sigmoids[:, 3 * units :] * np.tanh(memory)
            hs[:, t] = ours
        return hs

    return run


def _gru(gates: Array, h: Array, kernel: Array, bias: Array) -> Callable[..., Array]:
    units = h.shape[1]

    def run(out: Array | None = None) -> Array:
        ours = h
        hs = np.empty((*gates.shape[:2], units), np.float32) if out is None else out
        for t in range(gates.shape[1]):
            x, p = gates[:, t], ours @ kernel + bias
            both = _sigmoid(x[:, : 2 * units] + p[:, : 2 * units])
            candidate = np.tanh(x[:, 2 * units :] + both[:, units:] * p[:, 2 * units :])
            ours = candidate + both[:, :units] * (ours - candidate)
            hs[:, t] = ours
        return hs

    return run


def _simple_rnn(gates: Array, h: Array, kernel: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        ours = h
        hs = np.empty_like(gates) if out is None else out
        for t in range(gates.shape[1]):
            ours = np.tanh(gates[:, t] + ours @ kernel)
            hs[:, t] = ours
        return hs

    return run


def _cases() -> Iterator[Case]:
    for batch, time, units in ((1, 100, 128), (32, 100, 128), (32, 64, 256)):
        size = f"{batch}x{time}x{units}"

        def arrays(gates: int, *more: Any, batch: int = batch, time: int = time, units: int = units) -> Any:
            kernel = normal(units, gates * units, seed=3) / np.float32(units**0.5)
            states = [normal(batch, units, seed=5 + k) for k in range(2 if gates == 4 else 1)]
            return (normal(batch, time, gates * units), *states, kernel, *more)

        yield Case("lstm", size, lambda a=arrays: a(4), lambda *x: ops.lstm(*x)[0], _lstm, blas=True)
        yield Case(
            "gru",
            size,
            lambda a=arrays, u=units: a(3, normal(3 * u, seed=4)),
            lambda *x: ops.gru(*x)[0],
            _gru,
            blas=True,
        )
        yield Case("simple_rnn", size, lambda a=arrays: a(1), lambda *x: ops.simple_rnn(*x)[0], _simple_rnn, blas=True)


CASES = list(_cases())
