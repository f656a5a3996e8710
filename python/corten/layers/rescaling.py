"""Rescaling."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.graph import Tensor, TensorLike
from corten.layers.layer import Layer

__all__ = ["Rescaling"]


class Rescaling(Layer):
    """``x scale + offset``; ``Rescaling(1 / 255)`` brings the pixels of images to 0..1.

    Args:
        scale: a number, or one for each channel.
        offset: likewise.

    >>> import numpy as np, corten
    >>> corten.layers.Rescaling(1 / 127.5, offset=-1)(np.uint8([0, 255]))
    array([-1.,  1.], dtype=float32)
    """

    _stateless = True

    def __init__(self, scale: TensorLike, offset: TensorLike = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset: Any = offset
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Any:
        scaled = ops.multiply(inputs, self.scale)
        return scaled if isinstance(self.offset, (int, float)) and self.offset == 0 else ops.add(scaled, self.offset)
