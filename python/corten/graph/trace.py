"""A step: a function of tensors that is traced for the shapes of its arguments, compiled, and run natively."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from corten.graph.arrays import Array
from corten.graph.graph import Graph, StandIn
from corten.graph.locks import tracing
from corten.graph.nested import Nested, flatten, map_nested

__all__ = ["Signature", "Step", "StepCache", "run_eagerly"]


@dataclass
class Signature:
    """What a step is given: nested arguments, as far as the trace of it goes."""

    #: With numbers of arrays as leaves (None stays None).
    structure: Nested
    #: Of each array, as the engine has it.
    shapes: list[tuple[int, ...]]
    dtypes: list[str]

    @property
    def key(self) -> tuple[str, tuple[tuple[int, ...], ...], tuple[str, ...]]:
        """Equal where the arguments are alike."""
        return str(self.structure), tuple(self.shapes), tuple(self.dtypes)


class Step:
    """One traced and compiled step: a program and the structure of what it returns.

    Args:
        function: takes and returns nested tensors.
        signature: of its argument.
        stand_in: see :class:`Graph`.
    """

    def __init__(self, function: Callable[[Any], Any], signature: Signature, stand_in: StandIn | None = None) -> None:
        with Graph(stand_in=stand_in) as graph:
            leaves = [graph.input(*spec) for spec in zip(signature.shapes, signature.dtypes, strict=True)]
            outputs = function(map_nested(lambda i: None if i is None else leaves[i], signature.structure))
            outputs = map_nested(lambda leaf: None if leaf is None else graph.tensor(leaf), outputs)
        self._guards = list(graph.guards.values())
        self._checks = graph.checks
        self.program = graph.compile(leaves, flatten(outputs))
        #: Shape and dtype of each output.
        self.specs = [(tuple(shape), dtype) for shape, dtype in self.program.outputs]
        # Numbers in the place of tensors, for these would keep the graph alive.
        numbers = iter(range(len(self.specs)))
        self.outputs = map_nested(lambda leaf: None if leaf is None else next(numbers), outputs)
        self.watch = list(self.outputs).index("loss") if isinstance(outputs, dict) and "loss" in outputs else None

    @property
    def valid(self) -> bool:
        """Whether the attributes of all that the trace depends on (layers, losses, ...) are unchanged."""
        return all(thing._changes == changes for thing, changes in self._guards)

    def check(self, columns: Sequence[Array]) -> None:
        """Checks data, before they are run, against what the trace requires of them; raises where they do not fit."""
        for check in self._checks:
            check(columns)

    def fill(self, arrays: Sequence[Array]) -> Any:
        """``arrays``, one for each output, in the structure of what the function returned."""
        return map_nested(lambda index: None if index is None else arrays[index], self.outputs)


class StepCache:
    """The traced steps of one function or model: the latest 32, and of one key, traced anew as attributes change, 3.

    Each holds an arena as large as its activations, so that a value which changes every epoch must not gather them.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[Any, Step]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Step]:
        return (step for _, step in self._entries)

    def clear(self) -> None:
        self._entries.clear()

    def get(self, key: object) -> Step | None:
        """The step that was traced for ``key``, where things are as they were."""
        return next((step for cached, step in self._entries if cached == key and step.valid), None)

    def put(self, key: object, step: Step) -> None:
        """Keeps a step, and the two before it that were traced for ``key``."""
        with tracing:
            outdated = [old for cached, old in self._entries if cached == key][:-2]
            entries = [entry for entry in self._entries if not any(entry[1] is old for old in outdated)]
            self._entries = [*entries[-31:], (key, step)]


def run_eagerly(
    function: Callable[[Any], Any], structure: Nested, arrays: Sequence[Array], stand_in: StandIn | None = None
) -> Any:
    """The same as a step, op by op: arrays in the structure of what ``function`` returned."""
    with tracing, Graph(eager=True, stand_in=stand_in) as graph:
        leaves = [graph.constant(array) for array in arrays]
        outputs = function(map_nested(lambda i: None if i is None else leaves[i], structure))
        results = map_nested(lambda leaf: None if leaf is None else graph.tensor(leaf).numpy(), outputs)
        graph.finish()
    return results
