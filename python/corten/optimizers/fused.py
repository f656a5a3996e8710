"""Optimizers whose step is one op of the engine: one pass over a variable and its slots, in place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten.optimizers.optimizer import Optimizer
from corten.tensor import push

__all__ = ["Fused"]


class Fused(Optimizer):
    """An optimizer that names the engine's op for its step."""

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
        inputs = [weight, *slots.values(), gradient, learning_rate, iterations, *self.further()]
        return push(op, inputs, weight_decay=decay, **attributes)
