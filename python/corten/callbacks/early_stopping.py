"""Ends training when it no longer helps."""

from __future__ import annotations

import warnings
from typing import Any

from corten.callbacks.callback import Logs
from corten.callbacks.monitor import MonitorCallback, expect_number, verbosity

__all__ = ["EarlyStopping"]


class EarlyStopping(MonitorCallback):
    """Ends training when the monitored value has not improved for ``patience`` epochs.

    A value that is NaN is no improvement. Where the logs do not have the monitored value, a warning lists what they
    have, and training goes on.

    Args:
        monitor: a name in the logs of an epoch.
        min_delta: a smaller change is no improvement.
        patience: how many epochs without an improvement are borne.
        verbose: 1 says when it acts.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        baseline: only a value that beats this too resets the patience.
        restore_best_weights: give the model the weights of its best epoch in the end, however training ended; where
            every epoch's value was NaN, a warning says that there is none.
        start_from_epoch: epochs before this one do not count.

    Raises:
        ValueError: a number outside its range, an unknown mode; at the end of the first epoch: the monitored value is
            an array of several numbers, or nothing tells whether more of it is better.
        TypeError: no string or number where one belongs.

    >>> from types import SimpleNamespace
    >>> from corten.callbacks import EarlyStopping
    >>> stopping, model = EarlyStopping(patience=1), SimpleNamespace(stop_training=False)
    >>> stopping.set_model(model)
    >>> stopping.on_train_begin()
    >>> for epoch, loss in enumerate([1.0, 0.5, 0.6]):
    ...     stopping.on_epoch_end(epoch, {"val_loss": loss})
    >>> model.stop_training, stopping.best_epoch
    (True, 1)
    """

    _state = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        expect_number("EarlyStopping", "patience", patience, 0)
        expect_number("EarlyStopping", "start_from_epoch", start_from_epoch, 0)
        if baseline is not None:
            expect_number("EarlyStopping", "baseline", baseline)
        self.patience = patience
        self.verbose = verbosity("EarlyStopping", verbose)
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        current = self.monitored(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
        elif self.restore_best_weights and self.wait > 0:
            warnings.warn(
                f"EarlyStopping: {self.monitor} was NaN in every epoch, so no epoch is the best; the weights stay as "
                "they are",
                stacklevel=2,
            )
