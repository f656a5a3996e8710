"""Every op at the ends of the range: no infinity and no NaN where float64 has a number that float32 can hold.

The ops and their references are those of test_every_op.py. Each float array in turn is filled with one extreme number,
or has it in one place. Where the reference is finite and within float32, so must the result be; where its differences
are too, so must the gradient. Where a derivative does not exist, any finite subgradient will do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from contracts.harness import pulled_back, weights
from contracts.test_every_op import OPS, SMALL, Op, values
from corten.graph import flatten

NUMBERS = [0.0, 1e-30, 1e-5, 20.0, 90.0, 1e4, 1e10, 1e19, 1e30]
EXTREMES = np.float32([*NUMBERS, *(-number for number in NUMBERS)])
LARGEST = 3e38

#: Ops that cannot keep the promise in full, and why: {name's beginning: reason}.
EXCUSED: dict[str, str] = {
    "batch_norm(": "the variance of equal numbers of 1e30 is the square of their mean's rounding, which overflows",
    "statistics(": "as batch_norm",
}


def excused(op: Op) -> bool:
    return any(op.name.startswith(beginning) for beginning in EXCUSED)


def variants(op: Op) -> Iterator[list[Any]]:
    """The arrays with one extreme in them, everywhere in one array or in one place of it."""
    arrays = op.arrays(SMALL)
    rng = np.random.default_rng(5)
    for index, array in enumerate(arrays):
        if array.dtype.kind != "f" or not array.size or index < op.targets:
            continue
        for extreme in EXTREMES:
            for whole in (True, False):
                changed = array.copy()
                changed[... if whole else np.unravel_index(rng.integers(array.size), array.shape)] = extreme
                yield [*arrays[:index], changed, *arrays[index + 1 :]]


def fits(numbers: Any) -> bool:
    numbers = np.asarray(numbers, np.float64)
    return bool((np.abs(numbers) < LARGEST).all())


def representable(op: Op, arrays: list[Any]) -> bool:
    with np.errstate(all="ignore"):
        try:
            return all(fits(value) for value in values(op, op.reference, arrays))
        except ZeroDivisionError:
            return False


def slopes_exist(op: Op, arrays: list[Any]) -> bool:
    """Whether differences in float64 are finite and within float32, on both sides of some elements of each array."""
    exact = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in arrays]

    def loss() -> float:
        y = flatten(op.reference(*exact, **op.options))[0]
        return float(np.sum(weights(np.shape(y)) * y))

    with np.errstate(all="ignore"):
        at_rest = loss()
        for x in exact[op.targets :]:
            if x.dtype.kind != "f":
                continue
            # Among them the largest and the smallest, where one is extreme.
            places = {0, x.size // 2, x.size - 1, int(np.argmax(np.abs(x))), int(np.argmin(np.abs(x)))}
            for at in (np.unravel_index(place, x.shape) for place in sorted(places)):
                own, step = x[at], 1e-5 * abs(x[at]) or 1e-7
                for moved in (own + step, own - step):
                    x[at] = moved
                    slope = (loss() - at_rest) / step
                    x[at] = own
                    if not fits(slope):
                        return False
    return True


@pytest.mark.parametrize("op", [op for op in OPS if not excused(op)], ids=lambda op: op.name)
def test_values_and_gradients_are_finite_where_mathematics_has_them(op: Op) -> None:
    for arrays in variants(op):
        if not representable(op, arrays):
            continue
        with np.errstate(all="ignore"):
            found = [np.asarray(y) for y in flatten(op.call(*arrays))]
        assert all(np.isfinite(y).all() for y in found), (arrays, found)
        if op.smooth and slopes_exist(op, arrays):
            gradients = pulled_back(op.call, arrays, True, op.targets)
            assert all(np.isfinite(g).all() for g in gradients), (arrays, gradients)
