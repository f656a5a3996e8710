from __future__ import annotations

import csv
import json
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


NAN = float("nan")


@pytest.mark.parametrize(("mode", "sign"), [("auto", 1.0), ("min", 1.0), ("max", -1.0)])
def test_a_nan_is_never_the_best(mode: str, sign: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = [NAN, 2.0 * sign, NAN, 1.0 * sign, 1.5 * sign]
    stopping = EarlyStopping(patience=5, restore_best_weights=True, mode=mode)
    model = train(stopping, values)
    assert stopping.best == sign and model.weight == 4
    keep = ModelCheckpoint(tmp_path / "w", save_best_only=True, save_weights_only=True, verbose=1, mode=mode)
    assert [weight for _, weight in train(keep, values).saved] == [2, 4]
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "Epoch 1: val_loss is nan, not saving"
    assert told[1].startswith(f"Epoch 2: val_loss improved to {2 * sign:.5f}, saving weights to ")
    assert told[2] == "Epoch 3: val_loss is nan, not saving"
    assert told[4] == f"Epoch 5: val_loss did not improve from {sign:.5f}"
    assert train(ReduceLROnPlateau(factor=0.5, patience=2, mode=mode), [NAN] * 4).optimizer.learning_rate == 0.25


def test_where_all_is_nan_no_epoch_is_the_best() -> None:
    stopping = EarlyStopping(patience=3, restore_best_weights=True)
    with pytest.warns(UserWarning, match="val_loss was NaN in every epoch"):
        model = train(stopping, [NAN] * 9)
    # It stops, and the weights are those of the last epoch rather than, by chance, of the first.
    assert model.stop_training and model.weight == 3 and stopping.best_weights is None


@pytest.mark.parametrize(
    ("monitor", "values", "epochs"),
    [("accuracy", [0.1, 0.2, 0.3], 3), ("val_acc", [0.3, 0.2, 0.1], 2), ("val_head_loss", [3.0, 2.0, 1.0], 3)],
)
def test_auto_mode_knows_names(monitor: str, values: list[float], epochs: int) -> None:
    assert train(EarlyStopping(monitor, patience=1), values, monitor).weight == epochs


def test_auto_mode_asks_the_metric_and_else_the_user() -> None:
    stopping = EarlyStopping("score")
    stopping.set_model(model := Model())
    with pytest.raises(ValueError, match="mode='min' or mode='max'"):
        stopping.on_epoch_end(0, {"score": 1.0})
    model.metrics = [Metric("score", "up")]
    stopping.on_epoch_end(0, {"score": 1.0})
    stopping.on_epoch_end(1, {"score": 2.0})
    assert stopping.best == 2.0


@pytest.mark.parametrize(
    "make",
    [
        lambda path, mode: EarlyStopping("val_los", mode=mode, restore_best_weights=True),
        lambda path, mode: ReduceLROnPlateau("val_los", mode=mode, patience=0),
        lambda path, mode: ModelCheckpoint(path, "val_los", mode=mode, save_best_only=True, save_weights_only=True),
    ],
)
@pytest.mark.parametrize("mode", ["auto", "min", "max"])
def test_a_missing_monitor_is_a_warning_that_names_what_there_is(make: Any, mode: str, tmp_path: Path) -> None:
    callback = make(tmp_path / "x", mode)
    with pytest.warns(UserWarning, match="'val_los' is not among the logs; there are .*loss, val_loss") as caught:
        model = train(callback, [1.0, 2.0, 3.0])
    assert len(caught) == 3
    # Training goes to its end, and the weights are not lost.
    assert model.weight == 3 and model.optimizer.learning_rate == 1.0
    assert len(model.saved) == (3 if isinstance(callback, ModelCheckpoint) else 0)


def test_a_missing_monitor_of_a_validation_that_does_not_exist(tmp_path: Path) -> None:
    model = corten.Sequential([corten.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="EarlyStopping: monitor 'val_loss' .*there are loss .*no validation data"):
        history = model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=3, verbose=0, callbacks=[EarlyStopping()])
    assert history.epoch == [0, 1, 2]
    with pytest.warns(UserWarning, match="'val_loss' is not among the logs") as caught:
        model.fit(
            *(np.ones((4, 2)), np.ones((4, 1))),
            verbose=0,
            batch_size=1,
            validation_data=(np.ones((4, 2)), np.ones((4, 1))),
            validation_freq=2,
            callbacks=[ModelCheckpoint(tmp_path / "w", save_best_only=True, save_weights_only=True, save_freq=2)],
        )
    assert len(caught) == 2 and (tmp_path / "w").exists()


SEVERAL = np.float32([0.25, 0.5, 0.75])


@pytest.mark.parametrize(
    "make",
    [
        lambda path: EarlyStopping("f1_score"),
        lambda path: ReduceLROnPlateau("f1_score"),
        lambda path: ModelCheckpoint(path, "f1_score", save_best_only=True, save_weights_only=True),
    ],
)
def test_a_monitor_with_several_numbers_is_an_error_that_names_it(make: Any, tmp_path: Path) -> None:
    callback = make(tmp_path / "x")
    with pytest.raises(ValueError, match=r"monitor 'f1_score' is an array of shape \(3,\), expected one number"):
        train(callback, [SEVERAL], "f1_score")  # type: ignore[list-item]
    # An array of one number is that number.
    train(make(tmp_path / "x"), [SEVERAL[:1], SEVERAL[1:2]], "f1_score")  # type: ignore[list-item]
    with pytest.raises(TypeError, match="must be a number, got 'high'"):
        make(tmp_path / "x").on_epoch_end(0, {"f1_score": "high"})


def test_several_numbers_in_history_files_and_names(tmp_path: Path) -> None:
    table, name = tmp_path / "log.csv", str(tmp_path / "{epoch}-{f1_score[1]:.2f}-{one:.1f}")
    keep = ModelCheckpoint(name, save_weights_only=True)
    logs = {"f1_score": SEVERAL, "one": np.float32([0.5]), "many": np.arange(2000.0)}
    callbacks = CallbackList([CSVLogger(table), keep], add_history=True, model=(model := Model()))
    callbacks.on_train_begin()
    callbacks.on_epoch_end(0, logs)
    callbacks.on_train_end()
    np.testing.assert_array_equal(model.history.history["f1_score"], [SEVERAL])
    assert [Path(path).name for path, _ in model.saved] == ["1-0.50-0.5"]
    (row,) = csv.DictReader(table.open())
    assert json.loads(row["f1_score"]) == [0.25, 0.5, 0.75] and json.loads(row["one"]) == [0.5]
    assert json.loads(row["many"]) == list(range(2000))
    for field, reason in {
        "{f1_score:.2f}": r"'f1_score' has shape \(3,\).* as in \{f1_score\[0\]\}",
        "{f1_score}": "has shape",
        "{f1_score[3]}": "index 3 is out of bounds",
        "{f1_score[x]}": "'x' is not an index",
        "{many:d}": "'many'",
        "{one:q}": "Unknown format code",
    }.items():
        with pytest.raises(ValueError, match=f"ModelCheckpoint.*{reason}"):
            ModelCheckpoint(field, save_weights_only=True).path(0, None, logs)
    for broken in ("{epoch", "epoch}"):
        with pytest.raises(ValueError, match=f"ModelCheckpoint: filepath '{broken}'"):
            ModelCheckpoint(broken, save_weights_only=True)


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
    for name in ("x", "x.weights.h5", "x.onnx"):
        with pytest.raises(ValueError, match=r"ends in \.keras, .*save_weights_only=True"):
            ModelCheckpoint(name)
    with pytest.raises(ValueError, match="save_freq"):
        ModelCheckpoint("x", save_weights_only=True, save_freq=0)
    for bad in (True, 2.5, "batch", None):
        with pytest.raises(ValueError, match="save_freq"):
            ModelCheckpoint("x", save_weights_only=True, save_freq=bad)  # type: ignore[arg-type]
    name = str(tmp_path / "{val_accuracy}")
    with pytest.raises(ValueError, match="'val_accuracy'"):
        train(ModelCheckpoint(name, save_weights_only=True), [1.0])
    # Without validation data this is known before training begins.
    unvalidated = CallbackList(ModelCheckpoint(name, save_weights_only=True), do_validation=False)
    with pytest.raises(ValueError, match="'val_accuracy', but fit was given no validation data"):
        unvalidated.on_train_begin()


def test_checkpoint_named_by_a_validation_that_not_every_epoch_has(tmp_path: Path) -> None:
    name = str(tmp_path / "{epoch}-{val_loss}")
    callbacks = CallbackList(ModelCheckpoint(name, save_weights_only=True), model=(model := Model()), validation_freq=2)
    with pytest.warns(UserWarning, match="epochs that are not validated are not saved"):
        callbacks.on_epoch_end(0, {"loss": 1.0})
    callbacks.on_epoch_end(1, {"loss": 1.0, "val_loss": 2.0})
    assert [Path(path).name for path, _ in model.saved] == ["2-2.0"]


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
    assert path.read_text() == "epoch;loss\n0;1.0\n"


def fitted(path: Path, epochs: int = 2, callbacks: list[Callback] | None = None, **kwargs: Any) -> list[list[str]]:
    model = corten.Sequential([corten.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.ones((4, 2)), np.ones((4, 1))
    model.fit(x, y, epochs=epochs, verbose=0, callbacks=[*(callbacks or []), CSVLogger(path)], **kwargs)
    return list(csv.reader(path.open()))


def test_csv_has_columns_of_a_validation_where_there_is_one(tmp_path: Path) -> None:
    path, validation = tmp_path / "log.csv", (np.ones((2, 2)), np.ones((2, 1)))
    assert fitted(path)[0] == ["epoch", "loss", "mae"]
    assert fitted(path, validation_freq=2)[0] == ["epoch", "loss", "mae"]
    assert fitted(path, validation_data=validation)[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    # The rate that a callback logs is not validated.
    late = fitted(path, callbacks=[ReduceLROnPlateau("loss")], validation_data=validation, validation_freq=2)
    assert late[0] == ["epoch", "learning_rate", "loss", "mae", "val_loss", "val_mae"]
    assert late[1][4:] == ["NA", "NA"] and "NA" not in late[2]


def test_csv_says_what_it_has_no_column_for(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path / "log.csv")
    logger.on_train_begin()
    logger.on_epoch_end(0, {"loss": 1.0})
    with pytest.warns(
        UserWarning, match=r"log.csv' has no column for extra, which the first epoch did not have"
    ) as said:
        logger.on_epoch_end(1, {"loss": 0.5, "extra": 1.0})
        logger.on_epoch_end(2, {"loss": 0.5, "extra": 1.0})
    logger.on_train_end()
    assert len(said) == 1 and (tmp_path / "log.csv").read_text() == "epoch,loss\n0,1.0\n1,0.5\n2,0.5\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("epoch,loss\n0,0.5\n1,0.4", [["0", "0.5"], ["1", "0.4"]]),
        ("epoch,loss\n0,0.5\n1", [["0", "0.5"], ["1"]]),
        ("epoch,loss\r\n0,0.5\r\n", [["0", "0.5"]]),
        ('epoch,loss\n0,"[0.5, 0', [["0", "[0.5, 0"]]),
        ("epoch,loss\n", []),
        ("epoch,lo", []),
        ("epo", []),
        ("", []),
    ],
)
def test_csv_goes_on_behind_a_line_that_was_cut(tmp_path: Path, before: str, after: list[list[str]]) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(before.encode())
    logger = CSVLogger(path, append=True)
    logger.on_train_begin()
    logger.on_epoch_end(2, {"loss": 0.25})
    logger.on_train_end()
    rows = [[cell.strip() for cell in row] for row in csv.reader(path.open(newline=""))]
    assert rows == [["epoch", "loss"], *after, ["2", "0.25"]]


@pytest.mark.parametrize("text", ["loss,accuracy\n1,2\n", "my notes", "epoch;loss\n0;1\n"])
def test_csv_does_not_go_on_with_another_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"log.csv' cannot be continued: its first line must begin with 'epoch,'"):
        CSVLogger(path, append=True).on_train_begin()
    assert path.read_text() == text


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


def test_terminate_on_nan_says_that_there_is_no_loss_to_watch() -> None:
    callbacks = CallbackList(TerminateOnNaN(), model=Model())
    with pytest.warns(UserWarning, match="TerminateOnNaN: 'loss' is not among the logs; there are total_loss"):
        callbacks.on_epoch_end(0, {"total_loss": NAN})


@pytest.mark.parametrize("verbose", ["auto", None, 3, 0.5])
def test_verbose_is_looked_at_before_training(verbose: Any) -> None:
    for make in (
        lambda: EarlyStopping(verbose=verbose),
        lambda: ReduceLROnPlateau(verbose=verbose),
        lambda: LearningRateScheduler(lambda epoch: 1.0, verbose=verbose),
        lambda: ModelCheckpoint("x", verbose=verbose, save_weights_only=True),
    ):
        with pytest.raises(ValueError, match="verbose must be 0 or 1"):
            make()
    assert EarlyStopping(verbose=True).verbose == 1


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
        lambda: CSVLogger("x", separator="\n"),
        lambda: CSVLogger("x", separator=5),  # type: ignore[arg-type]
        lambda: EarlyStopping(baseline=NAN),
        lambda: EarlyStopping(patience=NAN),  # type: ignore[arg-type]
        lambda: EarlyStopping(start_from_epoch=-1),
        lambda: ModelCheckpoint("x", save_weights_only=True, initial_value_threshold=NAN),
    ],
)
def test_bad_arguments_are_value_errors(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(monitor=0.5), "EarlyStopping: monitor must be a name in the logs.*got 0.5"),
        (lambda: ReduceLROnPlateau(monitor=None), "ReduceLROnPlateau: monitor must be a name"),
        (lambda: ModelCheckpoint("x", monitor=["loss"], save_weights_only=True), "ModelCheckpoint: monitor must be"),
        (lambda: EarlyStopping(min_delta="0"), "min_delta: expected a number, got '0'"),
        (lambda: EarlyStopping(patience="3"), "patience: expected a number, got '3'"),
        (lambda: EarlyStopping(baseline="low"), "baseline: expected a number"),
        (lambda: ReduceLROnPlateau(factor=None), "factor: expected a number, got None"),
        (lambda: EarlyStopping(patiense=3), "unexpected keyword argument 'patiense'; did you mean 'patience'?"),
        (lambda: ReduceLROnPlateau(epsilon=0.1), "unexpected keyword argument 'epsilon'; use 'min_delta'"),
        (lambda: ModelCheckpoint("x", period=2), "unexpected keyword argument 'period'; use 'save_freq'"),
    ],
)
def test_arguments_of_another_kind_are_type_errors(make: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_a_rate_that_cannot_be_reduced_is_an_error_before_training() -> None:
    schedule = corten.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    model = corten.Sequential([corten.layers.Dense(1, input_shape=(2,))])
    model.compile(corten.optimizers.SGD(schedule), "mse")
    seen = History()
    with pytest.raises(TypeError, match="cannot be set"):
        model.fit(
            np.ones((4, 2)),
            np.ones((4, 1)),
            epochs=9,
            verbose=0,
            callbacks=[seen, ReduceLROnPlateau("loss", patience=5)],
        )
    assert seen.epoch == []


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
