"""Data in two parts: by size, or so that classes are shared out and groups stay together."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.arguments import real, whole
from corten.errors import ShapeError
from corten.graph import Array, flatten, map_nested
from corten.graph.arrays import any_array
from corten.random import draw_seed
from corten.training.feed import Arrays, Data, nested_arrays, pack

__all__ = ["split_dataset", "train_validation_split"]


class Items:
    """Some items of a data set, as ``fit`` takes them: with a length, each by its index."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


def split_dataset(
    dataset: Data,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: None = None,
) -> tuple[Any, Any]:
    """The first and the last rows of arrays, or items of an iterable, as in Keras.

    Args:
        dataset: an array, nested arrays with equally many rows, or an iterable, whose items are samples or batches.
        left_size: how many rows are in the first part: an int, or a float, a fraction of all. What ``right_size``
            leaves unless given.
        right_size: how many are in the last part. If both leave some over, these are in neither.
        shuffle: whether rows are shuffled before.
        seed: of shuffling; drawn from that of :func:`corten.utils.set_random_seed` unless given.
        preferred_backend: must be None.

    Returns:
        Two of the same structure; of an iterable two objects with a length and items by index, which ``fit`` takes.

    Raises:
        ValueError: no size, sizes that do not fit, or a part without rows.
        TypeError: a size is no number, or ``dataset`` is no data.

    >>> import numpy as np, corten
    >>> left, right = corten.utils.split_dataset((np.arange(10), np.arange(10) % 2), left_size=0.8)
    >>> right
    (array([8, 9]), array([0, 1]))
    """
    if preferred_backend is not None:
        raise ValueError(f"split_dataset: preferred_backend: expected None, got {preferred_backend!r}")
    data: Any = dataset
    arrays = isinstance(data, (list, tuple, dict)) or hasattr(data, "__array__") or hasattr(data, "to_numpy")
    if arrays:
        nested = nested_arrays(data, "split_dataset: dataset")
        rows = _rows(nested)
    else:
        nested = _items(data)
        rows = len(nested)
    left, right = _sizes(left_size, right_size, rows)
    order = _shuffled(rows, seed) if shuffle else np.arange(rows)
    first, last = order[:left], order[rows - right :]
    if arrays:
        return _taken(nested, first), _taken(nested, last)
    return Items([nested[i] for i in first]), Items([nested[i] for i in last])


def train_validation_split(
    x: Arrays,
    y: Arrays | None = None,
    fraction: float = 0.2,
    *,
    sample_weight: Arrays | None = None,
    stratify: Any = None,
    groups: Any = None,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Rows to train on and rows to validate on, drawn at random: ``fit(*train, validation_data=validation)``.

    Args:
        x, y: arrays with equally many rows, as ``fit`` takes them.
        fraction: of the rows, to validate on.
        sample_weight: a weight for each row, split likewise.
        stratify: a label for each row, often ``y``: each label has its share of both parts, as nearly as whole rows
            allow; a label's last row stays in training.
        groups: a label for each row: rows of one group (a patient, a speaker) are in one part, which may come near to
            the fraction only.
        seed: drawn from that of :func:`corten.utils.set_random_seed` unless given.

    Returns:
        Two tuples ``(x, y)``, with the weights ``(x, y, sample_weight)`` where given; rows are in their order.

    Raises:
        ValueError: a part would be empty, there is one group alone, or both ``stratify`` and ``groups`` are given.
        ShapeError: numbers of rows differ.

    >>> import numpy as np, corten
    >>> x, y = np.arange(10), np.array([0] * 6 + [1] * 4)
    >>> train, validation = corten.utils.train_validation_split(x, y, 0.5, stratify=y, seed=0)
    >>> train[1], validation[1]
    (array([0, 0, 0, 1, 1]), array([0, 0, 0, 1, 1]))
    """
    where = "train_validation_split"
    parts = {"x": x, "y": y, "sample_weight": sample_weight}
    nested = {name: None if part is None else nested_arrays(part, f"{where}: {name}") for name, part in parts.items()}
    rows = _rows(nested)
    if not 0.0 < real(fraction, f"{where}: fraction") < 1.0:
        raise ValueError(f"{where}: fraction: expected a number above 0 and below 1, got {fraction}")
    if stratify is not None and groups is not None:
        raise ValueError(f"{where}: pass either stratify or groups, not both")
    wanted = round(rows * float(fraction))
    if not 0 < wanted < rows:
        raise ValueError(f"{where}: fraction={fraction} of {rows} rows leaves one part empty")
    order = _shuffled(rows, seed)
    if stratify is not None:
        chosen = _of_each(_labels(stratify, rows, f"{where}: stratify")[order], wanted)
    elif groups is not None:
        chosen = _whole_groups(_labels(groups, rows, f"{where}: groups")[order], wanted)
    else:
        chosen = np.arange(rows) < wanted
    held_out = np.zeros(rows, bool)
    held_out[order] = chosen

    def part(mask: Array) -> Any:
        taken = _taken(nested, np.flatnonzero(mask))
        packed = pack(taken["x"], taken["y"], taken["sample_weight"])
        return packed if isinstance(packed, tuple) else (packed,)

    return part(~held_out), part(held_out)


def _rows(nested: Any) -> int:
    """The number of rows that all arrays have."""
    leaves = flatten(nested)
    shapes = [leaf.shape for leaf in leaves]
    if not leaves or () in shapes:
        raise ShapeError(f"expected arrays with a row for each sample, got shapes {shapes}")
    if len({shape[0] for shape in shapes}) > 1:
        raise ShapeError(f"all arrays must have equally many rows, got {', '.join(map(str, shapes))}")
    return int(shapes[0][0])


def _items(dataset: Any) -> list[Any]:
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return [dataset[index] for index in range(len(dataset))]
    if not hasattr(dataset, "__iter__"):
        raise TypeError(f"split_dataset: expected arrays or an iterable, got {type(dataset).__name__}")
    return list(dataset)


def _sizes(left: float | None, right: float | None, rows: int) -> tuple[int, int]:
    if left is None and right is None:
        raise ValueError("split_dataset: expected left_size, right_size or both, got none of them")

    def size(value: Any, name: str) -> int | None:
        if value is None:
            return None
        where = f"split_dataset: {name}"
        if hasattr(value, "__index__") or isinstance(value, bool):
            return whole(value, where, 1, max(1, rows - 1))
        if not 0.0 < real(value, where) < 1.0:
            raise ValueError(f"{where}: expected an int, or a fraction above 0 and below 1, got {value}")
        return round(float(value) * rows)

    first, last = size(left, "left_size"), size(right, "right_size")
    first = rows - (last or 0) if first is None else first
    last = rows - first if last is None else last
    if first + last > rows or first == 0 or last == 0:
        raise ValueError(
            f"split_dataset: left_size={left} and right_size={right} of {rows} rows: expected two parts that have rows "
            f"and share none, got {first} and {last}"
        )
    return first, last


def _shuffled(rows: int, seed: int | None) -> Array:
    seed = draw_seed() if seed is None else whole(seed, "seed", 0)
    return np.random.Generator(np.random.PCG64(seed)).permutation(rows)


def _taken(nested: Any, rows: Array) -> Any:
    return map_nested(lambda leaf: None if leaf is None else leaf[rows], nested)


def _labels(labels: Any, rows: int, where: str) -> Array:
    """The number of each row's label, counted in their order."""
    array = any_array(labels, where)
    if array.shape not in ((rows,), (rows, 1)):
        raise ShapeError(f"{where}: expected a label for each of the {rows} rows, got shape {array.shape}")
    numbers: Array = np.unique(array.reshape(-1), return_inverse=True)[1].reshape(-1)
    return numbers


def _of_each(labels: Array, wanted: int) -> Array:
    """Which of the rows are chosen: of each label its share, the first ones."""
    counts = np.bincount(labels)
    shares = counts * (wanted / len(labels))
    quotas = np.minimum(np.floor(shares).astype(int), counts - 1)
    # What whole rows left over goes to the labels that are furthest below their share.
    while quotas.sum() < wanted and (quotas < counts - 1).any():
        quotas[np.argmax(np.where(quotas < counts - 1, shares - quotas, -np.inf))] += 1
    chosen = np.zeros(len(labels), bool)
    for label, quota in enumerate(quotas):
        chosen[np.flatnonzero(labels == label)[:quota]] = True
    if not chosen.any():
        raise ValueError("train_validation_split: stratify: every label has one row alone, which stays in training")
    return chosen


def _whole_groups(groups: Array, wanted: int) -> Array:
    """Which of the rows are chosen: all of some groups, so many rows as come nearest to ``wanted`` one by one."""
    counts = np.bincount(groups)
    if len(counts) < 2:
        raise ValueError("train_validation_split: groups: expected two groups or more, got one")
    chosen: list[int] = []
    total = 0
    # In the order in which the shuffled rows bring them.
    for group in dict.fromkeys(groups.tolist()):
        count = int(counts[group])
        if abs(total + count - wanted) < abs(total - wanted) and len(chosen) < len(counts) - 1:
            chosen.append(group)
            total += count
    return np.isin(groups, chosen if chosen else [int(counts.argmin())])
