from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from corten.callbacks import CallbackList, ProgbarLogger
from corten.callbacks.progress import Progress, is_interactive


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Old(Terminal):
    encoding = "cp1252"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def run(stream: Any, verbose: int = 1, target: int | None = 4, title: str = "Epoch 1/3") -> str:
    clock = Clock()
    progress = Progress(target, verbose, title, stream, clock)
    for step in range(1, 5):
        clock.now += 0.25
        progress.update(step, {"accuracy": 0.5, "loss": 1e-4})
    progress.finish({"accuracy": 0.75, "loss": 1e-5})
    return str(stream.getvalue())


def screen(text: str) -> list[str]:
    """What a terminal shows: carriage returns overwrite, colours are ignored."""
    import re

    lines = []
    for line in re.sub(r"\x1b\[\d*m", "", text).split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return lines


def test_a_terminal_gets_a_bar() -> None:
    text = run(Terminal())
    title, bar, rest = screen(text)
    assert title == "Epoch 1/3" and rest == ""
    assert bar == "4/4 " + "━" * 20 + " 1s 250ms/step - accuracy: 0.7500 - loss: 1.0000e-05"
    first = screen(text.split("\r")[1])[0]
    assert first == "1/4 " + "━" * 20 + " 1s 250ms/step - accuracy: 0.5000 - loss: 1.0000e-04"
    assert "\x1b[32m" + "━" * 5 + "\x1b[0m\x1b[37m" + "━" * 15 in text


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_file_gets_one_line_without_control_codes(verbose: int) -> None:
    text = run(io.StringIO(), verbose)
    assert text == "Epoch 1/3 - 4/4 - 1s - 250ms/step - accuracy: 0.7500 - loss: 1.0000e-05\n"
    assert not any(code in text for code in "\b\r\x1b")


def test_verbose_2_is_one_line_in_a_terminal_too_and_0_is_silent() -> None:
    assert run(Terminal(), 2).count("\n") == 1 and "\r" not in run(Terminal(), 2)
    assert run(Terminal(), 0) == run(io.StringIO(), 0) == ""


def test_without_an_end_in_sight() -> None:
    assert "1/Unknown" in run(Terminal(), target=None)
    assert run(io.StringIO(), target=None).startswith("Epoch 1/3 - 4/4 - ")


def test_the_bar_is_drawn_at_most_ten_times_a_second() -> None:
    clock, stream = Clock(), Terminal()
    progress = Progress(1000, 1, "", stream, clock)
    for step in range(1000):
        clock.now += 0.001
        progress.update(step + 1)
    assert stream.getvalue().count("\r") <= 10


def test_a_bar_in_the_making_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = run(Terminal())
    assert all(len(screen(part)[0]) < 40 for part in text.split("\r")[1:-1])
    assert "loss: 1.0000e-05" in text


def test_of_a_metric_with_several_numbers_all_are_shown_or_their_mean() -> None:
    progress = Progress(1, 2, "", stream := io.StringIO(), Clock())
    progress.finish({"f1": np.float32([0.25, 0.5, 0]), "iou": np.arange(12.0), "note": "odd"})
    assert stream.getvalue().endswith(" - f1: [0.2500, 0.5000, 0.0000] - iou: 5.5000 (mean of 12) - note: odd\n")


def test_a_shorter_line_leaves_nothing_of_a_longer_one() -> None:
    clock, stream = Clock(), Terminal()
    progress = Progress(2, 1, "", stream, clock)
    clock.now = 1.0
    progress.update(1, {"a_long_name_of_a_metric": 0.5})
    progress.finish({"b": 0.5})
    assert screen(stream.getvalue())[0].endswith("step - b: 0.5000")


def test_an_old_console_gets_plain_signs() -> None:
    assert "=" * 20 in screen(run(Old()))[1]


def test_no_console_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    progress = Progress(2)
    progress.update(1)
    progress.finish()


def test_what_is_interactive() -> None:
    closed = io.StringIO()
    closed.close()
    out = type("OutStream", (), {"__module__": "ipykernel.iostream"})()
    assert is_interactive(Terminal()) and is_interactive(out)
    assert not is_interactive(io.StringIO()) and not is_interactive(closed) and not is_interactive(object())


@pytest.mark.parametrize(
    ("seconds", "shown"), [(3.0, "3s 3s/step"), (75.0, "1:15"), (4000.0, "1:06:40"), (2e-5, "20us")]
)
def test_durations(seconds: float, shown: str) -> None:
    clock, stream = Clock(), io.StringIO()
    progress = Progress(1, 2, "", stream, clock)
    clock.now = seconds
    progress.finish()
    assert shown in stream.getvalue().replace(" - ", " ")


def test_logger_through_fit_evaluate_and_predict(capsys: pytest.CaptureFixture[str]) -> None:
    logger = ProgbarLogger()
    fit = CallbackList(logger, verbose="auto", epochs=2, steps=3)
    fit.on_train_begin()
    for epoch in range(2):
        fit.on_epoch_begin(epoch)
        fit.on_progress(3, {"loss": 1.0})
        fit.on_test_begin()
        fit.on_progress(1, {"loss": 9.0})
        fit.on_test_end({"loss": 2.0})
        fit.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 2.0})
    fit.on_train_end()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 1/2 - 3/3 - ") and lines[0].endswith(" - loss: 1.0000 - val_loss: 2.0000")
    test = CallbackList(ProgbarLogger(), verbose=1, epochs=1, steps=5)
    test.on_test_begin()
    test.on_progress(2, {"loss": 0.5})
    test.on_test_end({"loss": 0.25})
    assert capsys.readouterr().out.startswith("5/5 - 0s")
    predict = CallbackList(ProgbarLogger(), verbose=0, epochs=1, steps=5)
    predict.on_predict_begin()
    predict.on_predict_end()
    assert capsys.readouterr().out == ""


def test_training_that_is_stopped_within_an_epoch_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    model = type("Model", (), {"stop_training": True})()
    fit = CallbackList(ProgbarLogger(), model=model, verbose=2, epochs=1, steps=30)
    fit.on_train_begin()
    fit.on_epoch_begin(0)
    fit.on_progress(7, {"loss": 1.0})
    fit.on_epoch_end(0, {"loss": 1.0})
    assert " 7/30 - " in capsys.readouterr().out


def test_an_interrupted_bar_ends_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", stream := Terminal())
    fit = CallbackList(ProgbarLogger(), verbose=1, epochs=1, steps=30)
    fit.on_train_begin()
    fit.on_epoch_begin(0)
    fit.on_progress(7, {"loss": 1.0})
    fit.on_train_end()
    assert stream.getvalue().endswith("\n")
