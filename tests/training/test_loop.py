"""What callbacks hear of the batches, how loops are stopped, and what data a loop takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers

X, Y = np.ones((100, 4), np.float32), np.ones((100, 1), np.float32)


def made(**options: Any) -> Any:
    model = corten.Sequential([layers.Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse", **options)
    return model


class Heard(corten.callbacks.Callback):
    """Which batches began and ended; stops a loop after some."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.stop_after = stop_after

    def begin(self, batch: int, logs: Any = None) -> None:
        self.begun.append(batch)

    def end(self, batch: int, logs: Any = None) -> None:
        self.ended.append(batch)
        if len(self.ended) == self.stop_after:
            self.model.stop_training = self.model.stop_evaluating = self.model.stop_predicting = True

    on_train_batch_begin = on_test_batch_begin = on_predict_batch_begin = begin
    on_train_batch_end = on_test_batch_end = on_predict_batch_end = end


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("mode", ["fit", "evaluate", "predict"])
def test_steps_per_execution_is_how_many_callbacks_hear_of_at_once(mode: str, eager: bool) -> None:
    heard, model = Heard(), made(steps_per_execution=3, run_eagerly=eager)
    data = (X,) if mode == "predict" else (X, Y)
    getattr(model, mode)(*data, batch_size=16, verbose=0, callbacks=[heard])
    # Six whole batches, and a smaller one.
    assert heard.begun == [0, 3, 6] and heard.ended == [2, 5, 6]


def test_steps_per_execution_is_checked() -> None:
    with pytest.raises(ValueError, match="steps_per_execution: expected an int >= 1, got 0"):
        made(steps_per_execution=0)


def endless(pair: bool) -> Iterator[Any]:
    while True:
        yield (X[:2], Y[:2]) if pair else (X[:2],)


@pytest.mark.parametrize("mode", ["fit", "evaluate", "predict"])
def test_a_callback_stops_an_endless_loop(mode: str) -> None:
    heard, model = Heard(5), made()
    result = getattr(model, mode)(endless(mode != "predict"), verbose=0, callbacks=[heard])
    assert heard.ended == [0, 1, 2, 3, 4]
    if mode == "predict":
        assert result.shape == (10, 1)
    # The next loop begins anew.
    again = Heard()
    data = (X,) if mode == "predict" else (X, Y)
    getattr(model, mode)(*data, batch_size=50, verbose=0, callbacks=[again])
    assert again.ended == [0, 1]


@pytest.mark.parametrize("eager", [False, True])
def test_a_stopped_prediction_gives_what_was_predicted(eager: bool) -> None:
    model = made(run_eagerly=eager)
    assert model.predict(X, batch_size=16, verbose=0, callbacks=[Heard(2)]).shape == (32, 1)


class Numbered(corten.utils.PyDataset):
    """Counts its batches by ``num_batches``, as Keras's adapters do; no len()."""

    def __init__(self, batches: int | None) -> None:
        super().__init__()
        self.batches, self.asked = batches, []

    @property
    def num_batches(self) -> int | None:
        return self.batches

    def __getitem__(self, index: int) -> Any:
        self.asked.append(index)
        return X[:4], Y[:4]


def test_a_data_set_that_says_how_many_batches_it_has() -> None:
    data, model = Numbered(3), made()
    model.fit(data, epochs=2, verbose=0)
    assert data.asked == [0, 1, 2] * 2
    data = Numbered(None)
    model.fit(data, epochs=2, steps_per_epoch=2, verbose=0)
    assert data.asked == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="is infinite"):
        model.fit(data, verbose=0)


def test_a_compute_loss_of_older_programs_has_no_training() -> None:
    class Own(corten.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
            return super().compute_loss(x, y, y_pred, sample_weight) * 0 + 3.0

    model = Own()
    model.compile("sgd", "mse")
    assert model.evaluate(X, Y, verbose=0) == 3


def test_inputs_that_do_not_match_the_structure() -> None:
    a, b = corten.Input((2,), name="a"), corten.Input((2,), name="b")
    model = corten.Model({"one": a, "two": b}, a - b)
    with pytest.raises(ValueError, match=r"expected a dict of inputs with keys \['one', 'two'\], got a list"):
        model.predict([np.ones((3, 2)), np.zeros((3, 2))], verbose=0)
    arrays = {"one": np.ones((3, 2)), "two": np.zeros((3, 2)), "three": np.zeros((3, 2))}
    with pytest.warns(UserWarning, match="ignoring unknown inputs three"):
        assert (model(arrays) == 1).all()
    with pytest.raises(ValueError, match="expected 2 inputs, got 1"):
        model.predict({"one": np.ones((3, 2)), "two": [None]}, verbose=0)


def test_a_last_axis_of_size_one_that_is_missing_or_too_many() -> None:
    model = corten.Sequential([layers.Dense(2, input_shape=(4,))])
    assert (model(X[..., None]) == model(X)).all()
    model = corten.Sequential([layers.Conv1D(2, 3, input_shape=(4, 1))])
    assert (model(X) == model(X[..., None])).all()


def test_a_sequential_model_is_built_once() -> None:
    model = made()
    model.build((None, 4))
    with pytest.raises(ValueError, match=r"already built for inputs of shape \(None, 4\), got \(None, 5\)"):
        model.build((None, 5))


def test_the_middle_of_a_model_is_an_input_layer_of_its_own() -> None:
    inputs = corten.Input((4,))
    hidden = layers.Dense(3, name="hidden")(inputs)
    upper = corten.Model(hidden, layers.Dense(2, name="top")(hidden))
    assert [type(layer).__name__ for layer in upper.layers] == ["InputLayer", "Dense"]
    assert upper.predict(np.ones((5, 3)), verbose=0).shape == (5, 2)
