"""What happened in each epoch."""

from __future__ import annotations

from typing import Any

from corten.callbacks.callback import Callback, Logs

__all__ = ["History"]


class History(Callback):
    """Records the loss and the metrics of every epoch; ``fit`` returns it.

    Attributes:
        history: name -> one float an epoch; an array, where a metric has a number for each class.
        epoch: the epochs, counted from 0.

    >>> from corten.callbacks import History
    >>> history = History()
    >>> history.on_train_begin()
    >>> history.on_epoch_end(0, {"loss": 2.0})
    >>> history.history
    {'loss': [2.0]}
    """

    _state = ("epoch", "history")

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def get_state(self) -> dict[str, Any]:
        return {"epoch": list(self.epoch), "history": {name: list(values) for name, values in self.history.items()}}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if self.model is not None:
            self.model.history = self
