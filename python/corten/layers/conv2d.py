"""The 2-D convolution."""

from __future__ import annotations

from typing import Any

from corten import activations, constraints, initializers, ops, regularizers
from corten.errors import ShapeError
from corten.layers.arguments import channels_last, count, expect_rank, padding_name, pair
from corten.layers.layer import Layer

__all__ = ["Conv2D"]


class Conv2D(Layer):
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

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = count(filters, "Conv2D: filters")
        self.kernel_size = pair(kernel_size, "Conv2D: kernel_size")
        self.strides = pair(strides, "Conv2D: strides")
        self.padding = padding_name(padding, "Conv2D")
        self.data_format = channels_last(data_format, "Conv2D")
        self.dilation_rate = pair(dilation_rate, "Conv2D: dilation_rate")
        self.groups = count(groups, "Conv2D: groups")
        if self.filters % self.groups:
            raise ValueError(f"Conv2D: filters: expected a multiple of groups={self.groups}, got {self.filters}")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"Conv2D: strides: expected 1 where dilation_rate is {self.dilation_rate}, got {self.strides}"
            )
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Any) -> None:
        where = f'Conv2D "{self.name}"'
        expect_rank(input_shape, 4, where)
        channels = input_shape[-1]
        if channels is None or channels % self.groups:
            raise ShapeError(
                f"{where}: expected a known number of channels divisible by groups={self.groups}, "
                f"got shape {input_shape}"
            )
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, inputs: Any) -> Any:
        fused = activations.is_plain_relu(self.activation)
        y = ops.conv2d(
            inputs,
            self.kernel,
            self.bias,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            groups=self.groups,
            activation="relu" if fused else "linear",
        )
        return y if fused else self.activation(y)
