"""Text as numbers: words or characters, and the index of each in a vocabulary."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from corten.arguments import wholes
from corten.configured import Configured
from corten.graph import Array
from corten.layers.arguments import count

__all__ = ["TextVectorization"]

_PUNCTUATION = str.maketrans("", "", r"""!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~""")


# Functions of the module, that they can be pickled.
def _without_punctuation(text: str) -> str:
    return text.translate(_PUNCTUATION)


def _lower_without_punctuation(text: str) -> str:
    return text.lower().translate(_PUNCTUATION)


def _whole(text: str) -> list[str]:
    return [text]


_STANDARDIZE: dict[Any, Callable[[str], str]] = {
    None: str,
    "lower": str.lower,
    "strip_punctuation": _without_punctuation,
    "lower_and_strip_punctuation": _lower_without_punctuation,
}
_SPLIT: dict[Any, Callable[[str], Iterable[str]]] = {
    None: _whole,
    "whitespace": str.split,
    "character": list,
}
_UNKNOWN = "[UNK]"

#: A string, or n of them: a list or an array (n,) or (n, 1).
Texts: TypeAlias = str | Sequence[str] | Sequence[Sequence[str]] | Array


class TextVectorization(Configured):
    """Texts become arrays of numbers, by a vocabulary that is learned from texts (:meth:`adapt`) or given.

    It is named as Keras's layer but is not a layer: strings never enter a model, and nothing in it is trained. Call it
    on texts and feed the model the result.

    Args:
        max_tokens: the maximum size of the vocabulary, special entries included; None: no limit.
        standardize: ``"lower_and_strip_punctuation"`` (of ASCII), ``"lower"``, ``"strip_punctuation"``, None, or a
            function of a string.
        split: ``"whitespace"``, ``"character"``, None, or a function from a string to a list of strings.
        ngrams: an int n: groups of up to n neighbouring tokens; a tuple: groups of exactly these sizes.
        output_mode: ``"int"``: the indices, 0 being padding and 1 what is not in the vocabulary; ``"multi_hot"``: for
            each entry whether it occurs; ``"count"``: how often; ``"tf_idf"``: that times the logarithm of how rare the
            entry is. In the last three, index 0 is what is not in the vocabulary.
        output_sequence_length: of ``"int"``: longer texts are cut, shorter ones padded; None: to the longest of a call.
        pad_to_max_tokens: whether the other modes give ``max_tokens`` columns even where there are fewer entries.
        vocabulary: the entries, without the special ones, the most frequent first.
        idf_weights: for each entry its weight in ``"tf_idf"``.
        sparse: not supported, nor ``ragged``; ``encoding`` is ``"utf-8"``.

    Called on a string, or on n of them (a list or an array, (n,) or (n, 1)), it gives int32 (n, length), or float32
    (n, entries).

    Raises:
        ValueError: an unknown mode or name, or entries that occur twice.
        RuntimeError: a call before there is a vocabulary.
        TypeError: something else than strings.

    >>> from corten.layers import TextVectorization
    >>> vectorize = TextVectorization(output_sequence_length=4)
    >>> vectorize.adapt(["The cat, the dog.", "The bird!"])
    >>> vectorize.get_vocabulary()
    ['', '[UNK]', 'the', 'dog', 'cat', 'bird']
    >>> vectorize(["A bird", "the dog the cat the bird"])
    array([[1, 5, 0, 0],
           [2, 3, 2, 4]], dtype=int32)
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[[str], str] | None = "lower_and_strip_punctuation",
        split: str | Callable[[str], Iterable[str]] | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: Literal["int", "multi_hot", "count", "tf_idf", "tf-idf"] = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Sequence[str] | None = None,
        idf_weights: Sequence[float] | None = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
    ) -> None:
        for what, value, known in (("standardize", standardize, _STANDARDIZE), ("split", split, _SPLIT)):
            if not callable(value) and value not in known:
                raise ValueError(
                    f"TextVectorization: {what}: expected one of {list(known)} or a function, got {value!r}"
                )
        output_mode = "tf_idf" if output_mode == "tf-idf" else output_mode
        if output_mode not in ("int", "multi_hot", "count", "tf_idf"):
            raise ValueError(
                f"TextVectorization: output_mode: expected 'int', 'multi_hot', 'count' or 'tf_idf', got {output_mode!r}"
            )
        if sparse or ragged or not isinstance(encoding, str) or encoding.lower() != "utf-8":
            raise ValueError("TextVectorization: sparse, ragged and encodings other than utf-8 are not supported")
        self.max_tokens = None if max_tokens is None else count(max_tokens, "TextVectorization: max_tokens", 3)
        self.output_sequence_length = output_sequence_length
        if output_sequence_length is not None:
            count(output_sequence_length, "TextVectorization: output_sequence_length")
            if output_mode != "int":
                raise ValueError("TextVectorization: output_sequence_length: only supported with output_mode='int'")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError("TextVectorization: pad_to_max_tokens: needs max_tokens, got None")
        self.standardize = standardize if callable(standardize) else _STANDARDIZE[standardize]
        self.split = split if callable(split) else _SPLIT[split]
        self.ngrams = None if ngrams is None else wholes(ngrams, "TextVectorization: ngrams", 1, 2**20)
        if self.ngrams is not None and hasattr(ngrams, "__index__"):
            self.ngrams = list(range(1, self.ngrams[0] + 1))
        self.output_mode = output_mode
        self.pad_to_max_tokens = pad_to_max_tokens
        self.name = name or "text_vectorization"
        self._special = ["", _UNKNOWN] if output_mode == "int" else [_UNKNOWN]
        self._entries: list[str] | None = None
        self._index: dict[str, int] = {}
        self._rarity: Array | None = None
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def adapt(self, data: Texts | Iterable[Texts], batch_size: int | None = None, steps: int | None = None) -> None:
        """Learns the vocabulary: what occurs in the texts, the most frequent first (of equally frequent ones the last
        in the order of characters). ``data`` is strings as for a call, or an iterator over batches of them, of which
        ``steps`` are taken; ``batch_size`` has no effect.
        """
        frequency: Counter[str] = Counter()
        documents: Counter[str] = Counter()
        number = 0
        single = isinstance(data, (str, list, tuple, np.ndarray))
        for step, batch in enumerate([data] if single else data):
            if steps is not None and step >= steps:
                break
            for tokens in map(self._tokens, _texts(batch)):
                frequency.update(tokens)
                documents.update(set(tokens))
                number += 1
        for special in ("", _UNKNOWN):
            frequency.pop(special, None)
        entries = sorted(frequency, key=lambda token: (frequency[token], token), reverse=True)
        if self.max_tokens is not None:
            entries = entries[: self.max_tokens - len(self._special)]
        rarity = [math.log(1 + number / (1 + documents[token])) for token in entries]
        self.set_vocabulary(entries, rarity if self.output_mode == "tf_idf" else None)

    def set_vocabulary(self, vocabulary: Sequence[str], idf_weights: Sequence[float] | None = None) -> None:
        """Takes these entries, the most frequent first; special ones at their beginning are left out."""
        if isinstance(vocabulary, str):
            raise TypeError(
                "TextVectorization: vocabulary: expected a list of strings, got a string; files are not read"
            )
        entries = [str(entry) for entry in vocabulary]
        if entries[: len(self._special)] == self._special:
            entries = entries[len(self._special) :]
        twice = [entry for entry, times in Counter([*self._special, *entries]).items() if times > 1]
        if twice:
            raise ValueError(f"TextVectorization: vocabulary: {twice[0]!r} occurs more than once, or is reserved")
        if self.max_tokens is not None and len(entries) + len(self._special) > self.max_tokens:
            raise ValueError(
                f"TextVectorization: vocabulary: expected at most max_tokens={self.max_tokens} entries with the "
                f"special ones, got {len(entries) + len(self._special)}"
            )
        if (idf_weights is not None) != (self.output_mode == "tf_idf"):
            raise ValueError("TextVectorization: idf_weights: needed with output_mode='tf_idf', and only there")
        if idf_weights is not None:
            own = [float(weight) for weight in idf_weights]
            if len(own) != len(entries):
                raise ValueError(f"TextVectorization: idf_weights: expected {len(entries)} weights, got {len(own)}")
            # How rare unknown words are is not known: as rare as the others are on the average.
            self._rarity = np.array([sum(own) / max(1, len(own)), *own], np.float32)
        self._entries = entries
        self._index = {entry: i for i, entry in enumerate(entries, len(self._special))}

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The entries by their indices; without those for padding and for the unknown, if so asked."""
        return [*(self._special if include_special_tokens else []), *(self._entries or [])]

    def vocabulary_size(self) -> int:
        """How many entries there are, the special ones included."""
        return len(self.get_vocabulary())

    def __call__(self, inputs: Texts) -> Array:
        if self._entries is None:
            raise RuntimeError("TextVectorization: no vocabulary yet; call adapt() or set_vocabulary() first")
        unknown = self._special.index(_UNKNOWN)
        rows = [[self._index.get(token, unknown) for token in self._tokens(text)] for text in _texts(inputs)]
        if self.output_mode == "int":
            length = self.output_sequence_length or max(map(len, rows), default=0)
            indices: Array = np.zeros((len(rows), length), np.int32)
            for out, row in zip(indices, rows, strict=True):
                out[: min(len(row), length)] = row[:length]
            return indices
        columns = self.max_tokens if self.pad_to_max_tokens and self.max_tokens else self.vocabulary_size()
        counts: Array = np.zeros((len(rows), columns), np.float32)
        for out, row in zip(counts, rows, strict=True):
            np.add.at(out, row, 1)
        if self.output_mode == "multi_hot":
            np.minimum(counts, 1, out=counts)
        elif self._rarity is not None:
            counts[:, : len(self._rarity)] *= self._rarity
        return counts

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this again, what was learned included."""
        weights = None if self._rarity is None else self._rarity[1:].tolist()
        return {**super().get_config(), "vocabulary": self._entries, "idf_weights": weights, "name": self.name}

    def _tokens(self, text: str) -> list[str]:
        tokens = list(self.split(self.standardize(text)))
        if self.ngrams is None:
            return tokens
        return [" ".join(tokens[i : i + n]) for n in self.ngrams for i in range(len(tokens) - n + 1)]


def _texts(inputs: Any) -> list[str]:
    """The strings in what may be one, a list, or an array (n,) or (n, 1)."""
    if isinstance(inputs, str):
        return [inputs]
    items = inputs.tolist() if isinstance(inputs, np.ndarray) else list(inputs)
    texts = [item[0] if isinstance(item, (list, tuple)) and len(item) == 1 else item for item in items]
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"TextVectorization: expected strings, got {type(text).__name__} {text!r}")
    return texts
