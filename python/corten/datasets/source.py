"""Where the files of a data set come from: a folder of the user's, the cache, or a mirror.

A data set of four IDX files is described by an ``IdxDataset``; ``load`` looks for it in ``$CORTEN_DATA``, then in the
cache, then downloads it there. Whatever its source, every array is held against the description before it is returned.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import struct
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptFileError
from .folder import own_folder
from .idx import read_idx, read_npz

__all__ = ["IdxDataset", "IdxFile", "Images", "cache_folder", "load"]

Images = tuple[tuple[NDArray[np.uint8], NDArray[np.uint8]], tuple[NDArray[np.uint8], NDArray[np.uint8]]]

_CHUNK = 1 << 16
_LARGEST_DOWNLOAD = 1 << 26


@dataclass(frozen=True)
class IdxFile:
    """One IDX file of bytes: ``stem`` is its name without ``.gz``, ``sha256`` is that of the uncompressed file."""

    stem: str
    shape: tuple[int, ...]
    sha256: str | None = None
    gzip_sha256: str | None = None


@dataclass(frozen=True)
class IdxDataset:
    """Four IDX files by their arrays' names in the npz (``x_train`` ...), and the folders that serve them."""

    name: str
    files: Mapping[str, IdxFile]
    mirrors: tuple[str, ...]


def load(dataset: IdxDataset, timeout: float) -> Images:
    """Return ``(x_train, y_train), (x_test, y_test)``; see ``corten.datasets.mnist.load_data`` for the promises."""
    tried = []
    for folder in _folders(dataset):
        arrays = _read_folder(dataset, folder)
        if arrays is not None:
            return _pairs(arrays)
        tried.append(f"{folder}: {'the files are not there' if folder.is_dir() else 'no such folder'}")
    folder = cache_folder() / dataset.name
    try:
        for file in dataset.files.values():
            if _find(folder, file) is None:
                _download(file, dataset.mirrors, folder, timeout)
    except OSError as error:
        raise OSError(_not_found(dataset, [*tried, *str(error).splitlines()])) from error
    arrays = _read_folder(dataset, folder)
    assert arrays is not None, "a file vanished from the cache while it was being read"
    return _pairs(arrays)


def cache_folder() -> Path:
    """The folder that downloads are kept in: what the platform, or ``XDG_CACHE_HOME``, says."""
    if sys.platform == "win32":
        root = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches"
    else:
        root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "corten"


def _folders(dataset: IdxDataset) -> list[Path]:
    folders = [cache_folder() / dataset.name]
    own = own_folder()
    if own is not None:
        folders[:0] = [own / dataset.name, own]
    return folders


def _find(folder: Path, file: IdxFile) -> Path | None:
    return next((path for path in (folder / f"{file.stem}.gz", folder / file.stem) if path.exists()), None)


def _read_folder(dataset: IdxDataset, folder: Path) -> dict[str, NDArray[np.uint8]] | None:
    """The four arrays, or None if the folder does not have them all; a file that is there but wrong is an error."""
    paths = {name: _find(folder, file) for name, file in dataset.files.items()}
    npz = folder / f"{dataset.name}.npz"
    if all(paths.values()):
        arrays = {}
        for name, file in dataset.files.items():
            path = paths[name]
            assert path is not None
            arrays[name] = read_idx(path, file.shape, "uint8")
            _verify(arrays[name], file, str(path))
        return arrays
    if npz.exists():
        arrays = read_npz(npz, {name: (file.shape, "uint8") for name, file in dataset.files.items()})
        for name, file in dataset.files.items():
            _verify(arrays[name], file, f"{npz}: array {name!r}")
        return arrays
    return None


def _verify(array: NDArray[np.uint8], file: IdxFile, what: str) -> None:
    """Compare with the SHA-256 of the uncompressed IDX file, whatever container the array came in."""
    if file.sha256 is None:
        return
    digest = hashlib.sha256(struct.pack(f">HBB{array.ndim}I", 0, 0x08, array.ndim, *array.shape))
    digest.update(array.data)
    if digest.hexdigest() != file.sha256:
        got = digest.hexdigest()
        raise CorruptFileError(f"{what}: not the original {file.stem}: expected SHA-256 {file.sha256}, got {got}")


def _pairs(arrays: Mapping[str, NDArray[np.uint8]]) -> Images:
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def _not_found(dataset: IdxDataset, tried: list[str]) -> str:
    stems = ", ".join(file.stem for file in dataset.files.values())
    return (
        f"{dataset.name}: found nowhere and could not be downloaded. Tried:\n  "
        + "\n  ".join(tried)
        + f"\nPut {stems} (gzipped or not) or {dataset.name}.npz into a folder, or into its subfolder "
        f"{dataset.name}, and set the environment variable CORTEN_DATA to that folder."
    )


def _download(file: IdxFile, mirrors: tuple[str, ...], folder: Path, timeout: float) -> None:
    """Fetch ``<mirror>/<stem>.gz`` into the folder; ``OSError`` has one line for each mirror that failed."""
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for mirror in mirrors:
        url = f"{mirror}/{file.stem}.gz"
        # Mirrors may have compressed the file differently, so a part belongs to the address it came from.
        part = folder / f"{file.stem}.gz.{hashlib.sha256(url.encode()).hexdigest()[:8]}.part"
        try:
            resumed = _fetch(url, part, timeout)
            try:
                _verify_download(part, file)
            except CorruptFileError:
                part.unlink()
                if not resumed:
                    raise
                # The part may have been of an older file at the same address: once more, from the beginning.
                _fetch(url, part, timeout)
                _verify_download(part, file)
            part.replace(folder / f"{file.stem}.gz")
            return
        except http.client.HTTPException as error:  # is no OSError
            failures.append(f"{url}: not an answer of HTTP ({error!r})")
        except (OSError, CorruptFileError) as error:
            failures.append(f"{url}: {error}")
            if isinstance(getattr(error, "reason", None), socket.gaierror):
                break  # no name can be resolved: there is no network, and the next mirror would only take as long
    raise OSError("\n".join(failures))


def _fetch(url: str, part: Path, timeout: float) -> bool:
    """Download to ``part``, continuing it if it exists; True if the server let it be continued."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "corten"})  # noqa: S310 - a constant, and what it sends is verified
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send: the part is whole, or of another file
            return True
        raise
    with response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        length = response.headers.get("Content-Length")
        total = (have if resumed else 0) + int(length) if length and length.isdecimal() else None
        if total is not None and total > _LARGEST_DOWNLOAD:
            raise OSError(f"the server announces {total} bytes, more than this data set can have")
        print(f"Downloading {url}", file=sys.stderr)
        with part.open("ab" if resumed else "wb") as out:
            while chunk := response.read(_CHUNK):
                out.write(chunk)
                if out.tell() > _LARGEST_DOWNLOAD:
                    raise OSError(f"the server sends more than {_LARGEST_DOWNLOAD} bytes")
            out.flush()
            os.fsync(out.fileno())
            if total is not None and out.tell() != total:
                raise OSError(f"the connection ended after {out.tell()} of {total} bytes; try again to continue there")
    return bool(resumed)


def _verify_download(part: Path, file: IdxFile) -> None:
    """Hold a downloaded file against all that is known of the original."""
    if file.gzip_sha256 is not None:
        got = hashlib.sha256(part.read_bytes()).hexdigest()
        if got != file.gzip_sha256:
            raise CorruptFileError(f"not the original {file.stem}.gz: expected SHA-256 {file.gzip_sha256}, got {got}")
    _verify(read_idx(part, file.shape, "uint8"), file, "what the server sent")
