"""Whole training steps through ``fit`` against the same networks in vectorised NumPy; their losses must agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from contest import Timer, repeated, rest
from networks.models import cnn, mlp

#: network, batch, steps of an epoch
STEPS = [("cnn", cnn, 128, 4), ("cnn", cnn, 32, 8), ("mlp", mlp, 32, 200), ("mlp", mlp, 256, 50)]


@pytest.mark.parametrize(("name", "make", "batch", "steps"), STEPS, ids=[f"{s[0]}-{s[2]}" for s in STEPS])
def test_training_step(
    benchmark: Any, rounds: int, name: str, make: Callable[[int], Any], batch: int, steps: int
) -> None:
    model, double, x, labels = make(batch * steps)
    in_order = np.arange(len(x))
    for _ in range(2):
        history = model.fit(x, labels, batch_size=batch, epochs=1, shuffle=False, verbose=0).history
        loss, accuracy = double.epoch(x, labels, batch, in_order)
        assert history["loss"][0] == pytest.approx(loss, rel=1e-3)
        assert history["accuracy"][0] == pytest.approx(accuracy, abs=2 / batch)

    random = np.random.default_rng(0)
    corten = Timer(repeated(lambda: model.fit(x, labels, batch_size=batch, epochs=1, verbose=0)))
    numpy = Timer(repeated(lambda: double.epoch(x, labels, batch, random.permutation(len(x)))))
    numpy.calibrate(0.05)
    rest()
    corten.calibrate(0.05)

    def rival() -> None:
        numpy.block()
        rest()

    benchmark.group = f"fit / {name}"
    benchmark.pedantic(corten.block, setup=rival, rounds=rounds, iterations=1, warmup_rounds=1)
    benchmark.extra_info.update(
        contest="fit",
        kernel=f"training step, {name}",
        size=f"batch {batch}",
        corten_us=round(corten.median / steps * 1e6, 2),
        numpy_us=round(numpy.median / steps * 1e6, 2),
        factor=round(numpy.median / corten.median, 3),
    )
