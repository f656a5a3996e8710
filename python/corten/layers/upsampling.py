"""Larger sequences and images: repeated, or interpolated."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.graph import Tensor
from corten.layers.arguments import DataFormat, Sizes, channels_last, count, expect_axes, pair
from corten.layers.layer import Layer
from corten.ops.image import INTERPOLATIONS

__all__ = ["UpSampling1D", "UpSampling2D"]


class UpSampling1D(Layer):
    """Each step ``size`` times.

    Input (batch, steps, channels), output (batch, steps * size, channels).

    >>> import numpy as np, corten
    >>> corten.layers.UpSampling1D()(np.float32([[[1], [2]]])).ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """

    _stateless = True

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = count(size, "UpSampling1D: size")

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 3)
        return ops.repeat(inputs, self.size, axis=1)


class UpSampling2D(Layer):
    """Images ``size`` times as large.

    Args:
        size: one int or (vertical, horizontal).
        data_format: ``"channels_last"`` only.
        interpolation: ``"nearest"`` (pixels are repeated), ``"bilinear"``, ``"bicubic"``, ``"lanczos3"`` or
            ``"lanczos5"``.

    Input (batch, height, width, channels), output (batch, height * size, width * size, channels).

    >>> import numpy as np, corten
    >>> corten.layers.UpSampling2D((1, 2), interpolation="bilinear")(np.float32([[[[0], [4]]]])).ravel()
    array([0., 1., 3., 4.], dtype=float32)
    """

    _stateless = True

    def __init__(
        self, size: Sizes = (2, 2), data_format: DataFormat = None, interpolation: str = "nearest", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = pair(size, "UpSampling2D: size")
        self.data_format = channels_last(data_format, "UpSampling2D")
        self.interpolation = interpolation.lower() if isinstance(interpolation, str) else interpolation
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(
                f"UpSampling2D: interpolation: expected one of {', '.join(INTERPOLATIONS)}, got {interpolation!r}"
            )

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 4)
        return ops.upsample2d(inputs, self.size, self.interpolation)
