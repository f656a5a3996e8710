"""Autoencoders learn without targets, plain and variational; losses that layers add count wherever the layers are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten import Input, Sequential, layers, ops
from corten.errors import ShapeError
from corten.models import VAE, Autoencoder, Model

RNG = np.random.default_rng(3)
#: Points of a plane in eight dimensions.
PLANE = (RNG.standard_normal((256, 2)) @ RNG.standard_normal((2, 8))).astype(np.float32)


def made(kind: Any, eager: bool = False, **options: Any) -> Any:
    corten.utils.set_random_seed(5)
    model = kind(input_shape=(8,), latent_size=2, **options)
    model.compile("adam", run_eagerly=eager)
    return model


def test_learns_a_plane_without_targets() -> None:
    model = made(Autoencoder)
    model.compile(corten.optimizers.Adam(0.01))
    model.fit(PLANE, epochs=40, verbose=0)
    assert ((model.reconstruct(PLANE) - PLANE) ** 2).mean() < 0.02 * PLANE.var()
    np.testing.assert_array_equal(model.decode(model.encode(PLANE)), model.reconstruct(PLANE))
    assert model.evaluate(PLANE, verbose=0) == pytest.approx(((model.reconstruct(PLANE) - PLANE) ** 2).mean(), rel=1e-5)
    # What it makes up lies where the data lie.
    samples = model.generate(2000, seed=1)
    np.testing.assert_allclose(np.cov(samples.T), np.cov(PLANE.T), atol=0.15 * np.abs(np.cov(PLANE.T)).max())
    np.testing.assert_array_equal(samples, model.generate(2000, seed=1))


def test_the_targets_are_the_data_unless_others_are_given() -> None:
    first, second, third = (made(Autoencoder) for _ in range(3))
    assert (
        first.fit(PLANE, shuffle=False, verbose=0).history == second.fit(PLANE, PLANE, shuffle=False, verbose=0).history
    )
    assert first.history.history != third.fit(PLANE, -PLANE, shuffle=False, verbose=0).history


@pytest.mark.parametrize("kind", [Autoencoder, VAE])
def test_same_bits_eager_and_compiled(kind: Any) -> None:
    weights = []
    for eager in (False, True):
        model = made(kind, eager, noise=0.2)
        history = model.fit(PLANE[:100], validation_data=PLANE[100:150], batch_size=32, epochs=2, verbose=0).history
        weights.append([w.tobytes() for w in model.get_weights()] + [np.array(list(history.values())).tobytes()])
    assert weights[0] == weights[1]


def test_noise_is_for_training_only() -> None:
    model = made(Autoencoder, noise=layers.Dropout(0.5))
    clean = made(Autoencoder)
    np.testing.assert_array_equal(model.predict(PLANE, verbose=0), clean.predict(PLANE, verbose=0))
    assert model.fit(PLANE, shuffle=False, verbose=0).history != clean.fit(PLANE, shuffle=False, verbose=0).history


def test_the_divergence_of_a_vae() -> None:
    model = made(VAE, beta=3.0)
    codes = model.encoder.predict(PLANE, verbose=0).astype(np.float64)
    mean, log_variance = codes[:, :2], codes[:, 2:]
    divergence = (mean**2 + np.exp(log_variance) - log_variance - 1).sum(1).mean() / 2
    found = model.evaluate(PLANE, verbose=0, return_dict=True)
    assert found["kl_loss"] == pytest.approx(3 * divergence / 8, rel=1e-5)
    assert found["reconstruction_loss"] == pytest.approx(((model.reconstruct(PLANE) - PLANE) ** 2).mean(), rel=1e-5)
    assert found["loss"] == pytest.approx(found["reconstruction_loss"] + found["kl_loss"], rel=1e-6)
    np.testing.assert_array_equal(model.encode(PLANE), np.float32(mean))
    # Encoders of two outputs say the same as those of one.
    x = Input((8,))
    code = model.encoder(x)
    twin = VAE(Model(x, [code[:, :2], code[:, 2:]]), model.decoder, beta=3.0)
    twin.compile()
    assert twin.evaluate(PLANE, verbose=0, return_dict=True) == found


def test_a_vae_that_counts_the_divergence_more_has_less_of_it() -> None:
    found = []
    for beta in (0.1, 10.0):
        model = made(VAE, beta=beta)
        found.append(model.fit(PLANE, epochs=30, verbose=0).history["kl_loss"][-1] / beta)
    assert found[1] < found[0] / 2


@pytest.mark.parametrize("shape", [(28, 28, 1), (9, 14, 3), (5, 5, 1), (6, 2)])
def test_default_networks_fit_any_shape(shape: tuple[int, ...]) -> None:
    x = RNG.random((6, *shape), np.float32)
    for kind in (Autoencoder, VAE):
        model = kind(input_shape=shape, latent_size=3)
        model.compile()
        model.fit(x, verbose=0)
        assert model.encode(x).shape == (6, 3) and model.reconstruct(x).shape == x.shape
        assert model.generate(2).shape == (2, *shape)


def test_images_without_channels_and_of_bytes(tmp_path: Any) -> None:
    x = RNG.integers(0, 2, (6, 8, 8)).astype(np.uint8)
    model = Autoencoder(input_shape=(8, 8, 1), latent_size=3)
    model.compile()
    model.fit(x, verbose=0)
    assert model.reconstruct(x).shape == (6, 8, 8, 1)
    model.save_weights(tmp_path / "weights")
    again = Autoencoder(input_shape=(8, 8, 1), latent_size=3)
    again.load_weights(tmp_path / "weights")
    np.testing.assert_array_equal(again.encode(x), model.encode(x))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="input_shape"):
        Autoencoder()
    with pytest.raises(ValueError, match="both"):
        Autoencoder(layers.Dense(2))
    with pytest.raises(TypeError, match="decoder"):
        Autoencoder(layers.Dense(2), 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="measure_codes"):
        Autoencoder(input_shape=(8,)).generate(3)
    with pytest.raises(ValueError, match="beta"):
        VAE(input_shape=(8,), beta=-1.0)
    for model in (VAE(layers.Dense(3), layers.Dense(8)), Autoencoder(layers.Dense(3), layers.Dense(7))):
        model.compile()
        with pytest.raises(ShapeError):
            model.fit(PLANE, verbose=0)
    with pytest.raises(ValueError, match="not built"):
        VAE(layers.Dense(4), layers.Dense(8)).generate(3)


class Charged(layers.Layer):
    """Adds the mean square of what it is given to the loss."""

    def call(self, inputs: Any) -> Any:
        self.add_loss(ops.mean(ops.square(inputs)))
        return inputs


@pytest.mark.parametrize("eager", [False, True])
def test_added_losses_count_in_nested_and_shared_layers_once_for_each_call(eager: bool) -> None:
    charged = Charged()
    inner = Sequential([Input((8,)), charged])
    x = Input((8,))
    model = Model(x, layers.Add()([charged(inner(x)), inner(charged(x))]))
    model.compile("sgd", "mse", run_eagerly=eager)
    expected = 4 * (PLANE**2).mean()
    assert model.evaluate(PLANE, 2 * PLANE, batch_size=256, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert model.train_on_batch(PLANE, 2 * PLANE) == pytest.approx(expected, rel=1e-5)
    # The losses of a model inside another are no business of the other's when it is used alone.
    inner.compile("sgd", "mse", run_eagerly=eager)
    assert inner.evaluate(PLANE, PLANE, batch_size=256, verbose=0) == pytest.approx(expected / 4, rel=1e-5)


def test_a_vae_inside_another_model_adds_its_divergence() -> None:
    inner = made(VAE)
    x = Input((8,))
    model = Model(x, inner(x))
    model.compile("adam", "mse")
    wanted = inner.evaluate(PLANE, batch_size=256, verbose=0, return_dict=True)
    found = model.evaluate(PLANE, PLANE, batch_size=256, verbose=0, return_dict=True)
    assert found == {"loss": pytest.approx(wanted["loss"], rel=1e-6)}
