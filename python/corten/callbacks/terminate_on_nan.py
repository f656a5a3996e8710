"""Stops training that has gone astray."""

from __future__ import annotations

import math
import warnings

from corten.callbacks.callback import Callback, Logs

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Ends training at the first loss that is NaN or infinite.

    The native loop watches the loss itself and comes back at the bad batch, so this costs nothing. Where the logs have
    no ``"loss"``, because a step of one's own logs others, a warning lists what they have.

    Args:
        raise_error: raise ``RuntimeError`` instead of stopping quietly.

    >>> from corten.callbacks import TerminateOnNaN
    >>> TerminateOnNaN(raise_error=True).on_progress(3, {"loss": float("nan")})
    Traceback (most recent call last):
        ...
    RuntimeError: the loss is nan at batch 2
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def wants_batches(self, mode: str) -> bool:
        return False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if "loss" not in (logs or {}):
            warnings.warn(
                f"TerminateOnNaN: 'loss' is not among the logs; there are {', '.join(sorted(logs or {})) or 'none'}",
                stacklevel=2,
            )

    def on_progress(self, current: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"the loss is {loss} at batch {current - 1}")
        if not self.model.stop_training:
            print(f"Batch {current - 1}: the loss is {loss}, training ends")
        self.model.stop_training = True

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_progress(batch + 1, logs)
