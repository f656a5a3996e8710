"""A function as a layer: siamese distances, arguments, masks, what Keras computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from corten import Input, Model, Sequential, layers, ops


def test_a_distance_between_two_towers() -> None:
    tower = Sequential([layers.Dense(3, input_shape=(4,))])
    a, b = Input((4,)), Input((4,))
    distance = layers.Lambda(lambda both: ops.sum(ops.square(both[0] - both[1]), axis=1, keepdims=True), (1,))
    model = Model([a, b], distance([tower(a), tower(b)]))
    model.compile("adam", "mse")
    x, y = np.random.default_rng(0).random((2, 20, 4), np.float32)
    model.fit([x, y], np.ones(20), verbose=0)
    wanted = np.square(tower.predict(x, verbose=0) - tower.predict(y, verbose=0)).sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict([x, y], verbose=0), wanted, rtol=1e-5)


def test_what_the_function_is_given() -> None:
    def function(inputs: Any, factor: float, mask: Any = None, training: bool = False) -> Any:
        assert mask is not None
        return inputs * ops.expand_dims(ops.cast(mask, "float32"), -1) * (factor if training else 1.0)

    def build(mask: Any) -> Model:
        scaled = layers.Lambda(function, mask=mask, arguments={"factor": 3.0})
        return Sequential([layers.Masking(input_shape=(3, 2)), scaled, layers.LSTM(4)])

    x = np.ones((1, 3, 2), np.float32)
    x[:, 2] = 0
    model = build(lambda inputs, mask: mask)
    short = Sequential([layers.Input((2, 2)), model.layers[2]])
    np.testing.assert_allclose(model.predict(x, verbose=0), short.predict(x[:, :2], verbose=0), rtol=1e-6)
    np.testing.assert_allclose(model(x, training=True), short(3 * x[:, :2]), rtol=1e-6)
    unmasked = build(None)
    lost = Sequential([layers.Input((3, 2)), unmasked.layers[2]])
    np.testing.assert_allclose(unmasked(x), lost(x), rtol=1e-6)


def test_errors() -> None:
    with pytest.raises(TypeError, match="Lambda: expected a function, got 'relu'"):
        layers.Lambda("relu")
    with pytest.raises(ValueError, match="unknown function '<lambda>'"):
        layers.Lambda.from_config(layers.Lambda(lambda x: x).get_config())
