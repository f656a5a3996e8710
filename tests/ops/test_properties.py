"""Properties that hold for every shape, key and number: drawn by hypothesis, held against NumPy."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from corten import ops

pytest.importorskip("hypothesis", reason="draws examples: make setup")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

# How long examples take to be made is the machine's affair.
settings.register_profile("corten", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("corten")

# Kernels take denormal numbers for 0, and give 0 for them: they would be a hundred times slower.
NUMBERS = st.floats(width=32, allow_subnormal=False)
TINY = np.finfo(np.float32).tiny
SHAPES = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=9)


def arrays(shape: Any = SHAPES, elements: Any = NUMBERS) -> Any:
    return hnp.arrays(np.float32, shape, elements=elements)


BINARY = {
    ops.add: np.add,
    ops.subtract: np.subtract,
    ops.multiply: np.multiply,
    ops.divide: np.divide,
    ops.maximum: np.maximum,
    ops.minimum: np.minimum,
    ops.less: np.less,
    ops.greater_equal: np.greater_equal,
    ops.equal: np.equal,
}


@given(shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=9, min_side=0), data=st.data())
def test_arithmetic_is_numpys_for_any_shapes_and_numbers(shapes: Any, data: Any) -> None:
    a, b = (data.draw(arrays(shape)) for shape in shapes.input_shapes)
    for ours, theirs in BINARY.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = theirs(a, b)
        np.testing.assert_array_equal(ours(a, b), np.where(np.abs(wanted) < TINY, 0, wanted))


@given(data=st.data())
def test_indexing_is_numpys_for_any_key(data: Any) -> None:
    shape = data.draw(SHAPES)
    x = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    key = data.draw(hnp.basic_indices(shape, max_dims=8, allow_newaxis=True, allow_ellipsis=True))
    if np.ndim(x[key]) <= 8:
        np.testing.assert_array_equal(ops.getitem(x, key), x[key])


@given(x=arrays(hnp.array_shapes(min_dims=1, max_dims=5, max_side=9), st.floats(-100, 100, width=32)), data=st.data())
def test_reductions_are_numpys_for_any_axes(x: Any, data: Any) -> None:
    axes = data.draw(hnp.valid_tuple_axes(x.ndim, min_size=1))
    keepdims = data.draw(st.booleans())
    for ours, theirs in ((ops.sum, np.sum), (ops.mean, np.mean), (ops.max, np.max), (ops.min, np.min)):
        wanted = theirs(x.astype(np.float64), axis=axes, keepdims=keepdims)
        got = ours(x, axis=axes, keepdims=keepdims)
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-2 if ours is ops.sum else 1e-4)


@given(data=st.data())
def test_any_order_of_axes(data: Any) -> None:
    x = data.draw(arrays(hnp.array_shapes(min_dims=1, max_dims=6, min_side=0, max_side=7)))
    order = data.draw(st.permutations(range(x.ndim)))
    np.testing.assert_array_equal(ops.transpose(x, order), np.transpose(x, order))
    np.testing.assert_array_equal(ops.flip(x, order[0]), np.flip(x, order[0]))
    np.testing.assert_array_equal(ops.concatenate([x, x], order[0]), np.concatenate([x, x], order[0]))
    widths = [(i % 3, (i + 1) % 3) for i in range(x.ndim)]
    np.testing.assert_array_equal(ops.pad(x, widths), np.pad(x, widths))


@given(x=arrays(hnp.array_shapes(min_dims=1, max_dims=3, max_side=40)))
def test_softmax_is_a_distribution_or_nan_whatever_the_numbers(x: Any) -> None:
    y = ops.softmax(x)
    total = y.sum(-1, dtype=np.float64)
    ordinary = ~np.isnan(x).any(-1) & (x != np.inf).all(-1) & (x != -np.inf).any(-1)
    np.testing.assert_allclose(total[ordinary], 1, rtol=1e-5)
    assert np.isnan(total[np.isnan(x).any(-1)]).all()


@pytest.mark.parametrize("size", [1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 67])
def test_nan_stays_in_its_lane_and_wins_every_extreme(size: int) -> None:
    for at in range(size):
        x = np.linspace(-2, 2, size, dtype=np.float32)
        x[at] = np.nan
        alone = np.arange(size) == at
        for function in (
            ops.relu,
            ops.relu6,
            ops.leaky_relu,
            ops.elu,
            ops.sigmoid,
            ops.tanh,
            ops.exp,
            ops.softplus,
            ops.gelu,
        ):
            assert (np.isnan(function(x)) == alone).all(), function.__name__
        assert (np.isnan(ops.maximum(x, 0)) == alone).all()
        assert (np.isnan(ops.minimum(0, x)) == alone).all()
        for function in (ops.max, ops.min, ops.sum, ops.mean):
            assert np.isnan(function(x)), function.__name__
        image = np.zeros((1, 2, 2, size), np.float32)
        image[0, 1, 0] = x
        assert (np.isnan(ops.max_pool2d(image).ravel()) == alone).all()


@pytest.mark.parametrize(
    "function", [ops.tanh, ops.sigmoid, ops.exp, ops.softplus, ops.erf, ops.silu, ops.relu, ops.log1p]
)
def test_equal_numbers_give_equal_bits_in_every_lane(function: Any) -> None:
    """The vector body and the scalar tail are one function."""
    for value in (0.3, -1.7, 11.0, 1e-20):
        for size in (1, 5, 16, 31, 100):
            y = function(np.full(size, np.abs(value) if function is ops.log1p else value, np.float32))
            assert len({y.tobytes()[i : i + 4] for i in range(0, 4 * size, 4)}) == 1


def test_more_than_eight_axes_are_refused() -> None:
    with pytest.raises(ValueError):
        ops.relu(np.zeros((1,) * 9, np.float32))
