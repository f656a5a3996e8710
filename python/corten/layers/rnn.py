"""The recurrent layer: a cell applied step by step."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from corten import initializers, ops
from corten.graph import Shape, Tensor, TensorLike, Variable, assign, flatten, map_nested
from corten.layers.arguments import States, expect_mask, expect_rank
from corten.layers.layer import Layer
from corten.layers.masking import where_counted
from corten.layers.nested import nested_layer
from corten.layers.stacked_rnn_cells import CellLike, StackedRNNCells

__all__ = ["RNN"]


class RNN(Layer):
    """Applies a cell to every step of a sequence: ``output, states = cell(inputs[:, t], states)``.

    A cell is a layer, or any object, with ``state_size`` (an int or a list of them) and ``call(inputs, states)``, which
    gives the step's output and the new states. The built-in cells with their own activations run a whole sequence in
    one op; the steps of others become nodes of the graph, one after the other.

    Args:
        cell: the cell, or a list of cells, which are stacked.
        return_sequences: whether the output of every step is returned, not only the last one.
        return_state: whether the last states are returned after the output.
        go_backwards: whether the sequence is processed from its end; outputs come in that order.
        stateful: whether each batch starts from the last states of the previous one, until ``reset_state()``; all
            batches must then have one known size.
        unroll: accepted; makes no difference.
        zero_output_for_mask: whether masked steps output zeros instead of the previous step's output.

    Input (batch, time, features); call arguments: ``initial_state``, a state or a list of them; ``mask`` (batch, time):
    steps where it is 0 are skipped, and states stay as they were.
    Output (batch, units), or (batch, time, units) with ``return_sequences``; with ``return_state`` a list that begins
    with it.

    Raises:
        ValueError: a cell without ``state_size``, a stateful layer without a known batch, wrong initial states.
        ShapeError: fewer than three axes, or none known to be the features.

    >>> import numpy as np, corten
    >>> class Sum(corten.layers.Layer):
    ...     state_size = 3
    ...     def call(self, inputs, states):
    ...         total = states[0] + inputs
    ...         return total, [total]
    >>> corten.layers.RNN(Sum())(np.ones((1, 4, 3), np.float32))
    array([[4., 4., 4.]], dtype=float32)
    """

    def __init__(
        self,
        cell: CellLike | Sequence[CellLike],
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        kind = type(self).__name__
        stepped: Any = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        if isinstance(cell, dict):
            stepped = nested_layer(cell, f"{kind}: cell")
        if not hasattr(stepped, "state_size") or not hasattr(stepped, "call"):
            raise ValueError(
                f"{kind}: cell: expected an object with state_size and call(inputs, states), got {stepped!r}"
            )
        self.cell: Any = stepped
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.unroll = bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.supports_masking = True
        #: What the next batch begins with, if the layer is stateful and has seen a batch.
        self.states: Any = None

    # --- states --------------------------------------------------------------------------------------------------

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Zeros for every state of the cell."""
        if hasattr(self.cell, "get_initial_state"):
            return _listed(self.cell.get_initial_state(batch_size=batch_size))
        return [
            map_nested(lambda units: ops.zeros((batch_size, units)), size) for size in _listed(self.cell.state_size)
        ]

    def reset_state(self) -> None:
        """Lets the next batch begin with zeros."""
        states = flatten(self.states)
        assign(states, [ops.zeros(variable.shape) for variable in states])

    reset_states = reset_state

    def _remember(self, batch: Any) -> None:
        """Makes the variables of a stateful layer, and refuses a batch of another size."""
        if batch is None:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: stateful=True needs a fixed batch size: set "
                "batch_shape=(batch, time, features) on the input"
            )
        if self.states is None:
            states = map_nested(lambda units: _zero_state(batch, units), _listed(self.cell.state_size))
            # Not tracked: states are neither trained nor saved.
            object.__setattr__(self, "states", states)
        size = flatten(self.states)[0].shape[0]
        if size != batch:
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: stateful: expected a batch of {size} as before, got {batch}"
            )

    # --- calling -------------------------------------------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        expect_rank(input_shape, 3, f'{type(self).__name__} "{self.name}"', least=True)
        if isinstance(self.cell, Layer):
            self.cell._build_once((None, *input_shape[2:]))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.stateful:
            sequences = args[0] if args else kwargs.get("sequences")
            self._remember(getattr(sequences, "shape", (None,))[0])
        return super().__call__(*args, **kwargs)

    def call(
        self,
        sequences: Tensor,
        initial_state: States | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
    ) -> Any:
        if mask is not None:
            expect_mask(self, mask, sequences.shape[:2])
        states = self._begin(sequences.shape[0], initial_state)
        if mask is not None:
            # The kernels' gradients are products over all steps: what does not count must be no NaN there.
            sequences = where_counted(sequences, mask)
        outputs, last, states = self._all_steps(sequences, states, mask, training)
        if self.stateful:
            for variable, state in zip(flatten(self.states), flatten(states), strict=True):
                variable.assign(state)
        if self.zero_output_for_mask and mask is not None:
            outputs = where_counted(outputs, ops.flip(mask, axis=1) if self.go_backwards else mask)
            last = outputs[:, -1]
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output

    def _begin(self, batch: int, initial_state: Any) -> list[Any]:
        if initial_state is None:
            initial_state = self.states if self.stateful else self.get_initial_state(batch)
        sizes = _listed(self.cell.state_size)
        states = map_nested(lambda state: ops.cast(state, "float32"), _listed(initial_state))
        expected = [(batch, units) for units in flatten(sizes)]
        if [tuple(state.shape) for state in flatten(states)] != expected:
            got = [tuple(state.shape) for state in flatten(states)]
            raise ValueError(
                f"{type(self).__name__} {self.name!r}: initial_state: expected shapes {expected}, got {got}"
            )
        return list(states)

    def _all_steps(
        self, sequences: Any, states: list[Any], mask: Any, training: bool | None
    ) -> tuple[Any, Any, list[Any]]:
        """(The output of every step, the last one, the last states.)"""
        hold = getattr(self.cell, "same_dropout", contextlib.nullcontext)
        with hold():
            if hasattr(self.cell, "sequence"):
                result = self.cell.sequence(sequences, states, mask, self.go_backwards, training)
                if result is not None:
                    return result  # type: ignore[no-any-return]
            return self._by_steps(sequences, states, mask)

    def _by_steps(self, sequences: Any, states: list[Any], mask: Any) -> tuple[Any, Any, list[Any]]:
        steps = ops.unstack(sequences, axis=1)
        if not steps:
            raise ValueError(f"{type(self).__name__} {self.name!r}: expected at least one step, got {sequences.shape}")
        masks: list[Any] = [None] * len(steps)
        if mask is not None:
            masks = ops.split(ops.cast(mask, "float32"), len(steps), axis=1)
        order = reversed(range(len(steps))) if self.go_backwards else range(len(steps))
        step = self.cell if callable(self.cell) else self.cell.call
        single = not isinstance(self.cell.state_size, (list, tuple))
        outputs = []
        for t in order:
            output, new = step(steps[t], states)
            new = [new] if single and not isinstance(new, (list, tuple)) else list(new)
            if masks[t] is not None:
                # What is shown for a step that is left out: the state, which is the output of the step before.
                shown = states[-1] if isinstance(self.cell, StackedRNNCells) else states[0]
                shown = shown[0] if isinstance(shown, (list, tuple)) else shown
                output = ops.where(masks[t], output, shown)
                new = _where_step_counts(masks[t], new, states)
            states = new
            outputs.append(output)
        sequence = ops.stack(outputs, axis=1) if self.return_sequences or self.zero_output_for_mask else None
        return sequence, outputs[-1], states

    def compute_mask(self, inputs: TensorLike, mask: TensorLike | None = None) -> Any:
        """The mask of the steps in the order in which they were taken; states have none."""
        if not self.return_sequences:
            mask = None
        elif mask is not None and self.go_backwards:
            mask = ops.flip(mask, axis=1)
        return [mask, *(None for _ in flatten(self.cell.state_size))] if self.return_state else mask


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _zero_state(batch: int, units: int) -> Variable:
    return Variable(initializers.get("zeros"), (batch, units), trainable=False, name="state")


def _where_step_counts(counts: Any, new: Any, old: Any) -> Any:
    """``new`` where the step counts, else ``old``, through nested states."""
    if isinstance(new, (list, tuple)):
        return [_where_step_counts(counts, a, b) for a, b in zip(new, old, strict=True)]
    return ops.where(counts, new, old)
