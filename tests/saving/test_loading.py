"""What load_model and its like are asked for, and what they say where something is missing."""

from __future__ import annotations

import importlib.util
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from contracts.subprocesses import output
from corten import layers
from corten.callbacks import ModelCheckpoint
from corten.errors import CorruptFileError
from corten.models import clone_model, load_model
from corten.saving import custom_object_scope

ENDS = [
    "safetensors",
    *(
        pytest.param(end, marks=pytest.mark.skipif(importlib.util.find_spec("h5py") is None, reason="needs h5py"))
        for end in ("keras", "h5")
    ),
]
each_format = pytest.mark.parametrize("end", ENDS)
rng = np.random.default_rng(0)
X, Y = rng.standard_normal((12, 4)).astype(np.float32), rng.standard_normal((12, 1)).astype(np.float32)


class Doubled(layers.Layer):
    """Registered nowhere."""

    def call(self, inputs: Any) -> Any:
        return inputs * 2.0


def cubic(y_true: Any, y_pred: Any) -> Any:
    return corten.ops.mean(corten.ops.abs(y_true - y_pred) ** 3.0, axis=-1)


def plain(optimizer: Any = "adam") -> Any:
    model = corten.Sequential(
        [corten.Input((4,)), layers.Dense(5, activation="relu"), layers.Dropout(0.3), layers.Dense(1)]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def with_own() -> Any:
    inputs = corten.Input((4,))
    model = corten.Model(inputs, layers.Dense(1)(Doubled()(inputs)))
    model.compile("sgd", cubic)
    return model


def fit(model: Any, first: int, last: int, **options: Any) -> list[float]:
    corten.utils.set_random_seed(last)
    history = model.fit(X, Y, batch_size=4, initial_epoch=first, epochs=last, verbose=0, **options)
    return [float(loss) for loss in history.history["loss"]]


def predictions(model: Any) -> bytes:
    return bytes(model.predict(X, verbose=0).tobytes())


# --- ModelCheckpoint -------------------------------------------------------------------------------------------------


@each_format
def test_training_is_resumed_from_a_checkpoint(end: str, tmp_path: Path) -> None:
    model = plain()
    fit(model, 0, 2, callbacks=[ModelCheckpoint(tmp_path / f"{{epoch}}.{end}")])
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"1.{end}", f"2.{end}"]
    other = load_model(tmp_path / f"2.{end}")
    assert fit(other, 2, 4) == fit(model, 2, 4)
    assert predictions(other) == predictions(model)


@each_format
def test_the_best_is_kept(end: str, tmp_path: Path) -> None:
    model = plain(corten.optimizers.SGD(3.0))  # diverges
    path = tmp_path / f"best.{end}"
    checkpoint = ModelCheckpoint(path, monitor="loss", save_best_only=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        losses = fit(model, 0, 3, callbacks=[checkpoint])
    assert checkpoint.best == np.nanmin(losses)
    kept = load_model(path)
    assert int(kept.optimizer.iterations) == 3 * (1 + int(np.nanargmin(losses)))


# --- classes and functions of one's own -------------------------------------------------------------------------------


@each_format
def test_own_classes_are_passed_or_in_scope(end: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{end}"
    model = with_own()
    fit(model, 0, 1)
    model.save(path)
    objects = {"Doubled": Doubled, "cubic": cubic}
    passed = load_model(path, custom_objects=objects)
    with custom_object_scope(objects):
        scoped = load_model(path)
    wanted = fit(model, 1, 3)
    assert fit(passed, 1, 3) == wanted and fit(scoped, 1, 3) == wanted
    uncompiled = load_model(path, {"Doubled": Doubled}, compile=False)
    assert not uncompiled.compiled and uncompiled.optimizer is None
    uncompiled.compile("sgd", cubic)


@each_format
def test_what_is_not_known_is_named(end: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{end}"
    with_own().save(path)
    with pytest.raises(ValueError, match=r"'Doubled'.*register_keras_serializable.*custom_objects=\{'Doubled'"):
        load_model(path)
    with pytest.raises(ValueError, match=r"'cubic'"):
        load_model(path, {"Doubled": Doubled})


def test_what_cannot_be_described_is_named(tmp_path: Path) -> None:
    model = corten.Sequential([corten.Input((4,)), layers.Dense(1)])
    model.compile("sgd", lambda y_true, y_pred: corten.ops.mean(y_true - y_pred, axis=-1))
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"'<lambda>'"):
        load_model(tmp_path / "model.safetensors")
    assert load_model(tmp_path / "model.safetensors", compile=False).built


# --- what is not there ------------------------------------------------------------------------------------------------


@each_format
def test_a_model_that_was_compiled_and_never_trained(end: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{end}"
    model = plain()
    model.save(path)
    other = load_model(path)
    assert other.compiled and fit(other, 0, 2) == fit(model, 0, 2)


@each_format
def test_a_model_that_was_not_compiled(end: str, tmp_path: Path) -> None:
    path = tmp_path / f"model.{end}"
    model = corten.Sequential([corten.Input((4,)), layers.Dense(1)])
    model.save(path)
    other = load_model(path)
    assert not other.compiled and predictions(other) == predictions(model)
    with pytest.raises(RuntimeError, match="compile"):
        other.fit(X, Y)


@each_format
def test_a_model_that_is_not_built(end: str, tmp_path: Path) -> None:
    model = corten.Sequential([layers.Dense(1)])
    with pytest.raises(ValueError, match="is not built yet; call it on data first"):
        model.save(tmp_path / f"model.{end}")
    plain().save(tmp_path / f"model.{end}")
    with pytest.raises(ValueError, match="is not built yet; call it on data first"):
        model.load_weights(tmp_path / f"model.{end}")
    assert [path.name for path in tmp_path.iterdir()] == [f"model.{end}"]


@pytest.mark.parametrize("end", ["keras", "h5"])
def test_an_optimizer_without_its_state(end: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py", reason="needs h5py: make setup")
    path = tmp_path / f"model.{end}"
    model = plain()
    fit(model, 0, 1)
    model.save(path)
    if end == "keras":
        import io
        import zipfile

        with zipfile.ZipFile(path) as archive:
            texts = {name: archive.read(name) for name in archive.namelist()}
        stream = io.BytesIO(texts["model.weights.h5"])
        with h5py.File(stream, "a") as root:
            del root["optimizer"]
        texts["model.weights.h5"] = stream.getvalue()
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
    else:
        with h5py.File(path, "a") as root:
            del root["optimizer_weights"]
    other = load_model(path)
    assert predictions(other) == predictions(model)
    assert int(other.optimizer.iterations) == 0
    fit(other, 1, 2)


@pytest.mark.parametrize("end", ["safetensors", "weights.h5", "keras", "h5"])
def test_weights_that_do_not_fit(end: str, tmp_path: Path) -> None:
    if end != "safetensors":
        pytest.importorskip("h5py", reason="needs h5py: make setup")
    path = tmp_path / f"model.{end}"
    model = plain()
    (model.save if end in ("keras", "h5") else model.save_weights)(path)
    other = corten.Sequential([corten.Input((4,)), layers.Dense(5), layers.Dropout(0.3), layers.Dense(2)])
    before = other.get_weights()
    with pytest.raises(CorruptFileError, match=r"expected .*\(5, 2\), got .*\(5, 1\)"):
        other.load_weights(path)
    assert all((a == b).all() for a, b in zip(other.get_weights(), before, strict=True))
    other.load_weights(path, skip_mismatch=True)
    after, stored = other.get_weights(), model.get_weights()
    np.testing.assert_array_equal(after[0], stored[0])
    np.testing.assert_array_equal(after[1], stored[1])
    np.testing.assert_array_equal(after[2], before[2])


def test_a_folder_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="a directory"):
        load_model(tmp_path)
    (tmp_path / "model.keras").write_bytes(b"\x80\x04pickle, or what not")
    with pytest.raises(CorruptFileError, match=r"expected a \.keras archive, HDF5 or safetensors"):
        load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"\.keras, \.safetensors, \.h5 or \.hdf5"):
        plain().save(tmp_path / "model.pb")
    plain().save(tmp_path / "model.safetensors")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        plain().save(tmp_path / "model.safetensors", overwrite=False)


# --- copies ----------------------------------------------------------------------------------------------------------


def test_a_clone_is_compiled_alike_and_begins_anew() -> None:
    inputs = corten.Input((4,))
    own = corten.Model(inputs, layers.Dense(1, activation=lambda x: x * 3.0)(Doubled()(inputs)))
    own.compile(corten.optimizers.SGD(0.001), cubic, metrics=[lambda y_true, y_pred: y_pred])
    for model in (plain(), own):
        fit(model, 0, 1)
        clone = clone_model(model)
        assert clone.compiled and type(clone.optimizer) is type(model.optimizer)
        assert int(clone.optimizer.iterations) == 0 and clone.optimizer is not model.optimizer
        clone.set_weights(model.get_weights())
        assert predictions(clone) == predictions(model)
        assert len(fit(clone, 0, 1)) == 1


def test_tensors_for_a_clone_must_be_nested_as_its_inputs() -> None:
    x, y = corten.Input((3,)), corten.Input((3,))
    model = corten.Model({"x": x, "y": y}, layers.Dense(2)(x + y))
    assert clone_model(model, {"x": x, "y": y}).input == {"x": x, "y": y}
    with pytest.raises(ValueError, match="input_tensors: expected them nested as"):
        clone_model(model, (x, y))


class Estimator:
    """An object of another library's kind, with a model inside."""

    def __init__(self, model: Any = None, scale: float = 1.0) -> None:
        self.model, self.scale = model, scale

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"model": self.model, "scale": self.scale}

    def set_params(self, **parameters: Any) -> Estimator:
        vars(self).update(parameters)
        return self


def test_within_an_estimator() -> None:
    base = pytest.importorskip("sklearn.base", reason="needs scikit-learn: make setup")
    model = plain()
    fit(model, 0, 1)
    copied = base.clone(Estimator(model, 2.0))
    assert copied.model is not model and predictions(copied.model) == predictions(model)
    assert fit(copied.model, 1, 3) == fit(model, 1, 3)


def test_through_joblib(tmp_path: Path) -> None:
    joblib = pytest.importorskip("joblib", reason="needs joblib: make setup")
    model = plain()
    fit(model, 0, 1)
    joblib.dump({"model": model}, tmp_path / "all.joblib")
    other = joblib.load(tmp_path / "all.joblib")["model"]
    assert predictions(other) == predictions(model) and fit(other, 1, 2) == fit(model, 1, 2)


def test_a_text_vectorization() -> None:
    for options in (
        {},
        {"standardize": None, "split": "character"},
        {"standardize": "strip_punctuation", "split": None},
    ):
        layer = layers.TextVectorization(output_sequence_length=4, **options)
        layer.adapt(["some words.", "more words!"])
        description = corten.saving.serialize_keras_object(layer)
        for other in (pickle.loads(pickle.dumps(layer)), corten.saving.deserialize_keras_object(description)):
            np.testing.assert_array_equal(other(["Some more!"]), layer(["Some more!"]))


SPAWNED = """
import multiprocessing, pickle, sys
import numpy as np
import corten

def predict(holder, x):
    return holder["model"].predict(x, verbose=0)

if __name__ == "__main__":
    model = corten.Sequential([corten.Input((4,)), corten.layers.Dense(3, activation="relu"), corten.layers.Dense(1)])
    model.compile("adam", "mse")
    x = np.ones((5, 4), np.float32)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(predict, ({"model": model}, x))
    print((found == model.predict(x, verbose=0)).all())
"""


def test_to_a_process_that_is_spawned(tmp_path: Path) -> None:
    (tmp_path / "spawned.py").write_text(SPAWNED)
    assert (
        output(f"import runpy; runpy.run_path({str(tmp_path / 'spawned.py')!r}, run_name='__main__')", 60) == "True\n"
    )
