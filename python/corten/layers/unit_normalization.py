"""Vectors of length 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.graph import Tensor
from corten.layers.layer import Layer
from corten.layers.layer_normalization import axes

__all__ = ["UnitNormalization"]


class UnitNormalization(Layer):
    """Each sample divided by its Euclidean length over ``axis``; one of length 0 stays.

    Args:
        axis: the features' axis, or several.

    >>> import numpy as np, corten
    >>> corten.layers.UnitNormalization()(np.float32([[3, 4]]))
    array([[0.6, 0.8]], dtype=float32)
    """

    _stateless = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axes(axis, "UnitNormalization: axis")
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Any:
        return ops.normalize(inputs, axis=self.axis, order=2, epsilon=1e-12)
