"""A model of characters: what comes next in Shakespeare? An LSTM learns it from the text, and writes some of its own.

python examples/character_model.py [--tiny]
"""

import argparse
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import corten
from corten import layers
from corten.datasets import shakespeare
from corten.models import Sequential
from corten.optimizers import Adam, schedules


def network(characters: int, stateful: bool = False) -> Sequential:
    """Scores of the next character after each of a sequence; a stateful one remembers what it was shown before."""
    given: dict[str, Any] = {"batch_shape": (1, 1)} if stateful else {"shape": (None,)}
    memory = layers.LSTM(256, return_sequences=True, stateful=stateful)
    start = [corten.Input(**given, dtype="int32"), layers.Embedding(characters, 64)]
    return Sequential([*start, memory, layers.Dropout(0.2), layers.Dense(characters)])


def windows(text: np.ndarray, length: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Return stretches of the text, and the same moved by one: what follows each character."""
    every = np.lib.stride_tricks.sliding_window_view(text, length + 1)[::step]
    return every[:, :-1], every[:, 1:]


def write(model: Sequential, alphabet: list[str], start: str, count: int) -> str:
    """``count`` characters after ``start``, drawn from what the model expects (Gumbel's trick) and fed to it."""
    writer = network(len(alphabet), stateful=True)
    writer.set_weights(model.get_weights())
    random, text = np.random.default_rng(0), start
    for i in range(len(start) + count - 1):
        scores = writer.predict_on_batch(np.array([[alphabet.index(text[i])]]))[0, 0] / 0.8
        if i >= len(start) - 1:
            text += alphabet[(scores + random.gumbel(size=len(alphabet))).argmax()]
    return text


def main() -> None:
    """Train, measure on the last tenth of the text, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a hundredth of the text, one epoch")
    tiny = parser.parse_args().tiny
    corten.utils.set_random_seed(0)
    train, test = (text[:10_000] if tiny else text for text in shakespeare.load_data())
    alphabet = sorted(set(train + test))
    x, y = windows(np.array([alphabet.index(c) for c in train]), 64, 32)
    held_out = windows(np.array([alphabet.index(c) for c in test]), 500, 500)
    print(f"{len(train)} characters to learn from, {len(test)} held out, {len(alphabet)} different ones")

    epochs = 1 if tiny else 10
    model = network(len(alphabet))
    rate = schedules.CosineDecay(0.004, epochs * -(-len(x) // 64), alpha=0.02)
    model.compile(Adam(rate, clipnorm=1.0), corten.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(x, y, batch_size=64, epochs=epochs, validation_data=held_out, verbose=2).history
    print(f"held-out loss {history['val_loss'][-1]:.4f} nats a character")
    print(write(model, alphabet, "ROMEO:\n", 50 if tiny else 600))

    axes = Figure(figsize=(6, 3.5), layout="constrained").subplots()
    axes.plot(range(1, epochs + 1), history["loss"], "o-", label="training")
    axes.plot(range(1, epochs + 1), history["val_loss"], "o-", label="held out")
    axes.set(xlabel="epoch", ylabel="nats a character")
    axes.legend()
    axes.figure.savefig("character_model.png", dpi=100)


if __name__ == "__main__":
    main()
