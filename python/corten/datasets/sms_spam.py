"""SMS Spam Collection: 5,574 English text messages, 747 of them spam.

Source: Almeida, Gómez Hidalgo, "SMS Spam Collection", UCI Machine Learning Repository, doi:10.24432/C5CC84 (CC BY 4.0).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptFileError
from .folder import find, read_lines

__all__ = ["load_data"]

Messages = tuple[list[str], NDArray[np.uint8]]


def load_data() -> tuple[Messages, Messages]:
    """Return ``(x_train, y_train), (x_test, y_test)``: lists of messages and uint8 labels, 1 for spam.

    A fifth of the different messages is held out. Many were sent more than once: all copies of a message are on the
    same side of the split, which is always the same. The file ``sms_spam.tsv`` (UCI's ``SMSSpamCollection``: a line is
    ``ham`` or ``spam``, a tabulator, the message) is looked for in ``$CORTEN_DATA/text`` and ``$CORTEN_DATA``.

    Raises:
        OSError: the file is not there; the message says where to get it.
        CorruptFileError: a line is not a label and a message.

    Example::

        (x_train, y_train), (x_test, y_test) = corten.datasets.sms_spam.load_data()
    """
    origin = "https://archive.ics.uci.edu/dataset/228/sms+spam+collection (SMSSpamCollection)"
    path = find("sms_spam.tsv", "text", origin)
    label_of: dict[str, list[int]] = {}
    for number, line in enumerate(read_lines(path), 1):
        label, tab, message = line.rstrip("\r").partition("\t")
        if label not in ("ham", "spam") or not tab:
            raise CorruptFileError(f"{path}: line {number}: expected ham or spam, a tabulator, a message; got {line!r}")
        label_of.setdefault(message, []).append(int(label == "spam"))
    different = list(label_of)
    order = np.random.RandomState(0).permutation(len(different))  # the generator whose stream is frozen
    held_out = len(different) // 5
    return _messages(label_of, different, order[held_out:]), _messages(label_of, different, order[:held_out])


def _messages(label_of: dict[str, list[int]], different: list[str], order: NDArray[np.int64]) -> Messages:
    rows = [(different[i], label) for i in order for label in label_of[different[i]]]
    return [message for message, _ in rows], np.array([label for _, label in rows], np.uint8)
