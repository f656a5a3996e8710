"""The data of ``corten predict``: files read into arrays, and these given to the inputs of a model."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from corten.cli.failure import FileError, UsageError, blaming
from corten.cli.images import SUFFIXES, read_images
from corten.cli.signature import Declared, arranged, inputs_of
from corten.cli.tables import read_csv
from corten.graph import Array

__all__ = ["read_inputs"]


def read_inputs(arguments: argparse.Namespace, model: Any) -> Any:
    """The data that the command line names, as ``model.predict`` takes them.

    Raises:
        FileError: a file is damaged, or does not fit the inputs.
        UsageError: options or files that do not go together.
    """
    paths: list[Path] = arguments.data
    suffixes = {path.suffix.lower() for path in paths}
    images = suffixes <= SUFFIXES
    if len(paths) > 1 and not images:
        raise UsageError(f"expected one .npy, .npz or .csv, or images, got {len(paths)} files: {paths[0]}, ...")
    for option, used, kind in (
        ("--resize", arguments.resize and not images, "images"),
        ("--arrays", arguments.arrays is not None and suffixes != {".npz"}, "an .npz"),
        ("--header", arguments.header is not None and suffixes != {".csv"}, "a .csv"),
    ):
        if used:
            raise UsageError(f"{option} is for {kind}, got {paths[0]}")
    inputs, path = inputs_of(model), paths[0]
    if path.is_dir():
        raise FileError(f"{path}: a directory; name the files in it")
    if images:
        arrays = [read_images(paths, _only(inputs, path, "images"), arguments.resize)]
    elif suffixes == {".csv"}:
        arrays = [_in_shape(read_csv(path, arguments.header), _only(inputs, path, "a .csv"))]
    elif suffixes == {".npy"}:
        _only(inputs, path, "an .npy")
        arrays = [_read_npy(path)]
    elif suffixes == {".npz"}:
        arrays = _read_npz(path, inputs, arguments.arrays)
    else:
        raise FileError(f"{path}: expected .npy, .npz, .csv or an image ({', '.join(sorted(SUFFIXES))})")
    if arguments.scale is not None:
        arrays = [_scaled(array, arguments.scale, inputs[i] if inputs else None) for i, array in enumerate(arrays)]
    with blaming(path):
        return arranged(model, arrays)


def _only(inputs: list[Declared], path: Path, kind: str) -> Declared | None:
    """The one input; None where the model does not say what it takes."""
    if len(inputs) > 1:
        raise FileError(
            f"{path}: the model has {len(inputs)} inputs, {', '.join(map(str, inputs))}, and {kind} is one array; "
            "put an array for each into an .npz"
        )
    return inputs[0] if inputs else None


def _scaled(array: Array, scale: float, declared: Declared | None) -> Array:
    if declared is not None and declared.dtype != "float32":
        return array
    return array.astype(np.float32) / np.float32(scale)


def _in_shape(table: Array, declared: Declared | None) -> Array:
    """The rows of a table in the shape that the input has, where they are so many numbers."""
    if declared is None or len(declared.shape) == 2:
        return table
    sizes = declared.shape[1:]
    known = [size for size in sizes if size is not None]
    if len(known) == len(sizes) and math.prod(known) == table.shape[1]:
        return table.reshape(len(table), *known)
    return table


def _read_npy(path: Path) -> Array:
    with _reading(path), path.open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise ValueError("not a file of NumPy's format .npy")
        file.seek(0)
        return _numbers(np.lib.format.read_array(file, allow_pickle=False), "the array")


def _read_npz(path: Path, inputs: list[Declared], chosen: str | None) -> list[Array]:
    """An array for each input: those chosen, by the names of the inputs, or in order where they are as many."""
    with _reading(path):
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("not a file of NumPy's format .npz")
        with archive:
            names = _names(archive.files, inputs, chosen)
            return [_numbers(archive[name], f"array {name!r}") for name in names]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What NumPy raises on a damaged file becomes an error that names the file."""
    import tokenize
    import zipfile
    import zlib

    with blaming(path):
        try:
            yield
        except (EOFError, KeyError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"damaged, or of another format ({error})") from error


def _names(stored: list[str], inputs: list[Declared], chosen: str | None) -> list[str]:
    if chosen is not None:
        names = [name.strip() for name in chosen.split(",")]
        if missing := [name for name in names if name not in stored]:
            raise ValueError(f"--arrays: expected names among {', '.join(stored)}, got {missing[0]!r}")
    elif inputs and all(item.name in stored for item in inputs):
        return [item.name for item in inputs]
    else:
        names = list(stored)
    if inputs and len(names) != len(inputs):
        raise ValueError(
            f"expected arrays for {', '.join(map(str, inputs))}, got {len(names)}: {', '.join(names)}; "
            "--arrays says which"
        )
    return names


def _numbers(array: Any, what: str) -> Array:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        raise ValueError(f"{what}: expected numbers, got dtype {getattr(array, 'dtype', type(array).__name__)}")
    return array
