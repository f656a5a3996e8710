"""What arrays become at the very ends of int32: an operand, a column of data, a batch of it."""

from __future__ import annotations

import numpy as np
import pytest

import corten
from corten import layers
from corten.graph.arrays import as_array, as_fed, column

LOW, HIGH = -(2**31), 2**31 - 1


@pytest.mark.parametrize("value", [LOW, HIGH])
def test_the_last_int32_is_one(value: int) -> None:
    array = np.array([0, value])
    assert as_array(array).dtype == np.int32
    assert column(array, "x").dtype == np.int64
    for found in (as_array(array), as_fed(column(array, "x"), "int32")):
        assert found.dtype == np.int32 and found.tolist() == [0, value]


@pytest.mark.parametrize("value", [LOW - 1, HIGH + 1])
def test_the_first_beyond_is_a_float_in_data_and_an_error_as_an_index(value: int) -> None:
    array = np.array([0, value])
    with pytest.raises(IndexError, match="int32"):
        as_array(array)
    with pytest.raises(IndexError, match="int32"):
        as_fed(array, "int32")
    found = column(array, "x")
    assert found.dtype == np.float64 and found.tolist() == [0, value]


@pytest.mark.parametrize("value", [LOW - 1, LOW, HIGH, HIGH + 1])
def test_a_model_takes_either(value: int) -> None:
    model = corten.Sequential([layers.Input((1,)), layers.Rescaling(0.5)])
    assert model.predict(np.array([[value]]), verbose=0).item() == np.float32(value) / 2
