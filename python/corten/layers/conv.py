"""Convolutions of sequences and of images."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.activations import ActivationLike
from corten.configured import forwarded
from corten.constraints import ConstraintLike
from corten.graph import Shape, Tensor
from corten.initializers import InitializerLike
from corten.layers.arguments import CausalPadding, DataFormat, Padding, Sizes, count
from corten.layers.convolution import KernelConvolution
from corten.regularizers import RegularizerLike

__all__ = ["Conv1D", "Conv2D"]


class _Conv(KernelConvolution):
    """A convolution in groups."""

    def __init__(self, *, groups: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = type(self).__name__
        self.groups = count(groups, f"{where}: groups")
        if self.filters % self.groups:
            raise ValueError(f"{where}: filters: expected a multiple of groups={self.groups}, got {self.filters}")

    def build(self, input_shape: Shape) -> None:
        self.kernel = self._add_kernel(self._channels(input_shape, self.groups) // self.groups, self.filters)
        self.bias = self._add_bias(self.filters)

    def call(self, inputs: Tensor) -> Any:
        y = ops.conv2d(
            self._images(inputs),
            self._kernel2d(self.kernel),
            self.bias,
            **self._window(),
            groups=self.groups,
            activation=self._fused(),
        )
        return self._finish(y)


class Conv1D(_Conv):
    """1-D convolution of sequences with learned filters: ``activation(conv(x, kernel) + bias)``.

    Args:
        filters: the number of output channels.
        kernel_size: how many steps a filter sees.
        strides: from window to window.
        padding: ``"valid"`` (no padding), ``"same"`` (ceil(steps / stride) outputs), or ``"causal"``: zeros before the
            sequence, so that no output sees a later input (van den Oord et al. 2016).
        dilation_rate: the distance between the steps that a filter sees; not together with strides above 1.
        data_format, groups, activation, use_bias: as for :class:`Conv2D`, and so is what is said of kernel and bias;
            the kernel has the shape (kernel size, channels / groups, filters).

    Input (batch, steps, channels), output (batch, out steps, filters).

    Raises:
        ValueError: a size, stride, dilation or number of groups below 1, or groups that do not divide the filters.
        ShapeError: not three axes, channels unknown or not divisible by ``groups``, a sequence shorter than the kernel.

    >>> import numpy as np, corten
    >>> corten.layers.Conv1D(4, 3, padding="causal", activation="relu")(np.ones((2, 8, 3), np.float32)).shape
    (2, 8, 4)
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: CausalPadding = "valid",
        data_format: DataFormat = None,
        dilation_rate: Sizes = 1,
        groups: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**forwarded(locals()), causal=True)


class Conv2D(_Conv):
    """2-D convolution of images with learned filters: ``activation(conv2d(x, kernel) + bias)``.

    Args:
        filters: the number of output channels.
        kernel_size: one int or (height, width).
        strides: one int or (vertical, horizontal).
        padding: ``"valid"`` (no padding) or ``"same"`` (ceil(size / stride) outputs).
        data_format: ``"channels_last"`` only.
        dilation_rate: the distance between the cells of the kernel; not together with strides above 1.
        groups: channels and filters are split into this many groups that do not mix.
        activation: a name or a function; ReLU is computed in the same pass.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel (height, width, in / groups, filters).
        bias_initializer: of the bias (filters,).
        kernel_regularizer: the kernel's penalty in the loss.
        bias_regularizer: the bias's.
        activity_regularizer: the output's.
        kernel_constraint: applied to the kernel after each step.
        bias_constraint: applied to the bias.

    Input (batch, height, width, channels), output (batch, out height, out width, filters).

    Raises:
        ValueError: a size, stride, dilation or number of groups below 1, or groups that do not divide the filters.
        ShapeError: not four axes, channels unknown or not divisible by ``groups``, an image smaller than the kernel.

    >>> import numpy as np, corten
    >>> corten.layers.Conv2D(4, 3, activation="relu")(np.ones((2, 8, 8, 3), np.float32)).shape
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
        groups: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**forwarded(locals()))
