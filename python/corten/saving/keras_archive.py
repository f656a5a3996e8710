"""The ``.keras`` archive: a zip file of ``metadata.json``, ``config.json`` and ``model.weights.h5``, uncompressed."""

from __future__ import annotations

import io
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from corten.errors import CorruptFileError, UnsafeFileError
from corten.saving.atomic import atomic_write, scratch_beside
from corten.saving.closed_json import read_json
from corten.saving.stored import Window

__all__ = ["METADATA", "KerasArchive", "open_archive", "write_archive"]

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MOST_MEMBERS = 10_000
_LARGEST_TEXT = 256 << 20
# Of compressed members, below which they are read whatever they grow to.
_FLOOR_BYTES = 64 << 20
_LARGEST_EXPANSION = 100
_CHUNK = 1 << 20


def write_archive(path: str | os.PathLike[str], texts: dict[str, str], weights: Callable[[BinaryIO], None]) -> None:
    """Writes an archive of texts and of what ``weights`` writes to the stream it is given."""
    with atomic_write(path) as file, scratch_beside(path) as stream:
        weights(stream)
        stream.seek(0)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, text in texts.items():
                archive.writestr(zipfile.ZipInfo(name), text)
            with archive.open(zipfile.ZipInfo(WEIGHTS), "w", force_zip64=True) as member:
                shutil.copyfileobj(stream, member, _CHUNK)


class KerasArchive:
    """An open archive whose members were looked at: names, sizes, no two of one name.

    Args:
        archive: open for reading.
        file: what it reads.
        path: for messages.
    """

    def __init__(self, archive: zipfile.ZipFile, file: BinaryIO, path: Path) -> None:
        self._archive, self._file, self._path = archive, file, path
        #: For messages.
        self.name = str(path)
        members = archive.infolist()
        if len(members) > _MOST_MEMBERS:
            raise UnsafeFileError(f"{path}: expected at most {_MOST_MEMBERS} members, got {len(members)}")
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            name = member.filename
            if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or ":" in name:
                raise UnsafeFileError(f"{path}: member {name[:80]!r} points outside the archive")
            if stat.S_ISLNK(member.external_attr >> 16):
                raise UnsafeFileError(f"{path}: member {name[:80]!r} is a link")
            if name in self._members:
                raise UnsafeFileError(f"{path}: two members are named {name[:80]!r}")
            if member.flag_bits & 1:
                raise CorruptFileError(f"{path}: member {name[:80]!r} is encrypted")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise CorruptFileError(f"{path}: member {name[:80]!r}: compressed by an unknown method")
            if member.file_size > max(_FLOOR_BYTES, _LARGEST_EXPANSION * member.compress_size):
                raise UnsafeFileError(
                    f"{path}: member {name[:80]!r} grows from {member.compress_size} to {member.file_size} bytes"
                )
            self._members[name] = member

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def json(self, name: str) -> Any:
        """The JSON value of a member."""
        member = self._member(name)
        if member.file_size > _LARGEST_TEXT:
            raise CorruptFileError(f"{self._path}: {name}: expected at most {_LARGEST_TEXT} bytes")
        with self._open(member) as stream:
            return read_json(stream.read(), f"{self._path}: {name}")

    @contextmanager
    def stream(self, name: str) -> Iterator[BinaryIO]:
        """A member as a seekable stream, its checksum compared: a window of the archive where it is not compressed."""
        member = self._member(name)
        if member.compress_type == zipfile.ZIP_STORED:
            window = Window(self._file, self._data_offset(member), member.file_size)
            checksum = 0
            while chunk := window.read(_CHUNK):
                checksum = zlib.crc32(chunk, checksum)
            if checksum != member.CRC:
                raise CorruptFileError(
                    f"{self._path}: {name}: expected the checksum {member.CRC:08x}, got {checksum:08x}"
                )
            window.seek(0)
            yield io.BufferedReader(window)
            return
        import tempfile

        with tempfile.TemporaryFile() as file, self._open(member) as stream:
            shutil.copyfileobj(stream, file, _CHUNK)
            file.seek(0)
            yield file

    def _member(self, name: str) -> zipfile.ZipInfo:
        member = self._members.get(name)
        if member is None:
            raise CorruptFileError(f"{self._path}: expected a member {name}, got {sorted(self._members)[:10]}")
        return member

    @contextmanager
    def _open(self, member: zipfile.ZipInfo) -> Iterator[Any]:
        try:
            with self._archive.open(member) as stream:
                yield stream
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
            raise CorruptFileError(f"{self._path}: {member.filename}: {error}") from error

    def _data_offset(self, member: zipfile.ZipInfo) -> int:
        """Where the bytes of a stored member begin: after its local header, whose length it says itself."""
        self._file.seek(member.header_offset)
        header = self._file.read(30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise CorruptFileError(f"{self._path}: {member.filename}: no local header where the directory says")
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        offset = member.header_offset + 30 + int(name_length) + int(extra_length)
        if offset + member.file_size > os.fstat(self._file.fileno()).st_size:
            raise CorruptFileError(f"{self._path}: {member.filename}: truncated")
        return offset


@contextmanager
def open_archive(path: str | os.PathLike[str]) -> Iterator[KerasArchive]:
    """Opens a ``.keras`` file.

    Raises:
        CorruptFileError: no zip file, truncated or damaged.
        UnsafeFileError: members of one name, links, names with ``..``, members that grow beyond measure.
        OSError: the file cannot be read.
    """
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):
        raise CorruptFileError(f"{path}: not a regular file")
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, struct.error) as error:
            raise CorruptFileError(f"{path}: not a zip file, or damaged ({error})") from error
        with archive:
            yield KerasArchive(archive, file, path)
