"""Schedules against Keras, as numbers and inside a compiled step."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from corten.graph import Graph
from corten.optimizers import SGD, schedules

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras", reason="needs keras to compare with")

CASES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.8}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.8, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [5, 20], "values": [1.0, 0.5, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "power": 2.0, "end_learning_rate": 0.01}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 8, "cycle": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.8}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.8, "staircase": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 20, "alpha": 0.1}),
    ("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 20, "warmup_target": 0.2, "warmup_steps": 5}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 6, "alpha": 0.05}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 6, "t_mul": 1.0, "m_mul": 0.5}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.5, "m_mul": 0.9}),
]
IDS = [f"{i}-{name}" for i, (name, _) in enumerate(CASES)]


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=IDS)
def test_equals_keras(name: str, kwargs: dict[str, Any]) -> None:
    ours, theirs = getattr(schedules, name)(**kwargs), getattr(keras.optimizers.schedules, name)(**kwargs)
    assert ours.name == theirs.name
    for step in range(41):
        got, want = float(ours(step)), float(theirs(step))
        if name == "CosineDecayRestarts" and kwargs.get("t_mul") != 1.0 and abs(got - want) > 1e-3:
            # At the very step of a restart, Keras's logarithm in float32 may fall on either side of it.
            assert abs(float(ours(step + 1)) - float(theirs(step + 1))) < 1e-5
            continue
        assert got == pytest.approx(want, rel=2e-5, abs=1e-7), step


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=IDS)
def test_the_same_bits_in_a_step(name: str, kwargs: dict[str, Any]) -> None:
    schedule = getattr(schedules, name)(**kwargs)
    with Graph() as graph:
        step = graph.input((1,), "int32")
        program = graph.compile([step], [schedule(step)])
    out = np.zeros((41, 1), np.float32)
    program.run([np.arange(41, dtype=np.int32)], None, 0, 1, 41, [out], None, 10.0)
    for i in range(41):
        assert out[i, 0].tobytes() == np.asarray(schedule(i), np.float32).tobytes()


def test_configurations() -> None:
    for name, kwargs in CASES:
        schedule = getattr(schedules, name)(**kwargs)
        again = schedules.deserialize(schedules.serialize(schedule))
        assert again.get_config() == schedule.get_config() and float(again(9)) == float(schedule(9))
    with pytest.raises(ValueError, match="unknown class 'Nope'"):
        schedules.deserialize({"class_name": "Nope", "config": {}})


@pytest.mark.parametrize(
    "make_bad",
    [
        lambda: schedules.ExponentialDecay(0.1, 0, 0.5),
        lambda: schedules.ExponentialDecay(-0.1, 1, 0.5),
        lambda: schedules.ExponentialDecay(0.1, 1, float("nan")),
        lambda: schedules.PolynomialDecay(0.1, -1),
        lambda: schedules.CosineDecay(float("inf"), 1),
        lambda: schedules.CosineDecayRestarts(0.1, 1, t_mul=0.5),
        lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]),
        lambda: schedules.PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]),
        lambda: schedules.PiecewiseConstantDecay([float("nan")], [0.1, 0.2]),
    ],
)
def test_bad_arguments(make_bad: Any) -> None:
    with pytest.raises(ValueError):
        make_bad()


def test_a_piecewise_rate_before_the_first_step_and_without_boundaries() -> None:
    rate = schedules.PiecewiseConstantDecay([100, 110], [1.0, 0.5, 0.25])
    assert [float(rate(step)) for step in (-999, 0, 100, 101, 110, 111)] == [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]
    assert float(schedules.PiecewiseConstantDecay([], [0.5])(7)) == 0.5


def test_numbers_may_come_as_arrays_and_variables() -> None:
    rate = SGD(0.5).learning_rate
    for start in (rate, np.array(0.5), np.float32(0.5)):
        schedule = schedules.PolynomialDecay(start, 4)
        assert float(schedule(0)) == 0.5
        assert schedules.serialize(schedule)["config"]["initial_learning_rate"] == 0.5
