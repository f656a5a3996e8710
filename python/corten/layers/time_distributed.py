"""A layer applied to every step of a sequence."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.errors import ShapeError
from corten.graph import Shape, Tensor
from corten.layers.arguments import expect_rank
from corten.layers.layer import Layer
from corten.layers.nested import nested_layer

__all__ = ["TimeDistributed"]


class TimeDistributed(Layer):
    """Applies a layer to every step of a sequence, with the same weights: ``y[:, t] = layer(x[:, t])``.

    All steps are one large batch to the layer, so statistics over a batch are taken over all steps.

    Args:
        layer: a layer of one input and one output.

    Input (batch, time, ...), output (batch, time, ...); the call argument ``mask`` (batch, time) is passed on; one with
    more axes reaches the layer.

    Raises:
        TypeError: not a layer.
        ShapeError: fewer than three axes, or a mask of other steps.

    >>> import numpy as np, corten
    >>> layer = corten.layers.TimeDistributed(corten.layers.Dense(3))
    >>> layer(np.ones((2, 4, 5), np.float32)).shape
    (2, 4, 3)
    """

    def __init__(self, layer: Layer | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = nested_layer(layer, "TimeDistributed: layer")
        self.autocast = self.layer.autocast
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        expect_rank(input_shape, 3, f'TimeDistributed "{self.name}"', least=True)
        self.layer._build_once((None, *input_shape[2:]))

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Any:
        batch, time = inputs.shape[:2]
        steps = ops.reshape(inputs, (batch * time, *inputs.shape[2:]))
        if mask is not None:
            if tuple(mask.shape[:2]) != (batch, time):
                raise ShapeError(
                    f'TimeDistributed "{self.name}": mask: expected ({batch}, {time}, ...), got {tuple(mask.shape)}'
                )
            if len(mask.shape) > 2:
                steps.mask = ops.reshape(mask, (batch * time, *mask.shape[2:]))
        outputs = self.layer(steps, training=training)
        return ops.reshape(outputs, (batch, time, *outputs.shape[1:]))
