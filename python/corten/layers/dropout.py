"""Dropout, of elements or of whole channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.graph import Tensor
from corten.layers import arguments
from corten.layers.arguments import DataFormat, channels_last, expect_axes, number, seed_of
from corten.layers.layer import Layer
from corten.random import SeedGenerator

__all__ = ["Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"]


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

    _stateless = True

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = number(rate, "Dropout: rate", 0.0, 1.0)
        self.noise_shape = arguments.noise_shape(noise_shape, f"{type(self).__name__}: noise_shape")
        self.seed = seed_of(seed, type(self).__name__)
        self.supports_masking = True
        # No zeros, no state: a layer that does nothing leaves nothing to store.
        self.seed_generator = SeedGenerator(seed) if self.rate > 0 else None

    def call(self, inputs: Tensor, training: bool | None = False) -> Any:
        if not training or self.seed_generator is None:
            return inputs
        return ops.dropout(inputs, self.rate, self.seed_generator.next(), self.noise_shape)


class _SpatialDropout(Dropout):
    """Drops whole channels: one draw for each sample and channel."""

    #: Axes of the input, the batch included.
    rank: int

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(rate, (None, *[1] * (self.rank - 2), None), **kwargs)

    def call(self, inputs: Tensor, training: bool | None = False) -> Any:
        expect_axes(self, inputs, self.rank)
        return super().call(inputs, training)

    def get_config(self) -> dict[str, Any]:
        """Without ``trainable``, which means nothing here: Keras's classes do not take it."""
        config = super().get_config()
        del config["trainable"]
        return config


class SpatialDropout1D(_SpatialDropout):
    """In training drops whole channels of sequences, not single elements (Tompson et al. 2014).

    Args:
        rate: in [0, 1).
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        name: of the layer.
        dtype: float32 (or None).

    Input and output (batch, time, channels).

    >>> import numpy as np, corten
    >>> y = corten.layers.SpatialDropout1D(0.5)(np.ones((1, 5, 8), np.float32), training=True)
    >>> bool((y == y[:, :1]).all())
    True
    """

    rank = 3

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)


class SpatialDropout2D(_SpatialDropout):
    """In training drops whole channels of images, not single elements (Tompson et al. 2014).

    Args:
        rate: in [0, 1).
        data_format: ``"channels_last"`` only.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        name: of the layer.
        dtype: float32 (or None).

    Input and output (batch, height, width, channels).

    >>> import numpy as np, corten
    >>> corten.layers.SpatialDropout2D(0.5)(np.ones((1, 2, 2, 8), np.float32)).shape
    (1, 2, 2, 8)
    """

    rank = 4

    def __init__(
        self,
        rate: float,
        data_format: DataFormat = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = channels_last(data_format, type(self).__name__)


class SpatialDropout3D(SpatialDropout2D):
    """In training drops whole channels of volumes, not single elements (Tompson et al. 2014).

    The arguments are those of :class:`SpatialDropout2D`; input and output (batch, depth, height, width, channels).

    >>> import numpy as np, corten
    >>> corten.layers.SpatialDropout3D(0.5)(np.ones((1, 2, 2, 2, 8), np.float32)).shape
    (1, 2, 2, 2, 8)
    """

    rank = 5
