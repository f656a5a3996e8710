"""Masking: which steps of a sequence count."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.graph import Tensor, TensorLike, push
from corten.layers.arguments import expect_axes, number
from corten.layers.layer import Layer

__all__ = ["Masking", "where_counted"]


def where_counted(x: Tensor, mask: Tensor) -> Any:
    """``x`` (batch, time, ...) at the steps that ``mask`` (batch, time) counts, 0 at the others.

    Chosen, not multiplied, forwards and backwards: a step that does not count may be NaN.
    """
    return push("mask_steps", [x, ops.cast(mask, "float32")])[0]


class Masking(Layer):
    """Later layers skip steps all of whose features equal ``mask_value``; these become zero.

    Args:
        mask_value: what padded steps are filled with.

    Input and output (batch, time, ..., features). The mask goes from layer to layer within a model and within a layer's
    ``call``; called on arrays outside a model the layer returns a plain array: pass the mask on,
    ``lstm(y, mask=masking.compute_mask(x))``.

    Raises:
        ShapeError: fewer than two axes.

    >>> import numpy as np, corten
    >>> x = np.float32([[[1, 2], [9, 3], [9, 9]]])
    >>> corten.layers.Masking(9.0)(x)
    array([[[1., 2.],
            [9., 3.],
            [0., 0.]]], dtype=float32)
    """

    _stateless = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = number(mask_value, "Masking: mask_value")
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 2, least=True)
        counts = self.compute_mask(inputs)
        outputs = ops.where(ops.expand_dims(counts, -1), inputs, 0.0)
        outputs.mask = counts
        return outputs

    def compute_mask(self, inputs: TensorLike, mask: TensorLike | None = None) -> Any:
        """1 where any feature of the step differs from ``mask_value``."""
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)
