"""Draws from distributions that a network describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops, random
from corten.errors import ShapeError
from corten.graph import Shape, Tensor
from corten.layers.arguments import seed_of
from corten.layers.layer import Layer

__all__ = ["Sampling"]


class Sampling(Layer):
    """In training draws from normal distributions: ``mean + exp(log_variance / 2) noise``; else gives the mean.

    Source: Kingma & Welling 2014, whose reparametrisation has gradients. Keras has no such layer.
    The noise depends on the seed, the step and the element only, never on threads.

    Args:
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Input a list [mean, log_variance] of one shape, which is that of the output.

    Raises:
        ShapeError: the inputs are not two of one shape.

    >>> import numpy as np, corten
    >>> corten.layers.Sampling()([np.float32([[1, 2]]), np.float32([[0, 0]])])
    array([[1., 2.]], dtype=float32)
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed_of(seed, type(self).__name__)
        self.seed_generator = random.SeedGenerator(seed)

    def build(self, input_shape: list[Shape]) -> None:
        if not isinstance(input_shape, list) or len(input_shape) != 2 or input_shape[0] != input_shape[1]:
            raise ShapeError(
                f'Sampling "{self.name}": expected [mean, log_variance] of one shape, got shapes {input_shape}'
            )

    def call(self, inputs: Sequence[Tensor], training: bool | None = False) -> Any:
        mean, log_variance = inputs
        if not training:
            return mean
        noise = random.normal(mean.shape, seed=self.seed_generator)
        return ops.add(mean, ops.multiply(ops.exp(ops.multiply(log_variance, 0.5)), noise))
