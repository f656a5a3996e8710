"""Keras's small tools: one seed for everything, one-hot labels, sequences of one length, data in two parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from corten import random as corten_random
from corten.arguments import one_of, real, shown, whole
from corten.graph import Array, numeric
from corten.layers.naming import reset_names
from corten.ops.axes import axis_of
from corten.serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from corten.training.split import split_dataset, train_validation_split

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "normalize",
    "pad_sequences",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "to_categorical",
    "train_validation_split",
]


def set_random_seed(seed: int) -> None:
    """Seeds Python's ``random``, NumPy's legacy generator, and everything random in Corten.

    >>> import corten
    >>> corten.utils.set_random_seed(7)
    """
    import random as python_random

    corten_random.set_seed(seed)
    python_random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)  # noqa: NPY002 - what Keras's function of this name seeds


def clear_session(free_memory: bool = True) -> None:
    """Restarts automatic names: ``dense``, ``dense_1``, ... Existing models are not affected.

    Args:
        free_memory: accepted for Keras's sake; unreferenced memory is freed anyway.

    >>> import corten
    >>> corten.utils.clear_session(); corten.layers.Dense(1).name
    'dense'
    """
    reset_names()


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> Array:
    """One-hot float32 rows for integer labels: shape (..., num_classes).

    Raises:
        IndexError: a label is negative or not below ``num_classes``.

    >>> import corten
    >>> corten.utils.to_categorical([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    labels = numeric(x, "to_categorical")
    if labels.dtype.kind not in "iub" and not np.array_equal(labels, np.floor(labels)):
        raise TypeError(f"to_categorical: expected integer labels, got dtype {labels.dtype}")
    if not ((labels > -(2.0**53)) & (labels < 2.0**53)).all():
        raise IndexError(f"to_categorical: expected labels below 2**53, got {labels.min()} to {labels.max()}")
    labels = labels.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    largest = int(labels.max(initial=-1)) + 1
    count = largest if num_classes is None else whole(num_classes, "to_categorical: num_classes", 0, 2**53)
    bad = (labels < 0) | (labels >= count)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise IndexError(f"to_categorical: label {labels[at]} at position {at}; expected 0 <= label < {count}")
    rows: Array = np.eye(count, dtype=np.float32)[labels]
    return rows


def normalize(x: ArrayLike, axis: int = -1, order: int = 2) -> Array:
    """``x`` divided by its norm of the given order along ``axis``; zeros stay zeros.

    >>> import corten
    >>> corten.utils.normalize([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    array = numeric(x, "normalize").astype(np.float64)
    norm = np.atleast_1d(np.linalg.norm(array, real(order, "normalize: order"), axis_of(axis, array.ndim, "normalize")))
    norm[norm == 0] = 1
    scaled: Array = array / np.expand_dims(norm, axis)
    return scaled


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: ArrayLike = 0.0,
) -> Array:
    """Sequences of different lengths as one array (number, maxlen, ...).

    Args:
        sequences: lists or arrays; beyond their length all have the same shape.
        maxlen: the length of the result; by default that of the longest.
        dtype: of the result.
        padding: where shorter ones are padded: ``"pre"``, at their beginning, or ``"post"``.
        truncating: where longer ones are cut: ``"pre"``, at their beginning, or ``"post"``.
        value: the padding.

    Raises:
        ValueError: the shapes of the elements differ, or a name is unknown.

    >>> import corten
    >>> corten.utils.pad_sequences([[1], [2, 3, 4]], maxlen=2)
    array([[0, 1],
           [3, 4]], dtype=int32)
    """
    one_of(padding, ("pre", "post"), "pad_sequences: padding")
    one_of(truncating, ("pre", "post"), "pad_sequences: truncating")
    arrays = [np.asarray(sequence) for sequence in sequences]
    if any(array.ndim == 0 for array in arrays):
        raise ValueError("pad_sequences: expected a list of sequences, got a list of numbers")
    longest = (
        max((len(array) for array in arrays), default=0)
        if maxlen is None
        else whole(maxlen, "pad_sequences: maxlen", 0)
    )
    shape = next((array.shape[1:] for array in arrays if len(array)), ())
    try:
        padded = np.full((len(arrays), longest, *shape), value, dtype)
    except OverflowError:
        raise ValueError(f"pad_sequences: value: expected a number of {np.dtype(dtype)}, got {shown(value)}") from None
    for row, array in zip(padded, arrays, strict=True):
        if not len(array):
            continue
        if array.shape[1:] != shape:
            raise ValueError(f"pad_sequences: expected elements of shape {shape}, got {array.shape[1:]}")
        part = array[max(0, len(array) - longest) :] if truncating == "pre" else array[:longest]
        if padding == "pre":
            row[longest - len(part) :] = part
        else:
            row[: len(part)] = part
    return padded


class PyDataset:
    """The base of data sets that give a batch by its index: subclasses have ``__len__`` and ``__getitem__``.

    A batch is x, (x, y) or (x, y, sample_weight). After each epoch ``on_epoch_end`` is called, to shuffle, for example.
    An object of any class with these methods will do; this one is for Keras's sake.

    Args:
        workers, use_multiprocessing, max_queue_size: stored, and without effect: batches are requested one by one.

    >>> import numpy as np, corten
    >>> class Ones(corten.utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return np.ones((4, 2)), np.zeros((4, 1))
    >>> model = corten.Sequential([corten.layers.Dense(1, input_shape=(2,))])
    >>> model.compile("sgd", "mse")
    >>> model.fit(Ones(), verbose=0).params["steps"]
    3
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None where the subclass does not say."""
        return len(self) if hasattr(self, "__len__") else None

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__(index)")

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""
