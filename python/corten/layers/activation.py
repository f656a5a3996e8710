"""Activation functions as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten import activations, constraints, initializers, ops, regularizers
from corten.activations import ActivationLike
from corten.constraints import ConstraintLike
from corten.errors import ShapeError
from corten.graph import Shape, Tensor
from corten.initializers import InitializerLike
from corten.layers.arguments import number, outdated
from corten.layers.layer import Layer
from corten.regularizers import RegularizerLike

__all__ = ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class Activation(Layer):
    """Any activation function, by name or as a function.

    >>> import numpy as np, corten
    >>> corten.layers.Activation("relu")(np.float32([-1, 2]))
    array([0., 2.], dtype=float32)
    """

    _stateless = True

    def __init__(self, activation: ActivationLike, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Any:
        return self.activation(inputs)


class ReLU(Layer):
    """The rectified linear unit: see :func:`corten.activations.relu`.

    Args:
        max_value: where the output is cut off, None for nowhere.
        negative_slope: of the part below the threshold.
        threshold: below which inputs count as negative.

    >>> import numpy as np, corten
    >>> corten.layers.ReLU(max_value=6)(np.float32([-1, 2, 7]))
    array([0., 2., 6.], dtype=float32)
    """

    _stateless = True

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else number(max_value, "ReLU: max_value", 0.0)
        self.negative_slope = number(negative_slope, "ReLU: negative_slope", 0.0)
        self.threshold = number(threshold, "ReLU: threshold", 0.0)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """``x`` above zero, ``negative_slope x`` below.

    >>> import numpy as np, corten
    >>> corten.layers.LeakyReLU(0.5)(np.float32([-1, 2]))
    array([-0.5,  2. ], dtype=float32)
    """

    _stateless = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        negative_slope = outdated(self, kwargs, "alpha", "negative_slope", negative_slope)
        super().__init__(**kwargs)
        self.negative_slope = number(negative_slope, "LeakyReLU: negative_slope", 0.0)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Any:
        return ops.leaky_relu(inputs, self.negative_slope)


class ELU(Layer):
    """``x`` above zero, ``alpha (e^x - 1)`` below.

    >>> import numpy as np, corten
    >>> corten.layers.ELU()(np.float32([-100, 2]))
    array([-1.,  2.], dtype=float32)
    """

    _stateless = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = number(alpha, "ELU: alpha")
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Any:
        return ops.elu(inputs, self.alpha)


class PReLU(Layer):
    """``x`` above zero, ``alpha x`` below, with a learned alpha (He et al. 2015, eq. 1).

    Args:
        alpha_initializer: of alpha, whose shape is that of one input.
        alpha_regularizer: its penalty in the loss.
        alpha_constraint: applied to it after each step.
        shared_axes: axes (from 1) along which one alpha serves: [1, 2] for one alpha a channel of an image.

    >>> import numpy as np, corten
    >>> corten.layers.PReLU("ones")(np.float32([[-1, 2]]))
    array([[-1.,  2.]], dtype=float32)
    """

    def __init__(
        self,
        alpha_initializer: InitializerLike = "Zeros",
        alpha_regularizer: RegularizerLike = None,
        alpha_constraint: ConstraintLike = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, (int, np.integer)) else list(shared_axes or [])
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        sizes = [1 if axis in self.shared_axes else size for axis, size in enumerate(input_shape)][1:]
        if None in sizes:
            raise ShapeError(
                f'PReLU "{self.name}": expected known sizes outside shared_axes={self.shared_axes}, '
                f"got shape {input_shape}"
            )
        self.alpha = self.add_weight(
            sizes,
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )

    def call(self, inputs: Tensor) -> Any:
        below = ops.multiply(self.alpha, ops.relu(ops.negative(inputs)))
        return ops.subtract(ops.relu(inputs), below)


class Softmax(Layer):
    """``e^x / sum(e^x)`` along an axis, over the unmasked elements.

    The call argument ``mask`` broadcasts to the input's shape; by default it is the mask that the input carries, which
    covers the input's leading axes.

    Args:
        axis: one axis, or several taken together.

    Raises:
        ShapeError: the mask does not broadcast to the input.

    >>> import numpy as np, corten
    >>> corten.layers.Softmax()(np.float32([[0, 0]]))
    array([[0.5, 0.5]], dtype=float32)
    """

    _stateless = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        if mask is None:
            return ops.softmax(inputs, self.axis)
        shape, rank = tuple(inputs.shape), len(inputs.shape)
        sizes = tuple(mask.shape)
        of_the_first_axes = mask is getattr(inputs, "mask", None)  # not of the last
        if of_the_first_axes:
            mask = ops.expand_dims(mask, list(range(len(sizes), rank)))
            sizes = tuple(mask.shape)
        if len(sizes) > rank or any(size not in (1, full) for size, full in zip(sizes[::-1], shape[::-1])):
            raise ShapeError(f'Softmax "{self.name}": mask: expected to broadcast to shape {shape}, got {sizes}')
        unmasked = ops.greater(mask, 0.5)
        # Not -inf: a row without any unmasked element gives zeros, not NaN.
        lowest = float(np.finfo(np.float32).min)
        return ops.where(unmasked, ops.softmax(ops.where(unmasked, inputs, lowest), self.axis), 0.0)
