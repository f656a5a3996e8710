"""Sentences in English and Chinese: 20,402 pairs for learning to translate.

Source: the Tatoeba project, https://tatoeba.org (CC BY 2.0 FR), as collected on https://www.manythings.org/anki.
"""

from __future__ import annotations

import numpy as np

from ..errors import CorruptFileError
from .folder import find, read_lines

__all__ = ["load_data"]

Pairs = tuple[list[str], list[str]]


def load_data() -> tuple[Pairs, Pairs]:
    """Return ``(english_train, chinese_train), (english_test, chinese_test)``: lists of sentences, one a pair.

    A tenth of the different English sentences is held out, with all their translations; the split is always the same.
    The file ``english_chinese.tsv`` (a line is English, a tabulator, Chinese; further columns are ignored) is looked
    for in ``$CORTEN_DATA/text`` and ``$CORTEN_DATA``.

    Raises:
        OSError: the file is not there; the message says where to get it.
        CorruptFileError: a line has no two sentences.

    Example::

        (english, chinese), (english_test, chinese_test) = corten.datasets.english_chinese.load_data()
    """
    path = find("english_chinese.tsv", "text", "https://www.manythings.org/anki/cmn-eng.zip (cmn.txt)")
    translations: dict[str, list[str]] = {}
    for number, line in enumerate(read_lines(path), 1):
        columns = line.rstrip("\r").split("\t")
        if len(columns) < 2 or not columns[0] or not columns[1]:
            raise CorruptFileError(
                f"{path}: line {number}: expected two sentences with a tabulator between; got {line!r}"
            )
        translations.setdefault(columns[0], []).append(columns[1])
    english = list(translations)
    order = np.random.RandomState(0).permutation(len(english))  # the generator whose stream is frozen
    held_out = len(english) // 10

    def pairs(indices: list[int]) -> Pairs:
        rows = [(english[i], chinese) for i in indices for chinese in translations[english[i]]]
        return [row[0] for row in rows], [row[1] for row in rows]

    return pairs(order[held_out:].tolist()), pairs(order[:held_out].tolist())
