"""Several callbacks as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from corten.arguments import shown
from corten.callbacks.callback import Callback, Logs
from corten.callbacks.history import History
from corten.callbacks.progress import ProgbarLogger
from corten.callbacks.terminate_on_nan import TerminateOnNaN
from corten.errors import ArgumentTypeError

__all__ = ["CallbackList", "CallbacksLike"]


#: Callbacks: one, or several in lists; None for none.
CallbacksLike: TypeAlias = "Callback | Sequence[CallbacksLike] | None"


class CallbackList(Callback):
    """Calls every hook of a list of callbacks, in order.

    Args:
        callbacks: callbacks, one or a list (possibly nested), or None.
        add_history: adds a :class:`History` unless there is one.
        add_progbar: adds a :class:`ProgbarLogger` unless there is one.
        model: passed to all callbacks.
        params: passed to all callbacks.

    Raises:
        TypeError: something in the list is no callback.

    >>> from corten.callbacks import CallbackList, History, LambdaCallback
    >>> tell = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
    >>> callbacks = CallbackList([tell], add_history=True)
    >>> callbacks.on_train_begin()
    >>> callbacks.on_epoch_end(0, {"loss": 1.0, "accuracy": 0.5})
    0 {'accuracy': 0.5, 'loss': 1.0}
    >>> callbacks.history.history
    {'accuracy': [0.5], 'loss': [1.0]}
    >>> callbacks.wants_train_batches
    False
    """

    def __init__(
        self,
        callbacks: CallbacksLike | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Callback] = list(_flat(callbacks))
        #: The history among the callbacks, if any.
        self.history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self.history is None:
            self.history = History()
            self.callbacks.append(self.history)
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def append(self, callback: Callback) -> None:
        """Adds a callback at the end."""
        self.callbacks.extend(_flat(callback))

    @property
    def wants_train_batches(self) -> bool:
        """Whether some callback must hear of every batch of ``fit``."""
        return self.wants_batches("train")

    @property
    def wants_test_batches(self) -> bool:
        """Whether some callback must hear of every batch of ``evaluate``."""
        return self.wants_batches("test")

    @property
    def wants_predict_batches(self) -> bool:
        """Whether some callback must hear of every batch of ``predict``."""
        return self.wants_batches("predict")

    @property
    def watches_loss(self) -> bool:
        """Whether training must come back, and :meth:`on_progress` be called, at the first loss that is not finite."""
        return any(isinstance(callback, TerminateOnNaN) for callback in self.callbacks)

    def wants_batches(self, mode: str) -> bool:
        return any(callback.wants_batches(mode) for callback in self.callbacks)

    def get_state(self) -> dict[str, Any]:
        """The state of each callback that has one: position and class name -> state."""
        states = {f"{i}.{type(c).__name__}": c.get_state() for i, c in enumerate(self.callbacks)}
        return {key: state for key, state in states.items() if state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what :meth:`get_state` gave; the callbacks must be of the same classes in the same order."""
        known = {f"{i}.{type(c).__name__}": c for i, c in enumerate(self.callbacks)}
        unknown = sorted(set(state) - set(known))
        if unknown:
            raise ValueError(f"CallbackList.set_state: expected states of {sorted(known)}, got {unknown} beside them")
        for key, value in state.items():
            known[key].set_state(value)

    def set_params(self, params: dict[str, Any] | None) -> None:
        super().set_params(params)
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        if self.history is not None:
            try:
                model.history = self.history
            except AttributeError:
                raise ArgumentTypeError(f"CallbackList: model: expected a model, got {shown(model)}") from None
        for callback in self.callbacks:
            callback.set_model(model)

    def on_progress(self, current: int, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_progress(current, logs)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_train_begin(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_epoch_end(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_train_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_batch_begin(batch, logs=logs)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_test_begin(logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_test_end(logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_test_batch_begin(batch, logs=logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_test_batch_end(batch, logs=logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_predict_begin(logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_predict_end(logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        logs = _sorted(logs)
        for callback in self.callbacks:
            callback.on_predict_batch_begin(batch, logs=logs)

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        for callback in self.callbacks:
            callback.on_predict_batch_end(batch, logs=dict(logs or {}))


def _flat(callbacks: CallbacksLike) -> Iterable[Callback]:
    if callbacks is None:
        return
    if isinstance(callbacks, (list, tuple)):
        for callback in callbacks:
            yield from _flat(callback)
    elif isinstance(callbacks, CallbackList):
        yield from callbacks.callbacks
    elif isinstance(callbacks, Callback):
        yield callbacks
    else:
        raise TypeError(f"callbacks: expected corten.callbacks.Callback objects, got {callbacks!r}")


def _sorted(logs: Logs | None) -> Logs:
    """One dict that all callbacks see, and add to; names in alphabetical order, numbers as floats."""
    return {name: value if getattr(value, "ndim", 0) else float(value) for name, value in sorted((logs or {}).items())}
