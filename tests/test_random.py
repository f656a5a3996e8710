"""Random numbers: their laws, their seeds, the same bits everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from contracts.harness import run
from corten import random
from corten.graph import Graph


def test_laws() -> None:
    x = random.normal((100, 1000), 2.0, 3.0, seed=1)
    assert abs(x.mean() - 2) < 0.05
    assert abs(x.std() - 3) < 0.05
    x = random.uniform((100, 1000), -1, 3, seed=1)
    assert x.min() >= -1
    assert x.max() < 3
    assert abs(x.mean() - 1) < 0.02


def test_seeds() -> None:
    assert (random.normal((9,), seed=5) == random.normal((9,), seed=5)).all()
    generator = random.SeedGenerator(5)
    first, second = random.normal((9,), seed=generator), random.normal((9,), seed=generator)
    assert (first == random.normal((9,), seed=5)).all()
    assert (first != second).all()
    assert (random.uniform((9,)) != random.uniform((9,))).all()
    random.set_seed(1)
    drawn = random.normal((9,))
    random.set_seed(1)
    assert (random.normal((9,)) == drawn).all()


def test_in_a_step_the_generator_counts_on() -> None:
    generator = random.SeedGenerator(5)
    graph = Graph()
    with graph:
        x = random.normal((4, 3), seed=generator)
    assert run(graph, [x])[0].tobytes() == random.normal((4, 3), seed=5).tobytes()
    assert generator.state.numpy().tolist() == [5, 1]


def test_steps_without_a_seed_share_a_state_that_can_be_stored() -> None:
    class Noise(corten.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return inputs + random.normal(inputs.shape)

    def draws(eager: bool) -> list[np.ndarray]:
        model = corten.Sequential([corten.Input((3,)), Noise()])
        model.compile(run_eagerly=eager)
        zeros = np.zeros((2, 3), np.float32)
        return [model.predict(zeros, verbose=0), model.predict(zeros, verbose=0), model(zeros)]

    random.set_seed(3)
    outside = random.normal((3,))
    compiled = draws(eager=False)
    assert len({x.tobytes() for x in compiled}) == 3
    # Who draws within steps does not change what is drawn outside.
    random.set_seed(3)
    assert [x.tobytes() for x in draws(eager=True)] == [x.tobytes() for x in compiled]
    state = random.get_state()
    assert random.normal((3,)).tobytes() == outside.tobytes()
    more = draws(eager=False)
    random.set_state(state)
    assert [x.tobytes() for x in draws(eager=True)] == [x.tobytes() for x in more]
    assert more[0].tobytes() != compiled[0].tobytes()


def test_arguments() -> None:
    for wrong in (-1.0, np.nan):
        with pytest.raises(ValueError, match="stddev"):
            random.normal((1,), stddev=wrong)
    with pytest.raises(ValueError, match="minval"):
        random.uniform((1,), 2, 1)
    with pytest.raises(ValueError, match="dtype"):
        corten.random.normal((1,), dtype="float64")


def test_whole_numbers_and_classes_have_their_laws_and_are_drawn_within_steps() -> None:
    x = random.randint((40_000,), -1, 3, seed=2)
    assert x.dtype == np.int32
    np.testing.assert_allclose(np.bincount(x + 1) / x.size, np.full(4, 0.25), atol=0.01)
    for wrong in ((3, 3), (0, 2**24 + 1)):
        with pytest.raises(ValueError, match="randint"):
            random.randint((1,), *wrong)

    chances = np.float32([[0.1, 0.0, 0.9], [0.5, 0.3, 0.2]])
    with np.errstate(divide="ignore"):
        drawn = random.categorical(np.log(chances), 40_000, seed=2)
    found = [np.bincount(row, minlength=3) / row.size for row in drawn]
    np.testing.assert_allclose(found, chances, atol=0.01)

    class Drawing(corten.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.generator = random.SeedGenerator(5)

        def call(self, inputs: Any) -> Any:
            return random.dropout(random.categorical(inputs, 7, seed=self.generator), 0.5, seed=self.generator)

    model = corten.Sequential([corten.Input((3,)), Drawing()])
    first, second = (model.predict(chances, verbose=0) for _ in range(2))
    assert first.shape == (2, 7) and first.tobytes() != second.tobytes()


@pytest.mark.parametrize("alpha", [0.05, 0.4, 1.0, 3.0, 50.0])
def test_gamma_and_beta_have_their_laws(alpha: float) -> None:
    x = random.gamma((200_000,), alpha, seed=1).astype("float64")
    assert (x >= 0).all() and abs(x.mean() / alpha - 1) < 5 * (alpha * 200_000) ** -0.5
    assert abs(x.var() / alpha - 1) < 0.05 * max(1, 0.5 / alpha**0.5)
    for other in (alpha, 2.0):
        y = random.beta((200_000,), alpha, other, seed=1).astype("float64")
        mean = alpha / (alpha + other)
        variance = mean * (1 - mean) / (alpha + other + 1)
        assert ((y >= 0) & (y <= 1)).all() and abs(y.mean() - mean) < 5 * (variance / 200_000) ** 0.5
        assert abs(y.var() / variance - 1) < 0.05
        # The distribution itself, where it has a simple form: of Beta(a, 1) it is y^a.
    y = random.beta((200_000,), alpha, 1.0, seed=2)
    for at in (0.1, 0.5, 0.9):
        assert abs((y <= at).mean() - at**alpha) < 0.006


def test_gamma_and_beta_of_arrays_and_of_very_small_numbers() -> None:
    x = random.gamma((50_000, 2), np.float32([0.5, 5.0]), seed=3)
    assert np.abs(x.mean(axis=0) / [0.5, 5.0] - 1).max() < 0.03
    # Nearly all are 0 or 1, half of them each.
    y = random.beta((10_000,), 1e-6, 1e-6, seed=3)
    assert ((y < 1e-3) | (y > 1 - 1e-3)).mean() > 0.999 and abs(y.mean() - 0.5) < 0.03
    generator = random.SeedGenerator(1)
    first = random.beta((5,), 0.3, 0.3, seed=generator)
    assert (first != random.beta((5,), 0.3, 0.3, seed=generator)).any()
    assert (first == random.beta((5,), 0.3, 0.3, seed=random.SeedGenerator(1))).all()
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="gamma: alpha: expected"):
            random.gamma((2,), wrong)
        with pytest.raises(ValueError, match="beta: beta: expected"):
            random.beta((2,), 1.0, wrong)
