"""What ops accept and what arithmetic signs work on."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from corten.graph.arrays import Array, as_array

__all__ = ["Operand", "TensorLike", "Value"]

_SIGNS = {"and": "&", "or": "|", "xor": "^", "not": "~"}


class Operand:
    """What ops accept and what arithmetic works on: tensors, symbolic tensors, variables."""

    #: Filled by ``corten.ops``: the functions behind the arithmetic signs.
    operators: dict[str, Callable[..., Any]] = {}
    # NumPy leaves ``array + tensor`` to the tensor.
    __array_ufunc__ = None
    shape: tuple[Any, ...]
    dtype: str

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def _keras_mask(self) -> Any:
        """The mask that came with the tensor, by the name under which Keras's guide to masking looks at it."""
        return getattr(self, "mask", None)

    def __add__(self, other: Any) -> Any:
        return self.operators["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        return self.operators["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        return self.operators["subtract"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return self.operators["subtract"](other, self)

    def __mul__(self, other: Any) -> Any:
        return self.operators["multiply"](self, other)

    def __rmul__(self, other: Any) -> Any:
        return self.operators["multiply"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return self.operators["divide"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self.operators["divide"](other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self.operators["floor_divide"](self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self.operators["floor_divide"](other, self)

    def __mod__(self, other: Any) -> Any:
        return self.operators["mod"](self, other)

    def __rmod__(self, other: Any) -> Any:
        return self.operators["mod"](other, self)

    def __pow__(self, other: Any) -> Any:
        return self.operators["power"](self, other)

    def __rpow__(self, other: Any) -> Any:
        return self.operators["power"](other, self)

    def __matmul__(self, other: Any) -> Any:
        return self.operators["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self.operators["matmul"](other, self)

    def __neg__(self) -> Any:
        return self.operators["negative"](self)

    def __abs__(self) -> Any:
        return self.operators["abs"](self)

    # Equality is element by element, as the other comparisons are; as a key of a dict a tensor stands for itself.
    __hash__ = object.__hash__

    def __eq__(self, other: Any) -> Any:
        return self.operators["equal"](self, other) if isinstance(other, _NUMBERS) else NotImplemented

    def __ne__(self, other: Any) -> Any:
        return self.operators["not_equal"](self, other) if isinstance(other, _NUMBERS) else NotImplemented

    def __and__(self, other: Any) -> Any:
        return self._logical("and", self, other)

    def __rand__(self, other: Any) -> Any:
        return self._logical("and", other, self)

    def __or__(self, other: Any) -> Any:
        return self._logical("or", self, other)

    def __ror__(self, other: Any) -> Any:
        return self._logical("or", other, self)

    def __xor__(self, other: Any) -> Any:
        return self._logical("xor", self, other)

    def __rxor__(self, other: Any) -> Any:
        return self._logical("xor", other, self)

    def __invert__(self) -> Any:
        return self._logical("not", self)

    def _logical(self, name: str, *operands: Any) -> Any:
        """What ``& | ^ ~`` mean for masks: what comparisons give, and bools."""
        for operand in operands:
            dtype = (operand if isinstance(operand, Operand) else as_array(operand, _SIGNS[name])).dtype
            if dtype == "int32":
                raise TypeError(
                    f"{_SIGNS[name]}: bits of integers are not supported, got {dtype}; for truth values use "
                    f"ops.logical_{name}, or compare first: (x != 0)"
                )
        return self.operators[f"logical_{name}"](*operands)

    def __lt__(self, other: Any) -> Any:
        return self.operators["less"](self, other)

    def __le__(self, other: Any) -> Any:
        return self.operators["less_equal"](self, other)

    def __gt__(self, other: Any) -> Any:
        return self.operators["greater"](self, other)

    def __ge__(self, other: Any) -> Any:
        return self.operators["greater_equal"](self, other)

    def __getitem__(self, key: Any) -> Any:
        return self.operators["getitem"](self, key)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("a tensor cannot be iterated over; index or slice it")

    def __bool__(self) -> bool:
        raise TypeError("a tensor has no truth value while a model is traced; use corten.ops.where")


#: What a tensor is compared with, element by element; anything else (None, text) is not equal to it.
_NUMBERS = (Operand, np.ndarray, numbers.Number, np.bool_, list, tuple)

#: What a function of tensors takes: tensors, symbolic tensors, variables, arrays, numbers and lists of these.
TensorLike: TypeAlias = Operand | ArrayLike

#: What an op computes with, once numbers and lists have become arrays.
Value: TypeAlias = Operand | Array
