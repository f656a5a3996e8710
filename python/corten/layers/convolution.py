"""What layers that convolve share: windows, weights, and the way from one direction to two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import activations, constraints, initializers, ops, regularizers
from corten.activations import ActivationLike
from corten.constraints import ConstraintLike
from corten.errors import ShapeError
from corten.graph import Variable
from corten.initializers import InitializerLike
from corten.layers.arguments import (
    CausalPadding,
    DataFormat,
    Sizes,
    channels_last,
    count,
    expect_rank,
    padding_name,
    sizes,
)
from corten.layers.layer import Layer
from corten.regularizers import RegularizerLike

__all__ = ["Convolution", "KernelConvolution"]


class Convolution(Layer):
    """A window that moves over ``rank`` directions of the input, and a bias.

    Sequences (batch, steps, channels) are images of one row: what the kernels read is in the same place in memory.
    """

    rank: int

    def __init__(
        self,
        *,
        kernel_size: Sizes,
        strides: Sizes,
        padding: CausalPadding,
        data_format: DataFormat,
        dilation_rate: Sizes,
        activation: ActivationLike,
        use_bias: bool,
        bias_initializer: InitializerLike,
        bias_regularizer: RegularizerLike,
        activity_regularizer: RegularizerLike,
        bias_constraint: ConstraintLike,
        causal: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        where = type(self).__name__
        self.kernel_size = sizes(kernel_size, f"{where}: kernel_size", self.rank)
        self.strides = sizes(strides, f"{where}: strides", self.rank)
        self.padding = padding_name(padding, where, causal)
        self.data_format = channels_last(data_format, where)
        self.dilation_rate = sizes(dilation_rate, f"{where}: dilation_rate", self.rank)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.bias_constraint = constraints.get(bias_constraint)

    def _channels(self, input_shape: Any, groups: int = 1) -> int:
        """The number of input channels, where the input's shape fits."""
        where = f'{type(self).__name__} "{self.name}"'
        expect_rank(input_shape, self.rank + 2, where)
        channels = input_shape[-1]
        if channels is None or channels % groups:
            divisible = f" divisible by groups={groups}" if groups > 1 else ""
            raise ShapeError(f"{where}: expected a known number of channels{divisible}, got shape {input_shape}")
        return int(channels)

    def _add_bias(self, filters: int) -> Variable | None:
        if not self.use_bias:
            return None
        return self.add_weight(
            (filters,),
            self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
            name="bias",
        )

    # --- two directions of one -----------------------------------------------------------------------------------

    def _two(self, sizes: Sequence[int]) -> tuple[int, ...]:
        return (1,) * (2 - self.rank) + tuple(sizes)

    def _kernel2d(self, kernel: Any) -> Any:
        return ops.reshape(kernel, self._two(kernel.shape)) if self.rank == 1 else kernel

    def _images(self, inputs: Any) -> Any:
        if self.padding == "causal":
            reach = self.dilation_rate[0] * (self.kernel_size[0] - 1)
            inputs = ops.pad(inputs, ((0, 0), (reach, 0), (0, 0)))
        return ops.expand_dims(inputs, 1) if self.rank == 1 else inputs

    def _window(self) -> dict[str, Any]:
        """How the window moves, for ops on images."""
        return {
            "strides": self._two(self.strides),
            "padding": "valid" if self.padding == "causal" else self.padding,
            "dilation": self._two(self.dilation_rate),
        }

    def _fused(self) -> str:
        """The activation that an op on images shall compute in its own pass."""
        return "relu" if activations.is_plain_relu(self.activation) else "linear"

    def _finish(self, images: Any) -> Any:
        y = ops.squeeze(images, 1) if self.rank == 1 else images
        return y if self.activation is None or self._fused() == "relu" else self.activation(y)


class KernelConvolution(Convolution):
    """A convolution with one kernel between all channels and a number of filters."""

    def __init__(
        self,
        *,
        filters: int,
        kernel_initializer: InitializerLike,
        kernel_regularizer: RegularizerLike,
        kernel_constraint: ConstraintLike,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        where = type(self).__name__
        self.filters = count(filters, f"{where}: filters")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"{where}: strides: expected 1 where dilation_rate is {self.dilation_rate}, got {self.strides}"
            )
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)

    def _add_kernel(self, first: int, second: int) -> Variable:
        return self.add_weight(
            (*self.kernel_size, first, second),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
