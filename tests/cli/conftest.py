"""Models in files, made once, and the command line called within this process."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import corten
from cli.running import Ended, Run
from corten.cli import main
from corten.layers import Concatenate, Dense, Dropout, Flatten


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def called(*words: object) -> Ended:
        code = main([str(word) for word in words])
        return Ended(code, *capsys.readouterr())

    return called


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def trained(folder: Path) -> Path:
    """A model with an optimizer's state and a layer with a random state."""
    corten.utils.set_random_seed(0)
    model = corten.Sequential(
        [corten.Input((4,), name="x"), Dense(3, "relu", name="a"), Dropout(0.5, name="drop"), Dense(2, name="b")]
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((8, 4)), np.ones((8, 2)), epochs=2, verbose=0)
    model.save(folder / "trained.safetensors")
    model.save_weights(folder / "weights.safetensors")
    return folder / "trained.safetensors"


@pytest.fixture(scope="session")
def archive(trained: Path) -> Path:
    """The same as a .keras file."""
    pytest.importorskip("h5py")
    corten.models.load_model(trained).save(trained.with_name("trained.keras"))
    return trained.with_name("trained.keras")


@pytest.fixture(scope="session")
def branched(folder: Path) -> Path:
    """A model of two inputs and two outputs."""
    corten.utils.set_random_seed(1)
    a, b = corten.Input((2,), name="a"), corten.Input((3,), name="b")
    model = corten.Model([a, b], [Dense(1, name="p")(Concatenate()([a, b])), Dense(2, name="q")(b)])
    model.save(folder / "branched.safetensors")
    return folder / "branched.safetensors"


@pytest.fixture(scope="session")
def of_images(folder: Path) -> Path:
    """A model of coloured images, 6 wide and 8 high, whose outputs are their means and that of their first pixels."""
    model = corten.Sequential([corten.Input((8, 6, 3), name="image"), Flatten(), Dense(2, use_bias=False)])
    kernel = np.zeros((144, 2), "float32")
    kernel[:, 0], kernel[:3, 1] = 1 / 144, 1 / 3
    model.set_weights([kernel])
    model.save(folder / "images.safetensors")
    return folder / "images.safetensors"


@pytest.fixture(scope="session")
def real_models(shared_data: Path) -> Path:
    """The folder of model files that others made."""
    if not (shared_data / "models").is_dir():
        pytest.skip(f"needs model files in {shared_data / 'models'}")
    return shared_data / "models"


@pytest.fixture(scope="session")
def onnx_reader() -> None:
    """Skips where ONNX files cannot be read."""
    pytest.importorskip("onnx")
    if importlib.util.find_spec("corten.onnx") is None:
        pytest.skip("needs corten.onnx")


@pytest.fixture(scope="session")
def onnx_writer() -> None:
    """Skips where ONNX files cannot be written."""
    pytest.importorskip("onnx")
    if not hasattr(corten.Model, "export"):
        pytest.skip("needs Model.export")
