"""Where data enter a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten.layers.layer import Layer
from corten.tensor import SymbolicTensor

__all__ = ["Input", "InputLayer"]

_KINDS = {"float32": "float32", "float64": "float32", "float16": "float32", "bool": "uint8", "uint8": "uint8"}


def kind_of(dtype: str | None) -> str:
    """The engine's dtype for a dtype that the user names: float32, int32 or uint8."""
    if dtype is None:
        return "float32"
    name = str(dtype)
    kind = _KINDS.get(name, "int32" if name.startswith(("int", "uint")) else None)
    if kind is None:
        raise TypeError(f"Input: expected a float, integer or bool dtype, got {dtype!r}")
    return kind


class InputLayer(Layer):
    """Promises the shape and dtype of what is fed to a model.

    Args:
        shape: without the batch; ``None`` where a size is known only when data come.
        batch_size: a fixed batch, or None.
        dtype: float32 by default; integers are fed as int32.
        batch_shape: ``shape`` with the batch first, in place of both.

    >>> import corten
    >>> corten.layers.InputLayer(shape=(28, 28, 1)).batch_shape
    (None, 28, 28, 1)
    """

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: SymbolicTensor | None = None,
        optional: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if sparse or ragged:
            raise ValueError("Input: sparse and ragged inputs are not supported; give dense arrays")
        if optional:
            raise ValueError("Input: optional inputs are not supported")
        if input_tensor is not None:
            batch_shape, dtype = input_tensor.shape, dtype or input_tensor.dtype
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                f"Input: give either shape or batch_shape, got shape={shape!r}, batch_shape={batch_shape!r}"
            )
        sizes = (batch_size, *_sizes(shape)) if batch_shape is None else _sizes(batch_shape)
        for size in sizes:
            if size is not None and (isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 0):
                raise ValueError(f"Input: sizes must be ints >= 0 or None, got {size!r} in {sizes}")
        self.batch_shape: tuple[int | None, ...] = tuple(None if size is None else int(size) for size in sizes)
        self.kind = kind_of(dtype)
        self.built = True
        if input_tensor is None:
            input_tensor = SymbolicTensor(self.batch_shape, self.kind, name=self.name)
        self._symbol = input_tensor

    @property
    def input(self) -> SymbolicTensor:
        return self._symbol

    @property
    def output(self) -> SymbolicTensor:
        """What is fed, as a symbolic tensor."""
        return self._symbol

    def call(self, inputs: Any) -> Any:
        return inputs


def _sizes(shape: Any) -> tuple[Any, ...]:
    if isinstance(shape, (int, np.integer)) or not hasattr(shape, "__iter__"):
        raise ValueError(f"Input: a shape is a tuple, got {shape!r}; write shape=({shape},)")
    return tuple(int(size) if hasattr(size, "__index__") and not isinstance(size, bool) else size for size in shape)


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: SymbolicTensor | None = None,
    optional: bool = False,
) -> SymbolicTensor:
    """An input of a functional model: a symbolic tensor.

    >>> import corten
    >>> x = corten.Input((4,))
    >>> corten.Model(x, corten.layers.Dense(2)(x)).output_shape
    (None, 2)
    """
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name).output
