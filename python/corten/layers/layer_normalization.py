"""Layer normalisation, and RMS normalisation, which leaves out the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten import ops
from corten.configured import forwarded
from corten.constraints import ConstraintLike
from corten.graph import Shape, Tensor
from corten.initializers import InitializerLike
from corten.layers.arguments import known_axis, number, whole
from corten.layers.layer import Layer
from corten.layers.normalization import Normalization
from corten.regularizers import RegularizerLike

__all__ = ["LayerNormalization", "RMSNormalization"]


def axes(axis: object, where: str) -> int | list[int]:
    """One axis or several."""
    if isinstance(axis, Sequence) and not isinstance(axis, str):
        return [whole(item, where) for item in axis]
    return whole(axis, where)


def sizes(input_shape: Shape, axis: int | list[int], where: str) -> tuple[int, ...]:
    """The sizes of the axes, in the order of the input's."""
    axes = [axis] if isinstance(axis, (int, np.integer)) else axis
    sizes_by_axis = [(known_axis(input_shape, a, where), a % len(input_shape)) for a in axes]
    return tuple(size for size, _ in sorted(dict.fromkeys(sizes_by_axis), key=lambda pair: pair[1]))


class LayerNormalization(Normalization):
    """Each sample brought to mean 0 and variance 1 over its features.

    ``gamma (x - mean) / sqrt(variance + epsilon) + beta``. Source: Ba, Kiros and Hinton, 2016.

    Args:
        axis: the features' axis, or several.
        epsilon: added to the variance.
        center: whether beta is added.
        scale: whether gamma is multiplied.
        beta_initializer: of beta, which has the sizes of the axes.
        gamma_initializer: of gamma, likewise.
        beta_regularizer: beta's penalty in the loss.
        gamma_regularizer: gamma's.
        beta_constraint: applied to beta after each step.
        gamma_constraint: applied to gamma.

    Input and output of any shape.

    Raises:
        ValueError: no such axis.
        ShapeError: the size of an axis is unknown.

    >>> import numpy as np, corten
    >>> corten.layers.LayerNormalization()(np.float32([[1, 3], [10, 30]])).round(2)
    array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**forwarded(locals(), "axis"))
        self.axis = axes(axis, "LayerNormalization: axis")

    def build(self, input_shape: Shape) -> None:
        shape = sizes(input_shape, self.axis, f'LayerNormalization "{self.name}"')
        self._add_gamma_and_beta(shape)

    def call(self, inputs: Tensor) -> Any:
        return ops.layer_normalization(inputs, self.gamma, self.beta, self.axis, self.epsilon)


class RMSNormalization(Layer):
    """Each sample divided by the root of its mean square: ``scale x / sqrt(mean(x^2) + epsilon)``.

    Source: Zhang and Sennrich, 2019.

    Args:
        axis: the features' axis, or several.
        epsilon: added to the mean square.

    Input and output of any shape.

    Raises:
        ValueError: no such axis.
        ShapeError: the size of an axis is unknown.

    >>> import numpy as np, corten
    >>> corten.layers.RMSNormalization()(np.float32([[3, -3]])).round(3)
    array([[ 1., -1.]], dtype=float32)
    """

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = axes(axis, "RMSNormalization: axis")
        self.epsilon = number(epsilon, "RMSNormalization: epsilon", 0.0)

    def build(self, input_shape: Shape) -> None:
        shape = sizes(input_shape, self.axis, f'RMSNormalization "{self.name}"')
        self.scale = self.add_weight(shape, "ones", name="scale")

    def call(self, inputs: Tensor) -> Any:
        return ops.rms_normalization(inputs, self.scale, self.axis, self.epsilon)
