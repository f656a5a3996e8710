from __future__ import annotations

import json
import math

import numpy as np
import pytest

from corten.layers import TextVectorization

TEXTS = ["the cat sat", "The dog, the cat!", "  a\u3000b "]


def test_words_by_frequency_then_by_the_order_of_characters() -> None:
    vectorize = TextVectorization()
    vectorize.adapt(TEXTS)
    assert vectorize.get_vocabulary() == ["", "[UNK]", "the", "cat", "sat", "dog", "b", "a"]
    assert vectorize.vocabulary_size() == 8
    np.testing.assert_array_equal(vectorize(np.array([["a new Cat"], ["sat"]])), [[7, 1, 3], [4, 0, 0]])
    assert vectorize("cat").tolist() == [[3]] and vectorize([]).shape == (0, 0) and vectorize([""]).shape == (1, 0)


def test_characters_functions_and_groups() -> None:
    characters = TextVectorization(split="character", standardize=None, max_tokens=4, output_sequence_length=3)
    characters.adapt(iter([["\u6211\u4eec", "\u6211"], ["\u4f60\u6211\u4eec"], ["never"]]), steps=2)
    assert characters.get_vocabulary(include_special_tokens=False) == ["\u6211", "\u4eec"]
    assert characters(["\u6211\u6211\u6211\u6211", "\u4f60"]).tolist() == [[2, 2, 2], [1, 0, 0]]
    own = TextVectorization(standardize=str.upper, split=lambda text: text.split("-"), ngrams=2)
    own.adapt(["a-b-a"])
    assert own.get_vocabulary(False) == ["A", "B A", "B", "A B"]
    assert own(["a-b"]).tolist() == [[2, 4, 5]]
    groups = TextVectorization(ngrams=(2,), vocabulary=["x y"])
    assert groups(["x y z"]).tolist() == [[2, 1]]


def test_counts() -> None:
    options = {"vocabulary": ["a", "b"], "max_tokens": 5}
    assert TextVectorization(output_mode="count", **options)(["a a c"]).tolist() == [[1, 2, 0]]
    assert TextVectorization(output_mode="multi_hot", **options)(["a a c"]).tolist() == [[1, 1, 0]]
    padded = TextVectorization(output_mode="count", pad_to_max_tokens=True, **options)
    assert padded(["b"]).tolist() == [[0, 0, 1, 0, 0]] and padded(["b"]).dtype == np.float32
    rare = TextVectorization(output_mode="tf_idf")
    rare.adapt(["a a b", "a"])
    weights = math.log(1 + 2 / 3), math.log(1 + 2 / 2)
    np.testing.assert_allclose(rare(["b a a ?x"]), [[sum(weights) / 2, 2 * weights[0], weights[1]]], rtol=1e-6)


@pytest.mark.parametrize("mode", ["int", "tf_idf"])
def test_what_was_learned_is_in_the_configuration(mode: str) -> None:
    vectorize = TextVectorization(output_mode=mode)
    vectorize.adapt(TEXTS)
    again = TextVectorization.from_config(json.loads(json.dumps(vectorize.get_config())))
    np.testing.assert_array_equal(again(TEXTS), vectorize(TEXTS))
    assert again.get_config() == vectorize.get_config()


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="split: expected one of .* got 'words'"):
        TextVectorization(split="words")
    with pytest.raises(ValueError, match="output_mode"):
        TextVectorization(output_mode="one_hot")
    with pytest.raises(ValueError, match="ragged"):
        TextVectorization(ragged=True)
    with pytest.raises(ValueError, match="'a' occurs more than once"):
        TextVectorization(vocabulary=["a", "b", "a"])
    with pytest.raises(ValueError, match="max_tokens=3"):
        TextVectorization(max_tokens=3, vocabulary=["a", "b"])
    with pytest.raises(ValueError, match="idf_weights"):
        TextVectorization(output_mode="tf_idf", vocabulary=["a"])
    with pytest.raises(RuntimeError, match="no vocabulary yet"):
        TextVectorization()(["a"])
    with pytest.raises(TypeError, match="expected strings, got bytes"):
        TextVectorization(vocabulary=["a"])([b"a"])
