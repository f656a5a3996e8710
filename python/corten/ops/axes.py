"""Axes as a caller may give them: an int, several, None; negative ones count from the end."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

__all__ = ["axes_of", "axis_of"]


def axis_of(axis: Any, rank: int, what: str) -> int:
    """One axis as an int from 0; ``ValueError`` where a value with ``rank`` axes has no such axis."""
    try:
        index = operator.index(axis)
    except TypeError:
        raise TypeError(f"{what}: axis: expected an int, got {axis!r}") from None
    if not -rank <= index < rank:
        raise ValueError(f"{what}: axis: expected {-rank} to {rank - 1} for {rank} axes, got {index}")
    return index % rank


def axes_of(axis: int | Sequence[int] | None, rank: int, what: str) -> list[int]:
    """Several axes (None: all) as sorted ints from 0; ``ValueError`` for one that is not there or given twice."""
    if axis is None:
        return list(range(rank))
    axes = sorted(axis_of(a, rank, what) for a in (axis if isinstance(axis, Sequence) else [axis]))
    if len(set(axes)) != len(axes):
        raise ValueError(f"{what}: axis: expected each axis once, got {axis!r}")
    return axes
