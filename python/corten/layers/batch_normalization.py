"""Batch normalisation."""

from __future__ import annotations

from typing import Any, Literal

from corten import initializers, ops
from corten.configured import forwarded
from corten.constraints import ConstraintLike
from corten.graph import Shape, Tensor
from corten.initializers import InitializerLike
from corten.layers.arguments import expect_mask, known_axis, number, whole
from corten.layers.normalization import Normalization
from corten.regularizers import RegularizerLike

__all__ = ["BatchNormalization"]

#: What Keras adds to a number of rows that it divides by, where a mask may leave none.
_EPSILON = 1e-7


class BatchNormalization(Normalization):
    """Normalises each channel to mean 0 and variance 1: ``gamma (x - mean) / sqrt(variance + epsilon) + beta``.

    In training, mean and variance are those of the batch, and the moving ones follow them; otherwise, and where
    ``trainable`` is False, the moving ones are used. Source: Ioffe and Szegedy, 2015.

    Args:
        axis: the channels' axis.
        momentum: the weight of a moving statistic's old value at each step; the batch's value has the rest.
        epsilon: added to the variance.
        center: whether beta is added.
        scale: whether gamma is multiplied.
        beta_initializer: of beta (channels,).
        gamma_initializer: of gamma (channels,).
        moving_mean_initializer: of the moving mean (channels,).
        moving_variance_initializer: of the moving variance (channels,).
        beta_regularizer: beta's penalty in the loss.
        gamma_regularizer: gamma's.
        beta_constraint: applied to beta after each step.
        gamma_constraint: applied to gamma.
        renorm: must be False, and ``synchronized`` too; there is one process.

    Input and output of any shape; a mask has all axes but the last, and what it excludes does not count.

    Raises:
        ValueError: no such axis, or a training batch without rows.
        ShapeError: the number of channels is unknown.

    >>> import numpy as np, corten
    >>> layer = corten.layers.BatchNormalization()
    >>> layer(np.float32([[1], [3]]), training=True).round(3).ravel()
    array([-1.,  1.], dtype=float32)
    >>> layer.moving_mean.numpy()
    array([0.02], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        renorm: Literal[False] = False,
        renorm_clipping: None = None,
        renorm_momentum: float = 0.99,
        synchronized: Literal[False] = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            **forwarded(
                locals(),
                "axis",
                "momentum",
                "moving_mean_initializer",
                "moving_variance_initializer",
                "renorm",
                "renorm_clipping",
                "renorm_momentum",
                "synchronized",
            )
        )
        if renorm or renorm_clipping or synchronized:
            raise ValueError("BatchNormalization: renorm and synchronized: only False is supported")
        self.axis = whole(axis, "BatchNormalization: axis")
        self.momentum = number(momentum, "BatchNormalization: momentum")
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)

    def build(self, input_shape: Shape) -> None:
        shape = (known_axis(input_shape, self.axis, f'BatchNormalization "{self.name}"'),)
        self._add_gamma_and_beta(shape)
        self.moving_mean = self.add_weight(shape, self.moving_mean_initializer, trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(
            shape, self.moving_variance_initializer, trainable=False, name="moving_variance"
        )

    def call(self, inputs: Tensor, training: bool | None = False, mask: Tensor | None = None) -> Any:
        if mask is not None:
            expect_mask(self, mask, inputs.shape[:-1], ones=True)
        if not training or not self.trainable:
            return self._by(inputs, self.moving_mean.value, self.moving_variance.value)
        if mask is None:
            x = inputs if self.axis in (-1, len(inputs.shape) - 1) else ops.moveaxis(inputs, self.axis, -1)
            y, mean, variance = ops.batch_norm(x, self.gamma, self.beta, self.epsilon)
            y = y if x is inputs else ops.moveaxis(y, -1, self.axis)
        else:
            mean, variance = self._moments(inputs, mask)
            y = self._by(inputs, mean, variance)
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving.value * self.momentum + now * (1 - self.momentum))
        return y

    def _by(self, inputs: Any, mean: Any, variance: Any) -> Any:
        return ops.batch_normalization(inputs, mean, variance, self.axis, self.beta, self.gamma, self.epsilon)

    def _moments(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        """Mean and variance of what the mask lets count."""
        others = [axis for axis in range(len(inputs.shape)) if axis != self.axis % len(inputs.shape)]
        counts = ops.broadcast_to(ops.expand_dims(ops.not_equal(mask, 0), -1), inputs.shape)
        rows = ops.sum(counts, axis=others, keepdims=True) + _EPSILON
        mean = ops.sum(ops.where(counts, inputs, 0.0), axis=others, keepdims=True) / rows
        deviation = ops.where(counts, inputs - mean, 0.0)
        variance = ops.sum(ops.square(deviation), axis=others, keepdims=True) / rows
        return ops.squeeze(mean, others), ops.squeeze(variance, others)
