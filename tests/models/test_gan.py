"""The ready GAN learns where points lie, gives the same bits eagerly, and generates the same for the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten import Sequential, layers, optimizers
from corten.errors import ShapeError
from corten.models import GAN

random = np.random.default_rng(0)
POINTS = (random.normal(size=(1000, 2)) * [0.4, 0.2] + [2.0, -1.0]).astype("float32")


def build(run_eagerly: bool = False, size: int = 2) -> GAN:
    corten.utils.set_random_seed(0)
    maker = Sequential(
        [
            layers.Dense(16, input_shape=(3,)),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(),
            layers.Dense(size),
        ]
    )
    judge = Sequential([layers.Dense(24, input_shape=(2,)), layers.LeakyReLU(), layers.Dropout(0.1), layers.Dense(1)])
    gan = GAN(maker, judge, latent_size=3)
    smooth = optimizers.Adam(0.004, beta_1=0.5, use_ema=True, ema_momentum=0.9)
    gan.compile(optimizers.Adam(0.004, beta_1=0.5), smooth, run_eagerly=run_eagerly)
    return gan


def test_it_learns_where_points_lie(tmp_path: Path) -> None:
    gan = build()
    before = np.abs(gan.generate(500, seed=1).mean(axis=0) - POINTS.mean(axis=0)).max()
    history = gan.fit(POINTS, batch_size=50, epochs=25, verbose=0).history
    made = gan.generate(500, seed=1)
    assert set(history) == {"d_loss", "g_loss"} and np.isfinite(history["g_loss"]).all()
    assert before > 0.9 and np.abs(made.mean(axis=0) - POINTS.mean(axis=0)).max() < 0.3
    assert (made == gan.generate(500, seed=1)).all() and (made != gan.generate(500, seed=2)).any()
    assert (gan.generate(4) != gan.generate(4)).any()
    gan.save_weights(tmp_path / "gan.safetensors")
    again = build()
    again.load_weights(tmp_path / "gan.safetensors")
    assert (again.generate(500, seed=1) == made).all()
    # When training ended the generator took over the averages of its weights.
    averages = [v.numpy() for v in gan.g_optimizer.variables if v.name.endswith("average")]
    weights = [v.numpy() for v in gan.generator.trainable_variables]
    assert all((a == b).all() for a, b in zip(averages, weights, strict=True))


def test_the_same_bits_eagerly() -> None:
    made = []
    for run_eagerly in (False, True):
        gan = build(run_eagerly)
        history = gan.fit(POINTS[:130], batch_size=50, epochs=2, verbose=0).history
        made.append((history, [w.tobytes() for w in gan.get_weights()]))
    assert made[0] == made[1]


def test_a_step_touches_each_network_once() -> None:
    gan = build()
    gan.fit(POINTS[:50], batch_size=50, verbose=0)
    (step,) = gan._training.steps
    steps = [name.split()[0] for name in step.program.steps]
    assert steps.count("adam") == len(gan.trainable_variables)
    # Forward: two layers of the maker once, two of the judge for real and for made points.
    assert steps.count("dense") == 2 + 2 * 2


def test_the_losses_are_of_scores_of_1_for_real_and_0_for_made_things() -> None:
    gan = GAN(Sequential([layers.Dense(2, input_shape=(3,))]), Sequential([layers.Dense(1, input_shape=(2,))]), 3)
    gan.discriminator.set_weights([np.zeros((2, 1)), np.float32([0.7])])
    gan.compile(optimizers.SGD(0.0), optimizers.SGD(0.0))
    found = gan.fit(POINTS[:64], verbose=0).history
    real, made = np.log1p(np.exp(-0.7)), np.log1p(np.exp(0.7))
    assert found["d_loss"][0] == pytest.approx((real + made) / 2, rel=1e-5)
    assert found["g_loss"][0] == pytest.approx(real, rel=1e-5)


def test_errors() -> None:
    with pytest.raises(ShapeError, match=r"the data have shape \(10, 2\), the generator produces \(10, 3\)"):
        build(size=3).fit(POINTS[:10], verbose=0)
    gan = build()
    one = optimizers.Adam()
    with pytest.raises(ValueError, match="an optimizer each"):
        gan.compile(one, one)
    with pytest.raises(ValueError, match="cannot be evaluated by a loss"):
        gan.evaluate(POINTS, verbose=0)
    for more in ({"y": np.zeros(len(POINTS))}, {"sample_weight": np.ones(len(POINTS))}):
        with pytest.raises(ValueError, match=r"expected fit\(x\) with one array"):
            gan.fit(POINTS, **more, verbose=0)
    for latent, error in ((0, ValueError), (2.5, TypeError)):
        with pytest.raises(error, match="GAN: latent_size"):
            GAN(gan.generator, gan.discriminator, latent)  # type: ignore[arg-type]


def test_a_loss_of_ones_own() -> None:
    gan = build()

    def least_squares(wanted: Any, score: Any) -> Any:
        return corten.ops.square(score - wanted)

    gan.compile("adam", "adam", loss=least_squares)
    history = gan.fit(POINTS[:100], verbose=0).history
    assert 0 < history["d_loss"][0] < 5
