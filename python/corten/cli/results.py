"""What a model gave, as CSV, .npy or .npz."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from corten.cli.failure import FileError, blaming, printable
from corten.graph import Array
from corten.saving.atomic import atomic_write

__all__ = ["print_csv", "write_results"]


def write_results(results: Mapping[str, Array], path: Path) -> None:
    """Writes the outputs to a file; the end of its name says how.

    Raises:
        FileError: several outputs for an .npy, outputs that make no table for a .csv, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy" and len(results) > 1:
        raise FileError(f"{path}: expected one output, got {len(results)}: {', '.join(results)}; write an .npz")
    if suffix == ".csv":
        _expect_table(results, str(path))
    with blaming(path), atomic_write(path) as file:
        if suffix == ".npy":
            np.save(file, next(iter(results.values())))
        elif suffix == ".npz":
            _save_npz(file, results)
        else:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="")
            _write_csv(results, text)
            text.detach()


def _save_npz(file: object, results: Mapping[str, Array]) -> None:
    """As ``numpy.savez``, for which some names are arguments of its own."""
    import zipfile

    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        for name, array in results.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def print_csv(results: Mapping[str, Array]) -> None:
    """Prints the outputs as a table."""
    _expect_table(results, "standard output")
    _write_csv(results, sys.stdout)


def _expect_table(results: Mapping[str, Array], where: str) -> None:
    rows = {name: array.shape[:1] for name, array in results.items()}
    if len(set(rows.values())) > 1 or () in rows.values():
        shapes = ", ".join(f"{name} {array.shape}" for name, array in results.items())
        raise FileError(f"{where}: expected outputs with a row for each sample, got {shapes}; write an .npz")


def _write_csv(results: Mapping[str, Array], file: TextIO) -> None:
    """A row for each sample: the numbers of all outputs, the last axis fastest."""
    import csv

    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([printable(name, file) for name in _columns(results)])
    tables = [array.reshape(len(array), -1) for array in results.values()]
    for parts in zip(*tables, strict=True):
        # As few digits as tell a float32 from every other.
        writer.writerow([str(number) for part in parts for number in part])


def _columns(results: Mapping[str, Array]) -> Iterator[str]:
    """The names of the columns: that of the output and, where it has several numbers, the place in it."""
    for name, array in results.items():
        if array.size == len(array):
            yield name
            continue
        for place in itertools.product(*map(range, array.shape[1:])):
            yield f"{name}[{']['.join(map(str, place))}]"
