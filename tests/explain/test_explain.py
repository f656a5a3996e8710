"""Explanations are what their formulas say, through nested, functional and subclassed models, and find what matters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten import Input, Model, Sequential, explain, layers, ops
from corten.errors import ShapeError

random = np.random.default_rng(0)
#: The class is in two pixels of the picture; all others are noise.
X = random.normal(size=(400, 8, 8, 1)).astype("float32")
Y = (X[:, 2, 5, 0] + X[:, 3, 5, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def model() -> Model:
    """A functional model with a nested body."""
    corten.utils.set_random_seed(0)
    body = Sequential(
        [
            layers.Conv2D(6, 3, activation="tanh", padding="same", input_shape=(8, 8, 1), name="conv"),
            layers.MaxPooling2D(name="pool"),
        ],
        name="body",
    )
    picture = Input((8, 8, 1))
    outputs = layers.Dense(2, name="logits")(layers.Flatten()(body(picture)))
    made = Model(picture, outputs)
    made.compile(corten.optimizers.Adam(0.01), corten.losses.SparseCategoricalCrossentropy(from_logits=True))
    made.fit(X, Y, epochs=15, verbose=0)
    return made


def test_saliency_is_the_slope(model: Model) -> None:
    found = explain.saliency(model, X[:70], target=1)
    assert found.values.shape == (70, 8, 8, 1) and found.heat.shape == (70, 8, 8)
    assert (found.scores == model.predict(X[:70], verbose=0)[:, 1]).all()
    step = np.zeros_like(X[:70])
    step[:, 2, 5] = 1e-2
    scores = [model.predict(X[:70] + sign * step, verbose=0)[:, 1] for sign in (1, -1)]
    assert np.median(np.abs(found.values[:, 2, 5, 0] - (scores[0] - scores[1]) / 2e-2)) < 2e-3
    assert np.unravel_index(found.heat.mean(axis=0).argmax(), (8, 8))[1] == 5
    # The likeliest class by itself, a class for each, a function: the same.
    classes = model.predict(X[:70], verbose=0).argmax(axis=1)
    likeliest = explain.saliency(model, X[:70])
    assert (likeliest.targets == classes).all()
    assert (likeliest.values == explain.saliency(model, X[:70], target=classes).values).all()
    by_function = explain.saliency(model, X[:70], target=lambda y: y[:, 1])
    assert by_function.targets is None and (by_function.values == found.values).all()
    # By an inner activation, of a model inside the model: the score is linear in what the last layer is given.
    inside = explain.saliency(model, X[:3], target=0, layer="body/pool")
    kernel = model.get_layer("logits").get_weights()[0]
    np.testing.assert_allclose(inside.values.reshape(3, -1), np.tile(kernel[:, 0], (3, 1)), rtol=1e-5)


def test_smooth_grad_is_a_mean_over_noise(model: Model) -> None:
    found = explain.smooth_grad(model, X[:5], 1, samples=8, seed=3)
    assert (found.values == explain.smooth_grad(model, X[:5], 1, samples=8, seed=3).values).all()
    assert (found.values != explain.smooth_grad(model, X[:5], 1, samples=8, seed=4).values).any()
    slope = explain.saliency(model, X[:5], 1).values
    np.testing.assert_allclose(explain.smooth_grad(model, X[:5], 1, samples=3, noise=0.0).values, slope, rtol=1e-5)
    inside = explain.smooth_grad(model, X[:5], 1, samples=2, layer="pool")
    assert inside.values.shape == (5, 4, 4, 6)


def test_integrated_gradients_are_complete(model: Model) -> None:
    found = explain.integrated_gradients(model, X[:20], 1, steps=100)
    base = explain.integrated_gradients(model, X[:20], 1, baseline=X[20], steps=100)
    for explained, baseline in ((found, np.zeros_like(X[:1])), (base, X[20:21])):
        gained = explained.scores - model.predict(baseline, verbose=0)[:, 1]
        total = explained.values.sum(axis=(1, 2, 3))
        assert np.abs(total - gained).max() < 0.02 * np.abs(gained).max()
        np.testing.assert_allclose(explained.residual, gained - total, atol=1e-4)
    assert set(np.argsort(-found.heat.mean(axis=0).ravel())[:2]) == {2 * 8 + 5, 3 * 8 + 5}


def test_tokens_are_explained_by_their_vectors() -> None:
    corten.utils.set_random_seed(1)
    tokens = random.integers(1, 20, (300, 6))
    label = (tokens == 7).any(axis=1).astype(int)
    words = Input((6,), dtype="int32")
    vectors = layers.Embedding(20, 8, name="words")(words)
    model = Model(words, layers.Dense(1)(layers.GlobalMaxPooling1D()(layers.Dense(8, activation="tanh")(vectors))))
    model.compile(corten.optimizers.Adam(0.02), corten.losses.BinaryCrossentropy(from_logits=True))
    model.fit(tokens, label, epochs=20, verbose=0)
    chosen = tokens[(tokens == 7).sum(axis=1) == 1]
    found = explain.integrated_gradients(model, chosen, layer="words", steps=128)
    assert found.values.shape == (len(chosen), 6, 8)
    gained = np.abs(found.values.sum(axis=(1, 2)) + found.residual)
    assert np.median(np.abs(found.residual) / gained) < 0.02
    assert (found.heat.argmax(axis=1) == (chosen == 7).argmax(axis=1)).mean() > 0.9
    hidden = explain.occlusion(model, chosen, window=1, fill=0)
    assert (hidden.values.argmax(axis=1) == (chosen == 7).argmax(axis=1)).mean() > 0.9


def test_grad_cam_and_occlusion_find_the_place(model: Model) -> None:
    cam = explain.grad_cam(model, X[:40], target=1, layer="body/conv")
    assert cam.values.shape == (40, 8, 8) and (cam.values >= 0).all()
    # By hand, where nothing is interpolated.
    maps = Model(model.input, model.get_layer("body").layers[0](model.input)).predict(X[:40], verbose=0)
    slopes = explain.saliency(model, X[:40], target=1, layer="conv").values
    wanted = np.maximum((maps * slopes.mean(axis=(1, 2), keepdims=True)).sum(-1), 0)
    np.testing.assert_allclose(cam.values, wanted, rtol=1e-4, atol=1e-6)
    assert explain.grad_cam(model, X[:2]).values.shape == (2, 8, 8)
    hidden = explain.occlusion(model, X[:40], target=1, window=2, stride=1)
    assert np.unravel_index(np.abs(hidden.values).mean(axis=0).argmax(), (8, 8))[1] == 5
    whole = explain.occlusion(model, X[:4], target=1, window=(8, 8), fill=0.5)
    fill = model.predict(np.full((1, 8, 8, 1), 0.5), verbose=0)[:, 1]
    np.testing.assert_allclose(whole.values[:, 0, 0], whole.scores - fill, rtol=1e-4)
    # Of a sum of ones every window takes as much away; so do, in the mean, those that cover a place, many or few.
    adds = Sequential([layers.Flatten(input_shape=(8, 8, 1)), layers.Dense(1, kernel_initializer="ones")])
    np.testing.assert_allclose(explain.occlusion(adds, np.ones((1, 8, 8, 1)), window=3, stride=1).values, 9, rtol=1e-5)
    uneven = explain.occlusion(model, X[:2], target=1, window=3)
    assert np.isfinite(uneven.values).all()


def test_attention_maps_of_layers_anywhere() -> None:
    class Reader(Model):
        def __init__(self) -> None:
            super().__init__()
            self.attend = layers.MultiHeadAttention(2, 4, name="attend")
            self.block = Sequential([layers.Dense(8, input_shape=(5, 8))])
            self.simple = layers.Attention(name="simple")

        def call(self, x: Any) -> Any:
            y = self.attend(self.block(x), x)
            y, weights = self.attend(y, x, return_attention_scores=True)
            return self.simple([y, x]) + ops.sum(weights) * 0.0

    x = random.normal(size=(70, 5, 8)).astype("float32")
    model = Reader()
    expected = model(x)
    found = explain.attention_maps(model, x)
    assert {name: maps.shape for name, maps in found.maps.items()} == {
        "attend": (70, 2, 5, 5),
        "attend#2": (70, 2, 5, 5),
        "simple": (70, 5, 5),
    }
    for maps in found.maps.values():
        np.testing.assert_allclose(maps.sum(axis=-1), 1.0, rtol=1e-5)
    assert (model(x) == expected).all()
    assert set(explain.attention_maps(model, x[:2], layer="simple").maps) == {"simple"}
    with pytest.raises(ValueError, match="no attention layer"):
        explain.attention_maps(model.block, x)


def test_pictures(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    for name, found in {
        "images": explain.saliency(model, X[:9]),
        "cam": explain.grad_cam(model, X[:1]),
        "inside": explain.saliency(model, X[:3], layer="logits"),
        "maps": explain.AttentionMaps({"a": np.ones((2, 3, 4, 5)), "b": np.ones((2, 4, 4))}),
    }.items():
        drawn = found.plot(path=tmp_path / f"{name}.png")
        assert drawn._repr_png_().startswith(b"\x89PNG"), "what a notebook shows"
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    explain.AttentionMaps({"a": np.ones((1, 2, 3))}).plot(0, queries="ab", keys="xyz")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"corten\[plot\]"):
        found.plot()


def test_errors(model: Model) -> None:
    with pytest.raises(ValueError, match=r"no layer 'nowhere'; expected one of .*body/conv"):
        explain.saliency(model, X[:1], layer="nowhere")
    a, b = Input((4,)), Input((4,))
    shared = layers.Dense(3, name="shared")
    two = Model([a, b], layers.Add()([shared(a), shared(b)]))
    pair = [np.ones((2, 4), np.float32)] * 2
    with pytest.raises(ValueError, match="several inputs"):
        explain.saliency(two, pair)
    with pytest.raises(ValueError, match="used more than once"):
        explain.saliency(two, pair, layer="shared")
    assert explain.saliency(two, pair, layer=two.layers[-1]).values.shape == (2, 3)
    with pytest.raises(ShapeError, match="no layer of .* outputs feature maps"):
        explain.grad_cam(shared_only := Sequential([layers.Dense(2, input_shape=(3,))]), np.ones((1, 3)))
    with pytest.raises(ShapeError, match="expected images"):
        explain.occlusion(shared_only, np.ones(3))
    with pytest.raises(ValueError, match="target"):
        explain.saliency(Sequential([layers.Dense(2, input_shape=(3, 4))]), np.ones((1, 3, 4)))
    with pytest.raises(ValueError, match="score for each input"):
        explain.saliency(model, X[:2], target=lambda y: y)
    with pytest.raises(ValueError, match="steps"):
        explain.integrated_gradients(model, X[:1], steps=0)
