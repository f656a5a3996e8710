from __future__ import annotations

import gzip
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from corten.datasets.idx import read_idx, read_npz
from corten.errors import CorruptFileError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture
def images() -> np.ndarray:
    return np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("shape", [(7,), (3, 4, 5), (0, 28, 28), (2, 1, 3, 1)])
@pytest.mark.parametrize("zipped", [False, True])
def test_every_type_and_rank(tmp_path: Path, code: str, shape: tuple[int, ...], zipped: bool) -> None:
    array = (np.arange(np.prod(shape)) - 3).astype(code).reshape(shape)
    path = tmp_path / "array"  # the content tells whether it is zipped, not the name
    path.write_bytes(gzip.compress(idx_bytes(array), mtime=0) if zipped else idx_bytes(array))
    got = read_idx(path)
    assert got.dtype == array.dtype and got.dtype.isnative
    np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize("zipped", [False, True])
def test_truncated_at_every_byte(tmp_path: Path, images: np.ndarray, zipped: bool) -> None:
    whole = gzip.compress(idx_bytes(images), mtime=0) if zipped else idx_bytes(images)
    path = tmp_path / "cut-off"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CorruptFileError, match="cut-off"):
            read_idx(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not an IDX file"),
        (b"\x93NUMPY\x01\x00", "not an IDX file"),
        (b"\0\0\x0a\x01\0\0\0\0", "not an IDX file"),
        (b"\0\0\x08\0", "not an IDX file"),
        (b"\0\0\x08\x03\0\0", "truncated inside its header"),
        (b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(64), "more than the file can hold"),
        (
            gzip.compress(b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(64), mtime=0),
            "more than the file can hold",
        ),
        (b"\0\0\x08\x01\0\0\0\x02abc", "longer than the 2 bytes"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x02abc", mtime=0), "longer than the 2 bytes"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\x02ab", mtime=0)[:-8] + bytes(8), "damaged gzip"),
        (b"<html>not found</html>", "not an IDX file"),
    ],
)
def test_wrong_files_are_refused_by_name(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "wrong-one"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=f"wrong-one.*{complaint}"):
        read_idx(path)


def test_what_is_expected_must_be_declared(tmp_path: Path, images: np.ndarray) -> None:
    path = tmp_path / "images"
    path.write_bytes(idx_bytes(images))
    np.testing.assert_array_equal(read_idx(path, (3, 4, 5), "uint8"), images)
    with pytest.raises(CorruptFileError, match=r"expected uint8 \(3, 4, 6\), got uint8 \(3, 4, 5\)"):
        read_idx(path, (3, 4, 6), "uint8")
    with pytest.raises(CorruptFileError, match="expected float32"):
        read_idx(path, (3, 4, 5), "float32")


def test_only_regular_files(tmp_path: Path) -> None:
    with pytest.raises(CorruptFileError, match="not a regular file"):
        read_idx(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_refused_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorruptFileError, match="not a regular file"):
        read_idx(tmp_path / "pipe")
    with pytest.raises(CorruptFileError, match="not a regular file"):
        read_npz(tmp_path / "pipe", {})


EXPECTED = {"x": ((3, 4, 5), "uint8"), "y": ((3,), "uint8")}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, images: np.ndarray, save) -> None:
    save(tmp_path / "a.npz", x=images, y=images[:, 0, 0])
    got = read_npz(tmp_path / "a.npz", EXPECTED)
    np.testing.assert_array_equal(got["x"], images)
    np.testing.assert_array_equal(got["y"], images[:, 0, 0])


def test_npz_truncated_at_every_byte(tmp_path: Path, images: np.ndarray) -> None:
    np.savez_compressed(tmp_path / "whole.npz", x=images, y=images[:, 0, 0])
    whole = (tmp_path / "whole.npz").read_bytes()
    path = tmp_path / "cut-off.npz"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CorruptFileError, match="cut-off"):
            read_npz(path, EXPECTED)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"x": np.zeros((3, 4, 5), np.uint8)}, "expected one array 'y'"),
        ({"x": np.zeros((3, 4, 6), np.uint8), "y": np.zeros(3, np.uint8)}, r"'x': expected uint8 \(3, 4, 5\), got"),
        ({"x": np.zeros((3, 4, 5), np.float32), "y": np.zeros(3, np.uint8)}, "'x': expected uint8"),
        ({"x": np.zeros((5, 4, 3), np.uint8).T, "y": np.zeros(3, np.uint8)}, "Fortran"),
        ({"x": np.array([{}], object), "y": np.zeros(3, np.uint8)}, "'x': expected uint8"),
    ],
)
def test_npz_of_other_arrays(tmp_path: Path, arrays: dict[str, np.ndarray], complaint: str) -> None:
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(CorruptFileError, match=f"other.npz.*{complaint}"):
        read_npz(tmp_path / "other.npz", EXPECTED)


def test_npz_whose_member_is_longer_or_double(tmp_path: Path, images: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", x=images, y=images[:, 0, 0])
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        x, y = archive.read("x.npy"), archive.read("y.npy")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("x.npy", x + b"!")
        archive.writestr("y.npy", y)
    with pytest.raises(CorruptFileError, match="expected 60 bytes of data, got 61"):
        read_npz(tmp_path / "b.npz", EXPECTED)
    with zipfile.ZipFile(tmp_path / "c.npz", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x.npy", x)
        archive.writestr("x.npy", x)
    with pytest.raises(CorruptFileError, match="expected one array 'x'"):
        read_npz(tmp_path / "c.npz", EXPECTED)
