"""Arrays as they lie in a file, and their way into variables and out of them without a copy of the whole."""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from corten import _core
from corten.graph import Array, Variable, assign

__all__ = ["InMemory", "Stored", "Window", "read_into", "window_of", "write_from"]


class Stored(ABC):
    """Arrays that a file has for some variables."""

    #: Of each array.
    shapes: list[tuple[int, ...]]

    @abstractmethod
    def arrays(self) -> list[Array]:
        """All of them."""

    @abstractmethod
    def into(self, variables: Sequence[Variable]) -> None:
        """Gives each variable, of the same shape, its array; after an error some may have theirs."""


class InMemory(Stored):
    """Arrays that are there already."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        self._arrays = list(arrays)
        self.shapes = [np.shape(array) for array in self._arrays]

    def arrays(self) -> list[Array]:
        return self._arrays

    def into(self, variables: Sequence[Variable]) -> None:
        assign(variables, self._arrays)


def write_from(file: BinaryIO, variables: Sequence[Variable], offsets: Sequence[int]) -> None:
    """Writes what variables hold, all of one moment, each from its offset in the file on, as little-endian numbers.

    Raises:
        OSError: the file cannot be written.
    """
    file.flush()
    _core.write_values([variable.core for variable in variables], offsets, _handle(file))


def read_into(file: BinaryIO, variables: Sequence[Variable], offsets: Sequence[int]) -> None:
    """Reads each variable's value from its offset in the file on.

    Raises:
        OSError: the file cannot be read, or ends before.
    """
    _core.read_values([variable.core for variable in variables], offsets, _handle(file))


def _handle(file: BinaryIO) -> int:
    if os.name != "nt":
        return file.fileno()
    import msvcrt

    handle: Any = msvcrt
    return int(handle.get_osfhandle(file.fileno()))


class Window(io.RawIOBase):
    """Some bytes of a file, as a file."""

    def __init__(self, file: BinaryIO, begin: int, size: int) -> None:
        self.file, self.begin, self.size, self._position = file, begin, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self.size - self._position))
        self.file.seek(self.begin + self._position)
        done = self.file.readinto(view[:count])  # type: ignore[attr-defined]
        self._position += done
        return int(done)


def window_of(stream: Any) -> Window | None:
    """The part of a real file that a stream reads; None where there is none, as in memory."""
    raw = getattr(stream, "raw", None)
    if isinstance(raw, Window):
        return raw
    try:
        return Window(stream, 0, os.fstat(stream.fileno()).st_size)
    except (OSError, AttributeError):
        return None
