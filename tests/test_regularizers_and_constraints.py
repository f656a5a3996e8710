"""Regularizers and constraints: against Keras, in configurations, as parts of layers."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import pytest

import corten
from corten import constraints, regularizers
from corten.graph import Graph

W = np.random.default_rng(5).standard_normal((4, 3)).astype(np.float32) * 3

REGULARIZERS: list[tuple[str, dict[str, Any]]] = [
    ("L1", {"l1": 0.1}),
    ("L2", {"l2": 0.1}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {"factor": 0.1}),
]
CONSTRAINTS: list[tuple[str, dict[str, Any]]] = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 1.5, "axis": 1}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": (0, 1)}),
    ("MinMaxNorm", {"min_value": 1.0, "max_value": 2.0, "rate": 0.5}),
]


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    return pytest.importorskip("keras", reason="needs keras as the oracle: make setup")


@pytest.mark.parametrize(("name", "options"), REGULARIZERS)
def test_penalty_is_keras_penalty(name: str, options: dict[str, Any], keras: Any) -> None:
    wanted = float(getattr(keras.regularizers, name)(**options)(W))
    regularizer = getattr(regularizers, name)(**options)
    np.testing.assert_allclose(float(regularizer(W)), wanted, rtol=1e-5)
    with Graph(eager=True) as graph:
        np.testing.assert_allclose(float(regularizer(graph.constant(W))), wanted, rtol=1e-5)


def test_columns_are_the_rows_of_the_transposed() -> None:
    """Keras 3.15 cannot compute this on NumPy."""
    rows, columns = (regularizers.OrthogonalRegularizer(0.1, mode) for mode in ("rows", "columns"))
    np.testing.assert_allclose(columns(W), rows(W.T), rtol=1e-6)


@pytest.mark.parametrize(("name", "options"), CONSTRAINTS)
def test_constraint_is_keras_constraint(name: str, options: dict[str, Any], keras: Any) -> None:
    wanted = np.asarray(getattr(keras.constraints, name)(**options)(W))
    np.testing.assert_allclose(getattr(constraints, name)(**options)(W), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "options"), REGULARIZERS + CONSTRAINTS)
def test_configuration_makes_it_again(name: str, options: dict[str, Any]) -> None:
    room: Any = regularizers if hasattr(regularizers, name) else constraints
    made = getattr(room, name)(**options)
    again = room.deserialize(room.serialize(made))
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()
    np.testing.assert_array_equal(again(W), made(W))


def test_get() -> None:
    assert regularizers.get(None) is None
    assert constraints.get(None) is None
    assert regularizers.get("l2").l2 == 0.01
    assert regularizers.get("l1_l2").get_config() == {"l1": 0.01, "l2": 0.01}
    assert isinstance(constraints.get("NonNeg"), constraints.NonNeg)
    for room in (regularizers, constraints):
        with pytest.raises(ValueError, match="expected one of"):
            room.get("nothing")
        with pytest.raises(TypeError):
            room.get(3)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_factors_that_make_no_sense_are_refused(value: float) -> None:
    for cls in (regularizers.L1, regularizers.L2, regularizers.L1L2, regularizers.OrthogonalRegularizer):
        with pytest.raises(ValueError):
            cls(value)
    with pytest.raises(TypeError):
        regularizers.L1("big")  # type: ignore[arg-type]


def test_layers_hand_them_to_their_weights() -> None:
    layer = corten.layers.Dense(2, kernel_regularizer="l2", bias_constraint="non_neg")
    layer(np.ones((1, 3), np.float32))
    assert layer.kernel.regularizer.l2 == 0.01
    assert isinstance(layer.bias.constraint, constraints.NonNeg)
    assert layer.bias.regularizer is None
    again = corten.layers.Dense.from_config(layer.get_config())
    assert again.kernel_regularizer.get_config() == {"l2": 0.01}
