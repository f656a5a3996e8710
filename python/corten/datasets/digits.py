"""The digits that scikit-learn carries, in the size of MNIST: a data set that needs no network.

Source: Alpaydin, Kaynak, "Optical recognition of handwritten digits", UCI (CC BY 4.0); 1,797 images of 8x8.
"""

from __future__ import annotations

import numpy as np

from .source import Images

__all__ = ["load_data"]

_TEST_IMAGES = 297


def load_data() -> Images:
    """Return ``(x_train, y_train), (x_test, y_test)``: uint8 arrays of 1,500 and 297 images of 28x28, values 0..255.

    Each of the 8x8 pixels becomes a square of 3x3, with a margin of two pixels around. The split is always the same.

    Raises:
        ImportError: scikit-learn, which carries the images, is not installed (``pip install corten[demo]``).
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError("corten.datasets.digits needs scikit-learn: pip install 'corten[demo]'") from error
    digits = load_digits()
    enlarged = np.repeat(np.repeat(digits.images, 3, axis=1), 3, axis=2)
    images = np.pad(np.rint(enlarged * (255 / 16)).astype(np.uint8), ((0, 0), (2, 2), (2, 2)))
    labels = digits.target.astype(np.uint8)
    # The digits come in order of writer, so the split is drawn; RandomState is the generator whose stream is frozen.
    order = np.random.RandomState(0).permutation(len(images))
    train, test = order[:-_TEST_IMAGES], order[-_TEST_IMAGES:]
    return (images[train], labels[train]), (images[test], labels[test])
