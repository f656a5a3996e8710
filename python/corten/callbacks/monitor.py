"""Callbacks that wait for a number to improve."""

from __future__ import annotations

import math
from typing import Any

from corten.callbacks.callback import Callback, Logs

__all__ = ["MonitorCallback", "learning_rate_of"]

_UP = ("acc", "accuracy", "auc", "precision", "recall", "f1_score", "fbeta_score", "r2_score", "iou", "similarity")


class MonitorCallback(Callback):
    """What the callbacks that monitor a quantity share.

    Args:
        monitor: a name in the logs of an epoch.
        mode: ``"min"``, ``"max"``, or ``"auto"``: as the metric of that name says of itself.
        baseline: what must be beaten at first.
        min_delta: a smaller change is no improvement.

    Raises:
        ValueError: an unknown mode, a min_delta that is not finite.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: mode must be 'auto', 'min' or 'max', got {mode!r}")
        if not math.isfinite(min_delta):
            raise ValueError(f"{type(self).__name__}: min_delta must be finite, got {min_delta}")
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)

    def monitored(self, logs: Logs | None) -> float | None:
        """The monitored value; None in an epoch that was not validated.

        Raises:
            ValueError: there is no such name.
        """
        value = (logs or {}).get(self.monitor)
        if value is None and not (self.monitor.startswith("val_") and self.params.get("validation_freq", 1) != 1):
            raise ValueError(
                f"{type(self).__name__}: monitor {self.monitor!r} is not among the logs; there are {sorted(logs or {})}"
            )
        return value

    def is_improvement(self, value: float, reference: float | None) -> bool:
        """Whether ``value`` beats ``reference`` by more than ``min_delta``."""
        if reference is None:
            return not math.isnan(value)
        if self._wants_more():
            return value - self.min_delta > reference
        return value + self.min_delta < reference

    def _wants_more(self) -> bool:
        if self.mode != "auto":
            return self.mode == "max"
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return False
        watched = getattr(self.model, "metrics", None) or ()
        # Those given to compile() are one metric of several.
        for metric in (one for item in watched for one in getattr(item, "metrics", [item])):
            direction = getattr(metric, "_direction", None)
            if direction is not None and (name == metric.name or name.endswith(f"_{metric.name}")):
                return bool(direction == "up")
        if name.endswith(_UP):
            return True
        raise ValueError(
            f"{type(self).__name__}: pass mode='min' or mode='max'; nothing tells if more {self.monitor!r} is better"
        )


def learning_rate_of(model: Any) -> float:
    """The learning rate of the model's optimizer at this step."""
    return float(model.optimizer.learning_rate)
