"""Normalisation in training: the batch's statistics, the moving ones, masks, frozen layers; as Keras has it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import corten
from contracts.harness import run
from corten import layers
from corten.graph import Graph, Variable

X = np.random.default_rng(1).standard_normal((6, 4, 5)).astype(np.float32) * 3 + 7
MASK = np.array([[1, 1, 1, 0]] * 3 + [[1, 0, 0, 0]] * 2 + [[0, 0, 0, 0]], bool)


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    return pytest.importorskip("keras", reason="needs keras as the oracle: make setup")


@pytest.mark.parametrize(
    ("options", "masked"),
    # With a mask and another axis Keras gives moments of a wrong shape.
    [({}, False), ({}, True), ({"axis": 1, "momentum": 0.5}, False), ({"scale": False, "epsilon": 0.2}, True)],
)
def test_batch_normalization_trains_as_keras_does(options: dict[str, Any], masked: bool, keras: Any) -> None:
    layer, oracle = layers.BatchNormalization(**options), keras.layers.BatchNormalization(**options)
    mask = MASK if masked else None
    for x in (X, 2 - X):
        y, wanted = layer(x, training=True, mask=mask), oracle(x, training=True, mask=mask)
        np.testing.assert_allclose(y, np.asarray(wanted), rtol=1e-4, atol=1e-4)
    assert [w.name for w in layer.weights] == [w.name for w in oracle.weights]
    for own, theirs in zip(layer.get_weights(), oracle.get_weights(), strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(layer(X), np.asarray(oracle(X)), rtol=1e-5, atol=1e-5)


def test_a_mask_of_ones_changes_nothing() -> None:
    plain, masked = layers.BatchNormalization(), layers.BatchNormalization()
    y = plain(X, training=True)
    np.testing.assert_allclose(masked(X, training=True, mask=np.ones((6, 4), bool)), y, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(masked.moving_variance.numpy(), plain.moving_variance.numpy(), rtol=1e-5)
    with pytest.raises(corten.errors.ShapeError, match="mask"):
        masked(X, training=True, mask=np.ones(6, bool))


def test_a_frozen_layer_uses_and_keeps_its_moving_statistics() -> None:
    layer = layers.BatchNormalization()
    y = layer(X)
    layer.trainable = False
    np.testing.assert_array_equal(layer(X, training=True), y)
    assert (layer.moving_mean.numpy() == 0).all()
    assert layer.trainable_variables == []


def model() -> corten.Model:
    corten.utils.set_random_seed(3)
    made = corten.Sequential(
        [
            corten.Input((8, 8, 1)),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GroupNormalization(2),
            layers.SpatialDropout2D(0.2),
            layers.Flatten(),
            layers.LayerNormalization(),
            layers.GaussianNoise(0.1),
            layers.Dense(3),
        ]
    )
    made.compile("adam", "mse")
    return made


def test_a_model_trains_to_the_same_bits_compiled_and_eager_on_any_threads() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((40, 8, 8, 1)).astype(np.float32), rng.standard_normal((40, 3)).astype(np.float32)
    found = []
    try:
        for eager, threads in ((False, 1), (False, 3), (True, 2)):
            corten._core.set_threads(threads)
            made = model()
            made.run_eagerly = eager
            losses = made.fit(x, y, epochs=3, batch_size=16, verbose=0).history["loss"]
            assert losses[-1] < losses[0]
            found.append(b"".join(w.tobytes() for w in made.get_weights()))
    finally:
        corten._core.set_threads(0)
    assert found[0] == found[1] == found[2]


def test_inference_by_moving_statistics_is_one_op_for_each_element() -> None:
    layer = layers.BatchNormalization()
    layer(X)
    graph = Graph()
    with graph:
        y = layer(graph.variable(Variable(X)))
    # All the others work on vectors of channels.
    shapes = {name: [tuple(graph.core.spec(i)[0]) for i in inputs] for name, inputs, *_ in graph.core.nodes()}
    large = [name for name, found in shapes.items() if y.shape in found]
    assert large == ["affine"]


def test_renorm_and_synchronized_are_refused() -> None:
    for option in ("renorm", "synchronized"):
        with pytest.raises(ValueError, match="only False is supported"):
            layers.BatchNormalization(**{option: True})


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("BatchNormalization", {"axis": 3}, ValueError),
        ("BatchNormalization", {"epsilon": -1}, ValueError),
        ("LayerNormalization", {"axis": "last"}, TypeError),
        ("LayerNormalization", {"axis": [1, 3]}, ValueError),
        ("GroupNormalization", {"groups": 0}, ValueError),
        ("GroupNormalization", {"groups": 3}, corten.errors.ShapeError),
        ("GaussianNoise", {"stddev": 1.5}, ValueError),
        ("GaussianDropout", {"rate": 1.0}, ValueError),
        ("AlphaDropout", {"rate": -0.1}, ValueError),
        ("SpatialDropout2D", {"rate": 0.5}, corten.errors.ShapeError),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        getattr(layers, name)(**options)(X)


def test_an_empty_training_batch_has_no_statistics() -> None:
    with pytest.raises(ValueError, match="statistics"):
        layers.BatchNormalization()(X[:0], training=True)


def test_the_gradient_passes_normalised_zeros() -> None:
    graph = Graph()
    with graph:
        x = graph.variable(Variable(np.zeros((2, 3), np.float32)))
        found = [
            corten.gradients(corten.ops.sum(layer(x, training=True)), x)
            for layer in (layers.UnitNormalization(), layers.BatchNormalization(), layers.LayerNormalization())
        ]
    assert all(np.isfinite(g).all() for g in run(graph, found))


X1 = np.ones((64, 50), np.float32)


@pytest.mark.parametrize(
    ("layer", "mean", "deviation"),
    [
        (layers.GaussianNoise(0.25, seed=1), 1.0, 0.25),
        (layers.GaussianDropout(0.2, seed=1), 1.0, 0.5),
    ],
)
def test_noise_has_its_mean_and_deviation_and_is_new_at_each_step(layer: Any, mean: float, deviation: float) -> None:
    first, second = layer(X1, training=True), layer(X1, training=True)
    assert (first != second).mean() > 0.9
    assert abs(first.mean() - mean) < 0.05
    assert abs(first.std() - deviation) < 0.05 * deviation
    np.testing.assert_array_equal(layer(X1), X1)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = np.random.default_rng(1).standard_normal((300, 300)).astype(np.float32)
    y = layers.AlphaDropout(0.3, seed=2)(x, training=True)
    assert abs(y.mean()) < 0.02
    assert abs(y.std() - 1) < 0.02
    rows = layers.AlphaDropout(0.3, noise_shape=(None, 1), seed=2)(x * 0 + 0.5, training=True)
    assert (rows == rows[:, :1]).all()
    assert np.unique(rows).size == 2


def test_spatial_dropout_drops_whole_channels() -> None:
    x = np.ones((4, 3, 2, 30), np.float32)
    y = layers.SpatialDropout2D(0.5, seed=1)(x, training=True)
    assert (y == y[:, :1, :1]).all()
    assert 0.3 < (y == 0).mean() < 0.7


def test_activity_regularization_adds_to_the_loss() -> None:
    made = corten.Sequential([corten.Input((2,)), layers.ActivityRegularization(l1=1.0, l2=10.0)])
    made.compile("sgd", "mse")
    x = np.float32([[1, -2], [3, 0]])
    assert made.evaluate(x, x, verbose=0) == pytest.approx((6 + 140) / 2)
