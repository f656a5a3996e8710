"""Keras's small tools: one seed for everything, one-hot labels."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

from corten import random as corten_random
from corten.tensor import Array

__all__ = ["normalize", "set_random_seed", "to_categorical"]


def set_random_seed(seed: int) -> None:
    """Seeds Python's ``random``, NumPy's legacy generator, and everything random in Corten.

    >>> import corten
    >>> corten.utils.set_random_seed(7)
    """
    corten_random.set_seed(seed)
    python_random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - what Keras's function of this name seeds


def to_categorical(x: Any, num_classes: int | None = None) -> Array:
    """One-hot float32 rows for integer labels: shape (..., num_classes).

    Raises:
        IndexError: a label is negative or not below ``num_classes``.

    >>> import corten
    >>> corten.utils.to_categorical([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    labels = np.asarray(x)
    if labels.dtype.kind not in "iub" and not np.array_equal(labels, np.floor(labels)):
        raise TypeError(f"to_categorical: expected integer labels, got dtype {labels.dtype}")
    labels = labels.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    count = num_classes if num_classes is not None else int(labels.max(initial=-1)) + 1
    bad = (labels < 0) | (labels >= count)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise IndexError(f"to_categorical: label {labels[at]} at position {at}; expected 0 <= label < {count}")
    rows: Array = np.eye(count, dtype=np.float32)[labels]
    return rows


def normalize(x: Any, axis: int = -1, order: int = 2) -> Array:
    """``x`` divided by its norm of the given order along ``axis``; zeros stay zeros.

    >>> import corten
    >>> corten.utils.normalize([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    array = np.asarray(x, dtype=np.float64)
    norm = np.atleast_1d(np.linalg.norm(array, order, axis))
    norm[norm == 0] = 1
    scaled: Array = array / np.expand_dims(norm, axis)
    return scaled
