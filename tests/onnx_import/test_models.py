"""Models in the idioms of the exporters give what onnxruntime gives, in every version, and can be trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import corten
from onnx_import.models import MODELS

pytest.importorskip("onnx", reason="the package onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
runtime.set_default_logger_severity(4)

CASES = [pytest.param(name, opset, id=f"{name}-{opset}") for name, (_, opsets) in MODELS.items() for opset in opsets]


@pytest.mark.parametrize(("name", "opset"), CASES)
def test_outputs_equal_those_of_onnxruntime(name: str, opset: int) -> None:
    builder, data = MODELS[name][0](opset)
    model = corten.onnx.load(data)
    session = runtime.InferenceSession(data)
    for batch in (1, 3, 40):
        feeds = builder.arrays(batch)
        (expected,) = session.run(None, feeds)
        np.testing.assert_allclose(model.predict(feeds, verbose=0), expected, rtol=1e-5, atol=1e-5)
    assert model.by_rows


@pytest.mark.parametrize("name", MODELS)
def test_training_lowers_the_loss_and_changes_every_weight(name: str) -> None:
    builder, data = MODELS[name][0](13)
    model = corten.onnx.load(data)
    model.compile(corten.optimizers.Adam(1e-3), "mse")
    feeds = builder.arrays(8)
    targets = np.full(np.shape(model.predict(feeds, verbose=0)), 0.3, np.float32)
    before = model.get_weights()
    losses = model.fit(feeds, targets, epochs=8, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    # What no sample asked for (rows of an embedding) stays, but some of every weight changes.
    assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_layers_before_trainable_from_stay_as_they_are(name: str) -> None:
    builder, data = MODELS[name][0](13)
    names = [layer.name for layer in corten.onnx.load(data).layers]
    cut = len(names) // 2
    model = corten.onnx.load(data, trainable_from=names[cut])
    assert [layer.trainable for layer in model.layers] == [place >= cut for place in range(len(names))]
    model.compile("sgd", "mse")
    before = [layer.get_weights() for layer in model.layers]
    feeds = builder.arrays(4)
    model.fit(feeds, np.ones(np.shape(model.predict(feeds, verbose=0))), epochs=2, verbose=0)
    changed = [
        any((old != new).any() for old, new in zip(weights, layer.get_weights(), strict=True))
        for weights, layer in zip(before, model.layers, strict=True)
    ]
    assert changed == [place >= cut for place in range(len(names))]


@pytest.mark.parametrize("name", MODELS)
def test_eager_and_compiled_steps_give_the_same_bits(name: str) -> None:
    builder, data = MODELS[name][0](13)
    model, feeds = corten.onnx.load(data), builder.arrays(3)
    model.compile("sgd", "mse", run_eagerly=True)
    eager = model.predict(feeds, verbose=0)
    model.compile("sgd", "mse")
    assert np.array_equal(eager, model.predict(feeds, verbose=0))


@pytest.mark.parametrize("name", MODELS)
def test_a_configuration_makes_the_model_again(name: str) -> None:
    builder, data = MODELS[name][0](13)
    model, feeds = corten.onnx.load(data), builder.arrays(2)
    model.layers[0].trainable = False
    config = json.loads(json.dumps(model.get_config()))
    again = corten.onnx.OnnxModel.from_config(config)
    assert [layer.trainable for layer in again.layers] == [layer.trainable for layer in model.layers]
    again.set_weights(model.get_weights())
    assert np.array_equal(again.predict(feeds, verbose=0), model.predict(feeds, verbose=0))
    assert again.get_config() == config


@pytest.mark.parametrize("name", MODELS)
def test_a_trained_model_is_written_as_the_graph_it_was_read_from(name: str, tmp_path: Path) -> None:
    builder, data = MODELS[name][0](13)
    model, feeds = corten.onnx.load(data), builder.arrays(4)
    before = model.predict(feeds, verbose=0)
    model.compile("sgd", "mse")
    model.fit(feeds, np.ones(np.shape(before)), verbose=0)
    path = tmp_path / "model.onnx"
    model.export(path)
    after = model.predict(feeds, verbose=0)
    assert not np.array_equal(before, after)
    (expected,) = runtime.InferenceSession(path).run(None, feeds)
    np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-5)
    assert np.array_equal(corten.onnx.load(path).predict(feeds, verbose=0), after)


def test_of_a_model_with_other_outputs_only_what_they_need_is_written(tmp_path: Path) -> None:
    builder, data = MODELS["resnet"][0](13)
    flat = next(name for name in _node_outputs(data) if name.startswith("flatten"))
    body = corten.onnx.load(data, outputs=[flat])
    body.export(tmp_path / "body.onnx")
    session = runtime.InferenceSession(tmp_path / "body.onnx")
    assert [output.name for output in session.get_outputs()] == [flat]
    (expected,) = session.run(None, builder.arrays(2))
    np.testing.assert_allclose(body.predict(builder.arrays(2), verbose=0), expected, rtol=1e-5, atol=1e-6)
    assert "fc.weight" not in (tmp_path / "body.onnx").read_bytes().decode("latin-1")
    # With a signature the computation is traced.
    body.export(tmp_path / "traced.onnx", input_signature=[corten.Input((3, 17, 15))])
    (traced,) = runtime.InferenceSession(tmp_path / "traced.onnx").run(None, builder.arrays(2))
    np.testing.assert_allclose(traced, expected, rtol=1e-5, atol=1e-6)


def test_batch_normalisation_follows_the_batches_where_it_is_trained() -> None:
    builder, data = MODELS["resnet"][0](13)
    model, feeds = corten.onnx.load(data), builder.arrays(6)
    norms = [layer for layer in model.layers if layer.operator == "BatchNormalization"]
    norms[0].trainable = False
    model.compile("sgd", "mse")
    before = [[v.numpy() for v in layer.variables if not v.trainable] for layer in norms]
    model.fit(feeds, np.zeros((6, 5)), verbose=0)
    after = [[v.numpy() for v in layer.variables if not v.trainable] for layer in norms]
    moved = [
        not all(np.array_equal(a, b) for a, b in zip(x, y, strict=True)) for x, y in zip(before, after, strict=True)
    ]
    assert moved == [False, *[True] * (len(norms) - 1)]


def test_a_convolutional_model_moves_images_at_its_borders_only(monkeypatch: pytest.MonkeyPatch) -> None:
    builder, data = MODELS["resnet"][0](13)
    model = corten.onnx.load(data)
    moved = []
    transpose = corten.ops.transpose
    monkeypatch.setattr(corten.ops, "transpose", lambda x, axes: (moved.append(x.shape), transpose(x, axes))[1])
    model.predict(builder.arrays(2), verbose=0)
    assert moved == [(2, 3, 17, 15)]


def test_summary_has_a_line_for_each_node_with_weights(capsys: pytest.CaptureFixture[str]) -> None:
    _, data = MODELS["resnet"][0](13)
    model = corten.onnx.load(data)
    model.summary()
    text = capsys.readouterr().out
    assert len(model.layers) == 13
    assert all(layer.name[:20] in text for layer in model.layers)
    assert "(None, 16, 3, 3)" in text and "fc (NodeLayer)" in text and "(None, 5)" in text
    assert "Total params: 6,357" in text


def test_models_within_functional_models() -> None:
    builder, data = MODELS["keras_cnn"][0](13)
    body = corten.onnx.load(data, outputs=[corten.onnx.load(data).output_names[0]], name="body")
    image = corten.Input((14, 14, 2))
    model = corten.Model(image, corten.layers.Dense(2)(body(image)))
    assert model.predict(builder.arrays(3)["input_1:0"], verbose=0).shape == (3, 2)
    assert len(model.trainable_variables) == 7


def test_an_output_of_a_node_cuts_the_head_off() -> None:
    builder, data = MODELS["resnet"][0](13)
    flat = next(name for name in _node_outputs(data) if name.startswith("flatten"))
    body = corten.onnx.load(data, outputs=[flat])
    assert body.predict(builder.arrays(2), verbose=0).shape == (2, 16)
    assert "fc" not in [layer.name for layer in body.layers]


def _node_outputs(data: bytes) -> list[str]:
    import onnx

    return [name for node in onnx.load_model_from_string(data).graph.node for name in node.output]
