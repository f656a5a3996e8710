"""Interpretability: which pixels made a network say so, on digits and on photographs, by five ways to ask.

python examples/interpretability.py [--tiny]

Two checks: integrated gradients are complete (their sum is what the score gained from an empty picture), and without
the pixels that matter most the probability falls more than without random ones (Petsiuk et al., "RISE", 2018). Those
deleted become the mean of what is around (as in Rong et al., "A consistent and efficient evaluation strategy ...",
2022); painted over in one colour, scattered ones are specks that mislead by themselves: that is printed, too.
"""

import argparse
from typing import Any

import numpy as np
from image_recognition import residual_network

from corten import Model, Sequential, layers, losses, ops, utils
from corten.datasets import cifar10, digits, mnist
from corten.explain import grad_cam, integrated_gradients, occlusion, saliency, smooth_grad


def digits_network() -> Model:
    """A small convolutional network that ends in logits."""
    stack = [layers.Conv2D(16, 3, activation="relu", input_shape=(28, 28, 1)), layers.MaxPooling2D()]
    stack += [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10)]
    model = Sequential(stack)
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def falls(model: Model, images: Any, heat: Any, empty: Any) -> list[float]:
    """How much less probable it is without the strongest tenth of the pixels, filled from around or painted over."""
    gone = (np.argsort(np.argsort(-heat.reshape(len(images), -1))) < heat[0].size // 10).reshape(*heat.shape, 1)
    painted = filled = np.where(gone, np.float32(empty), images)
    for _ in range(100):
        filled = np.where(gone, ops.average_pool2d(filled, 3, strides=1, padding="same"), filled)
    before, *after = (ops.softmax(model.predict(x, verbose=0)) for x in (images, filled, painted))
    said = np.arange(len(images)), before.argmax(axis=1)
    return [float((before[said] - probabilities[said]).mean()) for probabilities in after]


def explain_all(name: str, model: Model, images: Any, empty: Any) -> None:
    """Ask in each way, draw the first eight, check."""
    ways: Any = {saliency: {}, smooth_grad: {}, integrated_gradients: {"baseline": empty, "steps": 128}}
    ways |= {grad_cam: {}, occlusion: {"fill": np.mean(empty)}}
    heats = {f"a random tenth (draw {seed})": np.random.default_rng(seed).random(images.shape[:3]) for seed in range(5)}
    for way, options in ways.items():
        found = way(model, images, **options)
        found.plot(path=f"{name}_{way.__name__}.png")
        heats[f"the strongest tenth by {found.method}"] = found.heat
        if found.residual is not None:
            missing, summed = found.residual, found.values.reshape(len(images), -1).sum(axis=1)
            part = np.abs(missing).sum() / np.abs(summed + missing).sum()
            print(f"{name}: of what the scores gained over the empty picture's, {part:.2%} is missing")
    for which, heat in heats.items():
        fall, painted = falls(model, images, heat, empty)
        print(f"{name}: without {which} the probability falls by {fall:.3f} (painted over: {painted:.3f})")


def main() -> None:
    """Train two networks and explain what they say of images that they have not seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="few images, small networks, one epoch")
    tiny = parser.parse_args().tiny
    utils.set_random_seed(0)
    (x, y), (x_test, _) = digits.load_data() if tiny else mnist.load_data()
    model, count = digits_network(), 4 if tiny else 256
    model.fit(x[..., None] / np.float32(255), y, batch_size=128, epochs=1 if tiny else 3, verbose=2)
    explain_all("digits", model, x_test[:count, ..., None] / np.float32(255), 0.0)
    (x, y), (x_test, y_test) = cifar10.load_data()
    rows, epochs, widths = (200, 1, (4, 8)) if tiny else (len(x), 16, (24, 48, 96))
    model = residual_network(widths, steps=epochs * -(-rows // 64))
    model.fit(x[:rows], y[:rows], batch_size=64, epochs=epochs, verbose=2)
    print(f"photographs: test accuracy {model.evaluate(x_test, y_test, verbose=0)[1]:.3f}")
    explain_all("photographs", model, x_test[:count].astype(np.float32), x.mean(axis=(0, 1, 2)))


if __name__ == "__main__":
    main()
