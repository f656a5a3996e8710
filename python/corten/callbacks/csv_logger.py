"""A table of the epochs in a file."""

from __future__ import annotations

import os
import warnings
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from corten.callbacks.callback import Callback, Logs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """Writes the loss and the metrics of every epoch to a CSV file, one line an epoch.

    The columns are those of the first epoch; where validation comes later, its columns are there from the beginning.
    What an epoch lacks is ``NA``. An array, of a metric with a number for each class, is written as JSON: ``[0.5, 1]``.

    Args:
        filename: the file, in a folder that exists.
        separator: between the columns.
        append: continue a file that exists rather than overwrite it. A last line that was cut, because the program was
            killed in the midst of it, is ended first.

    Raises:
        ValueError: the separator is not one character that can separate; when training begins: the file to continue
            does not begin with ``epoch`` and the separator.
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
        if not isinstance(separator, str) or len(separator) != 1 or separator in '\r\n"':
            raise ValueError(
                f"CSVLogger: separator must be one character, neither a quote nor the end of a line, got {separator!r}"
            )
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        #: The columns after ``epoch``; known from the first epoch on.
        self.keys: list[str] | None = None
        self._file: IO[str] | None = None
        self._header = True
        self._told = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        from pathlib import Path

        self._close()
        self._told = False
        path = Path(self.filename)
        self.keys = self._columns(path) if self.append and path.exists() else None
        self._header = self.keys is None
        self._file = path.open("w" if self._header else "a", newline="", encoding="utf-8")

    def _columns(self, path: Path) -> list[str] | None:
        """The columns of the file to be continued, whose last line is ended if it was cut; None: it has no header."""
        import csv

        written = path.read_bytes()
        with path.open(newline="", encoding="utf-8") as file:
            header = next(csv.reader(file, delimiter=self.sep), [])
        complete = b"\n" in written
        if header[:1] != ["epoch"] and (complete or not "epoch".startswith("".join(header))):
            raise ValueError(
                f"CSVLogger: {self.filename!r} cannot be continued: its first line must begin with 'epoch{self.sep}', "
                f"got {self.sep.join(header)[:80]!r}"
            )
        if not complete:
            # The header itself was cut, and nothing follows it.
            return None
        if not written.endswith(b"\n"):
            quoted = written.count(b'"') % 2 == 1
            with path.open("ab") as file:
                file.write(b'"\n' if quoted else b"\n")
        return header[1:]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        import csv

        if self._file is None:
            raise ValueError("CSVLogger: on_epoch_end came before on_train_begin")
        logs = logs or {}
        writer = csv.writer(self._file, delimiter=self.sep, lineterminator="\n")
        if self.keys is None:
            self.keys = sorted(logs)
            if self.params.get("do_validation") and not any(key.startswith("val_") for key in self.keys):
                # Validation comes in a later epoch.
                self.keys += [f"val_{key}" for key in self.keys if key != "learning_rate"]
        if self._header:
            writer.writerow(["epoch", *self.keys])
            self._header = False
        late = sorted(set(logs) - set(self.keys))
        if late and not self._told:
            self._told = True
            warnings.warn(
                f"CSVLogger: {self.filename!r} has no column for {', '.join(late)}, which the first epoch did not "
                "have; not written",
                stacklevel=2,
            )
        writer.writerow([epoch, *(_cell(logs.get(key, "NA")) for key in self.keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _cell(value: Any) -> Any:
    if isinstance(value, str) or not np.ndim(value):
        return value
    import json

    return json.dumps(np.asarray(value).tolist())
