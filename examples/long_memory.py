"""Long-range memory: add the two marked numbers of four hundred. What a recurrent network can keep in mind, and why.

python examples/long_memory.py [--tiny]

Each step of a sequence shows a random number and a mark; the target is the sum of the two marked numbers, one in each
half. Guessing 1 has a mean squared error of 1/6. The picture shows how the error falls, and how large the gradient of
the loss by the input is at each step, before training: where it vanishes, nothing can be learned from that step.
"""

import argparse

import numpy as np
from matplotlib.figure import Figure

import corten
from corten import layers, ops
from corten.callbacks import LambdaCallback
from corten.models import Model, Sequential
from corten.optimizers import Adam

ENOUGH = 0.002


def problem(count: int, length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences ``(count, length, 2)`` of numbers and marks, and their sums ``(count, 1)``."""
    random = np.random.default_rng(seed)
    numbers, marks = random.random((count, length), np.float32), np.zeros((count, length), np.float32)
    for half in (random.integers(0, length // 2, count), random.integers(length // 2, length, count)):
        marks[np.arange(count), half] = 1
    return np.stack([numbers, marks], axis=-1), (numbers * marks).sum(axis=1, keepdims=True)


def gradient_norms(network: Sequential, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The norm of the gradient of the loss by the input of each step, averaged over sequences."""
    inputs, targets = corten.Input(x.shape[1:]), corten.Input((1,))
    slope = Model([inputs, targets], corten.gradients(ops.square(network(inputs) - targets), inputs))
    return np.linalg.norm(slope.predict([x, y], verbose=0), axis=-1).mean(axis=0)


def main() -> None:
    """Train the three networks on the same sequences, and draw what they learned."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="sequences of 20, one epoch")
    tiny = parser.parse_args().tiny
    length, epochs = (20, 1) if tiny else (400, 40)
    x, y = problem(640 if tiny else 12800, length, seed=1)
    test = problem(256 if tiny else 1024, length, seed=2)

    figure = Figure(figsize=(12, 4), layout="constrained")
    learning, fading = figure.subplots(1, 2)
    for kind in (layers.SimpleRNN, layers.LSTM, layers.GRU):
        corten.utils.set_random_seed(0)
        network = Sequential([corten.Input((length, 2)), kind(64), layers.Dense(1)])
        fading.semilogy(gradient_norms(network, test[0][:128], test[1][:128]), label=kind.__name__)
        network.compile(Adam(0.003, clipnorm=1.0), "mse")

        def stop(epoch: int, logs: dict[str, float], network: Sequential = network) -> None:
            network.stop_training = logs["val_loss"] < ENOUGH

        watch = LambdaCallback(on_epoch_end=stop)
        history = network.fit(x, y, batch_size=64, epochs=epochs, validation_data=test, callbacks=[watch], verbose=2)
        errors = history.history["val_loss"]
        learning.semilogy(range(1, len(errors) + 1), errors, label=kind.__name__)
        print(f"{kind.__name__}: test MSE {errors[-1]:.4f} after {len(errors)} epochs")
    learning.axhline(1 / 6, linestyle=":", color="gray")
    learning.set(xlabel="epoch", ylabel="MSE on new sequences (dotted: a guess)")
    fading.set(xlabel="time step", ylabel="gradient of the loss by the input, before training")
    learning.legend()
    fading.legend()
    figure.savefig("long_memory.png", dpi=100)


if __name__ == "__main__":
    main()
