"""Files of tf-keras and Keras 2, in HDF5 and as archives, loaded by Corten: their outputs, and how training goes on."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten.graph import flatten

pytest.importorskip("h5py")

DATA = Path(__file__).parents[1] / "data" / "keras2"
SHARED = Path(os.environ.get("CORTEN_DATA") or Path(__file__).parents[3] / "shared" / "data") / "models"
#: What a file has that Corten does not have yet.
LACKING = {"convlstm": "ConvLSTM2D", "norm": "EinsumDense"}
MODELS = sorted(path.stem for path in DATA.glob("*.zip") if path.stem != "optimizers")
OPTIMIZERS = ["adadelta", "adam", "l_adam", "l_adam0", "l_adamax", "l_rms", "l_sgd", "rms", "sched", "sgdm"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("keras2")
    for archive in DATA.glob("*.zip"):
        with zipfile.ZipFile(archive) as file:
            file.extractall(place)
    return place


def difference(model: Any, data: Any) -> float:
    inputs = [data[name] for name in sorted(data) if name[0] == "x"]
    x = dict(zip(sorted(model.input), inputs, strict=True)) if isinstance(model.input, dict) else inputs
    outputs = flatten(model.predict(x if len(inputs) > 1 or isinstance(x, dict) else inputs[0], verbose=0))
    expected = [data[name] for name in sorted(data) if name[0] == "y"]
    return max(float(np.max(np.abs(got - want))) for got, want in zip(outputs, expected, strict=True))


@pytest.mark.parametrize("end", ["h5", "keras"])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_tf_keras_gives_its_outputs(folder: Path, name: str, end: str) -> None:
    path = folder / f"{name}.{end}"
    if name in LACKING:
        with pytest.raises(ValueError, match=f"unknown class '{LACKING[name]}'"):
            corten.models.load_model(path)
        return
    model = corten.models.load_model(path)
    data = np.load(folder / f"{name}.npz")
    assert difference(model, data) < 1e-5
    # And kept by Corten.
    model.save(folder / f"again-{name}.safetensors")
    assert difference(corten.models.load_model(folder / f"again-{name}.safetensors"), data) < 1e-5


@pytest.mark.parametrize("end", ["h5", "keras"])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.filterwarnings("ignore:load_model")
def test_training_goes_on_where_it_was(folder: Path, name: str, end: str) -> None:
    model = corten.models.load_model(folder / f"opt_{name}.{end}")
    data = np.load(folder / f"opt_{name}.npz")
    assert model.optimizer is not None
    if int(model.optimizer.iterations) == 0:
        pytest.skip("the file has no state of the optimizer")
    for _ in range(2):
        model.train_on_batch(data["x"], data["y"])
    for index, weight in enumerate(model.get_weights()):
        np.testing.assert_allclose(weight, data[f"w{index}"], atol=2e-5)


@pytest.mark.skipif(not SHARED.exists(), reason=f"needs {SHARED}")
@pytest.mark.parametrize("end", ["h5", "keras"])
@pytest.mark.parametrize("name", ["k2_cnn", "k2_res", "k2_rnn"])
def test_the_shared_models_of_keras_2(name: str, end: str) -> None:
    data = np.load(SHARED / "keras2" / f"{name}.npz")
    assert difference(corten.models.load_model(SHARED / "keras2" / f"{name}.{end}"), data) < 1e-5


def test_weights_go_into_a_model_that_is_there(folder: Path) -> None:
    for end in ("h5", "keras"):
        model = corten.models.load_model(folder / f"conv1d.{end}", compile=False)
        other = corten.models.clone_model(model)
        data = np.load(folder / "conv1d.npz")
        assert difference(other, data) > 1e-3
        if end == "h5":
            other.load_weights(folder / "conv1d.h5")
            assert difference(other, data) < 1e-5
