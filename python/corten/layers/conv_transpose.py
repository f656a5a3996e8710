"""Transposed convolutions: from the size of a convolution's output back to that of its input."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.activations import ActivationLike
from corten.configured import forwarded
from corten.constraints import ConstraintLike
from corten.graph import Shape, Tensor
from corten.initializers import InitializerLike
from corten.layers.arguments import DataFormat, Padding, Sizes, sizes
from corten.layers.convolution import KernelConvolution
from corten.regularizers import RegularizerLike

__all__ = ["Conv1DTranspose", "Conv2DTranspose"]


class _ConvTranspose(KernelConvolution):
    """The transposed convolution in either number of directions."""

    def __init__(self, *, output_padding: Sizes | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        where = f"{type(self).__name__}: output_padding"
        self.output_padding = None if output_padding is None else sizes(output_padding, where, self.rank, 0)
        if self.output_padding and any(more >= s for more, s in zip(self.output_padding, self.strides)):
            raise ValueError(f"{where}: expected less than strides={self.strides}, got {self.output_padding}")

    def build(self, input_shape: Shape) -> None:
        self.kernel = self._add_kernel(self.filters, self._channels(input_shape))
        self.bias = self._add_bias(self.filters)

    def call(self, inputs: Tensor) -> Any:
        more = self.output_padding
        y = ops.conv2d_transpose(
            self._images(inputs),
            self._kernel2d(self.kernel),
            self.bias,
            **self._window(),
            output_padding=None if more is None else (0,) * (2 - self.rank) + more,
            activation=self._fused(),
        )
        return self._finish(y)


class Conv1DTranspose(_ConvTranspose):
    """1-D transposed convolution of sequences with learned filters: each step becomes ``strides`` steps.

    Args:
        filters: the number of output channels.
        kernel_size: how many output steps an input step reaches.
        strides: output steps from one input step to the next.
        padding, output_padding: as for :class:`Conv2DTranspose`.
        data_format, dilation_rate, activation, use_bias: as for :class:`Conv2DTranspose`, and so is what is said of
            kernel and bias; the kernel has the shape (kernel size, filters, channels).

    Input (batch, steps, channels), output (batch, out steps, filters).

    Raises:
        ValueError: a size, stride or dilation below 1, or an output padding not below the stride.
        ShapeError: not three axes, or channels unknown.

    >>> import numpy as np, corten
    >>> corten.layers.Conv1DTranspose(4, 3, strides=2, padding="same")(np.ones((2, 8, 3), np.float32)).shape
    (2, 16, 4)
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = 1,
        padding: Padding = "valid",
        output_padding: Sizes | None = None,
        data_format: DataFormat = None,
        dilation_rate: Sizes = 1,
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


class Conv2DTranspose(_ConvTranspose):
    """2-D transposed convolution of images: the gradient of a convolution as a layer (Zeiler et al. 2010).

    Each pixel adds its channels, times the kernel, to the outputs that the kernel reaches from it.

    Args:
        filters: the number of output channels.
        kernel_size: one int or (height, width).
        strides: one int or (vertical, horizontal): output pixels from one input pixel to the next.
        padding: ``"valid"`` ((size - 1) stride + max(kernel, stride) outputs) or ``"same"`` (size stride outputs).
        output_padding: pixels added below and to the right of the smallest output, which is (size - 1) stride +
            kernel for ``"valid"`` and (size - 1) stride + kernel mod 2 for ``"same"``; less than the stride.
        data_format: ``"channels_last"`` only.
        dilation_rate: the distance between the cells of the kernel; not together with strides above 1.
        activation: a name or a function.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel (height, width, filters, channels).
        bias_initializer: of the bias (filters,).
        kernel_regularizer: the kernel's penalty in the loss.
        bias_regularizer: the bias's.
        activity_regularizer: the output's.
        kernel_constraint: applied to the kernel after each step.
        bias_constraint: applied to the bias.

    Input (batch, height, width, channels), output (batch, out height, out width, filters).

    Raises:
        ValueError: a size, stride or dilation below 1, or an output padding not below the stride.
        ShapeError: not four axes, or channels unknown.

    >>> import numpy as np, corten
    >>> corten.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(np.ones((2, 7, 7, 3), np.float32)).shape
    (2, 14, 14, 4)
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Sizes,
        strides: Sizes = (1, 1),
        padding: Padding = "valid",
        output_padding: Sizes | None = None,
        data_format: DataFormat = None,
        dilation_rate: Sizes = (1, 1),
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
