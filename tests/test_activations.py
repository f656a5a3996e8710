"""Activations under Keras's names: the same values, found by name."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from corten import activations, ops

X = np.random.default_rng(3).standard_normal((5, 8)).astype(np.float32) * 3

NAMES = sorted(
    set(activations.__all__) - {"get", "serialize", "deserialize", "is_plain_relu", "threshold", "hard_swish"}
)
# Keras 3.15's sparsemax does not sum to 1 where more than one class survives (its tau adds up the partial sums);
# test_every_op holds ours against the definition.
OPTIONS: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in NAMES if name != "sparsemax"] + [
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 1.5}),
    ("relu", {"max_value": 6.0}),
    ("relu", {"threshold": 0.5}),
    ("relu", {"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.5}),
    ("leaky_relu", {"negative_slope": 0.01}),
    ("elu", {"alpha": 0.3}),
    ("celu", {"alpha": 0.3}),
    ("gelu", {"approximate": True}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {"axis": 0}),
    ("threshold", {"threshold": 0.5, "default_value": -1.0}),
    ("squareplus", {"b": 2}),
    ("glu", {"axis": -1}),
    ("hard_shrink", {"threshold": 1.0}),
    ("soft_shrink", {"threshold": 1.0}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
def test_values_are_those_of_keras(name: str, options: dict[str, Any]) -> None:
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    keras = pytest.importorskip("keras", reason="needs keras as the oracle: make setup")
    wanted = np.asarray(getattr(keras.activations, name)(X, **options))
    np.testing.assert_allclose(getattr(activations, name)(X, **options), wanted, rtol=2e-5, atol=2e-6)


def test_every_activation_of_keras_is_there() -> None:
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    keras = pytest.importorskip("keras", reason="needs keras as the oracle: make setup")
    theirs = {name for name in dir(keras.activations) if not name.startswith("_")}
    assert theirs - set(activations.__all__) == set()


def test_get() -> None:
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu
    assert activations.get(np.sin) is np.sin
    assert activations.is_plain_relu(activations.get("relu"))
    assert activations.is_plain_relu(ops.relu)
    for name in NAMES:
        assert activations.deserialize(activations.serialize(activations.get(name))) is activations.get(name)
    with pytest.raises(ValueError, match="softmax"):
        activations.get("sofmax")
    with pytest.raises(TypeError):
        activations.get(3)
