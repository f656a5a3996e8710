"""Translation from English to Chinese by an encoder and a decoder, with attention and without.

python examples/translation.py [--tiny]

Without attention the decoder knows of a sentence only what the encoder's last state holds. Compared by BLEU and chrF.
"""

import argparse
import re

import numpy as np
from picture import draw_attention
from sacrebleu import corpus_bleu, corpus_chrf

import corten
from corten import layers
from corten.datasets import english_chinese
from corten.losses import SparseCategoricalCrossentropy

WORDS, LENGTH, CHARACTERS, LONGEST, UNITS, EPOCHS = 3000, 14, 2000, 18, 192, 10
BEGIN, END, SPLIT = "<", ">", re.compile(r"[\w']+|[^\w\s]")


def build(attention: bool) -> tuple[corten.Model, corten.Model]:
    """A model from (sentence, characters so far) to the next characters, and one to what they look at."""
    source, target = corten.Input((LENGTH,), dtype="int32"), corten.Input((LONGEST,), dtype="int32")
    read = layers.Embedding(WORDS, UNITS, mask_zero=True)(source)
    read, state = layers.GRU(UNITS, return_sequences=True, return_state=True)(read)
    written = layers.Embedding(CHARACTERS, UNITS)(target)
    written = layers.GRU(UNITS, return_sequences=True)(written, initial_state=state)
    found, scores = layers.Attention()([written, read], return_attention_scores=True)
    known = layers.Concatenate()([written, found]) if attention else written
    known = layers.Dropout(0.3)(layers.Dense(UNITS, activation="tanh")(known))
    return corten.Model([source, target], layers.Dense(CHARACTERS)(known)), corten.Model([source, target], scores)


def translate(model: corten.Model, sentences: np.ndarray, characters: list[str]) -> tuple[list[str], np.ndarray]:
    """The most likely next character, again and again: the translations, and what was written."""
    written = np.zeros((len(sentences), LONGEST), np.int32)
    written[:, 0] = characters.index(BEGIN)
    for step in range(LONGEST - 1):
        likely = model.predict([sentences, written], batch_size=256, verbose=0)[:, step]
        written[:, step + 1] = likely[:, 2:].argmax(-1) + 2  # neither padding nor the unknown
    return ["".join(characters[i] for i in row[1:]).partition(END)[0] for row in written], written


def main() -> None:
    """Train both, translate, compare, and draw which words a translation attended to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="few sentences, for one epoch")
    options = parser.parse_args()
    (english, chinese), (test_english, test_chinese) = english_chinese.load_data()
    if options.tiny:
        english, chinese, test_english, test_chinese = english[:99], chinese[:99], test_english[:9], test_chinese[:9]
    words = layers.TextVectorization(WORDS, "lower", SPLIT.findall, output_sequence_length=LENGTH)
    signs = layers.TextVectorization(CHARACTERS, None, "character", output_sequence_length=LONGEST + 1)
    marked = [BEGIN + re.sub(r"\s", "", text) + END for text in chinese]
    words.adapt(english)
    signs.adapt(marked)
    x, y, x_test = words(english), signs(marked), words(test_english)
    for attention in (False, True):
        corten.utils.set_random_seed(1)
        model, attended = build(attention)
        model.compile(corten.optimizers.Adam(2e-3), SparseCategoricalCrossentropy(True, ignore_class=0))
        model.fit([x, y[:, :-1]], y[:, 1:], 64, epochs=1 if options.tiny else EPOCHS, verbose=2)
        found, written = translate(model, x_test, signs.get_vocabulary())
        bleu, chrf = corpus_bleu(found, [test_chinese], tokenize="zh"), corpus_chrf(found, [test_chinese])
        print(f"{'with' if attention else 'without'} attention: {bleu.format()}, {chrf.format()}")

    row = int(np.argmax((x_test > 0).sum(1) == 8))
    weights = attended.predict([x_test[row : row + 1], written[row : row + 1]], verbose=0)[0][: len(found[row]), :8]
    source = [words.get_vocabulary()[i] for i in x_test[row, :8]]
    print("looked at:", *zip(found[row], [source[i] for i in weights.argmax(1)], strict=True))
    draw_attention(weights, list(found[row]), source, test_english[row], "translation.png")


if __name__ == "__main__":
    main()
