"""Optimizers and gradients of extreme sizes; counters beyond what float32 counts to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import corten
from corten import Variable, optimizers

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True}),
    ("Adam", {"epsilon": 0.0}),
    ("AdamW", {}),
    ("Nadam", {}),
    ("Adamax", {}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.9}),
    ("RMSprop", {"epsilon": 0.0}),
    ("Adagrad", {}),
    ("Adagrad", {"epsilon": 0.0, "initial_accumulator_value": 0.0}),
    ("Adadelta", {}),
    ("Lion", {}),
]
ids = ["-".join([kind, *map(str, options.values())]) for kind, options in KINDS]


def steps(kind: str, options: dict[str, Any], gradients: list[float], rate: float = 0.1) -> tuple[Any, Any]:
    """The weight, from 1, after steps with these gradients; and every number that the optimizer keeps."""
    weight, optimizer = Variable(np.float32([1])), getattr(optimizers, kind)(rate, **options)
    for gradient in gradients:
        optimizer.apply([np.float32([gradient])], [weight])
    return weight.numpy(), [variable.numpy() for variable in optimizer.variables]


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=ids)
@pytest.mark.parametrize("outlier", [1e-30, 0.0, 1e15, 1e20, -1e20, 1e30, -3e38])
def test_one_outlier_leaves_everything_finite(kind: str, options: dict[str, Any], outlier: float) -> None:
    weight, kept = steps(kind, options, [1.0, outlier, 1.0, -1.0])
    assert np.isfinite(weight).all() and all(np.isfinite(values).all() for values in kept)
    if kind != "SGD":
        # Steps do not grow with the gradient: none is much longer than Adam's.
        assert abs(float(weight[0]) - 1) < 10


@pytest.mark.parametrize(("kind", "options"), KINDS, ids=ids)
def test_zeros_alone_move_nothing(kind: str, options: dict[str, Any]) -> None:
    weight, _ = steps(kind, options, [0.0, 0.0], rate=0.001)
    np.testing.assert_allclose(weight, [1], rtol=1e-5)


@pytest.mark.parametrize("gradient", [0.3, 7.0, 1e4])
def test_centered_rmsprop_of_gradients_that_are_all_alike(gradient: float) -> None:
    """The deviation is then 0, and its square must not be rounded below."""
    weight, _ = steps("RMSprop", {"centered": True}, [gradient] * 300, rate=1e-6)
    assert np.isfinite(weight).all()


@pytest.mark.parametrize("kind", ["Adam", "Nadam", "Adamax", "RMSprop", "Adagrad", "Adadelta"])
def test_an_infinite_gradient_is_not_taken_for_a_number(kind: str) -> None:
    for gradient in (math.inf, -math.inf, math.nan):
        assert np.isnan(steps(kind, {}, [1.0, gradient, 1.0])[0]).all()


@pytest.mark.parametrize("kind", ["Adam", "Nadam", "Adagrad"])
def test_outliers_in_rows_that_were_gathered(kind: str) -> None:
    table, optimizer = Variable(np.ones((3, 2), np.float32)), getattr(optimizers, kind)(0.1)

    @corten.function
    def step(index: Any, scale: Any) -> Any:
        loss = corten.ops.sum(corten.ops.take(table, index, axis=0)) * scale
        optimizer.minimize(loss, [table])
        return loss

    for scale in (1.0, 1e20, 1.0):
        step(np.array([1], np.int32), np.float32(scale))
    assert np.isfinite(table.numpy()).all()
    np.testing.assert_array_equal(table.numpy()[[0, 2]], 1)


# --- counters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0, 2**24, 2**24 + 1, 2**30 + 3])
def test_accumulated_steps_are_told_apart_beyond_the_whole_numbers_of_float32(start: int) -> None:
    weight, optimizer = Variable(np.float32([1])), optimizers.SGD(1.0, gradient_accumulation_steps=3)
    optimizer.build([weight])
    optimizer.variables[0].assign(np.int32(start - start % 3))
    seen = []
    for _ in range(6):
        optimizer.apply([np.float32([0.25])], [weight])
        seen.append(float(weight.numpy()[0]))
    assert seen == [1.0, 1.0, 0.75, 0.75, 0.75, 0.5]
    assert int(optimizer.iterations) == start // 3 + 2


@pytest.mark.parametrize("start", [0, 2**24 + 2, 2**30])
def test_averages_are_taken_over_on_time_beyond_the_whole_numbers_of_float32(start: int) -> None:
    weight = Variable(np.float32([1]))
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    optimizer.build([weight])
    start -= start % 2
    optimizer.variables[0].assign(np.int32(start))
    for variable in optimizer.variables:
        if "average" in variable.path:
            variable.assign(weight.numpy())
    seen = []
    for _ in range(4):
        optimizer.apply([np.float32([0.5])], [weight])
        seen.append(float(weight.numpy()[0]))
    # At every second step the weight becomes its average.
    average = 1.0
    value, wanted = 1.0, []
    for count in range(start, start + 4):
        value -= 0.5
        average = value if count == 0 else (average + value) / 2
        value = average if (count + 1) % 2 == 0 else value
        wanted.append(value)
    assert seen == wanted
