"""Pooling of images: windows, and whole images."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.graph import Tensor
from corten.layers.arguments import DataFormat, Padding, Sizes, expect_axes
from corten.layers.pooling import GlobalPooling, Pooling

__all__ = ["AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "MaxPooling2D"]


class MaxPooling2D(Pooling):
    """The largest of each window, for each channel.

    Args:
        pool_size: of the window, one int or (height, width).
        strides: from window to window; ``pool_size`` by default.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` only.

    Input (batch, height, width, channels), output (batch, out height, out width, channels).

    >>> import numpy as np, corten
    >>> corten.layers.MaxPooling2D()(np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)).ravel()
    array([3.], dtype=float32)
    """

    rank = 2

    def __init__(
        self,
        pool_size: Sizes = (2, 2),
        strides: Sizes | None = None,
        padding: Padding = "valid",
        data_format: DataFormat = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)

    def call(self, inputs: Tensor) -> Any:
        return self._pool(ops.max_pool2d, inputs)


class AveragePooling2D(Pooling):
    """The mean of each window, for each channel; cells outside the image do not count.

    Args:
        pool_size: of the window, one int or (height, width).
        strides: from window to window; ``pool_size`` by default.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` only.

    Input (batch, height, width, channels), output (batch, out height, out width, channels).

    >>> import numpy as np, corten
    >>> corten.layers.AveragePooling2D(2)(np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1)).ravel()
    array([1.5], dtype=float32)
    """

    rank = 2

    def call(self, inputs: Tensor) -> Any:
        return self._pool(ops.average_pool2d, inputs)


class GlobalMaxPooling2D(GlobalPooling):
    """The largest of each channel over the whole image.

    Args:
        data_format: ``"channels_last"`` only.
        keepdims: whether the output is (batch, 1, 1, channels) in place of (batch, channels).

    >>> import numpy as np, corten
    >>> corten.layers.GlobalMaxPooling2D()(np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1))
    array([[3.]], dtype=float32)
    """

    rank = 2

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 4)
        return ops.max(inputs, axis=(1, 2), keepdims=self.keepdims)


class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel over the whole image.

    Args:
        data_format: ``"channels_last"`` only.
        keepdims: whether the output is (batch, 1, 1, channels) in place of (batch, channels).

    >>> import numpy as np, corten
    >>> corten.layers.GlobalAveragePooling2D()(np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1))
    array([[1.5]], dtype=float32)
    """

    rank = 2

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 4)
        return ops.mean(inputs, axis=(1, 2), keepdims=self.keepdims)
