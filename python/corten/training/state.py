"""What a model keeps of how it is trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from corten.callbacks import History
from corten.graph import StepCache, Variable
from corten.optimizers import Optimizer
from corten.training.compiled import CompiledLoss, CompiledMetrics, LossTracker
from corten.training.usage import Usage

__all__ = ["TrainingState"]


class TrainingState:
    """What ``compile`` made of its arguments, the steps traced since, and who uses the model now.

    Args:
        counted: see :class:`Usage`.
    """

    def __init__(self, counted: Callable[[], Sequence[Variable]]) -> None:
        self.optimizer: Optimizer | None = None
        self.loss: CompiledLoss | None = None
        self.metrics: CompiledMetrics | None = None
        self.loss_tracker = LossTracker()
        #: What ``compile`` was called with, by name.
        self.arguments: dict[str, Any] | None = None
        self.history: History | None = None
        self.steps = StepCache()
        self.usage = Usage(counted)
