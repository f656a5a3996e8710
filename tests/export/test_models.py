"""Whole models, exported with open sizes: onnxruntime gives what Corten gives, at every batch and length."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, ops
from corten.graph import flatten
from export.running import OPSETS, Exported, expect_close, normal, whole, with_random_weights

BATCHES = (1, 3, 7)
EXAMPLES = Path(__file__).parents[2] / "examples"


def textbook_cnn() -> corten.Model:
    stack = [corten.Input((28, 28, 1)), layers.Conv2D(8, 3, activation="relu"), layers.BatchNormalization()]
    stack += [layers.MaxPooling2D(), layers.Conv2D(16, 3, padding="same", strides=2), layers.BatchNormalization()]
    stack += [layers.Activation("relu"), layers.MaxPooling2D(3, 2, padding="same"), layers.Flatten()]
    return corten.Sequential([*stack, layers.Dropout(0.5), layers.Dense(10, activation="softmax")])


def residual() -> corten.Model:
    """Two outputs; a branch that weighs channels; zeros before a strided convolution, as in ResNet."""
    image = corten.Input((16, 16, 3))
    x = layers.Conv2D(8, 7, strides=2, use_bias=False)(layers.ZeroPadding2D(3)(image))
    x = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.Conv2D(8, 3, padding="same")(x)
    weight = layers.Conv2D(8, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(y))
    x = layers.Add()([x, layers.Multiply()([y, weight])])
    y = layers.SeparableConv2D(8, 3, padding="same")(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.PReLU(shared_axes=[1, 2])(layers.Concatenate()([x, y]))
    label = layers.Dense(5, name="label")(layers.GlobalMaxPooling2D()(x))
    where = layers.Conv2D(1, 1, activation="sigmoid", name="where")(layers.AveragePooling2D(2)(x))
    return corten.Model(image, [label, where])


def u_net() -> corten.Model:
    """Height and width are open."""
    image = x = corten.Input((None, None, 3))
    skips = []
    for width in (4, 8):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same")(x)))
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Concatenate()([layers.UpSampling2D()(x), skips[1]])
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="elu")(x)
    return corten.Model(image, layers.Conv2D(2, 1, activation="softmax")(layers.Concatenate()([x, skips[0]])))


def bidirectional() -> corten.Model:
    tokens = corten.Input((None,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(tokens)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x)
    return corten.Model(tokens, layers.Dense(3)(layers.GRU(4, go_backwards=True)(x)))


def stacked() -> corten.Model:
    stack = [layers.LSTM(5, return_sequences=True), layers.Dropout(0.2), layers.LSTM(5, return_sequences=True)]
    stack += [layers.GRU(4, reset_after=False, return_sequences=True), layers.SimpleRNN(3, activation="relu")]
    return corten.Sequential([corten.Input((None, 3)), *stack, layers.Dense(2)])


def translator() -> corten.Model:
    """States of one sequence begin another, and attention looks back at the first: two open lengths."""
    source, target = corten.Input((None,), dtype="int32", name="source"), corten.Input((None, 3), name="target")
    read = layers.Embedding(9, 4, mask_zero=True)(source)
    read, h, c = layers.LSTM(5, return_sequences=True, return_state=True)(read)
    written = layers.LSTM(5, return_sequences=True)(target, initial_state=[h, c])
    found = layers.Attention()([written, read])
    return corten.Model([source, target], layers.Dense(4)(layers.Concatenate()([written, found])))


def transformer() -> corten.Model:
    x = inputs = corten.Input((None, 6))
    attended = layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(layers.Add()([x, attended]))
    x = layers.Add()([x, layers.Dense(6)(layers.Dense(12, activation="gelu")(x))])
    return corten.Model(inputs, layers.TransformerBlock(2, 7, causal=True)(layers.LayerNormalization()(x)))


def words() -> corten.Model:
    tokens = corten.Input((None,), dtype="int32")
    x = layers.PositionalEmbedding(12, 9, 6, mask_zero=True)(tokens)
    x = layers.TransformerBlock(2, 7)(x)
    return corten.Model(tokens, layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling1D()(x)))


def autoencoder() -> corten.Model:
    """Models within a model."""
    encoder = corten.Sequential([corten.Input((6,)), layers.Dense(4, activation="tanh"), layers.Dense(2)])
    decoder = corten.Sequential([corten.Input((2,)), layers.Dense(4, activation="tanh"), layers.Dense(6)])
    x = corten.Input((6,))
    return corten.Model(x, decoder(encoder(x)))


def wave() -> corten.Model:
    """Dilated causal convolutions with gates."""
    inputs = x = corten.Input((None, 4))
    for dilation in (1, 2, 4):
        y = layers.Conv1D(4, 2, dilation_rate=dilation, padding="causal")(x)
        y = layers.Multiply()([layers.Activation("tanh")(y), layers.Activation("sigmoid")(y)])
        x = layers.Add()([x, layers.Conv1D(4, 1)(y)])
    x = layers.UpSampling1D(2)(layers.MaxPooling1D(2)(layers.BatchNormalization()(x)))
    return corten.Model(inputs, layers.GlobalMaxPooling1D()(layers.SeparableConv1D(3, 3)(x)))


def generator() -> corten.Model:
    stack = [layers.Dense(3 * 3 * 8, use_bias=False), layers.BatchNormalization(), layers.ReLU()]
    stack += [layers.Reshape((3, 3, 8)), layers.Conv2DTranspose(4, 4, strides=2, padding="same")]
    stack += [layers.BatchNormalization(), layers.LeakyReLU(), layers.UpSampling2D((2, 1))]
    return corten.Sequential([corten.Input((5,)), *stack, layers.Conv2D(1, 3, padding="same", activation="tanh")])


class Scale(layers.Layer):
    """Each step against the mean over time, with a weight of its own."""

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def call(self, x: Any) -> Any:
        centred = x - ops.mean(x, axis=1, keepdims=True)
        steps = ops.cast(ops.arange(x.shape[1]), "float32") / x.shape[1]
        return ops.flip(centred * self.scale, axis=1)[:, 1:] * ops.reshape(steps, (1, -1, 1))[:, :-1]


def custom() -> corten.Model:
    x = corten.Input((None, 4))
    return corten.Model(x, layers.GRU(3)(Scale()(x)))


MODELS: list[tuple[Callable[[], corten.Model], list[Callable[[int], list[Any]]]]] = [
    (textbook_cnn, [lambda n: [normal(n, 28, 28, 1)]]),
    (residual, [lambda n: [normal(n, 16, 16, 3)]]),
    (u_net, [lambda n: [normal(n, 16, 24, 3)], lambda n: [normal(n, 32, 12, 3)]]),
    (bidirectional, [lambda n: [whole(9, n, 5)], lambda n: [whole(3, n, 8)]]),
    (stacked, [lambda n: [normal(n, 5, 3)], lambda n: [normal(n, 8, 3)]]),
    (translator, [lambda n: [whole(3, n, 5), normal(n, 4, 3)], lambda n: [whole(3, n, 2), normal(n, 6, 3)]]),
    (transformer, [lambda n: [normal(n, 5, 6)], lambda n: [normal(n, 9, 6)]]),
    (words, [lambda n: [whole(3, n, 5)], lambda n: [whole(3, n, 12)]]),
    (autoencoder, [lambda n: [normal(n, 6)]]),
    (wave, [lambda n: [normal(n, 14, 4)], lambda n: [normal(n, 19, 4)]]),
    (generator, [lambda n: [normal(n, 5)]]),
    (custom, [lambda n: [normal(n, 5, 4)], lambda n: [normal(n, 8, 4)]]),
]


@pytest.mark.parametrize("fold", [False, True], ids=["", "folded"])
@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize(("build", "inputs"), MODELS, ids=lambda value: getattr(value, "__name__", ""))
def test_gives_what_corten_gives(build: Any, inputs: Any, opset: int, fold: bool, tmp_path: Path) -> None:
    model = with_random_weights(build())
    exported = Exported(model, tmp_path, opset_version=opset, fold_batch_norm=fold)
    for make in inputs:
        for batch in BATCHES:
            exported.expect_same(*make(batch))


@pytest.mark.parametrize(("build", "inputs"), MODELS, ids=lambda value: getattr(value, "__name__", ""))
def test_corten_reads_its_own_files(build: Any, inputs: Any, tmp_path: Path) -> None:
    reader = pytest.importorskip("corten.onnx", reason="needs Corten's reader of ONNX files")
    model = with_random_weights(build())
    model.export(tmp_path / "model.onnx")
    again = reader.load(tmp_path / "model.onnx")
    for make in inputs:
        x = make(3)
        wanted = flatten(model.predict(x if len(x) > 1 else x[0], verbose=0))
        expect_close(flatten(again.predict(x if len(x) > 1 else x[0], verbose=0)), wanted)


class Subclassed(corten.Model):
    """Takes a dict, gives a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.image = corten.Sequential([layers.Conv2D(4, 3, activation="relu"), layers.GlobalAveragePooling2D()])
        self.words = corten.Sequential([layers.Embedding(9, 4, mask_zero=True), layers.LSTM(4)])
        self.out = layers.Dense(2)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        x = layers.concatenate([self.image(inputs["image"], training=training), self.words(inputs["words"])])
        return {"scores": self.out(x), "code": x}


def test_a_subclassed_model_says_its_inputs(tmp_path: Path) -> None:
    model = Subclassed()
    model.predict({"image": normal(2, 8, 8, 3), "words": whole(9, 2, 5)}, verbose=0)
    signature = {
        "image": corten.Input((8, 8, 3), name="image"),
        "words": corten.Input((None,), dtype="int32", name="words"),
    }
    exported = Exported(with_random_weights(model), tmp_path, input_signature=signature)
    assert [value.name for value in exported.session.get_inputs()] == ["image", "words"]
    assert [value.name for value in exported.session.get_outputs()] == ["scores", "code"]
    for batch, length in ((1, 4), (3, 5), (7, 6)):
        x = {"image": normal(batch, 8, 8, 3), "words": whole(9, batch, length)}
        wanted = model.predict(x, verbose=0)
        for found, name in zip(exported.run(*x.values()), ("scores", "code"), strict=True):
            np.testing.assert_allclose(found, wanted[name], rtol=1e-5, atol=1e-6)


def test_sequences_of_which_nothing_counts(tmp_path: Path) -> None:
    """Steps are left out before, between and behind; of the last sequence all."""
    tokens = np.array([[0, 0, 3, 4], [1, 0, 0, 2], [5, 6, 0, 0], [1, 2, 3, 4], [0, 0, 0, 0]], np.int32)
    given, state = corten.Input((None,), dtype="int32"), corten.Input((3,))
    x = layers.Embedding(9, 4, mask_zero=True)(given)
    outputs = []
    for kind, count in ((layers.LSTM, 2), (layers.GRU, 1), (layers.SimpleRNN, 1)):
        for backwards in (False, True):
            layer = kind(3, go_backwards=backwards, return_sequences=True, return_state=True)
            outputs += layer(x, initial_state=[state] * count)
    exported = Exported(with_random_weights(corten.Model([given, state], outputs)), tmp_path)
    exported.expect_same(tokens, normal(5, 3))


def example(name: str, monkeypatch: Any) -> Any:
    monkeypatch.syspath_prepend(EXAMPLES)
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        pytest.skip(f"the example needs {error.name}")
    return module


#: Models of the examples, and their inputs.
FROM_EXAMPLES: list[tuple[str, Callable[[Any], corten.Model], Callable[[int], list[Any]]]] = [
    ("image_recognition", lambda m: m.residual_network([4, 8, 8], 10), lambda n: [normal(n, 32, 32, 3)]),
    ("text_classification", lambda m: m.recurrent(), lambda n: [whole(4000, n, 48) * whole(2, n, 48)]),
    ("text_classification", lambda m: m.transformer(), lambda n: [whole(4000, n, 48) * whole(2, n, 48)]),
    ("translation", lambda m: m.build(True)[0], lambda n: [whole(3000, n, 14) * whole(2, n, 14), whole(2000, n, 18)]),
    ("translation", lambda m: m.build(True)[1], lambda n: [whole(3000, n, 14) * whole(2, n, 14), whole(2000, n, 18)]),
    ("gan", lambda m: m.networks()[0], lambda n: [normal(n, 64)]),
    ("gan", lambda m: m.networks()[1], lambda n: [normal(n, 28, 28, 1)]),
    ("gan", lambda m: m.classifier(), lambda n: [normal(n, 28, 28, 1)]),
    ("character_model", lambda m: m.network(40), lambda n: [whole(40, n, 9)]),
    ("interpretability", lambda m: m.digits_network(), lambda n: [normal(n, 28, 28, 1)]),
]


@pytest.mark.parametrize(("name", "build", "inputs"), FROM_EXAMPLES)
def test_models_of_the_examples(name: str, build: Any, inputs: Any, tmp_path: Path, monkeypatch: Any) -> None:
    exported = Exported(build(example(name, monkeypatch)), tmp_path)
    for batch in (1, 3):
        exported.expect_same(*inputs(batch))
