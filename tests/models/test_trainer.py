"""What ``fit``, ``evaluate`` and ``predict`` do in which order, as Keras does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten import Sequential, layers
from corten.callbacks import Callback

X = np.random.default_rng(0).normal(size=(26, 4)).astype("float32")
Y = X[:, :2].copy()


def compiled(**options: Any) -> Sequential:
    corten.utils.set_random_seed(0)
    model = Sequential([layers.Dense(2, input_shape=(4,))])
    model.compile("sgd", "mse", **options)
    return model


class Stop(Callback):
    """Ends training the ``at``-th time that ``hook`` is called."""

    def __init__(self, hook: str, at: int) -> None:
        super().__init__()
        self.left = at
        setattr(self, hook, self.count)

    def count(self, *args: Any, **kwargs: Any) -> None:
        self.left -= 1
        self.model.stop_training = self.model.stop_training or self.left == 0


class Calls(Callback):
    """Remembers the batch hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.calls.append(("begin", batch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.calls.append(("end", batch))


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize(
    ("hook", "at", "batches"),
    [
        ("on_train_begin", 1, 1),
        ("on_epoch_begin", 1, 1),
        ("on_epoch_begin", 2, 5),
        ("on_train_batch_begin", 1, 1),
        ("on_train_batch_begin", 2, 2),
        ("on_train_batch_begin", 4, 4),
        ("on_train_batch_end", 2, 2),
    ],
)
def test_training_ends_after_the_batch_that_was_begun(hook: str, at: int, batches: int, run_eagerly: bool) -> None:
    model, calls = compiled(run_eagerly=run_eagerly), Calls()
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[Stop(hook, at)])
    assert int(model.optimizer.iterations) == batches
    model = compiled(run_eagerly=run_eagerly)
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[Stop(hook, at), calls])
    assert int(model.optimizer.iterations) == batches
    assert calls.calls == [(what, i % 4) for i in range(batches) for what in ("begin", "end")]
