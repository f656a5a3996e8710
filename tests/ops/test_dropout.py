"""Dropout: how many zeros, where, and the same ones in the gradient."""

from __future__ import annotations

import numpy as np
import pytest

import corten
from contracts.harness import compiled, eagerly, on_arrays
from corten import _core, ops
from corten.graph import Graph

ONES = np.ones((100, 1003), np.float32)


def dropped(rate: float, seed: int = 1, step: int = 0) -> np.ndarray:
    return ops.dropout(ONES, rate, [seed, step])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_rate_of_zeros_and_mean(rate: float) -> None:
    y = dropped(rate)
    # Five standard deviations of a binomial distribution.
    assert abs((y == 0).mean() - rate) < 5 * np.sqrt(rate * (1 - rate) / y.size)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)


def test_rate_zero_keeps_everything() -> None:
    np.testing.assert_array_equal(dropped(0.0), ONES)


def test_zeros_depend_on_seed_and_step_only() -> None:
    assert dropped(0.5, 1, 0).tobytes() == dropped(0.5, 1, 0).tobytes()
    assert dropped(0.5, 1, 0).tobytes() != dropped(0.5, 2, 0).tobytes()
    assert dropped(0.5, 1, 0).tobytes() != dropped(0.5, 1, 1).tobytes()


def test_neighbours_rows_and_steps_are_uncorrelated() -> None:
    kept = (dropped(0.5) != 0) - 0.5
    later = (dropped(0.5, 1, 1) != 0) - 0.5
    bound = 5 / np.sqrt(kept.size) / 4
    for a, b in ((kept[:, 1:], kept[:, :-1]), (kept[1:], kept[:-1]), (kept, later)):
        assert abs((a * b).mean()) < bound


def test_same_bits_on_any_number_of_threads_and_in_every_way() -> None:
    state = np.array([3, 9], np.int32)
    found = []
    try:
        for threads in (1, 2, 3, 5):
            _core.set_threads(threads)
            found += [way(lambda x, s: ops.dropout(x, 0.3, s), [ONES, state]) for way in (on_arrays, eagerly, compiled)]
    finally:
        _core.set_threads(0)
    assert len({y[0].tobytes() for y in found}) == 1


def test_the_gradient_has_the_same_zeros() -> None:
    with Graph(eager=True) as graph:
        x = graph.constant(ONES)
        y = ops.dropout(x, 0.5, np.array([1, 0]))
        dx = corten.gradients(y, x)
        np.testing.assert_array_equal(dx.numpy(), y.numpy())


def test_noise_shape_is_broadcast() -> None:
    y = ops.dropout(np.ones((4, 5, 6), np.float32), 0.5, [1, 0], noise_shape=(None, 1, 6))
    assert (y == y[:, :1]).all()
    assert 0 < (y == 0).mean() < 1


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, np.nan])
def test_rates_that_make_no_sense_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        dropped(rate)
    with pytest.raises(ValueError, match="rate"):
        corten.layers.Dropout(rate)
