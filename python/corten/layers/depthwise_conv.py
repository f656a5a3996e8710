"""Convolutions of each channel by itself."""

from __future__ import annotations

from typing import Any

from corten import constraints, initializers, ops, regularizers
from corten.activations import ActivationLike
from corten.configured import forwarded
from corten.constraints import ConstraintLike
from corten.graph import Shape, Tensor, Variable
from corten.initializers import InitializerLike
from corten.layers.arguments import DataFormat, Padding, Sizes, count
from corten.layers.convolution import Convolution
from corten.regularizers import RegularizerLike

__all__ = ["DepthwiseConv1D", "DepthwiseConv2D", "DepthwiseConvolution"]


class DepthwiseConvolution(Convolution):
    """A convolution whose groups are the channels."""

    def __init__(
        self,
        *,
        depth_multiplier: int,
        depthwise_initializer: InitializerLike,
        depthwise_regularizer: RegularizerLike,
        depthwise_constraint: ConstraintLike,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.depth_multiplier = count(depth_multiplier, f"{type(self).__name__}: depth_multiplier")
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)

    def _add_depthwise(self, channels: int, name: str) -> Variable:
        return self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name=name,
        )

    def _each_channel(self, inputs: Any, kernel: Any, bias: Any = None, activation: str = "linear") -> Any:
        """The convolution of each channel, as images."""
        channels = kernel.shape[-2]
        # Filter m of channel c is filter c * depth_multiplier + m of a convolution in groups: the same memory.
        kernel = ops.reshape(kernel, (*self._two(self.kernel_size), 1, channels * self.depth_multiplier))
        images = self._images(inputs)
        return ops.conv2d(images, kernel, bias, **self._window(), groups=channels, activation=activation)


class _DepthwiseConv(DepthwiseConvolution):
    def build(self, input_shape: Shape) -> None:
        channels = self._channels(input_shape)
        self.kernel = self._add_depthwise(channels, "kernel")
        self.bias = self._add_bias(channels * self.depth_multiplier)

    def call(self, inputs: Tensor) -> Any:
        return self._finish(self._each_channel(inputs, self.kernel, self.bias, self._fused()))


class DepthwiseConv1D(_DepthwiseConv):
    """1-D convolution of each channel by itself, with ``depth_multiplier`` filters each.

    Args:
        kernel_size: how many steps a filter sees.
        strides: from window to window.
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: the number of filters of each channel.
        dilation_rate: the distance between the steps that a filter sees.
        data_format, activation, use_bias: as for :class:`DepthwiseConv2D`, and so is what is said of kernel and bias;
            the kernel has the shape (kernel size, channels, depth multiplier).

    Input (batch, steps, channels), output (batch, out steps, channels * depth multiplier).

    Raises:
        ValueError: a size, stride or dilation below 1.
        ShapeError: not three axes, channels unknown, or a sequence shorter than the kernel.

    >>> import numpy as np, corten
    >>> corten.layers.DepthwiseConv1D(3, depth_multiplier=2)(np.ones((2, 8, 3), np.float32)).shape
    (2, 6, 6)
    """

    rank = 1

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        depth_multiplier: int = 1,
        data_format: DataFormat = None,
        dilation_rate: Sizes = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**forwarded(locals()))


class DepthwiseConv2D(_DepthwiseConv):
    """2-D convolution of each channel by itself, with ``depth_multiplier`` filters each.

    Args:
        kernel_size: one int or (height, width).
        strides: one int or (vertical, horizontal).
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: the number of filters of each channel.
        data_format: ``"channels_last"`` only.
        dilation_rate: the distance between the cells of the kernel.
        activation: a name or a function; ReLU is computed in the same pass.
        use_bias: whether a bias is added.
        depthwise_initializer: of the kernel (height, width, channels, depth multiplier).
        bias_initializer: of the bias (channels * depth multiplier,).
        depthwise_regularizer: the kernel's penalty in the loss.
        bias_regularizer: the bias's.
        activity_regularizer: the output's.
        depthwise_constraint: applied to the kernel after each step.
        bias_constraint: applied to the bias.

    Input (batch, height, width, channels), output (batch, out height, out width, channels * depth multiplier): the
    filters of the first channel, then those of the second, and so on.

    Raises:
        ValueError: a size, stride or dilation below 1.
        ShapeError: not four axes, channels unknown, or an image smaller than the kernel.

    >>> import numpy as np, corten
    >>> corten.layers.DepthwiseConv2D(3, depth_multiplier=2)(np.ones((2, 8, 8, 3), np.float32)).shape
    (2, 6, 6, 6)
    """

    rank = 2

    def __init__(
        self,
        kernel_size: Sizes,
        strides: Sizes = (1, 1),
        padding: Padding = "valid",
        depth_multiplier: int = 1,
        data_format: DataFormat = None,
        dilation_rate: Sizes = (1, 1),
        activation: ActivationLike = None,
        use_bias: bool = True,
        depthwise_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        depthwise_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        depthwise_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**forwarded(locals()))
