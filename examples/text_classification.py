"""Spam or not: text messages read by a recurrent network, and by a transformer's block.

python examples/text_classification.py [--epochs 4] [--tiny]

Source: SMS Spam Collection. A fifth of the messages is held out, copies of a message never on both sides.
"""

import argparse
import re
from typing import Any

import numpy as np
from picture import draw_attention

import corten
from corten import layers
from corten.datasets import sms_spam
from corten.metrics import Precision, Recall

LENGTH, WORDS, FEATURES = 48, 4000, 64


def standardize(text: str) -> str:
    """Small letters; every digit a 0, for their number tells more than which they are; signs apart."""
    return re.sub(r"([^\w\s])", r" \1 ", re.sub(r"\d", "0", text.lower()))


def recurrent() -> Any:
    """A GRU that reads forwards, and one that reads backwards."""
    tokens = corten.Input((LENGTH,), dtype="int32")
    x = layers.Embedding(WORDS, FEATURES, mask_zero=True)(tokens)
    x = layers.Bidirectional(layers.GRU(32))(x)
    x = layers.Dropout(0.3)(x)
    return corten.Model(tokens, layers.Dense(1, activation="sigmoid")(x), name="recurrent")


def transformer() -> Any:
    """One block, and the mean of what it makes of each word."""
    tokens = corten.Input((LENGTH,), dtype="int32")
    x = layers.PositionalEmbedding(LENGTH, WORDS, FEATURES, mask_zero=True)(tokens)
    x = layers.TransformerBlock(num_heads=4, intermediate_dim=128, dropout=0.1)(x)
    x = layers.Dropout(0.3)(layers.GlobalAveragePooling1D()(x))
    return corten.Model(tokens, layers.Dense(1, activation="sigmoid")(x), name="transformer")


def main() -> None:
    """Train both, compare them, and draw what the transformer attends to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--tiny", action="store_true", help="few messages, for one epoch")
    options = parser.parse_args()
    corten.utils.set_random_seed(1)
    (texts, y), (test_texts, y_test) = sms_spam.load_data()
    if options.tiny:
        texts, y, test_texts, y_test, options.epochs = texts[:400], y[:400], test_texts[:100], y_test[:100], 1
    vectorize = layers.TextVectorization(WORDS, standardize, output_sequence_length=LENGTH)
    vectorize.adapt(texts)
    x, x_test = vectorize(texts), vectorize(test_texts)

    models = [recurrent(), transformer()]
    for model in models:
        model.compile(corten.optimizers.Adam(2e-3), "binary_crossentropy", metrics=[Precision(), Recall()])
        model.fit(x, y, batch_size=32, epochs=options.epochs, verbose=2)
        _, precision, recall = model.evaluate(x_test, y_test, verbose=0)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        print(f"{model.name}: F1 of spam {f1:.4f} (precision {precision:.4f}, recall {recall:.4f})")

    row = int(np.argmax((y_test == 1) * np.minimum((x_test > 0).sum(1), 25)))
    words = [vectorize.get_vocabulary()[i] for i in x_test[row] if i]
    embedding, block = models[1].layers[1:3]
    _, weights = block(embedding(x_test[row : row + 1]), return_attention_scores=True)
    seen = weights[0].mean(0)[: len(words), : len(words)]
    draw_attention(seen, words, words, "a spam message: mean of the heads", "text_classification.png")


if __name__ == "__main__":
    main()
