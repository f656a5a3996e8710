"""What cannot be exported is refused by name, and no file is written."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

import corten
from corten import layers, ops, random
from corten.export import model_proto
from export.running import Exported, normal


class Noisy(layers.Layer):
    def call(self, x: Any) -> Any:
        return x + random.normal((4,), seed=1)


class Seeded(layers.Layer):
    def __init__(self) -> None:
        super().__init__(name="seeded")
        self.generator = random.SeedGenerator(1)

    def call(self, x: Any) -> Any:
        return x + random.uniform((4,), seed=self.generator)


class Counting(layers.Layer):
    def build(self, input_shape: Any) -> None:
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, x: Any) -> Any:
        self.count.assign_add(1.0)
        return x * 2.0


class Loss(layers.Layer):
    def call(self, x: Any) -> Any:
        return ops.binary_crossentropy(x, ops.sigmoid(x), from_logits=False)


class Root(layers.Layer):
    """Divides by the root of the length."""

    def call(self, x: Any) -> Any:
        return x * float(x.shape[1]) ** -0.5


class Halves(layers.Layer):
    """Does something else with long sequences."""

    def call(self, x: Any) -> Any:
        return x * 0.5 if x.shape[1] > 50 else x + 1.0


class Strided(layers.Layer):
    """Takes fewer steps of long sequences."""

    def call(self, x: Any) -> Any:
        return x[:, :: max(2, x.shape[1] // 10)]


class Bounded(layers.Layer):
    """A size that stops growing."""

    def call(self, x: Any) -> Any:
        return ops.reshape(ops.sum(x, axis=-1), (-1,))[: min(x.shape[1], 50)]


REFUSED = [
    (
        Noisy(name="noisy"),
        (4,),
        "op 'random_normal' of layer 'noisy' cannot be exported to ONNX: it draws random numbers",
    ),
    (Seeded(), (4,), "op 'random_uniform' of layer 'seeded' cannot be exported to ONNX: it draws random numbers"),
    (Counting(name="counting"), (4,), "assigns its variable 'counting/count', and an ONNX model keeps no state"),
    (Loss(name="loss"), (4,), "op 'binary_cross_entropy' of layer 'loss' cannot be exported to ONNX: it is a loss"),
    (Root(name="root"), (None, 4), "op 'multiply' of layer 'root' cannot be exported to ONNX: the number .* open size"),
    (
        Halves(name="halves"),
        (None, 4),
        "op 'multiply' of layer 'halves': the model does something else for other sizes",
    ),
    (Strided(name="strided"), (None, 4), "op 'slice' of layer 'strided' .*: its 'step' depends on an open size"),
    (Bounded(name="bounded"), (None, 4), "layer 'bounded'.* open size"),
    (layers.LSTM(2, activation="relu", name="memory"), (None, 4), "of layer 'memory': the model does something else"),
    (layers.UpSampling2D(interpolation="bilinear", name="up"), (None, 4, 2), "of layer 'up' .*: a constant of shape"),
]


@pytest.mark.parametrize(("layer", "shape", "words"), REFUSED, ids=[type(layer).__name__ for layer, _, _ in REFUSED])
def test_layers(layer: Any, shape: tuple[int, ...], words: str, tmp_path: Path) -> None:
    x = corten.Input(shape)
    model = corten.Model(x, layer(x))
    with pytest.raises(ValueError, match=words):
        model.export(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("layer", [Root, Halves, Bounded])
def test_a_fixed_size_makes_them_possible(layer: Any, tmp_path: Path) -> None:
    class Calls(corten.Model):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer()

        def call(self, x: Any) -> Any:
            return self.layer(x)

    exported = Exported(Calls(), tmp_path, input_signature=[corten.Input(batch_shape=(2, 6, 3))])
    exported.expect_same(normal(2, 6, 3))


def test_a_stateful_layer(tmp_path: Path) -> None:
    model = corten.Sequential([corten.Input(batch_shape=(2, 5, 3)), layers.LSTM(4, stateful=True)])
    with pytest.raises(ValueError, match=r"assigns its variable .*state.*is a layer stateful"):
        model.export(tmp_path / "model.onnx")


def test_steps_of_a_fixed_number_are_nodes(tmp_path: Path) -> None:
    """Other activations than ONNX's nodes have by default are exported step by step, as Corten runs them."""
    model = corten.Sequential([corten.Input((5, 4)), layers.LSTM(3, activation="relu", return_sequences=True)])
    exported = Exported(model, tmp_path)
    assert exported.kinds["LSTM"] == 0
    exported.expect_same(normal(2, 5, 4))


@pytest.mark.parametrize(("format", "name"), [(None, "model.keras"), ("tf_saved_model", "model.onnx"), (None, "model")])
def test_other_formats(format: Any, name: str, tmp_path: Path) -> None:
    model = corten.Sequential([corten.Input((3,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="format: only 'onnx' is supported, got"):
        model.export(tmp_path / name, format=format)


@pytest.mark.parametrize("version", [12, 24, "17"])
def test_other_versions(version: Any, tmp_path: Path) -> None:
    model = corten.Sequential([corten.Input((3,)), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"opset_version: expected 13 to 2\d .*, got"):
        model.export(tmp_path / "model.onnx", opset_version=version)


def test_unknown_options(tmp_path: Path) -> None:
    model = corten.Sequential([corten.Input((3,)), layers.Dense(1)])
    with pytest.raises(TypeError, match="opset"):
        model.export(tmp_path / "model.onnx", opset=17)


def test_inputs_that_are_not_known(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the inputs of 'stack' are not known.*input_signature=\[corten.Input"):
        corten.Sequential([layers.Dense(1)], name="stack").export(tmp_path / "model.onnx")


def test_a_signature_of_something_else(tmp_path: Path) -> None:
    model = corten.Sequential([layers.Dense(1)])
    with pytest.raises(TypeError, match="input_signature: expected corten.Input"):
        model.export(tmp_path / "model.onnx", input_signature=["x"])


def test_a_signature_that_does_not_fit(tmp_path: Path) -> None:
    model = corten.Sequential([corten.Input((3,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="expects shape"):
        model.export(tmp_path / "model.onnx", input_signature=[corten.Input((4,))])


def test_more_than_a_file_holds(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(model_proto, "_LIMIT", 100)
    model = corten.Sequential([corten.Input((30,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="the weights take 124 bytes, and an ONNX file holds at most 100"):
        model.export(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_package(tmp_path: Path, monkeypatch: Any) -> None:
    imported = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "onnx":
            raise ModuleNotFoundError("No module named 'onnx'")
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    model = corten.Sequential([corten.Input((3,)), layers.Dense(1)])
    with pytest.raises(ImportError, match=r"pip install corten\[onnx\]"):
        model.export(tmp_path / "model.onnx")


def test_an_export_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    corten.Sequential([corten.Input((3,)), layers.Dense(1)]).export(file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match="it draws random numbers"):
        corten.Sequential([corten.Input((4,)), Noisy()]).export(file)
    assert file.read_bytes() == before and [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
