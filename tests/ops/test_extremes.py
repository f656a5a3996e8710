"""Infinity, NaN, zero, and numbers whose squares overflow: whole vectors of them, against float64 and NumPy.

``contracts/test_every_isa.py`` runs this on every instruction set.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import corten
from corten import activations, constraints, layers, losses, ops, optimizers

INF, NAN = np.inf, np.nan
MAX, TINY = np.finfo(np.float32).max, np.finfo(np.float32).tiny
#: A length with whole vectors and a tail on every instruction set.
LENGTH = 37
CORNERS = [
    *(0.0, -0.0, INF, -INF, NAN, MAX, -MAX, TINY, -TINY),
    *(1.0, -1.0, 2.0, -3.0, 0.5, 88.8, -88.8, 1e4, 1e10, 1e20, 3e38),
]


def quiet(function: Callable[..., Any], *arguments: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return function(*arguments)


def whole(value: float) -> Any:
    return np.full(LENGTH, value, np.float32)


def close(found: Any, wanted: Any, rtol: float = 1e-6) -> None:
    """Equal as float32, where results below the smallest normal number may be zero."""
    wanted = quiet(lambda: np.asarray(wanted, np.float64).astype(np.float32))
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=2 * TINY)


def sigmoid64(x: Any) -> Any:
    return np.where(x < -700, 0.0, 1 / (1 + np.exp(-np.clip(x, -700, None))))


#: What each function tends to, where the formula itself would give infinity times zero or divided by itself.
ELEMENTWISE = {
    ops.exp: np.exp,
    ops.expm1: np.expm1,
    ops.log: np.log,
    ops.log2: np.log2,
    ops.log10: np.log10,
    ops.log1p: np.log1p,
    ops.sqrt: np.sqrt,
    ops.rsqrt: lambda x: 1 / np.sqrt(x),
    ops.square: np.square,
    ops.reciprocal: lambda x: 1 / x,
    ops.abs: np.abs,
    ops.negative: np.negative,
    ops.sign: np.sign,
    ops.floor: np.floor,
    ops.ceil: np.ceil,
    ops.round: np.round,
    ops.sin: np.sin,
    ops.cos: np.cos,
    ops.tanh: np.tanh,
    ops.sigmoid: sigmoid64,
    ops.relu: lambda x: np.maximum(x, 0),
    ops.relu6: lambda x: np.clip(x, 0, 6),
    ops.leaky_relu: lambda x: np.where(x < 0, 0.2 * x, x),
    ops.hard_sigmoid: lambda x: np.clip(x / 6 + 0.5, 0, 1),
    ops.hard_silu: lambda x: np.where(x <= -3, 0, x * np.clip(x / 6 + 0.5, 0, 1)),
    ops.hard_tanh: lambda x: np.clip(x, -1, 1),
    ops.softplus: lambda x: np.logaddexp(0, x),
    ops.softsign: lambda x: np.where(np.isinf(x), np.sign(x), x / (1 + np.abs(x))),
    ops.silu: lambda x: np.where(x == -INF, 0, x * sigmoid64(x)),
    ops.hard_shrink: lambda x: np.where(np.abs(x) <= 0.5, 0, x),
    ops.squareplus: lambda x: np.where(x < 0, 2 / (np.hypot(x, 2) - x), (x + np.hypot(x, 2)) / 2),
}


@pytest.mark.parametrize("ours", ELEMENTWISE, ids=lambda function: function.__name__)
def test_whole_vectors_of_a_number_and_mixed_ones(ours: Any) -> None:
    theirs = ELEMENTWISE[ours]
    mixed = np.float32(CORNERS * 3)[:LENGTH]
    for x in [*map(whole, CORNERS), mixed]:
        wanted = quiet(theirs, x.astype(np.float64))
        if ours is ops.silu:  # Where the sigmoid is too small for a float, 0.
            wanted = np.where(x < -87, 0.0, wanted)
        close(ours(x), wanted)


@pytest.mark.parametrize("ours", ELEMENTWISE, ids=lambda function: function.__name__)
def test_neighbours_do_not_change_a_bit(ours: Any) -> None:
    plain = np.linspace(0.1, 3, LENGTH, dtype=np.float32)
    alone = ours(plain)
    for corner in CORNERS:
        for place in range(0, LENGTH, 5):
            x = plain.copy()
            x[place] = corner
            assert np.delete(ours(x), place).tobytes() == np.delete(alone, place).tobytes()


EXPONENTS = [0.0, 0.25, 0.5, 0.7, -0.5, 1.0, -1.0, 2.0, 3.0, -3.0, 2.5, 1e9, -1e10, 16777217.0, INF, -INF, NAN]


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_powers_of_whole_vectors_are_numpys(exponent: float) -> None:
    mixed = np.float32(CORNERS * 3)[:LENGTH]
    for x in [*map(whole, CORNERS), mixed]:
        # An array of exponents: NumPy takes the number 0.5 for a square root.
        wanted = quiet(np.power, x.astype(np.float64), np.full(LENGTH, np.float32(exponent), np.float64))
        close(ops.power(x, np.float32(exponent)), wanted)
        close(ops.power(x, whole(exponent)), wanted)


def test_logarithms_of_exact_powers_are_whole() -> None:
    k = np.arange(-126, 128)
    np.testing.assert_array_equal(ops.log2((2.0**k).astype(np.float32)), k)
    k = np.arange(-37, 39)
    np.testing.assert_array_equal(ops.log10((10.0**k).astype(np.float32)), k)


# --- sums of squares -------------------------------------------------------------------------------------------------

SCALES = [1e-30, 1e-20, 1.0, 1e15, 1e20, 1e30]
ROWS = np.random.default_rng(7).standard_normal((4, LENGTH))


@pytest.mark.parametrize("scale", SCALES)
def test_norms_of_any_size(scale: float) -> None:
    x = (ROWS * scale).astype(np.float32)
    x64 = x.astype(np.float64)
    close(ops.norm(x, axis=1), np.linalg.norm(x64, axis=1))
    close(ops.norm(x, axis=0), np.linalg.norm(x64, axis=0))
    close(ops.norm(x), np.linalg.norm(x64))
    close(ops.norm(x, ord=3, axis=1), np.linalg.norm(x64, ord=3, axis=1), rtol=4e-6)
    close(ops.std(x, axis=1), x64.std(axis=1), rtol=4e-6)
    unit = x64 / np.linalg.norm(x64, axis=1, keepdims=True)
    close(ops.normalize(x, epsilon=1e-38), unit, rtol=3e-6)
    other = np.roll(x, 3, axis=1)
    cosine = -(unit * np.roll(unit, 3, axis=1)).sum(1)
    if scale >= 1:  # Shorter ones are divided by 1e-7.
        np.testing.assert_allclose(losses.cosine_similarity(x, other), cosine, atol=1e-6)
        np.testing.assert_allclose(layers.Dot(1, normalize=True)([x, other]).ravel(), -cosine, atol=1e-6)
        close(constraints.UnitNorm(axis=1)(x), unit, rtol=3e-6)
        close(constraints.MaxNorm(0.5, axis=1)(x), unit / 2, rtol=3e-6)


def test_a_norm_does_not_depend_on_other_rows_and_nan_stays_in_its_own() -> None:
    x = ROWS.astype(np.float32)
    alone = ops.norm(x, axis=1)
    x[1], x[2, 3] = 1e30, NAN
    found = ops.norm(x, axis=1)
    assert found[[0, 3]].tobytes() == alone[[0, 3]].tobytes()
    close(found[1:3], [np.sqrt(LENGTH) * 1e30, NAN])
    close(ops.norm(np.float32([[INF, 1], [3e38, 3e38], [0, 0]]), axis=1), [INF, INF, 0])


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm"])
def test_gradients_whose_squares_overflow_are_clipped(clip: str) -> None:
    weight = corten.Variable(np.zeros(2, np.float32))
    optimizers.SGD(1.0, **{clip: 1.0}).apply([np.float32([3e30, -4e30])], [weight])
    np.testing.assert_allclose(weight.numpy(), [-0.6, 0.8], rtol=1e-6)


@pytest.mark.parametrize(("centre", "scale"), [(1e4, 1e-2), (-3e5, 1.0), (0.0, 1e20), (1e22, 1e19), (0.0, 1e-3)])
def test_normalisation_far_from_zero_and_of_huge_numbers(centre: float, scale: float) -> None:
    x = (centre + ROWS * scale).astype(np.float32)
    x64 = x.astype(np.float64)

    def normalised(axis: int) -> Any:
        return (x64 - x64.mean(axis, keepdims=True)) / np.sqrt(x64.var(axis, keepdims=True) + 1e-7)

    np.testing.assert_allclose(ops.layer_normalization(x, epsilon=1e-7), normalised(1), atol=3e-5)
    np.testing.assert_allclose(ops.batch_norm(x, epsilon=1e-7)[0], normalised(0), atol=3e-5)
    rms = x64 / np.sqrt((x64**2).mean(1, keepdims=True) + 1e-7)
    np.testing.assert_allclose(ops.rms_normalization(x, epsilon=1e-7), rms, atol=1e-5)
    grouped = layers.GroupNormalization(1, epsilon=1e-7, center=False, scale=False)(x)
    np.testing.assert_allclose(grouped, normalised(1), atol=3e-5)


# --- infinity and NaN among others -----------------------------------------------------------------------------------


def test_sparsemax_of_infinite_and_large_numbers() -> None:
    cases = {
        (1.0, 2.0, -INF): [0, 1, 0],
        (-INF, 0.25, 0.0): [0, 0.625, 0.375],
        (2e7, 2e7, 2e7, 2e7): [0.25] * 4,
        (1e8, 0.0, 0.0): [1, 0, 0],
        (16777216.0, 16777217.0, 16777218.0): [0, 0, 1],
        (3e38, -3e38): [1, 0],
        (-INF, -INF): [NAN] * 2,
        (INF, 0.0): [NAN] * 2,
        (NAN, 0.0, 1.0): [NAN] * 3,
    }
    for x, wanted in cases.items():
        close(ops.sparsemax(np.float32([x])), [wanted])


def test_softmax_and_its_logarithms_with_infinities() -> None:
    x = np.float32([[1, -INF, 0], [-INF] * 3, [INF, 0, 1], [16777216, 16777218, 0], [1e30, -1e30, 0], [NAN, 0, 1]])
    e = 1 / (1 + np.exp(-2.0))
    none = [NAN] * 3
    close(ops.softmax(x), [[1 / (1 + np.exp(-1)), 0, 1 / (1 + np.e)], none, none, [1 - e, e, 0], [1, 0, 0], none])
    logarithms = ops.log_softmax(x)
    close(logarithms[:3], [[-np.log1p(np.exp(-1)), -INF, -1 - np.log1p(np.exp(-1))], none, none])
    close(logarithms[3:], [[-2 - np.log1p(np.exp(-2)), -np.log1p(np.exp(-2)), -16777218], [0, -2e30, -1e30], none])
    close(ops.logsumexp(x, axis=1), [1 + np.log1p(np.exp(-1)), -INF, INF, 16777218.0, 1e30, NAN])


def test_nan_goes_through_every_comparison() -> None:
    x = np.float32([1, NAN, -1] * 9)
    functions = [
        *(ops.hard_shrink, ops.soft_shrink, ops.leaky_relu),
        lambda v: ops.maximum(v, 0.25),
        lambda v: ops.minimum(0.25, v),
        *(ops.relu, ops.relu6, ops.elu, ops.selu, ops.celu, ops.sign, ops.hard_sigmoid, ops.hard_silu, ops.hard_tanh),
        *(ops.sparse_plus, ops.sparse_sigmoid, ops.squareplus, ops.mish, ops.abs),
        lambda v: ops.clip(v, -0.5, 0.5),
        lambda v: ops.threshold(v, 0.5, 9.0),
        lambda v: activations.relu(v, negative_slope=0.1, max_value=3.0, threshold=0.5),
        lambda v: ops.leaky_relu(v, -0.5),
    ]
    for function in functions:
        np.testing.assert_array_equal(np.isnan(function(x)), np.isnan(x))
    rows = np.zeros((3, LENGTH), np.float32)
    rows[1, 20] = NAN
    for reduction in (ops.max, ops.min, ops.sum, ops.mean, ops.prod, ops.norm, ops.std, ops.var, ops.logsumexp):
        np.testing.assert_array_equal(np.isnan(reduction(rows, axis=1)), [False, True, False])
    assert ops.argmax(rows, axis=1)[1] == ops.argmin(rows, axis=1)[1] == 20
    values, places = ops.top_k(np.float32([1, NAN, 3, -INF]), 4)
    close(values, [NAN, 3, 1, -INF])
    assert places.tolist() == [1, 2, 0, 3]
    pooled = ops.max_pool2d(rows[None, :, :36, None], (3, 3))
    np.testing.assert_array_equal(np.isnan(pooled.ravel()), np.arange(12) == 6)


def test_a_leaky_slope_below_zero_at_infinity() -> None:
    np.testing.assert_array_equal(ops.leaky_relu(np.float32([-INF, -2, 3, INF]), -0.5), [INF, 1, 3, INF])
