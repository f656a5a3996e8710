"""Callbacks that change the learning rate."""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable
from typing import Any

from corten.callbacks.callback import Callback, Logs
from corten.callbacks.monitor import MonitorCallback, expect_number, learning_rate_of, verbosity

__all__ = ["LearningRateScheduler", "ReduceLROnPlateau"]


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by ``factor`` when the monitored value has not improved for ``patience`` epochs.

    A value that is NaN is no improvement. Where the logs do not have the monitored value, a warning lists what they
    have, and training goes on.

    Args:
        monitor: a name in the logs of an epoch.
        factor: below 1.
        patience: how many epochs without an improvement are borne.
        verbose: 1 says when it acts.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        min_delta: a smaller change is no improvement.
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: the learning rate does not fall below this.

    Raises:
        ValueError: ``factor`` outside [0, 1), negative patience, cooldown or min_lr, an unknown mode; at the end of
            the first epoch: the monitored value is an array of several numbers, or nothing tells whether more of it is
            better.
        TypeError: no string or number where one belongs; when training begins: the optimizer follows a schedule.

    >>> from types import SimpleNamespace
    >>> from corten.callbacks import ReduceLROnPlateau
    >>> model = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.5))
    >>> plateau = ReduceLROnPlateau(factor=0.5, patience=1)
    >>> plateau.set_model(model)
    >>> plateau.on_train_begin()
    >>> plateau.on_epoch_end(0, {"val_loss": 1.0})
    >>> plateau.on_epoch_end(1, {"val_loss": 1.0})
    >>> model.optimizer.learning_rate
    0.25
    """

    _state = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        for name, value in {"factor": factor, "patience": patience, "cooldown": cooldown, "min_lr": min_lr}.items():
            expect_number("ReduceLROnPlateau", name, value, 0)
        if factor >= 1:
            raise ValueError(f"ReduceLROnPlateau: expected 0 <= factor < 1, got {factor}")
        self.factor = factor
        self.patience = patience
        self.verbose = verbosity("ReduceLROnPlateau", verbose)
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0
        if self.model is not None:
            # A rate that cannot be set is an error now, not after ``patience`` epochs.
            self.model.optimizer.learning_rate = learning_rate_of(self.model)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        current = self.monitored(logs)
        rate = logs["learning_rate"] = learning_rate_of(self.model)
        if current is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            # The rate is a float32: one that was set to min_lr may come back a little above it.
            if self.wait >= self.patience and rate > self.min_lr * (1 + 1e-6):
                reduced = max(rate * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = reduced
                if self.verbose > 0:
                    print(f"Epoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {reduced}.")
                self.cooldown_counter = self.cooldown
                self.wait = 0


class LearningRateScheduler(Callback):
    """Sets the learning rate before every epoch to ``schedule(epoch, learning_rate)``.

    Args:
        schedule: takes the epoch, counted from 0, and the rate so far (or the epoch alone); gives the new rate.
        verbose: 1 says what it sets.

    Raises:
        TypeError: ``schedule`` is no function, or gives no number.
        ValueError: it gives a number that is negative or not finite.

    >>> from types import SimpleNamespace
    >>> from corten.callbacks import LearningRateScheduler
    >>> model = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.5))
    >>> scheduler = LearningRateScheduler(lambda epoch, rate: rate / 2)
    >>> scheduler.set_model(model)
    >>> scheduler.on_epoch_begin(0)
    >>> model.optimizer.learning_rate
    0.25
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"LearningRateScheduler: schedule must be a function, got {schedule!r}")
        self.schedule = schedule
        self.verbose = verbosity("LearningRateScheduler", verbose)
        try:
            inspect.signature(schedule).bind(0, 0.0)
            self._takes = 2
        except TypeError:
            self._takes = 1
        except ValueError:
            # A built-in without a signature.
            self._takes = 2

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        rate: Any = self.schedule(*(epoch, learning_rate_of(self.model))[: self._takes])
        if isinstance(rate, bool) or not (isinstance(rate, numbers.Real) or getattr(rate, "shape", None) == ()):
            raise TypeError(f"LearningRateScheduler: schedule must return a float, got {rate!r}")
        rate = float(rate)
        if not (math.isfinite(rate) and rate >= 0):
            raise ValueError(f"LearningRateScheduler: schedule returned the learning rate {rate} for epoch {epoch}")
        self.model.optimizer.learning_rate = rate
        if self.verbose > 0:
            print(f"Epoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = learning_rate_of(self.model)
