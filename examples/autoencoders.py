"""Autoencoders on MNIST: a code of 32 numbers against PCA, noise taken away, digits made up, and a map of the codes."""

import sys

import numpy as np
from matplotlib.figure import Figure

from corten.datasets import digits, mnist
from corten.models import VAE, Autoencoder


def pca_error(x, x_test, components):
    """The mean squared error of what so many principal components keep of the test images."""
    mean = x.mean(axis=0)
    x, x_test = ((images - mean).reshape(len(images), -1) for images in (x, x_test))
    kept = np.linalg.svd(x.T @ x)[2][:components]
    return np.square(x_test - x_test @ kept.T @ kept).mean()


def rows_of(path, rows):
    """Draw rows of images, one under the other."""
    figure = Figure(figsize=(12, 1.4 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), 12)
    for axes, (title, images) in zip(grid, rows.items(), strict=True):
        for ax, image in zip(axes, images, strict=False):
            ax.imshow(image.squeeze(), cmap="gray_r", vmin=0, vmax=1)
            ax.axis("off")
        axes[0].set_title(title, loc="left", fontsize=9)
    figure.savefig(path, dpi=80)


def map_of(path, model, x, labels):
    """Draw where the codes of the test images lie, coloured by digit, and what the decoder makes of places between."""
    left, right = (figure := Figure(figsize=(14, 7), layout="constrained")).subplots(1, 2)
    codes = model.encode(x)
    points = left.scatter(*codes.T, c=labels[: len(x)], cmap="tab10", s=3)
    left.legend(*points.legend_elements(), title="digit")
    left.set(title="codes of the test images", xlim=(-4, 4), ylim=(-4, 4))
    steps = np.linspace(-2, 2, 16)
    images = model.decode([(a, b) for b in steps[::-1] for a in steps]).reshape(16, 16, 28, 28)
    right.imshow(images.swapaxes(1, 2).reshape(448, 448), cmap="gray_r", extent=(-2, 2, -2, 2))
    right.set(title="what the decoder makes of codes")
    figure.savefig(path, dpi=80)


def main(tiny):
    """Train three autoencoders and draw what they do."""
    (x, _), (x_test, y_test) = digits.load_data() if tiny else mnist.load_data()
    x, x_test = (images[: 300 if tiny else None, ..., None] / np.float32(255) for images in (x, x_test))
    epochs, noise, shown = 1 if tiny else 10, 0.5, {"test images": x_test}

    model = Autoencoder(input_shape=(28, 28, 1), latent_size=32, name="autoencoder")
    model.compile("adam", "mse")
    model.fit(x, batch_size=128, epochs=epochs, verbose=2)
    shown["from 32 numbers"] = model.reconstruct(x_test)
    error, linear = np.square(shown["from 32 numbers"] - x_test).mean(), pca_error(x, x_test, 32)
    print(f"test MSE from 32 numbers: {error:.5f}, PCA {linear:.5f}, {1 - error / linear:.0%} below")

    denoiser = Autoencoder(input_shape=(28, 28, 1), latent_size=64, noise=noise, name="denoiser")
    denoiser.compile("adam", "mse")
    denoiser.fit(x, batch_size=128, epochs=epochs, verbose=2)
    noisy = x_test + np.random.default_rng(0).normal(0, noise, x_test.shape).astype(np.float32)
    shown["with noise"], shown["noise taken away"] = noisy, denoiser.reconstruct(noisy)
    left = np.square(shown["noise taken away"] - x_test).mean()
    print(f"test MSE of noisy images: {np.square(noisy - x_test).mean():.4f}, after denoising {left:.4f}")

    for size in (2, 16):
        vae = VAE(input_shape=(28, 28, 1), latent_size=size, name=f"vae_{size}")
        vae.compile("adam", "binary_crossentropy")
        vae.fit(x, batch_size=128, epochs=epochs, verbose=2)
        print(f"VAE of {size} numbers: test loss {vae.evaluate(x_test, batch_size=128, verbose=0)[0]:.4f}")
        shown[f"made up by a VAE of {size} numbers"] = vae.generate(12, seed=1)
        if size == 2:
            map_of("latent_map.png", vae, x_test, y_test)
    rows_of("autoencoders.png", shown)


if __name__ == "__main__":
    main(tiny="--tiny" in sys.argv[1:])
