"""A stack whose input shape nobody promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from corten import Input, Model, Sequential, layers


def test_inside_a_layer_it_takes_sequences_of_any_length() -> None:
    class Block(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Sequential([layers.Dense(5, activation="relu"), layers.Dense(3)])

        def call(self, inputs: Any) -> Any:
            return inputs + self.inner(inputs)

    inputs = Input((None, 3))
    block = Block()
    model = Model(inputs, block(inputs))
    assert model.output_shape == (None, None, 3) and block.inner.output_shape == (None, None, 3)
    x = np.random.default_rng(0).random((2, 7, 3), np.float32)
    whole = model.predict(x, verbose=0)
    np.testing.assert_allclose(model.predict(x[:, :4], verbose=0), whole[:, :4], rtol=1e-6)
    # Its layers stand where the chain is now.
    hidden = Model(block.inner.inputs, block.inner.layers[0].output)
    assert hidden.predict(x, verbose=0).shape == (2, 7, 5)


def test_other_sizes_come_later() -> None:
    model = Sequential([layers.Conv1D(4, 3), layers.GlobalMaxPooling1D(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 9, 2)), np.ones(8), verbose=0)
    assert model.input_shape == (None, 9, 2)
    assert model.predict(np.ones((3, 5, 2)), verbose=0).shape == (3, 1)
    assert model.input_shape == (None, None, 2)
    # What a layer cannot take stays an error that names what is expected, and changes nothing.
    for wrong in ((3, 5, 4), (3, 5)):
        with pytest.raises(ValueError, match=rf"'{model.name}': input .* expects shape \(None, None, 2\), got"):
            model.predict(np.ones(wrong), verbose=0)
    assert model.predict(np.ones((3, 6, 2)), verbose=0).shape == (3, 1)
    flat = Sequential([layers.Flatten(), layers.Dense(1)])
    flat.predict(np.ones((3, 5, 2)), verbose=0)
    with pytest.raises(ValueError, match=r"expects shape \(None, 5, 2\), got \(3, 6, 2\)"):
        flat.predict(np.ones((3, 6, 2)), verbose=0)
    # A shape that was promised is kept.
    promised = Sequential([layers.Dense(1, input_shape=(4, 2))])
    with pytest.raises(ValueError, match=r"expects shape \(None, 4, 2\), got \(3, 5, 2\)"):
        promised.predict(np.ones((3, 5, 2)), verbose=0)
