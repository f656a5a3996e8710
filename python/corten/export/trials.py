"""The sizes that stand for open ones where a model is traced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from corten.graph import SymbolicTensor

__all__ = ["FAMILIES", "PROBES", "Named", "filled", "namings", "open_names", "samples_of"]

#: The sizes that stand for open ones, in order of preference: with different rests in any division; multiples of 32,
#: for models that halve images and join them again; and small ones, for models that bound the length of sequences.
_OPEN = ((97, 128, 111, 150), (96, 128, 160, 224), (13, 16, 18, 11), (6, 8, 5, 4), (2, 3, 4, 5))
#: How much larger the second open size is than the first, the third, ... in every trace, in each family so many times;
#: the smallest numbers change places instead.
_FURTHER = ((0, 0, 0, 0), (4, 6, 6, 8), (10, 12, 14, 21), (6, 24, 20, 16), (12, 18, 22, 28), (16, 26, 30, 40))
_TIMES = (1, 32, 1, None, None)
_BATCH = (6, 9, 11, 16)
#: Sizes that a model is traced with once more, far from the others: it may refuse them, but must not do something else.
PROBES = ((19, 2), (1031, 23))

FAMILIES = range(len(_OPEN))

#: For each input its sizes, names where they are open.
Named: TypeAlias = "list[list[int | str]]"


def open_names(named: Named) -> list[str]:
    """The names of the open sizes."""
    return list(dict.fromkeys(size for shape in named for size in shape if isinstance(size, str)))


def filled(named: Named, sizes: dict[str, int]) -> list[list[int]]:
    """The shapes of the inputs with numbers for names."""
    return [[sizes[size] if isinstance(size, str) else size for size in shape] for shape in named]


def samples_of(names: Sequence[str], family: int) -> dict[str, list[int]]:
    """What stands for each name in every trace."""
    found: dict[str, list[int]] = {}
    for name in names:
        if name == "batch":
            found[name] = list(_BATCH)
        else:
            place, first, times = sum(other != "batch" for other in found), _OPEN[family], _TIMES[family]
            if times is None:
                turns, turn = divmod(place, len(first))
                found[name] = [first[(k + turn) % len(first)] + turns * (10 + k * k) for k in range(len(first))]
            else:
                found[name] = [a + times * b for a, b in zip(first, _FURTHER[place], strict=True)]
    return found


def namings(symbols: Sequence[SymbolicTensor], names: Sequence[str]) -> Iterator[Named]:
    """What open sizes are called: each its own name first, then fewer names, for sizes that must be equal."""
    shapes = [symbol.shape for symbol in symbols]
    places = [(i, a) for i, shape in enumerate(shapes) for a, size in enumerate(shape) if size is None and a > 0]
    axis_names = {(i, a): _axis_name(len(shapes[i]), a) for i, a in places}
    several = len({i for i, _ in places}) > 1
    if len(places) > len(_FURTHER):
        groups = [{place: axis_names[place] for place in places}]
    else:
        groups = [
            {place: _group_name(group, names, axis_names, several) for group in partition for place in group}
            for partition in sorted(_partitions(places), key=lambda p: (-len(p), _mixed(p, axis_names)))
        ]
    for called in groups:
        yield [
            [("batch" if a == 0 else called[i, a]) if size is None else size for a, size in enumerate(shape)]
            for i, shape in enumerate(shapes)
        ]


_Place = tuple[int, int]


def _partitions(places: list[_Place]) -> Iterator[list[list[_Place]]]:
    """All ways to put the places into groups."""
    if not places:
        yield []
        return
    first, rest = places[0], places[1:]
    for partition in _partitions(rest):
        yield [[first], *partition]
        for at, group in enumerate(partition):
            yield [*partition[:at], [first, *group], *partition[at + 1 :]]


def _mixed(partition: list[list[_Place]], axis_names: dict[_Place, str]) -> int:
    """How many groups have axes that are usually different things."""
    return sum(len({axis_names[place] for place in group}) > 1 for group in partition)


def _group_name(group: list[_Place], names: Sequence[str], axis_names: dict[_Place, str], several: bool) -> str:
    place = min(group)
    return f"{names[place[0]]}_{axis_names[place]}" if several else axis_names[place]


def _axis_name(rank: int, axis: int) -> str:
    """What an axis of an input usually is."""
    if rank == 4 and axis < 3:
        return ("batch", "height", "width")[axis]
    return "time" if axis == 1 else f"size_{axis}"
