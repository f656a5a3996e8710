"""Arrays in a file: their type, shape and bytes are checked against each other before anything is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from corten.errors import CorruptFileError
from corten.graph import Array
from corten.onnx.unsupported import UnsupportedOperatorError

__all__ = ["BOOL", "DTYPES", "FLOAT", "INT64", "External", "array_of", "dtype_of", "text_of"]

#: Gives the bytes of a tensor that are kept in another file, for its entries and the number of bytes wanted.
External: TypeAlias = Callable[[str, dict[str, str], int], bytes]

#: By ``TensorProto.DataType``.
DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.float32),
    2: np.dtype(np.uint8),
    3: np.dtype(np.int8),
    4: np.dtype(np.uint16),
    5: np.dtype(np.int16),
    6: np.dtype(np.int32),
    7: np.dtype(np.int64),
    9: np.dtype(np.bool_),
    10: np.dtype(np.float16),
    11: np.dtype(np.float64),
    12: np.dtype(np.uint32),
    13: np.dtype(np.uint64),
}
BOOL, FLOAT, INT64 = DTYPES[9], DTYPES[1], DTYPES[7]
_NAMES = {0: "undefined", 8: "string", 14: "complex64", 15: "complex128", 16: "bfloat16"}

#: The field that has the elements where there are no raw bytes.
_FIELDS = {
    1: "float_data",
    7: "int64_data",
    11: "double_data",
    12: "uint64_data",
    13: "uint64_data",
    **dict.fromkeys((2, 3, 4, 5, 6, 9, 10), "int32_data"),
}


def dtype_of(code: int, what: str) -> np.dtype[Any]:
    """NumPy's type for ONNX's number of a type.

    Raises:
        UnsupportedOperatorError: text, complex numbers, types of fewer than 8 bits and the like.
    """
    if code not in DTYPES:
        raise UnsupportedOperatorError(f"{what}: elements of type {_NAMES.get(code, code)} are not supported")
    return DTYPES[code]


def text_of(value: str | bytes, what: str = "name") -> str:
    """A text in a file; ``CorruptFileError`` where its bytes are none."""
    if not isinstance(value, str):
        raise CorruptFileError(f"ONNX model: a {what} is no text: {value[:50]!r}")
    return value


def array_of(proto: Any, what: str, external: External) -> Array:
    """The array that a ``TensorProto`` holds.

    Raises:
        CorruptFileError: its shape, type and bytes do not fit together.
        UnsupportedOperatorError: its elements are of a type that NumPy does not have.
    """
    where = f"{what} {text_of(proto.name)!r}" if proto.name else what
    dtype = dtype_of(proto.data_type, where)
    shape = tuple(int(size) for size in proto.dims)
    if any(size < 0 for size in shape) or len(shape) > 32:
        raise CorruptFileError(f"{where}: expected sizes >= 0 of at most 32 axes, got {shape[:33]}")
    if proto.HasField("segment"):
        raise UnsupportedOperatorError(f"{where}: a tensor in segments is not supported")
    count = math.prod(shape)
    size = count * dtype.itemsize
    if proto.data_location == 1:
        entries = {text_of(entry.key): text_of(entry.value) for entry in proto.external_data}
        return _from_bytes(external(where, entries, size), dtype, shape, where)
    if proto.HasField("raw_data"):
        return _from_bytes(proto.raw_data, dtype, shape, where)
    values = getattr(proto, _FIELDS[proto.data_type])
    if len(values) != count:
        raise CorruptFileError(f"{where}: expected {count} elements for shape {shape}, got {len(values)}")
    if proto.data_type == 10:
        wide = np.array(values, np.int64)
        if ((wide < 0) | (wide > 0xFFFF)).any():
            raise CorruptFileError(f"{where}: expected the bits of float16 numbers, got {values[0]}")
        return wide.astype(np.uint16).view(np.float16).reshape(shape)
    array = np.array(values, None if dtype.kind == "f" else np.uint64 if dtype.kind == "u" else np.int64)
    with np.errstate(over="ignore"):
        narrow: Array = array.astype(dtype)
    if dtype.kind in "iub" and not np.array_equal(narrow, array):
        raise CorruptFileError(f"{where}: a number does not fit into {dtype}")
    return narrow.reshape(shape)


def _from_bytes(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], where: str) -> Array:
    wanted = math.prod(shape) * dtype.itemsize
    if len(data) != wanted:
        raise CorruptFileError(f"{where}: expected {wanted} bytes for {dtype} {shape}, got {len(data)}")
    raw = np.frombuffer(data, np.uint8 if dtype.kind == "b" else dtype.newbyteorder("<"))
    if dtype.kind == "b" and raw.size and raw.max() > 1:
        raise CorruptFileError(f"{where}: expected bools of 0 and 1, got {raw.max()}")
    return raw.astype(dtype).reshape(shape)
