from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten.callbacks import (
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgbarLogger,
    ReduceLROnPlateau,
    TerminateOnNaN,
)


class Optimizer:
    learning_rate = 1.0


class Metric:
    def __init__(self, name: str, direction: str) -> None:
        self.name, self._direction = name, direction


class Model:
    """What callbacks see of a model."""

    def __init__(self) -> None:
        self.stop_training = False
        self.optimizer = Optimizer()
        self.weight = 0.0
        self.saved: list[tuple[str, float]] = []
        self.metrics: list[Metric] = []
        self.history: Any = None

    def get_weights(self) -> list[Any]:
        return [np.float32(self.weight)]

    def set_weights(self, weights: list[Any]) -> None:
        self.weight = float(weights[0])

    def save_weights(self, path: str, overwrite: bool = True) -> None:
        self.saved.append((path, self.weight))


def train(callback: Callback | list[Callback], values: list[float], monitor: str = "val_loss", start: int = 0) -> Model:
    """Epochs with the given values of ``monitor``; the model's weight is the number of epochs trained."""
    model = Model()
    callbacks = CallbackList(callback, add_history=True, model=model, epochs=len(values), steps=1, verbose=0)
    callbacks.on_train_begin()
    for epoch, value in enumerate(values, start):
        callbacks.on_epoch_begin(epoch)
        model.weight += 1
        callbacks.on_epoch_end(epoch, {"loss": value, monitor: value})
        if model.stop_training:
            break
    callbacks.on_train_end()
    return model


HOOKS = [name for name in dir(Callback) if name.startswith("on_") and name != "on_progress"]


def test_there_is_every_hook_of_keras() -> None:
    assert len(HOOKS) == 16
    parts = ["train", "test", "predict"]
    ends = ["begin", "end", "batch_begin", "batch_end"]
    assert {f"on_{part}_{end}" for part in parts for end in ends} <= set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_reaches_every_callback(hook: str) -> None:
    calls: list[Any] = []

    class Recorder(Callback):
        pass

    setattr(Recorder, hook, lambda self, *args, **kwargs: calls.append((args, kwargs)))
    callbacks = CallbackList([Recorder(), [Recorder()]], model=Model())
    getattr(callbacks, hook)(*([3] if "batch" in hook or "epoch" in hook else []), {"loss": np.float32(1)})
    assert len(calls) == 2


def test_train_batch_hooks_fall_back_to_the_older_names() -> None:
    calls: list[str] = []

    class Old(Callback):
        def on_batch_begin(self, batch: int, logs: Any = None) -> None:
            calls.append(f"begin {batch}")

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            calls.append(f"end {batch}")

    callbacks = CallbackList(Old())
    assert callbacks.wants_train_batches and not callbacks.wants_test_batches
    callbacks.on_train_batch_begin(1)
    callbacks.on_train_batch_end(1)
    assert calls == ["begin 1", "end 1"]


@pytest.mark.parametrize("mode", ["train", "test", "predict"])
@pytest.mark.parametrize("when", ["begin", "end"])
def test_only_a_real_batch_hook_asks_for_batches(mode: str, when: str) -> None:
    quiet = CallbackList([EarlyStopping(), TerminateOnNaN(), ProgbarLogger(), History(), ReduceLROnPlateau()])
    assert not quiet.wants_batches(mode)
    for callback in [
        type("Own", (Callback,), {f"on_{mode}_batch_{when}": lambda self, batch, logs=None: None})(),
        LambdaCallback(**{f"on_{mode}_batch_{when}": lambda batch, logs: None}),
    ]:
        assert CallbackList([*quiet.callbacks, callback]).wants_batches(mode)
        assert not CallbackList([callback]).wants_batches("test" if mode == "predict" else "predict")


def test_a_list_refuses_what_is_no_callback() -> None:
    with pytest.raises(TypeError, match="corten.callbacks.Callback"):
        CallbackList([print])


def test_history_has_floats_in_alphabetical_order_and_what_callbacks_added() -> None:
    model = train(ReduceLROnPlateau(), [2.0, 1.0])
    assert set(model.history.history) == {"loss", "val_loss", "learning_rate"}
    assert model.history.history["loss"] == [2.0, 1.0]
    assert model.history.epoch == [0, 1]
    assert all(type(v) is float for values in model.history.history.values() for v in values)


def test_early_stopping_waits_and_restores() -> None:
    stopping = EarlyStopping(patience=2, restore_best_weights=True)
    model = train(stopping, [3.0, 1.0, 2.0, 2.0, 0.0])
    assert model.stop_training
    assert (stopping.stopped_epoch, stopping.best_epoch, stopping.best) == (3, 1, 1.0)
    assert model.weight == 2


def test_early_stopping_restores_when_training_just_ends() -> None:
    model = train(EarlyStopping(patience=9, restore_best_weights=True), [3.0, 1.0, 2.0])
    assert not model.stop_training and model.weight == 2


@pytest.mark.parametrize(("patience", "epochs"), [(0, 3), (1, 3), (2, 4), (3, 5)])
def test_early_stopping_stops_where_keras_stops(patience: int, epochs: int) -> None:
    assert train(EarlyStopping(patience=patience), [2.0, 1.0, 1.5, 1.6, 1.7, 1.8]).weight == epochs


def test_early_stopping_with_delta_baseline_and_start() -> None:
    assert train(EarlyStopping(patience=1, min_delta=0.5), [2.0, 1.9, 1.8]).weight == 2
    assert train(EarlyStopping(patience=2, baseline=0.1), [2.0, 1.9, 1.8]).weight == 3
    assert train(EarlyStopping(patience=1, start_from_epoch=2), [1.0, 2.0, 3.0, 4.0, 5.0]).weight == 4


def test_a_nan_is_never_the_best() -> None:
    stopping = EarlyStopping(patience=5, restore_best_weights=True)
    model = train(stopping, [float("nan"), 2.0, float("nan"), 1.0])
    assert stopping.best == 1.0 and model.weight == 4


@pytest.mark.parametrize(
    ("monitor", "values", "epochs"),
    [("accuracy", [0.1, 0.2, 0.3], 3), ("val_acc", [0.3, 0.2, 0.1], 2), ("val_head_loss", [3.0, 2.0, 1.0], 3)],
)
def test_auto_mode_knows_names(monitor: str, values: list[float], epochs: int) -> None:
    assert train(EarlyStopping(monitor, patience=1), values, monitor).weight == epochs


def test_auto_mode_asks_the_metric_and_else_the_user() -> None:
    stopping = EarlyStopping("score")
    stopping.set_model(model := Model())
    stopping.on_epoch_end(0, {"score": 1.0})
    with pytest.raises(ValueError, match="mode='min' or mode='max'"):
        stopping.on_epoch_end(1, {"score": 1.0})
    model.metrics = [Metric("score", "up")]
    stopping.on_epoch_end(1, {"score": 2.0})
    assert stopping.best == 2.0


@pytest.mark.parametrize(
    "callback",
    [
        EarlyStopping("val_los"),
        ReduceLROnPlateau("val_los"),
        ModelCheckpoint("x", "val_los", save_best_only=True, save_weights_only=True),
    ],
)
def test_a_missing_monitor_is_an_error_that_names_what_there_is(callback: Callback) -> None:
    with pytest.raises(ValueError, match=r"'val_los' is not among the logs; there are \['loss', 'val_loss'\]"):
        train(callback, [1.0])


def test_an_epoch_without_validation_is_no_missing_monitor() -> None:
    stopping = EarlyStopping(patience=1)
    stopping.set_params({"validation_freq": 2})
    stopping.on_epoch_end(0, {"loss": 1.0})
    assert stopping.wait == 0


def test_plateau_reduces_cools_down_and_has_a_floor() -> None:
    plateau = ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2, min_lr=0.2)
    model = train(plateau, [1.0] * 9)
    assert model.history.history["learning_rate"] == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]
    assert model.optimizer.learning_rate == 0.2


def test_scheduler_sets_and_logs() -> None:
    model = train(LearningRateScheduler(lambda epoch, rate: rate / (epoch + 1)), [1.0] * 3)
    assert model.history.history["learning_rate"] == [1.0, 0.5, 0.5 / 3]
    assert train(LearningRateScheduler(lambda epoch: 0.5**epoch), [1.0] * 3).optimizer.learning_rate == 0.25


@pytest.mark.parametrize(
    ("rate", "error"), [("a", TypeError), (None, TypeError), (-1.0, ValueError), (np.nan, ValueError)]
)
def test_scheduler_refuses_what_is_no_rate(rate: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="LearningRateScheduler"):
        train(LearningRateScheduler(lambda epoch, old: rate), [1.0])


def test_checkpoint_after_epochs(tmp_path: Path) -> None:
    name = str(tmp_path / "sub" / "{epoch:02d}-{val_loss:.1f}.safetensors")
    model = train(ModelCheckpoint(name, save_weights_only=True), [3.0, 1.0])
    assert [(Path(p).name, w) for p, w in model.saved] == [("01-3.0.safetensors", 1), ("02-1.0.safetensors", 2)]
    assert (tmp_path / "sub").is_dir()


def test_checkpoint_of_the_best_only(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    model = train(ModelCheckpoint(path, save_best_only=True, save_weights_only=True), [3.0, 4.0, 1.0])
    assert [w for _, w in model.saved] == [1, 3]
    model = train(
        ModelCheckpoint(path, save_best_only=True, save_weights_only=True, initial_value_threshold=2.0), [3.0, 1.0]
    )
    assert [w for _, w in model.saved] == [2]


def test_checkpoint_after_batches(tmp_path: Path) -> None:
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}-{batch}", save_weights_only=True, save_freq=2)
    callbacks = CallbackList(checkpoint, model=(model := Model()))
    assert callbacks.wants_train_batches
    assert not ModelCheckpoint("x", save_weights_only=True).wants_batches("train")
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in range(3):
            callbacks.on_train_batch_end(batch, {"loss": 1.0})
        callbacks.on_epoch_end(epoch, {"loss": 1.0})
    assert [Path(p).name for p, _ in model.saved] == ["1-2", "2-1", "2-3"]


def test_checkpoint_refuses(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="save_weights_only=True"):
        ModelCheckpoint("x.keras")
    with pytest.raises(ValueError, match="save_freq"):
        ModelCheckpoint("x", save_weights_only=True, save_freq=0)
    with pytest.raises(ValueError, match="'val_accuracy'"):
        train(ModelCheckpoint(str(tmp_path / "{val_accuracy}"), save_weights_only=True), [1.0])


def test_csv_logger_writes_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    train(CSVLogger(path), [2.0, 1.0])
    train(CSVLogger(path, append=True), [0.5], start=2)
    rows = list(csv.reader(path.open()))
    assert rows == [["epoch", "loss", "val_loss"], ["0", "2.0", "2.0"], ["1", "1.0", "1.0"], ["2", "0.5", "0.5"]]
    logger = CSVLogger(path, separator=";")
    logger.on_train_begin()
    logger.on_epoch_end(0, {"loss": 1.0})
    logger.on_train_end()
    assert path.read_text() == "epoch;loss;val_loss\n0;1.0;NA\n"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_terminate_on_nan(bad: float, capsys: pytest.CaptureFixture[str]) -> None:
    callbacks = CallbackList(TerminateOnNaN(), model=(model := Model()))
    assert callbacks.watches_loss and not callbacks.wants_train_batches
    callbacks.on_progress(1, {"loss": 1.0})
    assert not model.stop_training
    callbacks.on_progress(2, {"loss": bad})
    assert model.stop_training and "Batch 1" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="batch 4"):
        CallbackList(TerminateOnNaN(raise_error=True)).on_progress(5, {"loss": bad})


def test_an_error_inside_a_schedule_is_its_own() -> None:
    def schedule(epoch: int, rate: float) -> float:
        return rate + "1"  # type: ignore[operator]

    with pytest.raises(TypeError, match="unsupported operand"):
        train(LearningRateScheduler(schedule), [1.0])


def test_lambda_callback_refuses_unknown_hooks() -> None:
    with pytest.raises(TypeError, match="on_epoch_ends"):
        LambdaCallback(on_epoch_ends=lambda: None)
    with pytest.raises(TypeError, match="function"):
        LambdaCallback(on_epoch_end=3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping(patience=-1),
        lambda: EarlyStopping(mode="up"),
        lambda: EarlyStopping(min_delta=float("nan")),
        lambda: ReduceLROnPlateau(factor=1.0),
        lambda: ReduceLROnPlateau(factor=float("nan")),
        lambda: ReduceLROnPlateau(cooldown=-1),
        lambda: CSVLogger("x", separator=""),
    ],
)
def test_bad_arguments_are_value_errors(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


def test_a_resumed_training_ends_as_an_unbroken_one() -> None:
    values = [3.0, 1.0, 2.0, 2.0, 2.0, 2.0]
    make = lambda: [EarlyStopping(patience=3, restore_best_weights=True), ReduceLROnPlateau(patience=2), History()]  # noqa: E731
    whole = make()
    train(whole, values)
    first, second, model = make(), make(), Model()
    one = CallbackList(first, model=model)
    one.on_train_begin()
    for epoch in range(3):
        model.weight += 1
        one.on_epoch_end(epoch, {"loss": values[epoch], "val_loss": values[epoch]})
    two = CallbackList(second, model=model)
    two.on_train_begin()
    two.set_state(one.get_state())
    for epoch in range(3, 6):
        model.weight += 1
        two.on_epoch_end(epoch, {"loss": values[epoch], "val_loss": values[epoch]})
        if model.stop_training:
            break
    two.on_train_end()
    assert model.weight == 2
    assert second[0].stopped_epoch == whole[0].stopped_epoch == 4  # type: ignore[attr-defined]
    assert second[2].history == whole[2].history  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="set_state"):
        CallbackList([History()]).set_state(one.get_state())
    with pytest.raises(ValueError, match="EarlyStopping.set_state"):
        EarlyStopping().set_state({"wait": 1})


@pytest.mark.parametrize("eager", [False, True])
def test_predictions_reach_callbacks_batch_by_batch(eager: bool) -> None:
    seen: list[Any] = []

    class Watch(Callback):
        def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
            seen.append(batch)

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            assert logs is not None and set(logs) == {"outputs"}
            seen.append(logs["outputs"])

    inputs = corten.Input((3,))
    hidden = corten.layers.Dense(2)(inputs)
    model = corten.Model(inputs, {"hidden": hidden, "out": corten.layers.Dense(1)(hidden)})
    model.compile(run_eagerly=eager)
    x = np.random.default_rng(0).standard_normal((10, 3)).astype(np.float32)
    found = model.predict(x, batch_size=4, callbacks=[Watch()], verbose=0)
    assert seen[::2] == [0, 1, 2]
    for name in ("hidden", "out"):
        assert [len(part[name]) for part in seen[1::2]] == [4, 4, 2]
        np.testing.assert_array_equal(np.concatenate([part[name] for part in seen[1::2]]), found[name])
