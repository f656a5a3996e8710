"""Saves the model while it is trained."""

from __future__ import annotations

import math
import os
import warnings
from typing import Any

import numpy as np

from corten.callbacks.callback import Logs
from corten.callbacks.monitor import MonitorCallback, verbosity

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(MonitorCallback):
    """Saves the model after every epoch, or after every ``save_freq`` batches: whole, or its weights alone.

    A whole model is saved as :func:`corten.saving.save_model` does it, with the optimizer's state.

    With ``save_best_only``, a value that is NaN is no improvement. Where the logs do not have the monitored value, a
    warning lists what they have, and the model is saved all the same.

    Args:
        filepath: where to; may hold ``{epoch}`` (counted from 1), ``{batch}`` and names of the logs, as in
            ``"{epoch:02d}-{val_loss:.2f}.keras"``; of an array one number, as in ``{f1_score[0]:.2f}``. Folders
            are made. It ends in .keras, .safetensors, .h5 or .hdf5, unless weights alone are saved.
        monitor: a name in the logs, for ``save_best_only``.
        verbose: 1 says when it saves.
        save_best_only: save only when the monitored value has improved.
        save_weights_only: save no whole model, but weights: to HDF5 where the name ends in .h5, else to safetensors.
        mode: ``"min"``, ``"max"`` or ``"auto"``.
        save_freq: ``"epoch"`` or a number of batches.
        initial_value_threshold: what the monitored value must beat at first.

    Raises:
        ValueError: ``filepath`` has another end or braces that are not closed, ``save_freq`` is neither; when training
            begins: it names a value of the validation, and there is none; when saving: it names a value that the logs
            do not have, or an array as a whole; the monitored value is an array, or nothing tells whether more of it is
            better.
        TypeError: no string, path or number where one belongs.
        OSError: the file cannot be written.

    >>> from corten.callbacks import ModelCheckpoint
    >>> ModelCheckpoint("run/{epoch:03d}.keras").path(0, None, {})
    'run/001.keras'
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
        counts = isinstance(save_freq, (int, np.integer)) and not isinstance(save_freq, bool)
        if save_freq != "epoch" and not (counts and int(save_freq) >= 1):
            raise ValueError(f"ModelCheckpoint: save_freq must be 'epoch' or an int >= 1, got {save_freq!r}")
        self.filepath = os.fsdecode(filepath)
        self._names = _names(self.filepath)
        whole = self.filepath.endswith((".keras", ".safetensors", ".h5", ".hdf5"))
        if not save_weights_only and (not whole or self.filepath.endswith(".weights.h5")):
            raise ValueError(
                f"ModelCheckpoint: filepath: expected a name that ends in .keras, .safetensors, .h5 or .hdf5, got "
                f"{self.filepath!r}; for weights alone pass save_weights_only=True"
            )
        self.verbose = verbosity("ModelCheckpoint", verbose)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq if save_freq == "epoch" else int(save_freq)
        self.batches_since = 0
        self._epoch = 0

    def wants_batches(self, mode: str) -> bool:
        return mode == "train" and self.save_freq != "epoch"

    def path(self, epoch: int, batch: int | None, logs: Logs | None) -> str:
        """The file for this epoch (counted from 0) and batch."""
        values: dict[str, Any] = {name: _named(name, value) for name, value in (logs or {}).items()}
        values["epoch"] = epoch + 1
        if batch is not None:
            values["batch"] = batch + 1
        try:
            return self.filepath.format(**values)
        except (KeyError, IndexError) as error:
            raise ValueError(
                f"ModelCheckpoint: {self.filepath!r} names {error}, but there are only {sorted(values)}"
            ) from None
        except (ValueError, TypeError) as error:
            raise ValueError(f"ModelCheckpoint: {self.filepath!r} cannot be filled in: {error}") from None

    def _may_lack(self, name: str) -> bool:
        return self.save_freq == "epoch" and super()._may_lack(name)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        validated = [name for name in self._names if name.startswith("val_")]
        if validated and self.params.get("do_validation") is False:
            raise ValueError(
                f"ModelCheckpoint: {self.filepath!r} names {validated[0]!r}, but fit was given no validation data"
            )

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
            current = self.monitored(logs, "; saving all the same")
            if current is None and self._may_lack(self.monitor):
                return
            if current is not None:
                if not self.is_improvement(current, self.best):
                    if self.verbose > 0:
                        print(f"Epoch {epoch + 1}: {self._failure(current)}")
                    return
                was = "" if self.best is None else f" from {self.best:.5f}"
                reason = f"{self.monitor} improved{was} to {current:.5f}, "
                self.best = current
        lacking = [name for name in self._names if name not in (logs or {}) and self._may_lack(name)]
        if lacking:
            warnings.warn(
                f"ModelCheckpoint: {self.filepath!r} names {lacking[0]!r}; epochs that are not validated are not saved",
                stacklevel=2,
            )
            return
        path = self.path(epoch, batch, logs)
        if self.verbose > 0:
            what = "weights" if self.save_weights_only else "model"
            print(f"Epoch {epoch + 1}: {reason}saving {what} to {path}")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _failure(self, current: float) -> str:
        """Why ``current`` is not saved."""
        if math.isnan(current):
            return f"{self.monitor} is nan, not saving"
        return f"{self.monitor} did not improve from {self.best:.5f}"


class _Numbers:
    """An array in the name of a file: a name may hold its numbers, one by one."""

    def __init__(self, name: str, array: Any) -> None:
        self.name = name
        self.array = array

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, int):
            raise TypeError(f"{index!r} is not an index of {self.name!r}, which has shape {self.array.shape}")
        return _named(f"{self.name}[{index}]", self.array[index])

    def __format__(self, form: str) -> str:
        raise TypeError(
            f"{self.name!r} has shape {self.array.shape}, and a name can only hold one of its numbers, as in "
            f"{{{self.name}[0]}}"
        )


def _named(name: str, value: Any) -> Any:
    """A value for the name of a file."""
    array = np.asarray(value)
    return value if array.dtype.kind in "OSU" else array.item() if array.size == 1 else _Numbers(name, array)


def _names(filepath: str) -> list[str]:
    """The names in braces."""
    from string import Formatter

    try:
        fields = [field for _, field, _, _ in Formatter().parse(filepath) if field is not None]
    except ValueError as error:
        raise ValueError(f"ModelCheckpoint: filepath {filepath!r}: {error}") from None
    return [field.partition("[")[0].partition(".")[0] for field in fields]
