"""Conditions that weights are made to meet after each step of the optimizer.

A constraint is any function of a tensor that gives a tensor of its shape; a layer takes one, or its name.

>>> from corten import constraints
>>> constraints.get("non_neg")([1.0, -2.0])
array([1., 0.], dtype=float32)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from corten import ops
from corten.arguments import real
from corten.configured import Configured
from corten.graph import TensorLike
from corten.lookup import find
from corten.serialization import publish, serialized

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]

#: Added to norms that are divided by.
_EPSILON = 1e-7


def _norms(w: TensorLike, axis: int | Sequence[int]) -> Any:
    return ops.norm(w, axis=axis, keepdims=True)


def _bound(value: Any, name: str) -> float:
    bound = real(value, name)
    if not bound >= 0:
        raise ValueError(f"{name}: expected a number >= 0, got {value}")
    return bound


class Constraint(Configured):
    """The base of constraints: ``__call__`` gives the constrained tensor."""

    def __call__(self, w: TensorLike) -> Any:
        return w


class MaxNorm(Constraint):
    """Scales down what has a norm above ``max_value``: ``w min(norm, max_value) / (norm + 1e-7)``.

    Args:
        max_value: the largest norm allowed.
        axis: the axes a norm goes over: 0 for the weights into each unit of a dense layer, [0, 1, 2] for each filter of
            a convolution.

    >>> from corten.constraints import MaxNorm
    >>> MaxNorm(5)([[6.0], [8.0]]).round(3)
    array([[3.],
           [4.]], dtype=float32)
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value = _bound(max_value, "max_value")
        self.axis = axis

    def __call__(self, w: TensorLike) -> Any:
        norms = _norms(w, self.axis)
        return ops.multiply(w, ops.divide(ops.minimum(norms, self.max_value), ops.add(norms, _EPSILON)))


class NonNeg(Constraint):
    """``max(w, 0)``.

    >>> from corten.constraints import NonNeg
    >>> NonNeg()([1.0, -2.0])
    array([1., 0.], dtype=float32)
    """

    def __call__(self, w: TensorLike) -> Any:
        return ops.maximum(w, 0.0)


class UnitNorm(Constraint):
    """``w / (norm + 1e-7)``, the norm over ``axis`` as in :class:`MaxNorm`.

    >>> from corten.constraints import UnitNorm
    >>> UnitNorm()([[6.0], [8.0]]).round(3)
    array([[0.6],
           [0.8]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: TensorLike) -> Any:
        return ops.divide(w, ops.add(_norms(w, self.axis), _EPSILON))


class MinMaxNorm(Constraint):
    """Moves norms into an interval: ``w (rate clip(norm, min, max) + (1 - rate) norm) / (norm + 1e-7)``.

    Args:
        min_value: the smallest norm allowed.
        max_value: the largest norm allowed.
        rate: 1 enforces the interval at once, less moves towards it.
        axis: as in :class:`MaxNorm`.

    >>> from corten.constraints import MinMaxNorm
    >>> MinMaxNorm(1, 5)([[6.0], [8.0]]).round(3)
    array([[3.],
           [4.]], dtype=float32)
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ) -> None:
        self.min_value = _bound(min_value, "min_value")
        self.max_value = _bound(max_value, "max_value")
        self.rate = _bound(rate, "rate")
        self.axis = axis

    def __call__(self, w: TensorLike) -> Any:
        norms = _norms(w, self.axis)
        inside = ops.clip(norms, self.min_value, self.max_value)
        desired = ops.add(ops.multiply(inside, self.rate), ops.multiply(norms, 1.0 - self.rate))
        return ops.multiply(w, ops.divide(desired, ops.add(norms, _EPSILON)))


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm

_KNOWN: dict[str, Any] = {
    name: value for name, value in globals().items() if name in __all__ and isinstance(value, type)
}


#: What stands for a constraint: a name, a function of a weight, a configuration, or None.
ConstraintLike: TypeAlias = str | Callable[..., Any] | dict[str, Any] | None


def get(identifier: ConstraintLike) -> Any:
    """The constraint that a name, a configuration, a class or a callable stands for; ``None`` stays ``None``.

    Raises:
        ValueError: an unknown name.
        TypeError: none of these.

    >>> from corten import constraints
    >>> constraints.get("max_norm").max_value
    2.0
    """
    return None if identifier is None else find(identifier, _KNOWN, "constraint")


def serialize(constraint: object) -> dict[str, Any]:
    """The configuration :func:`get` understands."""
    return serialized(constraint, "constraint")


def deserialize(config: ConstraintLike) -> Any:
    """The constraint of a configuration."""
    return get(config)


publish("constraints", {kind.__name__: kind for kind in _KNOWN.values()})
