"""Constants that differ from trace to trace: what of them follows the open sizes, and how."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from corten.export.emitter import Emitter
from corten.export.nodes import FLOAT, TYPES
from corten.export.traced import FIX, Node, Value, refusal

__all__ = ["open_constant"]


def open_constant(to: Emitter, value: Value, node: Node) -> None:
    """A constant whose shape or numbers follow the open sizes: one number, steps, a band of a matrix, or a size."""
    samples = value.samples
    assert samples is not None
    numbers = {float(x) for array in samples for x in np.unique(array)[:2]}
    if len(numbers) == 1:
        number = to.initializer(samples[0].reshape(-1)[:1].reshape(()))
        return to.hold(value, to.add("Expand", [number, to.sizes(value.shape)]))
    if samples[0].size == 1 and len({array.shape for array in samples}) == 1:
        return _open_number(to, value, node)
    if _steps(to, value) or _band(to, value):
        return None
    raise refusal(
        node,
        f"a constant of shape {tuple(samples[0].shape)} depends on an open size in a way ONNX has no op for: {FIX}",
    )


def _steps(to: Emitter, value: Value) -> bool:
    """``start, start + step, ...`` along one axis."""
    samples = value.samples
    assert samples is not None
    long = [axis for axis, size in enumerate(value.shape) if size != 1]
    if len(long) != 1 or any(array.size < 2 for array in samples):
        return False
    rows = [array.reshape(-1).astype(np.float64) for array in samples]
    start, step = rows[0][0], rows[0][1] - rows[0][0]
    if any(not np.array_equal(row, start + step * np.arange(len(row))) for row in rows):
        return False
    if start != int(start) or step != int(step):
        return False
    count = to.add("Squeeze", [to.size(value.shape[long[0]]), to.whole(0)])
    places = to.add("Range", [to.index(0), count, to.index(1)])
    if step != 1:
        places = to.add("Mul", [places, to.index(int(step))])
    if start != 0:
        places = to.add("Add", [places, to.index(int(start))])
    to.hold(value, to.add("Cast", [places], to=TYPES[value.dtype]), long)
    return True


def _band(to: Emitter, value: Value) -> bool:
    """A matrix that is 1 where ``least <= row - column <= most`` and 0 elsewhere."""
    samples = value.samples
    assert samples is not None
    long = [axis for axis, size in enumerate(value.shape) if size != 1]
    if len(long) != 2 or any(not np.isin(array, (0, 1)).all() for array in samples):
        return False
    matrices = [array.reshape([array.shape[axis] for axis in long]) for array in samples]
    below = [np.subtract.outer(np.arange(m.shape[0]), np.arange(m.shape[1])) for m in matrices]
    inside = [np.unique(b[m != 0]) for m, b in zip(matrices, below, strict=True)]
    if any(len(places) == 0 for places in inside):
        return False
    least = _bound([int(places[0]) for places in inside], [int(b.min()) for b in below], max)
    most = _bound([int(places[-1]) for places in inside], [int(b.max()) for b in below], min)
    for matrix, b in zip(matrices, below, strict=True):
        wanted = np.ones(b.shape, bool)
        wanted &= True if least is None else b >= least
        wanted &= True if most is None else b <= most
        if not np.array_equal(wanted, matrix != 0):
            return False
    rows, columns = (
        to.add("Range", [to.index(0), to.add("Squeeze", [to.size(value.shape[a]), to.whole(0)]), to.index(1)])
        for a in long
    )
    gap = to.add("Sub", [to.add("Unsqueeze", [rows, to.whole(1)]), columns])
    tests = [
        to.add(kind, [gap, to.index(int(bound))])
        for kind, bound in (("GreaterOrEqual", least), ("LessOrEqual", most))
        if bound is not None
    ]
    if not tests:
        return False
    both = tests[0] if len(tests) == 1 else to.add("And", tests)
    to.hold(value, to.add("Cast", [both], to=TYPES[value.dtype]), long)
    return True


def _bound(found: list[int], extreme: list[int], nearer: Callable[..., int]) -> int | None:
    """The bound that cuts off all but what was found; None where nothing is cut off."""
    cut = [f for f, e in zip(found, extreme, strict=True) if f != e]
    return nearer(*cut, cut[0]) if cut else None


def _open_number(to: Emitter, value: Value, node: Node) -> None:
    """A size as a number, or one divided by it."""
    samples = value.samples
    assert samples is not None
    numbers = [float(array.reshape(-1)[0]) for array in samples]
    if all(number == int(number) for number in numbers):
        name = to.add("Cast", [to.size(tuple(map(int, numbers)))], to=TYPES[value.dtype])
        return to.hold(value, name, [None] if value.rank == 0 else [0])
    sizes = tuple(round(1 / number) if number else 0 for number in numbers)
    if all(size and np.float32(1 / size) == np.float32(number) for size, number in zip(sizes, numbers, strict=True)):
        name = to.add("Reciprocal", [to.add("Cast", [to.size(sizes)], to=FLOAT)])
        return to.hold(value, name, [None] if value.rank == 0 else [0])
    raise refusal(node, f"the number {numbers[0]} depends on an open size: {FIX}")
