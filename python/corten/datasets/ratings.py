"""MovieLens: 100,836 ratings of films, half a star to five, by 610 users.

Source: Harper, Konstan, "The MovieLens datasets: history and context", ACM TiiS 5, 2015; the set ml-latest-small of
https://grouplens.org/datasets/movielens, under GroupLens's own terms, not for commercial use.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptFileError
from .folder import find, read_text

__all__ = ["load_data", "load_titles"]

Ratings = tuple[NDArray[np.int32], NDArray[np.float32]]

_ORIGIN = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"


def load_data() -> tuple[Ratings, Ratings]:
    """Return ``(x_train, y_train), (x_test, y_test)``: int32 (user, film) in rows, and float32 stars from 0.5 to 5.

    Users are numbered from 0, films by their place in :func:`load_titles`. A tenth of the ratings, drawn at random but
    always the same, is held out. The files ``ratings.csv`` (user, film, stars, ...) and ``movies.csv`` (film, title,
    ...) are looked for in ``$CORTEN_DATA/ratings`` and ``$CORTEN_DATA``.

    Raises:
        OSError: a file is not there; the message says where to get it.
        CorruptFileError: a row is not a rating, or of a film that is not in ``movies.csv``.

    Example::

        (x_train, stars_train), (x_test, stars_test) = corten.datasets.ratings.load_data()
    """
    place = {film: index for index, (film, _) in enumerate(_films())}
    path = find("ratings.csv", "ratings", _ORIGIN)
    user_of: dict[str, int] = {}
    pairs, stars = [], []
    for number, row in enumerate(_rows(path, 3), 2):
        film, star = place.get(row[1]), _stars(row[2])
        if film is None or star is None:
            raise CorruptFileError(f"{path}: line {number}: expected a user, a known film and stars; got {row}")
        pairs.append((user_of.setdefault(row[0], len(user_of)), film))
        stars.append(star)
    x, y = np.array(pairs, np.int32), np.array(stars, np.float32)
    order = np.random.RandomState(0).permutation(len(x))  # the generator whose stream is frozen
    held_out = len(x) // 10
    train, test = order[held_out:], order[:held_out]
    return (x[train], y[train]), (x[test], y[test])


def load_titles() -> list[str]:
    """Return the titles of the films, with their years; where and what it raises is as in :func:`load_data`."""
    return [title for _, title in _films()]


def _films() -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in _rows(find("movies.csv", "ratings", _ORIGIN), 2)]


def _stars(text: str) -> float | None:
    """Half a star to five; None if the text says something else."""
    return float(text) if re.fullmatch(r"[0-5](\.[05])?", text) and 0.5 <= float(text) <= 5 else None


def _rows(path: Path, columns: int) -> list[list[str]]:
    """The rows below the heading, each with at least so many columns."""
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline=""), strict=True))[1:]
    except csv.Error as error:
        raise CorruptFileError(f"{path}: not comma separated values: {error}") from error
    for number, row in enumerate(rows, 2):
        if len(row) < columns:
            raise CorruptFileError(f"{path}: line {number}: expected {columns} columns or more, got {row}")
    if not rows:
        raise CorruptFileError(f"{path}: no rows below the heading")
    return rows
