"""Targets that a loss has no meaning for are refused by fit, evaluate and their like, before anything is changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, losses


def model_of(loss: Any, units: int = 1, activation: str = "sigmoid", eager: bool = False) -> Any:
    model = corten.Sequential([layers.Dense(units, activation=activation, input_shape=(2,))])
    model.compile("sgd", loss, run_eagerly=eager)
    return model


#: A loss, targets that are right, targets that are none, what the message says of them.
CASES: list[tuple[Any, Any, Any, str]] = [
    ("binary_crossentropy", [[0.0], [1.0], [0.3]], [[1.0], [-1.0], [1.0]], r"from 0 to 1, got -1 at \[1, 0\]"),
    ("bce", np.array([0, 1, 1], np.uint8), np.array([0, 1, 255], np.uint8), r"got 255 at \[2\]"),
    (losses.binary_crossentropy, [0.0, 1.0, 1.0], [0.0, np.nan, 2.0], r"got 2 at \[2\]"),
    (losses.BinaryFocalCrossentropy(), [0, 1, 1], [0, 1, -1], "got -1"),
    ("crossentropy", [0, 1, 1], [-1, 1, 1], "got -1"),
    ("poisson", [[0.0], [7.0], [1.5]], [[0.0], [-7.0], [1.5]], "of at least 0, got -7"),
    ("kld", [[0.0], [1.0], [0.5]], [[0.0], [3.0], [0.5]], "got 3"),
    ("hinge", [[-1], [1], [0]], [[0], [255], [0]], "from -1 to 1, got 255"),
    ("squared_hinge", [[-1], [1], [0]], [[-2], [1], [0]], "got -2"),
]
CLASSES: list[tuple[Any, Any, Any]] = [
    ("categorical_crossentropy", [[0, 1], [1, 0], [0.5, 0.5]], [[-1, 1], [1, -1], [-1, 1]]),
    ("crossentropy", [[0, 1], [1, 0], [3, 0]], [[-1, 1], [1, -1], [-1, 1]]),
    ("categorical_focal_crossentropy", [[0, 1], [1, 0], [1, 0]], [[-1, 1], [1, -1], [-1, 1]]),
    ("categorical_hinge", [[0, 1], [1, 0], [1, 0]], [[-1, 1], [1, -1], [-1, 1]]),
]
ALL = [(*case, 1) for case in CASES] + [(loss, right, wrong, "got -1", 2) for loss, right, wrong in CLASSES]


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(("loss", "right", "wrong", "message", "units"), ALL)
def test_targets_outside_are_named(loss: Any, right: Any, wrong: Any, message: str, units: int, eager: bool) -> None:
    x, right, wrong = np.ones((3, 2), np.float32), np.asarray(right), np.asarray(wrong)
    model = model_of(loss, units, "sigmoid" if units == 1 else "softmax", eager)
    model.fit(x, right, verbose=0)
    before, new = model.get_weights(), model_of(loss, units, eager=eager)
    for use in (
        lambda: model.fit(x, wrong, shuffle=False, verbose=0),
        lambda: model.evaluate(x, wrong, verbose=0),
        lambda: model.fit(iter([(x, wrong)]), verbose=0),
        lambda: new.train_on_batch(x, wrong),
        lambda: new.train_on_batch(x, wrong),
    ):
        with pytest.raises(ValueError, match=message):
            use()
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model.fit(x, right, verbose=0)


def test_all_rows_are_looked_at_and_the_labels_listed() -> None:
    y = np.zeros((100, 1))
    y[70], y[90] = -1, 255
    with pytest.raises(ValueError, match=r"got -1 at \[70, 0\]; outside are 2 of 100 targets: -1, 255"):
        model_of("binary_crossentropy").fit(np.ones((100, 2)), y, verbose=0)


def test_what_has_no_weight_may_be_anything() -> None:
    x, y = np.ones((3, 2)), np.float32([[1], [-1], [0]])
    model = model_of("binary_crossentropy")
    model.fit(x, y, sample_weight=np.float32([1, 0, 1]), verbose=0)
    with pytest.raises(ValueError, match=r"got -1 at \[1, 0\]"):
        model.fit(x, y, sample_weight=np.float32([1, 0.5, 1]), verbose=0)
    # Labels behind a mask are nobody's either.
    masked = corten.Sequential([layers.Masking(0.0, input_shape=(2, 1)), layers.Dense(1, activation="sigmoid")])
    masked.compile("sgd", "binary_crossentropy")
    masked.fit(np.float32([[[1], [0]]]), np.float32([[[1], [-1]]]), verbose=0)


def test_shares_may_be_off_by_a_rounding_and_other_losses_take_any_number() -> None:
    x = np.ones((2, 2))
    model_of("binary_crossentropy").fit(x, np.float64([[1.0000002], [-1e-7]]), verbose=0)
    for loss in ("mse", "mae", "huber", "logcosh", "msle", "mape", "cosine_similarity"):
        model_of(loss).fit(x, np.float32([[-3], [300]]), verbose=0)


def test_targets_that_a_step_of_ones_own_changes_are_its_own_business() -> None:
    class Scaled(corten.Model):
        def train_step(self, data: Any) -> Any:
            x, y = data
            return super().train_step((x, y / 255.0))

    inputs = corten.Input((2,))
    model = Scaled(inputs, layers.Dense(1, activation="sigmoid")(inputs))
    model.compile("sgd", "binary_crossentropy")
    model.fit(np.ones((3, 2)), np.float32([[0], [255], [128]]), verbose=0)


def test_only_the_output_that_has_the_loss_is_looked_at() -> None:
    inputs = corten.Input((2,))
    model = corten.Model(inputs, [layers.Dense(1)(inputs), layers.Dense(1, activation="sigmoid")(inputs)])
    model.compile("sgd", ["mse", "binary_crossentropy"])
    x, any_number, share = np.ones((3, 2)), np.float32([[-9], [9], [0]]), np.float32([[0], [1], [1]])
    model.fit(x, [any_number, share], verbose=0)
    with pytest.raises(ValueError, match=r"binary_crossentropy.*got -9 at \[0, 0\]"):
        model.fit(x, [share, any_number], verbose=0)
