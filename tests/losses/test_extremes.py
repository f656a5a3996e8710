"""Losses at the ends of the range: finite, with finite gradients, wherever the limit is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, losses, ops
from corten.models import Model

SIZES = [0.0, 1e-30, 1e-8, 1e-3, 0.3, 1.0, 5.0, 20.0, 40.0, 90.0, 200.0, 1e4]
LOGITS = np.float32(sorted({*SIZES, *(-size for size in SIZES)}))
CHANCES = np.float32([0, 1e-38, 1e-30, 1e-10, 1e-7, 1e-3, 0.5, 0.999, 1 - 1e-6, 1 - 6e-8, 1])


def found(loss: Any, true: Any, pred: Any) -> tuple[Any, Any]:
    """The values of a loss and their slopes by the predictions."""

    @corten.function
    def run(true: Any, pred: Any) -> Any:
        values = loss(true, pred)
        return values, corten.gradients(values, pred)

    values, slopes = run(np.float32(true), np.float32(pred))
    return np.asarray(values, np.float64), np.asarray(slopes, np.float64)


def slope64(reference: Any, x: Any, *others: Any) -> Any:
    x = np.float64(x)
    step = 1e-6 * np.maximum(1, np.abs(x))
    return (reference(x + step, *others) - reference(x - step, *others)) / (2 * step)


def softplus64(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def focal64(z: Any, label: Any, gamma: float, alpha: float | None = None) -> Any:
    missed = label * np.exp(-softplus64(z)) + (1 - label) * np.exp(-softplus64(-z))
    balance = 1.0 if alpha is None else label * alpha + (1 - label) * (1 - alpha)
    return balance * missed**gamma * (label * softplus64(-z) + (1 - label) * softplus64(z))


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize("behind", [False, True])
def test_focal_loss_of_any_logit(gamma: float, alpha: float | None, label: float, behind: bool) -> None:
    """From logits, or from the sigmoid of the same model; sure and right, sure and wrong."""
    options = {"gamma": gamma, "apply_class_balancing": alpha is not None, "alpha": alpha or 0.25}
    loss = losses.BinaryFocalCrossentropy(from_logits=not behind, reduction="none", **options)
    z = LOGITS[:, None]
    true = np.full_like(z, label)
    values, slopes = found(lambda t, z: loss(t, ops.sigmoid(z) if behind else z), true, z)
    np.testing.assert_allclose(values, focal64(np.float64(z), label, gamma, alpha)[:, 0], rtol=2e-5, atol=1e-30)
    # At a gamma below 1 differences say nothing of a slope that is about to vanish.
    ordinary = np.abs(z) < 60
    wanted = slope64(focal64, z, label, gamma, alpha)
    np.testing.assert_allclose(slopes[ordinary], wanted[ordinary], rtol=1e-4, atol=1e-6)
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("label", [0.0, 0.3, 1.0])
def test_focal_loss_of_any_probability(gamma: float, label: float) -> None:
    loss = losses.BinaryFocalCrossentropy(gamma=gamma, reduction="none")
    values, slopes = found(loss, np.full((len(CHANCES), 1), label), CHANCES[:, None])
    assert np.isfinite(values).all() and np.isfinite(slopes).all()


def test_focal_loss_without_focus_is_the_cross_entropy() -> None:
    for smoothing in (0.0, 0.2):
        for label in (0.0, 1.0):
            true, z = np.full((len(LOGITS), 1), label), LOGITS[:, None]
            focal = losses.BinaryFocalCrossentropy(gamma=0.0, from_logits=True, label_smoothing=smoothing)
            plain = losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)
            for a, b in zip(found(focal, true, z), found(plain, true, z), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("axis", [-1, 0])
def test_categorical_focal_loss_of_any_logits(gamma: float, axis: int) -> None:
    def reference(z: Any, true: Any) -> Any:
        log = z - np.logaddexp.reduce(z, axis=-1, keepdims=True)
        return -(0.25 * (-np.expm1(log)) ** gamma * true * log).sum(-1)

    rows = np.float32([[40, 0, -40], [200, -200, 0], [1, 2, 3], [0, 0, 0], [-1e4, 1e4, 0]])
    for label in range(3):
        true = np.eye(3)[[label] * len(rows)]
        loss = losses.CategoricalFocalCrossentropy(gamma=gamma, from_logits=True, axis=axis, reduction="none")
        turned = (lambda x: x.T) if axis == 0 else (lambda x: x)
        values, slopes = found(loss, turned(true), turned(rows))
        np.testing.assert_allclose(values, reference(np.float64(rows), true), rtol=1e-5)
        assert np.isfinite(slopes).all()
        # What is wrong and sure is pushed back, not given up: the slope by its own logit is -alpha.
        wrong = (rows.argmax(-1) != label) & (np.ptp(rows, -1) > 100)
        np.testing.assert_allclose(turned(slopes)[wrong, label], -0.25, rtol=1e-5)


def test_a_class_that_is_ruled_out_is_no_loss_where_it_is_no_target() -> None:
    true, z = np.float32([[0, 1, 0]]), np.float32([[1, 2, -np.inf]])
    for loss in (losses.CategoricalCrossentropy, losses.CategoricalFocalCrossentropy):
        values, slopes = found(loss(from_logits=True, reduction="none"), true, z)
        assert np.isfinite(values).all() and np.isfinite(slopes).all() and slopes[0, 2] == 0


def test_probabilities_that_are_all_zero_are_held_at_the_least() -> None:
    """Their sum, by which they are divided, is 0."""
    pred = np.zeros((1, 3), np.float32)
    for loss, true in (
        (losses.CategoricalCrossentropy(reduction="none"), np.float32([[0, 1, 0]])),
        (losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=0.0, reduction="none"), np.float32([[0, 1, 0]])),
        (losses.SparseCategoricalCrossentropy(reduction="none"), np.array([1])),
    ):
        values, slopes = found(loss, true, pred) if true.ndim == 2 else sparse(loss, true, pred)
        np.testing.assert_allclose(values, -np.log(1e-7), rtol=1e-6)
        assert (slopes == 0).all()


def sparse(loss: Any, labels: Any, pred: Any) -> tuple[Any, Any]:
    @corten.function
    def run(labels: Any, pred: Any) -> Any:
        values = loss(labels, pred)
        return values, corten.gradients(values, pred)

    values, slopes = run(labels.astype(np.int32), pred)
    return np.asarray(values), np.asarray(slopes)


def test_binary_crossentropy_of_logits_is_exact_where_they_are_sure_and_right() -> None:
    z = np.float32([[17], [20], [40], [80]])
    values, _ = found(losses.BinaryCrossentropy(from_logits=True, reduction="none"), np.ones((4, 1)), z)
    np.testing.assert_allclose(values, np.exp(-np.float64(z[:, 0])), rtol=1e-5)


ERRORS = np.float32([0, 1e-30, 1e-8, 1e-4, 1e-2, 1, 10, 90, 1e4, 1e10, 1e30, 3e38])


@pytest.mark.parametrize("sign", [-1, 1])
def test_log_cosh_of_any_error(sign: int) -> None:
    pred = sign * ERRORS[:, None]
    values, slopes = found(losses.LogCosh(reduction="none"), np.zeros_like(pred), pred)
    size = np.abs(np.float64(pred[:, 0]))
    wanted = np.where(size < 1e-3, size**2 / 2, size + np.log1p(np.exp(-2 * size)) - np.log(2))
    np.testing.assert_allclose(values, wanted, rtol=2e-3, atol=1e-12)
    np.testing.assert_allclose(slopes[:, 0], np.tanh(np.float64(pred[:, 0])), rtol=1e-4, atol=2e-7)
    assert (values >= 0).all()


def test_small_logarithmic_errors_are_not_rounded_away() -> None:
    true, pred = np.float32([[1e-5], [0], [1e-3]]), np.float32([[3e-5], [1e-4], [2e30]])
    values, slopes = found(losses.MeanSquaredLogarithmicError(reduction="none"), true, pred)
    wanted = (np.log1p(np.maximum(np.float64(pred), 1e-7)) - np.log1p(np.maximum(np.float64(true), 1e-7))) ** 2
    np.testing.assert_allclose(values, wanted[:, 0], rtol=1e-5)
    assert np.isfinite(slopes).all()


ANY: list[tuple[str, Any, Any]] = [
    ("MeanSquaredError", [0, 1, -1e18, 1.5e19], [0, 1, -1, 1e18, -1e-30]),
    ("MeanAbsoluteError", [0, 1, -1e30], [0, 1, -1, 1e38, -1e-30]),
    ("MeanAbsolutePercentageError", [0, 1, 1e-30, -1e30], [0, 1, -1, 1e25, 1e-30]),
    ("Huber", [0, 1, -1e30], [0, 1, -1, 1e38, -1e-30]),
    ("Poisson", [0, 1, 1e30], [0, 1e-30, 1, 1e30]),
    ("KLDivergence", [0, 1e-30, 0.5, 1], [0, 1e-30, 0.5, 1, 7]),
    ("BinaryCrossentropy", [0, 0.5, 1], CHANCES),
    ("Hinge", [-1, 0, 1], [0, 1, -1, 1e38]),
    ("SquaredHinge", [-1, 0, 1], [0, 1, -1, 1e18]),
    ("CosineSimilarity", [0, 1, -1e-30], [0, 1, -1, 1e-30, 1e15]),
]


@pytest.mark.parametrize(("kind", "truths", "predictions"), ANY)
def test_every_loss_of_extreme_numbers(kind: str, truths: Any, predictions: Any) -> None:
    true, pred = (np.float32(x).reshape(-1, 1) for x in np.meshgrid(np.float32(truths), np.float32(predictions)))
    values, slopes = found(getattr(losses, kind)(reduction="none"), true, pred)
    assert np.isfinite(values).all(), np.hstack([true, pred])[~np.isfinite(values)]
    assert np.isfinite(slopes).all(), np.hstack([true, pred])[~np.isfinite(slopes[:, 0])]


def test_a_step_of_training_with_the_deviation_of_equal_outputs_in_the_loss() -> None:
    model = corten.Sequential([layers.Dense(2, kernel_initializer="zeros")])
    model.compile("sgd", lambda t, p: ops.mean(ops.square(t - p), axis=-1) + 0.1 * ops.std(p, axis=-1))
    model.fit(np.float32([[5, 6]]), np.float32([[1, 0]]), verbose=0)
    kernel, bias = model.get_weights()
    # The squares alone push: the derivative of std of equal numbers is taken to be 0.
    np.testing.assert_allclose(kernel, [[0.05, 0], [0.06, 0]], rtol=1e-6)
    np.testing.assert_allclose(bias, [0.01, 0], rtol=1e-6)
    assert isinstance(model, Model)
