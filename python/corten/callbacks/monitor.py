"""Callbacks that wait for a number to improve."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import numpy as np

from corten.arguments import real
from corten.callbacks.callback import Callback, Logs

__all__ = ["MonitorCallback", "expect_number", "learning_rate_of", "verbosity"]

_UP = ("acc", "accuracy", "auc", "precision", "recall", "f1_score", "fbeta_score", "r2_score", "iou", "similarity")


def expect_number(kind: str, name: str, value: object, least: float = -math.inf) -> None:
    """``TypeError`` where ``value`` is no number, ``ValueError`` where it is NaN or below ``least``."""
    number = real(value, f"{kind}: {name}")
    if not number >= least:
        wanted = "must not be NaN" if math.isnan(number) else f"must be at least {least}"
        raise ValueError(f"{kind}: {name} {wanted}, got {value}")


def verbosity(kind: str, verbose: object) -> int:
    """``verbose`` as 0 (silent), 1 or 2; ``ValueError`` for anything else."""
    if not isinstance(verbose, numbers.Integral) or int(verbose) not in (0, 1, 2):
        raise ValueError(f"{kind}: verbose must be 0 or 1, got {verbose!r}")
    return int(verbose)


class MonitorCallback(Callback):
    """What the callbacks that monitor a quantity share.

    Args:
        monitor: a name in the logs of an epoch.
        mode: ``"min"``, ``"max"``, or ``"auto"``: as the metric of that name says of itself.
        baseline: what must be beaten at first.
        min_delta: a smaller change is no improvement.

    Raises:
        TypeError: the monitor is no string, ``baseline`` or ``min_delta`` no number.
        ValueError: an unknown mode, a ``baseline`` that is NaN, a ``min_delta`` that is not finite.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0
    ) -> None:
        super().__init__()
        kind = type(self).__name__
        if not isinstance(monitor, str):
            raise TypeError(f"{kind}: monitor must be a name in the logs, such as 'val_loss', got {monitor!r}")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{kind}: mode must be 'auto', 'min' or 'max', got {mode!r}")
        expect_number(kind, "min_delta", min_delta)
        if math.isinf(min_delta):
            raise ValueError(f"{kind}: min_delta must be finite, got {min_delta}")
        if baseline is not None:
            expect_number(kind, "the baseline", baseline)
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)

    def monitored(self, logs: Logs | None, consequence: str = "") -> float | None:
        """The monitored value; None where the logs have none: with a warning, unless the epoch was not validated.

        Args:
            logs: those of the epoch.
            consequence: what follows where there is none, for the warning.

        Raises:
            ValueError: it is an array of several numbers, or nothing tells whether more of it is better.
            TypeError: it is no number.
        """
        value = (logs or {}).get(self.monitor)
        if value is None:
            if not self._may_lack(self.monitor):
                warnings.warn(self._missing(logs or {}) + consequence, stacklevel=3)
            return None
        number = np.asarray(value)
        if number.size != 1:
            raise ValueError(
                f"{type(self).__name__}: monitor {self.monitor!r} is an array of shape {number.shape}, expected one "
                "number; let the metric average over the classes (F1Score: average='macro'), or monitor another value"
            )
        if number.dtype.kind not in "biuf":
            raise TypeError(f"{type(self).__name__}: monitor {self.monitor!r} must be a number, got {value!r}")
        self._wants_more()
        return float(number.item())

    def _may_lack(self, name: str) -> bool:
        """Whether the logs may be without ``name`` because not every epoch is validated."""
        return name.startswith("val_") and self.params.get("validation_freq", 1) != 1

    def _missing(self, logs: Logs) -> str:
        text = (
            f"{type(self).__name__}: monitor {self.monitor!r} is not among the logs; "
            f"there are {', '.join(sorted(logs)) or 'none'}"
        )
        if self.monitor.startswith("val_") and self.params.get("do_validation") is False:
            text += " (fit was given no validation data)"
        return text

    def is_improvement(self, value: float, reference: float | None) -> bool:
        """Whether ``value`` beats ``reference``, or is the first, by more than ``min_delta``; NaN never does."""
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
        for metric in (part for item in watched for part in getattr(item, "metrics", [item])):
            direction = getattr(metric, "_direction", None)
            if direction is not None and (name == metric.name or name.endswith(f"_{metric.name}")):
                return bool(direction == "up")
        if name.endswith(_UP):
            return True
        raise ValueError(
            f"{type(self).__name__}: cannot tell whether a higher {self.monitor!r} is better; "
            "pass mode='min' or mode='max'"
        )


def learning_rate_of(model: Any) -> float:
    """The learning rate of the model's optimizer at this step; ``ValueError`` where the model has no optimizer."""
    if model.optimizer is None:
        raise ValueError(f"{model.name!r} was compiled without an optimizer, so it has no learning rate")
    return float(model.optimizer.learning_rate)
