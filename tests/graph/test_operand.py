"""Python's operators on tensors: element by element, wherever tensors flow."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import corten
from corten import ops
from corten.graph import Graph

A = np.float32([[3, -2, 0, 7], [1, 1, -5, 2]])
B = np.float32([[3, 2, -1, 2], [-2, 1, 3, 2]])

ARITHMETIC = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
]  # fmt: skip
LOGIC = [operator.and_, operator.or_, operator.xor]


def symbolic(function: Callable[..., Any], *values: Any) -> Any:
    inputs = [corten.Input(value.shape[1:]) for value in values]
    return corten.Model(inputs, function(*inputs)).predict(list(values), verbose=0)


def traced(function: Callable[..., Any], *values: Any) -> Any:
    return corten.function(function)(*values)


def eager(function: Callable[..., Any], *values: Any) -> Any:
    with Graph(eager=True) as graph:
        return function(*(graph.tensor(value) for value in values)).numpy()


WAYS = [symbolic, traced, eager]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sign", ARITHMETIC, ids=lambda sign: sign.__name__)
def test_arithmetic_and_comparisons_are_numpys(sign: Callable[..., Any], way: Callable[..., Any]) -> None:
    assert np.allclose(way(sign, A, B), sign(A, B))
    assert np.allclose(way(lambda a: sign(a, 2), A), sign(A, 2))
    # Reflected; an array on the left leaves it to the tensor.
    assert np.allclose(way(lambda b: sign(2, b), B), sign(2, B))
    assert np.allclose(way(lambda b: sign(A[0], b), B), sign(A[0], B))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sign", LOGIC, ids=lambda sign: sign.__name__)
def test_masks_are_joined(sign: Callable[..., Any], way: Callable[..., Any]) -> None:
    assert (way(lambda a, b: sign(a > 0, b > 0), A, B) == sign(A > 0, B > 0)).all()
    assert (way(lambda a: sign(a > 0, B[0] > 0), A) == sign(A > 0, B[0] > 0)).all()
    assert (way(lambda b: sign(A[0] > 0, ~(b > 0)), B) == sign(A[0] > 0, ~(B > 0))).all()


def test_bits_of_integers_are_refused() -> None:
    tokens = corten.Input((3,), dtype="int32")
    bits = [np.array([1, 2, 4], dtype) for dtype in (np.int8, np.int16, np.uint16, np.int64)]
    joins = [lambda array=array: (tokens > 0) ^ array for array in bits]
    for join in (lambda: tokens & 1, lambda: 1 | tokens, lambda: ~tokens, *joins):
        with pytest.raises(TypeError, match=r"bits of integers are not supported.*ops\.logical_"):
            join()


def test_a_mask_of_tokens() -> None:
    tokens = corten.Input((3,), dtype="int32")
    model = corten.Model(tokens, ops.cast((tokens != 0) & (tokens != 9), "float32"))
    assert model.predict(np.array([[3, 0, 9]]), verbose=0).tolist() == [[1, 0, 0]]


def test_what_is_no_number_is_not_equal() -> None:
    variable, tensor = corten.Variable(np.float32([1, 2])), corten.Input((2,))
    for value in (variable, tensor):
        assert (value == None) is False and (value != None) is True  # noqa: E711
        assert (value == "relu") is False and value != "relu"
    assert (variable == [1, 3]).tolist() == [1, 0]


def test_tensors_and_variables_are_keys_by_identity() -> None:
    one, two = corten.Variable(np.float32([1])), corten.Variable(np.float32([1]))
    assert len({one: 1, two: 2, corten.Input((1,)): 3}) == 3 and {one: 1}[one] == 1
    # A variable given to a function tells one trace from another, and is not compared by its numbers.
    traces = []

    @corten.function
    def scaled(x: Any, variable: Any) -> Any:
        traces.append(variable)
        return x * variable

    for variable, value in ((one, 1), (two, 1), (one, 1)):
        assert scaled(np.float32([3]), variable).tolist() == [3 * value]
    assert len(traces) == 2


def test_the_gradient_of_a_remainder() -> None:
    x, y = corten.Input((1,)), corten.Input((1,))
    slopes = corten.Model([x, y], corten.gradients(x % y, [x, y])).predict([np.float32([[-7]]), np.float32([[2]])])
    assert [slope.item() for slope in slopes] == [1, 4]  # -7 = -4 * 2 + 1
