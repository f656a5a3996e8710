"""The variational autoencoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from corten import metrics, ops, random
from corten.errors import ShapeError
from corten.graph import Array, current_graph, flatten
from corten.layers.arguments import count, number
from corten.layers.layer import Layer
from corten.layers.sampling import Sampling
from corten.models.autoencoder import Autoencoder
from corten.training.feed import Data

__all__ = ["VAE"]


class VAE(Autoencoder):
    """An autoencoder whose codes are drawn from normal distributions near the standard one (Kingma & Welling 2014).

    The encoder gives the mean m and the logarithm of the variance v of each number of a code. Training minimises

    ``loss(x, decoder(z)) + beta KL / size``, ``z = m + exp(v / 2) noise``, ``KL = sum(m^2 + exp(v) - v - 1) / 2``

    with ``size`` numbers in a sample. A loss is a mean over these, so with ``beta`` 1 that is the negative evidence
    lower bound for each number: of Bernoulli distributions where the loss is "binary_crossentropy", of normal ones with
    variance 1/2 where it is "mse", the default.

    Args:
        encoder, decoder, input_shape, latent_size, noise: as for :class:`Autoencoder`; the encoder gives two outputs,
            means and logarithms of variances, or one whose first half are the means.
        beta: how much the divergence counts (Higgins et al. 2017).
        seed: of the noise; an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Logs ``loss`` and its parts ``reconstruction_loss`` and ``kl_loss``. Outside training ``z`` is the mean.

    >>> import numpy as np, corten
    >>> x = np.random.default_rng(0).random((64, 8))
    >>> model = corten.models.VAE(input_shape=(8,), latent_size=2)
    >>> model.compile("adam")
    >>> sorted(model.fit(x, verbose=0).history)
    ['kl_loss', 'loss', 'reconstruction_loss']
    >>> model.encode(x).shape, model.generate(5, seed=1).shape
    ((64, 2), (5, 8))
    """

    def __init__(
        self,
        encoder: Layer | None = None,
        decoder: Layer | None = None,
        input_shape: Sequence[int] | None = None,
        latent_size: int = 2,
        noise: float | Layer | None = None,
        beta: float = 1.0,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(encoder, decoder, input_shape, latent_size, noise, name=name, trainable=trainable)
        self.beta = number(beta, "VAE: beta", 0.0)
        self.sampling = Sampling(seed)
        # Hidden as the loss tracker is: inside another model they have nothing to say.
        object.__setattr__(self, "_parts", [metrics.Mean(name="reconstruction_loss"), metrics.Mean(name="kl_loss")])

    _parts: list[metrics.Metric]

    @property
    def metrics(self) -> list[metrics.Metric]:
        return [*super().metrics, *self._parts]

    def _code_numbers(self, latent_size: int) -> int:
        return 2 * latent_size

    def _code(self, inputs: Any) -> Any:
        mean, log_variance = self._halves(self.encoder(inputs))
        divergence = (ops.square(mean) + ops.exp(log_variance) - log_variance - 1.0) * 0.5
        batch, *size = inputs.shape
        self.add_loss(ops.sum(divergence) * (self.beta / max(1, batch * math.prod(size))))
        return self.sampling([mean, log_variance])

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        graph = current_graph()
        own = [] if graph is None else [loss for layer, loss in graph.losses if layer is self]
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        rows = flatten(y_pred)[0].shape[0]
        for tracker, part in zip(self._parts, (loss - own[0], own[0]), strict=True):
            tracker.update_state(part, sample_weight=rows)
        return loss

    def measure_codes(self, x: Array) -> None:
        """Nothing: codes are drawn from the standard normal distribution, whatever the data."""

    def encode(self, x: Data, batch_size: int | None = None) -> Array:
        """The means of the data's codes."""
        codes: Array = self._halves(self.encoder.predict(x, batch_size, verbose=0))[0]
        return codes

    def generate(self, n: int, seed: int | None = None) -> Array:
        """``n`` new samples: what codes drawn from the standard normal distribution stand for.

        Raises:
            ValueError: the decoder has not seen a code yet, and so its size is unknown.
        """
        if not self.decoder.inputs:
            raise ValueError(f"generate: the decoder of {self.name!r} is not built yet; call the model on data first")
        return self.decode(random.normal((count(n, "generate: n", 0), *self.decoder.input_shape[1:]), seed=seed))

    def _halves(self, codes: Any) -> tuple[Any, Any]:
        """Means and logarithms of variances."""
        outputs = flatten(codes)
        if len(outputs) == 1:
            half, odd = divmod(outputs[0].shape[-1], 2)
            if odd:
                raise ShapeError(f"VAE {self.name!r}: expected an even number of codes, got shape {outputs[0].shape}")
            return outputs[0][..., :half], outputs[0][..., half:]
        if len(outputs) != 2 or outputs[0].shape != outputs[1].shape:
            raise ShapeError(
                f"VAE {self.name!r}: expected means and logarithms of variances of one shape from the encoder, "
                f"got {[tensor.shape for tensor in outputs]}"
            )
        return outputs[0], outputs[1]
