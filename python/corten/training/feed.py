"""What ``fit``, ``evaluate`` and ``predict`` are fed: arrays with a row for each sample, or an iterable of batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from corten import _core
from corten.arguments import shown
from corten.errors import ShapeError
from corten.graph import Array, Signature, TensorLike, flatten, map_nested
from corten.graph.arrays import any_array, as_fed, column, column_dtype

__all__ = [
    "ArrayFeed",
    "Arrays",
    "Batches",
    "Chunk",
    "ClassWeight",
    "Data",
    "Declared",
    "Frame",
    "IterableFeed",
    "feed_of",
    "nested_arrays",
    "pack",
    "split_validation",
    "unpack_x_y_sample_weight",
]


@dataclass
class Chunk:
    """``steps`` batches of ``batch`` rows, the first beginning at ``start`` of ``rows`` (or of the columns)."""

    columns: list[Array]
    #: Of one batch; the columns are numbered in it.
    signature: Signature
    #: Whether the columns have not been seen before: the first of a pass.
    fresh: bool = True
    rows: Array | None = None
    start: int = 0
    batch: int = 1
    steps: int = 1

    def arrays(self, index: int) -> list[Array]:
        """The columns of one batch, as a step that runs eagerly takes them."""
        rows: Any = slice(self.start + index * self.batch, self.start + (index + 1) * self.batch)
        rows = rows if self.rows is None else self.rows[rows]
        return [
            as_fed(column[rows].reshape(shape), dtype)
            for column, shape, dtype in zip(self.columns, self.signature.shapes, self.signature.dtypes, strict=True)
        ]


class Frame(Protocol):
    """A table that gives an array, such as a DataFrame."""

    def to_numpy(self) -> Any: ...


class Batches(Protocol):
    """Batches by their index, such as a :class:`corten.utils.PyDataset`; ``len()`` or ``num_batches`` says how many."""

    def __getitem__(self, index: int, /) -> Any: ...


#: An array with a row for each sample, or several in lists, tuples and dicts; None for one that is left out.
Arrays: TypeAlias = "TensorLike | Frame | Sequence[Arrays | None] | Mapping[str, Arrays | None]"

#: What is trained on, evaluated or predicted from: arrays, or an iterable of batches x, (x, y), (x, y, sample_weight).
Data: TypeAlias = "Arrays | Iterable[Any] | Batches"

#: The weight of each class; ``"balanced"``: n / (classes * count), so that all classes weigh as much together.
ClassWeight: TypeAlias = "Mapping[int, float] | Literal['balanced']"

#: Gives the dtypes that the model's inputs declare; none where it is not known yet how many there are.
Declared = Callable[[], Sequence[str]]


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """``(x, y, sample_weight)`` of what a step is given: x alone, or a tuple of up to three."""
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(f"expected x, (x, y) or (x, y, sample_weight), got a tuple of {len(data)}")
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def pack(x: Arrays, y: Arrays | None = None, sample_weight: Arrays | None = None) -> Any:
    """The inverse of :func:`unpack_x_y_sample_weight`."""
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def _columns(x: Any, y: Any, sample_weight: Any) -> tuple[list[Array], Any]:
    columns: list[Array] = []

    def leaf(what: str) -> Any:
        def take(value: Any) -> Any:
            if value is None:
                return None
            columns.append(column(value, what))
            return len(columns) - 1

        return take

    structure = pack(
        map_nested(leaf("x"), _nest(x, "x")),
        map_nested(leaf("y"), _nest(y, "y")),
        map_nested(leaf("sample_weight"), _nest(sample_weight, "sample_weight")),
    )
    counts = {len(array) for array in columns}
    if len(counts) > 1:
        raise ShapeError(
            f"all arrays must have equally many rows, got {', '.join(str(array.shape) for array in columns)}"
        )
    return columns, structure


def _nest(value: Any, what: str) -> Any:
    """A list of numbers (NumPy's too) is one array, a list of arrays several."""
    if isinstance(value, (list, tuple)) and not any(
        getattr(item, "shape", ()) != () or isinstance(item, dict) for item in value
    ):
        return any_array(value, what)
    return value


def nested_arrays(value: Arrays, what: str) -> Any:
    """Nested arrays, each as it is where it is one; a list of numbers is one array."""
    return map_nested(lambda leaf: None if leaf is None else any_array(leaf, what), _nest(value, what))


def _signature(columns: Sequence[Array], structure: Any, batch: int, declared: Sequence[str]) -> Signature:
    """A batch of the columns; each has the dtype of the model's input where one is declared."""
    x, _, _ = unpack_x_y_sample_weight(structure)
    # The columns of x come first.
    count = 1 if isinstance(x, int) else len(flatten(x))
    if len(declared) != count or isinstance(x, dict):
        declared = ()
    dtypes = [column_dtype(array, dtype) for array, dtype in zip_longest(columns, declared)]
    return Signature(structure, [(batch, *array.shape[1:]) for array in columns], dtypes)


class ArrayFeed:
    """Arrays cut into batches, in order or shuffled anew each epoch by (seed, epoch)."""

    def __init__(
        self,
        x: Arrays,
        y: Arrays | None = None,
        sample_weight: Arrays | None = None,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
        class_weight: ClassWeight | None = None,
        declared: Declared = tuple,
    ) -> None:
        size = 32 if batch_size is None else batch_size
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise ValueError(f"batch_size: expected an int >= 1, got {size!r}")
        self.columns, self.structure = _columns(x, y, _weighted(y, sample_weight, class_weight))
        if not self.columns:
            raise ValueError("expected at least one array, got none")
        self.rows = len(self.columns[0])
        # So many steps go once through the data, unless a size was asked for.
        self.batch = int(size) if batch_size is not None or steps is None else max(1, -(-self.rows // steps))
        self.batches = -(-self.rows // self.batch)
        self.shuffle, self.seed = bool(shuffle), seed
        self.limit = steps
        self._declared = declared
        self._fresh = True

    @property
    def steps(self) -> int | None:
        return self.batches if self.limit is None else min(self.batches, self.limit)

    @property
    def lasting(self) -> bool:
        """Whether a whole epoch's steps can be had, and had again: a shorter one then is only the end of a pass."""
        return self.limit is None or self.limit <= self.batches

    #: Whether an epoch can begin at the beginning again.
    restarts = True

    def epoch(self, epoch: int) -> Iterator[Chunk]:
        """The chunks of one epoch: full batches, then the smaller last one; a stretch of them under ``steps``."""
        turn, batches = stretch(epoch, self.batches, self.limit)
        order = _core.permutation(self.rows, self.seed, turn) if self.shuffle else None
        yield from self.in_order(order, batches)

    def in_order(self, order: Array | None, batches: range | None = None) -> Iterator[Chunk]:
        """The chunks of a pass over the rows in an order (uint32; None: as they are), or of some of its batches."""
        batches = range(self.batches) if batches is None else batches
        full, remainder = divmod(self.rows, self.batch)
        if batches.start < full:
            steps = min(batches.stop, full) - batches.start
            yield self._chunk(order, batches.start * self.batch, self.batch, steps)
        if batches.stop > full:
            yield self._chunk(order, full * self.batch, remainder, 1)

    def whole(self) -> Chunk:
        """All rows as one batch, which may have none."""
        return self._chunk(None, 0, self.rows, 1)

    def _chunk(self, order: Array | None, start: int, batch: int, steps: int) -> Chunk:
        fresh, self._fresh = self._fresh, False
        signature = _signature(self.columns, self.structure, batch, self._declared())
        return Chunk(self.columns, signature, fresh, order, start, batch, steps)


def stretch(epoch: int, batches: int, limit: int | None) -> tuple[int, range]:
    """Which pass over the data an epoch is in, and which of their batches it takes, as Keras does.

    An epoch of ``limit`` steps begins where the one before ended, and ends where the data end.

    >>> [stretch(epoch, 5, 2) for epoch in range(4)]
    [(0, range(0, 2)), (0, range(2, 4)), (0, range(4, 5)), (1, range(0, 2))]
    """
    if batches == 0 or limit is None:
        return epoch, range(batches)
    turn, part = divmod(epoch, -(-batches // limit))
    return turn, range(part * limit, min(batches, (part + 1) * limit))


class IterableFeed:
    """An iterable of x, (x, y) or (x, y, sample_weight), one for each batch; or an object with ``len`` and indexing."""

    def __init__(
        self,
        source: Iterable[Any] | Batches,
        steps: int | None = None,
        class_weight: ClassWeight | None = None,
        declared: Declared = tuple,
    ) -> None:
        self.source: Any = source
        self.limit = steps
        self.class_weight = class_weight
        self._declared = declared
        self._iterator: Iterator[Any] | None = None

    @property
    def indexed(self) -> bool:
        counted = hasattr(self.source, "__len__") or hasattr(self.source, "num_batches")
        return counted and hasattr(self.source, "__getitem__")

    @property
    def length(self) -> int | None:
        """How many batches an indexed source has; None where there is no end."""
        batches = getattr(self.source, "num_batches", None)
        return len(self.source) if batches is None and hasattr(self.source, "__len__") else batches

    @property
    def steps(self) -> int | None:
        if self.limit is None and self.indexed:
            return self.length
        return self.limit

    @property
    def lasting(self) -> bool:
        """Whether a whole epoch's steps can be had, and had again: a shorter one then is only the end of a pass."""
        return self.indexed and (self.limit is None or self.length is None or self.limit <= self.length)

    @property
    def restarts(self) -> bool:
        """Whether an epoch can begin at the beginning again: not of an iterator, which is used up as it goes."""
        return self.indexed or iter(self.source) is not self.source

    def _items(self, epoch: int) -> Iterator[Any]:
        if self.indexed:
            length = self.length
            if length is not None:
                _, batches = stretch(epoch, length, self.limit)
            elif self.limit is None:
                raise ValueError("the data set is infinite (num_batches is None); pass the number of steps")
            else:
                batches = range(epoch * self.limit, (epoch + 1) * self.limit)
            yield from (self.source[index] for index in batches)
            return
        restarts = self.restarts
        if restarts and (self.limit is None or epoch == 0):
            self._iterator = None
        continued = self._iterator is not None
        if self._iterator is None:
            self._iterator = iter(self.source)
        seen = 0
        for item in itertools.islice(self._iterator, self.limit):
            seen += 1
            yield item
        if restarts and seen != self.limit:
            # The pass has ended.
            self._iterator = None
            if seen == 0 and continued:
                yield from self._items(epoch)

    def epoch(self, epoch: int) -> Iterator[Chunk]:
        """The batches of one epoch; where ``steps`` limits it, it goes on where the last epoch ended.

        Epoch 0, and an epoch after a pass that has ended, begin at the beginning, unless the source is an iterator.
        """
        if self.indexed and hasattr(self.source, "on_epoch_begin"):
            self.source.on_epoch_begin()
        for index, data in enumerate(self._items(epoch)):
            if data is None:
                raise TypeError(f"batch {index}: expected x, (x, y) or (x, y, sample_weight), got None")
            x, y, sample_weight = unpack_x_y_sample_weight(data)
            columns, structure = _columns(x, y, _weighted(y, sample_weight, self.class_weight))
            batch = len(columns[0])
            yield Chunk(columns, _signature(columns, structure, batch, self._declared()), index == 0, batch=batch)
        if self.indexed and hasattr(self.source, "on_epoch_end"):
            self.source.on_epoch_end()


def feed_of(
    x: Data | None,
    y: Arrays | None = None,
    sample_weight: Arrays | None = None,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
    class_weight: ClassWeight | None = None,
    declared: Declared = tuple,
) -> ArrayFeed | IterableFeed:
    """The feed for what the user gave as ``x``: arrays, or an iterable of batches."""
    arrays = isinstance(x, (list, tuple, dict)) or hasattr(x, "__array__") or hasattr(x, "to_numpy") or np.isscalar(x)
    if arrays or x is None:
        if x is None:
            raise ValueError("x: expected arrays or an iterable of batches, got None")
        columns: Any = x
        return ArrayFeed(columns, y, sample_weight, batch_size, steps, shuffle, seed, class_weight, declared)
    if not (hasattr(x, "__iter__") or hasattr(x, "__next__") or hasattr(x, "__getitem__")):
        raise TypeError(f"x: expected arrays or an iterable of batches, got {type(x).__name__}")
    if y is not None or sample_weight is not None:
        raise ValueError("x is an iterable of batches, which must yield y and sample_weight itself; do not pass them")
    if isinstance(class_weight, str):
        raise ValueError(
            f"class_weight={class_weight!r} needs arrays: how often classes come is not known of an iterable"
        )
    batches: Any = x
    return IterableFeed(batches, steps, class_weight, declared)


def _weighted(y: Any, sample_weight: Any, class_weight: ClassWeight | None) -> Any:
    """The sample weights, or those of the samples' classes; ``ValueError`` where both are given."""
    if class_weight is None:
        return sample_weight
    if sample_weight is not None:
        raise ValueError("pass either class_weight or sample_weight, not both")
    return class_weights(y, class_weight)


def class_weights(y: Arrays, class_weight: ClassWeight) -> Array:
    """The weight of each sample: that of its class."""
    if y is None or (isinstance(y, (list, tuple, dict)) and any(hasattr(item, "shape") for item in y)):
        raise ValueError("class_weight needs exactly one array of targets")
    if not isinstance(class_weight, Mapping) and not (isinstance(class_weight, str) and class_weight == "balanced"):
        raise TypeError(
            f"class_weight: expected a dict, class -> weight, or 'balanced', got {shown(class_weight)}; "
            "dict(enumerate(weights)) makes one of a list"
        )
    labels = column(y, "y")
    if labels.ndim == 2 and labels.shape[1] > 1:
        labels = labels.argmax(axis=1)
    if labels.size != len(labels):
        raise ShapeError(f"class_weight needs one class for each sample, got targets of shape {labels.shape}")
    classes, inverse, counts = np.unique(labels.reshape(-1), return_inverse=True, return_counts=True)
    broken = [c for c in classes if c != np.floor(c) or not np.isfinite(c)]
    if broken:
        raise ValueError(f"class_weight needs integer classes as targets, got {broken[0]}")
    if not isinstance(class_weight, Mapping):
        class_weight = {int(c): len(labels) / (len(classes) * int(n)) for c, n in zip(classes, counts, strict=True)}
    missing = [int(c) for c in classes if int(c) not in class_weight]
    if missing:
        raise ValueError(f"class_weight: no weight for class {missing[0]}; the targets hold {classes.tolist()[:20]}")
    weights = np.array([class_weight[int(c)] for c in classes], dtype=np.float32)
    if not np.isfinite(weights).all():
        raise ValueError(f"class_weight: weights must be finite, got {class_weight}")
    return weights[inverse.reshape(-1)]


def split_validation(fraction: float, *parts: Any) -> tuple[list[Any], list[Any]]:
    """The first and the last part of nested arrays: the last ``fraction`` of the rows, taken before shuffling."""
    nested = [_nest(part, what) for part, what in zip(parts, ("x", "y", "sample_weight"))]
    leaves = flatten(nested)
    rows = len(leaves[0])
    at = int(np.floor(rows * (1.0 - fraction)))
    if at == 0 or at == rows:
        raise ValueError(f"validation_split={fraction} of {rows} rows leaves one part empty")

    def cut(which: slice) -> list[Any]:
        return [map_nested(lambda leaf: None if leaf is None else leaf[which], part) for part in nested]

    return cut(slice(None, at)), cut(slice(at, None))
