"""Fashion-MNIST: articles of clothing, 60,000 + 10,000 grey images of 28x28, in the format of MNIST.

Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms",
arXiv:1708.07747 (MIT licence).
"""

from __future__ import annotations

from .source import IdxDataset, IdxFile, Images, load

__all__ = ["CLASSES", "load_data"]

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

_DATASET = IdxDataset(
    name="fashion_mnist",
    files={
        "x_train": IdxFile(
            "train-images-idx3-ubyte",
            (60000, 28, 28),
            gzip_sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        ),
        "y_train": IdxFile(
            "train-labels-idx1-ubyte",
            (60000,),
            sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            gzip_sha256="a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        ),
        "x_test": IdxFile(
            "t10k-images-idx3-ubyte",
            (10000, 28, 28),
            gzip_sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        ),
        "y_test": IdxFile(
            "t10k-labels-idx1-ubyte",
            (10000,),
            sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            gzip_sha256="67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
    },
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    ),
)


def load_data(*, timeout: float = 20.0) -> Images:
    """Return ``(x_train, y_train), (x_test, y_test)`` as uint8 arrays of the shapes of MNIST; ``CLASSES`` has names.

    The files are looked for and downloaded as ``corten.datasets.mnist.load_data`` says, the subfolder being
    ``fashion_mnist``. A download is verified with the SHA-256 of the original gzipped files. Of files found in a
    folder, the labels are verified with the SHA-256 of the uncompressed originals, the images by type, shape and size
    only: no checksum of the uncompressed images that we could trust was to be had.

    Args:
        timeout: seconds to wait for a server that does not answer.

    Raises:
        CorruptFileError: a file is there, but truncated, too long, or not the original; the message names it.
        OSError: the files were found nowhere and could not be downloaded; the message lists what was tried.
    """
    return load(_DATASET, timeout)
