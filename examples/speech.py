"""Speech: which digit was spoken? Log-mel features, and a recurrent network that reads them in both directions.

python examples/speech.py [--tiny]

3,000 recordings by six speakers (Free Spoken Digit Dataset); the takes 0 to 4 are the official test set.
"""

import argparse
from pathlib import Path

import numpy as np
from picture import draw_classifier

import corten
from corten import layers
from corten.datasets import spoken_digits
from corten.models import Sequential

FRAME, HOP, BANDS = 256, 80, 40


def mel_filters() -> np.ndarray:
    """Return BANDS triangles over a spectrum's bins, equally wide on the mel scale: ``(FRAME // 2 + 1, BANDS)``."""
    mel = np.linspace(0, 2595 * np.log10(1 + spoken_digits.RATE / 2 / 700), BANDS + 2)
    corners = 700 * (10 ** (mel / 2595) - 1) * FRAME / spoken_digits.RATE
    bins = np.arange(FRAME // 2 + 1)[:, None]
    rising = (bins - corners[:-2]) / (corners[1:-1] - corners[:-2])
    falling = (corners[2:] - bins) / (corners[2:] - corners[1:-1])
    return np.maximum(0, np.minimum(rising, falling))


def features(recordings: list[np.ndarray], frames: int = 100) -> np.ndarray:
    """Return the logarithm of the energy in each mel band and frame, ``(count, frames, BANDS)``, zero after the end."""
    filters, window = mel_filters(), np.hanning(FRAME)
    found = np.zeros((len(recordings), frames, BANDS), np.float32)
    for out, samples in zip(found, recordings, strict=True):
        samples = np.pad(samples / 32768, (0, max(0, FRAME - len(samples))))
        cut = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP][:frames]
        energy = np.log(np.abs(np.fft.rfft(cut * window)) ** 2 @ filters + 1e-6)
        out[: len(cut)] = (energy - energy.mean()) / energy.std()
    return found


def main() -> None:
    """Train, test, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="a tenth of the recordings, two epochs")
    tiny = parser.parse_args().tiny
    corten.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = spoken_digits.load_data()
    if tiny:
        x, y, x_test, y_test = x[::10], y[::10], x_test[::10], y_test[::10]
    x, x_test = features(x), features(x_test)
    print(f"{len(x)} recordings to learn from, {len(x_test)} to test; each {x.shape[1]} frames of {BANDS} bands")

    model = Sequential(
        [
            corten.Input(x.shape[1:]),
            layers.Masking(),
            layers.GaussianNoise(0.3),
            layers.Bidirectional(layers.GRU(64, return_sequences=True)),
            layers.Dropout(0.3),
            layers.Bidirectional(layers.GRU(64)),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(corten.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    epochs = 2 if tiny else 20
    history = model.fit(x, y, batch_size=32, epochs=epochs, validation_data=(x_test, y_test), verbose=2)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test accuracy {accuracy:.4f}")
    guesses = model.predict(x_test, verbose=0).argmax(axis=1)
    draw_classifier(history.history, x_test.transpose(0, 2, 1)[:, ::-1], y_test, guesses, Path("speech.png"))


if __name__ == "__main__":
    main()
