"""Losses and metrics that users write as functions, lambdas and classes: ranks are aligned, samples never mixed."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import corten
from corten import losses, metrics, ops
from corten.errors import ShapeError


def squared(y_true: Any, y_pred: Any) -> Any:
    return ops.square(y_true - y_pred)


def nowhere(y_true: Any, y_pred: Any) -> Any:
    return squared(y_true, y_pred)


# As what was run by exec() is.
nowhere.__module__ = None  # type: ignore[assignment]


class Squared(losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.square(y_true - y_pred)


class Total(metrics.Metric):
    def __init__(self, name: str = "total_error") -> None:
        super().__init__(name=name)
        self.sum = self.add_weight(name="sum")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.sum.assign_add(ops.sum(squared(y_true, y_pred)))

    def result(self) -> Any:
        return self.sum.value


#: Ways to give a loss, the mean of (y_true - y_pred)^2.
LOSSES = {
    "function": lambda: losses.get(squared),
    "function of no module": lambda: losses.get(nowhere),
    "lambda": lambda: losses.get(lambda t, p: ops.mean((t - p) ** 2, axis=-1)),
    "partial": lambda: losses.get(functools.partial(squared)),
    "class": Squared,
    "wrapper": lambda: losses.LossFunctionWrapper(squared),
    "metric": lambda: metrics.MeanMetricWrapper(squared, name="squared"),
    "function as metric": lambda: metrics.get(squared),
    "loss as metric": lambda: metrics.get(Squared()),
    "own function": lambda: losses.get(losses.mean_squared_error),
}


@pytest.mark.parametrize("way", LOSSES)
@pytest.mark.parametrize(
    ("true", "pred"), [((4,), (4, 1)), ((4, 1), (4,)), ((4, 3), (4, 3, 1)), ((4, 3, 1), (4, 3)), ((1,), (1, 1))]
)
def test_ranks_are_aligned(way: str, true: tuple[int, ...], pred: tuple[int, ...]) -> None:
    y_true = np.arange(np.prod(true), dtype=np.float32).reshape(true)
    assert float(LOSSES[way]()(y_true, y_true.reshape(pred))) == 0.0


@pytest.mark.parametrize("way", LOSSES)
@pytest.mark.parametrize(
    ("true", "pred"),
    [
        ((4,), (4, 3)),
        ((4,), (4, 4)),
        ((4,), (4, 5, 1)),
        ((4, 3), (4, 1, 3)),
        ((4, 1, 3), (4, 3)),
        ((4, 1), (1, 1)),
        ((1,), (4,)),
    ],
)
def test_samples_are_not_set_against_others(way: str, true: tuple[int, ...], pred: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError) as error:
        LOSSES[way]()(np.zeros(true, np.float32), np.ones(pred, np.float32))
    assert str(true) in str(error.value) and str(pred) in str(error.value)


def quantiles(y_true: Any, y_pred: Any) -> Any:
    error = y_true - y_pred
    return ops.mean(ops.maximum(error * 0.9, error * -0.1), axis=-1)


@pytest.mark.parametrize(
    ("function", "true", "pred", "right"),
    [
        # One target for several quantiles, labels for probabilities, a target that is ignored, sizes that reshape.
        (quantiles, np.ones((4, 1)), np.zeros((4, 3)), 0.9),
        (losses.sparse_categorical_crossentropy, np.zeros(4), np.full((4, 4), 0.25), np.log(4)),
        (lambda t, p: ops.sparse_categorical_crossentropy(t, p), np.zeros(4), np.full((4, 4), 0.25), np.log(4)),
        (lambda t, p: ops.sparse_categorical_crossentropy(t, p), np.zeros((4, 1)), np.full((4, 4), 0.25), np.log(4)),
        (lambda t, p: p, np.zeros(4), np.full((1, 1), 3.0), 3.0),
        (lambda t, p: ops.square(t - ops.squeeze(p, 1)), np.ones((4, 3)), np.zeros((4, 1, 3)), 1.0),
        (lambda t, p: ops.square(ops.reshape(t, (4, 1, 3)) - p), np.ones((4, 3)), np.zeros((4, 1, 3)), 1.0),
        (lambda t, p: ops.square(t[:, None, None] - p), np.ones(4), np.zeros((4, 5, 2)), 1.0),
        (lambda t, p: ops.equal(t[:, None], t) * ops.sum(p), np.arange(4), np.ones((4, 2)), 8 / 4),
        (lambda t, p: ops.square(p - ops.mean(t)), np.ones(4), np.zeros((4, 2)), 1.0),
        (lambda t, p: ops.sum(t, axis=0) * p[:, :2], np.ones((4, 2)), np.ones((4, 3)), 4.0),
    ],
)
def test_functions_may_take_different_shapes(function: Any, true: Any, pred: Any, right: float) -> None:
    true, pred = np.float32(true), np.float32(pred)
    assert float(losses.LossFunctionWrapper(function)(true, pred)) == pytest.approx(right, rel=1e-6)
    assert metrics.MeanMetricWrapper(function, name="m")(true, pred) == pytest.approx(right, rel=1e-6)


@pytest.mark.parametrize("eager", [False, True])
def test_flat_targets_in_training(eager: bool) -> None:
    x = np.arange(8, dtype=np.float32)
    model = corten.Sequential([corten.layers.Dense(1, kernel_initializer="ones", input_shape=(1,))])
    model.compile("sgd", squared, metrics=[squared, Total(), "mse"], run_eagerly=eager)
    # Means of k^2 and their sum, k = 0..7.
    assert model.evaluate(x[:, None], 2 * x, verbose=0) == [17.5, 17.5, 140.0, 17.5]
    model.fit(x[:, None], x, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], [[1.0]])


def test_a_metric_of_mixed_samples_is_refused_in_training() -> None:
    model = corten.Sequential([corten.layers.Reshape((1, 3), input_shape=(3,))])
    model.compile("sgd", lambda t, p: ops.sum(p, axis=-1), metrics=[Total()])
    with pytest.raises(ShapeError, match=r"metric 'total_error'.*\(4, 3\) and y_pred \(4, 1, 3\)"):
        model.evaluate(np.ones((4, 3)), np.ones((4, 3)), verbose=0)


def test_masks_go_along_with_aligned_predictions() -> None:
    model = corten.Sequential([corten.layers.Masking(0.0, input_shape=(3, 1))])
    model.compile("sgd", squared)
    x = np.float32([[[1], [2], [0]]])
    assert model.evaluate(x, np.float32([[0, 0, 9]]), verbose=0) == 2.5
