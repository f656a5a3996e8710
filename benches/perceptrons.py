"""Corten's perceptrons against scikit-learn's: the same fits, taking turns; medians of several rounds.

    python benches/perceptrons.py [rounds]

Both get the same number of threads: set OMP_NUM_THREADS.
"""

from __future__ import annotations

import sys
import time
import warnings
from statistics import median
from typing import Any

from sklearn import neural_network
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.preprocessing import scale

import corten.config
import corten.sklearn

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("digits", "MLPClassifier", {}),
    ("digits", "MLPClassifier", {"solver": "sgd"}),
    ("digits", "MLPClassifier", {"solver": "lbfgs"}),
    ("digits", "MLPClassifier", {"hidden_layer_sizes": (256, 256), "max_iter": 50}),
    ("digits", "MLPClassifier", {"early_stopping": True}),
    ("diabetes", "MLPRegressor", {}),
    ("diabetes", "MLPRegressor", {"solver": "lbfgs"}),
]


def data(name: str) -> Any:
    if name == "digits":
        x, y = load_digits(return_X_y=True)
        return train_test_split(x / 16, y, random_state=0)
    x, y = load_diabetes(return_X_y=True)
    return train_test_split(scale(x), scale(y), random_state=0)


def main(rounds: int) -> None:
    warnings.simplefilter("ignore")
    print(f"{rounds} rounds, {corten.config.num_threads()} threads; seconds of fit, score on held-out rows")
    print(f"{'':52}{'scikit-learn':>20}{'Corten':>20}{'times':>7}")
    for name, kind, settings in CASES:
        x, x_test, y, y_test = data(name)
        seconds: dict[Any, list[float]] = {neural_network: [], corten.sklearn: []}
        scores: dict[Any, list[float]] = {neural_network: [], corten.sklearn: []}
        for seed in range(rounds):
            for module in seconds:
                estimator = getattr(module, kind)(random_state=seed, **settings)
                start = time.perf_counter()
                estimator.fit(x, y)
                seconds[module].append(time.perf_counter() - start)
                scores[module].append(estimator.score(x_test, y_test))
        theirs, ours = (f"{median(seconds[m]):.3f} s {sum(scores[m]) / rounds:.3f}" for m in seconds)
        ratio = median(seconds[neural_network]) / median(seconds[corten.sklearn])
        print(f"{name + ' ' + str(settings):52}{theirs:>20}{ours:>20}{ratio:7.1f}")
    x, _, y, _ = data("digits")
    for module in (neural_network, corten.sklearn):
        start = time.perf_counter()
        cross_val_score(module.MLPClassifier(max_iter=30, random_state=0), x, y, cv=10, n_jobs=2)
        print(f"cross_val_score of 10 folds in 2 processes, {module.__name__}: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
