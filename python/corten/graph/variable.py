"""Variables: arrays that outlive a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from corten import _core
from corten.errors import ArgumentTypeError
from corten.graph.arrays import Array, stored
from corten.graph.locks import tracing
from corten.graph.operand import Operand, TensorLike

__all__ = ["Variable", "assign", "clear", "values"]


class Variable(Operand):
    """An array that outlives a run: a weight, an optimizer's slot, a metric's sum, a counter.

    ``initializer`` is an array, or a function of (shape, dtype) that gives one. The dtype is float32 or int32.
    Inside a graph, :meth:`assign` takes effect for everything that is pushed after it; the variable itself changes when
    the run ends.

    >>> import corten
    >>> weight = corten.Variable([1.0, 2.0])
    >>> weight.assign(weight * 2)
    >>> weight.numpy()
    array([2., 4.], dtype=float32)
    """

    def __init__(
        self,
        initializer: ArrayLike | Callable[..., ArrayLike],
        shape: Sequence[int] | None = None,
        dtype: str = "float32",
        trainable: bool = True,
        name: str = "variable",
        regularizer: Callable[[Any], Any] | None = None,
        constraint: Callable[[Any], Any] | None = None,
    ) -> None:
        if dtype not in ("float32", "int32"):
            raise ValueError(f"Variable {name!r}: dtype must be 'float32' or 'int32', got {dtype!r}")
        if isinstance(initializer, str):
            raise ArgumentTypeError(f"Variable {name!r}: expected an array or an initializer, got {initializer!r}")
        for what, function in (("regularizer", regularizer), ("constraint", constraint)):
            if function is not None and not callable(function):
                raise ArgumentTypeError(f"Variable {name!r}: {what}: expected a function, got {function!r}")
        value = initializer(tuple(shape or ()), dtype) if callable(initializer) else initializer
        array = stored(value, name, dtype)
        if shape is not None and array.shape != tuple(shape):
            raise ValueError(f"Variable {name!r}: expected shape {tuple(shape)}, got {array.shape}")
        self.core = _core.Variable(array)
        self.shape: tuple[int, ...] = array.shape
        self.dtype = dtype
        self.name = name
        self.path = name
        self.trainable = trainable
        self.regularizer = regularizer
        self.constraint = constraint

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    def numpy(self) -> Array:
        """A copy of what it holds."""
        return self.core.value()

    @property
    def value(self) -> Any:
        """Inside a graph the tensor, elsewhere a copy of the array."""
        graph = _core.current()
        return self.numpy() if graph is None else graph.variable(self)

    def assign(self, value: TensorLike) -> None:
        """Gives the variable a new value of the same shape, at once or, inside a graph, when the run ends."""
        assign([self], [value])

    def assign_add(self, value: TensorLike) -> None:
        """``assign(self + value)``; where several threads add at once, every addition counts."""
        with tracing:
            self.assign(self.value + value)

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.numpy(), dtype=dtype)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles, which hold what it holds now."""
        return {**vars(self), "core": self.numpy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, core=_core.Variable(state["core"]))

    def __repr__(self) -> str:
        return f"<Variable path={self.path!r} shape={self.shape} dtype={self.dtype}>"


def assign(variables: Sequence[Variable], values: Sequence[Any]) -> None:
    """:meth:`Variable.assign` for each variable: all of them or, after an error or Ctrl-C, none."""
    graph = _core.current()
    if graph is not None:
        for variable, value in zip(variables, values, strict=True):
            graph.assign(variable, value)
        return
    arrays = []
    for variable, value in zip(variables, values, strict=True):
        array = stored(value, variable.name, variable.dtype)
        if array.shape != variable.shape:
            raise ValueError(
                f"assign to variable {variable.path!r}: expected shape {variable.shape}, got {array.shape}"
            )
        arrays.append(array)
    _core.assign([variable.core for variable in variables], arrays)


def clear(variables: Sequence[Variable]) -> None:
    """Assigns zero to all elements of each variable."""
    if _core.current() is None:
        _core.clear([variable.core for variable in variables])
    else:
        assign(variables, [np.zeros(variable.shape, variable.dtype) for variable in variables])


def values(variables: Sequence[Variable]) -> list[Array]:
    """Copies of what the variables hold, all of one moment: an assignment or a step in another thread is not torn."""
    return _core.values([variable.core for variable in variables])
