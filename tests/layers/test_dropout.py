"""The dropout layer: only in training, a new pattern each step, repeatable from its seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten.layers import AlphaDropout, Dropout

X = np.ones((8, 50), np.float32)


def test_does_nothing_outside_training() -> None:
    np.testing.assert_array_equal(Dropout(0.5)(X), X)


def test_each_step_has_zeros_of_its_own() -> None:
    layer = Dropout(0.5, seed=3)
    first, second = layer(X, training=True), layer(X, training=True)
    assert (first == 0).any()
    assert (first != second).any()
    assert layer.seed_generator.state.numpy().tolist() == [3, 2]
    again = Dropout(0.5, seed=3)
    np.testing.assert_array_equal(again(X, training=True), first)
    np.testing.assert_array_equal(again(X, training=True), second)


def test_the_state_belongs_to_the_layer_but_is_no_weight() -> None:
    layer = Dropout(0.5)
    layer(X)
    assert [v.dtype for v in layer.variables] == ["int32"]
    assert layer.weights == []
    assert layer.trainable_variables == []


def test_unseeded_layers_follow_the_global_seed() -> None:
    corten.random.set_seed(4)
    first, other = Dropout(0.5)(X, training=True), Dropout(0.5)(X, training=True)
    assert (first != other).any()
    corten.random.set_seed(4)
    np.testing.assert_array_equal(Dropout(0.5)(X, training=True), first)


def test_noise_shape() -> None:
    y = Dropout(0.5, noise_shape=(None, 1))(X, training=True)
    assert (y == y[:, :1]).all()
    assert 0 < (y == 0).mean() < 1


@pytest.mark.parametrize("kind", [Dropout, AlphaDropout])
def test_a_noise_shape_that_is_none_is_refused(kind: Any) -> None:
    for shape in (1.5, "ab", 4):
        with pytest.raises(ValueError, match=f"{kind.__name__}: noise_shape: expected"):
            kind(0.5, noise_shape=shape)
    with pytest.raises(ValueError, match="noise_shape: expected 2 sizes"):
        kind(0.5, noise_shape=(50,))(X, training=True)
