"""Autoencoders: models that learn to give back what they are given, through a small code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from corten import ops, random
from corten.errors import ShapeError
from corten.graph import Array, SymbolicTensor
from corten.layers.arguments import count
from corten.layers.conv import Conv2D
from corten.layers.conv_transpose import Conv2DTranspose
from corten.layers.dense import Dense
from corten.layers.input_layer import Input
from corten.layers.layer import Layer
from corten.layers.noise import GaussianNoise
from corten.layers.reshaping import Cropping2D, Flatten, Reshape
from corten.models.model import Model
from corten.models.sequential import Sequential
from corten.optimizers import OptimizerLike
from corten.training.compiled import LossesLike
from corten.training.feed import Data

__all__ = ["Autoencoder"]


class Autoencoder(Model):
    """Learns to give back what it is given, through a code: ``decoder(encoder(x))`` (Hinton & Salakhutdinov 2006).

    Args:
        encoder: a model or layer from data to codes; by default a small network for ``input_shape``: convolutions
            with stride 2 for images of 8 x 8 or more, dense layers else.
        decoder: a model or layer from codes to data; by default the mirror image of the default encoder, with a
            sigmoid at the end where data are images, which then lie between 0 and 1.
        input_shape: of one sample, for the default networks.
        latent_size: numbers in a code of the default networks.
        noise: what the encoder sees more than the data in training, so that it learns to take it away (Vincent et al.
            2008): the standard deviation of normal noise, or a layer such as Dropout.

    ``fit(x)`` needs no targets: they are ``x`` itself. ``fit(x, y)`` learns to give ``y``.

    >>> import numpy as np, corten
    >>> x = np.random.default_rng(0).normal(size=(256, 2)) @ np.ones((2, 8))
    >>> model = corten.models.Autoencoder(input_shape=(8,), latent_size=2)
    >>> model.compile("adam")
    >>> history = model.fit(x, epochs=20, verbose=0)
    >>> history.history["loss"][-1] < history.history["loss"][0] / 2
    True
    >>> model.encode(x).shape, model.decode(np.zeros((3, 2))).shape, model.generate(5, seed=1).shape
    ((256, 2), (3, 8), (5, 8))
    """

    def __init__(
        self,
        encoder: Layer | None = None,
        decoder: Layer | None = None,
        input_shape: Sequence[int] | None = None,
        latent_size: int = 32,
        noise: float | Layer | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        where = type(self).__name__
        if (encoder is None) != (decoder is None):
            raise ValueError(f"{where}: expected both encoder and decoder, or input_shape and latent_size")
        if encoder is None or decoder is None:
            if input_shape is None:
                raise ValueError(f"{where}: expected an encoder and a decoder, or the input_shape of one sample")
            shape = tuple(count(size, f"{where}: input_shape") for size in input_shape)
            encoder = default_encoder(shape, self._code_numbers(count(latent_size, f"{where}: latent_size")))
            decoder = default_decoder(shape, latent_size)
        self.encoder = _as_model(encoder, f"{where}: encoder")
        self.decoder = _as_model(decoder, f"{where}: decoder")
        self.noise = noise if noise is None or isinstance(noise, Layer) else GaussianNoise(noise)
        #: Mean and a root of the covariance of codes, flattened.
        self._codes: tuple[Array, Array] | None = None
        self.built = self.encoder.built and self.decoder.built

    def _code_numbers(self, latent_size: int) -> int:
        """What the default encoder gives for a code."""
        return latent_size

    @property
    def inputs(self) -> list[SymbolicTensor]:
        return self.encoder.inputs

    def compile(self, optimizer: OptimizerLike = "adam", loss: LossesLike = "mse", *args: Any, **kwargs: Any) -> None:
        """As for every model; mean squared error by default."""
        super().compile(optimizer, loss, *args, **kwargs)

    def call(self, inputs: Any) -> Any:
        return self.decoder(self._code(inputs if self.noise is None else self.noise(inputs)))

    def _code(self, inputs: Any) -> Any:
        return self.encoder(inputs)

    # --- targets are the data ------------------------------------------------------------------------------------

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        return super().compute_loss(x, _target(x, y, y_pred), y_pred, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        return super().compute_metrics(x, _target(x, y, y_pred), y_pred, sample_weight)

    def fit(self, x: Data | None = None, *args: Any, **kwargs: Any) -> Any:
        """As for every model; the targets are ``x`` where none are given."""
        history = super().fit(x, *args, **kwargs)
        rows: Any = x
        if hasattr(rows, "shape"):
            self.measure_codes(rows)
        return history

    # --- codes ---------------------------------------------------------------------------------------------------

    def encode(self, x: Data, batch_size: int | None = None) -> Array:
        """The codes of data."""
        codes: Array = self.encoder.predict(x, batch_size, verbose=0)
        return codes

    def decode(self, codes: Data, batch_size: int | None = None) -> Array:
        """What codes stand for."""
        data: Array = self.decoder.predict(codes, batch_size, verbose=0)
        return data

    def reconstruct(self, x: Data, batch_size: int | None = None) -> Array:
        """What becomes of data on their way through their codes."""
        data: Array = self.predict(x, batch_size, verbose=0)
        return data

    def measure_codes(self, x: Array) -> None:
        """Notes how the codes of up to 10,000 rows are spread, for :meth:`generate`. ``fit`` does it with its data."""
        rows = np.linspace(0, len(x) - 1, min(len(x), 10_000)).astype(int)
        codes = self.encode(x[rows], 256).astype(np.float64)
        flat = codes.reshape(len(codes), -1)
        mean = flat.mean(axis=0)
        spread = np.linalg.svd(flat - mean, full_matrices=False)
        root = spread.S[:, None] * spread.Vh / math.sqrt(max(1, len(flat) - 1))
        self._codes = mean.reshape(codes.shape[1:]), root.reshape(-1, *codes.shape[1:])

    def generate(self, n: int, seed: int | None = None) -> Array:
        """``n`` new samples: what codes drawn from a normal distribution fitted to the data's codes stand for.

        Raises:
            ValueError: nothing is known of the data's codes; ``fit`` or :meth:`measure_codes` comes first.
        """
        if self._codes is None:
            raise ValueError(f"generate: {self.name!r} has not seen any codes yet; call fit or measure_codes first")
        mean, root = self._codes
        drawn = random.normal((count(n, "generate: n", 0), len(root)), seed=seed)
        return self.decode(mean + np.tensordot(drawn, root, 1))


def _target(x: Any, y: Any, y_pred: Any) -> Any:
    """The data in the shape of the output: images without channels are images of one."""
    if y is not None:
        return y
    if isinstance(x, (list, tuple, dict)) or isinstance(y_pred, (list, tuple, dict)):
        return x
    if math.prod(x.shape) != math.prod(y_pred.shape):
        raise ShapeError(f"expected a decoder output of the data's shape {x.shape}, got {y_pred.shape}")
    return x if x.shape == y_pred.shape else ops.reshape(x, y_pred.shape)


def _as_model(layer: Any, where: str) -> Model:
    if not isinstance(layer, Layer):
        raise TypeError(f"{where}: expected a model or a layer, got {type(layer).__name__}")
    return layer if isinstance(layer, Model) else Sequential([layer])


#: Filters of the convolutions of the default networks, from the data inwards.
FILTERS = (32, 64)
UNITS = 128


def _small(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape before the code, of images that convolutions are for."""
    if len(shape) != 3 or min(shape[:2]) < 8:
        return None
    shrink = 2 ** len(FILTERS)
    return -(-shape[0] // shrink), -(-shape[1] // shrink), FILTERS[-1]


def default_encoder(shape: tuple[int, ...], numbers: int) -> Sequential:
    """From samples of a shape to so many numbers."""
    inner: list[Layer] = [Flatten(), Dense(UNITS, activation="relu")]
    if _small(shape):
        inner = [*(Conv2D(f, 3, strides=2, padding="same", activation="relu") for f in FILTERS), Flatten()]
    return Sequential([Input(shape), *inner, Dense(numbers)], name="encoder")


def default_decoder(shape: tuple[int, ...], numbers: int) -> Sequential:
    """From so many numbers to samples of a shape."""
    small = _small(shape)
    if small is None:
        last = "sigmoid" if len(shape) == 3 else "linear"
        inner: list[Layer] = [Dense(UNITS, activation="relu"), Dense(math.prod(shape), activation=last), Reshape(shape)]
        return Sequential([Input((numbers,)), *inner], name="decoder")
    inner = [Dense(math.prod(small), activation="relu"), Reshape(small)]
    inner += [Conv2DTranspose(f, 3, strides=2, padding="same", activation="relu") for f in FILTERS[-2::-1]]
    inner += [Conv2DTranspose(shape[2], 3, strides=2, padding="same", activation="sigmoid")]
    beyond = [size * 2 ** len(FILTERS) - wanted for size, wanted in zip(small, shape[:2])]
    if any(beyond):
        inner += [Cropping2D([(more // 2, more - more // 2) for more in beyond])]
    return Sequential([Input((numbers,)), *inner], name="decoder")
