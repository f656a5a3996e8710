"""The plays of Shakespeare, or 1.1 million characters of them: one long text for models of characters.

Source: public domain, as collected by Karpathy, https://github.com/karpathy/char-rnn ("tinyshakespeare").
"""

from __future__ import annotations

from .folder import find, read_text

__all__ = ["load_data"]


def load_data() -> tuple[str, str]:
    """Return ``train, test``: the first nine tenths of the text, and the last.

    The file ``shakespeare.txt`` is looked for in ``$CORTEN_DATA/text`` and ``$CORTEN_DATA``.

    Raises:
        OSError: the file is not there; the message says where to get it.
        CorruptFileError: it is not UTF-8.

    Example::

        train, test = corten.datasets.shakespeare.load_data()
    """
    origin = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
    text = read_text(find("shakespeare.txt", "text", origin))
    held_out = len(text) // 10
    return text[: len(text) - held_out], text[len(text) - held_out :]
