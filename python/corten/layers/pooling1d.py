"""Pooling of sequences: windows, and whole sequences."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.graph import Tensor, TensorLike
from corten.layers.arguments import DataFormat, Padding, Sizes, expect_axes, expect_mask
from corten.layers.masking import where_counted
from corten.layers.pooling import GlobalPooling, Pooling

__all__ = ["AveragePooling1D", "GlobalAveragePooling1D", "GlobalMaxPooling1D", "MaxPooling1D"]


class MaxPooling1D(Pooling):
    """The largest of each window, for each channel.

    Args:
        pool_size: the number of steps of the window.
        strides: from window to window; ``pool_size`` by default.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` only.

    Input (batch, steps, channels), output (batch, out steps, channels).

    >>> import numpy as np, corten
    >>> corten.layers.MaxPooling1D()(np.arange(4, dtype=np.float32).reshape(1, 4, 1)).ravel()
    array([1., 3.], dtype=float32)
    """

    rank = 1

    def __init__(
        self,
        pool_size: Sizes = 2,
        strides: Sizes | None = None,
        padding: Padding = "valid",
        data_format: DataFormat = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)

    def call(self, inputs: Tensor) -> Any:
        return self._pool(ops.max_pool2d, inputs)


class AveragePooling1D(Pooling):
    """The mean of each window, for each channel; steps outside the sequence do not count.

    Args:
        pool_size: the number of steps of the window.
        strides: from window to window; ``pool_size`` by default.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` only.

    Input (batch, steps, channels), output (batch, out steps, channels).

    >>> import numpy as np, corten
    >>> corten.layers.AveragePooling1D(2)(np.arange(4, dtype=np.float32).reshape(1, 4, 1)).ravel()
    array([0.5, 2.5], dtype=float32)
    """

    rank = 1

    def call(self, inputs: Tensor) -> Any:
        return self._pool(ops.average_pool2d, inputs)


class GlobalMaxPooling1D(GlobalPooling):
    """The largest of each channel over the whole sequence.

    Args:
        data_format: ``"channels_last"`` only.
        keepdims: whether the output is (batch, 1, channels) in place of (batch, channels).

    >>> import numpy as np, corten
    >>> corten.layers.GlobalMaxPooling1D()(np.arange(4, dtype=np.float32).reshape(1, 4, 1))
    array([[3.]], dtype=float32)
    """

    rank = 1

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 3)
        return ops.max(inputs, axis=1, keepdims=self.keepdims)


class GlobalAveragePooling1D(GlobalPooling):
    """The mean of each channel over the sequence: over the unmasked steps where it has a mask; 0 if there are none.

    Args:
        data_format: ``"channels_last"`` only.
        keepdims: whether the output is (batch, 1, channels) in place of (batch, channels).

    >>> import numpy as np, corten
    >>> corten.layers.GlobalAveragePooling1D()(np.arange(4, dtype=np.float32).reshape(1, 4, 1))
    array([[1.5]], dtype=float32)
    """

    rank = 1

    def __init__(self, data_format: DataFormat = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        expect_axes(self, inputs, 3)
        if mask is None:
            return ops.mean(inputs, axis=1, keepdims=self.keepdims)
        expect_mask(self, mask, inputs.shape[:2])
        total = ops.sum(where_counted(inputs, mask), axis=1, keepdims=self.keepdims)
        steps = ops.sum(ops.expand_dims(ops.cast(mask, "float32"), 2), axis=1, keepdims=self.keepdims)
        # Of no steps the sum is 0, and so is the mean.
        return ops.divide(total, ops.maximum(steps, 1.0))

    def compute_mask(self, inputs: TensorLike, mask: TensorLike | None = None) -> Any:
        return None
