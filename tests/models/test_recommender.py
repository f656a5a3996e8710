"""The recommender finds a planted taste, recommends what was not seen, and is measured rightly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten.errors import ShapeError
from corten.metrics import ndcg_at_k, recall_at_k
from corten.models import Recommender
from corten.optimizers import SGD, Adam


def taste() -> tuple[Any, Any, Any, Any]:
    """Users and items of two kinds: a user gives 4.5 stars to an item of the own kind, 1.5 to others; some noise."""
    random = np.random.default_rng(0)
    pairs = random.permutation(np.stack(np.meshgrid(np.arange(30), np.arange(40)), -1).reshape(-1, 2))
    stars = np.where(pairs[:, 0] % 2 == pairs[:, 1] % 2, 4.5, 1.5) + random.normal(size=len(pairs)) * 0.3
    return pairs[:900], stars[:900], pairs[900:], stars[900:]


@pytest.mark.parametrize(("hidden", "below"), [((), 0.5), ((16, 8), 0.5)])
def test_ratings(hidden: tuple[int, ...], below: float, tmp_path: Path) -> None:
    x, y, x_test, y_test = taste()
    corten.utils.set_random_seed(0)
    model = Recommender(30, 40, 8, hidden=hidden, penalty=0.01)
    model.compile(Adam(0.02), "mse")
    model.fit(x, y, epochs=25, verbose=0)
    assert np.sqrt(((model.predict(x_test, verbose=0) - y_test) ** 2).mean()) < below
    assert np.sqrt(model.evaluate(x_test, y_test, verbose=0)) < below
    # What was not seen, best first, of the own kind first; the same one by one.
    best = model.recommend(np.arange(30), k=3)
    known = {tuple(pair) for pair in x.tolist()}
    assert best.shape == (30, 3) and not known & {(u, i) for u, row in enumerate(best.tolist()) for i in row}
    assert (model.recommend(7, k=3) == best[7]).all() and (best % 2 == np.arange(30)[:, None] % 2).mean() > 0.9
    scores = model.predict(np.stack([np.full(40, 7), np.arange(40)], 1), verbose=0)
    assert model.recommend(7, k=1, exclude_seen=False)[0] == scores.argmax()
    only = np.array([[7, i] for i in range(40) if i not in (3, 5)])
    assert sorted(model.recommend(7, k=3, exclude_seen=only).tolist()) == [-1, 3, 5]
    model.save_weights(tmp_path / "model.safetensors")
    other = Recommender(30, 40, 8, hidden=hidden)
    other(x[:1])
    other.load_weights(tmp_path / "model.safetensors")
    assert (other.predict(x_test, verbose=0) == model.predict(x_test, verbose=0)).all()
    with pytest.raises(ValueError, match="has seen no pairs"):
        other.recommend(0)


def test_a_ranking_is_learned_from_pairs_alone() -> None:
    x, y, x_test, y_test = taste()
    liked, wanted = x[y > 3], x_test[y_test > 3]
    corten.utils.set_random_seed(0)
    model = Recommender(30, 40, 8, ranking=True, dropout=0.1, penalty=1e-4)
    model.compile(Adam(0.02))
    losses = model.fit(liked, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and losses[0] == pytest.approx(np.log(40), rel=0.1)
    relevant = [wanted[wanted[:, 0] == user, 1] for user in range(30)]
    assert recall_at_k(model.recommend(np.arange(30), k=6), relevant, k=6) > 0.7


def test_the_penalty_is_of_vectors_and_biases_in_training_only() -> None:
    pairs, y = np.array([[0, 1], [2, 3]]), np.zeros(2)
    model = Recommender(3, 4, 2, penalty=0.5)
    model.compile(SGD(0.0), "mse")
    rng = np.random.default_rng(0)
    model.build()
    model.set_weights([rng.standard_normal(w.shape).astype(np.float32) for w in model.get_weights()])
    embeddings = [(model.user_embedding, 0), (model.item_embedding, 1), (model.user_bias, 0), (model.item_bias, 1)]
    penalty = 0.5 * sum(np.square(layer.get_weights()[0][pairs[:, side]]).sum(-1) for layer, side in embeddings).mean()
    plain = model.evaluate(pairs, y, verbose=0)
    assert model.fit(pairs, y, verbose=0).history["loss"][0] == pytest.approx(plain + penalty, rel=1e-5)


def test_measures() -> None:
    ranked = [[5, 2, 9], [1, 0, -1], [3, 4, 8]]
    relevant: list[Any] = [{2, 7}, [], np.array([3, 8])]
    assert recall_at_k(ranked, relevant, k=3) == (0.5 + 1) / 2
    assert recall_at_k(ranked, relevant, k=1) == (0 + 0.5) / 2
    gain = [1, 1 / np.log2(3), 0.5]
    assert ndcg_at_k(ranked, relevant, k=3) == pytest.approx((gain[1] + gain[0] + gain[2]) / 2 / (gain[0] + gain[1]))
    sklearn = pytest.importorskip("sklearn.metrics")
    truth = np.isin(np.arange(10), [1, 4, 6])[None].astype(float)
    scores = np.random.default_rng(1).normal(size=(1, 10))
    ours = ndcg_at_k(np.argsort(-scores), [[1, 4, 6]], k=5)
    assert ours == pytest.approx(sklearn.ndcg_score(truth, scores, k=5))


def test_errors() -> None:
    for arguments in ({"users": 0}, {"items": 0}, {"penalty": -1.0}, {"hidden": (0,)}, {"dropout": 1.5}):
        with pytest.raises(ValueError, match="Recommender|Dense|Dropout"):
            Recommender(**{"users": 2, "items": 2, **arguments})  # type: ignore[arg-type]
    model = Recommender(2, 3)
    model.compile("adam", "mse")
    with pytest.raises(ShapeError, match=r"pairs \(n, 2\)"):
        model.fit(np.zeros((4, 3), int), np.zeros(4))
    with pytest.raises(IndexError):
        model.fit(np.array([[0, 3]]), np.zeros(1), verbose=0)
    with pytest.raises(ValueError, match="1 <= k <= 3"):
        model.recommend(0, k=4)
    with pytest.raises(IndexError):
        model.recommend(2, exclude_seen=False, k=1)
    with pytest.raises(ShapeError, match="at least 5 items"):
        recall_at_k([[1, 2]], [[1]], k=5)
    with pytest.raises(ValueError, match="no user"):
        ndcg_at_k([[1, 2]], [[]], k=1)
