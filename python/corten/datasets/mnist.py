"""MNIST: handwritten digits, 60,000 + 10,000 grey images of 28x28.

Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits" (CC BY-SA 3.0).
"""

from __future__ import annotations

from .source import IdxDataset, IdxFile, Images, load

__all__ = ["load_data"]

_DATASET = IdxDataset(
    name="mnist",
    files={
        "x_train": IdxFile(
            "train-images-idx3-ubyte",
            (60000, 28, 28),
            sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        "y_train": IdxFile(
            "train-labels-idx1-ubyte",
            (60000,),
            sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        "x_test": IdxFile(
            "t10k-images-idx3-ubyte",
            (10000, 28, 28),
            sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        "y_test": IdxFile(
            "t10k-labels-idx1-ubyte",
            (10000,),
            sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    },
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
)


def load_data(*, timeout: float = 20.0) -> Images:
    """Return ``(x_train, y_train), (x_test, y_test)`` as uint8 arrays.

    The images have the shapes (60000, 28, 28) and (10000, 28, 28) and values 0..255 (255 is ink), the labels the
    shapes (60000,) and (10000,) and values 0..9.

    The four original IDX files, gzipped or not, or ``mnist.npz`` are looked for in the folder that the environment
    variable ``CORTEN_DATA`` names and in its subfolder ``mnist``, then in the cache folder; if they are in neither,
    they are downloaded to the cache. A download that broke off is continued the next time. All arrays are verified
    with the SHA-256 of the original uncompressed files.

    Args:
        timeout: seconds to wait for a server that does not answer.

    Raises:
        CorruptFileError: a file is there, but truncated, too long, or not the original; the message names it.
        OSError: the files were found nowhere and could not be downloaded; the message lists what was tried.

    Example::

        (x_train, y_train), (x_test, y_test) = corten.datasets.mnist.load_data()
        x_train = x_train[..., None] / 255.0
    """
    return load(_DATASET, timeout)
