"""Recommendation: vectors of users and items whose product says how well they go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from corten import initializers, losses, ops
from corten.errors import ShapeError
from corten.graph import Array
from corten.layers import Dense, Dropout, Embedding, Identity
from corten.layers.arguments import count, number
from corten.models.function import Function
from corten.models.model import Model
from corten.models.sequential import Sequential
from corten.training.feed import Arrays, Data

__all__ = ["Recommender"]


class Recommender(Model):
    """How a user likes an item: ``offset + user_bias[u] + item_bias[i] + <user vector, item vector>``.

    A vector is an embedding, or with ``hidden`` what a tower of dense layers, one for users and one for items, makes of
    the embedding. ``fit(pairs, ratings)`` learns to predict ratings, with any loss of :meth:`compile`. With
    ``ranking``, ``fit(pairs)`` learns who has to do with what: the item of each pair is to win against all others, by a
    softmax over all items (``compile`` then needs no loss).

    Inputs are pairs: integers (n, 2), user and item in a row. The output has shape (n,).

    Args:
        users, items: how many there are; they are numbered from 0.
        dimension: the size of the embeddings.
        hidden: the sizes of the towers' layers; none: the embeddings themselves are the vectors.
        ranking: learn an order of the items instead of ratings.
        dropout: the part of the vectors' elements that is left out in training.
        penalty: the factor of the squares of vectors and biases in the loss, for each pair. As only those that occur
            are shrunk, frequent ones are shrunk more.

    Raises:
        ValueError: a size below 1, or a negative penalty.
        IndexError: a user or item that is not there.

    Koren, Bell, Volinsky, "Matrix factorization techniques for recommender systems", Computer 42(8), 2009; towers as in
    Covington et al., "Deep neural networks for YouTube recommendations", RecSys 2016.

    >>> import numpy as np, corten
    >>> pairs = np.array([[0, 0], [0, 1], [1, 1], [1, 2]])
    >>> model = corten.models.Recommender(users=2, items=3, dimension=4)
    >>> model.compile("adam", "mse")
    >>> history = model.fit(pairs, np.array([5, 1, 4, 2]), epochs=2, verbose=0)
    >>> model.predict(pairs, verbose=0).shape
    (4,)
    >>> model.recommend(0, k=1)  # the only one that this user has not rated
    array([2])
    """

    def __init__(
        self,
        users: int,
        items: int,
        dimension: int = 32,
        hidden: Sequence[int] = (),
        ranking: bool = False,
        dropout: float = 0.0,
        penalty: float = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.users, self.items = count(users, "Recommender: users"), count(items, "Recommender: items")
        self.ranking, self.penalty = bool(ranking), number(penalty, "Recommender: penalty", 0)
        normal = initializers.RandomNormal(stddev=0.1)
        self.user_embedding = Embedding(self.users, dimension, normal, name="user_embedding")
        self.item_embedding = Embedding(self.items, dimension, normal, name="item_embedding")
        self.user_bias = Embedding(self.users, 1, "zeros", name="user_bias")
        self.item_bias = Embedding(self.items, 1, "zeros", name="item_bias")
        self.offset = self.add_weight((), "zeros", name="offset")
        # The order of items does not depend on what is the same for all of them.
        self.user_bias.trainable = self.offset.trainable = not self.ranking
        self.user_tower, self.item_tower = (_tower(side, hidden) for side in ("user", "item"))
        self.dropout = Dropout(dropout)
        self._seen: Array | None = None
        object.__setattr__(self, "_scores_of", Function(self._scores))

    _scores_of: Function

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        # Biases that a ranking does not read are there nevertheless: both kinds have the same weights.
        for layer in (self.user_embedding, self.item_embedding, self.user_bias, self.item_bias):
            layer._build_once((None,))
        self.built = True

    def _user_vectors(self, users: Any, training: bool = False) -> Any:
        return self.dropout(self.user_tower(self.user_embedding(users)), training=training)

    def _item_vectors(self, items: Any) -> Any:
        return self.item_tower(self.item_embedding(items))

    def _biases(self, layer: Embedding, numbers: Any) -> Any:
        return ops.squeeze(layer(numbers), -1)

    def call(self, inputs: Any, training: bool = False) -> Any:
        user, item = inputs[:, 0], inputs[:, 1]
        vectors = self._user_vectors(user, training), self._item_vectors(item)
        biases = self._biases(self.user_bias, user), self._biases(self.item_bias, item)
        if training and self.penalty:
            squares = [ops.sum(ops.square(v), axis=-1) for v in vectors] + [ops.square(b) for b in biases]
            self.add_loss(self.penalty * ops.mean(squares[0] + squares[1] + squares[2] + squares[3]))
        return ops.sum(vectors[0] * vectors[1], axis=-1) + biases[0] + biases[1] + self.offset

    def _scores(self, users: Any, training: bool = False) -> Any:
        """The scores of all items for each user, (n, items); what is the same for all items of a user left out."""
        every = ops.arange(self.items, dtype="int32")
        products = ops.matmul(self._user_vectors(users, training), self._item_vectors(every), transpose_b=True)
        return products + self._biases(self.item_bias, every)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """For ratings the compiled loss; for a ranking the cross-entropy of the items among all items."""
        if not self.ranking:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        entropy = losses.SparseCategoricalCrossentropy(from_logits=True)
        total = entropy(x[:, 1], self._scores(x[:, 0], training), sample_weight)
        for part in self.losses:
            total = total + part
        return total

    def fit(self, x: Data | None = None, y: Arrays | None = None, *args: Any, **kwargs: Any) -> Any:
        """Trains on pairs x, and their ratings y unless ``ranking``; see :meth:`Model.fit` for the other arguments.

        The pairs are remembered as what the users have seen.
        """
        if hasattr(x, "__array__") or isinstance(x, (list, tuple)):
            pairs = np.asarray(x)
            if pairs.ndim != 2 or pairs.shape[1] != 2:
                raise ShapeError(f"{self.name!r}: expected pairs (n, 2), user and item in a row, got {pairs.shape}")
            self._seen = pairs
            if y is not None and not self.ranking and float(self.offset) == 0:
                # Near where training would bring it; then biases and vectors need only say what differs.
                self.offset.assign(np.float32(np.mean(np.asarray(y))))
        return super().fit(x, y, *args, **kwargs)

    def recommend(self, user: ArrayLike, k: int = 10, exclude_seen: bool | ArrayLike = True) -> Array:
        """The ``k`` items that score highest, the best first; of equal ones the one with the lower number.

        Args:
            user: one user, or several (n,).
            k: how many items.
            exclude_seen: True leaves out what the user had in the data of ``fit``; pairs (m, 2) leave out those;
                False leaves out nothing.

        Returns:
            Items (k,), or (n, k) for several users; -1 where a user has not seen fewer than ``k``.

        Raises:
            ValueError: ``k`` is not in 1 .. items, or what was seen is unknown.
            IndexError: a user that is not there.
        """
        if not 1 <= k <= self.items:
            raise ValueError(f"recommend: expected 1 <= k <= {self.items}, got {k}")
        seen = self._seen if exclude_seen is True else None if exclude_seen is False else np.asarray(exclude_seen)
        if exclude_seen is True and seen is None:
            raise ValueError("recommend: fit() has seen no pairs; pass exclude_seen=pairs or False")
        users = np.atleast_1d(np.asarray(user))
        parts = [self._best(users[at : at + 256], k, seen) for at in range(0, len(users), 256)]
        best: Array = np.concatenate(parts) if parts else np.zeros((0, k), np.int64)
        return best[0] if np.ndim(user) == 0 else best

    def _best(self, users: Array, k: int, seen: Array | None) -> Array:
        scores = self._scores_of(users)
        if seen is not None:
            rows = {int(user): row for row, user in enumerate(np.unique(users))}
            ours = seen[np.isin(seen[:, 0], users)]
            hidden = np.zeros((len(rows), self.items), bool)
            hidden[[rows[int(u)] for u in ours[:, 0]], ours[:, 1]] = True
            scores = np.where(hidden[[rows[int(u)] for u in users]], -np.inf, scores)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.where(np.take_along_axis(scores, best, axis=1) == -np.inf, -1, best)


def _tower(side: str, hidden: Sequence[int]) -> Sequential:
    """Dense layers, all but the last with relu; none of them is the identity."""
    last = len(hidden) - 1
    dense = [Dense(units, activation=None if i == last else "relu") for i, units in enumerate(hidden)]
    return Sequential(dense or [Identity()], name=f"{side}_tower")
