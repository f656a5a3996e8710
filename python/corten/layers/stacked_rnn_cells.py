"""A stack of cells, as one cell."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from corten import ops
from corten.graph import Shape, Tensor
from corten.layers.layer import Layer
from corten.layers.nested import nested_layer

__all__ = ["Cell", "CellLike", "StackedRNNCells"]


class Cell(Protocol):
    """A step of a recurrent layer: ``call(inputs, states)`` gives an output and the new states."""

    @property
    def state_size(self) -> Any: ...

    def call(self, *args: Any, **kwargs: Any) -> Any: ...


#: A cell, or the configuration of one that is a layer.
CellLike: TypeAlias = Cell | dict[str, Any]


class StackedRNNCells(Layer):
    """Several cells as one: the output of each is the input of the next.

    Args:
        cells: the cells, from the input upwards.

    Call arguments: the inputs (batch, features) and a list of the states of each cell; the results are the output of
    the last cell and the new states.

    Raises:
        ValueError: no cell, or one without ``state_size`` or ``call``.

    >>> import numpy as np, corten
    >>> cells = corten.layers.StackedRNNCells([corten.layers.GRUCell(3), corten.layers.GRUCell(2)])
    >>> corten.layers.RNN(cells)(np.ones((1, 4, 5), np.float32)).shape
    (1, 2)
    """

    def __init__(self, cells: Sequence[CellLike], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError(f"StackedRNNCells: cells: expected a list of at least one cell, got {cells!r}")
        self.cells: list[Any] = [nested_layer(c, "StackedRNNCells: cells") if isinstance(c, dict) else c for c in cells]
        for cell in self.cells:
            if not hasattr(cell, "state_size") or not hasattr(cell, "call"):
                raise ValueError(f"StackedRNNCells: cells: expected state_size and call(inputs, states), got {cell!r}")

    @property
    def state_size(self) -> list[Any]:
        """The state sizes of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Zeros for the states of each cell."""
        return [_zeros(cell, batch_size) for cell in self.cells]

    def build(self, input_shape: Shape) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer):
                cell._build_once(input_shape)
            input_shape = (None, _output_size(cell))

    def call(self, inputs: Tensor, states: Sequence[Any]) -> Any:
        new_states = []
        for cell, own in zip(self.cells, states, strict=True):
            single = not isinstance(own, (list, tuple))
            inputs, new = (cell if callable(cell) else cell.call)(inputs, [own] if single else list(own))
            new = list(new) if isinstance(new, (list, tuple)) else [new]
            new_states.append(new[0] if single else new)
        return inputs, new_states

    def same_dropout(self) -> Any:
        """Within it every step of a sequence drops the same elements."""
        stack = contextlib.ExitStack()
        for cell in self.cells:
            if hasattr(cell, "same_dropout"):
                stack.enter_context(cell.same_dropout())
        return stack

    def sequence(
        self, inputs: Tensor, states: Sequence[Any], mask: Tensor | None, go_backwards: bool, training: bool | None
    ) -> Any:
        """All steps of one cell after those of the one below, where every cell has an op for them."""
        new_states = []
        for index, (cell, own) in enumerate(zip(self.cells, states, strict=True)):
            single = not isinstance(own, (list, tuple))
            result = None
            if hasattr(cell, "sequence"):
                # What lies below a cell comes in the order in which steps are taken.
                backwards = go_backwards and index == 0
                result = cell.sequence(inputs, [own] if single else list(own), mask, backwards, training)
            if result is None:
                return None
            inputs, last, new = result
            if go_backwards and index == 0 and mask is not None:
                mask = ops.flip(mask, axis=1)
            new_states.append(new[0] if single else list(new))
        return inputs, last, new_states


def _output_size(cell: Any) -> int:
    size = getattr(cell, "output_size", None) or cell.state_size
    return int(size[0] if isinstance(size, (list, tuple)) else size)


def _zeros(cell: Any, batch: int) -> Any:
    if hasattr(cell, "get_initial_state"):
        state = cell.get_initial_state(batch_size=batch)
        single = not isinstance(cell.state_size, (list, tuple))
        return state[0] if single and isinstance(state, (list, tuple)) else state
    if isinstance(cell.state_size, (list, tuple)):
        return [ops.zeros((batch, units)) for units in cell.state_size]
    return ops.zeros((batch, cell.state_size))
