"""The heaps in which an HDF5 file keeps texts: looked through before libhdf5 reads them.

libhdf5 goes from object to object by the sizes that they say of themselves, for ever where one says 0: one flipped bit
is enough, and neither Ctrl-C nor another thread gets a turn. The format: "Disk Format: Level 1E, Global Heap" in
https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from ..errors import CorruptFileError

__all__ = ["check_heaps"]

#: The signature, version 1, and three bytes of zeros.
_BEGIN = b"GCOL\x01\x00\x00\x00"
_HEADER = 16
_CHUNK = 1 << 20


def check_heaps(stream: BinaryIO, start: int, size: int, label: str) -> None:
    """Looks at every heap of a file.

    Args:
        stream: the file.
        start: where its signature is.
        size: of the file.
        label: what messages call it.

    Raises:
        CorruptFileError: a heap is damaged, or the file counts in other than 8 bytes.
    """
    stream.seek(start)
    superblock = stream.read(16)
    widths = superblock[13:15] if superblock[8:9] in (b"\x00", b"\x01") else superblock[9:11]
    if widths != b"\x08\x08":
        raise CorruptFileError(
            f"{label}: damaged or truncated: expected addresses and sizes of 8 bytes, got {list(widths)}"
        )
    # Heaps do not overlap: more objects than fit into the file are in none.
    left = size // _HEADER
    for place in _places(stream, size):
        left -= _check_heap(stream, place, size, label, left)


def _places(stream: BinaryIO, size: int) -> list[int]:
    """Where heaps begin."""
    found: list[int] = []
    stream.seek(0)
    position, kept = 0, b""
    while chunk := stream.read(_CHUNK):
        window = kept + chunk
        at = window.find(_BEGIN)
        while at >= 0:
            found.append(position - len(kept) + at)
            at = window.find(_BEGIN, at + 1)
        position += len(chunk)
        kept = window[1 - len(_BEGIN) :]
    return found


def _check_heap(stream: BinaryIO, place: int, size: int, label: str, most: int) -> int:
    """The number of objects in the heap."""
    stream.seek(place + len(_BEGIN))
    (length,) = struct.unpack("<Q", stream.read(8).ljust(8, b"\0"))
    end, position, count = min(place + length, size), place + _HEADER, 0
    while position + _HEADER <= end:
        stream.seek(position)
        index, occupied = struct.unpack("<H6xQ", stream.read(_HEADER))
        # Of what is free the size has the header in it; what is not is padded.
        step = occupied if index == 0 else _HEADER + (occupied + 7) // 8 * 8
        count += 1
        if step < _HEADER or position + step > place + length or count > most:
            raise CorruptFileError(
                f"{label}: damaged: the heap of texts at byte {place} has an object of {occupied} bytes"
            )
        position += step
    return count
