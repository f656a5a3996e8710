"""The callback: every hook of training, evaluation and prediction."""

from __future__ import annotations

from typing import Any

from corten.keywords import expect_known

__all__ = ["Callback", "Logs"]

#: Names and values: a float each, or an array where a metric has a number for each class.
Logs = dict[str, Any]


class Callback:
    """Acts at points of ``fit``, ``evaluate`` and ``predict``. Subclass it and define the hooks you want.

    ``logs`` holds the loss and the metrics: floats, and arrays for metrics with a value per class. A hook may add to
    it. Setting ``self.model.stop_training = True`` ends training after the batch. Batch hooks cost a return to Python
    after every batch; where no callback defines one, many batches run in a single native call.

    Attributes:
        params: ``{"verbose", "epochs", "steps"}`` and, in ``fit``, ``"do_validation"`` (whether there are validation
            data) and ``"validation_freq"``; from :meth:`set_params`.

    >>> from corten.callbacks import Callback
    >>> class Shout(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"epoch {epoch}: {logs['loss']:.2f}!")
    >>> Shout().on_epoch_end(0, {"loss": 0.5})
    epoch 0: 0.50!
    """

    #: The attributes that :meth:`get_state` stores.
    _state: tuple[str, ...] = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        expect_known(cls, args, kwargs)
        return super().__new__(cls)

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model, from :meth:`set_model`."""
        return self._model

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles, without the model: the next ``fit`` sets it."""
        return {**vars(self), "_model": None}

    def set_params(self, params: dict[str, Any] | None) -> None:
        """Sets :attr:`params`."""
        self.params = params or {}

    def set_model(self, model: Any) -> None:
        """Sets the model."""
        self._model = model

    def get_state(self) -> dict[str, Any]:
        """The state needed to resume training: plain values and lists of arrays."""
        return {name: getattr(self, name) for name in self._state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what :meth:`get_state` returned; ``ValueError`` if it belongs to another callback."""
        if set(state) != set(self._state):
            raise ValueError(f"{type(self).__name__}.set_state: expected {sorted(self._state)}, got {sorted(state)}")
        for name, value in state.items():
            setattr(self, name, value)

    def wants_batches(self, mode: str) -> bool:
        """Whether a batch hook of ``mode`` ("train", "test" or "predict") is defined."""
        names = [f"on_{mode}_batch_begin", f"on_{mode}_batch_end"]
        if mode == "train":
            names += ["on_batch_begin", "on_batch_end"]
        # A hook may also be set on the object, as LambdaCallback does.
        return any(getattr(type(self), n) is not getattr(Callback, n, None) or n in self.__dict__ for n in names)

    def on_progress(self, current: int, logs: Logs | None = None) -> None:
        """Called at most every 0.1 s with the number of batches done and the means so far."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called when ``fit`` begins."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called when ``fit`` ends; ``logs`` are those of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called when an epoch (counted from 0) begins."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called when an epoch ends, validation included."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of ``fit``."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of ``fit``; ``logs`` are the means of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """The older name of :meth:`on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """The older name of :meth:`on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called when ``evaluate``, or the validation of an epoch, begins."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called when it ends."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of it."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch of it."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called when ``predict`` begins."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called when ``predict`` ends."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch of ``predict``."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called after a batch of ``predict``; ``logs["outputs"]`` holds its predictions."""
