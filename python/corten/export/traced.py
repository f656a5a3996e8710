"""A model's inference as it is traced: values and the ops between them, with what differs from trace to trace.

The model is traced several times with different sizes in the place of those that are open. The traces must be alike, op
for op; sizes that differ are kept as their samples (:mod:`corten.export.sizes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from corten.export.sizes import Size, size_of
from corten.graph import Array, Graph, Nested, SymbolicTensor, Tensor, Variable, flatten, map_nested, tracing, values

__all__ = ["FIX", "Node", "Traced", "Value", "refusal", "trace"]


@dataclass(eq=False)
class Value:
    """A value of the model: an input, a constant, a variable, or what an op gives."""

    shape: tuple[Size, ...]
    dtype: str
    #: The op that gives it.
    producer: Node | None = None
    #: What it holds, where that is the same whatever the model is given.
    array: Array | None = None
    #: What a constant holds in each trace, where that differs.
    samples: list[Array] | None = None
    #: What an initializer is called that holds it.
    label: str = ""

    @property
    def rank(self) -> int:
        return len(self.shape)


@dataclass(eq=False)
class Node:
    """An op applied to values."""

    op: str
    inputs: list[Value]
    attributes: dict[str, Any]
    #: The layer whose call pushed it, or nothing.
    layer: str
    outputs: list[Value] = field(default_factory=list)


@dataclass
class Traced:
    """A model between its inputs and outputs."""

    nodes: list[Node]
    inputs: list[Value]
    #: Nested as the model returns them.
    outputs: Nested
    #: What the open sizes are called.
    names: dict[tuple[int, ...], str]
    #: Variables that a call assigns.
    assigned: list[Variable]


#: What to do where an open size cannot stay open.
FIX = "give fixed sizes in input_signature=[corten.Input(...)]"


def refusal(node: Node, why: str) -> ValueError:
    """The exception for an op that cannot be exported."""
    return ValueError(f"export: {_place(node.op, node.layer)} cannot be exported to ONNX: {why}")


def _place(op: str, layer: str) -> str:
    return f"op {op!r} of layer {layer!r}" if layer else f"op {op!r}"


#: The sizes that stand for open ones, in order of preference: with different rests in any division; multiples of 32,
#: for models that halve images and join them again; and small ones, for models that bound the length of sequences.
_OPEN = ((97, 128, 111, 150), (96, 128, 160, 224), (13, 16, 18, 11), (6, 8, 5, 4), (2, 3, 4, 5))
#: How much larger the second open size is than the first, the third, ... in every trace, in each family so many times;
#: the smallest numbers change places instead.
_FURTHER = ((0, 0, 0, 0), (4, 6, 6, 8), (10, 12, 14, 21), (6, 24, 20, 16), (12, 18, 22, 28), (16, 26, 30, 40))
_TIMES = (1, 32, 1, None, None)
_BATCH = (6, 9, 11, 16)
#: Sizes that a model is traced with once more, far from the others: it may refuse them, but must not do something else.
_PROBES = ((19, 2), (1031, 23))

#: For each input its sizes, names where they are open.
_Named = list[list["int | str"]]


def trace(
    function: Callable[[Any], Any], structure: Nested, symbols: Sequence[SymbolicTensor], names: Sequence[str]
) -> Traced:
    """Traces ``function`` of nested tensors, in ``structure`` with numbers of ``symbols`` as leaves.

    Args:
        function: the model's call.
        structure: how its argument is nested.
        symbols: shape (None where open) and dtype of each input.
        names: of the inputs.

    Raises:
        ValueError: open sizes cannot stay open, for the model does something else for other sizes.
    """
    first: Exception | None = None
    for named in _namings(symbols, names):
        inner = list(dict.fromkeys(size for shape in named for size in shape if isinstance(size, str)))
        for family in range(len(_OPEN)):
            samples = _samples(inner, family)
            count = len(_BATCH) if samples else 1
            try:
                recordings = [
                    _Recording(function, structure, symbols, _filled(named, {n: s[k] for n, s in samples.items()}))
                    for k in range(count)
                ]
            except ValueError as error:
                first = first or error
                if set(inner) <= {"batch"}:
                    raise
                continue
            recordings += _probed(function, structure, symbols, named, samples)
            return _merged(recordings, {tuple(sizes): name for name, sizes in samples.items()})
    assert first is not None
    raise ValueError(f"{first} (the open sizes were tried with several numbers: {FIX})") from first


def _probed(
    function: Callable[[Any], Any],
    structure: Nested,
    symbols: Sequence[SymbolicTensor],
    named: _Named,
    samples: dict[str, list[int]],
) -> list[_Recording]:
    """Traces with sizes far from the others, where the model takes them; ``samples`` get theirs."""
    found = []
    for size, batch in _PROBES if samples else ():
        sizes = {name: batch if name == "batch" else size + 2 * place for place, name in enumerate(samples)}
        try:
            found.append(_Recording(function, structure, symbols, _filled(named, sizes)))
        except ValueError:
            continue
        for name, given in sizes.items():
            samples[name].append(given)
    return found


def _filled(named: _Named, sizes: dict[str, int]) -> list[list[int]]:
    """The shapes of the inputs with numbers for names."""
    return [[sizes[size] if isinstance(size, str) else size for size in shape] for shape in named]


def _samples(names: Sequence[str], family: int) -> dict[str, list[int]]:
    """What stands for each name in every trace."""
    found: dict[str, list[int]] = {}
    for name in names:
        if name == "batch":
            found[name] = list(_BATCH)
        else:
            place, first, times = sum(other != "batch" for other in found), _OPEN[family], _TIMES[family]
            if times is None:
                found[name] = [first[(k + place) % len(first)] + place // len(first) * 10 for k in range(len(first))]
            else:
                found[name] = [a + times * b for a, b in zip(first, _FURTHER[place], strict=True)]
    return found


def _namings(symbols: Sequence[SymbolicTensor], names: Sequence[str]) -> Iterator[_Named]:
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


class _RecordingGraph(Graph):
    """A graph that knows its constants and variables."""

    def __init__(self) -> None:
        super().__init__()
        self.constants: dict[int, Array] = {}
        self.read: dict[int, Variable] = {}
        self.assigned: list[Variable] = []

    def constant(self, value: ArrayLike) -> Tensor:
        tensor = super().constant(value)
        self.constants[tensor.id] = np.array(value).astype(tensor.dtype)
        return tensor

    def variable(self, variable: Variable) -> Tensor:
        tensor = super().variable(variable)
        self.read.setdefault(tensor.id, variable)
        return tensor

    def assign(self, variable: Variable, value: Any) -> None:
        self.assigned.append(variable)
        super().assign(variable, value)


class _Recording:
    """One trace: its nodes, and what its values are."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        structure: Nested,
        symbols: Sequence[SymbolicTensor],
        shapes: Sequence[Sequence[int]],
    ) -> None:
        with tracing, _RecordingGraph() as graph:
            self.inputs = [graph.input(shape, x.dtype) for shape, x in zip(shapes, symbols, strict=True)]
            outputs = function(map_nested(lambda i: None if i is None else self.inputs[i], structure))
            self.outputs = map_nested(lambda leaf: None if leaf is None else graph.tensor(leaf), outputs)
        self.graph = graph
        self.nodes = graph.core.nodes()

    def spec(self, value: int) -> tuple[list[int], str]:
        return self.graph.core.spec(value)


def _merged(recordings: list[_Recording], names: dict[tuple[int, ...], str]) -> Traced:
    """The traces as one."""
    first = recordings[0]
    graph = first.graph
    _expect_alike(recordings)
    variables = list(graph.read.values())
    held = dict(zip(graph.read, values(variables), strict=True))
    merged: dict[int, Value] = {}

    def value(id: int) -> Value:
        if id not in merged:
            specs = [recording.spec(id) for recording in recordings]
            shape = tuple(size_of(samples) for samples in zip(*(shape for shape, _ in specs), strict=True))
            merged[id] = made = Value(shape, specs[0][1])
            if id in held:
                made.array, made.label = held[id], graph.read[id].path
            elif id in graph.constants:
                samples = [recording.graph.constants[id] for recording in recordings]
                if all(_same(array, samples[0]) for array in samples):
                    made.array, made.label = samples[0], "constant"
                else:
                    made.samples = samples
        return merged[id]

    needed = _needed(first)
    nodes = []
    for place, (op, inputs, outputs, _, layer) in enumerate(first.nodes):
        if place not in needed:
            continue
        node = Node(op, [value(id) for id in inputs], {}, layer)
        given = [recording.nodes[place][3] for recording in recordings]
        node.attributes = {key: _attribute(node, key, [each[key] for each in given]) for key in given[0]}
        node.outputs = [value(id) for id in outputs]
        for output in node.outputs:
            output.producer = node
        nodes.append(node)
    outputs = map_nested(lambda leaf: None if leaf is None else value(leaf.id), first.outputs)
    return Traced(nodes, [value(tensor.id) for tensor in first.inputs], outputs, names, graph.assigned)


def _needed(recording: _Recording) -> set[int]:
    """The places of the nodes that the outputs depend on."""
    producers = {id: place for place, node in enumerate(recording.nodes) for id in node[2]}
    pending = [leaf.id for leaf in flatten(recording.outputs)]
    needed: set[int] = set()
    while pending:
        place = producers.get(pending.pop())
        if place is not None and place not in needed:
            needed.add(place)
            pending.extend(recording.nodes[place][1])
    return needed


def _expect_alike(recordings: list[_Recording]) -> None:
    """Raises where traces with different sizes went different ways."""
    advice = f"the model does something else for other sizes: {FIX}"
    first = recordings[0]
    for other in recordings[1:]:
        for node, twin in zip(first.nodes, other.nodes, strict=False):
            # Not their layers: what is made within a call has a new name in each.
            alike = node[:3] == twin[:3]
            if not alike or any(len(first.spec(i)[0]) != len(other.spec(i)[0]) for i in [*node[1], *node[2]]):
                raise ValueError(f"export: at {_place(node[0], node[4])}: {advice}")
        if len(first.nodes) != len(other.nodes):
            longer = max(first.nodes, other.nodes, key=len)
            op, _, _, _, layer = longer[min(len(first.nodes), len(other.nodes))]
            raise ValueError(f"export: at {_place(op, layer)}: {advice}")
        ids = [[leaf.id for leaf in flatten(each.outputs)] for each in (first, other)]
        if ids[0] != ids[1]:
            raise ValueError(f"export: at the outputs: {advice}")


def _attribute(node: Node, name: str, given: list[Any]) -> Any:
    """An attribute as it is in all traces; sizes may differ."""
    if all(each == given[0] for each in given):
        return given[0]
    if isinstance(given[0], list) and len({len(each) for each in given}) == 1:
        return [size_of(samples) for samples in zip(*given, strict=True)]
    if isinstance(given[0], int):
        return size_of(given)
    raise refusal(node, f"its {name!r} depends on an open size: {FIX}")


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()
