from __future__ import annotations

import os

import numpy as np
import pytest

from corten.utils import pad_sequences

os.environ.setdefault("KERAS_BACKEND", "numpy")


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [None, 1, 4, 9])
def test_pad_sequences_as_keras(padding: str, truncating: str, maxlen: int | None) -> None:
    keras = pytest.importorskip("keras")
    rng = np.random.default_rng(0)
    for inner in ((), (2,)):
        sequences = [rng.integers(1, 9, (length, *inner)) for length in (3, 0, 5, 1)]
        arguments = {"padding": padding, "truncating": truncating, "value": -1}
        ours = pad_sequences(sequences, maxlen, **arguments)
        theirs = keras.utils.pad_sequences(sequences, maxlen, **arguments)
        assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)


def test_pad_sequences_of_nothing_and_of_wrong_things() -> None:
    assert pad_sequences([]).shape == (0, 0) and pad_sequences([[], []]).shape == (2, 0)
    assert pad_sequences([[1, 2]], maxlen=0).shape == (1, 0)
    with pytest.raises(ValueError, match="list of numbers"):
        pad_sequences([1, 2])
    with pytest.raises(ValueError, match=r"shape \(2,\), got \(3,\)"):
        pad_sequences([np.zeros((1, 2)), np.zeros((1, 3))])
    with pytest.raises(ValueError, match="'pre' or 'post', got 'left'"):
        pad_sequences([[1]], padding="left")
