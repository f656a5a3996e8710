"""A penalty on activations."""

from __future__ import annotations

from typing import Any

from corten.graph import Tensor
from corten.layers.layer import Layer
from corten.regularizers import L1L2

__all__ = ["ActivityRegularization"]


class ActivityRegularization(Layer):
    """Returns its input and adds ``l1 sum |x| + l2 sum x^2``, over the batch's size, to the loss.

    Args:
        l1: the factor of the absolute values, at least 0.
        l2: the factor of the squares, at least 0.

    >>> import numpy as np, corten
    >>> corten.layers.ActivityRegularization(l2=0.01)(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """

    _stateless = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2

    def call(self, inputs: Tensor) -> Any:
        return inputs
