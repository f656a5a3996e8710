"""Shapes, parts, joins and picks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from corten.export.emitter import Emitter, Held
from corten.export.nodes import FIRST, LAST, TYPES
from corten.export.rules.rule import Rule
from corten.export.sizes import Size, product, sample, size_of, traces
from corten.export.traced import Node, Value, refusal

__all__ = ["RULES"]


# --- reshape ---------------------------------------------------------------------------------------------------------


def _reshape(to: Emitter, node: Node) -> None:
    """In the order of axes that the value has, where axes that are split or joined lie side by side in it."""
    x, y = node.inputs[0], node.outputs[0]
    pieces = _pieces(x.shape, y.shape)
    if x.array is None and _enlarged(to, x, y):
        return
    if pieces is not None and x.array is None:
        for held in to.ways(x):
            if _in_order(to, held, x, y, pieces):
                return
    to.hold(y, to.reshape(to.plain(x), x.shape, y.shape))


_Pieces = list[tuple[list[int], list[int]]]


def _pieces(before: Sequence[Size], after: Sequence[Size]) -> _Pieces | None:
    """Which axes become which, the shortest pieces of equal product first to last; axes of size 1 are left out."""
    left = [axis for axis, size in enumerate(before) if size != 1]
    right = [axis for axis, size in enumerate(after) if size != 1]
    if any(size == 0 for size in (*before, *after)):
        return None
    count = traces(*before, *after)
    pieces: _Pieces = []
    while left or right:
        if not left or not right:
            return None
        own, other = [left.pop(0)], [right.pop(0)]
        while (a := product(before[i] for i in own)) != (b := product(after[i] for i in other)):
            # The smaller side goes on; a side that is smaller in one trace must be so in all.
            smaller = {sample(a, trace) < sample(b, trace) for trace in range(count)}
            if smaller == {True} and left:
                own.append(left.pop(0))
            elif smaller == {False} and right:
                other.append(right.pop(0))
            else:
                return None
        pieces.append((own, other))
    return pieces


def _enlarged(to: Emitter, x: Value, y: Value) -> bool:
    """Makes one Resize of a sequence or an image, each element of which was repeated along inner axes."""
    wide = x.producer
    cells = wide.inputs[0].producer if wide is not None and wide.op == "broadcast_to" else None
    if cells is None or cells.op != "reshape" or x.dtype != "float32":
        return False
    source, thin = cells.inputs[0], cells.outputs[0]
    rank, extra = source.rank, thin.rank - source.rank
    if source.array is not None or rank not in (3, 4) or y.rank != rank or thin.rank != x.rank:
        return False
    scales, axis = [1] * rank, -1
    for size, large in zip(thin.shape, x.shape, strict=True):
        beside = axis + 1 == rank or source.shape[axis + 1] != 1 or large != 1
        if size == 1 and extra and axis >= 0 and beside and isinstance(large, int):
            scales[axis] *= large
            extra -= 1
            continue
        axis += 1
        if axis == rank or not size == large == source.shape[axis]:
            return False
    wanted = tuple(product([size, scale]) for size, scale in zip(source.shape, scales, strict=True))
    axes = to.order(source)
    if wanted != y.shape or scales[0] != 1 or scales[-1] != 1 or not set(range(rank)) <= set(axes):
        return False
    factors = to.initializer(np.array([1 if axis is None else scales[axis] for axis in axes], np.float32))
    name = to.add(
        "Resize",
        [to.get(source, axes), "", factors],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    to.hold(y, name, axes)
    return True


def _in_order(to: Emitter, held: Held, x: Value, y: Value, pieces: _Pieces) -> bool:
    """Reshapes the tensor that holds ``x`` if every piece is contiguous in it."""
    real = [axis for axis in held.axes if axis is not None and x.shape[axis] != 1]
    rest = list(real)
    order: list[list[int]] = []
    while rest:
        own, other = next(piece for piece in pieces if rest[0] in piece[0])
        if rest[: len(own)] != own:
            return False
        rest = rest[len(own) :]
        order.append(other)
    if all(len(own) == len(other) == 1 for own, other in pieces):
        # Nothing is joined or split: the same tensor, with other axes of size 1 in mind.
        new = {own[0]: other[0] for own, other in pieces}
        to.hold(y, held.name, [None if axis is None else new.get(axis) for axis in held.axes])
        return True
    axes = [axis for piece in order for axis in piece]
    if axes == sorted(axes):
        axes = list(range(y.rank))
    have = [1 if axis is None else x.shape[axis] for axis in held.axes]
    to.hold(y, to.reshape(held.name, have, [y.shape[axis] for axis in axes]), axes)
    return True


def _transpose(to: Emitter, node: Node) -> None:
    """No node: the same tensor, whose axes are other ones."""
    x, y, axes = node.inputs[0], node.outputs[0], node.attributes["axes"]
    if x.array is not None:
        to.hold(y, to.plain(x), [axes.index(axis) for axis in range(x.rank)])
        return
    for held in list(to.ways(x)):
        to.hold(y, held.name, [None if axis is None else axes.index(axis) for axis in held.axes])


def _broadcast_to(to: Emitter, node: Node) -> None:
    x, y = node.inputs[0], node.outputs[0]
    shift = y.rank - x.rank
    axes = [axis + shift for axis in to.order(x) if axis is not None]
    for axis, size in enumerate(y.shape):
        if axis not in axes and size != 1:
            before = [place for place, other in enumerate(axes) if other < axis]
            at = 1 + axes.index(max(axes[place] for place in before)) if before else 0
            axes.insert(at, axis)
    name = to.operand(x, tuple(axes), shift)
    sizes = [y.shape[axis] for axis in axes]
    if sizes != [x.shape[axis - shift] if axis >= shift else None for axis in axes]:
        name = to.add("Expand", [name, to.sizes(sizes)])
    to.hold(y, name, axes)


# --- parts -----------------------------------------------------------------------------------------------------------


def _slice(to: Emitter, node: Node) -> None:
    x, y = node.inputs[0], node.outputs[0]
    begin, size, step = (node.attributes[name] for name in ("begin", "size", "step"))
    whole = [size[a] == x.shape[a] and (step[a] == 1 or size[a] == 1) for a in range(x.rank)]
    cut = [axis for axis in range(x.rank) if not whole[axis]]
    if not cut:
        return to.alias(y, x)
    if len(cut) == 1 and _is_flip(x.shape[cut[0]], begin[cut[0]], size[cut[0]], step[cut[0]]):
        if to.as_reversed(y, x, cut[0]):
            return None
        to.hold_reversed(y, x, cut[0])
        return None
    axes = to.order(x)
    if not set(cut) <= set(axes):
        axes = tuple(range(x.rank))
    bounds = [_bounds(x.shape[a], begin[a], size[a], step[a]) for a in cut]
    starts, ends = (to.sizes([bound[side] for bound in bounds]) for side in (0, 1))
    places = to.whole(*(axes.index(a) for a in cut))
    name = to.add("Slice", [to.get(x, axes), starts, ends, places, to.whole(*(step[a] for a in cut))])
    to.hold(y, name, axes)
    return None


def _is_flip(extent: Size, begin: Size, size: Size, step: int) -> bool:
    return step == -1 and size == extent and begin == _combined(extent, 1, lambda n, one: n - one)


def _combined(a: Size, b: Size, function: Callable[[int, int], int]) -> Size:
    """A function of two sizes, trace by trace."""
    return size_of([function(sample(a, k), sample(b, k)) for k in range(traces(a, b))])


def _bounds(extent: Size, begin: Size, size: Size, step: int) -> tuple[Size, Size]:
    """Where a slice begins and ends, as ONNX has it: from the end of the axis where that is a number."""
    last = _combined(begin, size, lambda b, n: b + (n - 1) * step)
    if _combined(last, extent, lambda place, n: int(0 <= place + step < n)) == 0:
        return _place(begin, extent), LAST if step > 0 else FIRST
    return _place(begin, extent), _place(_combined(last, 0, lambda place, _: place + (1 if step > 0 else -1)), extent)


def _place(place: Size, extent: Size) -> Size:
    """A place as a number: from the beginning, else from the end, where that is one."""
    from_end = _combined(place, extent, lambda p, n: p - n)
    return from_end if isinstance(from_end, int) and not isinstance(place, int) else place


def _split(to: Emitter, node: Node) -> None:
    x, axis, sizes = node.inputs[0], node.attributes["axis"], node.attributes["sizes"]
    if len(sizes) == 1:
        return to.alias(node.outputs[0], x)
    axes = to.order(x)
    names = to.add("Split", [to.get(x, axes), to.sizes(sizes)], len(sizes), axis=axes.index(axis))
    for output, name in zip(node.outputs, names, strict=True):
        to.hold(output, name, axes)
    return None


def _pad(to: Emitter, node: Node) -> None:
    x, y = node.inputs[0], node.outputs[0]
    low, high = node.attributes["low"], node.attributes["high"]
    padded = {axis for axis in range(x.rank) if low[axis] != 0 or high[axis] != 0}
    axes = to.order(x)
    if not padded <= set(axes):
        axes = tuple(range(x.rank))
    pads = to.sizes([0 if axis is None else side[axis] for side in (low, high) for axis in axes])
    value = np.array(node.attributes["value"])
    filling = to.initializer(value.astype(np.dtype(x.dtype)))
    to.hold(y, to.add("Pad", [to.get(x, axes), pads, filling]), axes)


# --- joins and picks -------------------------------------------------------------------------------------------------


def _concatenate(to: Emitter, node: Node) -> None:
    y, axis = node.outputs[0], node.attributes["axis"]
    axes = to.common(y, node.inputs, need=[axis])
    names = [to.get(x, axes) for x in node.inputs]
    to.hold(y, to.add("Concat", names, axis=axes.index(axis)), axes)


def _gather(to: Emitter, node: Node) -> None:
    """Picks along the first axis, wherever that lies."""
    (x, indices), y = node.inputs, node.outputs[0]
    axes = to.order(x)
    if 0 not in axes:
        axes = tuple(range(x.rank))
    place = axes.index(0)
    name = to.add("Gather", [to.get(x, axes), to.plain(indices)], axis=place)
    moved = [None if axis is None else axis - 1 + indices.rank for axis in axes]
    to.hold(y, name, [*moved[:place], *range(indices.rank), *moved[place + 1 :]])


def _one_hot(to: Emitter, node: Node) -> None:
    indices, y = node.inputs[0], node.outputs[0]
    depth = to.initializer(np.array(node.attributes["classes"], np.int32))
    values = to.initializer(np.array([0, 1], np.float32))
    to.hold(y, to.add("OneHot", [to.plain(indices), depth, values], axis=-1))


# --- reductions ------------------------------------------------------------------------------------------------------


def _reduction(kind: str, axes_as_input_from: int) -> Rule:
    def rule(to: Emitter, node: Node) -> None:
        x, y = node.inputs[0], node.outputs[0]
        axes, keep = to.order(x), node.attributes["keepdims"]
        reduced = sorted(node.attributes["axes"])
        if not reduced:
            return to.unary("Abs", y, x) if kind == "ReduceL2" else to.alias(y, x)
        if not set(reduced) <= set(axes):
            axes = tuple(range(x.rank))
        name = to.get(x, axes)
        places = [axes.index(axis) for axis in reduced]
        if to.opset >= axes_as_input_from:
            name = to.add(kind, [name, to.whole(*places)], keepdims=int(keep))
        else:
            name = to.add(kind, [name], axes=places, keepdims=int(keep))
        if keep:
            return to.hold(y, name, axes)
        left = [axis for axis in range(x.rank) if axis not in reduced]
        kept = [None if axis is None else left.index(axis) for axis in axes if axis not in reduced]
        return to.hold(y, name, kept)

    return rule


def _arg(kind: str) -> Rule:
    def rule(to: Emitter, node: Node) -> None:
        x, y = node.inputs[0], node.outputs[0]
        if node.attributes["unless_nan"]:
            raise refusal(node, "it gives -1 where there is a NaN, as only metrics need it")
        axes, last = to.order(x), x.rank - 1
        if last not in axes:
            axes = tuple(range(x.rank))
        place = to.add(kind, [to.get(x, axes)], axis=axes.index(last), keepdims=0)
        to.hold(y, to.add("Cast", [place], to=TYPES["int32"]), [axis for axis in axes if axis != last])

    return rule


RULES: dict[str, Rule] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "slice": _slice,
    "split": _split,
    "pad": _pad,
    "concatenate": _concatenate,
    "gather": _gather,
    "one_hot": _one_hot,
    "sum": _reduction("ReduceSum", 13),
    "mean": _reduction("ReduceMean", 18),
    "max": _reduction("ReduceMax", 18),
    "min": _reduction("ReduceMin", 18),
    "prod": _reduction("ReduceProd", 18),
    "norm": _reduction("ReduceL2", 18),
    "argmax": _arg("ArgMax"),
    "argmin": _arg("ArgMin"),
}
