"""What predict gives, and what it needs for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from corten.errors import ShapeError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("rows", [1, 31, 32, 33, 64, 70])
def test_a_smaller_last_batch_is_written_where_it_belongs(rows: int, eager: bool) -> None:
    inputs = corten.Input((3,))
    model = corten.Model(inputs, {"double": inputs * 2, "both": [inputs, layers.Flatten()(inputs) + 1]})
    model.compile(run_eagerly=eager)
    x = RNG.standard_normal((rows, 3)).astype(np.float32)
    outputs = model.predict(x, verbose=0)
    assert (
        (outputs["double"] == x * 2).all() and (outputs["both"][0] == x).all() and (outputs["both"][1] == x + 1).all()
    )
    assert model.predict(x[:0], verbose=0)["double"].shape == (0, 3)


def test_an_output_array_is_needed_once() -> None:
    # The tail is a view of the array that holds all rows, not a part that was joined to it.
    model = corten.Sequential([layers.Dense(2, input_shape=(3,))])
    output = model.predict(np.ones((33, 3)), verbose=0)
    assert output.base is None and output.flags.owndata and output.shape == (33, 2)


@pytest.mark.parametrize("eager", [False, True])
def test_batches_whose_outputs_differ_in_length(eager: bool) -> None:
    model = corten.Sequential([layers.LSTM(2, return_sequences=True, input_shape=(None, 1))])
    model.compile(run_eagerly=eager)
    batches = (np.ones((1, length, 1)) for length in (3, 3, 5))
    with pytest.raises(
        ShapeError, match=r"predict: .*batch 0 have rows of shape \(3, 2\), those of batch 2 have \(5, 2\)"
    ):
        model.predict(batches, verbose=0)


LARGE = np.array([3_000_000_000, -4_000_000_000])


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
def test_whole_numbers_beyond_int32_are_floats(dtype: Any) -> None:
    y = np.abs(LARGE).astype(dtype)
    model = corten.Sequential([layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", "mae")
    assert model.evaluate(y[:, None], y, verbose=0) == 3.5e9
    model = corten.Sequential([layers.Dense(1, kernel_initializer="ones")])
    assert model.predict(np.array([[2**64 - 1]], np.uint64), verbose=0) == 2.0**64
    assert model.predict(LARGE[:, None], verbose=0).ravel().tolist() == LARGE.tolist()


def test_indices_beyond_int32_are_refused() -> None:
    model = corten.Sequential([layers.Embedding(5, 2, input_shape=(1,))])
    with pytest.raises(IndexError, match="429496729|42949673"):
        model.predict(np.array([[2**32 + 1]]), verbose=0)
    model = corten.Sequential([layers.Dense(3, activation="softmax", input_shape=(1,))])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(IndexError, match="429496729|42949673"):
        model.fit(np.ones((1, 1)), np.array([2**32 + 1]), verbose=0)
