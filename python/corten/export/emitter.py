"""Where the values of a model are in the ONNX graph in the making.

A value may be there in several ways. An image of (batch, height, width, channels) is, behind a convolution, a tensor of
(batch, channels, height, width); nothing is moved before an op asks for it in another order, and most do not care. So
transpositions that meet cancel without ever being made. Axes of size 1 may be missing: a sequence that Corten convolves
as an image of one row is a sequence here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from corten.export.nodes import BOOL, FIRST, FLOAT, Nodes
from corten.export.sizes import Samples, Size, affine, among
from corten.export.traced import FIX, Value, refusal

__all__ = ["Axes", "Emitter", "Held"]

#: For each axis of an ONNX tensor the value's axis that it is; None for one of size 1 that the value does not have.
Axes = tuple["int | None", ...]


@dataclass(frozen=True)
class Held:
    """A tensor in which a value is there; the value's axes that ``axes`` lacks have size 1."""

    name: str
    axes: Axes


class Emitter(Nodes):
    """Takes nodes, and says under which names and in which order of axes values are there."""

    def __init__(self, opset: int, reserved: Iterable[str]) -> None:
        super().__init__(opset, reserved)
        self._held: dict[Value, list[Held]] = {}
        #: Values that are another one backwards along an axis, which is done only where somebody asks for it.
        self._reversed: dict[Value, tuple[Value, int]] = {}
        #: Of comparisons, the same as ONNX's booleans.
        self._booleans: dict[Value, Value] = {}
        #: Where open sizes can be read, in the order in which they came.
        self._known: dict[Samples, tuple[Value, int]] = {}

    # --- where values are ----------------------------------------------------------------------------------------

    def hold(self, value: Value, name: str, axes: Sequence[int | None] | None = None) -> None:
        """Says that ``value`` is there as the tensor ``name``: as it is, or with its ``axes`` in that order."""
        axes = tuple(range(value.rank)) if axes is None else tuple(axes)
        self._held.setdefault(value, []).append(Held(name, axes))
        for axis, size in enumerate(value.shape):
            if not isinstance(size, int) and axis in axes:
                self._known.setdefault(size, (value, axis))

    def holds(self, value: Value) -> bool:
        """Whether a value is there."""
        return value in self._held

    def hold_reversed(self, value: Value, of: Value, axis: int) -> None:
        """Says that ``value`` is another one, backwards along an axis."""
        self._reversed[value] = (of, axis)

    def reversal(self, value: Value) -> tuple[Value, int] | None:
        """The value that ``value`` is backwards, and along which axis, where nobody has asked for it yet."""
        return None if value in self._held else self._reversed.get(value)

    def alias(self, value: Value, of: Value) -> None:
        """Says that ``value`` is another one."""
        if of in self._reversed:
            self._reversed[value] = self._reversed[of]
        if of in self._booleans:
            self._booleans[value] = self._booleans[of]
        if of.array is not None:
            self.hold(value, self.plain(of))
        for held in self._held.get(of, []):
            self.hold(value, held.name, held.axes)

    def as_reversed(self, value: Value, of: Value, axis: int) -> bool:
        """Makes ``value`` what ``of`` is backwards, where that is there anyway."""
        if of not in self._reversed or self._reversed[of][1] != axis:
            return False
        self.alias(value, self._reversed[of][0])
        return True

    def ways(self, value: Value) -> list[Held]:
        """The tensors in which a value that is computed is there."""
        if value not in self._held and value in self._reversed:
            of, axis = self._reversed[value]
            held = next((held for held in self.ways(of) if axis in held.axes), None)
            assert held is not None
            along = self.whole(held.axes.index(axis))
            ends = [self.whole(-1), self.whole(FIRST), along, self.whole(-1)]
            self.hold(value, self.add("Slice", [held.name, *ends]), held.axes)
        if value not in self._held:
            node = value.producer
            if node is None:
                raise ValueError("export: a value has no source")
            place = node.outputs.index(value)
            raise refusal(node, f"its output {place}, which training needs, is used in the model")
        return self._held[value]

    def order(self, value: Value) -> Axes:
        """The axes of the tensor in which a value is there already."""
        if value.array is not None:
            return tuple(range(value.rank))
        return self.ways(value)[0].axes

    def plain(self, value: Value) -> str:
        """The value with its axes in their own order."""
        return self.get(value, range(value.rank))

    def get(self, value: Value, axes: Sequence[int | None]) -> str:
        """The value with its axes in an order; those of size 1 may be left out, and others (None) put in."""
        wanted: Axes = tuple(axes)
        assert all(size == 1 for axis, size in enumerate(value.shape) if axis not in wanted), (value.shape, wanted)
        if value.array is not None:
            return self._constant(value, wanted)
        ways = self.ways(value)
        for held in ways:
            if held.axes == wanted:
                return held.name
        # Best one that needs no transposition.
        real = [axis for axis in wanted if axis is not None and value.shape[axis] != 1]
        near = [h for h in ways if [a for a in h.axes if a is not None and value.shape[a] != 1] == real]
        held = (near or ways)[0]
        name = self._arranged(value, held, wanted)
        self.hold(value, name, wanted)
        return name

    def _constant(self, value: Value, axes: Axes) -> str:
        assert value.array is not None
        array = value.array
        kept = [axis for axis in axes if axis is not None]
        left = [axis for axis in range(array.ndim) if axis not in kept]
        array = array.transpose(kept + left).reshape([array.shape[axis] for axis in kept])
        array = array.reshape([1 if axis is None else value.array.shape[axis] for axis in axes])
        return self.initializer(array, value.label or "constant")

    def _arranged(self, value: Value, held: Held, wanted: Axes) -> str:
        """A tensor whose axes are those of ``held``, as one whose axes are ``wanted``."""
        name = held.name
        # Which wanted place each axis takes. All axes of size 1 are alike: one that is there may be any that is wanted.
        places = [wanted.index(axis) if axis is not None and axis in wanted else None for axis in held.axes]
        free = [place for place in range(len(wanted)) if place not in places]
        places = [free.pop(0) if place is None and free else place for place in places]
        surplus = [at for at, place in enumerate(places) if place is None]
        if surplus:
            name = self.add("Squeeze", [name, self.whole(*surplus)])
        order = [place for place in places if place is not None]
        if order != sorted(order):
            name = self.add("Transpose", [name], perm=[order.index(place) for place in sorted(order)])
        if free:
            name = self.add("Unsqueeze", [name, self.whole(*free)])
        return str(name)

    # --- operands that broadcast ---------------------------------------------------------------------------------

    def common(self, output: Value, inputs: Sequence[Value], need: Iterable[int] = ()) -> Axes:
        """The order of axes in which an op on all of ``inputs``, aligned at their ends, moves the fewest."""
        rank = output.rank
        whole = {axis for axis, size in enumerate(output.shape) if size != 1} | set(need)
        moving = [value for value in inputs if value.array is None]
        candidates: list[Axes] = []
        for value in moving:
            shift = rank - value.rank
            for held in self.ways(value):
                axes = tuple(axis + shift for axis in held.axes if axis is not None)
                if whole <= set(axes):
                    candidates.append(axes)
        own = tuple(range(rank))

        def moves(axes: Axes) -> tuple[int, bool]:
            count = 0
            for value in moving:
                shift = rank - value.rank
                target = [a for a in axes if a is not None and a >= shift and value.shape[a - shift] != 1]
                there = any(
                    [a + shift for a in held.axes if a is not None and value.shape[a] != 1] == target
                    for held in self.ways(value)
                )
                count += not there
            return count, axes == own

        return min([*candidates, own], key=moves)

    def operand(self, value: Value, axes: Axes, shift: int) -> str:
        """The value as an operand of an op whose result has ``axes``; its own are counted from so many later."""
        target = [axis - shift if axis is not None and 0 <= axis - shift < value.rank else None for axis in axes]
        while target and target[0] is None:
            target.pop(0)
        return self.get(value, target)

    def elementwise(self, kind: str, output: Value, inputs: Sequence[Value], **attributes: Any) -> None:
        """An op of ONNX that works element by element, with NumPy's broadcasting."""
        axes = self.common(output, inputs)
        names = [self.operand(value, axes, output.rank - value.rank) for value in inputs]
        self.hold(output, self.add(kind, names, **attributes), axes)

    def unary(self, kind: str, output: Value, x: Value, **attributes: Any) -> None:
        """An op of ONNX on each element of one value."""
        axes = self.order(x)
        self.hold(output, self.add(kind, [self.get(x, axes)], **attributes), axes)

    # --- booleans ------------------------------------------------------------------------------------------------

    def hold_boolean(self, value: Value, name: str, axes: Axes) -> None:
        """Says that ``value`` (1 or 0) is there as ONNX's boolean."""
        twin = self._booleans[value] = Value(value.shape, "bool", value.producer)
        self.hold(twin, name, axes)
        self.hold(value, self.add("Cast", [name], to=FLOAT), axes)

    def boolean(self, value: Value, axes: Axes, shift: int) -> str:
        """:meth:`operand` as a boolean: whether it is not 0."""
        if value.array is not None:
            return self.operand(Value(value.shape, "bool", array=value.array != 0, label=value.label), axes, shift)
        if value not in self._booleans:
            twin = Value(value.shape, "bool", value.producer)
            held = self.ways(value)[0]
            self.hold(twin, self.add("Cast", [held.name], to=BOOL), held.axes)
            self._booleans[value] = twin
        return self.operand(self._booleans[value], axes, shift)

    # --- sizes ---------------------------------------------------------------------------------------------------

    def size(self, size: Size) -> str:
        """An int64 vector of one element that holds a size: read where it is known, else computed from others."""
        if isinstance(size, int):
            return self.whole(size)
        if size in self._known:
            value, axis = self._known[size]
            held = next(held for held in self.ways(value) if axis in held.axes)
            shape = self.add("Shape", [held.name])
            return str(self.add("Gather", [shape, self.whole(held.axes.index(axis))], axis=0))
        for known in self._known:
            way = affine(size, known)
            if way is not None:
                factor, offset, divisor = way
                name = self.size(known)
                name = self.add("Mul", [name, self.whole(factor)]) if factor != 1 else name
                name = self.add("Add", [name, self.whole(offset)]) if offset else name
                return str(self.add("Div", [name, self.whole(divisor)]) if divisor != 1 else name)
        for one, other, factor in among(size, list(self._known)):
            name = self.add("Mul", [self.size(one), self.size(other)])
            return str(self.add("Mul", [name, self.whole(factor)]) if factor != 1 else name)
        assert self.node is not None
        raise refusal(
            self.node,
            f"a size that was {', '.join(map(str, size))} in several traces does not follow from the open sizes: {FIX}",
        )

    def sizes(self, sizes: Sequence[Size]) -> str:
        """An int64 vector of sizes."""
        numbers = [size for size in sizes if isinstance(size, int)]
        if len(numbers) == len(sizes):
            return self.whole(*numbers)
        if len(sizes) == 1:
            return self.size(sizes[0])
        parts: list[str] = []
        run: list[int] = []
        for size in sizes:
            if isinstance(size, int):
                run.append(size)
                continue
            if run:
                parts.append(self.whole(*run))
                run = []
            parts.append(self.size(size))
        if run:
            parts.append(self.whole(*run))
        return str(self.add("Concat", parts, axis=0))

    def reshape(self, name: str, have: Sequence[Size], want: Sequence[Size]) -> str:
        """A tensor in another shape: open sizes that stay in their place are taken over, one is left to be inferred."""
        shape: list[Size] = [
            0 if not isinstance(size, int) and place < len(have) and have[place] == size else size
            for place, size in enumerate(want)
        ]
        if any(size == 0 for size in want):
            # ONNX reads 0 as the size that is there.
            assert self.node is not None
            raise refusal(self.node, "it reshapes a value that has no elements")
        left = [place for place, size in enumerate(shape) if not isinstance(size, int)]
        if left:
            shape[left.pop()] = -1
        return str(self.add("Reshape", [name, self.sizes(shape)]))
