"""Recommendation: what 610 people thought of 9,742 films, what they would think of others, and what to show them next.

python examples/recommendation.py [--tiny]

One model predicts the stars, another the order in which films are chosen. How long they learn is decided on a ninth of
the training ratings, as penalty and rates were; the held-out tenth is looked at once, in the end.
"""

import argparse
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import corten
from corten.callbacks import EarlyStopping, LambdaCallback
from corten.datasets import ratings
from corten.metrics import RootMeanSquaredError, ndcg_at_k, recall_at_k
from corten.models import Recommender


def measure(shown: Any, pairs: Any) -> tuple[float, float]:
    """Recall and NDCG of the ten films shown to each of the people in ``pairs``, who chose the films there."""
    chosen = [pairs[pairs[:, 0] == user, 1] for user in np.unique(pairs[:, 0])]
    return recall_at_k(shown, chosen), ndcg_at_k(shown, chosen)


def main() -> None:
    """Train both, compare with what is popular, and recommend."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="the 60 first people, one epoch")
    tiny = parser.parse_args().tiny
    corten.utils.set_random_seed(0)
    data, titles = ratings.load_data(), ratings.load_titles()
    (known, y_known), (held_out, y_held_out) = ((x[x[:, 0] < 60], y[x[:, 0] < 60]) if tiny else (x, y) for x, y in data)
    part, users, films = len(known) // 9, int(known[:, 0].max()) + 1, len(titles)
    (choose, y_choose), (x, y) = (known[:part], y_known[:part]), (known[part:], y_known[part:])  # they are in no order
    print(f"{len(x)} ratings to learn from, {len(choose)} to choose on, {len(held_out)} held out")

    stars = Recommender(users, films, dimension=32, penalty=0.1)
    stars.compile(corten.optimizers.Adam(0.003), "mse", metrics=[RootMeanSquaredError(name="rmse")])
    epochs, stop = 1 if tiny else 30, EarlyStopping("val_rmse", patience=2, restore_best_weights=True)
    history = stars.fit(x, y, 256, epochs, verbose=2, callbacks=[stop], validation_data=(choose, y_choose)).history
    rmse, always = stars.evaluate(held_out, y_held_out, verbose=0)[1], np.sqrt(((y_held_out - y.mean()) ** 2).mean())
    print(f"RMSE {rmse:.4f} stars on held-out ratings; always guessing the mean: {always:.4f}")

    order = Recommender(users, films, dimension=32, ranking=True)
    order.compile(corten.optimizers.Adam(0.005))
    choosers, people = np.unique(choose[:, 0]), np.unique(held_out[:, 0])
    look = LambdaCallback(on_epoch_end=lambda _, log: log.update(recall=measure(order.recommend(choosers), choose)[0]))
    stop = EarlyStopping("recall", patience=3, mode="max", restore_best_weights=True)
    order.fit(x, batch_size=1024, epochs=epochs, verbose=2, callbacks=[look, stop])
    popular = np.argsort(-np.bincount(known[:, 1], minlength=films), kind="stable")
    seen = [set(known[known[:, 0] == user, 1]) for user in people]
    measured = {
        "popular films": measure([[film for film in popular if film not in own][:10] for own in seen], held_out),
        "the model's films": measure(order.recommend(people, exclude_seen=known), held_out),
    }
    for who, (recall, ndcg) in measured.items():
        print(f"{who}: recall@10 {recall:.3f}, NDCG@10 {ndcg:.3f}")

    user = int(people[0])
    liked = known[known[:, 0] == user, 1][np.argsort(-y_known[known[:, 0] == user], kind="stable")[:5]]
    print(f"someone who likes {'; '.join(titles[film] for film in liked)}")
    print(f"is shown {'; '.join(titles[film] for film in order.recommend(user, k=5, exclude_seen=known))}")

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(range(1, len(history["val_rmse"]) + 1), history["val_rmse"], "o-")
    left.set(xlabel="epoch", ylabel="RMSE of validation ratings, stars")
    for offset, (who, values) in zip((-0.2, 0.2), measured.items(), strict=True):
        right.bar(np.arange(2) + offset, values, width=0.4, label=who)
    right.set_xticks([0, 1], ["recall@10", "NDCG@10"])
    right.legend()
    figure.savefig("recommendation.png", dpi=100)


if __name__ == "__main__":
    main()
