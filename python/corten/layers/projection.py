"""The dense layer between several axes: what attention makes its heads with, and what it joins them with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from corten import activations, constraints, initializers, ops, regularizers
from corten.activations import ActivationLike
from corten.constraints import ConstraintLike
from corten.errors import ShapeError
from corten.graph import Shape, Tensor
from corten.initializers import InitializerLike
from corten.layers.layer import Layer
from corten.regularizers import RegularizerLike

__all__ = ["Projection"]


class Projection(Layer):
    """``activation(x . kernel + bias)`` where the kernel joins several axes with several: (in ..., out ...).

    Keras has an ``EinsumDense`` here, with weights of the same shapes and names.

    Args:
        units: the sizes of the output's last axes.
        joined: how many of the input's last axes are summed over.
        activation: a name or a function.
        use_bias: whether a bias (units) is added.
        kernel_initializer: of the kernel; the axes it scales by are those that are joined.
        bias_initializer: of the bias.
        kernel_regularizer: the kernel's penalty in the loss.
        bias_regularizer: the bias's.
        kernel_constraint: applied to the kernel after each step.
        bias_constraint: applied to the bias.

    Input (..., in ...), output (..., out ...).

    >>> import numpy as np
    >>> from corten.layers.projection import Projection
    >>> Projection((4, 3))(np.ones((2, 5, 6), np.float32)).shape
    (2, 5, 4, 3)
    """

    def __init__(
        self,
        units: Sequence[int],
        joined: int = 1,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = tuple(units)
        self.joined = joined
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)

    def build(self, input_shape: Shape) -> None:
        inner = tuple(input_shape[len(input_shape) - self.joined :])
        if len(input_shape) <= self.joined or None in inner:
            raise ShapeError(
                f'"{self.name}": expected an input whose last {self.joined} axes have known sizes, got {input_shape}'
            )
        initializer = self.kernel_initializer
        if getattr(initializer, "input_axes", ()) is None:
            axes = range(len(inner) + len(self.units))
            places = {"input_axes": list(axes[: len(inner)]), "output_axes": list(axes[len(inner) :])}
            initializer = type(initializer).from_config({**initializer.get_config(), **places})
        self.kernel = self.add_weight(
            (*inner, *self.units),
            initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self.units,
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def call(self, inputs: Tensor) -> Any:
        outer = inputs.shape[: len(inputs.shape) - self.joined]
        inner, units = math.prod(inputs.shape[len(outer) :]), math.prod(self.units)
        y = ops.dense(
            ops.reshape(inputs, (*outer, inner)),
            ops.reshape(self.kernel, (inner, units)),
            None if self.bias is None else ops.reshape(self.bias, (units,)),
        )
        return self.activation(ops.reshape(y, (*outer, *self.units)))
