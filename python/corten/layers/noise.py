"""Noise that regularises: added, multiplied, or in place of elements; in training only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from corten import ops
from corten import random as rng
from corten.errors import ShapeError
from corten.graph import Tensor
from corten.layers import arguments
from corten.layers.arguments import number, seed_of
from corten.layers.layer import Layer

__all__ = ["AlphaDropout", "GaussianDropout", "GaussianNoise"]


class GaussianNoise(Layer):
    """In training adds normally distributed noise of mean 0: ``x + stddev n``.

    The numbers depend on the seed, the step and the element only, never on threads.

    Args:
        stddev: the noise's standard deviation, in [0, 1].
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    >>> import numpy as np, corten
    >>> corten.layers.GaussianNoise(0.1)(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """

    _stateless = True

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = number(stddev, "GaussianNoise: stddev", 0.0)
        if self.stddev > 1:
            raise ValueError(f"GaussianNoise: stddev: expected a number in [0, 1], got {stddev}")
        self.seed = seed_of(seed, type(self).__name__)
        self.supports_masking = True
        self.seed_generator = rng.SeedGenerator(seed) if self.stddev > 0 else None

    def call(self, inputs: Tensor, training: bool | None = False) -> Any:
        if not training or self.seed_generator is None:
            return inputs
        return ops.add(inputs, rng.normal(inputs.shape, stddev=self.stddev, seed=self.seed_generator))


class GaussianDropout(Layer):
    """In training multiplies with normal noise of mean 1 and variance ``rate / (1 - rate)`` (Srivastava et al. 2014).

    Args:
        rate: in [0, 1), as of a dropout of the same variance.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    >>> import numpy as np, corten
    >>> corten.layers.GaussianDropout(0.5)(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """

    _stateless = True

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = number(rate, "GaussianDropout: rate", 0.0, 1.0)
        self.seed = seed_of(seed, type(self).__name__)
        self.supports_masking = True
        self.seed_generator = rng.SeedGenerator(seed) if self.rate > 0 else None

    def call(self, inputs: Tensor, training: bool | None = False) -> Any:
        if not training or self.seed_generator is None:
            return inputs
        stddev = math.sqrt(self.rate / (1 - self.rate))
        return ops.multiply(inputs, rng.normal(inputs.shape, 1.0, stddev, seed=self.seed_generator))


class AlphaDropout(Layer):
    """Dropout that keeps mean 0 and variance 1, for SELU networks (Klambauer et al. 2017).

    In training, dropped elements take SELU's lowest value ``-alpha'``, then all are scaled and shifted.

    Args:
        rate: in [0, 1).
        noise_shape: the shape of the draws, broadcast over the input; None in it stands for the input's size.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    >>> import numpy as np, corten
    >>> corten.layers.AlphaDropout(0.5)(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """

    _stateless = True

    #: The limit of SELU at minus infinity.
    LOWEST = -1.6732632423543772 * 1.0507009873554805

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = number(rate, "AlphaDropout: rate", 0.0, 1.0)
        self.noise_shape = arguments.noise_shape(noise_shape, "AlphaDropout: noise_shape")
        self.seed = seed_of(seed, type(self).__name__)
        self.supports_masking = True
        self.seed_generator = rng.SeedGenerator(seed) if self.rate > 0 else None

    def call(self, inputs: Tensor, training: bool | None = False) -> Any:
        if not training or self.seed_generator is None:
            return inputs
        sizes = self.noise_shape or [None] * len(inputs.shape)
        if len(sizes) != len(inputs.shape):
            raise ShapeError(
                f'AlphaDropout "{self.name}": noise_shape: expected {len(inputs.shape)} sizes, one for each axis of '
                f"shape {tuple(inputs.shape)}, got {self.noise_shape}"
            )
        shape = [extent if size is None else size for size, extent in zip(sizes, inputs.shape)]
        keep = ops.greater_equal(rng.uniform(shape, seed=self.seed_generator), self.rate)
        scale = ((1 - self.rate) * (1 + self.rate * self.LOWEST**2)) ** -0.5
        return ops.where(keep, inputs, self.LOWEST) * scale - scale * self.LOWEST * self.rate
