"""Sizes of axes as they were in several traces: a number, or where the traces differ one number for each.

What is open in a model (its batch, the length of its sequences) is given another size in every trace. A size that comes
out differently depends on those; which way is found by looking for arithmetic that gives all its samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

__all__ = ["Samples", "Size", "affine", "among", "product", "sample", "size_of", "traces"]

#: A size in every trace.
Samples: TypeAlias = tuple[int, ...]
#: A size that is the same in every trace, or the samples of one that is not.
Size: TypeAlias = "int | Samples"


def size_of(samples: Sequence[int]) -> Size:
    """The size that came out as ``samples``."""
    return samples[0] if all(sample == samples[0] for sample in samples) else tuple(samples)


def sample(size: Size, trace: int) -> int:
    """What the size was in one trace."""
    return size if isinstance(size, int) else size[trace]


def traces(*sizes: Size) -> int:
    """How many traces the sizes tell apart."""
    return next((len(size) for size in sizes if not isinstance(size, int)), 1)


def product(sizes: Iterable[Size]) -> Size:
    """The sizes multiplied.

    >>> from corten.export.sizes import product
    >>> product([(2, 3), 5]), product([2, 5])
    ((10, 15), 10)
    """
    total: Size = 1
    for size in sizes:
        if isinstance(total, int) and isinstance(size, int):
            total *= size
        else:
            total = tuple(sample(total, k) * sample(size, k) for k in range(traces(total, size)))
    return total


def affine(wanted: Samples, known: Samples) -> tuple[int, int, int] | None:
    """The factor, offset and divisor with which ``wanted = (known * factor + offset) / divisor``, without a rest.

    >>> from corten.export.sizes import affine
    >>> affine((7, 9, 21), (3, 4, 10)), affine((3, 4, 10), (7, 9, 21)), affine((3, 4, 9), (7, 9, 21))
    ((2, 1, 1), (1, -1, 2), None)
    """
    rise, run = wanted[1] - wanted[0], known[1] - known[0]
    if run == 0:
        return None
    if rise % run == 0:
        factor = rise // run
        offset = wanted[0] - factor * known[0]
        if factor and all(w == factor * k + offset for w, k in zip(wanted, known, strict=True)):
            return factor, offset, 1
    elif rise and run % rise == 0:
        divisor = run // rise
        offset = divisor * wanted[0] - known[0]
        if all(w * divisor == k + offset for w, k in zip(wanted, known, strict=True)):
            return 1, offset, divisor
    return None


def among(wanted: Samples, known: Sequence[Samples]) -> Iterator[tuple[Samples, Samples, int]]:
    """The ways in which ``wanted`` is a product of two known sizes and a number.

    >>> from corten.export.sizes import among
    >>> list(among((12, 30), [(2, 3), (3, 5)]))
    [((2, 3), (3, 5), 2)]
    """
    for place, one in enumerate(known):
        for other in known[place:]:
            factor, rest = divmod(wanted[0], one[0] * other[0]) if one[0] * other[0] else (0, 1)
            if not rest and all(w == factor * a * b for w, a, b in zip(wanted, one, other, strict=True)):
                yield one, other, factor
