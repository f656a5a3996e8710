"""A table of the epochs in a file."""

from __future__ import annotations

import os
from typing import IO, Any

from corten.callbacks.callback import Callback, Logs

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Writes the loss and the metrics of every epoch to a CSV file, one line an epoch.

    Args:
        filename: the file, in a folder that exists.
        separator: between the columns.
        append: continue a file that exists rather than overwrite it.

    Raises:
        OSError: the file cannot be written (when training begins).

    >>> import tempfile, pathlib
    >>> from corten.callbacks import CSVLogger
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "log.csv")
    ...     logger = CSVLogger(file)
    ...     logger.on_train_begin()
    ...     logger.on_epoch_end(0, {"loss": 0.25, "val_loss": 0.5})
    ...     logger.on_train_end()
    ...     print(file.read_text())
    epoch,loss,val_loss
    0,0.25,0.5
    <BLANKLINE>
    """

    _state = ("keys",)

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        if len(separator) != 1:
            raise ValueError(f"CSVLogger: separator must be one character, got {separator!r}")
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        #: The columns after ``epoch``; known from the first epoch on.
        self.keys: list[str] | None = None
        self._file: IO[str] | None = None
        self._header = True

    def on_train_begin(self, logs: Logs | None = None) -> None:
        import csv
        from pathlib import Path

        self._close()
        path = Path(self.filename)
        self._header = not (self.append and path.exists() and path.stat().st_size > 0)
        if self._header:
            self.keys = None
        else:
            with path.open(newline="", encoding="utf-8") as file:
                self.keys = next(csv.reader(file, delimiter=self.sep))[1:]
        self._file = path.open("a" if self.append else "w", newline="", encoding="utf-8")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        import csv

        if self._file is None:
            raise ValueError("CSVLogger: on_epoch_end came before on_train_begin")
        logs = logs or {}
        writer = csv.writer(self._file, delimiter=self.sep, lineterminator="\n")
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                # Validation may come in a later epoch.
                self.keys += [f"val_{key}" for key in self.keys]
        if self._header:
            writer.writerow(["epoch", *self.keys])
            self._header = False
        row: list[Any] = [epoch, *(logs.get(key, "NA") for key in self.keys)]
        writer.writerow(row)
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
