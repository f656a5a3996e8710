"""What a mask leaves out may be NaN: layers that take masks choose, forwards and backwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, losses, ops
from corten.models import Model

RNG = np.random.default_rng(4)
BATCH, TIME, FEATURES = 3, 4, 2
X = RNG.standard_normal((BATCH, TIME, FEATURES)).astype(np.float32)
# The last row is nothing but padding.
MASK = np.float32([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]])


def padded(filling: float) -> Any:
    return np.where(MASK[..., None] != 0, X, np.float32(filling))


class Doubling(layers.Layer):
    """A cell whose output differs from its state."""

    state_size = FEATURES

    def call(self, inputs: Any, states: Any) -> Any:
        new = states[0] + inputs / (1.0 + ops.abs(inputs))
        return 2.0 * new, [new]


RECURRENT: dict[str, Callable[[], Any]] = {
    "LSTM": lambda: layers.LSTM(2),
    "GRU": lambda: layers.GRU(2),
    "GRU, reset before": lambda: layers.GRU(2, reset_after=False),
    "SimpleRNN": lambda: layers.SimpleRNN(2),
    "SimpleRNN relu": lambda: layers.SimpleRNN(2, activation="relu"),
    "LSTM by steps": lambda: layers.LSTM(2, activation="relu"),
    "GRU by steps": lambda: layers.GRU(2, activation="relu"),
    "SimpleRNN by steps": lambda: layers.SimpleRNN(2, activation="sigmoid"),
    "LSTM backwards": lambda: layers.LSTM(2, go_backwards=True, return_sequences=True),
    "LSTM with dropout": lambda: layers.LSTM(2, dropout=0.5, recurrent_dropout=0.5, seed=1),
    "stacked": lambda: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]),
    "stacked by steps": lambda: layers.RNN([layers.LSTMCell(3, activation="relu"), layers.GRUCell(2)]),
    "a cell of one's own": lambda: layers.RNN(Doubling(), return_sequences=True, zero_output_for_mask=True),
    "Bidirectional": lambda: layers.Bidirectional(layers.LSTM(2, return_sequences=True)),
}
LAYERS = {**RECURRENT, "GlobalAveragePooling1D": layers.GlobalAveragePooling1D}


def after_one_step(make: Callable[[], Any], filling: float) -> tuple[Any, list[Any]]:
    """Predictions before, and all weights after a step of training, in which the input too has a gradient."""
    corten.utils.set_random_seed(3)
    x, mask = corten.Input((TIME, FEATURES)), corten.Input((TIME,))
    y = make()(x, mask=mask)
    y.mask = None
    model = Model([x, mask], y)
    model.compile(corten.optimizers.SGD(0.1), "mse")
    data = [padded(filling), MASK]
    y = model.predict(data, verbose=0)
    model.fit(data, np.ones_like(y), batch_size=BATCH, verbose=0)
    return y, model.get_weights()


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("filling", [np.nan, np.inf])
def test_padding_of_nan_is_padding_of_zeros(name: str, filling: float) -> None:
    y, weights = after_one_step(LAYERS[name], filling)
    wanted, wanted_weights = after_one_step(LAYERS[name], 0.0)
    assert np.isfinite(wanted).all()
    np.testing.assert_array_equal(y, wanted)
    for a, b in zip(weights, wanted_weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", RECURRENT)
def test_no_gradient_reaches_padding(name: str) -> None:
    corten.utils.set_random_seed(3)
    x, mask = corten.Input((TIME, FEATURES)), corten.Input((TIME,))
    y = RECURRENT[name]()(x, mask=mask)
    slope = Model([x, mask], corten.gradients(ops.square(y), x))
    found = slope.predict([padded(np.nan), MASK], verbose=0)
    np.testing.assert_array_equal(found, slope.predict([padded(0.0), MASK], verbose=0))
    assert (found[MASK == 0] == 0).all()


def test_the_mean_over_no_steps_is_zero() -> None:
    x = padded(np.nan)
    y = layers.GlobalAveragePooling1D()(x, mask=MASK)
    np.testing.assert_allclose(y, [x[0].mean(0), x[1, :2].mean(0), [0, 0]], rtol=1e-6)
    assert layers.GlobalAveragePooling1D(keepdims=True)(x, mask=MASK).shape == (BATCH, 1, FEATURES)


def test_batch_normalization_takes_no_statistics_and_no_gradient_from_padding() -> None:
    def found(filling: float) -> list[Any]:
        x, mask = corten.Input((TIME, FEATURES)), corten.Input((TIME,))
        y = layers.GlobalAveragePooling1D()(layers.BatchNormalization()(x, mask=mask), mask=mask)
        model = Model([x, mask], y)
        model.compile(corten.optimizers.SGD(0.1), "mse")
        model.fit([padded(filling), MASK], np.ones((BATCH, FEATURES)), batch_size=BATCH, verbose=0)
        return model.get_weights()

    for a, b in zip(found(np.nan), found(0.0), strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_array_equal(a, b)


# --- losses ----------------------------------------------------------------------------------------------------------

KINDS: list[Any] = [
    "MeanSquaredError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError",
    "Huber",
    "LogCosh",
    "Poisson",
    "KLDivergence",
    "CosineSimilarity",
    "Hinge",
    "SquaredHinge",
    "CategoricalHinge",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"])
def test_losses_of_what_a_mask_leaves_out(kind: str, reduction: str) -> None:
    """Neither NaN predictions nor NaN targets there reach the loss, or its gradient."""
    loss = getattr(losses, kind)(reduction=reduction)
    chances = RNG.uniform(0.1, 0.9, (BATCH, TIME, FEATURES)).astype(np.float32)
    targets = np.eye(FEATURES, dtype=np.float32)[RNG.integers(0, FEATURES, (BATCH, TIME))]

    @corten.function
    def value_and_slope(true: Any, pred: Any, mask: Any) -> Any:
        pred = ops.identity(pred)
        pred.mask = mask
        value = loss(true, pred)
        return value, corten.gradients(value, pred)

    def found(filling: float) -> Any:
        counts = MASK[..., None] != 0
        return value_and_slope(np.where(counts, targets, filling), np.where(counts, chances, filling), MASK)

    value, slope = (np.asarray(y) for y in found(np.nan))
    wanted, wanted_slope = (np.asarray(y) for y in found(0.5))
    if kind in ("Hinge", "SquaredHinge"):
        # Labels that are all 0 or 1 are converted, which 0.5 among them forbids.
        wanted, wanted_slope = (np.asarray(y) for y in found(1.0))
    np.testing.assert_allclose(value, wanted, rtol=1e-6)
    np.testing.assert_allclose(slope, wanted_slope, rtol=1e-6)
    assert (slope[MASK == 0] == 0).all() and np.isfinite(value).all()


def test_a_weight_of_zero_multiplies_and_a_mask_of_zeros_gives_zero() -> None:
    loss = losses.MeanSquaredError()
    true, pred = np.zeros((2, 1), np.float32), np.float32([[np.nan], [1]])
    assert np.isnan(loss(true, pred, sample_weight=np.float32([0, 1])))

    @corten.function
    def nothing(pred: Any) -> Any:
        pred = ops.identity(pred)
        pred.mask = ops.zeros((2,))
        value = loss(true, pred)
        return value, corten.gradients(value, pred)

    value, slope = nothing(pred)
    assert value == 0 and (np.asarray(slope) == 0).all()
