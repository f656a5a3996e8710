"""Writing a file so that whoever reads it finds the old content or the new, whole, whatever happens in between."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

locks: Any = None
with suppress(ImportError):  # there is none on Windows
    import fcntl as locks

__all__ = ["atomic_write", "scratch_beside"]


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path``; when the block ends well, it takes the place of ``path``.

    The bytes are on the disk before the name changes, and the name before this returns, so a power cut leaves the old
    file or the new one. If the block raises anything, ``path`` is as it was and the temporary file is gone. A symbolic
    link is followed, the permissions of an existing file are kept.

    A process that is killed leaves its temporary file, ``.<name>.corten-<16 hexadecimal digits>.tmp``; the next writing
    of ``path`` removes it. A living writer holds a lock on its file (``flock``), so of several at once none removes
    another's; where there are no such locks (Windows, some network file systems), nothing is removed.

    Raises ``OSError`` if the file cannot be written, or if ``path`` is something other than a regular file.
    """
    target = Path(os.path.realpath(path))
    mode = _mode_of(target)
    _remove_leftovers(target)
    part = target.with_name(f"{_beginning(target)}{os.urandom(8).hex()}.tmp")
    try:
        # Within the try, so that Ctrl-C can never come between the file and its removal.
        with os.fdopen(_create(part), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if locks is None:
                # Windows renames no open file; elsewhere the lock is held until the file has its name.
                file.close()
            if mode is not None:
                part.chmod(mode)
            part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    _sync_folder(target.parent)


@contextmanager
def scratch_beside(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file in the folder of ``path``, to write and read, that is gone after the block.

    A process that is killed leaves nothing, or at worst what the next writing of ``path`` removes.
    """
    target = Path(os.path.realpath(path))
    if locks is None:
        import tempfile

        with tempfile.TemporaryFile(dir=target.parent) as file:
            yield file
        return
    part = target.with_name(f"{_beginning(target)}{os.urandom(8).hex()}.tmp")
    try:
        with os.fdopen(_create(part, os.O_RDWR), "w+b") as file:
            part.unlink()
            yield file
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _beginning(target: Path) -> str:
    """What the names of the temporary files of ``target`` begin with."""
    return f".{target.name[:50]}.corten-"


def _create(part: Path, access: int = os.O_WRONLY) -> int:
    """A descriptor of the new file ``part``, locked where the system has locks."""
    flags = access | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    while True:
        descriptor = os.open(part, flags, 0o666)
        if locks is None:
            return descriptor
        try:
            with suppress(OSError):  # a file system without locks: then nobody removes anything either
                locks.flock(descriptor, locks.LOCK_EX)
            if os.fstat(descriptor).st_nlink > 0:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # Another writer came between and took it for a leftover: once more.
        os.close(descriptor)


def _remove_leftovers(target: Path) -> None:
    """Removes the temporary files of ``target`` that no living process has a lock on."""
    if locks is None:
        return
    name = re.compile(re.escape(_beginning(target)) + r"[0-9a-f]{16}\.tmp")
    # A folder that cannot be read may be written to all the same; and what cannot be removed is in nobody's way.
    with suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if name.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    _remove_unlocked(Path(entry.path))


def _remove_unlocked(path: Path) -> None:
    """Removes the file; ``OSError`` where another has a lock on it, or it is no longer the file at ``path``."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        locks.flock(descriptor, locks.LOCK_EX | locks.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.lstat()):
            path.unlink()
    finally:
        os.close(descriptor)


def _mode_of(target: Path) -> int | None:
    """The permissions of the file that will be replaced; to replace a device or a pipe is refused."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(target))
    return stat.S_IMODE(status.st_mode)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where the platform lets a folder be synced."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder may be written to without being readable
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
