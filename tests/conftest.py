"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores: each computes on one thread, and so does what it starts. Tests of threads ask for more.
    for library in ("CORTEN", "OMP", "OPENBLAS"):
        os.environ[f"{library}_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, which is no part of the repository: ``CORTEN_DATA`` or ``../shared/data``."""
    for folder in (os.environ.get("CORTEN_DATA"), Path(__file__).parents[2] / "shared" / "data"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    pytest.skip("needs real data: neither CORTEN_DATA nor ../shared/data is there")


@pytest.fixture(scope="session")
def mnist_folder(shared_data: Path) -> Path:
    """The folder with MNIST's four original files."""
    folder = shared_data / "mnist"
    if not (folder / "train-images-idx3-ubyte.gz").exists():
        pytest.skip(f"needs MNIST's original files in {folder}")
    return folder
