"""Recommendation: what 610 people thought of 9,742 films, what they would think of others, and what to show them next.

python examples/recommendation.py [--tiny]

A tenth of the ratings is held out. One model predicts the stars, another the order in which films are chosen.
"""

import argparse
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import corten
from corten.datasets import ratings
from corten.metrics import RootMeanSquaredError, ndcg_at_k, recall_at_k
from corten.models import Recommender


def predict_stars(train: Any, test: Any, users: int, films: int, epochs: int) -> list[float]:
    """Train on ratings; the error on the held-out ones after each epoch."""
    model = Recommender(users, films, dimension=32, penalty=0.1)
    model.compile(corten.optimizers.Adam(0.003), "mse", metrics=[RootMeanSquaredError(name="rmse")])
    history = model.fit(*train, batch_size=256, epochs=epochs, validation_data=test, verbose=2).history
    always = np.sqrt(((test[1] - train[1].mean()) ** 2).mean())
    print(f"RMSE {history['val_rmse'][-1]:.4f} stars; always guessing the mean: {always:.4f}")
    return history["val_rmse"]


def main() -> None:
    """Train both, compare with what is popular, and recommend."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="the 60 first people, one epoch")
    options = parser.parse_args()
    corten.utils.set_random_seed(0)
    train, test = ratings.load_data()
    if options.tiny:
        train, test = ((x[x[:, 0] < 60], y[x[:, 0] < 60]) for x, y in (train, test))
    titles = ratings.load_titles()
    users, films = int(train[0][:, 0].max()) + 1, len(titles)
    print(f"{len(train[0])} ratings to learn from, {len(test[0])} held out")
    rmse = predict_stars(train, test, users, films, epochs=1 if options.tiny else 10)

    ranker = Recommender(users, films, dimension=32, ranking=True)
    ranker.compile(corten.optimizers.Adam(0.005))
    ranker.fit(train[0], batch_size=1024, epochs=1 if options.tiny else 8, verbose=2)
    people = np.unique(test[0][:, 0])
    relevant = [test[0][test[0][:, 0] == user, 1] for user in people]
    popular = np.argsort(-np.bincount(train[0][:, 1], minlength=films), kind="stable")
    seen = [set(train[0][train[0][:, 0] == user, 1]) for user in people]
    shown = {
        "popular films": np.array([[film for film in popular if film not in known][:10] for known in seen]),
        "the model's films": ranker.recommend(people, k=10),
    }
    measured = {who: (recall_at_k(list_, relevant), ndcg_at_k(list_, relevant)) for who, list_ in shown.items()}
    for who, (recall, ndcg) in measured.items():
        print(f"{who}: recall@10 {recall:.3f}, NDCG@10 {ndcg:.3f}")

    user = int(people[0])
    best = sorted(((y, x[1]) for x, y in zip(*train, strict=True) if x[0] == user), reverse=True)[:5]
    print(f"someone who likes {'; '.join(titles[film] for _, film in best)}")
    print(f"is shown {'; '.join(titles[film] for film in ranker.recommend(user, k=5))}")

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(range(1, len(rmse) + 1), rmse, "o-")
    left.set(xlabel="epoch", ylabel="RMSE of held-out ratings, stars")
    for offset, (who, values) in zip((-0.2, 0.2), measured.items(), strict=True):
        right.bar(np.arange(2) + offset, values, width=0.4, label=who)
    right.set_xticks([0, 1], ["recall@10", "NDCG@10"])
    right.legend()
    figure.savefig("recommendation.png", dpi=100)


if __name__ == "__main__":
    main()
