"""Axes as a caller may give them: an int, several, None; negative ones count from the end."""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import SupportsIndex, TypeAlias

from corten.arguments import shown, whole, wholes

__all__ = ["Axes", "Index", "Pick", "axes_of", "axis_of", "each_axis"]

#: One axis or several; None means all of them.
Axes: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | None

#: What is picked along one axis, and what stands in brackets behind a tensor.
Pick: TypeAlias = SupportsIndex | slice | EllipsisType | None
Index: TypeAlias = Pick | tuple[Pick, ...]


def axis_of(axis: object, rank: int, what: str) -> int:
    """One axis as an int from 0; ``ValueError`` where a value with ``rank`` axes has no such axis."""
    index = whole(axis, f"{what}: axis")
    if not -rank <= index < rank:
        wanted = f"{-rank} to {rank - 1} for {rank} axes" if rank else "none, for there are no axes"
        raise ValueError(f"{what}: axis: expected {wanted}, got {shown(index)}")
    return index % rank


def each_axis(axis: object, rank: int, what: str) -> list[int]:
    """One axis or several, in the order given, as ints from 0."""
    return [axis_of(a, rank, what) for a in wholes(axis, f"{what}: axis")]


def axes_of(axis: Axes, rank: int, what: str) -> list[int]:
    """Several axes (None: all) as sorted ints from 0; ``ValueError`` for one that is not there or given twice."""
    if axis is None:
        return list(range(rank))
    axes = sorted(each_axis(axis, rank, what))
    if len(set(axes)) != len(axes):
        raise ValueError(f"{what}: axis: expected each axis once, got {axis!r}")
    return axes
