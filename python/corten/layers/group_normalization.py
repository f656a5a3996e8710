"""Group normalisation."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.configured import forwarded
from corten.constraints import ConstraintLike
from corten.errors import ShapeError
from corten.graph import Shape, Tensor
from corten.initializers import InitializerLike
from corten.layers.arguments import count, known_axis, whole
from corten.layers.normalization import Normalization
from corten.regularizers import RegularizerLike

__all__ = ["GroupNormalization"]


class GroupNormalization(Normalization):
    """Each group of a sample's channels brought to mean 0 and variance 1, over all its other axes too.

    ``gamma (x - mean) / sqrt(variance + epsilon) + beta``. Source: Wu and He, 2018. One group is layer normalisation
    over all axes, as many groups as channels (-1) instance normalisation (Ulyanov, Vedaldi and Lempitsky, 2016).

    Args:
        groups: how many, a divisor of the channels; -1 for as many as channels.
        axis: the channels' axis.
        epsilon: added to the variance.
        center: whether beta is added.
        scale: whether gamma is multiplied.
        beta_initializer: of beta (channels,).
        gamma_initializer: of gamma (channels,).
        beta_regularizer: beta's penalty in the loss.
        gamma_regularizer: gamma's.
        beta_constraint: applied to beta after each step.
        gamma_constraint: applied to gamma.

    Input and output of any shape (batch, ...).

    Raises:
        ValueError: a number of groups that is neither -1 nor at least 1; no such axis.
        ShapeError: the number of channels is unknown or no multiple of ``groups``.

    >>> import numpy as np, corten
    >>> corten.layers.GroupNormalization(2)(np.float32([[1, 3, 10, 30]])).round(2)
    array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
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
        super().__init__(**forwarded(locals(), "groups", "axis"))
        self.groups = groups if groups == -1 else count(groups, "GroupNormalization: groups")
        self.axis = whole(axis, "GroupNormalization: axis")

    def build(self, input_shape: Shape) -> None:
        where = f'GroupNormalization "{self.name}"'
        channels = known_axis(input_shape, self.axis, where)
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ShapeError(
                f"{where}: expected a number of channels divisible by groups={self.groups}, got shape {input_shape}"
            )
        self._add_gamma_and_beta((channels,))

    def call(self, inputs: Tensor) -> Any:
        shape, axis = inputs.shape, self.axis % len(inputs.shape)
        grouped = ops.reshape(inputs, (*shape[:axis], self.groups, shape[axis] // self.groups, *shape[axis + 1 :]))
        others = [a for a in range(1, len(shape) + 1) if a != axis]
        y = ops.reshape(ops.layer_normalization(grouped, axis=others, epsilon=self.epsilon), shape)
        along = [-1 if a == axis else 1 for a in range(len(shape))]
        if self.gamma is not None:
            y = ops.multiply(y, ops.reshape(self.gamma, along))
        return y if self.beta is None else ops.add(y, ops.reshape(self.beta, along))
