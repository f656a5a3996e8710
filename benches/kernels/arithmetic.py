"""Arithmetic and comparisons of two arrays, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from contest import Array, Case, normal, uniform

from corten import ops
from corten.layers.masking import where_counted

__all__ = ["CASES"]


def _binary(function: Any) -> Callable[..., Any]:
    return lambda a, b: lambda out=None: function(a, b, out=out)


def _compare(function: Any) -> Callable[..., Any]:
    """Into float32, as the comparisons of ``corten.ops`` give."""
    return lambda a, b: lambda out=None: function(a, b, out=np.empty(a.shape, np.float32) if out is None else out)


def _where(condition: Array, a: Array, b: Array) -> Callable[..., Array]:
    mask = condition != 0

    def run(out: Array | None = None) -> Array:
        if out is None:
            return np.where(mask, a, b)
        np.copyto(out, b)
        np.copyto(out, a, where=mask)
        return out

    return run


def _masked(x: Array, mask: Array) -> Callable[..., Array]:
    left_out = mask == 0

    def run(out: Array | None = None) -> Array:
        y = x.copy() if out is None else out
        if out is not None:
            np.copyto(y, x)
        y[left_out] = 0
        return y

    return run


def _scalar(x: Array) -> Callable[..., Array]:
    return lambda out=None: np.multiply(x, np.float32(1.5), out=out)


_SAME = [("add", np.add), ("subtract", np.subtract), ("multiply", np.multiply), ("divide", np.divide)]
_SAME += [("maximum", np.maximum), ("minimum", np.minimum), ("power", np.power)]
_SAME += [("floor_divide", np.floor_divide), ("mod", np.mod)]
_COMPARE = [("equal", np.equal), ("not_equal", np.not_equal), ("less", np.less), ("less_equal", np.less_equal)]
_COMPARE += [("greater", np.greater), ("greater_equal", np.greater_equal)]
_BROADCAST = [
    ((86528, 32), (32,)),
    ((128, 128), (128,)),
    ((1024, 1024), (1024, 1)),
    ((1024, 1), (1, 1024)),
    ((8, 1, 64, 32), (1, 32, 1, 32)),
    ((32, 16, 16, 64), (32, 1, 1, 64)),
]


def _cases() -> Iterator[Case]:
    for shape in ((32, 128), (256, 1024), (128, 26, 26, 32)):
        size = "x".join(map(str, shape))

        def pair(shape: Any = shape) -> tuple[Array, ...]:
            return uniform(*shape), uniform(*shape, seed=2)

        for name, function in _SAME:
            yield Case(name, size, pair, getattr(ops, name), _binary(function))
        for name, function in _COMPARE:
            yield Case(name, size, pair, getattr(ops, name), _compare(function))
        yield Case("multiply by a number", size, lambda p=pair: p()[:1], lambda x: ops.multiply(x, 1.5), _scalar)
        yield Case("where", size, lambda p=pair: (np.float32(p()[0] > 0.6), *p()), ops.where, _where)
    for batch, steps, width in ((32, 100, 64), (128, 400, 128)):

        def sequences(batch: int = batch, steps: int = steps, width: int = width) -> tuple[Array, ...]:
            return normal(batch, steps, width), np.float32(uniform(batch, steps) > 0.6)

        size = f"{batch}x{steps}x{width}"
        yield Case("mask_steps", size, sequences, where_counted, _masked, on_arrays=False)
    for a, b in _BROADCAST:
        size = f"{'x'.join(map(str, a))} and {'x'.join(map(str, b))}"

        def arrays(a: Any = a, b: Any = b) -> tuple[Array, ...]:
            return normal(*a), normal(*b, seed=2)

        yield Case("add, broadcast", size, arrays, ops.add, _binary(np.add))
        yield Case("multiply, broadcast", size, arrays, ops.multiply, _binary(np.multiply))


CASES = list(_cases())
