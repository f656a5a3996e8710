"""The listing of the README on MNIST, alone in its process: seconds, test accuracy, and the memory it took."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

import corten
from corten.datasets import mnist
from peers.corten_side import network
from peers.rounds import peak_bytes


def main() -> None:
    corten.config.set_num_threads(int(sys.argv[1]))
    at_start = peak_bytes()
    data: Any = mnist.load_data()
    (x, y), (x_test, y_test) = data
    # The demo's: what comes of others is in the README.
    corten.utils.set_random_seed(1)
    model, _ = network("cnn")
    began = time.perf_counter()
    model.fit(x[..., None] / np.float32(255), y, batch_size=128, epochs=5, validation_split=0.1, verbose=0)
    seconds = time.perf_counter() - began
    _, accuracy = model.evaluate(x_test[..., None] / np.float32(255), y_test, verbose=0)
    print(json.dumps({"seconds": seconds, "accuracy": accuracy, "peak_bytes": peak_bytes(), "import_bytes": at_start}))


if __name__ == "__main__":
    main()
