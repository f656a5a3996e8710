"""Gradients where the rule that is right nearly everywhere gives NaN: zeros, kinks, infinities, branches not chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import corten
from contracts.harness import compiled, eagerly, same
from corten import layers, losses, ops

INF = np.inf


def slope(function: Callable[..., Any], *arrays: Any, by: int = 0) -> Any:
    """The gradient of the sum of ``function`` by one of the arrays, the same bits eager and compiled."""

    def pulled(*xs: Any) -> Any:
        return corten.gradients(function(*xs), xs[by])

    given = [np.float32(x) for x in arrays]
    eager = eagerly(pulled, given)
    same(eager, compiled(pulled, given))
    return eager[0]


# --- products --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "right"),
    [
        ([0, 2, 3], [6, 0, 0]),
        ([0, 0, 3], [0, 0, 0]),
        ([0, 0, 0], [0, 0, 0]),
        ([0], [1]),
        ([1, 2, 3], [6, 3, 2]),
        ([-2, 0, 5], [0, -10, 0]),
        ([1e-30, 1e-30, 1e30, 1e30], [1e30, 1e30, 1e-30, 1e-30]),
        ([1e20, 1e20, 0], [0, 0, INF]),
        ([INF, 2], [2, INF]),
    ],
)
def test_a_product_changes_with_a_factor_by_the_product_of_the_others(x: list[float], right: list[float]) -> None:
    np.testing.assert_allclose(slope(ops.prod, x), np.float32(right), rtol=1e-6)


@pytest.mark.parametrize("axis", [None, 0, 1, 2, (0, 2), (2, 0), (0, 1, 2), (), (1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_products_over_any_axes(axis: Any, keepdims: bool) -> None:
    x = np.random.default_rng(3).integers(-2, 3, (2, 3, 4)).astype(np.float32)
    axes = tuple(range(3)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    right = np.zeros_like(x)
    for at in np.ndindex(*x.shape):
        others = x.copy()
        others[at] = 1
        right[at] = others[tuple(slice(None) if a in axes else at[a] for a in range(3))].prod()
    np.testing.assert_array_equal(slope(lambda x: ops.prod(x, axis, keepdims), x), right)


def test_the_gradient_of_a_products_gradient_at_zero() -> None:
    """d2 (x y z) / dx dy = z, also where x and y are 0."""
    penalty = lambda x: ops.square(corten.gradients(ops.prod(x, -1), x))  # noqa: E731
    # Of (yz)^2 + (xz)^2 + (xy)^2.
    np.testing.assert_array_equal(slope(penalty, [[0, 0, 3]]), [[0, 0, 0]])
    np.testing.assert_array_equal(slope(penalty, [[0, 2, 3]]), [[0, 36, 24]])
    np.testing.assert_array_equal(slope(penalty, [[1, 2, 3]]), [[26, 40, 30]])
    # Only the slope by the zero is not 0, and it is the product of the others: (1 2 3 1)^2.
    np.testing.assert_array_equal(slope(penalty, [[1, 2, 3, 0, 1]]), [[72, 36, 24, 0, 72]])


def test_running_products_with_zeros() -> None:
    np.testing.assert_array_equal(slope(lambda x: ops.cumprod(x, -1), [0, 2, 0, 3]), [3, 0, 0, 0])


# --- roots, lengths, powers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        ops.std,
        ops.norm,
        lambda x: ops.norm(x, axis=-1),
        lambda x: ops.norm(x, 3, axis=-1),
        lambda x: ops.norm(x, 1.5, axis=-1),
        lambda x: ops.norm(x, 1, axis=-1),
        lambda x: ops.norm(x, INF, axis=-1),
        lambda x: ops.sqrt(ops.sum(ops.square(x))),
        lambda x: ops.sqrt(ops.sum(x * x)),
        lambda x: ops.sum(x * x) ** 0.5,
        lambda x: ops.sqrt(ops.relu(x)),
        lambda x: ops.sqrt(ops.abs(x)),
        ops.sqrt,
        ops.var,
        ops.abs,
        ops.square,
        lambda x: ops.power(x, 0.5),
        lambda x: ops.power(x, 0.0),
        lambda x: ops.power(x, 3.0),
        lambda x: ops.sum(ops.square(x)) ** 1.5,
    ],
)
def test_at_nothing_lengths_roots_and_deviations_rest(function: Any) -> None:
    found = slope(function, np.zeros((1, 4)))
    assert np.isfinite(found).all()
    assert abs(found.sum()) in (0, 1) and (np.unique(found).size == 1)


def test_the_deviation_of_equal_numbers_has_the_gradient_zero() -> None:
    np.testing.assert_array_equal(slope(lambda x: ops.std(x, -1), [[7, 7, 7], [1, 2, 3]])[0], 0)
    np.testing.assert_allclose(
        slope(lambda x: ops.std(x, -1), [[7, 7, 7], [1, 2, 3]])[1], np.array([-1, 0, 1]) / np.sqrt(6), rtol=1e-6
    )


def test_distances_between_equal_points_in_a_penalty_of_second_order() -> None:
    distance = lambda x: ops.sqrt(ops.sum(ops.square(x), axis=-1))  # noqa: E731
    penalty = lambda x: ops.square(1.0 - ops.norm(corten.gradients(distance(x), x), axis=-1))  # noqa: E731
    assert np.isfinite(slope(penalty, [[0, 0], [3, 4]])).all()


@pytest.mark.parametrize(
    ("base", "exponent", "by_base", "by_exponent"),
    [
        (0, 0, 0, 0),
        (0, 1, 1, 0),
        (0, 2, 0, 0),
        (0, 3, 0, 0),
        (0, 0.5, 0, 0),
        (0, 1.5, 0, 0),
        (-2, 2, -4, 0),
        (-2, 3, 12, 0),
        (-2, 0, 0, 0),
        (2, 0, 0, np.log(2)),
        (2, 3, 12, 8 * np.log(2)),
        (2, -1, -0.25, np.log(2) / 2),
        (INF, 0.5, 0, INF),
        (INF, -1, 0, 0),
        (1e-30, 0.5, 0.5e15, 1e-15 * np.log(1e-30)),
        (1e30, 0, 0, np.log(1e30)),
    ],
)
def test_slopes_of_powers(base: float, exponent: float, by_base: float, by_exponent: float) -> None:
    for arrays in ([[base]], [[exponent]]), ([[base] * 19], [[exponent] * 19]), ([[base] * 19], [[exponent]]):
        shared = 19 if len(arrays[0][0]) > len(arrays[1][0]) else 1
        np.testing.assert_allclose(slope(ops.power, *arrays), np.full_like(arrays[0], by_base, np.float32), rtol=2e-6)
        np.testing.assert_allclose(slope(ops.power, *arrays, by=1) / shared, by_exponent, rtol=2e-6)


def test_second_derivatives_of_powers() -> None:
    second = lambda x, y: corten.gradients(ops.power(x, y), x)  # noqa: E731
    np.testing.assert_allclose(slope(second, [0, 0, 2, 0], [3, 2, 3, 1]), [0, 2, 12, 0], rtol=1e-6)
    mixed = slope(second, [2, 0, 0], [3, 1, 2], by=1)
    np.testing.assert_allclose(mixed, [4 + 12 * np.log(2), 1, 0], rtol=1e-6)


# --- infinities ------------------------------------------------------------------------------------------------------


def test_log_sum_exp_of_rows_that_are_infinite() -> None:
    x = [[-INF, -INF], [-INF, 1], [1e30, 1e30], [-1e30, 0], [0, 0]]
    np.testing.assert_array_equal(ops.logsumexp(np.float32(x), -1)[:2], np.float32([-INF, 1]))
    right = [[0, 0], [0, 1], [0.5, 0.5], [0, 1], [0.5, 0.5]]
    np.testing.assert_array_equal(slope(lambda x: ops.logsumexp(x, -1), x), right)
    assert not np.isnan(slope(lambda x: ops.logsumexp(x, -1), [[INF, 1]])).any()


def test_ties_share_and_an_infinite_gradient_reaches_the_winners_alone() -> None:
    np.testing.assert_array_equal(slope(lambda x: ops.max(x, -1), [[2, 2, 1], [0, 0, 0]])[0], [0.5, 0.5, 0])
    np.testing.assert_array_equal(slope(lambda x: ops.max(x, -1) * INF, [[2, 3, 1]]), [[0, INF, 0]])
    np.testing.assert_array_equal(slope(lambda x: ops.min(x, -1) * INF, [[2, 3, 1]]), [[0, 0, INF]])
    np.testing.assert_array_equal(slope(lambda x: ops.maximum(x, 2.5) * INF, [2, 3, 1]), [0, INF, 0])
    np.testing.assert_array_equal(slope(lambda x: ops.clip(x, 0, 1) * INF, [-2, 0.5, 3]), [0, INF, 0])
    np.testing.assert_array_equal(slope(lambda x: ops.maximum(x, 2), [2, 3, 1]), [0.5, 1, 0])


# --- branches that are not chosen ------------------------------------------------------------------------------------

BRANCHES: list[Any] = [
    (ops.log, [0, -1, -INF, np.nan]),
    (ops.log1p, [-1, -2, np.nan]),
    (ops.sqrt, [0, -1, np.nan]),
    (ops.rsqrt, [0, -1, np.nan]),
    (ops.reciprocal, [0, np.nan]),
    (ops.exp, [1000, INF, np.nan]),
    (ops.expm1, [1000, INF, np.nan]),
    (ops.square, [INF, np.nan]),
    (ops.sin, [INF, np.nan]),
    (ops.erf, [np.nan]),
    (ops.sigmoid, [np.nan]),
    (ops.tanh, [np.nan]),
    (ops.gelu, [np.nan]),
    (ops.relu, [np.nan, INF]),
    (ops.elu, [np.nan, INF]),
    (ops.softplus, [np.nan, INF]),
    (lambda x: 1.0 / x, [0, np.nan]),
    (lambda x: x / x, [0, INF, np.nan]),
    (lambda x: x * x * x, [INF, np.nan, 1e30]),
    (lambda x: x**-2.0, [0, np.nan]),
    (lambda x: x**1.5, [-1, np.nan]),
    (lambda x: ops.power(2.0, x), [1000, np.nan]),
    (lambda x: ops.log(x) * ops.sqrt(x) / (x - 1.0), [0, 1, -1, np.nan]),
    (lambda x: ops.where(x < 5.0, ops.exp(x) / x, ops.log(x)), [0, -1, np.nan]),
    (lambda x: ops.softmax(ops.stack([x, x], -1))[..., 0], [-INF, INF, np.nan]),
    (lambda x: ops.log_softmax(ops.stack([x, x], -1))[..., 0], [-INF, INF, np.nan]),
    (lambda x: ops.sigmoid_cross_entropy(0.0 * x + 1.0, x), [INF, np.nan]),
    (lambda x: ops.binary_cross_entropy(0.0 * x, x), [np.nan]),
    (lambda x: ops.mean_squared_error(ops.zeros_like(ops.expand_dims(x, -1)), ops.expand_dims(x, -1)), [INF, np.nan]),
    (lambda x: ops.huber(ops.zeros_like(ops.expand_dims(x, -1)), ops.expand_dims(x, -1)), [np.nan]),
]


@pytest.mark.parametrize(("function", "outside"), BRANCHES)
def test_what_where_does_not_choose_has_no_part_in_the_gradient(function: Any, outside: list[float]) -> None:
    x = np.float32([*outside, 2.5])
    inside = np.float32([0] * len(outside) + [1])
    found = slope(lambda x, inside: ops.where(inside, function(x), 7.0), x, inside)
    assert (found[:-1] == 0).all(), found
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found[-1], slope(function, x[-1:])[0], rtol=1e-6)


def test_a_gradient_that_is_not_zero_still_says_where_it_is_infinite() -> None:
    np.testing.assert_array_equal(slope(ops.log, [0, 1]), [INF, 1])
    np.testing.assert_array_equal(slope(ops.reciprocal, [0, 1]), [-INF, -1])
    assert np.isnan(slope(ops.square, [np.nan]))[0]


# --- vectors of length 0 ---------------------------------------------------------------------------------------------


def test_normalized_zeros() -> None:
    """As the formula says: 0 divided by the least length, with its finite slope."""
    x = [[0, 0], [3, 4]]
    for function in (ops.normalize, layers.UnitNormalization()):
        np.testing.assert_allclose(function(np.float32(x)), [[0, 0], [0.6, 0.8]], rtol=1e-6)
        found = slope(lambda x, function=function: ops.square(function(x)), x)
        assert np.isfinite(found).all() and (found[0] == 0).all()


def test_the_similarity_of_a_vector_of_zeros() -> None:
    true, pred = np.float32([[1, 2], [0, 0], [0, 0]]), np.float32([[0, 0], [3, 4], [0, 0]])
    assert (losses.cosine_similarity(true, pred) == 0).all()
    for by in (0, 1):
        assert np.isfinite(slope(losses.cosine_similarity, true, pred, by=by)).all()
