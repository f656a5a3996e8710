"""``corten convert``: every format to every other, and what is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import corten
from cli.running import Run
from corten.cli import formats
from corten.layers import Layer
from corten.saving import register_keras_serializable


def predicted(path: Path) -> np.ndarray:
    return corten.models.load_model(path).predict(np.arange(8.0).reshape(2, 4), verbose=0)


@pytest.mark.parametrize("source", ["safetensors", "keras", "h5"])
@pytest.mark.parametrize("target", ["safetensors", "keras", "h5", "hdf5"])
def test_the_model_stays_the_same(run: Run, trained: Path, tmp_path: Path, source: str, target: str) -> None:
    pytest.importorskip("h5py")
    path = tmp_path / f"source.{source}"
    corten.models.load_model(trained).save(path)
    ended = run("convert", path, tmp_path / f"target.{target}")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{path} -> {tmp_path / 'target'}.{target}: 'sequential")
    np.testing.assert_array_equal(predicted(tmp_path / f"target.{target}"), predicted(trained))
    model = corten.models.load_model(tmp_path / f"target.{target}")
    assert int(model.optimizer.iterations) == 2
    assert ("not kept" in ended.out) == (target in ("h5", "hdf5"))  # the random state of a Dropout


def test_weights_alone(run: Run, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    ended = run("convert", trained, tmp_path / "m.weights.h5")
    assert ended.code == 0
    assert [line for line in ended.out.splitlines() if "not kept" in line] == [
        "  not kept: the layers and how they are connected",
        "  not kept: what compile() was called with",
        "  not kept: the state of the optimizer",
        "  not kept: random states of layers: training that goes on draws other numbers",
    ]
    model = corten.models.load_model(trained)
    before = model.get_weights()
    model.set_weights([np.zeros_like(array) for array in before])
    model.load_weights(tmp_path / "m.weights.h5")
    for expected, got in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)
    ended = run("convert", tmp_path / "m.weights.h5", tmp_path / "m.safetensors")
    assert ended.code == 1 and "weights alone" in ended.err and not (tmp_path / "m.safetensors").exists()


def test_without_what_was_compiled(run: Run, trained: Path, tmp_path: Path) -> None:
    assert run("convert", trained, tmp_path / "m.safetensors", "--no-compile").code == 0
    assert not corten.models.load_model(tmp_path / "m.safetensors").compiled


def test_an_existing_file_is_not_replaced_unasked(run: Run, trained: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.safetensors"
    target.write_text("precious")
    ended = run("convert", trained, target)
    assert ended.code == 1 and ended.err == f"corten: error: {target}: exists; --overwrite replaces it\n"
    assert target.read_text() == "precious"
    assert run("convert", trained, target, "--overwrite").code == 0
    np.testing.assert_array_equal(predicted(target), predicted(trained))


def test_a_format_is_told_by_the_name(run: Run, trained: Path, tmp_path: Path) -> None:
    ended = run("convert", trained, tmp_path / "model.pt")
    assert ended.code == 2 and "expected a name that ends in .weights.h5, .keras" in ended.err
    ended = run("convert", trained, tmp_path / "model.keras", "--opset", 17)
    assert ended.code == 2 and "is no ONNX file" in ended.err


def test_a_folder_that_is_not_there(run: Run, trained: Path, tmp_path: Path) -> None:
    ended = run("convert", trained, tmp_path / "none" / "m.safetensors")
    assert ended.code == 1 and str(tmp_path / "none") in ended.err and "No such file or directory" in ended.err


@register_keras_serializable("cli_tests")
class Shifted(Layer):
    def call(self, x):
        return x + 1.0


def test_classes_of_ones_own_are_named(run: Run, tmp_path: Path) -> None:
    corten.Sequential([corten.Input((4,)), Shifted()]).save(tmp_path / "m.safetensors")
    ended = run("convert", tmp_path / "m.safetensors", tmp_path / "n.safetensors")
    assert ended.code == 0 and "the file names cli_tests>Shifted, which is not in it" in ended.out


def test_a_model_of_keras_2(run: Run, real_models: Path, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    source = real_models / "keras2" / "k2_cnn.h5"
    assert run("convert", source, tmp_path / "m.safetensors").code == 0
    with np.load(real_models / "keras2" / "k2_cnn.npz") as arrays:
        y = corten.models.load_model(tmp_path / "m.safetensors").predict(arrays["x"], verbose=0)
        np.testing.assert_allclose(y, arrays["y0"], atol=1e-5)


@pytest.mark.usefixtures("onnx_writer")
def test_to_onnx(run: Run, trained: Path, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    ended = run("convert", trained, tmp_path / "m.onnx", "--opset", 15)
    assert ended.code == 0
    for lost in ("what compile() was called with", "the state of the optimizer", "act in training only: drop"):
        assert lost in ended.out
    import onnx

    assert onnx.load(tmp_path / "m.onnx").opset_import[0].version == 15
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": np.arange(8.0, dtype="float32").reshape(2, 4)})
    np.testing.assert_allclose(y, predicted(trained), atol=1e-5)
    ended = run("convert", trained, tmp_path / "old.onnx", "--opset", 3)
    assert ended.code == 1 and "opset_version" in ended.err and not (tmp_path / "old.onnx").exists()


@pytest.mark.usefixtures("onnx_reader", "onnx_writer")
def test_from_onnx_and_back(run: Run, trained: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.onnx", "b.safetensors", "c.onnx")]
    for source, target in zip([trained, *paths], paths):
        ended = run("convert", source, target)
        assert ended.code == 0, ended.err
    for path in paths:
        assert run("check", trained, path, "--batch", 3).code == 0


def test_what_would_not_be_loaded_again_is_not_written(
    run: Run, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "m.safetensors"
    target.write_text("precious")
    read = formats.load_model

    def refusing(path: Path, **options: object) -> object:
        if path != trained:
            raise ValueError("no such class")
        return read(path, **options)

    monkeypatch.setattr(formats, "load_model", refusing)
    ended = run("convert", trained, target, "--overwrite")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"corten: error: {target}: would not be loaded again: no such class\n"
    monkeypatch.setattr(formats, "load_model", lambda path, **_: zeroed(read(path), path != trained))
    ended = run("convert", trained, target, "--overwrite")
    assert ended.code == 1 and "would have other weights" in ended.err
    assert target.read_text() == "precious" and list(tmp_path.iterdir()) == [target]


def zeroed(model: corten.Model, wanted: bool) -> corten.Model:
    if wanted:
        model.set_weights([np.zeros_like(array) for array in model.get_weights()])
    return model


def test_states_that_wait_for_a_step_are_said_to_be_lost(run: Run, tmp_path: Path) -> None:
    maker = corten.Sequential([corten.Input((3,)), corten.layers.Dense(2)])
    judge = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
    gan = corten.models.GAN(maker, judge, latent_size=3)
    gan.compile("adam", "adam")
    gan.fit(np.ones((8, 2)), epochs=1, verbose=0)
    gan.save(tmp_path / "gan.safetensors")
    assert "Optimizer d_optimizer: Adam" in run("info", tmp_path / "gan.safetensors").out
    ended = run("convert", tmp_path / "gan.safetensors", tmp_path / "other.safetensors")
    assert ended.code == 0 and "not kept: the state of the optimizer 'd_optimizer'" in ended.out


def test_what_keras_cannot_load(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    parts = [corten.Sequential([corten.Input((n,)), corten.layers.Dense(m)]) for n, m in ((4, 2), (2, 4))]
    corten.models.Autoencoder(*parts).save(tmp_path / "m.safetensors")
    assert "Keras" not in run("convert", tmp_path / "m.safetensors", tmp_path / "n.safetensors").out
    ended = run("convert", tmp_path / "m.safetensors", tmp_path / "n.keras")
    assert ended.code == 0 and "Keras cannot load the file: it has no Autoencoder" in ended.out
