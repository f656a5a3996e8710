"""Layers that combine several inputs into one output."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from corten import ops
from corten.arguments import whole, wholes
from corten.errors import ArgumentTypeError, ShapeError
from corten.graph import Array, Operand, Tensor, TensorLike
from corten.layers.layer import Layer

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


def _several(inputs: Any, where: str, exactly: int | None = None) -> list[Any]:
    least = exactly or 1
    if not isinstance(inputs, (list, tuple)) or len(inputs) < least or (exactly and len(inputs) != exactly):
        expected = f"a list of {exactly} inputs" if exactly else "a list of inputs"
        raise ValueError(f"{where}: expected {expected}, got {inputs!r}")
    for value in inputs:
        if not hasattr(value, "shape"):
            raise ArgumentTypeError(f"{where}: expected arrays or tensors in the list, got {value!r}")
    return list(inputs)


def _masks_of(inputs: Any, mask: Any, layer: Layer) -> list[Any]:
    """The masks given to ``compute_mask``, one for each input, None for an input without one."""
    where = f'compute_mask of {type(layer).__name__} "{layer.name}"'
    values = _several(inputs, where)
    if mask is None:
        return [None] * len(values)
    if not isinstance(mask, (list, tuple)) or len(mask) != len(values):
        got = f"{len(mask)}" if isinstance(mask, (list, tuple)) else f"{type(mask).__name__}"
        raise ValueError(f"{where}: expected a list of {len(values)} masks, one for each input, got {got}")
    return list(mask)


def _mask_of(value: Any) -> Any:
    """The mask of an input, with as many axes as the input has; None if it has none."""
    mask = getattr(value, "mask", None)
    while mask is not None and len(mask.shape) < len(value.shape):
        mask = ops.expand_dims(mask, -1)
    return mask


def _among_unmasked(best_of: Callable[[Any, Any], Any], values: list[Any]) -> Any:
    """The elementwise best of all values; where one side is masked, the other is the best."""
    best, counts = values[0], _mask_of(values[0])
    for value in values[1:]:
        mask = _mask_of(value)
        candidate = value if mask is None else ops.where(mask, value, best)
        best = best_of(best if counts is None else ops.where(counts, best, candidate), candidate)
        counts = None if mask is None or counts is None else ops.logical_or(counts, mask)
    return best


class _Merge(Layer):
    """Element by element; sizes of 1 are stretched, and missing axes are put after the batch."""

    _stateless = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    _inputs: int | None = None

    def merge(self, values: list[Any]) -> Any:
        raise NotImplementedError

    def call(self, inputs: Sequence[Tensor]) -> Any:
        values = _several(inputs, f'{type(self).__name__} "{self.name}"', self._inputs)
        rank = max(len(value.shape) for value in values)
        for i, value in enumerate(values):
            missing = rank - len(value.shape)
            if missing and value.shape:
                values[i] = ops.expand_dims(value, list(range(1, 1 + missing)))
        return self.merge(values)

    def compute_mask(self, inputs: Sequence[Operand | Array], mask: Sequence[TensorLike | None] | None = None) -> Any:
        """Where any input counts; nothing is masked unless all inputs are."""
        masks = _masks_of(inputs, mask, self)
        return None if any(m is None for m in masks) else functools.reduce(ops.logical_or, masks)


class Add(_Merge):
    """The sum of the inputs.

    >>> import numpy as np, corten
    >>> corten.layers.Add()([np.float32([[1]]), np.float32([[2]])])
    array([[3.]], dtype=float32)
    """

    def merge(self, values: list[Any]) -> Any:
        return functools.reduce(ops.add, values)


class Subtract(_Merge):
    """The first of two inputs minus the second.

    >>> import numpy as np, corten
    >>> corten.layers.Subtract()([np.float32([[1]]), np.float32([[2]])])
    array([[-1.]], dtype=float32)
    """

    _inputs = 2

    def merge(self, values: list[Any]) -> Any:
        return ops.subtract(*values)


class Multiply(_Merge):
    """The product of the inputs: a masked step counts as 1, and gives 0 where it is masked in all of them.

    >>> import numpy as np, corten
    >>> corten.layers.Multiply()([np.float32([[3]]), np.float32([[2]])])
    array([[6.]], dtype=float32)
    """

    def merge(self, values: list[Any]) -> Any:
        masks = [_mask_of(value) for value in values]
        factors = [value if mask is None else ops.where(mask, value, 1.0) for value, mask in zip(values, masks)]
        product = functools.reduce(ops.multiply, factors)
        if any(mask is None for mask in masks):
            return product
        return ops.where(functools.reduce(ops.logical_or, masks), product, 0.0)


class Average(_Merge):
    """The mean of the inputs.

    >>> import numpy as np, corten
    >>> corten.layers.Average()([np.float32([[1]]), np.float32([[2]])])
    array([[1.5]], dtype=float32)
    """

    def merge(self, values: list[Any]) -> Any:
        return ops.divide(functools.reduce(ops.add, values), len(values))


class Maximum(_Merge):
    """The largest of the inputs, among those that are not masked.

    >>> import numpy as np, corten
    >>> corten.layers.Maximum()([np.float32([[1]]), np.float32([[2]])])
    array([[2.]], dtype=float32)
    """

    def merge(self, values: list[Any]) -> Any:
        return _among_unmasked(ops.maximum, values)


class Minimum(_Merge):
    """The smallest of the inputs, among those that are not masked.

    >>> import numpy as np, corten
    >>> corten.layers.Minimum()([np.float32([[1]]), np.float32([[2]])])
    array([[1.]], dtype=float32)
    """

    def merge(self, values: list[Any]) -> Any:
        return _among_unmasked(ops.minimum, values)


class Concatenate(Layer):
    """The inputs concatenated along an axis.

    >>> import numpy as np, corten
    >>> corten.layers.Concatenate()([np.float32([[1]]), np.float32([[2]])])
    array([[1., 2.]], dtype=float32)
    """

    _stateless = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = whole(axis, "Concatenate: axis")
        self.supports_masking = True

    def call(self, inputs: Sequence[Tensor]) -> Any:
        return ops.concatenate(_several(inputs, f'Concatenate "{self.name}"'), self.axis)

    def compute_mask(self, inputs: Sequence[Operand | Array], mask: Sequence[TensorLike | None] | None = None) -> Any:
        """The masks concatenated: all of an input without one counts, and a step of which any part does."""
        masks = _masks_of(inputs, mask, self)
        if all(m is None for m in masks):
            return None
        full_masks = []
        for value, own_mask in zip(inputs, masks):
            if own_mask is None:
                full_masks.append(ops.ones_like(value, "uint8"))
            elif len(own_mask.shape) == len(value.shape):
                full_masks.append(ops.not_equal(own_mask, 0))
            else:
                stretched = ops.expand_dims(own_mask, list(range(len(own_mask.shape), len(value.shape))))
                full_masks.append(ops.logical_or(stretched, ops.zeros_like(value, "uint8")))
        return ops.any(ops.concatenate(full_masks, self.axis), axis=-1)


class Dot(Layer):
    """Inner products of two inputs, sample by sample.

    Args:
        axes: the axis of each input that is summed over, one int for both or two; counted with the batch.
        normalize: whether vectors along those axes are first scaled to length 1 (the cosine).

    Input (batch, ...) twice; the output has the other axes of the first, then those of the second.

    >>> import numpy as np, corten
    >>> corten.layers.Dot(axes=1)([np.float32([[1, 2]]), np.float32([[3, 4]])])
    array([[11.]], dtype=float32)
    """

    _stateless = True

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = wholes(axes, "Dot: axes")
        pair = pair * 2 if len(pair) == 1 and hasattr(axes, "__index__") else pair
        if len(pair) != 2:
            raise ValueError(f"Dot: axes: expected an int or two ints, got {axes!r}")
        self.supports_masking = True
        self.axes = axes
        self.normalize = bool(normalize)
        self._pair = (pair[0], pair[1])

    def call(self, inputs: Sequence[Tensor]) -> Any:
        where = f'Dot "{self.name}"'
        rows = []
        for value, axis in zip(_several(inputs, where, 2), self._pair):
            rank = len(value.shape)
            if rank < 2 or not -rank < axis < rank or axis == 0:
                raise ShapeError(f"{where}: axis {axis} is out of range for samples of shape {tuple(value.shape)}")
            rows.append(ops.moveaxis(value, axis, -1))
        a, b = rows
        if a.shape[-1] != b.shape[-1]:
            raise ShapeError(
                f"{where}: expected equal sizes along axes {self._pair}, "
                f"got {tuple(inputs[0].shape)} and {tuple(inputs[1].shape)}"
            )
        if self.normalize:
            a, b = (ops.normalize(v, epsilon=1e-6) for v in (a, b))
        batch, size = a.shape[0], a.shape[-1]
        a_outer, b_outer = a.shape[1:-1], b.shape[1:-1]
        flat_a, flat_b = (ops.reshape(v, (batch, math.prod(n), size)) for v, n in ((a, a_outer), (b, b_outer)))
        products = ops.matmul(flat_a, flat_b, transpose_b=True)
        return ops.reshape(products, (batch, *(a_outer + b_outer or (1,))))

    def compute_mask(self, inputs: Sequence[Operand | Array], mask: Sequence[TensorLike | None] | None = None) -> Any:
        """None: steps are summed over."""
        return None


def _function(layer: type[Layer], name: str) -> Callable[..., Any]:
    def merged(inputs: Sequence[Operand | Array], **kwargs: Any) -> Any:
        return layer(**kwargs)(inputs)

    merged.__name__ = merged.__qualname__ = name
    merged.__doc__ = f"``{layer.__name__}(**kwargs)(inputs)``: the layer, made and applied at once."
    return merged


add = _function(Add, "add")
subtract = _function(Subtract, "subtract")
multiply = _function(Multiply, "multiply")
average = _function(Average, "average")
maximum = _function(Maximum, "maximum")
minimum = _function(Minimum, "minimum")


def concatenate(inputs: Sequence[Operand | Array], axis: int = -1, **kwargs: Any) -> Any:
    """``Concatenate(axis, **kwargs)(inputs)``: the layer, made and applied at once."""
    return Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Sequence[Operand | Array], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """``Dot(axes, **kwargs)(inputs)``: the layer, made and applied at once."""
    return Dot(axes, **kwargs)(inputs)
