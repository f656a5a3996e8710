"""A GAN learns to write digits: a generator makes them from noise, a discriminator tells them from MNIST's.

python examples/gan.py [--tiny]

How good they are, says a classifier that was trained on MNIST alone: how many it is at least 0.9 sure of, and whether
all ten digits are among them. The networks are like those of Chen et al., "InfoGAN", 2016: the dense layer in the
discriminator sees the whole image, as strokes that fit together do not yet make a digit.
"""

import argparse
from functools import partial

import numpy as np
from matplotlib.figure import Figure

import corten
from corten import layers
from corten.datasets import digits, mnist
from corten.models import GAN, Sequential
from corten.optimizers import Adam
from corten.optimizers.schedules import CosineDecay


def networks() -> tuple[Sequential, Sequential]:
    """From 64 numbers to an image of 28x28, from -1 to 1; and from an image to one score."""
    normal = partial(layers.BatchNormalization, momentum=0.9)
    generator = [layers.Dense(256, use_bias=False, input_shape=(64,)), normal(), layers.ReLU()]
    generator += [layers.Dense(7 * 7 * 64, use_bias=False), normal(), layers.ReLU(), layers.Reshape((7, 7, 64))]
    generator += [layers.Conv2DTranspose(32, 4, strides=2, padding="same", use_bias=False), normal(), layers.ReLU()]
    generator += [layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")]
    judging = [layers.Conv2D(32, 4, strides=2, padding="same", input_shape=(28, 28, 1)), layers.LeakyReLU(0.2)]
    judging += [layers.Conv2D(64, 4, strides=2, padding="same", use_bias=False), normal(), layers.LeakyReLU(0.2)]
    judging += [layers.Flatten(), layers.Dense(256, use_bias=False), normal(), layers.LeakyReLU(0.2), layers.Dense(1)]
    return Sequential(generator), Sequential(judging)


def classifier() -> Sequential:
    """The README's network and dropout: before it saw a made digit, the most accurate of three on 6,000 kept back."""
    stack = [layers.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)), layers.MaxPooling2D()]
    stack += [layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.5)]
    stack += [layers.Dense(128, activation="relu"), layers.Dropout(0.5), layers.Dense(10, activation="softmax")]
    model = Sequential(stack)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Train both, generate, count, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="scikit-learn's digits, one epoch")
    options = parser.parse_args()
    corten.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = digits.load_data() if options.tiny else mnist.load_data()
    x, x_test = (images[..., None] / np.float32(127.5) - 1 for images in (x, x_test))

    gan, epochs = GAN(*networks(), latent_size=64), 1 if options.tiny else 8
    # The longer, the smaller the steps: the two end near where they balance.
    rates = (CosineDecay(5e-4, epochs * -(-len(x) // 64)) for _ in range(2))
    gan.compile(*(Adam(rate, beta_1=0.5) for rate in rates))
    gan.fit(x, batch_size=64, epochs=epochs, verbose=2)
    made = gan.generate(5000, seed=1)

    judge = classifier()
    judge.fit(x, y, batch_size=128, epochs=1 if options.tiny else 8, verbose=0)
    print(f"the classifier's test accuracy: {judge.evaluate(x_test, y_test, verbose=0)[1]:.4f}")
    judged = judge.predict(made, verbose=0)
    shares = np.bincount(judged.argmax(axis=1), minlength=10) / len(made)
    print(f"it is at least 0.9 sure of {(judged.max(axis=1) >= 0.9).mean():.1%} of {len(made)} made digits")
    print("shares of the digits: " + ", ".join(f"{digit}: {share:.1%}" for digit, share in enumerate(shares)))

    figure = Figure(figsize=(8, 8), layout="constrained")
    for axes, image in zip(figure.subplots(10, 10).flat, made, strict=False):
        axes.imshow(image[..., 0], cmap="gray_r", vmin=-1, vmax=1)
        axes.axis("off")
    figure.savefig("gan.png", dpi=100)


if __name__ == "__main__":
    main()
