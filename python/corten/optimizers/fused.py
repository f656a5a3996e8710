"""Optimizers whose step is one op of the engine: one pass over a variable and its slots, in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.graph import Tensor, push
from corten.optimizers.optimizer import Optimizer

__all__ = ["Fused"]


class Fused(Optimizer):
    """An optimizer that names the engine's op for its step.

    Where a variable was only read by index, as the table of an embedding is, only the rows that were read change, in
    the variable and in its slots; see docs/decisions/0010.
    """

    def fused(self) -> tuple[str, dict[str, Any]]:
        """The op and its attributes, the weights' decay apart."""
        raise NotImplementedError

    def further(self) -> list[Any]:
        """Inputs of the op beside those of all."""
        return []

    def step(
        self, weight: Any, gradient: Any, slots: dict[str, Any], learning_rate: Any, iterations: Any
    ) -> Sequence[Any]:
        return self._advance(weight, gradient, slots, learning_rate, iterations, 0.0)

    def _advance(
        self, weight: Any, gradient: Any, slots: dict[str, Any], learning_rate: Any, iterations: Any, decay: float
    ) -> Sequence[Any]:
        op, attributes = self.fused()
        rows = gathered_rows(gradient) if isinstance(gradient, Tensor) and not decay else None
        gradients = [gradient] if rows is None else rows
        inputs = [weight, *slots.values(), *gradients, learning_rate, iterations, *self.further()]
        return push(op, inputs, weight_decay=decay, rows=rows is not None, **attributes)


def gathered_rows(gradient: Tensor) -> list[Any] | None:
    """The indices and the rows' gradients that ``gradient`` consists of; None unless it is one of gathers alone."""
    node = gradient.graph.core.producer(gradient.id)
    if node is None or node[0] not in ("gather_gradient", "add"):
        return None
    first, second = (Tensor(gradient.graph, id) for id in node[1])
    if node[0] == "gather_gradient":
        return [first, second]
    # The table was read in several places.
    parts = [gathered_rows(part) if part.shape == gradient.shape else None for part in (first, second)]
    if parts[0] is None or parts[1] is None:
        return None
    indices, rows = zip(*parts, strict=True)
    row = gradient.shape[1:]
    return [
        ops.concatenate([ops.reshape(part, (-1,)) for part in indices], 0),
        ops.concatenate([ops.reshape(part, (-1, *row)) for part in rows], 0),
    ]
