"""Twelve thousand images of CIFAR-10: ten kinds of things in colour, 10,000 + 2,000 images of 32x32.

Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
"""

from __future__ import annotations

from typing import cast

from .folder import find
from .idx import read_npz
from .source import Images

__all__ = ["CLASSES", "load_data"]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_TRAIN, _TEST = 10_000, 2_000


def load_data() -> Images:
    """Return ``(x_train, y_train), (x_test, y_test)`` as uint8 arrays; ``CLASSES`` has names.

    The images have the shapes (10000, 32, 32, 3) and (2000, 32, 32, 3) and values 0..255 (red, green, blue), the
    labels the shapes (10000, 1) and (2000, 1), as Keras has them, and values 0..9. The file ``cifar10_12k.npz`` is
    looked for in ``$CORTEN_DATA/cifar10`` and ``$CORTEN_DATA``.

    Raises:
        OSError: the file is not there; the message says where to get it.
        CorruptFileError: an array is missing, or of another shape or type.

    Example::

        (x_train, y_train), (x_test, y_test) = corten.datasets.cifar10.load_data()
    """
    origin = "https://www.cs.toronto.edu/~kriz/cifar.html (10,000 + 2,000 images as x_train, y_train, x_test, y_test)"
    members = {
        name: ((count, *size), "uint8")
        for part, count in (("train", _TRAIN), ("test", _TEST))
        for name, size in ((f"x_{part}", (32, 32, 3)), (f"y_{part}", ()))
    }
    arrays = read_npz(
        find("cifar10_12k.npz", "cifar10", origin), cast("dict[str, tuple[tuple[int, ...], str]]", members)
    )
    return (arrays["x_train"], arrays["y_train"][:, None]), (arrays["x_test"], arrays["y_test"][:, None])
