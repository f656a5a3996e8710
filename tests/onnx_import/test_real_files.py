"""Files that others made: the outputs equal onnxruntime's, and training goes on from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten

pytest.importorskip("onnx", reason="the package onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

FOLDER = Path(os.environ.get("CORTEN_DATA") or Path(__file__).parents[3] / "shared" / "data") / "models"
random = np.random.default_rng(0)


def path(name: str) -> str:
    if not (FOLDER / name).exists():
        pytest.skip(f"no {name} in {FOLDER}")
    return str(FOLDER / name)


def normal(*shape: int) -> Any:
    return random.normal(size=shape).astype(np.float32)


FEEDS: dict[str, Any] = {
    "silero_vad_16k_sequence.onnx": [
        {"input": normal(7, 576) * 0.1, "h": normal(1, 1, 128), "c": normal(1, 1, 128)},
        {"input": normal(1, 576), "h": normal(1, 1, 128), "c": normal(1, 1, 128)},
    ],
    "silero_vad_16k_op15.onnx": [
        {"input": normal(3, 576) * 0.1, "state": normal(2, 3, 128), "sr": np.array(16000)},
        {"input": normal(1, 576), "state": normal(2, 1, 128), "sr": np.array(16000)},
    ],
    "magika.onnx": [{"bytes": random.integers(0, 257, (n, 2048)).astype(np.int32)} for n in (1, 5)],
}


@pytest.mark.parametrize("name", FEEDS)
def test_outputs_equal_those_of_onnxruntime(name: str) -> None:
    file = path(name)
    model, session = corten.onnx.load(file), runtime.InferenceSession(file)
    for feeds in FEEDS[name]:
        expected = session.run(None, feeds)
        outputs = model.predict(feeds, verbose=0)
        for got, wanted in zip(outputs if isinstance(outputs, list) else [outputs], expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_inputs_by_position_are_those_by_name() -> None:
    name = "silero_vad_16k_op15.onnx"
    model, feeds = corten.onnx.load(path(name)), FEEDS["silero_vad_16k_op15.onnx"][0]
    for one, other in zip(model.predict(feeds), model.predict(list(feeds.values())), strict=True):
        assert np.array_equal(one, other)


def _trained(model: corten.onnx.OnnxModel, x: Any, y: Any, loss: str) -> None:
    """Trains, and expects what is frozen to stay, all else to change, and the loss to fall."""
    frozen = {id(v) for v in model.non_trainable_variables}
    before = model.get_weights()
    model.compile(corten.optimizers.Adam(1e-3), loss)
    losses = model.fit(x, y, epochs=6, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    for variable, old in zip(model.weights, before, strict=True):
        assert np.array_equal(variable.numpy(), old) == (id(variable) in frozen), variable.path


def test_magika_is_trained_from_a_node_on() -> None:
    model = corten.onnx.load(path("magika.onnx"), trainable_from="Conv_0_Conv2D")
    assert [layer.trainable for layer in model.layers] == [False] * 4 + [True] * 6
    x = random.integers(0, 257, (16, 2048))
    _trained(model, x, random.integers(0, 3, 16), "sparse_categorical_crossentropy")


def test_a_speech_detector_is_trained_with_its_state_beside_the_sound(tmp_path: Path) -> None:
    model = corten.onnx.load(
        path("silero_vad_16k_op15.onnx"),
        trainable_from="model.decoder.rnn",
        known={"sr": 16000},
        batch_axis={"state": 1, "stateN": 1},
        outputs=["output"],
    )
    assert model.by_rows
    x = {"input": normal(16, 576) * 0.1, "state": normal(16, 2, 128)}
    _trained(model, x, np.ones((16, 1)), "binary_crossentropy")
    model.export(tmp_path / "trained.onnx")
    session = runtime.InferenceSession(tmp_path / "trained.onnx")
    assert [entry.name for entry in session.get_inputs()] == ["input", "state"]
    (expected,) = session.run(None, {"input": x["input"], "state": np.moveaxis(x["state"], 1, 0)})
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)


def test_a_speech_detector_is_trained_on_sequences_from_a_known_state() -> None:
    zeros = np.zeros((1, 1, 128))
    model = corten.onnx.load(
        path("silero_vad_16k_sequence.onnx"), known={"h": zeros, "c": zeros}, outputs=["speech_probs"]
    )
    model.get_layer("stft_Conv").trainable = False
    _trained(model, normal(24, 576) * 0.1, np.ones(24), "binary_crossentropy")


def test_two_files_of_one_network_have_the_same_weights() -> None:
    for name in ("silero_vad_16k_op15.onnx", "silero_vad_16k_sequence.onnx"):
        model = corten.onnx.load(path(name))
        assert model.count_params() == 309_633
        assert sum(layer.operator == "LSTM" for layer in model.layers) == 1


@pytest.mark.parametrize(
    "name", ["bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet"]
)
def test_well_known_networks_that_come_with_onnx(name: str) -> None:
    """Real graphs, of versions from 8 on, with made-up weights."""
    import onnx

    file = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light" / f"light_{name}.onnx"
    if not file.exists():
        pytest.skip(f"this version of onnx comes without {file.name}")
    image = np.random.default_rng(1).random((1, 3, 224, 224)).astype(np.float32)
    session = runtime.InferenceSession(str(file))
    (expected,) = session.run(None, {session.get_inputs()[0].name: image})
    np.testing.assert_allclose(corten.onnx.load(file).predict(image, verbose=0), expected, rtol=1e-4, atol=1e-5)
