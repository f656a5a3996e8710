"""Reading and writing safetensors files: named arrays and a dictionary of strings, and no code.

The format (https://huggingface.co/docs/safetensors): a little-endian uint64, the length of the header; the header, a
JSON object that maps each name to ``{"dtype", "shape", "data_offsets"}`` and ``"__metadata__"`` to strings; then the
arrays' bytes, little-endian, in C order, without gaps.

A file is held to be hostile until shown otherwise: every number in its header is checked against the others, the size
of the file and, if the caller knows them, the shapes that are wanted, before anything is allocated for it.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import stat
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import CorruptFileError
from ..graph import Variable, assign
from .atomic import atomic_write
from .closed_json import without_duplicates
from .stored import Stored, read_into, write_from

__all__ = [
    "StoredTensors",
    "load_file",
    "load_metadata",
    "load_variables",
    "open_regular",
    "read_header",
    "save_file",
    "save_variables",
    "stored_types",
]

_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
_CODES = {np.dtype(dtype): code for code, dtype in _DTYPES.items()}
_SIZES = {code: np.dtype(dtype).itemsize for code, dtype in _DTYPES.items()} | {"BF16": 2}
_METADATA = "__metadata__"
_LARGEST_HEADER = 100_000_000
_MOST_DIMENSIONS = 32
_LONGEST_NAME = 512


@dataclass(frozen=True)
class _Tensor:
    """What the header says of one array."""

    name: str
    code: str
    shape: tuple[int, ...]
    begin: int
    end: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the array that reading gives; NumPy has no bfloat16, so that becomes float32."""
        dtype: np.dtype[Any] = np.dtype("f4" if self.code == "BF16" else _DTYPES[self.code])
        return dtype.newbyteorder("=")


def save_file(
    tensors: Mapping[str, NDArray[Any]], path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write the arrays, and optionally a dictionary of strings, to a safetensors file.

    The file is written beside ``path``, synced, and renamed: whatever goes wrong, ``path`` holds the old content or
    the new. float16/32/64, all integers and bool can be stored, in any byte order and memory layout.

    Raises:
        TypeError: an array's dtype cannot be stored, or a name or metadata entry is not a string.
        ValueError: a name is empty, longer than 512 characters, reserved, or has unprintable characters.
        OSError: the file cannot be written.

    Example:
        >>> import numpy, pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "weights.safetensors"
        ...     save_file({"dense/kernel": numpy.eye(2, dtype="float32")}, path, {"epoch": "3"})
        ...     load_file(path)["dense/kernel"].tolist(), load_metadata(path)
        ([[1.0, 0.0], [0.0, 1.0]], {'epoch': '3'})
    """
    masked = [name for name, array in tensors.items() if isinstance(array, np.ma.MaskedArray)]
    if masked:
        raise TypeError(
            f"save_file: tensor {masked[0]!r}: masked arrays are not supported; fill the masked entries first"
        )
    arrays = {name: np.asarray(array) for name, array in tensors.items()}
    header, begins = _header({name: (array.shape, array.dtype) for name, array in arrays.items()}, metadata)
    with atomic_write(path) as file:
        file.write(header)
        for name in begins:
            stored = np.ascontiguousarray(arrays[name], arrays[name].dtype.newbyteorder("<"))
            file.write(stored.reshape(-1).view(np.uint8).data)


def _header(
    specs: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]], metadata: Mapping[str, str] | None
) -> tuple[bytes, dict[str, int]]:
    """What a file of such arrays begins with, and where in the file each begins, in their order."""
    header: dict[str, Any] = {}
    if metadata:
        for key, text in metadata.items():
            if not isinstance(key, str) or not isinstance(text, str):
                raise TypeError(f"save_file: metadata must map strings to strings, got {key!r}: {text!r}")
        header[_METADATA] = dict(metadata)
    for name, (_, dtype) in specs.items():
        if not isinstance(name, str):
            raise TypeError(f"save_file: names must be strings, got {name!r}")
        if problem := _name_problem(name):
            raise ValueError(f"save_file: tensor name {name[:80]!r} {problem}")
        if dtype.newbyteorder("<") not in _CODES:
            raise TypeError(f"save_file: tensor {name!r}: dtype {dtype} cannot be stored")
    # The header keeps the order given; of the bytes, the widest types come first, so that every array begins at a
    # multiple of its item's size.
    sizes = {name: math.prod(shape) * dtype.itemsize for name, (shape, dtype) in specs.items()}
    order = sorted(specs, key=lambda name: -specs[name][1].itemsize)
    ends = dict(zip(order, itertools.accumulate(sizes[name] for name in order), strict=True))
    for name, (shape, dtype) in specs.items():
        code, offsets = _CODES[dtype.newbyteorder("<")], [ends[name] - sizes[name], ends[name]]
        header[name] = {"dtype": code, "shape": list(shape), "data_offsets": offsets}
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    if len(encoded) > _LARGEST_HEADER:
        raise ValueError(
            f"save_file: names and metadata take {len(encoded)} bytes; the format allows {_LARGEST_HEADER}"
        )
    start = 8 + len(encoded)
    return struct.pack("<Q", len(encoded)) + encoded, {name: start + ends[name] - sizes[name] for name in order}


def load_file(
    path: str | os.PathLike[str],
    expected: Mapping[str, tuple[tuple[int, ...], DTypeLike]] | None = None,
    ignored: Collection[str] = (),
) -> dict[str, NDArray[Any]]:
    """Read all arrays of a safetensors file into new, writable arrays of native byte order; bfloat16 becomes float32.

    ``expected`` maps each wanted name to its shape and dtype; if it is given, the file must declare exactly these, and
    that is checked before anything is allocated; those named in ``ignored`` may be there and are not read.

    Raises:
        CorruptFileError: the file is truncated, malformed, not a regular file, or not what was expected; the message
            names the file, the tensor, what was expected and what was found.
        OSError: the file cannot be read.
    """
    path = Path(path)
    with open_regular(path) as file:
        tensors, _, start = _read_header(file, path)
        tensors = [tensor for tensor in tensors if tensor.name not in ignored]
        if expected is not None:
            _compare(tensors, expected, path)
        return {tensor.name: _read_tensor(file, tensor, start, path) for tensor in tensors}


def save_variables(
    variables: Mapping[str, Variable], path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """As ``save_file``, of what variables hold, all of one moment; none is copied as a whole."""
    header, begins = _header({name: (v.shape, np.dtype(v.dtype)) for name, v in variables.items()}, metadata)
    with atomic_write(path) as file:
        file.write(header)
        write_from(file, [variables[name] for name in begins], list(begins.values()))


class StoredTensors(Stored):
    """Some arrays of a file, all of which must be there.

    Raises ``CorruptFileError`` where one is not, or the file is damaged.
    """

    def __init__(self, path: str | os.PathLike[str], names: Collection[str]) -> None:
        self._path = Path(path)
        with open_regular(self._path) as file:
            tensors, _, self._start = _read_header(file, self._path)
        by_name = {tensor.name: tensor for tensor in tensors}
        for name in names:
            if name not in by_name:
                raise CorruptFileError(f"{path}: tensor {name!r}: expected, got no such tensor")
        self._tensors = [by_name[name] for name in names]
        self.shapes = [tensor.shape for tensor in self._tensors]

    def arrays(self) -> list[NDArray[Any]]:
        with open_regular(self._path) as file:
            return [_read_tensor(file, tensor, self._start, self._path) for tensor in self._tensors]

    def into(self, variables: Sequence[Variable]) -> None:
        if any(tensor.dtype != v.dtype or tensor.code == "BF16" for tensor, v in zip(self._tensors, variables)):
            assign(variables, self.arrays())
            return
        with open_regular(self._path) as file:
            try:
                read_into(file, variables, [self._start + tensor.begin for tensor in self._tensors])
            except EOFError as error:
                raise CorruptFileError(f"{self._path}: truncated while it was read") from error


def load_variables(path: str | os.PathLike[str], variables: Mapping[str, Variable], ignored: Collection[str]) -> None:
    """Reads arrays into variables, once all shapes and dtypes have been compared; no array is made.

    Where reading fails in the midst, some have been changed. Raises as ``load_file`` does.
    """
    path = Path(path)
    with open_regular(path) as file:
        tensors = [tensor for tensor in _read_header(file, path)[0] if tensor.name not in ignored]
    _compare(tensors, {name: (v.shape, v.dtype) for name, v in variables.items()}, path)
    StoredTensors(path, list(variables)).into(list(variables.values()))


def read_header(path: str | os.PathLike[str]) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """The shape and dtype of each array, in the order in which they were given to ``save_file``; no data is read.

    What it gives is what ``load_file`` takes as ``expected``. Raises as ``load_file`` does.
    """
    path = Path(path)
    with open_regular(path) as file:
        return {tensor.name: (tensor.shape, tensor.dtype) for tensor in _read_header(file, path)[0]}


def stored_types(path: str | os.PathLike[str]) -> dict[str, str]:
    """The type of each array by the format's own name, such as "F32" or "BF16"; no data is read.

    Raises as ``load_file`` does.
    """
    path = Path(path)
    with open_regular(path) as file:
        return {tensor.name: tensor.code for tensor in _read_header(file, path)[0]}


def load_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the dictionary of strings of a safetensors file; empty if it has none. Raises as ``load_file`` does."""
    path = Path(path)
    with open_regular(path) as file:
        return _read_header(file, path)[1]


def open_regular(path: Path) -> BinaryIO:
    """Opens a regular file for reading; ``CorruptFileError`` for anything else."""
    # Looked at before it is opened: to open a named pipe waits, to open a device may do something.
    if not stat.S_ISREG(path.stat().st_mode):
        raise CorruptFileError(f"{path}: not a regular file")
    # Unbuffered, read piece by piece and never mapped: a file that someone truncates meanwhile is then an error, not
    # the death of the process.
    return path.open("rb", buffering=0)


def _read_into(file: BinaryIO, target: memoryview, path: Path, what: str) -> None:
    filled = 0
    while filled < len(target):
        count = file.readinto(target[filled : filled + (1 << 30)])  # type: ignore[attr-defined]
        if not count:
            raise CorruptFileError(f"{path}: {what}: truncated: expected {len(target)} bytes, got {filled}")
        filled += count


def _read_header(file: BinaryIO, path: Path) -> tuple[list[_Tensor], dict[str, str], int]:
    """The arrays in the order of the header, the metadata, and where the bytes begin."""
    size = os.fstat(file.fileno()).st_size
    if size < 8:
        raise CorruptFileError(f"{path}: header: expected at least 8 bytes, got {size}")
    prefix = bytearray(8)
    _read_into(file, memoryview(prefix), path, "header")
    length = int.from_bytes(prefix, "little")
    if length > _LARGEST_HEADER or length > size - 8:
        limit = min(_LARGEST_HEADER, size - 8)
        raise CorruptFileError(f"{path}: header: expected at most {limit} bytes, its declared length is {length}")
    encoded = bytearray(length)
    _read_into(file, memoryview(encoded), path, "header")
    if not encoded.startswith(b"{"):
        raise CorruptFileError(f"{path}: header: expected a JSON object, got {bytes(encoded[:8])!r}")
    try:
        header = json.loads(encoded.decode(), object_pairs_hook=without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{path}: header: not valid JSON ({error})") from error
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise CorruptFileError(f"{path}: {_METADATA}: expected an object of strings")
    tensors = [_parse_tensor(name, entry, path) for name, entry in header.items()]
    position = 0
    for tensor in sorted(tensors, key=lambda tensor: (tensor.begin, tensor.end)):
        if tensor.begin != position:
            raise CorruptFileError(
                f"{path}: tensor {tensor.name!r}: expected to begin at byte {position}, where the one before ends, "
                f"got {tensor.begin}"
            )
        position = tensor.end
    if position != size - 8 - length:
        raise CorruptFileError(f"{path}: expected {position} bytes of data, got {size - 8 - length}")
    return tensors, metadata, 8 + length


def _parse_tensor(name: str, entry: Any, path: Path) -> _Tensor:
    """Check one entry of the header in itself. Python's integers do not overflow."""
    what = f"{path}: tensor {name[:80]!r}"
    if problem := _name_problem(name):
        raise CorruptFileError(f"{what}: its name {problem}")
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise CorruptFileError(f"{what}: expected the fields dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str) or code not in _SIZES:
        raise CorruptFileError(f"{what}: expected a dtype of {', '.join(_SIZES)}, got {str(code)[:40]!r}")
    if not _are_sizes(shape) or len(shape) > _MOST_DIMENSIONS:
        raise CorruptFileError(f"{what}: expected a shape of at most {_MOST_DIMENSIONS} sizes, got {str(shape)[:80]}")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise CorruptFileError(f"{what}: expected data_offsets [begin, end], got {str(offsets)[:80]}")
    declared = math.prod(shape) * _SIZES[code]
    if declared != offsets[1] - offsets[0]:
        raise CorruptFileError(
            f"{what}: expected {declared} bytes for {code} {tuple(shape)}, got {offsets[1] - offsets[0]}"
        )
    return _Tensor(name, code, tuple(shape), offsets[0], offsets[1])


def _compare(tensors: list[_Tensor], expected: Mapping[str, tuple[tuple[int, ...], DTypeLike]], path: Path) -> None:
    declared = {tensor.name: tensor for tensor in tensors}
    for name, (shape, dtype) in expected.items():
        wanted = f"{np.dtype(dtype)} {tuple(shape)}"
        tensor = declared.get(name)
        if tensor is None:
            raise CorruptFileError(f"{path}: tensor {name!r}: expected {wanted}, got no such tensor")
        if tensor.shape != tuple(shape) or tensor.dtype != np.dtype(dtype):
            raise CorruptFileError(f"{path}: tensor {name!r}: expected {wanted}, got {tensor.dtype} {tensor.shape}")
    for tensor in tensors:
        if tensor.name not in expected:
            got = f"{tensor.dtype} {tensor.shape}"
            raise CorruptFileError(f"{path}: tensor {tensor.name!r}: expected no such tensor, got {got}")


def _read_tensor(file: BinaryIO, tensor: _Tensor, start: int, path: Path) -> NDArray[Any]:
    what = f"tensor {tensor.name!r}"
    try:
        stored = np.empty(tensor.shape, "<u2" if tensor.code == "BF16" else _DTYPES[tensor.code])
    except ValueError as error:  # an empty array may still have a size that NumPy cannot express
        raise CorruptFileError(f"{path}: {what}: no array can have the shape {tensor.shape} ({error})") from error
    target = stored.reshape(-1).view(np.uint8)
    file.seek(start + tensor.begin)
    _read_into(file, target.data, path, what)
    if tensor.code == "BOOL" and target.size and target.max() > 1:
        raise CorruptFileError(f"{path}: {what}: expected bytes 0 and 1 for BOOL, got {target.max()}")
    if tensor.code == "BF16":  # the upper half of a float32
        stored = (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
    native: NDArray[Any] = stored.astype(tensor.dtype, copy=False)
    return native


def _name_problem(name: str) -> str | None:
    """Names become no paths, so any text will do that a person can read and a message can quote."""
    if not name:
        return "is empty"
    if len(name) > _LONGEST_NAME:
        return f"has {len(name)} characters, more than {_LONGEST_NAME}"
    if name == _METADATA:
        return "is reserved"
    return None if name.isprintable() else "has unprintable characters"


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not valid JSON")
