"""The fully connected layer."""

from __future__ import annotations

from typing import Any

from corten import activations, constraints, initializers, ops, regularizers
from corten.activations import ActivationLike
from corten.constraints import ConstraintLike
from corten.errors import ShapeError
from corten.graph import Shape, Tensor
from corten.initializers import InitializerLike
from corten.layers.arguments import count, expect_rank, only_default
from corten.layers.layer import Layer
from corten.regularizers import RegularizerLike

__all__ = ["Dense"]


class Dense(Layer):
    """``activation(x . kernel + bias)`` over the last axis.

    Args:
        units: the size of the last axis of the output.
        activation: a name or a function; ReLU is computed in the same pass as the product.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel (in, units).
        bias_initializer: of the bias (units,).
        kernel_regularizer: the kernel's penalty in the loss.
        bias_regularizer: the bias's.
        activity_regularizer: the output's.
        kernel_constraint: applied to the kernel after each step.
        bias_constraint: applied to the bias.
        lora_rank: not supported, nor ``lora_alpha`` and ``quantization_config``.

    Input (..., in), output (..., units).

    Raises:
        ValueError: ``units`` below 1.
        ShapeError: fewer than two axes, or an unknown last axis.

    >>> import numpy as np, corten
    >>> corten.layers.Dense(3, activation="relu")(np.ones((2, 5), np.float32)).shape
    (2, 3)
    """

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        for name, value in (
            ("lora_rank", lora_rank),
            ("lora_alpha", lora_alpha),
            ("quantization", quantization_config),
        ):
            only_default(value, f"Dense: {name}")
        self.units = count(units, "Dense: units")
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        where = f'Dense "{self.name}"'
        expect_rank(input_shape, 2, where, least=True)
        if input_shape[-1] is None:
            raise ShapeError(f"{where}: expected an input whose last axis has a known size, got shape {input_shape}")
        self.kernel = self.add_weight(
            (input_shape[-1], self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, inputs: Tensor) -> Any:
        if activations.is_plain_relu(self.activation):
            return ops.dense(inputs, self.kernel, self.bias, activation="relu")
        y = ops.dense(inputs, self.kernel, self.bias)
        return y if self.activation is None else self.activation(y)
