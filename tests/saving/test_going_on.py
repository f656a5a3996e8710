"""Training goes on from a file, a copy or a pickle with the bits of a run that was not interrupted."""

from __future__ import annotations

import copy
import importlib.util
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from corten.models import load_model

rng = np.random.default_rng(0)
X = rng.standard_normal((12, 6)).astype(np.float32)
IMAGES = rng.random((12, 6, 6, 1)).astype(np.float32)
LABELS = rng.integers(0, 3, 12)
PAIRS = np.stack([rng.integers(0, 5, 12), rng.integers(0, 7, 12)], axis=1).astype(np.int32)
RATINGS = rng.random(12).astype(np.float32)

ENDS = [
    "safetensors",
    *(
        pytest.param(end, marks=pytest.mark.skipif(importlib.util.find_spec("h5py") is None, reason="needs h5py"))
        for end in ("keras", "h5")
    ),
]


def noisy() -> Any:
    """A classifier with everything that draws random numbers."""
    model = corten.Sequential(
        [
            corten.Input((6, 6, 1)),
            layers.RandomFlip(),
            layers.GaussianNoise(0.1),
            layers.Conv2D(3, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.SpatialDropout2D(0.3),
            layers.Reshape((4, 12)),
            layers.LSTM(4, dropout=0.2, recurrent_dropout=0.2),
            layers.Dropout(0.4),
            layers.Dense(3, activation="softmax"),
        ]
    )
    optimizer = corten.optimizers.Nadam(corten.optimizers.schedules.ExponentialDecay(0.01, 2, 0.9), clipnorm=1.0)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def vae() -> Any:
    model = corten.models.VAE(
        corten.Sequential([corten.Input((6,)), layers.Dense(5, activation="relu"), layers.Dense(4)]),
        corten.Sequential([corten.Input((2,)), layers.Dense(6, activation="sigmoid")]),
    )
    model.compile("adam")
    return model


def gan() -> Any:
    model = corten.models.GAN(
        corten.Sequential([corten.Input((2,)), layers.Dense(6)]),
        corten.Sequential([corten.Input((6,)), layers.Dense(4, activation="relu"), layers.Dense(1)]),
        latent_size=2,
    )
    model.compile("adam", corten.optimizers.RMSprop(0.01))
    return model


def autoencoder() -> Any:
    model = corten.models.Autoencoder(
        corten.Sequential([corten.Input((6,)), layers.Dense(3, activation="relu")]),
        corten.Sequential([corten.Input((3,)), layers.Dense(6)]),
    )
    model.compile()
    return model


def recommender() -> Any:
    model = corten.models.Recommender(5, 7, 3)
    model.compile("adam", "mse")
    return model


class Weighed(corten.Model):
    """Compiled by arguments of its own, with an optimizer of its own."""

    def __init__(self, units: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(units, activation="tanh")
        self.drop = layers.Dropout(0.3)
        self.out = layers.Dense(3)

    def compile(self, weight: float, bias_optimizer: Any = "sgd", **kwargs: Any) -> None:
        super().compile("adam", **kwargs)
        self.weight = weight
        self.bias_optimizer = corten.optimizers.get(bias_optimizer)

    def call(self, inputs: Any, training: Any = None) -> Any:
        return self.out(self.drop(self.hidden(inputs)))

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        loss = self.weight * self.compute_loss(x, y, self(x, training=True))
        kernels = [v for v in self.trainable_variables if v.name == "kernel"]
        biases = [v for v in self.trainable_variables if v.name == "bias"]
        gradients = corten.gradients(loss, [*kernels, *biases])
        self.optimizer.apply(gradients[: len(kernels)], kernels)
        self.bias_optimizer.apply(gradients[len(kernels) :], biases)
        return {"loss": loss}


def own_compile() -> Any:
    model = Weighed()
    model(X)
    loss = corten.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(0.5, corten.optimizers.SGD(0.1, momentum=0.9), loss=loss)
    return model


#: How a model is made and compiled, and what it is trained on.
MODELS: dict[Callable[[], Any], tuple[Any, ...]] = {
    noisy: (IMAGES, LABELS),
    vae: (X,),
    gan: (X,),
    autoencoder: (X,),
    recommender: (PAIRS, RATINGS),
    own_compile: (X, LABELS),
}
each = pytest.mark.parametrize("made", list(MODELS), ids=lambda made: made.__name__)


def train(model: Any, made: Callable[[], Any], first: int, last: int) -> Any:
    corten.utils.set_random_seed(last)
    return model.fit(*MODELS[made], batch_size=5, initial_epoch=first, epochs=last, verbose=0).history


def bits(model: Any) -> list[bytes]:
    return [variable.numpy().tobytes() for variable in model.variables]


@each
@pytest.mark.parametrize("end", ENDS)
def test_out_of_a_file(made: Callable[[], Any], end: str, tmp_path: Path) -> None:
    model = made()
    train(model, made, 0, 2)
    model.save(tmp_path / f"model.{end}")
    other = load_model(tmp_path / f"model.{end}", custom_objects={"Weighed": Weighed})
    assert type(other) is type(model) and other.name == model.name
    assert bits(other) == bits(model)
    assert train(other, made, 2, 4) == train(model, made, 2, 4)
    assert bits(other) == bits(model)


@each
@pytest.mark.parametrize("end", ENDS)
def test_the_weights_of_a_whole_file(made: Callable[[], Any], end: str, tmp_path: Path) -> None:
    model, other = made(), made()
    train(model, made, 0, 1)
    model.save(tmp_path / f"model.{end}")
    if not other.built:
        other.predict(MODELS[made][0], verbose=0)
    other.load_weights(tmp_path / f"model.{end}")
    for one, two in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@each
@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
@pytest.mark.parametrize("epochs", [0, 2])
def test_out_of_a_copy(made: Callable[[], Any], way: str, epochs: int) -> None:
    model = made()
    if epochs:
        train(model, made, 0, epochs)
    other = copy.deepcopy(model) if way == "deepcopy" else pickle.loads(pickle.dumps(model))
    assert bits(other) == bits(model)
    assert train(other, made, epochs, 4) == train(model, made, epochs, 4)
    assert bits(other) == bits(model)
    assert not {id(v) for v in other.variables} & {id(v) for v in model.variables}


@pytest.mark.parametrize("end", ["safetensors", "keras", "h5"])
def test_a_state_that_waits_for_its_optimizer_is_saved_again(end: str, tmp_path: Path) -> None:
    """A GAN's step says what its optimizers train: until it is taken, what a file has of them waits."""
    if end != "safetensors":
        pytest.importorskip("h5py")
    dense = corten.layers.Dense
    maker = corten.Sequential([corten.Input((4,)), dense(5), dense(2)])
    judge = corten.Sequential([corten.Input((2,)), dense(5), dense(1)])
    model = corten.models.GAN(maker, judge, latent_size=4, seed=1)
    model.compile("adam", "adam")
    x = np.random.default_rng(0).random((32, 2))
    model.fit(x, epochs=2, verbose=0)
    model.save(tmp_path / f"first.{end}")
    corten.models.load_model(tmp_path / f"first.{end}").save(tmp_path / f"second.{end}")
    again = corten.models.load_model(tmp_path / f"second.{end}")
    for one in (model, again):
        one.fit(x, shuffle=False, verbose=0)
    assert [w.tobytes() for w in again.get_weights()] == [w.tobytes() for w in model.get_weights()]
