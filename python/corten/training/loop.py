"""The pass over batches that ``fit``, ``evaluate`` and ``predict`` make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from corten.callbacks import CallbackList
from corten.training.feed import Chunk
from corten.training.runner import Runner

__all__ = ["run_pass"]

#: Seconds of native work between two looks at Python: at signals, and at the progress bar.
PAUSE = 0.1


def run_pass(
    chunks: Iterable[Chunk],
    runner: Runner,
    mode: str,
    callbacks: CallbackList | None,
    stopped: Callable[[], bool],
    logs_of: Callable[[int, Any], dict[str, Any]] | None,
) -> tuple[int, dict[str, Any]]:
    """Runs batches until they end or the pass is stopped; returns how many were run and the logs of the last.

    Args:
        mode: ``"train"``, ``"test"`` or ``"predict"``: of which hooks callbacks are told.
        stopped: asked after each time that callbacks were told.
        logs_of: what callbacks are told, of the number of batches so far and the outputs of the latest; None: nothing.
    """
    seen: int = 0
    logs: dict[str, Any] = {}
    # Whether some callback hears of every batch, or of every so many that run together.
    each = callbacks is not None and callbacks.wants_batches(mode)
    begin = getattr(callbacks, f"on_{mode}_batch_begin") if each else _ignore
    end = getattr(callbacks, f"on_{mode}_batch_end") if each else _ignore
    for chunk in chunks:
        before = seen
        begin(seen)
        # Where training was stopped before the pass, one batch is run still, as in Keras.
        for done in runner.run(chunk, 0.0 if each or stopped() else PAUSE):
            seen = before + done
            if logs_of is not None:
                logs = logs_of(seen, runner.outputs)
            if each:
                end(seen - 1, logs)
            elif callbacks is not None:
                callbacks.on_progress(seen, logs)
            # A batch that was announced is run, whatever was said as it began.
            if stopped():
                return seen, logs
            if done < chunk.steps:
                begin(seen)
    return seen, logs


def _ignore(*_: Any) -> None:
    """The hook of callbacks that do not hear of every batch."""
