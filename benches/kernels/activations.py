"""Activations and softmax, by ufuncs that work in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal, uniform

from corten import ops

__all__ = ["CASES"]

_C = np.float32(np.sqrt(2 / np.pi))
_CUBIC = np.float32(0.044715)
_ONE = np.float32(1)
_SELU, _SELU_ALPHA = np.float32(1.0507009873554805), np.float32(1.6732632423543772)


def _plain(function: Any, *others: Any) -> Callable[..., Any]:
    return lambda x: lambda out=None: function(x, *others, out=out)


def _leaky_relu(x: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        y = np.multiply(x, np.float32(0.2), out=out)
        return np.maximum(x, y, out=y)

    return run


def _elu(x: Array, alpha: np.float32 = _ONE, scale: np.float32 = _ONE) -> Callable[..., Array]:
    below = np.empty_like(x)

    def run(out: Array | None = None) -> Array:
        np.minimum(x, 0, out=below)
        np.expm1(below, out=below)
        y = np.maximum(x, 0, out=out)
        if alpha != 1:
            np.multiply(below, alpha, out=below)
        y += below
        if scale != 1:
            y *= scale
        return y

    return run


def _gelu(x: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        y = np.multiply(x, x, out=out)
        y *= _CUBIC
        y += 1
        y *= x
        y *= _C
        np.tanh(y, out=y)
        y += 1
        y *= x
        y *= np.float32(0.5)
        return y

    return run


def _sigmoid(x: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        y = np.negative(x, out=out)
        np.exp(y, out=y)
        y += 1
        return np.reciprocal(y, out=y)

    return run


def _silu(x: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        y = np.negative(x, out=out)
        np.exp(y, out=y)
        y += 1
        return np.divide(x, y, out=y)

    return run


def _softplus(x: Array) -> Callable[..., Array]:
    above = np.empty_like(x)

    def run(out: Array | None = None) -> Array:
        y = np.abs(x, out=out)
        np.negative(y, out=y)
        np.exp(y, out=y)
        np.log1p(y, out=y)
        y += np.maximum(x, 0, out=above)
        return y

    return run


def _softsign(x: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        y = np.abs(x, out=out)
        y += 1
        return np.divide(x, y, out=y)

    return run


def _hard_sigmoid(x: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        y = np.multiply(x, np.float32(1 / 6), out=out)
        y += np.float32(0.5)
        return np.clip(y, 0, 1, out=y)

    return run


def _hard_silu(x: Array) -> Callable[..., Array]:
    forward = _hard_sigmoid(x)

    def run(out: Array | None = None) -> Array:
        y = forward(out)
        y *= x
        return y

    return run


def _relu_gradient(x: Array, dy: Array) -> Callable[..., Array]:
    above = np.empty(x.shape, bool)

    def run(out: Array | None = None) -> Array:
        np.greater(x, 0, out=above)
        return np.multiply(dy, above, out=out)

    return run


def _leaky_relu_gradient(x: Array, dy: Array) -> Callable[..., Array]:
    above = np.empty(x.shape, bool)

    def run(out: Array | None = None) -> Array:
        np.greater(x, 0, out=above)
        dx = np.multiply(dy, np.float32(0.2), out=out)
        np.copyto(dx, dy, where=above)
        return dx

    return run


def _elu_gradient(x: Array, dy: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        dx = np.minimum(x, 0, out=out)
        np.exp(dx, out=dx)
        dx *= dy
        return dx

    return run


def _sigmoid_gradient(x: Array, dy: Array) -> Callable[..., Array]:
    forward, rest = _sigmoid(x), np.empty_like(x)

    def run(out: Array | None = None) -> Array:
        y = forward(out)
        np.subtract(1, y, out=rest)
        y *= rest
        y *= dy
        return y

    return run


def _tanh_gradient(x: Array, dy: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        y = np.tanh(x, out=out)
        y *= y
        np.subtract(1, y, out=y)
        y *= dy
        return y

    return run


def _silu_gradient(x: Array, dy: Array) -> Callable[..., Array]:
    forward, s = _sigmoid(x), np.empty_like(x)

    def run(out: Array | None = None) -> Array:
        forward(s)
        dx = np.subtract(1, s, out=out)
        dx *= x
        dx += 1
        dx *= s
        dx *= dy
        return dx

    return run


def _softplus_gradient(x: Array, dy: Array) -> Callable[..., Array]:
    forward = _sigmoid(x)

    def run(out: Array | None = None) -> Array:
        dx = forward(out)
        dx *= dy
        return dx

    return run


def _gelu_gradient(x: Array, dy: Array) -> Callable[..., Array]:
    square, t = np.empty_like(x), np.empty_like(x)

    def run(out: Array | None = None) -> Array:
        np.multiply(x, x, out=square)
        np.multiply(square, _CUBIC, out=t)
        t[...] += 1
        t[...] *= x
        t[...] *= _C
        np.tanh(t, out=t)
        # 0.5 (1 + t) + 0.5 x (1 - t^2) c (1 + 3 * 0.044715 x^2)
        square[...] *= np.float32(3 * 0.044715)
        square[...] += 1
        square[...] *= x
        square[...] *= _C
        dx = np.multiply(t, t, out=out)
        np.subtract(1, dx, out=dx)
        dx *= square
        dx += t
        dx += 1
        dx *= np.float32(0.5)
        dx *= dy
        return dx

    return run


def _softmax(x: Array) -> Callable[..., Array]:
    top, total = np.empty((*x.shape[:-1], 1), np.float32), np.empty((*x.shape[:-1], 1), np.float32)

    def run(out: Array | None = None) -> Array:
        np.max(x, axis=-1, keepdims=True, out=top)
        y = np.subtract(x, top, out=out)
        np.exp(y, out=y)
        np.sum(y, axis=-1, keepdims=True, out=total)
        y /= total
        return y

    return run


def _log_softmax(x: Array) -> Callable[..., Array]:
    top, total = np.empty((*x.shape[:-1], 1), np.float32), np.empty((*x.shape[:-1], 1), np.float32)
    powers = np.empty_like(x)

    def run(out: Array | None = None) -> Array:
        np.max(x, axis=-1, keepdims=True, out=top)
        y = np.subtract(x, top, out=out)
        np.exp(y, out=powers)
        np.sum(powers, axis=-1, keepdims=True, out=total)
        np.log(total, out=total)
        y -= total
        return y

    return run


def _softmax_gradient(x: Array, dy: Array) -> Callable[..., Array]:
    forward, y = _softmax(x), np.empty_like(x)
    total = np.empty((*x.shape[:-1], 1), np.float32)

    def run(out: Array | None = None) -> Array:
        forward(y)
        dx = np.multiply(y, dy, out=out)
        np.sum(dx, axis=-1, keepdims=True, out=total)
        np.subtract(dy, total, out=dx)
        dx *= y
        return dx

    return run


def _log_softmax_gradient(x: Array, dy: Array) -> Callable[..., Array]:
    forward, y = _log_softmax(x), np.empty_like(x)
    total = np.empty((*x.shape[:-1], 1), np.float32)

    def run(out: Array | None = None) -> Array:
        forward(y)
        np.sum(dy, axis=-1, keepdims=True, out=total)
        dx = np.exp(y, out=out)
        dx *= total
        np.subtract(dy, dx, out=dx)
        return dx

    return run


def _rsqrt(x: Array) -> Callable[..., Array]:
    def run(out: Array | None = None) -> Array:
        y = np.sqrt(x, out=out)
        return np.reciprocal(y, out=y)

    return run


def _erf(x: Array) -> Callable[..., Array]:
    """NumPy has none: Abramowitz and Stegun's 7.1.26, right to 1.5e-7."""
    size, t, power = np.empty_like(x), np.empty_like(x), np.empty_like(x)
    factors = [np.float32(f) for f in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)]

    def run(out: Array | None = None) -> Array:
        np.abs(x, out=size)
        np.multiply(size, np.float32(0.3275911), out=t)
        np.add(t, 1, out=t)
        np.reciprocal(t, out=t)
        y = np.multiply(t, factors[0], out=out)
        for factor in factors[1:]:
            y += factor
            y *= t
        np.multiply(size, size, out=power)
        np.negative(power, out=power)
        np.exp(power, out=power)
        y *= power
        np.subtract(1, y, out=y)
        return np.copysign(y, x, out=y)

    return run


def _after(forward: Callable[..., Any], gradient: Callable[..., Any]) -> Callable[..., Any]:
    """Forward as well: where the gradient wants forward's result, the program that is timed computes both."""

    def baseline(x: Array, dy: Array) -> Callable[..., Array]:
        first, second, y = forward(x), gradient(x, dy), np.empty_like(x)

        def run(out: Array | None = None) -> Array:
            first(y)
            return second(out)

        return run

    return baseline


#: name, function, baseline, baseline of function and gradient
_UNARY: list[tuple[str, Any, Any, Any]] = [
    ("relu", ops.relu, _plain(np.maximum, 0), _after(_plain(np.maximum, 0), _relu_gradient)),
    ("relu6", ops.relu6, _plain(np.clip, 0, 6), None),
    ("leaky_relu", ops.leaky_relu, _leaky_relu, _after(_leaky_relu, _leaky_relu_gradient)),
    ("elu", ops.elu, _elu, _after(_elu, _elu_gradient)),
    ("selu", ops.selu, lambda x: _elu(x, _SELU_ALPHA, _SELU), None),
    ("gelu", ops.gelu, _gelu, _gelu_gradient),
    ("silu", ops.silu, _silu, _silu_gradient),
    ("sigmoid", ops.sigmoid, _sigmoid, _sigmoid_gradient),
    ("tanh", ops.tanh, _plain(np.tanh), _tanh_gradient),
    ("softplus", ops.softplus, _softplus, _after(_softplus, _softplus_gradient)),
    ("softsign", ops.softsign, _softsign, None),
    ("hard_sigmoid", ops.hard_sigmoid, _hard_sigmoid, None),
    ("exp", ops.exp, _plain(np.exp), None),
    ("expm1", ops.expm1, _plain(np.expm1), None),
    ("square", ops.square, _plain(np.square), None),
    ("abs", ops.abs, _plain(np.abs), None),
    ("sin", ops.sin, _plain(np.sin), None),
    ("cos", ops.cos, _plain(np.cos), None),
    ("hard_silu", ops.hard_silu, _hard_silu, None),
    ("negative", ops.negative, _plain(np.negative), None),
    ("sign", ops.sign, _plain(np.sign), None),
    ("floor", ops.floor, _plain(np.floor), None),
    ("ceil", ops.ceil, _plain(np.ceil), None),
    ("round", ops.round, _plain(np.rint), None),
]
_POSITIVE: list[tuple[str, Any, Any]] = [
    ("log", ops.log, np.log),
    ("log1p", ops.log1p, np.log1p),
    ("log2", ops.log2, np.log2),
    ("log10", ops.log10, np.log10),
    ("sqrt", ops.sqrt, np.sqrt),
    ("reciprocal", ops.reciprocal, np.reciprocal),
]


def _cases() -> Iterator[Case]:
    for name, function, baseline, gradient in _UNARY:
        for shape in ((32, 128), (256, 1024), (128, 26, 26, 32)):
            size = "x".join(map(str, shape))
            arrays = lambda shape=shape: (normal(*shape),)  # noqa: E731
            yield Case(name, size, arrays, function, baseline)
            if gradient is not None:
                # These two are differentiated from their input; forward need not run.
                both = name if name in ("gelu", "silu") else f"{name} and"
                yield Case(f"{both} gradient", size, arrays, function, gradient, wrt=0)
    for name, function, plain in _POSITIVE:
        for shape in ((32, 128), (256, 1024)):
            size = "x".join(map(str, shape))
            yield Case(name, size, lambda shape=shape: (uniform(*shape),), function, _plain(plain))
    for shape in ((32, 128), (256, 1024)):
        size = "x".join(map(str, shape))
        yield Case("rsqrt", size, lambda shape=shape: (uniform(*shape),), ops.rsqrt, _rsqrt)
        yield Case("erf", size, lambda shape=shape: (normal(*shape),), ops.erf, _erf)
    for shape in ((32, 10), (128, 10), (128, 1000), (1024, 1024)):
        size = "x".join(map(str, shape))
        arrays = lambda shape=shape: (normal(*shape),)  # noqa: E731
        yield Case("softmax", size, arrays, ops.softmax, _softmax)
        yield Case("softmax and gradient", size, arrays, ops.softmax, _softmax_gradient, wrt=0)
        yield Case("log_softmax", size, arrays, ops.log_softmax, _log_softmax)
        yield Case("log_softmax and gradient", size, arrays, ops.log_softmax, _log_softmax_gradient, wrt=0)


CASES = list(_cases())
