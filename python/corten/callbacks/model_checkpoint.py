"""Saves the model while it is trained."""

from __future__ import annotations

import os
from typing import Any

from corten.callbacks.callback import Logs
from corten.callbacks.monitor import MonitorCallback

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(MonitorCallback):
    """Saves the model's weights after every epoch, or after every ``save_freq`` batches.

    Args:
        filepath: where to; may hold ``{epoch}`` (counted from 1), ``{batch}`` and names of the logs, as in
            ``"{epoch:02d}-{val_loss:.2f}.safetensors"``. Folders are made.
        monitor: a name in the logs, for ``save_best_only``.
        verbose: 1 says when it saves.
        save_best_only: save only when the monitored value has improved.
        save_weights_only: must be True.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        save_freq: ``"epoch"`` or a number of batches.
        initial_value_threshold: what the monitored value must beat at first.

    Raises:
        ValueError: ``save_weights_only`` is False, ``save_freq`` is neither, ``filepath`` names a value that the logs
            do not have, or there is no such monitor.
        OSError: the file cannot be written.

    >>> from corten.callbacks import ModelCheckpoint
    >>> ModelCheckpoint("run/{epoch:03d}.safetensors", save_weights_only=True).path(0, None, {})
    'run/001.safetensors'
    """

    _state = ("best", "batches_since")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        if not save_weights_only:
            raise ValueError(
                "ModelCheckpoint: whole models cannot be saved yet, only weights; pass save_weights_only=True"
            )
        if save_freq != "epoch" and (isinstance(save_freq, (bool, str)) or save_freq < 1):
            raise ValueError(f"ModelCheckpoint: save_freq must be 'epoch' or an int >= 1, got {save_freq!r}")
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.batches_since = 0
        self._epoch = 0

    def wants_batches(self, mode: str) -> bool:
        return mode == "train" and self.save_freq != "epoch"

    def path(self, epoch: int, batch: int | None, logs: Logs | None) -> str:
        """The file for this epoch (counted from 0) and batch."""
        values: dict[str, Any] = {**(logs or {}), "epoch": epoch + 1}
        if batch is not None:
            values["batch"] = batch + 1
        try:
            return self.filepath.format(**values)
        except (KeyError, IndexError) as error:
            raise ValueError(
                f"ModelCheckpoint: {self.filepath!r} names {error}, but there are only {sorted(values)}"
            ) from None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if isinstance(self.save_freq, int):
            self.batches_since += 1
            if self.batches_since >= self.save_freq:
                self.batches_since = 0
                self._save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs)

    def _save(self, epoch: int, batch: int | None, logs: Logs | None) -> None:
        from pathlib import Path

        reason = ""
        if self.save_best_only:
            current = self.monitored(logs)
            if current is None:
                return
            if not self.is_improvement(current, self.best):
                if self.verbose > 0:
                    print(f"Epoch {epoch + 1}: {self.monitor} did not improve from {self.best:.5f}")
                return
            was = "" if self.best is None else f" from {self.best:.5f}"
            reason = f"{self.monitor} improved{was} to {current:.5f}, "
            self.best = current
        path = self.path(epoch, batch, logs)
        if self.verbose > 0:
            print(f"Epoch {epoch + 1}: {reason}saving weights to {path}")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(path, overwrite=True)
