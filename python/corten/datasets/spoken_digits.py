"""Free Spoken Digit Dataset: 3,000 recordings of the digits 0 to 9 by six speakers, 8,000 samples a second.

Source: Jackson et al., https://github.com/Jakobovski/free-spoken-digit-dataset (CC BY-SA 4.0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptFileError
from .folder import find
from .idx import read_npz

__all__ = ["RATE", "load_data"]

#: Samples a second.
RATE = 8000
_SAMPLES, _RECORDINGS = 10_498_424, 3000
_TEST_TAKES = 5

Recordings = tuple[list[NDArray[np.int16]], NDArray[np.uint8]]


def load_data() -> tuple[Recordings, Recordings]:
    """Return ``(x_train, y_train), (x_test, y_test)``: lists of int16 arrays of different lengths, uint8 labels 0..9.

    The official split: the takes 0 to 4 of each speaker and digit are the 300 test recordings. The file
    ``spoken_digits.npz`` (``samples``: all recordings one after the other; recording i is
    ``samples[offsets[i]:offsets[i + 1]]``; ``labels``; ``takes``) is looked for in ``$CORTEN_DATA/speech`` and
    ``$CORTEN_DATA``.

    Raises:
        OSError: the file is not there; the message says where to get it.
        CorruptFileError: an array is missing, or of another shape or type.

    Example::

        (x_train, y_train), (x_test, y_test) = corten.datasets.spoken_digits.load_data()
    """
    origin = (
        "https://github.com/Jakobovski/free-spoken-digit-dataset (its WAV files as samples, offsets, labels, takes)"
    )
    path = find("spoken_digits.npz", "speech", origin)
    arrays = read_npz(
        path,
        {
            "samples": ((_SAMPLES,), "int16"),
            "offsets": ((_RECORDINGS + 1,), "int64"),
            "labels": ((_RECORDINGS,), "uint8"),
            "takes": ((_RECORDINGS,), "uint8"),
        },
    )
    offsets = arrays["offsets"]
    if offsets[0] != 0 or offsets[-1] != _SAMPLES or (np.diff(offsets) <= 0).any():
        raise CorruptFileError(f"{path}: array 'offsets': expected increasing offsets from 0 to {_SAMPLES}")
    recordings = np.split(arrays["samples"], offsets[1:-1])
    test = arrays["takes"] < _TEST_TAKES

    def chosen(which: NDArray[np.bool_]) -> Recordings:
        return [recordings[i] for i in np.flatnonzero(which)], arrays["labels"][which]

    return chosen(~test), chosen(test)
