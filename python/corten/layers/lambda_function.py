"""Lambda: a function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from corten.graph import Tensor, TensorLike, has_symbolic
from corten.layers.layer import Layer

__all__ = ["Lambda"]


class Lambda(Layer):
    """Applies a function of tensors.

    In a functional model ops and operators may be applied directly, and a layer of one's own is better where there are
    weights: those in ``function`` are not found.

    Args:
        function: takes the inputs, and ``mask`` and ``training`` where it has parameters of these names; made of ops.
        output_shape: accepted for Keras's sake; shapes are found by tracing.
        mask: the mask of the output: a tensor, or a function of inputs and their mask; None for no mask.
        arguments: further arguments of ``function`` by name.

    A configuration holds the function's name only: a file is loaded where the function is registered
    (:func:`corten.saving.register_keras_serializable`) or passed as a custom object.

    Raises:
        TypeError: ``function`` is none.

    >>> import numpy as np
    >>> from corten import layers, ops
    >>> layers.Lambda(lambda x: ops.sum(x, axis=-1))(np.float32([[1, 2], [3, 4]]))
    array([3., 7.], dtype=float32)
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: object = None,
        mask: TensorLike | Callable[..., Any] | None = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Lambda: expected a function, got {function!r}")
        self.function = function
        self.arguments = dict(arguments or {})
        has_symbolic(mask)  # What holds itself is refused here.
        self.mask: Any = mask
        self.supports_masking = mask is not None
        self._takes = set(inspect.signature(function).parameters) & {"mask", "training"}

    def call(self, inputs: Any, mask: Tensor | None = None, training: bool | None = False) -> Any:
        options = {"mask": mask, "training": training}
        return self.function(inputs, **{name: options[name] for name in self._takes}, **self.arguments)

    def _looks_at_masks(self) -> bool:
        return "mask" in self._takes

    def compute_mask(self, inputs: Any, mask: TensorLike | None = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask
