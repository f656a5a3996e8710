"""Readers of the two containers these data sets come in: IDX, plain or gzipped, and NumPy's npz.

The IDX format: two zero bytes, one byte for the type, one for the number of dimensions, each dimension as a big-endian
uint32, then the values in C order, big-endian. Nothing is allocated before the declared size was held against the
file's own, and nothing is ever unpickled.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptFileError

__all__ = ["read_idx", "read_npz"]

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
# Deflate cannot shrink data more than 1032-fold, so a header that claims more than that is a lie.
_DEFLATE_LIMIT = 1032
_CHUNK = 1 << 20


def read_idx(
    path: str | os.PathLike[str], shape: tuple[int, ...] | None = None, dtype: str | None = None
) -> NDArray[Any]:
    """Read an IDX file, gzipped or not (its first bytes tell, not its name), into a new array of native byte order.

    ``shape`` and ``dtype``, where given, are what the file must declare. Raises ``CorruptFileError``, which names the
    file, if it is truncated, too long, of another kind or of another shape; ``OSError`` if it cannot be read.
    """
    path = Path(path)
    _require_regular(path)
    with path.open("rb") as file:
        zipped = file.read(2) == _GZIP_MAGIC
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        if not zipped:
            return _read_idx_stream(file, path, size, shape, dtype)
        try:
            with gzip.GzipFile(fileobj=file) as unzipped:
                return _read_idx_stream(unzipped, path, size * _DEFLATE_LIMIT, shape, dtype)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CorruptFileError(f"{path}: truncated or damaged gzip data ({error})") from error


def read_npz(path: str | os.PathLike[str], members: dict[str, tuple[tuple[int, ...], str]]) -> dict[str, NDArray[Any]]:
    """Read the named arrays of an npz file; ``members`` gives the shape and dtype that each must declare.

    Raises ``CorruptFileError``, which names the file and the array, before anything is allocated for an array whose
    declared shape, dtype or size differs; ``OSError`` if the file cannot be read.
    """
    path = Path(path)
    _require_regular(path)
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            for name, (shape, dtype) in members.items():
                if names.count(f"{name}.npy") != 1:
                    raise CorruptFileError(f"{path}: expected one array {name!r}, got {_listed(names)}")
                arrays[name] = _read_npy(archive, path, name, shape, np.dtype(dtype))
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError, struct.error) as error:
        raise CorruptFileError(f"{path}: not a readable npz file ({error})") from error
    return arrays


def _read_npy(
    archive: zipfile.ZipFile, path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as member:
        try:
            version = np.lib.format.read_magic(member)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"npy version {version}")
            read_header = (
                np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            )
            got_shape, fortran, got_dtype = read_header(member)
        except ValueError as error:
            raise CorruptFileError(f"{path}: array {name!r} has no readable header ({error})") from error
        if got_shape != shape or got_dtype != dtype or fortran:
            got = f"{got_dtype} {got_shape}{' in Fortran order' if fortran else ''}"
            raise CorruptFileError(f"{path}: array {name!r}: expected {dtype} {shape}, got {got}")
        size = math.prod(shape) * dtype.itemsize
        stated = archive.getinfo(f"{name}.npy").file_size - member.tell()
        if stated != size:
            raise CorruptFileError(f"{path}: array {name!r}: expected {size} bytes of data, got {stated}")
        array = np.empty(shape, dtype)
        _fill(member, array, f"{path}: array {name!r}")
    return array


def _read_idx_stream(
    stream: IO[bytes] | gzip.GzipFile, path: Path, most: int, shape: tuple[int, ...] | None, dtype: str | None
) -> NDArray[Any]:
    """``most`` is the largest number of bytes that the stream can possibly yield."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
        raise CorruptFileError(f"{path}: not an IDX file (it begins with {magic.hex() or 'nothing'})")
    declared = np.dtype(_DTYPES[magic[2]])
    dimensions = stream.read(4 * magic[3])
    if len(dimensions) < 4 * magic[3]:
        raise CorruptFileError(f"{path}: truncated inside its header")
    got_shape = struct.unpack(f">{magic[3]}I", dimensions)
    native = declared.newbyteorder("=")
    if (shape is not None and got_shape != shape) or (dtype is not None and native != np.dtype(dtype)):
        expected = f"{dtype or 'any type'} {shape or 'of any shape'}"
        raise CorruptFileError(f"{path}: expected {expected}, got {native} {got_shape}")
    size = math.prod(got_shape) * declared.itemsize
    if 4 + len(dimensions) + size > most:
        raise CorruptFileError(f"{path}: its header declares {size} bytes of data, more than the file can hold")
    array = np.empty(got_shape, declared)
    _fill(stream, array, str(path))
    return array.astype(native, copy=False)


def _fill(stream: IO[bytes] | gzip.GzipFile, array: NDArray[Any], what: str) -> None:
    """Read exactly the array's bytes from the stream, which must end there."""
    target = array.reshape(-1).view(np.uint8).data
    filled = 0
    while filled < len(target):
        chunk = stream.read(min(_CHUNK, len(target) - filled))
        if not chunk:
            raise CorruptFileError(f"{what}: truncated: expected {len(target)} bytes of data, got {filled}")
        target[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    if stream.read(1):
        raise CorruptFileError(f"{what}: longer than the {len(target)} bytes of data it declares")


def _require_regular(path: Path) -> None:
    # A named pipe would block for ever, a device never end.
    if path.exists() and not path.is_file():
        raise CorruptFileError(f"{path}: not a regular file")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:8]) or "an empty archive"
