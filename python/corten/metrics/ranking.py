"""Measures of a ranking: what of the relevant is among the first k, and how near the top."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from corten.errors import ShapeError
from corten.graph import Array

__all__ = ["ndcg_at_k", "recall_at_k"]


def recall_at_k(ranked: ArrayLike, relevant: Sequence[Iterable[int]], k: int = 10) -> float:
    """The mean, over all users with anything relevant, of the part of the relevant items that is among the first k.

    Args:
        ranked: items (n, at least k) without repetition, the best first, for each of n users; -1 stands for none.
        relevant: for each user the items that belong there.
        k: how many items count.

    Raises:
        ShapeError: not k items for each user, or other numbers of users.
        ValueError: no user has anything relevant, or an item is ranked twice for one user.

    >>> from corten.metrics import recall_at_k
    >>> recall_at_k([[3, 1, 2], [0, 1, 2]], [{1, 9}, {0}], k=2)
    0.75
    """
    return _mean("recall_at_k", ranked, relevant, k, lambda hits, wanted: hits.sum() / wanted)


def ndcg_at_k(ranked: ArrayLike, relevant: Sequence[Iterable[int]], k: int = 10) -> float:
    """The mean over all users of the discounted gain of the first k, relative to the best that is possible.

    A relevant item at place i (from 1) gains ``1 / log2(i + 1)``. Arguments and errors as in :func:`recall_at_k`.
    Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 20(4), 2002.

    >>> from corten.metrics import ndcg_at_k
    >>> ndcg_at_k([[3, 1, 2], [0, 1, 2]], [{3, 1}, {0}], k=2)
    1.0
    """
    gains = 1 / np.log2(np.arange(2, k + 2))
    return _mean("ndcg_at_k", ranked, relevant, k, lambda hits, wanted: hits @ gains / gains[:wanted].sum())


def _mean(
    name: str, ranked: Any, relevant: Sequence[Iterable[int]], k: int, measure: Callable[[Array, int], float]
) -> float:
    items = np.asarray(ranked)
    if k < 1 or items.ndim != 2 or items.shape[1] < k or len(items) != len(relevant):
        raise ShapeError(f"{name}: expected {len(relevant)} rows of at least {max(k, 1)} items, got {items.shape}")
    measured = []
    for user, (row, wanted) in enumerate(zip(items[:, :k], relevant, strict=True)):
        ranked_items, times = np.unique(row[row >= 0], return_counts=True)
        if (times > 1).any():
            raise ValueError(f"{name}: item {ranked_items[times > 1][0]} is ranked more than once for user {user}")
        ours = np.unique(np.fromiter(wanted, np.int64))
        if len(ours):
            measured.append(float(measure(np.isin(row, ours[ours >= 0]), len(ours))))
    if not measured:
        raise ValueError(f"{name}: no user has any relevant item")
    return float(np.mean(measured))
