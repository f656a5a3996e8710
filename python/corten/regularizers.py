"""Penalties on weights or outputs, added to the loss that training minimises.

A regularizer is any function of a tensor that gives a scalar; a layer takes one, or its name.

>>> from corten import regularizers
>>> round(float(regularizers.get("l2")([[1.0, 2.0]])), 4)  # 0.01 (1 + 4)
0.05
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from corten import ops
from corten.arguments import number
from corten.configured import Configured
from corten.errors import ShapeError
from corten.graph import TensorLike
from corten.lookup import find
from corten.serialization import publish, serialized

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


def _factor(value: Any, default: float, name: str) -> float:
    if value is None:
        return default
    return number(value, name, 0)


class Regularizer(Configured):
    """The base of regularizers: ``__call__`` gives the penalty of a tensor as a scalar."""

    def __call__(self, x: TensorLike) -> Any:
        return ops.multiply(ops.sum(x), 0.0)


class L1L2(Regularizer):
    """``l1 sum |x| + l2 sum x^2``.

    >>> from corten.regularizers import L1L2
    >>> float(L1L2(l1=1, l2=2)([1.0, -2.0]))
    13.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor(l1, 0.0, "l1")
        self.l2 = _factor(l2, 0.0, "l2")

    def __call__(self, x: TensorLike) -> Any:
        first, second = ops.sum(ops.abs(x)), ops.sum(ops.square(x))
        return ops.add(ops.multiply(first, self.l1), ops.multiply(second, self.l2))


class L1(Regularizer):
    """``l1 sum |x|``.

    >>> from corten.regularizers import L1
    >>> float(L1(0.5)([1.0, -2.0]))
    1.5
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor(l1, 0.01, "l1")

    def __call__(self, x: TensorLike) -> Any:
        return ops.multiply(ops.sum(ops.abs(x)), self.l1)


class L2(Regularizer):
    """``l2 sum x^2``.

    >>> from corten.regularizers import L2
    >>> float(L2(0.5)([1.0, -2.0]))
    2.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor(l2, 0.01, "l2")

    def __call__(self, x: TensorLike) -> Any:
        return ops.multiply(ops.sum(ops.square(x)), self.l2)


class OrthogonalRegularizer(Regularizer):
    """``factor`` times the mean ``|cosine|`` between different rows (or columns) of a matrix.

    >>> from corten.regularizers import OrthogonalRegularizer
    >>> float(OrthogonalRegularizer(1.0)([[2.0, 0.0], [0.0, 3.0]]))
    0.0
    """

    def __init__(self, factor: float = 0.01, mode: Literal["rows", "columns"] = "rows") -> None:
        self.factor = _factor(factor, 0.01, "factor")
        if mode not in ("rows", "columns"):
            raise ValueError(f"OrthogonalRegularizer: mode: expected 'rows' or 'columns', got {mode!r}")
        self.mode = mode

    def __call__(self, inputs: TensorLike) -> Any:
        sizes = ops.shape(inputs)
        if len(sizes) != 2:
            raise ShapeError(f"OrthogonalRegularizer: expected a matrix, got shape {sizes}")
        rows = inputs if self.mode == "rows" else ops.transpose(inputs)
        count = ops.shape(rows)[0]
        unit = ops.normalize(rows, axis=1, epsilon=1e-6)
        cosines = ops.multiply(ops.matmul(unit, unit, transpose_b=True), ops.subtract(1.0, ops.eye(count)))
        # Each pair is counted twice.
        return ops.multiply(ops.sum(ops.abs(cosines)), self.factor / max(1, count * (count - 1)))


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer


_KNOWN: dict[str, Any] = {
    "L1": L1,
    "L2": L2,
    "L1L2": L1L2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "l1": L1,
    "l2": L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


#: What stands for a regularizer: a name, a function of a weight, a configuration, or None.
RegularizerLike: TypeAlias = str | Callable[..., Any] | dict[str, Any] | None


def get(identifier: RegularizerLike) -> Any:
    """The regularizer that a name, a configuration, a class or a callable stands for; ``None`` stays ``None``.

    Raises:
        ValueError: an unknown name.
        TypeError: none of these.

    >>> from corten import regularizers
    >>> regularizers.get("l1").l1
    0.01
    """
    if identifier is None:
        return None
    if identifier in ("l1_l2", "l1l2"):
        return L1L2(0.01, 0.01)  # Keras: penalties by default only where it is named by a string.
    return find(identifier, _KNOWN, "regularizer")


def serialize(regularizer: object) -> dict[str, Any]:
    """The configuration :func:`get` understands."""
    return serialized(regularizer, "regularizer")


def deserialize(config: RegularizerLike) -> Any:
    """The regularizer of a configuration."""
    return get(config)


publish("regularizers", {kind.__name__: kind for kind in _KNOWN.values() if isinstance(kind, type)})
