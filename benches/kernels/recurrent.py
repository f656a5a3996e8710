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


# What forward computes is kept for the way back; then one step after the other, from the last.


def _lstm_gradient(gates: Array, h: Array, c: Array, kernel: Array, dy: Array) -> Callable[..., Array]:
    (batch, time, _), units = gates.shape, h.shape[1]
    kept = [np.empty((time, batch, size), np.float32) for size in (4 * units, units, units)]
    back = np.ascontiguousarray(kernel.T)

    def run(out: Array | None = None) -> Array:
        acts, memories, tanhs = kept
        ours, memory = h, c
        for t in range(time):
            z = gates[:, t] + ours @ kernel
            acts[t] = _sigmoid(z)
            acts[t, :, 2 * units : 3 * units] = np.tanh(z[:, 2 * units : 3 * units])
            i, f, g, o = np.split(acts[t], 4, axis=1)
            memories[t] = memory
            memory = f * memory + i * g
            tanhs[t] = np.tanh(memory)
            ours = o * tanhs[t]
        dx = np.empty_like(gates) if out is None else out
        dh, dc = np.zeros_like(h), np.zeros_like(c)
        for t in reversed(range(time)):
            i, f, g, o = np.split(acts[t], 4, axis=1)
            dh = dh + dy[:, t]
            dc = dc + dh * o * (1 - tanhs[t] ** 2)
            parts = [
                dc * g * i * (1 - i),
                dc * memories[t] * f * (1 - f),
                dc * i * (1 - g * g),
                dh * tanhs[t] * o * (1 - o),
            ]
            dz = np.concatenate(parts, axis=1)
            dx[:, t] = dz
            dc = dc * f
            dh = dz @ back
        return dx

    return run


def _gru_gradient(gates: Array, h: Array, kernel: Array, bias: Array, dy: Array) -> Callable[..., Array]:
    (batch, time, _), units = gates.shape, h.shape[1]
    boths = np.empty((time, batch, 2 * units), np.float32)
    others, candidates, befores = (np.empty((time, batch, units), np.float32) for _ in range(3))
    back = np.ascontiguousarray(kernel.T)

    def run(out: Array | None = None) -> Array:
        ours = h
        for t in range(time):
            x, p = gates[:, t], ours @ kernel + bias
            boths[t] = _sigmoid(x[:, : 2 * units] + p[:, : 2 * units])
            others[t], befores[t] = p[:, 2 * units :], ours
            candidates[t] = np.tanh(x[:, 2 * units :] + boths[t, :, units:] * others[t])
            ours = candidates[t] + boths[t, :, :units] * (ours - candidates[t])
        dx = np.empty_like(gates) if out is None else out
        dh = np.zeros_like(h)
        for t in reversed(range(time)):
            z, r = boths[t, :, :units], boths[t, :, units:]
            dh = dh + dy[:, t]
            dg = dh * (1 - z) * (1 - candidates[t] ** 2)
            dz, dr = dh * (befores[t] - candidates[t]) * z * (1 - z), dg * others[t] * r * (1 - r)
            dx[:, t] = np.concatenate([dz, dr, dg], axis=1)
            dh = dh * z + np.concatenate([dz, dr, dg * r], axis=1) @ back
        return dx

    return run


def _simple_rnn_gradient(gates: Array, h: Array, kernel: Array, dy: Array) -> Callable[..., Array]:
    forward, hs, back = _simple_rnn(gates, h, kernel), np.empty_like(gates), np.ascontiguousarray(kernel.T)

    def run(out: Array | None = None) -> Array:
        forward(hs)
        dx = np.empty_like(gates) if out is None else out
        dh = np.zeros_like(h)
        for t in reversed(range(gates.shape[1])):
            dz = (dh + dy[:, t]) * (1 - hs[:, t] ** 2)
            dx[:, t] = dz
            dh = dz @ back
        return dx

    return run


def _cases() -> Iterator[Case]:
    for batch, time, units in ((1, 100, 128), (32, 100, 128), (32, 64, 256)):
        size = f"{batch}x{time}x{units}"

        def arrays(gates: int, *more: Any, batch: int = batch, time: int = time, units: int = units) -> Any:
            kernel = normal(units, gates * units, seed=3) / np.float32(units**0.5)
            states = [normal(batch, units, seed=5 + k) for k in range(2 if gates == 4 else 1)]
            return (normal(batch, time, gates * units), *states, kernel, *more)

        def with_bias(arrays: Any = arrays, units: int = units) -> Any:
            return arrays(3, normal(3 * units, seed=4))

        for name, made, forward, gradient in (
            ("lstm", lambda a=arrays: a(4), _lstm, _lstm_gradient),
            ("gru", with_bias, _gru, _gru_gradient),
            ("simple_rnn", lambda a=arrays: a(1), _simple_rnn, _simple_rnn_gradient),
        ):
            ours = lambda *x, name=name: getattr(ops, name)(*x)[0]  # noqa: E731
            yield Case(name, size, made, ours, forward, blas=True)
            yield Case(f"{name} and gradient", size, made, ours, gradient, wrt=0, blas=True)


CASES = list(_cases())
