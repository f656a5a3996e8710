"""A step: a function of tensors that is traced for the shapes of its arguments, compiled, and run natively."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from corten.graph.arrays import Array, as_fed
from corten.graph.graph import Graph, StandIn
from corten.graph.locks import tracing
from corten.graph.nested import flatten, map_nested

__all__ = ["Step", "StepCache", "run_eagerly"]


class Step:
    """One traced and compiled step: a program and the structure of what it returns.

    Args:
        function: takes and returns nested tensors.
        structure: the nested argument, with positions in ``shapes`` as leaves (None stays None).
        shapes, dtypes: of each leaf.
        stand_in: see :class:`Graph`.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        structure: Any,
        shapes: Sequence[Sequence[int]],
        dtypes: Sequence[str],
        stand_in: StandIn | None = None,
    ) -> None:
        with Graph(stand_in=stand_in) as graph:
            leaves = [graph.input(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True)]
            outputs = function(map_nested(lambda i: None if i is None else leaves[i], structure))
            outputs = map_nested(lambda leaf: None if leaf is None else graph.tensor(leaf), outputs)
        self._guards = list(graph.guards.values())
        #: What is to be looked at in data before they are run, each with a ``run(columns)`` that raises.
        self.checks: list[Any] = []
        self.program = graph.compile(leaves, flatten(outputs))
        self.specs = self.program.outputs
        # Numbers in the place of tensors, for these would keep the graph alive.
        numbers = iter(range(len(self.specs)))
        self.outputs = map_nested(lambda leaf: None if leaf is None else next(numbers), outputs)
        self.watch = list(self.outputs).index("loss") if isinstance(outputs, dict) and "loss" in outputs else None

    @property
    def valid(self) -> bool:
        """Whether the attributes of all that the trace went through (layers, losses, ...) are as they were."""
        return all(thing._changes == changes for thing, changes in self._guards)

    def check(self, columns: Sequence[Array]) -> None:
        """Looks at data before they are run for what the trace found that they must be; raises what is to be said."""
        for check in self.checks:
            check.run(columns)

    def fill(self, targets: Sequence[Array]) -> Any:
        """``targets``, one for each output, in the structure of what the function returned."""
        return map_nested(lambda index: None if index is None else targets[index], self.outputs)


class StepCache:
    """The traced steps of one function or model: the latest 32, and of one key, traced anew as attributes change, 3.

    Each holds an arena as large as its activations, so that a value which changes every epoch must not gather them.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[Any, Step]] = []

    def clear(self) -> None:
        self._kept.clear()

    def drop(self, step: Step) -> None:
        """Forgets one step."""
        self._kept = [(key, kept) for key, kept in self._kept if kept is not step]

    def get(self, key: Any) -> Step | None:
        """The step that was traced for ``key``, where things are as they were."""
        return next((step for known, step in self._kept if known == key and step.valid), None)

    def trace(
        self,
        key: Callable[[], Any],
        function: Callable[[Any], Any],
        structure: Any,
        shapes: Sequence[Sequence[int]],
        dtypes: Sequence[str],
        stand_in: StandIn | None = None,
    ) -> Step:
        """Traces a step and keeps it; ``key`` is asked afterwards, for a trace may build what identifies it."""
        with tracing:
            step = Step(function, structure, shapes, dtypes, stand_in)
            new = key()
            before = [old for known, old in self._kept if known == new][:-2]
            kept = [entry for entry in self._kept if not any(entry[1] is old for old in before)]
            self._kept = [*kept[-31:], (new, step)]
        return step


def run_eagerly(
    function: Callable[[Any], Any],
    structure: Any,
    arrays: Sequence[Array],
    dtypes: Sequence[str],
    stand_in: StandIn | None = None,
) -> Any:
    """The same as a step, op by op: arrays in the structure of what ``function`` returned."""
    with tracing, Graph(eager=True, stand_in=stand_in) as graph:
        leaves = [graph.constant(as_fed(array, dtype)) for array, dtype in zip(arrays, dtypes, strict=True)]
        outputs = function(map_nested(lambda i: None if i is None else leaves[i], structure))
        results = map_nested(lambda leaf: None if leaf is None else graph.tensor(leaf).numpy(), outputs)
        graph.finish()
    return results
