"""How far training is: a bar in a terminal or notebook, one line an epoch elsewhere."""

from __future__ import annotations

import math
import numbers
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from corten.callbacks.callback import Callback, Logs

__all__ = ["ProgbarLogger", "Progress", "can_show", "is_interactive"]

WIDTH = 20
#: The numbers shown of a metric that has one for each class.
MOST_SHOWN = 10
#: Seconds between two drawings of the bar.
INTERVAL = 0.1


def is_interactive(stream: TextIO | None) -> bool:
    """Whether what is written to ``stream`` can be written over: a terminal, or a notebook's output."""
    if _is_notebook(stream):
        return True
    try:
        return stream is not None and bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def can_show(text: str, stream: TextIO | None) -> bool:
    """Whether the stream's encoding has all signs of the text: a redirected output on Windows often has not."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _is_notebook(stream: Any) -> bool:
    return type(stream).__module__.partition(".")[0] == "ipykernel"


def _duration(seconds: float) -> str:
    if seconds > 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
    return f"{seconds:.0f}s"


def _per_step(seconds: float) -> str:
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/step"
    return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"


def _values(logs: Logs) -> str:
    """`` - name: value`` for each; of a metric with several numbers all, or where these are many their mean."""
    return "".join(f" - {name}: {_shown(value)}" for name, value in logs.items())


def _shown(value: Any) -> str:
    """Four decimals, or as many digits where the value is small."""
    if isinstance(value, numbers.Real):
        number = float(value)
        return f"{number:.4f}" if number == 0 or not abs(number) <= 1e-3 else f"{number:.4e}"
    if not getattr(value, "ndim", 0):
        # What a callback put into the logs.
        return str(value)
    if value.size > MOST_SHOWN:
        return f"{_shown(float(value.mean()))} (mean of {value.size})"
    return f"[{', '.join(map(_shown, value.ravel().tolist()))}]"


class Progress:
    r"""The progress of one epoch, one evaluation or one prediction.

    Args:
        target: the number of steps, None if unknown.
        verbose: 0 nothing, 1 a bar where it can be drawn, 2 one line at the end.
        title: begins the line where no bar is drawn.
        stream: where to; ``sys.stdout`` unless given.
        clock: seconds.

    >>> import io
    >>> out = io.StringIO()
    >>> progress = Progress(3, title="Epoch 1/2", stream=out, clock=iter([0.0, 0.5, 1.5]).__next__)
    >>> progress.update(1, {"loss": 0.75})
    >>> progress.finish({"loss": 0.5})
    >>> out.getvalue()
    'Epoch 1/2 - 3/3 - 2s - 500ms/step - loss: 0.5000\n'
    """

    def __init__(
        self,
        target: int | None,
        verbose: int = 1,
        title: str = "",
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.target = target
        self.title = title
        self.clock = clock
        # No stream at all is what a program without a console has.
        self.stream = sys.stdout if stream is None else stream
        self.verbose = verbose if self.stream is not None else 0
        self.draws = self.verbose == 1 and is_interactive(self.stream)
        self._wraps = self.draws and not _is_notebook(self.stream)
        self.start = clock()
        self.seen = 0
        self._drawn = -math.inf
        self._width = 0
        if self.draws and title:
            self._write(title + "\n")

    def update(self, current: int, logs: Logs | None = None) -> None:
        """``current`` steps are done; the bar is drawn anew if the last drawing is old enough."""
        self.seen = current
        now = self.clock()
        if self.draws and now - self._drawn >= INTERVAL:
            self._drawn = now
            self._draw(now, logs or {}, last=False)

    def finish(self, logs: Logs | None = None, stopped: bool = False) -> None:
        """All is done, or ``stopped`` before the last step."""
        if self.verbose == 0:
            return
        if self.target is None:
            self.target = self.seen
        elif not (stopped and self.seen):
            # Updates come now and then; the last steps need not have been reported.
            self.seen = self.target
        now = self.clock()
        if self.draws:
            self._draw(now, logs or {}, last=True)
            return
        spent = now - self.start
        parts = [self.title] if self.title else []
        parts += [self._count(), _duration(spent), _per_step(spent / max(1, self.seen))]
        self._write(" - ".join(parts) + _values(logs or {}) + "\n")

    def abandon(self) -> None:
        """Training was interrupted: what is written next begins on a line of its own."""
        if self.draws and self._width:
            self._write("\n")

    def _count(self) -> str:
        if not self.target:
            return f"{self.seen}/Unknown"
        return f"{self.seen:{len(str(self.target))}d}/{self.target}"

    def _draw(self, now: float, logs: Logs, last: bool) -> None:
        import shutil

        spent = now - self.start
        step = spent / max(1, self.seen)
        count = self._count()
        remaining = step * (self.target - self.seen) if self.target and not last else spent
        info = f" {_duration(remaining)} {_per_step(step)}{_values(logs)}"
        done = min(WIDTH, WIDTH * self.seen // self.target) if self.target else 0
        line = self._line()
        plain = f"{count} {line * WIDTH if self.target else ''}{info}"
        # In a terminal, a bar in the making must not wrap: a carriage return goes back to the last line only.
        columns = shutil.get_terminal_size().columns - 1
        if not last and self._wraps and len(plain) > columns:
            info = info[: max(0, len(info) - (len(plain) - columns))]
            plain = plain[:columns]
        bar = f"\x1b[32m{line * done}\x1b[0m\x1b[37m{line * (WIDTH - done)}\x1b[0m" if self.target else ""
        padding = " " * max(0, self._width - len(plain))
        self._width = len(plain)
        self._write(f"\r\x1b[1m{count}\x1b[0m {bar}{info}{padding}" + ("\n" if last else ""))

    def _line(self) -> str:
        return "━" if can_show("━", self.stream) else "="

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


class ProgbarLogger(Callback):
    """Shows the progress of ``fit``, ``evaluate`` and ``predict`` on standard output.

    In a terminal or notebook a bar; elsewhere, and with ``verbose=2``, one line an epoch without control codes.
    ``verbose="auto"`` means 1, ``verbose=0`` nothing.

    >>> from corten.callbacks import ProgbarLogger
    >>> logger = ProgbarLogger()
    >>> logger.set_params({"verbose": 2, "epochs": 2, "steps": 10})
    >>> logger.on_train_begin()
    >>> logger.on_epoch_begin(0)
    >>> logger.on_epoch_end(0, {"loss": 0.5})  # doctest: +ELLIPSIS
    Epoch 1/2 - 10/10 - 0s - ...us/step - loss: 0.5000
    """

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 1
        self.epochs = 1
        self.target: int | None = None
        self._progress: Progress | None = None
        self._in_fit = False
        # Within fit, a validation is silent: the epoch's line shows its result.
        self._validating = False

    def set_params(self, params: dict[str, Any] | None) -> None:
        super().set_params(params)
        verbose = self.params.get("verbose", 1)
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = self.params.get("epochs") or 1
        self.target = self.params.get("steps")

    def _begin(self, title: str = "") -> None:
        self._progress = Progress(self.target, self.verbose, title)

    def _finish(self, logs: Logs | None) -> None:
        if self._progress is not None:
            self._progress.finish(logs, stopped=bool(getattr(self.model, "stop_training", False)))
            if self.target is None:
                # The next epoch is as long.
                self.target = self._progress.seen or None
            self._progress = None

    def on_progress(self, current: int, logs: Logs | None = None) -> None:
        if self._progress is not None and not self._validating:
            self._progress.update(current, logs)

    def wants_batches(self, mode: str) -> bool:
        return False

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_progress(batch + 1, logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_progress(batch + 1, logs)

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.on_progress(batch + 1)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False
        if self._progress is not None:
            self._progress.abandon()
            self._progress = None

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._begin(f"Epoch {epoch + 1}/{self.epochs}" if self.epochs > 1 else "")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if self._in_fit:
            self._validating = True
        else:
            self._begin()

    def on_test_end(self, logs: Logs | None = None) -> None:
        if self._in_fit:
            self._validating = False
        else:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish(None)
