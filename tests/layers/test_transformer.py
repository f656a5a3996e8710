"""The block equals the same made of Keras's layers; padding and future have no effect where they should not."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from corten.errors import ShapeError

os.environ.setdefault("KERAS_BACKEND", "numpy")
RNG = np.random.default_rng(3)
X = RNG.standard_normal((2, 5, 6)).astype(np.float32)


def shaken(block: Any, x: Any) -> Any:
    """The block with random weights."""
    block(x)
    block.set_weights([RNG.standard_normal(w.shape).astype(np.float32) for w in block.get_weights()])
    return block


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_a_block_is_that_of_keras_layers(first: bool, masked: bool) -> None:
    keras = pytest.importorskip("keras", reason="needs keras as the oracle: make setup")
    block = shaken(layers.TransformerBlock(2, 8, causal=masked, normalize_first=first), X)
    norms = [keras.layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]
    attention, dense = keras.layers.MultiHeadAttention(2, 3), [keras.layers.Dense(8, "relu"), keras.layers.Dense(6)]
    mask = np.float32([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])

    def oracle() -> Any:
        x = norms[0](X) if first else X
        seen = {"attention_mask": mask[:, :, None] * mask[:, None], "use_causal_mask": True} if masked else {}
        y = X + attention(x, x, **seen)
        x = norms[1](y) if first else norms[0](y)
        z = dense[1](dense[0](x))
        return np.asarray(y + z if first else norms[1](x + z))

    oracle()
    for mine, theirs in (
        (block.attention, attention),
        (block.attention_norm, norms[0]),
        (block.intermediate, dense[0]),
        (block.outer, dense[1]),
        (block.outer_norm, norms[1]),
    ):
        theirs.set_weights(mine.get_weights())
    got = block(X, mask=mask) if masked else block(X)
    np.testing.assert_allclose(got, oracle(), rtol=1e-4, atol=1e-4)


def test_padding_and_future_have_no_effect() -> None:
    corten.utils.set_random_seed(0)
    tokens = corten.Input((None,), dtype="int32")
    x = layers.PositionalEmbedding(8, 9, 6, mask_zero=True)(tokens)
    for _ in range(2):
        x = layers.TransformerBlock(2, 8)(x)
    model = corten.Model(tokens, x)
    short = model.predict(np.array([[1, 2, 3]]), verbose=0)
    long = model.predict(np.array([[1, 2, 3, 0, 0]]), verbose=0)
    np.testing.assert_allclose(short, long[:, :3], rtol=1e-5, atol=1e-6)
    block = shaken(layers.TransformerBlock(3, 8, causal=True), X)
    np.testing.assert_allclose(block(X[:, :3]), block(X)[:, :3], rtol=1e-5, atol=1e-5)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ShapeError, match="num_heads=4 divides"):
        layers.TransformerBlock(4, 8)(X)
    with pytest.raises(IndexError):
        layers.PositionalEmbedding(3, 9, 6)(np.zeros((2, 5), np.int32))
    with pytest.raises(IndexError):
        layers.PositionalEmbedding(5, 9, 6)(np.full((2, 5), 9))
