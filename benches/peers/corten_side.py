"""Corten's process: training through ``fit``, and inference through ``predict_on_batch``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from native import Native

import corten
from corten import Sequential, layers, ops
from peers.rounds import Make, serve
from peers.workloads import (
    FEATURES,
    HEADS,
    INFERENCE,
    LENGTH,
    MATMUL,
    RECURRENT,
    STEPS,
    TOKENS,
    UNITS,
    inference,
    matmul,
    matmul_in_place,
    on_batch,
    training,
)


def network(name: str) -> tuple[Any, tuple[int, ...]]:
    if name == "mlp":
        shape: tuple[int, ...] = (64,)
        model = Sequential(
            [layers.Dense(64, activation="relu", input_shape=shape), layers.Dense(10, activation="softmax")]
        )
    elif name == "autoencoder":
        shape = (28, 28, 1)
        model = Sequential(
            [
                layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", input_shape=shape),
                layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu"),
                layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
            ]
        )
        model.compile(optimizer="adam", loss="mse")
        return model, shape
    elif name in RECURRENT:
        shape = (64,) if name == "char_lm" else (100, 64)
        model = Sequential([layers.Input(shape, dtype="int32" if name == "char_lm" else "float32"), *_recurrent(name)])
    elif name == "transformer":
        shape = (LENGTH,)
        model = Sequential(
            [
                layers.PositionalEmbedding(LENGTH, TOKENS, FEATURES, input_shape=shape),
                layers.TransformerBlock(HEADS, UNITS),
                layers.GlobalAveragePooling1D(),
                layers.Dense(10, activation="softmax"),
            ]
        )
    else:
        shape = (28, 28, 1)
        model = Sequential(
            [
                layers.Conv2D(32, (3, 3), activation="relu", input_shape=shape),
                layers.MaxPooling2D((2, 2)),
                layers.Conv2D(64, (3, 3), activation="relu"),
                layers.MaxPooling2D((2, 2)),
                layers.Flatten(),
                layers.Dense(128, activation="relu"),
                layers.Dense(10, activation="softmax"),
            ]
        )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, shape


def _recurrent(name: str) -> list[layers.Layer]:
    if name == "char_lm":
        recurrent = layers.LSTM(256, return_sequences=True)
        return [layers.Embedding(64, 64), recurrent, layers.Dense(64, activation="softmax")]
    kind = {"simple_rnn": layers.SimpleRNN, "gru": layers.GRU, "lstm": layers.LSTM}[name]
    return [kind(128), layers.Dense(10, activation="softmax")]


def _data(name: str, shape: tuple[int, ...], rows: int) -> tuple[Any, Any]:
    random = np.random.default_rng(7)
    if name == "char_lm":
        return random.integers(0, 64, (rows, *shape)), random.integers(0, 64, (rows, *shape))
    if name == "transformer":
        return random.integers(0, TOKENS, (rows, *shape)), random.integers(0, 10, rows)
    x = random.random((rows, *shape), np.float32)
    return x, x if name == "autoencoder" else random.integers(0, 10, rows)


def _fit(name: str, batch: int) -> Make:
    def make() -> tuple[int, Callable[[], Any]]:
        model, shape = network(name)
        steps = STEPS[name, batch]
        x, y = _data(name, shape, steps * batch)
        return steps, lambda: model.fit(x, y, batch_size=batch, epochs=1, verbose=0)

    return make


def _train_on_batch(name: str, batch: int) -> Make:
    def make() -> tuple[int, Callable[[], Any]]:
        model, shape = network(name)
        x, y = _data(name, shape, batch)
        return 1, lambda: model.train_on_batch(x, y)

    return make


def _predict(name: str, batch: int) -> Make:
    def make() -> tuple[int, Callable[[], Any]]:
        model, shape = network(name)
        x, _ = _data(name, shape, batch)
        return 1, lambda: model.predict_on_batch(x)

    return make


def _matmul(n: int) -> Make:
    def make() -> tuple[int, Callable[[], Any]]:
        random = np.random.default_rng(7)
        a, b = (random.random((n, n), np.float32) for _ in range(2))
        return 1, lambda: ops.matmul(a, b)

    return make


def _matmul_in_place(n: int) -> Make:
    def make() -> tuple[int, Callable[[], Any]]:
        random = np.random.default_rng(7)
        native = Native(ops.matmul, [random.random((n, n), np.float32) for _ in range(2)])
        steps = max(1, 2**28 // n**3)
        return steps, lambda: native.repeat(steps)

    return make


def main() -> None:
    corten.config.set_num_threads(int(sys.argv[1]))
    workloads: dict[str, Make] = {}
    for name, batch in STEPS:
        workloads[training(name, batch)] = _fit(name, batch)
        workloads[on_batch(name, batch)] = _train_on_batch(name, batch)
    for batch in INFERENCE:
        workloads[inference("cnn", batch)] = _predict("cnn", batch)
        workloads[inference("mlp", batch)] = _predict("mlp", batch)
        workloads[inference("transformer", batch)] = _predict("transformer", batch)
    for n in MATMUL:
        workloads[matmul(n)] = _matmul(n)
        workloads[matmul_in_place(n)] = _matmul_in_place(n)
    serve({"version": corten.__version__, "numpy": np.__version__, **corten.config.cpu_info()}, workloads)


if __name__ == "__main__":
    main()
