"""Between arrays and tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten import Input, ops
from corten.graph import Graph


def test_arrays_to_tensors_and_back() -> None:
    for given, kind in (
        (np.arange(3), "int32"),
        (np.ones(2), "float32"),
        (np.array([True]), "uint8"),
        ([1, 2], "int32"),
    ):
        converted = ops.convert_to_tensor(given)
        assert converted.dtype == kind and converted.tolist() == list(given)
        assert ops.convert_to_tensor(given, "float32").dtype == np.float32
    variable = corten.Variable(np.ones(2))
    assert ops.convert_to_tensor(variable) is variable
    assert type(ops.convert_to_numpy(variable)) is np.ndarray and ops.convert_to_numpy([1, 2]).tolist() == [1, 2]
    with Graph(eager=True) as graph:
        assert ops.convert_to_numpy(ops.convert_to_tensor([1.0]) + 1).tolist() == [2]
        graph.finish()

    @corten.function
    def twice(x: Any) -> Any:
        with pytest.raises(ValueError, match="run_eagerly=True"):
            ops.convert_to_numpy(x)
        return ops.convert_to_tensor(x, "float32") * ops.convert_to_tensor(np.float64(2))

    assert twice(np.arange(3)).tolist() == [0, 2, 4]


def test_symbolic() -> None:
    x = Input((3,), dtype="int32")
    assert ops.convert_to_tensor(x) is x and ops.convert_to_tensor(x, "float32").dtype == "float32"
    with pytest.raises(TypeError, match="is symbolic"):
        ops.convert_to_numpy(x)
    with pytest.raises(ValueError, match="sparse"):
        ops.convert_to_tensor(x, sparse=True)


def test_what_keras_calls_sizes_and_tensors() -> None:
    x = corten.Input((3, 4))
    assert (ops.ndim(x), ops.size(x), ops.size(np.ones((2, 3)))) == (3, None, 6)
    assert ops.is_tensor(x) and ops.is_tensor(np.ones(2)) and not ops.is_tensor([1.0])
    assert not ops.is_tensor(corten.Variable([1.0]))
    np.testing.assert_array_equal(ops.full_like(np.ones((2, 3)), 7), np.full((2, 3), 7, np.float32))
    np.testing.assert_array_equal(ops.array([1, 2], "float32"), np.float32([1, 2]))


def test_linspace_is_numpys() -> None:
    found, step = ops.linspace(0, 3, 4, endpoint=False, retstep=True)
    assert found.dtype == np.float32 and step == 0.75
    np.testing.assert_array_equal(found, np.float32([0, 0.75, 1.5, 2.25]))
    np.testing.assert_array_equal(ops.linspace([0, 1], [1, 3], 3, axis=-1), np.float32([[0, 0.5, 1], [1, 2, 3]]))
