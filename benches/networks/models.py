"""The two networks in Corten, and the same in NumPy from the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from contest import Array

from corten import Sequential, layers
from networks.vectorised import Convolution, Dense, Flat, Network, Pool

__all__ = ["cnn", "mlp"]


def _compiled(model: Any) -> Any:
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def cnn(rows: int) -> tuple[Any, Network, Array, Array]:
    """The textbook's network, its double, and images with labels that can be learned."""
    model = Sequential(
        [
            layers.Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    w = model.get_weights()
    double = Network(
        [
            Convolution(w[0], w[1]),
            Pool(),
            Convolution(w[2], w[3]),
            Pool(),
            Flat(),
            Dense(w[4], w[5], relu=True),
            Dense(w[6], w[7], relu=False),
        ]
    )
    return _compiled(model), double, *_data((28, 28, 1), rows)


def mlp(rows: int) -> tuple[Any, Network, Array, Array]:
    """64-64-10, its double, and data."""
    model = Sequential([layers.Dense(64, activation="relu", input_shape=(64,)), layers.Dense(10, activation="softmax")])
    w = model.get_weights()
    double = Network([Dense(w[0], w[1], relu=True), Dense(w[2], w[3], relu=False)])
    return _compiled(model), double, *_data((64,), rows)


def _data(shape: tuple[int, ...], rows: int) -> tuple[Array, Array]:
    random = np.random.default_rng(7)
    labels = random.integers(0, 10, rows).astype(np.int32)
    prototypes = random.random((10, *shape), np.float32)
    x = prototypes[labels] * np.float32(0.5) + random.random((rows, *shape), np.float32) * np.float32(0.5)
    return x, labels
