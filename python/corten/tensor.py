"""Values: tensors of a graph, symbolic tensors of a functional model, and variables that outlive a run.

A :class:`Graph` is where ops are pushed. A *traced* graph only records them, to be compiled; an *eager* graph computes
each one at once. Ops called on plain NumPy arrays, outside any graph, run directly and give arrays.
"""

from __future__ import annotations

import functools
import math
import numbers
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ParamSpec, TypeVar, Union, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from corten import _core
from corten._core import has_symbolic
from corten.errors import ArgumentTypeError

__all__ = [
    "Graph",
    "Operand",
    "StandIn",
    "SymbolicTensor",
    "Tensor",
    "Variable",
    "as_array",
    "assign",
    "clear",
    "current_graph",
    "gradients",
    "has_symbolic",
    "kind",
    "push",
    "symbolic",
    "tracing",
    "values",
]

Array = NDArray[Any]
P = ParamSpec("P")
R = TypeVar("R")

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_core.before_fork,
        after_in_parent=functools.partial(_core.after_fork, False),
        after_in_child=functools.partial(_core.after_fork, True),
    )

#: One thread at a time traces a step, runs one op by op, or builds a layer. A fork waits for it, else the child would
#: for ever.
tracing = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=tracing.acquire, after_in_parent=tracing.release, after_in_child=tracing.release)

_KINDS = {"float32": np.float32, "int32": np.int32, "uint8": np.uint8}
_OWN = (np.dtype(np.float32), np.dtype(np.int32), np.dtype(np.uint8))


def as_array(value: ArrayLike, what: str = "array") -> Array:
    """``value`` as an aligned, C-contiguous, native array of float32, int32 or uint8.

    Floats become float32, bool and uint8 uint8, other integers int32. An integer outside int32 raises ``IndexError``;
    objects, text, dates, complex numbers and masked arrays raise ``TypeError``.
    """
    # The common case first: an op on small arrays costs little more than this function.
    if type(value) is np.ndarray and value.dtype in _OWN and value.flags.carray:
        return value
    array = numeric(value, what)
    if array.dtype == np.float32 or array.dtype == np.int32 or array.dtype == np.uint8:
        kind: Any = array.dtype.newbyteorder("=")
    elif array.dtype.kind == "f":
        kind = np.float32
    elif array.dtype.kind == "b":
        kind = np.uint8
    else:
        narrow = array.astype(np.int32, order="C")
        if not np.array_equal(narrow, array):
            raise IndexError(f"{what}: integers must fit into int32, got {array.min()}..{array.max()}")
        return narrow
    return native(array, kind)


def kind(dtype: Any) -> str:
    """The engine's type for a dtype the caller names: floats are float32, integers int32, bool and uint8 uint8."""
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if name in ("float32", "float64", "float16", "bfloat16"):
        return "float32"
    if name in ("bool", "uint8"):
        return "uint8"
    if name in ("int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"):
        return "int32"
    raise TypeError(f"dtype: expected a float, integer or bool type, got {dtype!r}")


def native(array: Array, dtype: Any) -> Array:
    """``array`` as the engine reads arrays: of this dtype, C-contiguous and aligned; a copy only where it is not."""
    flags = array.flags
    # What np.require does, in a tenth of the time where nothing is to be done.
    if array.dtype == dtype and flags.c_contiguous and flags.aligned:
        return array
    return np.require(array, dtype=dtype, requirements=("C", "A"))


def numeric(value: ArrayLike, what: str) -> Array:
    """``value`` as an array of real numbers, of whatever type; ``TypeError`` for what is none."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{what}: masked arrays are not supported; fill the masked entries first (array.filled(...))")
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{what}: expected an array of numbers, got {type(value).__name__} ({error})") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what}: expected numbers, got dtype {array.dtype}")
    return array


def _stored(value: ArrayLike, what: str, dtype: str) -> Array:
    """``value`` as an array of a variable's dtype; what is no int32 raises ``IndexError`` where one belongs."""
    array = numeric(value, what)
    if dtype == "int32" and array.dtype.kind == "f":
        fits = (np.floor(array) == array) & (array >= -(2.0**31)) & (array < 2.0**31)
        if not fits.all():
            raise IndexError(f"{what}: expected whole numbers of int32, got {array[~fits].flat[0]}")
    elif dtype == "int32":
        array = as_array(array, what)
    return native(array, _KINDS[dtype])


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


class Tensor(Operand):
    """A value of a :class:`Graph`: shape and dtype are known at once, numbers only in an eager graph."""

    __slots__ = ("dtype", "graph", "id", "mask", "shape")

    def __init__(self, graph: Graph, id: int) -> None:
        shape, self.dtype = graph.core.spec(id)
        self.shape: tuple[int, ...] = tuple(shape)
        self.graph = graph
        self.id = id
        #: Which time steps count, or None: carried from layer to layer.
        self.mask: Any = None

    def numpy(self) -> Array:
        """The numbers (a copy); ``ValueError`` where the graph is only being traced."""
        if not self.graph.eager:
            raise ValueError(
                f"{self!r} has no numbers yet: the model is being traced; set run_eagerly=True to look at values"
            )
        return self.graph.core.data(self.id)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.numpy(), dtype=dtype)

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __repr__(self) -> str:
        return f"<Tensor shape={self.shape} dtype={self.dtype}>"


class SymbolicTensor(Operand):
    """A value of a functional model: ``None`` stands for a size that is known only when data come."""

    __slots__ = ("call", "dtype", "index", "mask", "name", "shape")

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: str = "float32",
        name: str | None = None,
        call: Call | None = None,
        index: int = 0,
    ) -> None:
        self.shape: tuple[int | None, ...] = tuple(shape)
        self.dtype = kind(dtype)
        self.name = name
        #: The call that gives this value; None for an input of the model.
        self.call = call
        self.index = index
        self.mask: Any = None

    def __repr__(self) -> str:
        return f"<SymbolicTensor shape={self.shape} dtype={self.dtype} name={self.name}>"


class Call:
    """A function (a layer, an op) applied to arguments among which are symbolic tensors."""

    __slots__ = ("args", "function", "kwargs", "outputs")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.outputs: Any = None


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
        initializer: Any,
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
        array = _stored(value, name, dtype)
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
        graph = current_graph()
        return self.numpy() if graph is None else graph.variable(self)

    def assign(self, value: Any) -> None:
        """Gives the variable a new value of the same shape, at once or, inside a graph, when the run ends."""
        assign([self], [value])

    def assign_add(self, value: Any) -> None:
        """``assign(self + value)``; where several threads add at once, every addition counts."""
        with tracing:
            self.assign(self.value + value)

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.numpy(), dtype=dtype)

    def __reduce_ex__(self, _protocol: Any) -> Any:
        raise TypeError(
            f"variable {self.path!r}, and what it belongs to, can be neither pickled nor copied; make the same again "
            "and give it the values: set_weights(get_weights()), or save_weights and load_weights"
        )

    def __repr__(self) -> str:
        return f"<Variable path={self.path!r} shape={self.shape} dtype={self.dtype}>"


def assign(variables: Sequence[Variable], values: Sequence[Any]) -> None:
    """:meth:`Variable.assign` for each variable: all of them or, after an error or Ctrl-C, none."""
    graph = current_graph()
    if graph is not None:
        for variable, value in zip(variables, values, strict=True):
            graph.assign(variable, value)
        return
    arrays = []
    for variable, value in zip(variables, values, strict=True):
        array = _stored(value, variable.name, variable.dtype)
        if array.shape != variable.shape:
            raise ValueError(
                f"assign to variable {variable.path!r}: expected shape {variable.shape}, got {array.shape}"
            )
        arrays.append(array)
    _core.assign([variable.core for variable in variables], arrays)


def clear(variables: Sequence[Variable]) -> None:
    """Assigns zero to all elements of each variable."""
    if current_graph() is None:
        _core.clear([variable.core for variable in variables])
    else:
        assign(variables, [np.zeros(variable.shape, variable.dtype) for variable in variables])


def values(variables: Sequence[Variable]) -> list[Array]:
    """Copies of what the variables hold, all of one moment: an assignment or a step in another thread is not torn."""
    return _core.values([variable.core for variable in variables])


def current_graph() -> Graph | None:
    """The graph that ops called now, by this thread, are pushed to, if any."""
    return cast("Graph | None", _core.current())


#: Gives the variable that a graph uses in the place of another, or that itself.
StandIn = Callable[[Variable], Variable]


class Graph(_core.Entered):
    """Ops applied to values; within ``with graph:`` ops are pushed to it.

    Args:
        eager: whether each op is computed as it is pushed.
        stand_in: variable -> the variable that is read and assigned in its place.
    """

    def __init__(self, eager: bool = False, stand_in: StandIn | None = None) -> None:
        self.core = _core.Graph(eager)
        self.eager = eager
        self._stand_in = stand_in
        self._variables: dict[int, Tensor] = {}
        self._assigned: dict[int, tuple[Variable, Tensor]] = {}
        self._read: dict[int, Tensor] = {}
        #: What layers have added to the loss of this step: (layer, scalar).
        self.losses: list[tuple[Any, Any]] = []
        #: What the trace depends on beside its inputs, by id: (object, the changes that its attributes had).
        self.guards: dict[int, tuple[Any, Any]] = {}
        #: Whether this is a trial in which numbers stand for sizes, beside the batch's, that are not known.
        self.open = False
        #: Where set, ``through(layer, *args, **kwargs)`` stands in for each ``layer.call``: to look at what is inside.
        self.through: Callable[..., Any] | None = None

    def input(self, shape: Sequence[int], dtype: str = "float32") -> Tensor:
        """A value fed at every run of the compiled graph."""
        return Tensor(self, self.core.input(list(shape), dtype))

    def constant(self, value: ArrayLike) -> Tensor:
        return Tensor(self, self.core.constant(as_array(value)))

    def variable(self, variable: Variable) -> Tensor:
        """What the variable holds at this point of the step.

        A value that was assigned is a new beginning, as a variable's value always is: no gradient passes back to what
        it was computed from, so that two optimizers in one step do not differentiate each other's updates.
        """
        if self._stand_in is not None:
            variable = self._stand_in(variable)
        assigned = self._assigned.get(variable.core.id)
        if assigned is not None:
            read = self._read.get(variable.core.id)
            if read is None:
                read = self._read[variable.core.id] = self.push("stop_gradient", [assigned[1]], {})[0]
            return read
        tensor = self._variables.get(variable.core.id)
        if tensor is None:
            tensor = self._variables[variable.core.id] = Tensor(self, self.core.variable(variable.core))
        return tensor

    def assign(self, variable: Variable, value: Any) -> None:
        if self._stand_in is not None:
            variable = self._stand_in(variable)
        tensor = self.tensor(value, variable.dtype)
        if tensor.shape != variable.shape or tensor.dtype != variable.dtype:
            raise ValueError(
                f"assign to variable {variable.path!r}: expected {variable.dtype} {variable.shape}, "
                f"got {tensor.dtype} {tensor.shape}"
            )
        self._assigned[variable.core.id] = (variable, tensor)
        self._read.pop(variable.core.id, None)

    def tensor(self, value: Any, dtype: str | None = None) -> Tensor:
        """``value`` as a tensor of this graph; a Python number or float array takes ``dtype``."""
        if isinstance(value, Tensor):
            if value.graph is not self:
                raise ValueError(f"{value!r} belongs to another step; a tensor lives only in the step that made it")
            return value
        if isinstance(value, Variable):
            return self.variable(value)
        if isinstance(value, SymbolicTensor):
            raise ValueError(f"{value!r} is symbolic and was used while a step is traced")
        if dtype is not None:
            value = _stored(value, "constant", dtype)
        return self.constant(value)

    def known(self, tensor: Tensor) -> Array:
        """The numbers of a tensor that depends on constants alone, such as sizes that were put together by ops.

        Raises:
            ValueError: it depends on data or on variables.
        """
        if self.eager:
            return tensor.numpy()
        left, variables = [tensor.id], {variable.id for variable in self._variables.values()}
        while left:
            value = left.pop()
            producer = self.core.producer(value)
            if value in variables:
                raise ValueError("it depends on a variable")
            left.extend([] if producer is None else producer[1])
        program = self.core.compile([], [tensor.id])
        found = [np.zeros(shape, dtype) for shape, dtype in program.outputs]
        program.run([], None, 0, 1, 1, found, None, math.inf)
        return found[0]

    def push(self, op: str, inputs: Sequence[Any], attributes: dict[str, Any]) -> list[Tensor]:
        ids = [self.tensor(value).id for value in inputs]
        return [Tensor(self, id) for id in self.core.push(op, ids, attributes)]

    def guard_on(self, *things: Any) -> None:
        """Says that a trace is outdated once an attribute of one of ``things`` has another value than now."""
        if not self.eager:
            self.guards.update((id(thing), (thing, thing._changes)) for thing in things)

    def compile(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _core.Program:
        """The program that computes ``outputs`` and every assignment from ``inputs``."""
        self._update()
        return self.core.compile([t.id for t in inputs], [t.id for t in outputs])

    def finish(self) -> None:
        """Ends an eager step: assigned variables take their new values."""
        self._update()
        self.core.finish()

    def _update(self) -> None:
        for variable, tensor in self._assigned.values():
            self.core.update(variable.core, tensor.id)
        # Tensors refer to the graph: without these nothing but the caller's own keeps an ended step and its data alive.
        self._assigned.clear()
        self._read.clear()
        self._variables.clear()
        self.losses.clear()


def push(op: str, inputs: Sequence[Any], **attributes: Any) -> list[Any]:
    """Applies the engine's op ``op``: in the current graph, or at once where the inputs are arrays."""
    graph = current_graph()
    if graph is not None:
        return graph.push(op, inputs, attributes)
    for value in inputs:
        if isinstance(value, Tensor):
            raise ValueError(f"{op}: {value!r} belongs to a step that has ended")
    return _core.run(op, [as_array(v.numpy() if isinstance(v, Variable) else v, op) for v in inputs], attributes)


def gradients(loss: Any, wrt: Any) -> Any:
    """d ``loss`` / d w for each w of ``wrt``: variables, inputs or inner activations, one or a list.

    A loss that is not a scalar counts as the sum of its elements. Works wherever tensors flow: in ``train_step``, in a
    ``corten.function``, in a layer's ``call``, and on the symbolic tensors of a functional model. The gradient is zero
    where the loss does not depend on w. Nothing is computed for what is not asked for. The gradients are ordinary
    tensors: they can be used, and differentiated, further.

    >>> import numpy as np, corten
    >>> x = corten.Input((3,))
    >>> slope = corten.Model(x, corten.gradients(x * x, x))
    >>> slope.predict(np.float32([[1, 2, 3]]), verbose=0)
    array([[2., 4., 6.]], dtype=float32)
    """
    return _gradients(loss, wrt)


def symbolic(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function of tensors, as those of ``corten.ops``, out of one that calls :func:`push` or others like it.

    Applied to symbolic tensors, the call is recorded and its result is again symbolic. Applied to plain arrays outside
    any graph, in a way (shapes, types, other arguments) that was seen before and that comes to one op, the op is run
    without calling the function: so it may depend on its arguments alone.
    """
    made = _core.Function(function, record, _one_op)
    functools.update_wrapper(made, function)
    return cast("Callable[P, R]", made)


def _one_op(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> _core.Call | None:
    """The op that ``function(*args, **kwargs)`` comes to, the arrays among the arguments being its inputs."""
    with Graph() as graph:

        def leaf(value: Any) -> Any:
            return graph.input(value.shape, value.dtype.name) if isinstance(value, np.ndarray) else value

        try:
            result = function(*map_nested(leaf, args), **map_nested(leaf, kwargs or {}))
        except Exception:  # Called on the arrays themselves, it will say what is wrong.
            return None
    leaves = result if type(result) in (list, tuple) else [result]
    if not leaves or not all(isinstance(leaf, Tensor) and leaf.graph is graph for leaf in leaves):
        return None
    return graph.core.call(map_nested(lambda leaf: leaf.id, result))


Nested = Union[Any, "list[Any]", "tuple[Any, ...]", "dict[str, Any]"]


#: How deep arguments may nest: a list may hold itself.
_DEPTH = 100


def map_nested(function: Callable[[Any], Any], value: Nested, depth: int = _DEPTH) -> Any:
    """``function`` applied to every leaf of nested lists, tuples and dicts."""
    if not isinstance(value, (dict, list, tuple)):
        return function(value)
    if not depth:
        raise ValueError(f"expected arguments nested at most {_DEPTH} deep, got some deeper, or in themselves")
    if isinstance(value, dict):
        return {key: map_nested(function, item, depth - 1) for key, item in value.items()}
    items = (map_nested(function, item, depth - 1) for item in value)
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def flatten(value: Nested) -> list[Any]:
    """The leaves of nested lists, tuples and dicts, in order; ``None`` is no leaf."""
    leaves: list[Any] = []
    map_nested(lambda leaf: leaves.append(leaf) if leaf is not None else None, value)
    return leaves


#: The sizes that stand for ``None`` in two trial traces: batches, and other axes.
_TRIALS = ((2, 96), (3, 128))


def trial(shape: Sequence[int | None], which: int) -> tuple[int, ...]:
    """A shape with its unknown sizes filled in, in one of two ways."""
    batch, other = _TRIALS[which]
    return tuple((batch if axis == 0 else other) if size is None else size for axis, size in enumerate(shape))


def record(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Records ``function(*args, **kwargs)``; sizes that differ between two trial traces are unknown."""

    def run(which: int) -> Any:
        inputs: dict[int, Tensor] = {}

        def leaf(value: Any) -> Any:
            if not isinstance(value, SymbolicTensor):
                return value
            if id(value) not in inputs:
                graph.open |= None in value.shape[1:]
                tensor = inputs[id(value)] = graph.input(trial(value.shape, which), value.dtype)
                if isinstance(value.mask, SymbolicTensor):
                    tensor.mask = graph.input(trial(value.mask.shape, which), value.mask.dtype)
            return inputs[id(value)]

        with Graph() as graph:
            return function(*map_nested(leaf, args), **map_nested(leaf, kwargs))

    call = Call(function, args, kwargs)
    first, second = run(0), run(1)
    others = iter(flatten(second))
    count = 0

    def output(tensor: Any) -> Any:
        nonlocal count
        if tensor is None:
            return None
        other = next(others)
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{function!r}: expected tensors as result, got {type(tensor).__name__}")
        shape = [a if a == b else None for a, b in zip(tensor.shape, other.shape, strict=True)]
        made = SymbolicTensor(shape, tensor.dtype, call=call, index=count)
        if isinstance(tensor.mask, Tensor):
            mask = [a if a == b else None for a, b in zip(tensor.mask.shape, other.mask.shape, strict=True)]
            made.mask = SymbolicTensor(mask, tensor.mask.dtype, call=call, index=-1 - count)
        count += 1
        return made

    call.outputs = map_nested(output, first)
    return call.outputs


@symbolic
def _gradients(loss: Any, wrt: Any) -> Any:
    graph = current_graph()
    if graph is None:
        raise ValueError(
            "gradients: there is nothing to differentiate outside a step; use it in train_step, in a "
            "corten.function, in a layer's call, or on the symbolic tensors of a functional model"
        )
    single = not isinstance(wrt, (list, tuple))
    values = [graph.tensor(value) for value in ([wrt] if single else wrt)]
    found = graph.core.gradients(graph.tensor(loss).id, [value.id for value in values])
    results = [
        graph.constant(np.zeros(value.shape, np.float32)) if id is None else Tensor(graph, id)
        for value, id in zip(values, found, strict=True)
    ]
    return results[0] if single else results
