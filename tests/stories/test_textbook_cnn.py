"""An afternoon with the textbook's network: handwritten digits, a curve, a file of weights, a second program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten.callbacks import Callback, CSVLogger, EarlyStopping, LambdaCallback, ModelCheckpoint, ReduceLROnPlateau
from corten.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from corten.models import Sequential

Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def digits() -> Data:
    """1797 real digits of 8 x 8 pixels, writers mixed; 297 for the test."""
    datasets = pytest.importorskip("sklearn.datasets")
    found = datasets.load_digits()
    order = np.random.default_rng(0).permutation(1797)
    x, y = (found.images[order, ..., None] / 16).astype("float32"), found.target[order]
    return x[:1500], y[:1500], x[1500:], y[1500:]


def network() -> Sequential:
    model = Sequential(
        [
            Conv2D(16, (3, 3), activation="relu", padding="same", input_shape=(8, 8, 1)),
            MaxPooling2D((2, 2)),
            Conv2D(32, (3, 3), activation="relu", padding="same"),
            MaxPooling2D((2, 2)),
            Flatten(),
            Dropout(0.1),
            Dense(64, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def trained(digits: Data) -> tuple[Sequential, Any]:
    corten.utils.set_random_seed(0)
    model = network()
    x, y, _, _ = digits
    return model, model.fit(x, y, batch_size=32, epochs=15, validation_split=0.1, verbose=0)


def test_it_learns_and_tells_how(trained: tuple[Sequential, Any], digits: Data) -> None:
    model, history = trained
    _, _, x, y = digits
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history.epoch == list(range(15))
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy > 0.96
    assert model.evaluate(x, y, verbose=0, return_dict=True) == {"loss": loss, "accuracy": accuracy}
    chances = model.predict(x, verbose=0)
    assert chances.shape == (297, 10) and chances.dtype == np.float32
    np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-5)
    # What the metric says is what one counts by hand; so is the loss.
    assert accuracy == pytest.approx((chances.argmax(axis=1) == y).mean(), abs=1e-6)
    assert loss == pytest.approx(-np.log(chances[np.arange(297), y]).mean(), rel=1e-3)
    # Batches do not matter to a prediction, nor does the type of the pixels.
    np.testing.assert_allclose(model.predict(x, batch_size=7, verbose=0), chances, rtol=1e-4, atol=1e-6)
    assert (model.predict(x.astype("float64"), verbose=0) == chances).all()


def test_the_second_program_goes_on_where_the_first_ended(
    trained: tuple[Sequential, Any], digits: Data, tmp_path: Path
) -> None:
    model, _ = trained
    x, y, test, _ = digits
    want = model.predict(test, verbose=0)
    model.save_weights(tmp_path / "digits.weights.safetensors")
    second = network()
    assert not (second.predict(test, verbose=0) == want).all()
    second.load_weights(tmp_path / "digits.weights.safetensors")
    assert (second.predict(test, verbose=0) == want).all()
    before = second.evaluate(x, y, verbose=0)[0]
    second.fit(x, y, epochs=1, verbose=0)
    assert second.evaluate(x, y, verbose=0)[0] < 1.5 * before
    # The first model's weights also travel as arrays.
    third = network()
    third.set_weights(model.get_weights())
    assert (third.predict(test, verbose=0) == want).all()


def test_what_the_screen_shows(digits: Data, capsys: pytest.CaptureFixture[str]) -> None:
    x, y, _, _ = digits
    model = network()
    model.summary()
    shown = capsys.readouterr().out
    assert "16,32" in shown.replace("16, 32", "16,32") or "conv2d" in shown
    assert f"{model.count_params():,}" in shown
    model.fit(x[:64], y[:64], epochs=2, validation_data=(x[:32], y[:32]))
    shown = capsys.readouterr().out
    assert "Epoch 1/2" in shown and "val_accuracy" in shown
    assert not {"\b", "\r", "\x1b"} & set(shown)
    model.fit(x[:64], y[:64], verbose=0)
    assert capsys.readouterr().out == ""


def test_callbacks_watch_save_slow_and_stop(digits: Data, tmp_path: Path) -> None:
    x, y, test, labels = digits
    x, y = x[:300], y[:300]
    corten.utils.set_random_seed(1)
    model = network()
    seen: list[tuple[str, int]] = []

    class Counts(Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            assert logs is not None
            assert set(logs) == {"loss", "accuracy"}
            seen.append(("batch", batch))

    rates: list[float] = []
    best = tmp_path / "best.weights.safetensors"
    history = model.fit(
        x,
        y,
        batch_size=64,
        epochs=60,
        verbose=0,
        validation_data=(test, labels),
        callbacks=[
            Counts(),
            LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(("epoch", epoch))),
            LambdaCallback(on_epoch_begin=lambda epoch, logs: rates.append(float(model.optimizer.learning_rate))),
            ModelCheckpoint(best, monitor="val_loss", save_best_only=True, save_weights_only=True),
            ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2),
            EarlyStopping(monitor="val_loss", patience=4, restore_best_weights=True),
            CSVLogger(tmp_path / "log.csv"),
        ],
    )
    epochs = len(history.history["loss"])
    assert epochs > 4
    assert seen[:6] == [("batch", 0), ("batch", 1), ("batch", 2), ("batch", 3), ("batch", 4), ("epoch", 0)]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == epochs + 1
    lowest = min(history.history["val_loss"])
    assert model.evaluate(test, labels, verbose=0)[0] == pytest.approx(lowest, rel=1e-5)
    again = network()
    again.load_weights(best)
    assert again.evaluate(test, labels, verbose=0)[0] == pytest.approx(lowest, rel=1e-5)
    assert epochs == 60 or rates[-1] < rates[0]


def test_rare_digits_can_be_made_to_count_more(digits: Data) -> None:
    x, y, test, labels = digits
    few = np.concatenate([np.flatnonzero(y != 8), np.flatnonzero(y == 8)[:6]])

    def recall(**weights: Any) -> float:
        corten.utils.set_random_seed(2)
        model = network()
        model.fit(x[few], y[few], epochs=4, verbose=0, **weights)
        return float((model.predict(test, verbose=0).argmax(axis=1) == 8)[labels == 8].mean())

    plain = recall()
    weighted = recall(class_weight={digit: 40.0 if digit == 8 else 1.0 for digit in range(10)})
    same = recall(sample_weight=np.where(y[few] == 8, 40.0, 1.0))
    assert weighted > plain
    assert same == weighted
