"""Every layer is described, copied, pickled, and goes to files of its own, to stock Keras and back."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from contracts.test_every_layer import LAYERS
from saving.layer_models import case_of, keras_has, keras_predicts, keras_writes, layout, model_of

each = pytest.mark.parametrize(
    "index", range(len(LAYERS)), ids=[f"{name}({','.join(options)})" for name, options, _ in LAYERS]
)


@each
def test_is_described_and_made_again(index: int) -> None:
    layer = model_of(corten, case_of(index)[0]).layers[-1]
    text = json.dumps(layer.get_config())
    assert json.dumps(type(layer).from_config(json.loads(text)).get_config()) == text
    text = json.dumps(corten.saving.serialize_keras_object(layer))
    again = corten.saving.deserialize_keras_object(json.loads(text))
    assert json.dumps(corten.saving.serialize_keras_object(again)) == text
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]


@each
def test_predicts_the_same_bits_copied_pickled_and_loaded(index: int, tmp_path: Path) -> None:
    case, x = case_of(index)
    model = model_of(corten, case)
    y = model.predict(x, verbose=0).tobytes()
    model.save(tmp_path / "model.safetensors")
    found = {
        "deepcopy": copy.deepcopy(model),
        "pickle": pickle.loads(pickle.dumps(model)),
        "safetensors": corten.models.load_model(tmp_path / "model.safetensors"),
    }
    assert [way for way, other in found.items() if other.predict(x, verbose=0).tobytes() != y] == []
    layer = model.layers[-1]
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other.built == layer.built and other.get_config() == layer.get_config()
        assert [w.tobytes() for w in other.get_weights()] == [w.tobytes() for w in layer.get_weights()]


@each
def test_predicts_the_same_bits_out_of_hdf5(index: int, tmp_path: Path) -> None:
    pytest.importorskip("h5py", reason="needs h5py: make setup")
    case, x = case_of(index)
    model = model_of(corten, case)
    y = model.predict(x, verbose=0).tobytes()
    for end in ("keras", "h5"):
        model.save(tmp_path / f"model.{end}")
        assert corten.models.load_model(tmp_path / f"model.{end}").predict(x, verbose=0).tobytes() == y, end


@each
def test_goes_to_keras_and_back(index: int, tmp_path: Path, keras: Callable[..., Any]) -> None:
    case, x = case_of(index)
    if not keras(keras_has, index):
        pytest.skip("Keras has no such layer")
    if case[0] == "RandomCrop":
        pytest.skip("gives another part of the image in inference, on purpose: keras_differences.py")
    ours = model_of(corten, case)
    ours.save(tmp_path / "ours.keras")
    ours.save_weights(tmp_path / "ours.weights.h5")
    predictions = ours.predict(x, verbose=0), keras(keras_predicts, index, tmp_path / "ours.keras")
    np.testing.assert_allclose(*predictions, rtol=1e-5, atol=1e-5)
    wanted = keras(keras_writes, index, tmp_path / "theirs.keras")
    np.testing.assert_allclose(predictions[0], wanted, rtol=1e-5, atol=1e-5)
    assert layout(tmp_path / "ours.weights.h5") == layout(tmp_path / "theirs.weights.h5")
    theirs = corten.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(theirs.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-5)
