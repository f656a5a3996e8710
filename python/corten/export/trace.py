"""A model's inference traced several times, with different sizes in the place of those that are open.

The traces must be alike, op for op; sizes that differ are kept as their samples (:mod:`corten.export.sizes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from corten.export.recording import Recording
from corten.export.sizes import Samples, size_of
from corten.export.traced import FIX, Node, Traced, Value, place_of, refusal
from corten.export.trials import FAMILIES, PROBES, Named, filled, namings, open_names, samples_of
from corten.graph import Array, Nested, SymbolicTensor, flatten, map_nested, values

__all__ = ["trace"]


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
    for named in namings(symbols, names):
        inner = open_names(named)
        for family in FAMILIES:
            samples = samples_of(inner, family)
            count = max((len(sizes) for sizes in samples.values()), default=1)
            try:
                recordings = [
                    Recording(function, structure, symbols, filled(named, {n: s[k] for n, s in samples.items()}))
                    for k in range(count)
                ]
            except ValueError as error:
                first = first or error
                if set(inner) <= {"batch"}:
                    raise
                continue
            _expect_alike(recordings)
            recordings += _probed(function, structure, symbols, named, samples)
            return _merged(recordings, {tuple(sizes): name for name, sizes in samples.items()})
    assert first is not None
    raise ValueError(f"{first} (the open sizes were tried with several numbers: {FIX})") from first


def _probed(
    function: Callable[[Any], Any],
    structure: Nested,
    symbols: Sequence[SymbolicTensor],
    named: Named,
    samples: dict[str, list[int]],
) -> list[Recording]:
    """Traces with sizes far from the others, where the model takes them; ``samples`` get theirs."""
    found = []
    for size, batch in PROBES if samples else ():
        sizes = {name: batch if name == "batch" else size + 2 * place for place, name in enumerate(samples)}
        try:
            found.append(Recording(function, structure, symbols, filled(named, sizes)))
        except ValueError:
            continue
        for name, given in sizes.items():
            samples[name].append(given)
    return found


def _merged(recordings: list[Recording], names: dict[Samples, str]) -> Traced:
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


def _needed(recording: Recording) -> set[int]:
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


def _expect_alike(recordings: list[Recording]) -> None:
    """Raises where traces with different sizes went different ways."""
    advice = f"the model does something else for other sizes: {FIX}"
    first = recordings[0]
    for other in recordings[1:]:
        for node, twin in zip(first.nodes, other.nodes, strict=False):
            # Not their layers: what is made within a call has a new name in each.
            alike = node[:3] == twin[:3]
            if not alike or any(len(first.spec(i)[0]) != len(other.spec(i)[0]) for i in [*node[1], *node[2]]):
                raise ValueError(f"export: at {place_of(node[0], node[4])}: {advice}")
        if len(first.nodes) != len(other.nodes):
            longer = max(first.nodes, other.nodes, key=len)
            op, _, _, _, layer = longer[min(len(first.nodes), len(other.nodes))]
            raise ValueError(f"export: at {place_of(op, layer)}: {advice}")
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
