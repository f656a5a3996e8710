"""What the layers that make their own cell have in common: its arguments are theirs."""

from __future__ import annotations

import inspect
from typing import Any, Literal

from corten.graph import Shape
from corten.layers.arguments import expect_rank, outdated
from corten.layers.naming import snake_case
from corten.layers.recurrent_cell import RecurrentCell
from corten.layers.rnn import RNN

__all__ = ["OfCell", "RecurrentLayer"]


class OfCell:
    """An attribute of a layer that is its cell's."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type) -> Any:
        return self if layer is None else getattr(layer.cell, self.name)


class RecurrentLayer(RNN):
    """SimpleRNN, LSTM and GRU."""

    units = OfCell()
    activation = OfCell()
    use_bias = OfCell()
    kernel_initializer = OfCell()
    recurrent_initializer = OfCell()
    bias_initializer = OfCell()
    kernel_regularizer = OfCell()
    recurrent_regularizer = OfCell()
    bias_regularizer = OfCell()
    kernel_constraint = OfCell()
    recurrent_constraint = OfCell()
    bias_constraint = OfCell()
    dropout = OfCell()
    recurrent_dropout = OfCell()

    def __init__(
        self, cell: type[RecurrentCell], *, use_cudnn: Literal["auto", False] = "auto", **arguments: Any
    ) -> None:
        outdated(self, arguments, "implementation")
        if use_cudnn not in ("auto", False):
            kind = type(self).__name__
            raise ValueError(f"{kind}: use_cudnn: expected 'auto' or False (there is no GPU), got {use_cudnn!r}")
        known = inspect.signature(cell).parameters
        of_cell = {name: arguments.pop(name) for name in list(arguments) if name in known}
        super().__init__(cell(**of_cell, name=snake_case(cell.__name__)), **arguments)

    def build(self, input_shape: Shape) -> None:
        expect_rank(input_shape, 3, f'{type(self).__name__} "{self.name}"')
        super().build(input_shape)
