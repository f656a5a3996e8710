"""Reading HDF5 files that may be hostile: groups, arrays of plain numbers and texts, and nothing else.

HDF5 can name other files (external links, external storage, virtual datasets), declare arrays of any size, and have
plugins decode them. A file is walked once when it is opened, and refused for any of these, wherever it is in the file;
what is read afterwards is measured before memory is taken for it.

libhdf5 itself is C: a file made to exploit a defect in it is not held up here. A few files with
one bit changed made it crash or loop in tests; who reads files of strangers does so in a process of its own.
"""

from __future__ import annotations

import io
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import CorruptFileError, UnsafeFileError
from .hdf5_heaps import check_heaps

__all__ = [
    "Group",
    "has_attribute",
    "open_hdf5",
    "read_dataset",
    "read_text_attribute",
    "read_text_list",
    "shape_and_dtype",
]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_DEEPEST = 100
_MOST_OBJECTS = 100_000
_MOST_DIMENSIONS = 32
# Arrays below the floor are read whatever they take in the file; beyond it, gzip at its best gives 1032 : 1.
_FLOOR_BYTES = 64 << 20
_LARGEST_EXPANSION = 1000
_LARGEST_ATTRIBUTE = 64 << 20
# gzip, shuffle, fletcher32, lzf. One compressor at most: two on top of one another multiply.
_FILTERS = {1, 2, 3, 32000}
_COMPRESSORS = {1, 32000}
_DAMAGE = (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError, AttributeError, IndexError)


@dataclass(frozen=True)
class Group:
    """A group of an open file, its groups and datasets by name; ``file`` and ``path`` say in messages where it is."""

    file: str
    path: str
    file_bytes: int
    handle: Any = field(repr=False)
    groups: dict[str, Group] = field(default_factory=dict)
    datasets: dict[str, Any] = field(default_factory=dict, repr=False)

    def where(self, name: str = "") -> str:
        """The file and a place in it, for messages."""
        return f"{self.file}: {(self.path + name) or '/'}"

    def find(self, path: str) -> Group | None:
        """The group at ``path``, names with ``/`` between, seen from this one; None if there is none."""
        group: Group | None = self
        for name in filter(None, path.split("/")):
            group = group.groups.get(name) if group is not None else None
        return group

    def walk(self) -> Iterator[tuple[str, Group, str]]:
        """Every dataset in and below: its path seen from here, the group that holds it, and its name there."""
        for name in self.datasets:
            yield name, self, name
        for name, group in self.groups.items():
            for path, holder, last in group.walk():
                yield f"{name}/{path}", holder, last


@contextmanager
def open_hdf5(source: str | os.PathLike[str] | bytes | BinaryIO, name: str | None = None) -> Iterator[Group]:
    """Open a file, its bytes, or a seekable binary stream of it; the whole tree is looked through before this yields.

    ``name`` is what messages call the file; by default its path.

    Raises:
        CorruptFileError: it is no HDF5 file, truncated or damaged, or has more than 100,000 objects or 100 levels.
        UnsafeFileError: it has a link or dataset that reaches outside of it, an object with two names, a filter other
            than gzip, shuffle, fletcher32 and lzf, or a dataset far larger than what is stored of it.
        ImportError: h5py is not installed.
        OSError: the file cannot be read.

    Example:
        >>> import h5py, io, numpy
        >>> stream = io.BytesIO()
        >>> with h5py.File(stream, "w") as file:
        ...     file["dense/kernel"] = numpy.eye(2)
        >>> with open_hdf5(stream, "weights.h5") as root:
        ...     read_dataset(root, "dense/kernel", expected_shape=(2, 2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError("HDF5 files need the package h5py: pip install corten[h5]") from error
    with _stream_of(source) as stream:
        label = name or (str(Path(source)) if isinstance(source, str | os.PathLike) else "HDF5 file")
        size = stream.seek(0, os.SEEK_END)
        check_heaps(stream, _signature(stream, size, label), size, label)
        with _damage_in(label):
            file = h5py.File(stream, "r")
        try:
            with _damage_in(label):
                root = _walk(file, label, size)
            yield root
        finally:
            file.close()


def read_dataset(
    group: Group,
    name: str,
    expected_shape: tuple[int, ...] | None = None,
    expected_dtype: DTypeLike | None = None,
    limit_bytes: int = 1 << 36,
) -> NDArray[Any]:
    """The dataset ``name``, in or below the group: a new, writable array in native byte order.

    bfloat16, which Keras marks by an attribute ``dtype``, becomes float32. Size, shape and dtype are compared before
    memory is taken.

    Raises:
        CorruptFileError: there is no such dataset, it is damaged, holds no plain numbers, or is not of the expected
            shape or dtype.
        UnsafeFileError: it is larger than ``limit_bytes``.
    """
    dataset, where = _dataset(group, name)
    shape, dtype = shape_and_dtype(group, name)
    if expected_shape is not None and shape != tuple(expected_shape):
        raise CorruptFileError(f"{where}: expected shape {tuple(expected_shape)}, got {shape}")
    if expected_dtype is not None and dtype != np.dtype(expected_dtype):
        raise CorruptFileError(f"{where}: expected dtype {np.dtype(expected_dtype)}, got {dtype}")
    if (size := math.prod(shape) * dtype.itemsize) > limit_bytes:
        raise UnsafeFileError(f"{where}: expected at most {limit_bytes} bytes, {shape} of {dtype} takes {size}")
    import h5py

    with _damage_in(where):
        stored = dataset.dtype
        target = np.empty(shape, stored if stored.kind == "V" else stored.newbyteorder("="))
        dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, target)
    if _is_bfloat16(dataset, group.file_bytes):  # the upper half of a float32
        return (target.view(np.uint16).astype(np.uint32) << np.uint32(16)).view(np.float32)
    return target


def shape_and_dtype(group: Group, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and dtype of the array that ``read_dataset`` would give; no data is read.

    Raises ``CorruptFileError`` where there is no such dataset, or it holds no plain numbers.
    """
    dataset, where = _dataset(group, name)
    import h5py

    with _damage_in(where):
        shape, dtype, layout = dataset.shape, dataset.dtype, dataset.id.get_space().get_simple_extent_type()
        plain = dtype.kind in "fiub" and dtype.itemsize <= 8 and h5py.check_enum_dtype(dtype) is None
        bfloat16 = _is_bfloat16(dataset, group.file_bytes)
    if layout == h5py.h5s.NULL or shape is None or len(shape) > _MOST_DIMENSIONS:
        raise CorruptFileError(f"{where}: expected an array of at most {_MOST_DIMENSIONS} dimensions, got {shape}")
    if not plain and not bfloat16:
        raise CorruptFileError(f"{where}: expected an array of plain numbers, got dtype {dtype}")
    return tuple(shape), np.dtype(np.float32) if bfloat16 else dtype.newbyteorder("=")


def has_attribute(group: Group, name: str) -> bool:
    """Whether the group has an attribute of that name. Raises ``CorruptFileError`` where that cannot be read."""
    import h5py

    with _damage_in(f"{group.where()}: attribute {name!r}"):
        return bool(h5py.h5a.exists(group.handle.id, name.encode()))


def read_text_attribute(group: Group, name: str) -> str | None:
    """The attribute ``name`` of the group, one text; None if it has no such attribute.

    Raises ``CorruptFileError`` where it is not one text in UTF-8.
    """
    value = _attribute(group, name)
    if value is None:
        return None
    texts = _texts(value)
    if texts is None or np.ndim(value) != 0:
        raise CorruptFileError(f"{group.where()}: attribute {name!r}: expected a text, got {_short(value)}")
    return texts[0]


def read_text_list(group: Group, name: str) -> list[str] | None:
    """The attribute ``name`` of the group, a list of texts; None if it has none.

    A list too long for one attribute is in pieces, ``name0``, ``name1``, ... Raises ``CorruptFileError`` where it is
    no such list.
    """
    pieces = [_attribute(group, name)]
    if pieces[0] is None:
        pieces = []
        while (piece := _attribute(group, f"{name}{len(pieces)}")) is not None:
            pieces.append(piece)
        if not pieces:
            return None
    texts: list[str] = []
    for piece in pieces:
        # Of an empty list NumPy makes float64.
        items = [] if np.size(piece) == 0 else _texts(piece)
        if items is None or np.ndim(piece) != 1:
            raise CorruptFileError(f"{group.where()}: attribute {name!r}: expected texts, got {_short(piece)}")
        texts += items
    return texts


@contextmanager
def _stream_of(source: str | os.PathLike[str] | bytes | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        # Looked at before it is opened: to open a named pipe waits, to open a device may do something.
        if not stat.S_ISREG(path.stat().st_mode):
            raise CorruptFileError(f"{path}: not a regular file")
        # libhdf5 sees a stream, never a name: there is no folder in which it could look for other files.
        with path.open("rb") as stream:
            yield stream
    else:
        yield source


def _signature(stream: BinaryIO, size: int, label: str) -> int:
    """Where the signature is: at the beginning, or after a block of the user's own, at 512, 1024, 2048, ..."""
    position = 0
    while position + len(_SIGNATURE) <= size:
        stream.seek(position)
        if stream.read(len(_SIGNATURE)) == _SIGNATURE:
            return position
        position = max(512, 2 * position)
    stream.seek(0)
    raise CorruptFileError(f"{label}: expected an HDF5 file, got {size} bytes that begin with {stream.read(8)!r}")


@contextmanager
def _damage_in(where: str) -> Iterator[None]:
    """What h5py raises on a damaged file becomes an error that names the file."""
    try:
        yield
    except (CorruptFileError, UnsafeFileError):
        raise
    except _DAMAGE as error:
        raise CorruptFileError(f"{where}: damaged or truncated ({' '.join(str(error).split())[:200]})") from error


def _walk(file: Any, label: str, size: int) -> Group:
    """The tree of the file, without recursion: its depth is the file's to choose."""
    import h5py

    def identity(opened: Any) -> tuple[int, int]:
        info = h5py.h5o.get_info(opened)
        return info.fileno, info.addr

    root = Group(label, "", size, h5py.Group(h5py.h5g.open(file.id, b"/")))
    visited = {identity(root.handle.id)}
    waiting = [(root, 1)]
    while waiting:
        group, depth = waiting.pop()
        if depth > _DEEPEST:
            raise CorruptFileError(f"{group.where()}: expected at most {_DEEPEST} levels of groups")
        identifier = group.handle.id
        for encoded in identifier:
            name = encoded.decode()
            where = group.where(name)
            if name in ("", ".", "..") or "/" in name:
                raise CorruptFileError(f"{where}: no object may be called {name!r}")
            if identifier.links.get_info(encoded).type != h5py.h5l.TYPE_HARD:
                raise UnsafeFileError(f"{where}: soft and external links are not followed")
            thing = h5py.h5o.open(identifier, encoded)
            if identity(thing) in visited:
                raise UnsafeFileError(f"{where}: an object with two names")
            visited.add(identity(thing))
            if len(visited) > _MOST_OBJECTS:
                raise CorruptFileError(f"{label}: expected at most {_MOST_OBJECTS} objects")
            if isinstance(thing, h5py.h5g.GroupID):
                inner = Group(label, f"{group.path}{name}/", size, h5py.Group(thing))
                group.groups[name] = inner
                waiting.append((inner, depth + 1))
            elif isinstance(thing, h5py.h5d.DatasetID):
                _check_storage(thing, where, size)
                group.datasets[name] = h5py.Dataset(thing)
            else:
                raise CorruptFileError(f"{where}: expected a group or a dataset, got a named type")
    return root


def _check_storage(dataset: Any, where: str, file_bytes: int) -> None:
    """Nothing outside the file, filters that are known, and no more than what the stored bytes can hold."""
    import h5py

    creation = dataset.get_create_plist()
    layout = creation.get_layout()
    if creation.get_external_count() > 0:
        raise UnsafeFileError(f"{where}: its data are in another file")
    if layout not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED):
        raise UnsafeFileError(f"{where}: a virtual dataset, whose data may be in another file")
    filters = [creation.get_filter(index)[0] for index in range(creation.get_nfilters())]
    if unknown := sorted(set(filters) - _FILTERS):
        raise UnsafeFileError(f"{where}: expected gzip, shuffle, fletcher32 or lzf, got the filter {unknown[0]}")
    if sum(code in _COMPRESSORS for code in filters) > 1:
        raise UnsafeFileError(f"{where}: compressed more than once")
    shape, item = dataset.shape or (), dataset.get_type().get_size()
    declared = math.prod(shape) * item
    if layout == h5py.h5d.CHUNKED:  # it is read chunk by chunk, and a chunk may be larger than the array
        declared = max(declared, math.prod(creation.get_chunk()) * item)
    stored = min(dataset.get_storage_size(), file_bytes)
    if declared > _FLOOR_BYTES and declared > _LARGEST_EXPANSION * stored:
        raise UnsafeFileError(f"{where}: {tuple(shape)} takes {declared} bytes, of which the file holds {stored}")


def _dataset(group: Group, name: str) -> tuple[Any, str]:
    folder, _, last = name.rpartition("/")
    holder = group.find(folder)
    if holder is None or last not in holder.datasets:
        raise CorruptFileError(f"{group.where(name)}: expected a dataset, got none of that name")
    return holder.datasets[last], group.where(name)


def _is_bfloat16(dataset: Any, file_bytes: int) -> bool:
    """Two opaque bytes, or uint16, with Keras's mark on them."""
    if dataset.dtype.str not in ("|V2", "<u2", ">u2") or dataset.dtype.names is not None:
        return False
    mark = _read_attribute(dataset, "dtype", file_bytes)
    return mark is not None and _texts(mark) == ["bfloat16"]


def _attribute(group: Group, name: str) -> Any:
    with _damage_in(f"{group.where()}: attribute {name!r}"):
        return _read_attribute(group.handle, name, group.file_bytes)


def _read_attribute(thing: Any, name: str, file_bytes: int) -> Any:
    import h5py

    encoded = name.encode()
    if not h5py.h5a.exists(thing.id, encoded):
        return None
    attribute = h5py.h5a.open(thing.id, encoded)
    kind, count = attribute.get_type(), math.prod(attribute.shape)
    if count == 0 and isinstance(kind, h5py.h5t.TypeFloatID):  # what NumPy makes of an empty list
        return np.zeros(attribute.shape)
    # Nothing else is read: what libhdf5 does with a damaged type is not for us to find out.
    if not isinstance(kind, h5py.h5t.TypeStringID):
        return kind
    if (size := count * kind.get_size()) > _LARGEST_ATTRIBUTE:
        raise UnsafeFileError(f"attribute {name!r}: expected at most {_LARGEST_ATTRIBUTE} bytes, got {size}")
    if size > file_bytes:  # they are not compressed
        raise CorruptFileError(f"attribute {name!r}: {attribute.shape} is more than the file holds")
    return thing.attrs[name]


def _texts(value: Any) -> list[str] | None:
    """Every text of an attribute's value; None where there is something else among them."""
    if isinstance(value, str | bytes):
        items: list[Any] = [value]
    elif isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "OSU":
        items = np.ravel(np.asarray(value)).tolist()
    else:
        return None
    if not all(isinstance(item, str | bytes) for item in items):
        return None
    try:
        texts = [item.decode() if isinstance(item, bytes) else item for item in items]
        for text in texts:  # h5py lets bytes that are not UTF-8 through as surrogates
            text.encode()
    except UnicodeError:
        return None
    return texts


def _short(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:40]!r}"
