"""Tables of numbers in CSV files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from corten.cli.failure import FileError, blaming
from corten.graph import Array

__all__ = ["read_csv"]


def read_csv(path: Path, header: bool | None = None) -> Array:
    """The numbers of a table, a row for each of its lines: int64 where all are whole, else float64.

    Args:
        path: UTF-8, cells separated by commas.
        header: whether the first row has names; unless given, it has if none of its cells is a number.

    Raises:
        FileError: a cell that is no number, or a row of another length; the message says row and column.
    """
    import csv

    rows: list[list[float]] = []
    whole, columns = True, 0
    with blaming(path), path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file, strict=True)
        try:
            for cells in lines:
                where = f"{path}: row {lines.line_num}"
                if not cells:
                    continue
                if columns == 0:
                    columns = len(cells)
                    if _is_header(cells, header, where):
                        continue
                if len(cells) != columns:
                    raise FileError(f"{where}: expected {columns} cells, as in the rows before, got {len(cells)}")
                rows.append([_number(cell, f"{where}, column {place}") for place, cell in enumerate(cells, 1)])
                whole = whole and all(cell.strip().lstrip("+-").isdigit() for cell in cells)
        except csv.Error as error:
            raise FileError(f"{path}: row {lines.line_num}: {error}") from error
    if not rows:
        raise FileError(f"{path}: expected rows of numbers, got none")
    table = np.array(rows, np.float64)
    # Beyond that not every whole number is a float64.
    return table.astype(np.int64) if whole and np.abs(table).max() < 2**53 else table


def _is_header(cells: list[str], header: bool | None, where: str) -> bool:
    if header is not None:
        return header
    numbers = [_is_number(cell) for cell in cells]
    if any(numbers) and not all(numbers):
        place = numbers.index(False)
        raise FileError(
            f"{where}, column {place + 1}: expected a number, as others of the row are, got {cells[place]!r}; "
            "--header says that the row has names"
        )
    return not any(numbers)


def _number(cell: str, where: str) -> float:
    if not _is_number(cell):
        raise FileError(f"{where}: expected a number, got {cell!r}" if cell.strip() else f"{where}: an empty cell")
    return float(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    # Python reads 1_000 as a number, and files mean something else by it.
    return "_" not in cell
