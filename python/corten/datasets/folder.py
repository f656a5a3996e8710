"""Files of a data set: found in the folder of the user's, and read with their size and form checked."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from ..errors import CorruptFileError

__all__ = ["find", "own_folder", "read_lines", "read_text"]

_LARGEST_TEXT = 1 << 28


def own_folder() -> Path | None:
    """The folder that ``CORTEN_DATA`` names, if it is set; a warning, if there is no such folder."""
    own = os.environ.get("CORTEN_DATA")
    if not own:
        return None
    if not Path(own).is_dir():
        warnings.warn(f"the environment variable CORTEN_DATA is not a folder: {own!r}", stacklevel=4)
    return Path(own)


def find(name: str, subfolder: str, origin: str) -> Path:
    """The path of a file in ``$CORTEN_DATA`` or in its subfolder; ``OSError`` says where to get it (``origin``)."""
    own = own_folder()
    folders = [own / subfolder, own] if own is not None else []
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    tried = " and ".join(map(str, folders)) or "nowhere, since CORTEN_DATA is not set"
    raise FileNotFoundError(
        f"{name}: not found (looked in {tried}). Get it from {origin}, put it as {name} into a folder or its "
        f"subfolder {subfolder}, and set the environment variable CORTEN_DATA to that folder."
    )


def read_text(path: Path) -> str:
    """The whole of a UTF-8 file; ``CorruptFileError`` if it is another kind of file, too large or not UTF-8."""
    if not path.is_file():
        raise CorruptFileError(f"{path}: not a regular file")
    if path.stat().st_size > _LARGEST_TEXT:
        raise CorruptFileError(f"{path}: expected at most {_LARGEST_TEXT} bytes of text, got {path.stat().st_size}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"{path}: not UTF-8 at byte {error.start}") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file, without their ends; ``CorruptFileError`` if there is none."""
    # Not splitlines: messages contain separators such as U+2028, which end no line here.
    lines = read_text(path).removesuffix("\n").split("\n")
    if lines == [""]:
        raise CorruptFileError(f"{path}: empty")
    return lines
