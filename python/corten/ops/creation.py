"""Values that depend on no input: inside a model they are constants, elsewhere arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from corten.arguments import INT64, extents, number, whole
from corten.graph import (
    Array,
    Operand,
    SymbolicTensor,
    Tensor,
    TensorLike,
    as_array,
    current_graph,
    engine_dtype,
    numeric,
    symbolic,
)
from corten.ops.axes import axis_of
from corten.ops.dtypes import cast, untouched
from corten.ops.dtypes import shape as shape_of

__all__ = [
    "arange",
    "array",
    "constant",
    "convert_to_numpy",
    "convert_to_tensor",
    "eye",
    "full",
    "full_like",
    "is_tensor",
    "linspace",
    "ndim",
    "ones",
    "ones_like",
    "size",
    "zeros",
    "zeros_like",
]


def constant(value: ArrayLike) -> Any:
    """An array as a value of the model being traced; outside one, the array as float32, int32 or uint8.

    >>> from corten import ops
    >>> ops.constant([1.5, 2.5])
    array([1.5, 2.5], dtype=float32)
    """
    graph = current_graph()
    return untouched(as_array(value)) if graph is None else graph.constant(value)


def convert_to_tensor(
    x: TensorLike, dtype: DTypeLike | None = None, sparse: bool | None = None, ragged: bool | None = None
) -> Any:
    """``x`` as what ops work on: a tensor within a step, elsewhere an array of float32, int32 or uint8.

    Raises:
        ValueError: sparse or ragged tensors are asked for; there are none.

    >>> from corten import ops
    >>> ops.convert_to_tensor([1, 2], dtype="float32")
    array([1., 2.], dtype=float32)
    """
    if sparse or ragged:
        raise ValueError("convert_to_tensor: sparse and ragged tensors are not supported")
    tensor = x if isinstance(x, Operand) else constant(x)
    return tensor if dtype is None else cast(tensor, dtype)


def convert_to_numpy(x: TensorLike) -> Array:
    """``x`` as an array: also a variable, and a tensor that has its numbers already.

    Raises:
        TypeError: ``x`` is symbolic.
        ValueError: ``x`` is a tensor of a step that is being traced.

    >>> import corten
    >>> corten.ops.convert_to_numpy(corten.Variable([1.0, 2.0]))
    array([1., 2.], dtype=float32)
    """
    if isinstance(x, SymbolicTensor):
        raise TypeError(f"convert_to_numpy: {x!r} is symbolic and has no values; use model.predict")
    return np.asarray(x)


def array(x: TensorLike, dtype: DTypeLike | None = None) -> Any:
    """As :func:`convert_to_tensor`.

    >>> from corten import ops
    >>> ops.array([1.5, 2.5])
    array([1.5, 2.5], dtype=float32)
    """
    return convert_to_tensor(x, dtype)


def is_tensor(x: TensorLike) -> bool:
    """Whether ``x`` is what ops give: an array, a tensor, a symbolic tensor; a variable is none.

    >>> from corten import ops
    >>> ops.is_tensor(ops.ones(2)), ops.is_tensor([1.0, 1.0])
    (True, False)
    """
    return isinstance(x, (np.ndarray, np.generic, Tensor, SymbolicTensor))


def ndim(x: TensorLike) -> int:
    """The number of axes.

    >>> from corten import ops
    >>> ops.ndim([[1, 2, 3]])
    2
    """
    return len(shape_of(x))


def size(x: TensorLike) -> int | None:
    """The number of elements; None where a size is known only when data come.

    >>> from corten import ops
    >>> ops.size([[1, 2, 3]])
    3
    """
    sizes: tuple[int | None, ...] = shape_of(x)
    return None if None in sizes else int(np.prod(np.array(sizes, np.int64)))


def full(shape: int | Sequence[int], fill_value: float, dtype: DTypeLike = "float32") -> Any:
    """A constant of one number.

    >>> from corten import ops
    >>> ops.full(2, 7)
    array([7., 7.], dtype=float32)
    """
    return _full("full", shape, _typed(fill_value, dtype, "full: fill_value"), dtype)


def _full(what: str, shape: Any, value: Any, dtype: Any) -> Any:
    return constant(np.full(extents(shape, f"{what}: shape"), value, engine_dtype(dtype)))


def _typed(value: Any, dtype: Any, what: str) -> Array:
    """Numbers as an array of another type; ``IndexError`` for one that an integer type does not have."""
    array, wanted = numeric(value, what), np.dtype(engine_dtype(dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        typed: Array = array.astype(wanted)
    if wanted.kind in "iu" and not np.array_equal(typed, np.trunc(array)):
        wrong = array[typed != np.trunc(array)].flat[0]
        raise IndexError(f"{what}: expected numbers of {wanted}, got {wrong}")
    return typed


def zeros(shape: int | Sequence[int], dtype: DTypeLike = "float32") -> Any:
    """A constant of zeros.

    >>> from corten import ops
    >>> ops.zeros(2)
    array([0., 0.], dtype=float32)
    """
    return _full("zeros", shape, 0, dtype)


def ones(shape: int | Sequence[int], dtype: DTypeLike = "float32") -> Any:
    """A constant of ones.

    >>> from corten import ops
    >>> ops.ones(2)
    array([1., 1.], dtype=float32)
    """
    return _full("ones", shape, 1, dtype)


@symbolic
def zeros_like(x: TensorLike, dtype: DTypeLike = "float32") -> Any:
    """A constant of zeros in the shape of ``x``.

    >>> from corten import ops
    >>> ops.zeros_like([3, 4])
    array([0., 0.], dtype=float32)
    """
    return full(shape_of(x), 0, dtype)


@symbolic
def ones_like(x: TensorLike, dtype: DTypeLike = "float32") -> Any:
    """A constant of ones in the shape of ``x``.

    >>> from corten import ops
    >>> ops.ones_like([3, 4])
    array([1., 1.], dtype=float32)
    """
    return full(shape_of(x), 1, dtype)


@symbolic
def full_like(x: TensorLike, fill_value: float, dtype: DTypeLike = "float32") -> Any:
    """A constant of one number in the shape of ``x``.

    >>> from corten import ops
    >>> ops.full_like([3, 4], 7)
    array([7., 7.], dtype=float32)
    """
    return full(shape_of(x), fill_value, dtype)


def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """``num`` numbers, equally far apart, from ``start`` to ``stop`` (without ``endpoint``: up to one before it).

    Args:
        start, stop: numbers or arrays; between arrays the new axis is ``axis``.
        num: at least 0.
        endpoint: whether ``stop`` is the last.
        retstep: whether to give the distance too.
        dtype: float32 by default.

    >>> from corten import ops
    >>> ops.linspace(0, 1, 5)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    first, last = numeric(start, "linspace: start"), numeric(stop, "linspace: stop")
    count = whole(num, "linspace: num", 0, 2**63 - 1)
    axis = axis_of(axis, np.broadcast(first, last).ndim + 1, "linspace")
    with np.errstate(over="ignore", invalid="ignore"):
        values, step = np.linspace(first, last, count, bool(endpoint), retstep=True, axis=axis)
    numbers = constant(_typed(values, "float32" if dtype is None else dtype, "linspace"))
    return (numbers, step) if retstep else numbers


def arange(start: float, stop: float | None = None, step: float = 1, dtype: DTypeLike | None = None) -> Any:
    """The numbers ``start, start + step, ...`` below ``stop``; of int32 where all three are ints.

    >>> from corten import ops
    >>> ops.arange(3)
    array([0, 1, 2], dtype=int32)
    """
    first, last = (0, start) if stop is None else (start, stop)
    limits = [_scalar(first, "arange: start"), _scalar(last, "arange: stop"), _scalar(step, "arange: step")]
    if limits[2] == 0:
        raise ValueError("arange: step: expected a number other than 0, got 0")
    values = np.arange(*limits)
    return constant(values if dtype is None else _typed(values, dtype, "arange"))


def _scalar(value: Any, where: str) -> int | float:
    """A finite number, an int of 64 bits where it is one."""
    if hasattr(value, "__index__"):
        return whole(value, where, *INT64)
    return number(value, where)


def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike = "float32") -> Any:  # noqa: N803
    """Ones on the ``k``-th diagonal of an N x M (N x N) matrix of zeros.

    >>> from corten import ops
    >>> ops.eye(2)
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    rows, columns = (whole(n, f"eye: {name}", 0, 2**63 - 1) for name, n in (("N", N), ("M", N if M is None else M)))
    return constant(np.eye(rows, columns, max(-rows, min(whole(k, "eye: k"), columns)), engine_dtype(dtype)))
