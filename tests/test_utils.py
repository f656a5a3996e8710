from __future__ import annotations

import os

import numpy as np
import pytest

import corten
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


def test_batches_by_their_index_and_what_is_called_around_an_epoch() -> None:
    seen: list[str] = []

    class Batches(corten.utils.PyDataset):
        def __init__(self, x: np.ndarray, y: np.ndarray, **kwargs: int) -> None:
            super().__init__(**kwargs)
            self.x, self.y = x, y

        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            rows = slice(4 * index, 4 * index + 4)
            return self.x[rows], self.y[rows]

        def on_epoch_begin(self) -> None:
            seen.append("begin")

        def on_epoch_end(self) -> None:
            seen.append("end")

    x = np.random.default_rng(0).standard_normal((12, 2)).astype(np.float32)
    data = Batches(x, x[:, :1], workers=2)
    assert data.num_batches == 3 and data.workers == 2
    model = corten.Sequential([corten.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    model.fit(data, epochs=2, verbose=0)
    assert seen == ["begin", "end"] * 2
    np.testing.assert_allclose(
        model.evaluate(data, verbose=0), model.evaluate(x, x[:, :1], batch_size=4, verbose=0), rtol=1e-6
    )
    with pytest.raises(NotImplementedError, match="__getitem__"):
        corten.utils.PyDataset()[0]


def test_bases_are_found_at_the_top_as_in_keras() -> None:
    for name in ("Initializer", "KerasTensor", "Layer", "Loss", "Metric", "Model", "Optimizer", "Regularizer"):
        assert isinstance(getattr(corten, name), type)
    assert isinstance(corten.Input((2,)), corten.KerasTensor)


def test_what_scripts_ask_keras_for_beside_layers() -> None:
    assert corten.backend.epsilon() == corten.config.epsilon() == 1e-7
    assert corten.backend.floatx() == "float32" and corten.backend.image_data_format() == "channels_last"
    corten.backend.clear_session()
    assert [corten.layers.Dense(1).name for _ in range(2)] == ["dense", "dense_1"]
