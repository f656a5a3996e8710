"""Where data enter a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import DTypeLike

from corten.arguments import shown, whole
from corten.errors import ArgumentTypeError
from corten.graph import SymbolicTensor, Tensor, engine_dtype
from corten.layers.arguments import outdated
from corten.layers.layer import Layer

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """Declares the shape and dtype of a model's input.

    Args:
        shape: without the batch; ``None`` where a size is not known before data come.
        batch_size: a fixed batch, or None.
        dtype: float32 by default; integers are fed as int32.
        batch_shape: ``shape`` with the batch first, in place of both.

    >>> import corten
    >>> corten.layers.InputLayer(shape=(28, 28, 1)).batch_shape
    (None, 28, 28, 1)
    """

    _stateless = True

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: DTypeLike | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: SymbolicTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        shape = outdated(self, kwargs, "input_shape", "shape", shape)
        batch_shape = outdated(self, kwargs, "batch_input_shape", "batch_shape", batch_shape)
        super().__init__(name=name, **kwargs)
        if sparse or ragged:
            raise ValueError("Input: sparse and ragged inputs are not supported; give dense arrays")
        if optional:
            raise ValueError("Input: optional inputs are not supported")
        if input_tensor is not None:
            dtype = self._dtype_of(input_tensor, shape, batch_size, batch_shape, dtype)
            shape, batch_size, batch_shape = None, None, input_tensor.shape
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                f"Input: give either shape or batch_shape, got shape={shape!r}, batch_shape={batch_shape!r}"
            )
        if batch_shape is not None and batch_size is not None:
            raise ValueError(
                f"Input: batch_size belongs to shape; got batch_size={batch_size!r} and batch_shape={batch_shape!r}"
            )
        sizes = (_size(batch_size), *_sizes(shape)) if batch_shape is None else _sizes(batch_shape)
        self.batch_shape: tuple[int | None, ...] = sizes
        self.kind = engine_dtype(dtype or "float32")
        if input_tensor is None:
            input_tensor = SymbolicTensor(self.batch_shape, self.kind, name=self.name)
        self._symbol = input_tensor

    @staticmethod
    def _dtype_of(tensor: Any, shape: Any, batch_size: Any, batch_shape: Any, dtype: Any) -> str:
        """The dtype of the tensor that is the input; the other arguments must not contradict it."""
        if not isinstance(tensor, SymbolicTensor):
            raise ArgumentTypeError(f"Input: tensor: expected a symbolic tensor, got {type(tensor).__name__}")
        for what, value, actual in (
            ("shape", shape if shape is None else _sizes(shape), tensor.shape[1:]),
            ("batch_shape", batch_shape if batch_shape is None else _sizes(batch_shape), tensor.shape),
            ("batch_size", batch_size, tensor.shape[0]),
            ("dtype", dtype if dtype is None else engine_dtype(dtype), tensor.dtype),
        ):
            if value is not None and value != actual:
                raise ValueError(f"Input: {what}: the tensor has {actual}, got {value}")
        return tensor.dtype

    @property
    def input(self) -> SymbolicTensor:
        return self._symbol

    @property
    def output(self) -> SymbolicTensor:
        """What is fed, as a symbolic tensor."""
        return self._symbol

    def get_config(self) -> dict[str, Any]:
        """The shape and dtype, in Keras's order."""
        return {
            "batch_shape": list(self.batch_shape),
            "dtype": self.kind,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": False,
        }

    def call(self, inputs: Tensor) -> Any:
        return inputs


def _sizes(shape: Any) -> tuple[int | None, ...]:
    if isinstance(shape, str) or hasattr(shape, "__index__") or not hasattr(shape, "__iter__"):
        raise ValueError(f"Input: a shape is a tuple such as (4,), got {shown(shape)}")
    return tuple(_size(size) for size in shape)


def _size(size: Any) -> int | None:
    return None if size is None else whole(size, "Input: sizes", 0, 2**63 - 1)


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike | None = None,
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
