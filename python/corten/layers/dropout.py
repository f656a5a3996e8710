"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.arguments import count, number
from corten.layers.layer import Layer
from corten.random import SeedGenerator

__all__ = ["Dropout"]


class Dropout(Layer):
    """In training zeroes each element with probability ``rate`` and divides the others by ``1 - rate``.

    Source: Srivastava et al. 2014. The zeros depend on the seed, the step and the element only, never on threads.

    Args:
        rate: in [0, 1).
        noise_shape: the shape of the zeros, broadcast over the input; None in it stands for the input's size.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    >>> import numpy as np, corten
    >>> corten.layers.Dropout(0.5)(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = number(rate, "Dropout: rate", 0.0, 1.0)
        self.noise_shape = noise_shape
        if noise_shape is not None:
            self.noise_shape = tuple(n if n is None else count(n, "Dropout: noise_shape") for n in noise_shape)
        self.seed = seed
        self.supports_masking = True
        # No zeros, no state: a layer that does nothing leaves nothing to store.
        self.seed_generator = SeedGenerator(seed) if self.rate > 0 else None

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.seed_generator is None:
            return inputs
        return ops.dropout(inputs, self.rate, self.seed_generator.next(), self.noise_shape)
