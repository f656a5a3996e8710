"""Initializers: distributions, scales, seeds, configurations."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import corten
from corten import initializers

RANDOM = [
    "random_normal",
    "truncated_normal",
    "random_uniform",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
]
RANDOM += ["lecun_normal", "lecun_uniform", "variance_scaling", "orthogonal"]
SHAPE = (3, 3, 40, 50)
IN, OUT = 9 * 40, 9 * 50


@pytest.mark.parametrize(
    ("name", "stddev", "limit"),
    [
        ("random_normal", 0.05, math.inf),
        ("truncated_normal", 0.05 * 0.87962566, 0.1),
        ("random_uniform", 0.05 / math.sqrt(3), 0.05),
        ("glorot_uniform", math.sqrt(2 / (IN + OUT)), math.sqrt(6 / (IN + OUT))),
        ("glorot_normal", math.sqrt(2 / (IN + OUT)), 2 * math.sqrt(2 / (IN + OUT)) / 0.87962566),
        ("he_normal", math.sqrt(2 / IN), 2 * math.sqrt(2 / IN) / 0.87962566),
        ("he_uniform", math.sqrt(2 / IN), math.sqrt(6 / IN)),
        ("lecun_normal", math.sqrt(1 / IN), 2 * math.sqrt(1 / IN) / 0.87962566),
        ("lecun_uniform", math.sqrt(1 / IN), math.sqrt(3 / IN)),
    ],
)
def test_mean_spread_and_limits(name: str, stddev: float, limit: float) -> None:
    w = initializers.get(name)(SHAPE)
    assert w.dtype == np.float32
    assert w.shape == SHAPE
    assert abs(w.mean()) < 5 * stddev / math.sqrt(w.size)
    np.testing.assert_allclose(w.std(), stddev, rtol=0.02)
    assert abs(w).max() <= limit * (1 + 1e-6)


@pytest.mark.parametrize("name", RANDOM)
def test_seeds_make_numbers_repeatable(name: str) -> None:
    cls = type(initializers.get(name))
    np.testing.assert_array_equal(cls(seed=3)((5, 6)), cls(seed=3)((5, 6)))
    seeded = cls(seed=3)
    np.testing.assert_array_equal(seeded((5, 6)), seeded((5, 6)))
    assert (cls(seed=3)((5, 6)) != cls(seed=4)((5, 6))).any()
    unseeded = cls()
    assert (unseeded((5, 6)) != unseeded((5, 6))).any()
    corten.random.set_seed(11)
    first = cls()((5, 6))
    corten.random.set_seed(11)
    np.testing.assert_array_equal(first, cls()((5, 6)))


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (2, 3, 4)])
def test_orthogonal_has_orthonormal_rows_or_columns(shape: tuple[int, ...]) -> None:
    w = initializers.Orthogonal(gain=2.0, seed=1)(shape).reshape(-1, shape[-1])
    small = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_constants() -> None:
    np.testing.assert_array_equal(initializers.Zeros()((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.Ones()((2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(initializers.Constant(2.5)((2, 3)), np.full((2, 3), 2.5))
    np.testing.assert_array_equal(initializers.Identity(3)((2, 3)), 3 * np.eye(2, 3))
    assert initializers.Zeros()((2,), "int32").dtype == np.int32


@pytest.mark.parametrize("name", [*RANDOM, "zeros", "ones", "constant", "identity"])
def test_configuration_makes_it_again(name: str) -> None:
    made = initializers.get(name)
    config = initializers.serialize(made)
    again = initializers.deserialize(config)
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()


def test_get() -> None:
    array = np.ones((2, 3))
    assert initializers.get(None) is None
    assert isinstance(initializers.get("HeNormal"), initializers.HeNormal)
    assert isinstance(initializers.get("normal"), initializers.RandomNormal)
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    np.testing.assert_array_equal(initializers.get(array)((2, 3)), array)
    assert initializers.get(len) is len
    with pytest.raises(ValueError, match="glorot_uniform"):
        initializers.get("glorot")
    with pytest.raises(TypeError):
        initializers.get(7)


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        ("VarianceScaling", {"scale": 0.0}),
        ("VarianceScaling", {"scale": -1.0}),
        ("VarianceScaling", {"mode": "in"}),
        ("VarianceScaling", {"distribution": "gaussian"}),
        ("RandomNormal", {"seed": -1}),
        ("RandomNormal", {"stddev": math.nan}),
    ],
)
def test_values_that_make_no_sense_are_refused(cls: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        getattr(initializers, cls)(**options)


def test_types_that_make_no_sense_are_refused() -> None:
    for options in ({"seed": 1.5}, {"seed": True}, {"stddev": "big"}):
        with pytest.raises(TypeError):
            initializers.RandomNormal(**options)
    with pytest.raises(ValueError, match="two axes"):
        initializers.Identity()((3,))
    with pytest.raises(ValueError, match="two axes"):
        initializers.Orthogonal()((3,))


def test_a_seed_generator_gives_others_at_each_call_and_an_int_the_same() -> None:
    generator = corten.random.SeedGenerator(3)
    drawing = initializers.RandomNormal(seed=generator)
    first, second = drawing((5,)), drawing((5,))
    assert not np.array_equal(first, second)
    again = initializers.RandomNormal(seed=corten.random.SeedGenerator(3))
    np.testing.assert_array_equal(again((5,)), first)
    np.testing.assert_array_equal(again((5,)), second)
    config = initializers.serialize(drawing)
    made = initializers.deserialize(json.loads(json.dumps(config)))
    np.testing.assert_array_equal(made((5,)), first)
    # Weights are made while a step is traced, where a variable has no numbers.
    layer = corten.layers.Dense(4, kernel_initializer=initializers.HeNormal(seed=corten.random.SeedGenerator(1)))
    other = corten.layers.Dense(4, kernel_initializer=layer.kernel_initializer)
    for one in (layer, other):
        one(corten.Input((3,)))
    assert not np.array_equal(layer.kernel.numpy(), other.kernel.numpy())


def test_a_constant_of_several_numbers_has_a_configuration_of_plain_values() -> None:
    given = initializers.Constant(np.float32([1, 2]))
    config = json.loads(json.dumps(initializers.serialize(given)))
    np.testing.assert_array_equal(initializers.deserialize(config)((3, 2)), [[1, 2]] * 3)
