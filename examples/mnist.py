"""The textbook's convolutional network on MNIST, or on scikit-learn's digits where MNIST cannot be had.

python examples/mnist.py [--data mnist|digits] [--epochs 5] [--picture demo.png] [--seed 1] [--tiny]
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from picture import draw_classifier

from corten.datasets import digits, mnist
from corten.layers import Conv2D, Dense, Flatten, MaxPooling2D
from corten.models import Sequential
from corten.utils import set_random_seed


def load(name: str | None) -> tuple[Any, Any, Any, Any]:
    """Images, scaled to 0..1 and with a channel, and labels; the digits if MNIST is nowhere and was not asked for."""
    try:
        data = digits.load_data() if name == "digits" else mnist.load_data(timeout=4)
    except OSError:
        if name == "mnist":
            raise
        print("MNIST is neither in CORTEN_DATA nor in the cache, nor to be downloaded: scikit-learn's digits instead")
        name, data = "digits", digits.load_data()
    (x, y), (x_test, y_test) = data
    print(f"{name or 'mnist'}: {len(x)} training and {len(x_test)} test images")
    return x[..., None] / np.float32(255), y, x_test[..., None] / np.float32(255), y_test


def main() -> None:
    """Train, evaluate, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("mnist", "digits"))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--picture", type=Path, default=Path("demo.png"))
    parser.add_argument(
        "--seed", type=int, default=1, help="another one ends up to a tenth of a percent higher or lower"
    )
    parser.add_argument("--tiny", action="store_true", help="the digits, for two epochs")
    options = parser.parse_args()
    if options.tiny:
        options.data, options.epochs = "digits", 2
    x, y, x_test, y_test = load(options.data)
    set_random_seed(options.seed)

    model = Sequential(
        [
            Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),
            MaxPooling2D((2, 2)),
            Conv2D(64, (3, 3), activation="relu"),
            MaxPooling2D((2, 2)),
            Flatten(),
            Dense(128, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    history = model.fit(x, y, batch_size=128, epochs=options.epochs, validation_split=0.1)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test accuracy {accuracy:.4f}, test loss {loss:.4f}")
    guesses = model.predict(x_test, verbose=0).argmax(axis=1)
    draw_classifier(history.history, x_test, y_test, guesses, options.picture)
    print(f"picture: {options.picture.resolve()}")


if __name__ == "__main__":
    main()
