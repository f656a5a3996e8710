"""An attribute that is set after a step was traced counts in the next step, as it does when the model is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, ops

X = np.float32([[1, -2, 3]])


class Scaled(corten.Model):
    """A factor that is an attribute of the model, one with a default of the class, and one of a layer inside."""

    shift = 0.0

    def __init__(self) -> None:
        super().__init__()
        self.factor = 2.0
        self.dense = layers.Dense(1, kernel_initializer="ones", use_bias=False)
        self.traces = 0

    def call(self, x: Any) -> Any:
        self.traces += 1
        return self.dense(x) * self.factor + self.shift


def double(x: Any) -> Any:
    return x * 2


CHANGES: list[Callable[[Any], None]] = [
    lambda model: setattr(model, "factor", 3.0),
    lambda model: setattr(model, "shift", 1.0),
    lambda model: setattr(model.dense, "activation", double),
    lambda model: setattr(model, "dense", layers.Dense(1, kernel_initializer="zeros")),
]


@pytest.mark.parametrize("change", CHANGES)
def test_predict_follows_what_the_call_gives(change: Callable[[Any], None]) -> None:
    model = Scaled()
    before = model.predict(X, verbose=0)
    change(model)
    after = model.predict(X, verbose=0)
    assert after == model(X) and after != before


def test_layers_inside_models_and_cells_inside_layers() -> None:
    inner = corten.Sequential([layers.Dense(2, kernel_initializer="ones", activation="relu", input_shape=(3,))])
    cell = layers.LSTMCell(2)
    model = corten.Sequential([inner, layers.Reshape((1, 2)), layers.RNN(cell)])
    model.predict(-X, verbose=0)
    inner.layers[0].activation = double
    assert (model.predict(-X, verbose=0) == model(-X)).all()
    cell.activation = corten.activations.relu
    assert (model.predict(-X, verbose=0) == model(-X)).all()


def test_a_value_set_each_epoch_is_trained_with() -> None:
    """The weight of a variational loss that grows: the common way to write it."""

    class Weighted(corten.Model):
        weight = 0.0

        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1, use_bias=False, kernel_initializer="zeros")

        def call(self, x: Any) -> Any:
            y = self.dense(x)
            self.add_loss(self.weight * ops.mean(ops.square(y - 1)))
            return y

    class Grow(corten.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.weight = float(epoch)

    model = Weighted()
    model.compile(corten.optimizers.SGD(0.0))
    history = model.fit(X, epochs=3, verbose=0, callbacks=[Grow()])
    assert history.history["loss"] == [0, 1, 2]


def test_values_that_come_back_are_not_traced_again() -> None:
    model = Scaled()
    for factor in (2.0, 3.0, 2.0, 3.0, 2.0):
        model.factor = factor
        model.predict(X, verbose=0)
    assert model.traces == 2
    # What goes on beside the computation is none of its business.
    model.stop_training, model.note = True, "text"
    model.predict(X, verbose=0)
    assert model.traces == 2


def test_values_that_never_come_back_gather_no_programs() -> None:
    model = Scaled()
    for factor in range(10):
        model.factor = float(factor)
        assert model.predict(X, verbose=0).item() == 2.0 * factor
    assert len(model._training.steps) == 3
    # Other shapes are other keys, and stay.
    model.predict(np.tile(X, (2, 1)), verbose=0)
    assert len(model._training.steps) == 4


def test_training_again_traces_nothing() -> None:
    model = Scaled()
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.ones((5, 3)), np.ones((5, 1))
    for _ in range(3):
        model.fit(x, y, batch_size=5, verbose=0, callbacks=[corten.callbacks.EarlyStopping("loss")], epochs=2)
        model.evaluate(x, y, batch_size=5, verbose=0)
        model.train_on_batch(x, y)
    assert model.traces == 2


def test_losses_metrics_and_the_optimizer() -> None:
    class Above(corten.metrics.Mean):
        threshold = 0.5

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            super().update_state(y_pred > self.threshold)

    loss, metric = corten.losses.Huber(delta=1.0), Above()
    optimizer = corten.optimizers.SGD(1.0)
    model = corten.Sequential([layers.Dense(1, kernel_initializer="zeros", use_bias=False, input_shape=(1,))])
    model.compile(optimizer, loss, metrics=[metric])
    x, y = np.float32([[1]]), np.float32([[8]])
    assert model.test_on_batch(x, y)[0] == 7.5
    loss.delta = 2.0
    assert model.test_on_batch(x, y)[0] == 14
    assert model.test_on_batch(x, y)[1] == 0
    metric.threshold = -1.0
    assert model.test_on_batch(x, y)[1] == 1
    model.train_on_batch(x, y)
    assert model.get_weights()[0].item() == 2
    optimizer.clipvalue = 0.5
    model.train_on_batch(x, y)
    assert model.get_weights()[0].item() == 2.5
