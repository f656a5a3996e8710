"""What a user can do wrong, said in one line; and text that a terminal can show."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from corten.callbacks.progress import can_show
from corten.models.summary import PLAIN

__all__ = ["FileError", "UsageError", "blaming", "one_line", "printable", "show"]

#: What files and data of the wrong kind lead to; anything else is a defect.
FAULTS = (ArithmeticError, ImportError, IndexError, MemoryError, NotImplementedError, OSError, TypeError, ValueError)


class FileError(Exception):
    """A file or data are wrong: exit code 1."""


class UsageError(Exception):
    """A command is not used as it must be: exit code 2."""


@contextmanager
def blaming(path: str | os.PathLike[str]) -> Iterator[None]:
    """What goes wrong within the block is said of this file.

    >>> with blaming("model.keras"):
    ...     raise ValueError("no weights")
    Traceback (most recent call last):
    ...
    corten.cli.failure.FileError: model.keras: no weights
    """
    try:
        yield
    except FAULTS as error:
        text = one_line(error)
        raise FileError(text if os.fspath(path) in text else f"{os.fspath(path)}: {text}") from error


def one_line(error: object) -> str:
    """What an error says, in one line.

    >>> one_line(FileNotFoundError(2, "No such file or directory", "a.npy"))
    'a.npy: No such file or directory'
    """
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def printable(text: str, stream: TextIO | Any = None) -> str:
    r"""The text as a terminal shows it, whatever a file has put into it.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    text = "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
    if can_show(text, stream):
        return text
    return text.translate(PLAIN).encode(stream.encoding, "backslashreplace").decode(stream.encoding)


def show(text: str = "") -> None:
    """Prints the text."""
    print(printable(text, sys.stdout))
