from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from corten.datasets import digits, fashion_mnist, mnist
from corten.errors import CorruptFileError


def test_the_originals(mnist_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORTEN_DATA", str(mnist_folder.parent))
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert x_train.shape == (60000, 28, 28) and x_test.shape == (10000, 28, 28)
    assert y_train.shape == (60000,) and y_test.shape == (10000,)
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype("uint8")}
    assert y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert x_train.max() == 255 and x_train.min() == 0


def test_mnist_is_not_taken_for_fashion_mnist(mnist_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The two have the same file names, shapes and sizes.
    monkeypatch.setenv("CORTEN_DATA", str(mnist_folder))
    with pytest.raises(CorruptFileError, match="train-labels-idx1-ubyte.*SHA-256"):
        fashion_mnist.load_data()


def test_one_flipped_bit_is_found(mnist_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in mnist_folder.glob("*.gz"):
        shutil.copy(path, tmp_path)
    raw = bytearray(gzip.decompress((tmp_path / "t10k-images-idx3-ubyte.gz").read_bytes()))
    raw[5000] ^= 1
    (tmp_path / "t10k-images-idx3-ubyte.gz").unlink()
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(raw)
    monkeypatch.setenv("CORTEN_DATA", str(tmp_path))
    with pytest.raises(CorruptFileError, match="t10k-images-idx3-ubyte: not the original"):
        mnist.load_data()


def test_digits_need_no_network() -> None:
    pytest.importorskip("sklearn")
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1500, 28, 28) and x_test.shape == (297, 28, 28)
    assert x_train.dtype == y_train.dtype == np.uint8
    assert x_train.max() == 255
    assert not x_train[:, :2].any() and not x_train[:, :, -2:].any(), "a margin of two pixels"
    np.testing.assert_array_equal(x_test[:, 2::3, 2::3][:, :8, :8], x_test[:, 4:26:3, 4:26:3])
    assert np.bincount(y_test).min() >= 20, "every class is in the test set"
    again = digits.load_data()
    np.testing.assert_array_equal(again[0][0], x_train)


def test_digits_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"corten\[demo\]"):
        digits.load_data()
