"""Convolutions of each channel by itself, followed by one that mixes the channels of each place."""

from __future__ import annotations

from typing import Any

from corten import constraints, initializers, ops, regularizers
from corten.activations import ActivationLike
from corten.configured import forwarded
from corten.constraints import ConstraintLike
from corten.graph import Shape, Tensor
from corten.initializers import InitializerLike
from corten.layers.arguments import DataFormat, Padding, Sizes, count
from corten.layers.depthwise_conv import DepthwiseConvolution
from corten.regularizers import RegularizerLike

__all__ = ["SeparableConv1D", "SeparableConv2D"]


class _SeparableConv(DepthwiseConvolution):
    def __init__(
        self,
        *,
        filters: int,
        pointwise_initializer: InitializerLike,
        pointwise_regularizer: RegularizerLike,
        pointwise_constraint: ConstraintLike,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = count(filters, f"{type(self).__name__}: filters")
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        self.depthwise_kernel = self._add_depthwise(channels, "depthwise_kernel")
        self.pointwise_kernel = self.add_weight(
            (*(1,) * self.rank, channels * self.depth_multiplier, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self.bias = self._add_bias(self.filters)

    def call(self, inputs: Tensor) -> Any:
        each = self._each_channel(inputs, self.depthwise_kernel)
        mixed = ops.conv2d(each, self._kernel2d(self.pointwise_kernel), self.bias, activation=self._fused())
        return self._finish(mixed)


class SeparableConv1D(_SeparableConv):
    """1-D convolution of each channel by itself, then of the channels of each step (Chollet 2017).

    Args:
        filters: the number of output channels.
        kernel_size: how many steps a filter sees.
        strides: from window to window.
        padding: ``"valid"`` or ``"same"``.
        dilation_rate: the distance between the steps that a filter sees.
        depth_multiplier: the number of filters of each channel in the first convolution.
        data_format, activation, use_bias: as for :class:`SeparableConv2D`, and so is what is said of kernels and bias;
            the kernels have the shapes (kernel size, channels, depth multiplier) and (1, channels * depth multiplier,
            filters).

    Input (batch, steps, channels), output (batch, out steps, filters).

    Raises:
        ValueError: a size, stride or dilation below 1.
        ShapeError: not three axes, channels unknown, or a sequence shorter than the kernel.

    >>> import numpy as np, corten
    >>> corten.layers.SeparableConv1D(4, 3)(np.ones((2, 8, 3), np.float32)).shape
    (2, 6, 4)
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        data_format: DataFormat = None,
        dilation_rate: Sizes = 1,
        depth_multiplier: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**forwarded(locals()))


class SeparableConv2D(_SeparableConv):
    """2-D convolution of each channel by itself, then of the channels of each pixel (Chollet 2017).

    ``activation(conv2d(depthwise_conv2d(x, depthwise_kernel), pointwise_kernel) + bias)``

    Args:
        filters: the number of output channels.
        kernel_size: one int or (height, width).
        strides: one int or (vertical, horizontal).
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` only.
        dilation_rate: the distance between the cells of the kernel.
        depth_multiplier: the number of filters of each channel in the first convolution.
        activation: a name or a function; ReLU is computed in the same pass.
        use_bias: whether a bias is added.
        depthwise_initializer: of the first kernel (height, width, channels, depth multiplier).
        pointwise_initializer: of the second (1, 1, channels * depth multiplier, filters).
        bias_initializer: of the bias (filters,).
        depthwise_regularizer: the first kernel's penalty in the loss.
        pointwise_regularizer: the second kernel's.
        bias_regularizer: the bias's.
        activity_regularizer: the output's.
        depthwise_constraint: applied to the first kernel after each step.
        pointwise_constraint: applied to the second.
        bias_constraint: applied to the bias.

    Input (batch, height, width, channels), output (batch, out height, out width, filters).

    Raises:
        ValueError: a size, stride or dilation below 1.
        ShapeError: not four axes, channels unknown, or an image smaller than the kernel.

    >>> import numpy as np, corten
    >>> corten.layers.SeparableConv2D(4, 3)(np.ones((2, 8, 8, 3), np.float32)).shape
    (2, 6, 6, 4)
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1),
        padding: Padding = "valid",
        data_format: DataFormat = None,
        dilation_rate: Sizes = (1, 1),
        depth_multiplier: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        pointwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        pointwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        pointwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**forwarded(locals()))
