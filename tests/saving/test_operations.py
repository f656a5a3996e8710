"""Ops in functional models go to Keras's files and back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from saving import operation_cases
from saving.operation_cases import CASES, X, Y, model_of


@pytest.mark.parametrize("name", list(CASES))
def test_goes_to_keras_and_back(name: str, tmp_path: Path, keras: Callable[..., Any]) -> None:
    ours = model_of(corten, name)
    ours.save(tmp_path / "ours.keras")
    predicted = ours.predict([X, Y], verbose=0)
    found = keras(operation_cases.keras_predicts, tmp_path / "ours.keras")
    np.testing.assert_allclose(found, predicted, rtol=1e-5, atol=1e-5)
    wanted = keras(operation_cases.keras_writes, name, tmp_path / "theirs.keras")
    theirs = corten.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(theirs.predict([X, Y], verbose=0), wanted, rtol=1e-5, atol=1e-5)
    for model in (copy.deepcopy(ours), corten.models.clone_model(ours)):
        assert model.predict([X, Y], verbose=0).tobytes() == predicted.tobytes()


def test_what_keras_lacks_goes_to_our_own_files(tmp_path: Path) -> None:
    x, y = corten.Input((4, 6)), corten.Input((4, 6))
    model = corten.Model([x, y], corten.ops.matmul(x, y, transpose_b=True))
    for end in ("safetensors", "keras", "h5"):
        if end != "safetensors":
            pytest.importorskip("h5py", reason="needs h5py: make setup")
        model.save(tmp_path / f"model.{end}")
        again = corten.models.load_model(tmp_path / f"model.{end}")
        np.testing.assert_array_equal(again.predict([X, Y], verbose=0), model.predict([X, Y], verbose=0))
