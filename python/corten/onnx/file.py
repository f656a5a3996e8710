"""Reading ONNX files as if they were hostile: every size is checked, and no path leads out of the model's folder."""

from __future__ import annotations

import os
import stat
from typing import Any

from corten.errors import CorruptFileError, UnsafeFileError
from corten.onnx.tensors import External

__all__ = ["external_data", "read"]

#: Of a link, or a named pipe in the place of a file, nothing is read.
_FLAGS = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))

#: What a protobuf message may have.
_LARGEST = 2**31 - 1


def read(source: str | os.PathLike[str] | bytes) -> tuple[Any, str | None]:
    """The ``ModelProto`` in a file or in bytes, and the folder of the file.

    Raises:
        CorruptFileError: it is no ONNX model.
        ImportError: the package onnx is missing.
    """
    onnx = _onnx()
    if isinstance(source, (bytes, bytearray, memoryview)):
        data, folder, what = bytes(source), None, "ONNX model"
    else:
        path = os.fspath(source)
        what = f"ONNX file {path!r}"
        data, folder = _whole(path, what), os.path.dirname(os.path.realpath(path))  # noqa: PTH120
    if len(data) > _LARGEST:
        raise CorruptFileError(f"{what}: expected at most {_LARGEST} bytes, got {len(data)}")
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # protobuf has exceptions of its own, other ones in each implementation
        raise CorruptFileError(f"{what} is damaged or of another kind: {error}") from None
    if not model.HasField("graph"):
        raise CorruptFileError(f"{what} has no graph: it is damaged or of another kind")
    return model, folder


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ImportError("reading ONNX files needs the package onnx: pip install corten[onnx]") from error
    return onnx


def _whole(path: str, what: str) -> bytes:
    # Looked at before it is opened: to open a named pipe waits, to open a device may do something.
    info = os.stat(path)  # noqa: PTH116
    if not stat.S_ISREG(info.st_mode):
        raise CorruptFileError(f"{what}: expected a regular file")
    if info.st_size > _LARGEST:
        raise CorruptFileError(f"{what}: expected at most {_LARGEST} bytes, got {info.st_size}")
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read(_LARGEST + 1)


def external_data(folder: str | None, allowed: bool = True) -> External:
    """What reads the bytes of tensors that are kept beside a model: from its own folder, or those below it, only.

    Args:
        folder: the model's, as ``os.path.realpath`` gives it; None for a model that is no file.
        allowed: whether there may be such tensors at all.
    """

    def read_part(where: str, entries: dict[str, str], size: int) -> bytes:
        if folder is None or not allowed:
            reason = "external=False was given" if folder is not None else "the model is no file"
            raise UnsafeFileError(f"{where} is kept in another file, {entries.get('location')!r}, but {reason}")
        offset, length = (_number(entries, key, where) for key in ("offset", "length"))
        if length is not None and length != size:
            raise CorruptFileError(f"{where}: expected {size} bytes of its shape and type, got length {length}")
        return _part(_inside(folder, entries.get("location", ""), where), offset or 0, size, where)

    return read_part


def _number(entries: dict[str, str], key: str, where: str) -> int | None:
    text = entries.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise CorruptFileError(f"{where}: {key} of its file: expected an int >= 0, got {text!r}")
    return int(text)


def _inside(folder: str, location: str, where: str) -> str:
    """The path of a file in ``folder`` that is reached without a link."""
    parts = location.replace("\\", "/").split("/")
    full = os.path.join(folder, *parts)  # noqa: PTH118
    if not location or "\0" in location or ".." in parts or os.path.isabs(location):  # noqa: PTH117
        raise UnsafeFileError(f"{where}: expected a file in the model's own folder, got {location!r}")
    if os.path.realpath(full) != os.path.normpath(full):
        raise UnsafeFileError(f"{where}: {location!r} leads out of the model's folder, or is a link")
    return full


def _part(path: str, offset: int, size: int, where: str) -> bytes:
    try:
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise FileNotFoundError(f"{where} is kept in {path!r}, which does not exist") from None
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode) or info.st_nlink != 1:
            raise UnsafeFileError(f"{where}: {path!r} is no regular file, or one with several names")
        if offset + size > info.st_size:
            raise CorruptFileError(f"{where}: expected {size} bytes from {offset}, but {path!r} has {info.st_size}")
        file.seek(offset)
        return file.read(size)
