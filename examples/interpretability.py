"""Interpretability: which pixels made a network say so, on digits and on photographs, by five ways to ask.

python examples/interpretability.py [--tiny]

Two checks: integrated gradients are complete (their sum is what the score has gained from an empty picture), and
deleting the pixels that matter most costs more of the score than deleting as many at random.
"""

import argparse
from typing import Any

import numpy as np
from image_recognition import residual_network

import corten
from corten import explain, layers
from corten.datasets import cifar10, digits, mnist
from corten.losses import SparseCategoricalCrossentropy

WAYS = (explain.saliency, explain.smooth_grad, explain.integrated_gradients, explain.grad_cam, explain.occlusion)


def digits_network() -> corten.Model:
    """A small convolutional network that ends in logits."""
    stack = [layers.Conv2D(16, 3, activation="relu", input_shape=(28, 28, 1)), layers.MaxPooling2D()]
    stack += [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10)]
    model = corten.Sequential(stack)
    model.compile("adam", SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def deleted(model: corten.Model, found: explain.Explanation, strength: Any, fill: Any) -> float:
    """How much the score falls, on average, without the strongest tenth of the pixels."""
    rows = np.arange(len(strength))
    count = strength[0].size // 10
    images = found.inputs.copy().reshape(len(rows), -1, found.inputs.shape[-1])
    images[rows[:, None], np.argsort(-strength.reshape(len(rows), -1), axis=1)[:, :count]] = fill
    scores = model.predict(images.reshape(found.inputs.shape), verbose=0)[rows, found.targets]
    return float((found.scores - scores).mean())


def explain_all(name: str, model: corten.Model, images: Any, fill: Any) -> None:
    """Ask in each way, check, draw."""
    random = np.random.default_rng(0)
    for way in WAYS:
        integral: Any = {"baseline": fill, "steps": 256} if way is explain.integrated_gradients else {}
        found = way(model, images, **integral)
        found.plot(path=f"{name}_{way.__name__}.png")
        falls = [deleted(model, found, strength, fill) for strength in (found.heat, random.random(found.heat.shape))]
        print(f"{name}, {found.method}: without the strongest tenth the score falls by {falls[0]:.2f}, ", end="")
        print(f"without a random tenth by {falls[1]:.2f}")
        if found.residual is not None:
            gained = found.values.reshape(len(images), -1).sum(axis=1) + found.residual
            missing = np.abs(found.residual).sum() / np.abs(gained).sum()
            print(f"  of what the scores gained over the empty picture's, {missing:.2%} is missing")


def main() -> None:
    """Train two networks and explain what they say of images that they have not seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="few images, small networks, one epoch")
    options = parser.parse_args()
    corten.utils.set_random_seed(0)
    (x, y), (x_test, _) = digits.load_data() if options.tiny else mnist.load_data()
    model = digits_network()
    model.fit(x[..., None] / np.float32(255), y, batch_size=128, epochs=1 if options.tiny else 3, verbose=2)
    count = 4 if options.tiny else 64
    explain_all("digits", model, x_test[:count, ..., None] / np.float32(255), fill=0.0)
    (x, y), (x_test, y_test) = cifar10.load_data()
    rows, epochs, widths = (200, 1, (4, 8)) if options.tiny else (len(x), 6, (16, 32, 64))
    model = residual_network(widths, steps=epochs * -(-rows // 64))
    model.fit(x[:rows], y[:rows], batch_size=64, epochs=epochs, verbose=2)
    print(f"photographs: test accuracy {model.evaluate(x_test[:500], y_test[:500], verbose=0)[1]:.3f}")
    explain_all("photographs", model, x_test[:count].astype(np.float32), fill=x.mean(axis=(0, 1, 2)))


if __name__ == "__main__":
    main()
