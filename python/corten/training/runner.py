"""What runs batches through a step: traced and compiled once per shape, or op by op."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from corten.errors import ShapeError
from corten.graph import Array, StandIn, Step, StepCache, flatten, map_nested, run_eagerly, tracing
from corten.training.feed import Arrays, Chunk

__all__ = ["Rows", "Runner"]


class Runner:
    """Runs a function of batches.

    Args:
        function: takes a batch, nested tensors, and returns nested tensors.
        cache: the steps that were traced of it.
        key: gives what the function depends on beside the shapes of the batch.
        eager: whether it is run op by op; the same bits, more slowly.
        together: how many steps a native call runs where there is no budget of time.
        undo: makes a context manager in which a trace that fails is undone.
        stand_in: see :class:`corten.graph.Graph`.
        rows: what gathers the outputs, where those of all batches are wanted.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        cache: StepCache,
        key: Callable[[], Any],
        eager: bool = False,
        together: int = 1,
        undo: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
        stand_in: StandIn | None = None,
        rows: Rows | None = None,
    ) -> None:
        self.function = function
        self.cache = cache
        self.key = key
        self.eager = eager
        self.together = together
        self.undo = undo
        self.stand_in = stand_in
        self.rows = rows
        #: The latest step (None of those run eagerly), its outputs, and where among these its own are.
        self._latest: tuple[Step | None, Any, int]

    def run(self, chunk: Chunk, budget: float = 0.0) -> Iterator[int]:
        """Runs all steps of a chunk; now and then gives how many are done: :attr:`outputs` are those of the latest.

        Args:
            budget: seconds between two times; 0: ``together`` steps are between them.
        """
        return self._run_eagerly(chunk) if self.eager else self._run_natively(chunk, budget)

    @property
    def outputs(self) -> Any:
        """What the latest step returned, as arrays."""
        step, outputs, index = self._latest
        return outputs if step is None else step.fill([array[index] for array in outputs])

    def _run_eagerly(self, chunk: Chunk) -> Iterator[int]:
        for index in range(chunk.steps):
            arrays = chunk.arrays(index)
            with tracing, self.undo():
                outputs = run_eagerly(self.function, chunk.signature.structure, arrays, self.stand_in)
            if self.rows is not None:
                self.rows.append(outputs)
            if (index + 1) % self.together == 0 or index + 1 == chunk.steps:
                self._latest = None, outputs, index
                yield index + 1

    def _run_natively(self, chunk: Chunk, budget: float) -> Iterator[int]:
        step = self._step(chunk)
        if self.rows is None:
            outputs = [np.zeros((chunk.steps, *shape), dtype) for shape, dtype in step.specs]
        else:
            outputs = self.rows.place(chunk, step)
        most = chunk.steps
        if budget == 0.0:
            most, budget = self.together, 0.0 if self.together == 1 else float("inf")
        done = 0
        while done < chunk.steps:
            steps, start = min(most, chunk.steps - done), chunk.start + done * chunk.batch
            remaining = [output[done:] for output in outputs]
            done += step.program.run(
                chunk.columns, chunk.rows, start, chunk.batch, steps, remaining, step.watch, budget
            )
            if self.rows is not None:
                self.rows.done = done
            self._latest = step, outputs, done - 1
            yield done

    def _step(self, chunk: Chunk) -> Step:
        """The step for batches as the chunk has them, traced if it is not known."""
        shapes = chunk.signature.key
        step = self.cache.get((self.key(), shapes))
        if step is None:
            with tracing, self.undo():
                step = Step(self.function, chunk.signature, self.stand_in)
                # Before it is known: data of these shapes are to be looked at again, whoever brings them.
                step.check(chunk.columns)
                # The trace may have built what the key names.
                self.cache.put((self.key(), shapes), step)
        elif chunk.fresh:
            step.check(chunk.columns)
        return step


class Rows:
    """The outputs of all batches as one: arrays with the rows of one batch behind those of the one before.

    Args:
        expected: how many rows will be fed, where that is known: so large the arrays are made at once.
        name: of the model, for messages.
    """

    def __init__(self, expected: int | None, name: str) -> None:
        self._left = expected
        self._name = name
        #: Outputs that are complete, each in the structure that the step returned.
        self._parts: list[Any] = []
        #: The step that is being run, the arrays it fills, the rows that earlier chunks have filled of each.
        self._step: Step | None = None
        self._arrays: list[Array] = []
        self._begins: list[int] = []
        #: How many steps of the latest chunk are done.
        self.done = 0

    def append(self, outputs: Arrays) -> None:
        """Takes the outputs of one batch."""
        self._expect_rows([array.shape for array in flatten(outputs)])
        self._parts.append(outputs)

    def place(self, chunk: Chunk, step: Step) -> list[Array]:
        """Where the outputs of a chunk are to be put: arrays of (steps, *shape)."""
        steps, shapes = chunk.steps, [shape for shape, _ in step.specs]
        self._expect_rows(shapes)
        begins = self._ends()
        if [array.shape[1:] for array in self._arrays] != [shape[1:] for shape in shapes] or not all(
            len(array) >= begin + steps * shape[0]
            for array, begin, shape in zip(self._arrays, begins, shapes, strict=True)
        ):
            self._close()
            rows = steps * chunk.batch if self._left is None else self._left
            self._arrays = [
                np.zeros((max(steps * each, rows * each // max(1, chunk.batch)), *row), dtype)
                for (each, *row), dtype in step.specs
            ]
            begins = [0] * len(shapes)
        self._step, self._begins, self.done = step, begins, 0
        if self._left is not None:
            self._left -= steps * chunk.batch
        return [
            array[begin : begin + steps * shape[0]].reshape(steps, *shape)
            for array, begin, shape in zip(self._arrays, begins, shapes, strict=True)
        ]

    def _ends(self) -> list[int]:
        """Of each array, the rows that are filled."""
        if self._step is None:
            return []
        return [begin + self.done * shape[0] for begin, (shape, _) in zip(self._begins, self._step.specs, strict=True)]

    def _close(self) -> None:
        if self._step is not None:
            filled = [a if end == len(a) else a[:end] for a, end in zip(self._arrays, self._ends(), strict=True)]
            self._parts.append(self._step.fill(filled))

    def result(self) -> Any:
        """The outputs of all batches, in the structure that each has."""
        self._close()
        return _joined(self._parts)

    def _expect_rows(self, shapes: Sequence[tuple[int, ...]]) -> None:
        if () in shapes:
            raise ValueError(
                f"predict: {self._name!r} returns a scalar for a batch; outputs need a row for each sample"
            )


def _joined(parts: list[Any]) -> Any:
    """The outputs of several batches as one, in the structure that each has."""
    if not parts:
        raise ValueError("predict: the data yielded no batches")
    if len(parts) == 1:
        return parts[0]
    groups = list(zip(*(flatten(part) for part in parts), strict=True))
    for group in groups:
        shapes = [array.shape[1:] for array in group]
        odd = next((index for index, shape in enumerate(shapes) if shape != shapes[0]), None)
        if odd is not None:
            raise ShapeError(
                f"predict: the outputs of batch 0 have rows of shape {shapes[0]}, those of batch {odd} have "
                f"{shapes[odd]}; pad the inputs to one length, or call predict_on_batch for each batch"
            )
    leaves = iter([np.concatenate(group) for group in groups])
    return map_nested(lambda leaf: None if leaf is None else next(leaves), parts[0])
