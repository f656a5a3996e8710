"""Pooling of images: windows, and whole images."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.arguments import channels_last, expect_rank, padding_name, pair
from corten.layers.layer import Layer

__all__ = ["AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "MaxPooling2D"]


class _Pooling2D(Layer):
    """What windows share: size, strides, padding."""

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        where = type(self).__name__
        self.pool_size = pair(pool_size, f"{where}: pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, f"{where}: strides")
        self.padding = padding_name(padding, where)
        self.data_format = channels_last(data_format, where)

    def build(self, input_shape: Any) -> None:
        expect_rank(input_shape, 4, f'{type(self).__name__} "{self.name}"')


class MaxPooling2D(_Pooling2D):
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

    def __init__(
        self,
        pool_size: Any = (2, 2),
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)

    def call(self, inputs: Any) -> Any:
        return ops.max_pool2d(inputs, self.pool_size, self.strides, self.padding)


class AveragePooling2D(_Pooling2D):
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

    def call(self, inputs: Any) -> Any:
        return ops.average_pool2d(inputs, self.pool_size, self.strides, self.padding)


class _GlobalPooling2D(Layer):
    def __init__(self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, type(self).__name__)
        self.keepdims = bool(keepdims)

    def build(self, input_shape: Any) -> None:
        expect_rank(input_shape, 4, f'{type(self).__name__} "{self.name}"')


class GlobalMaxPooling2D(_GlobalPooling2D):
    """The largest of each channel over the whole image.

    Args:
        data_format: ``"channels_last"`` only.
        keepdims: whether the output is (batch, 1, 1, channels) in place of (batch, channels).

    >>> import numpy as np, corten
    >>> corten.layers.GlobalMaxPooling2D()(np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1))
    array([[3.]], dtype=float32)
    """

    def call(self, inputs: Any) -> Any:
        return ops.max(inputs, axis=(1, 2), keepdims=self.keepdims)


class GlobalAveragePooling2D(_GlobalPooling2D):
    """The mean of each channel over the whole image.

    Args:
        data_format: ``"channels_last"`` only.
        keepdims: whether the output is (batch, 1, 1, channels) in place of (batch, channels).

    >>> import numpy as np, corten
    >>> corten.layers.GlobalAveragePooling2D()(np.arange(4, dtype=np.float32).reshape(1, 2, 2, 1))
    array([[1.5]], dtype=float32)
    """

    def call(self, inputs: Any) -> Any:
        return ops.mean(inputs, axis=(1, 2), keepdims=self.keepdims)
