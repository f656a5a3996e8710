"""Image recognition: a residual network, built functionally, tells ten kinds of things from 10,000 small photographs.

python examples/image_recognition.py [--tiny]

He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016. Photographs are mirrored and moved at
random while it learns; the network ends in logits, which explanations (interpretability.py) like better.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from picture import draw_classifier

import corten
from corten import layers
from corten.datasets import cifar10
from corten.losses import SparseCategoricalCrossentropy
from corten.optimizers import AdamW
from corten.optimizers.schedules import CosineDecay


def convolution(x: Any, filters: int, stride: int = 1) -> Any:
    """A convolution and its batch normalisation."""
    conv = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal")
    return layers.BatchNormalization(momentum=0.9)(conv(x))


def block(x: Any, filters: int, stride: int) -> Any:
    """Two convolutions whose result is added to what they began with."""
    y = convolution(layers.ReLU()(convolution(x, filters, stride)), filters)
    if stride > 1 or x.shape[-1] != filters:
        project = layers.Conv2D(filters, 1, strides=stride, use_bias=False)
        x = layers.BatchNormalization(momentum=0.9)(project(x))
    return layers.ReLU()(layers.Add()([x, y]))


def residual_network(widths: Sequence[int], steps: int) -> corten.Model:
    """A block for each width, half the size of the one before; compiled for so many steps of training."""
    photograph = corten.Input((32, 32, 3))
    x = layers.RandomFlip("horizontal")(layers.Rescaling(1 / 64, -2)(photograph))
    x = layers.RandomTranslation(0.125, 0.125, "reflect", "nearest")(x)
    x = layers.ReLU()(convolution(x, widths[0]))
    for index, width in enumerate(widths):
        x = block(x, width, stride=2 if index else 1)
    x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
    model = corten.Model(photograph, layers.Dense(10)(x))
    rate = CosineDecay(0.0003, steps, warmup_target=0.003, warmup_steps=max(1, steps // 10))
    loss = SparseCategoricalCrossentropy(from_logits=True)
    model.compile(AdamW(rate, weight_decay=0.02), loss, metrics=["accuracy"])
    return model


def main() -> None:
    """Train, evaluate, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="400 photographs, a small network, one epoch")
    options = parser.parse_args()
    corten.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = cifar10.load_data()
    if options.tiny:
        x, y, x_test, y_test = x[:400], y[:400], x_test[:100], y_test[:100]
    epochs, widths = (1, (8, 16)) if options.tiny else (20, (32, 64, 128))
    model = residual_network(widths, steps=epochs * -(-len(x) // 64))
    print(f"{len(x)} photographs to learn from, {len(x_test)} to test; {model.count_params():,} parameters")
    history = model.fit(x, y, batch_size=64, epochs=epochs, validation_data=(x_test, y_test), verbose=2)
    print(f"test accuracy {model.evaluate(x_test, y_test, verbose=0)[1]:.4f}")
    guesses = model.predict(x_test, verbose=0).argmax(axis=1)
    draw_classifier(history.history, x_test, y_test[:, 0], guesses, Path("image_recognition.png"))


if __name__ == "__main__":
    main()
