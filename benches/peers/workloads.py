"""The names of what is compared, and its sizes: the same for every peer. Only the standard library."""

from __future__ import annotations

#: Batches of one call of ``fit``, or of one loop of a peer, by network and batch.
STEPS = {("cnn", 128): 8, ("cnn", 32): 16, ("mlp", 32): 400, ("autoencoder", 128): 8, ("transformer", 32): 4}
#: Sequences of 100 steps of 64 features, 128 units; and a model of 64 characters over 64 steps, 256 units.
RECURRENT = ("simple_rnn", "gru", "lstm", "char_lm")
STEPS |= {(name, 32): 8 for name in RECURRENT}
INFERENCE = (1, 32, 128)
#: Of the transformer: tokens, their vectors, heads, units between, length of a sequence.
TOKENS, FEATURES, HEADS, UNITS, LENGTH = 5000, 128, 4, 256, 64
MATMUL = (32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048)


def training(network: str, batch: int) -> str:
    return f"{network}, training step, batch {batch}"


def on_batch(network: str, batch: int) -> str:
    return f"{network}, train_on_batch, batch {batch}"


def inference(network: str, batch: int) -> str:
    return f"{network}, inference, batch {batch}"


def matmul(n: int) -> str:
    return f"matmul {n}x{n}x{n}"


def matmul_in_place(n: int) -> str:
    """Into memory made before: a program of Corten's, ``out=`` of NumPy's."""
    return f"matmul {n}x{n}x{n}, in place"
