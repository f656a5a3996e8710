"""The metric: numbers gathered over batches, and what they come to."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from corten import initializers
from corten.arguments import misused
from corten.configured import Configured
from corten.graph import Graph, Tensor, TensorLike, Variable, assign, clear, current_graph, push, tracing
from corten.initializers import InitializerLike

__all__ = ["Metric"]

_counts: dict[str, int] = {}


def _name(kind: str) -> str:
    """``SquaredError`` -> ``squared_error``, then ``squared_error_1``."""
    base = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
    count = _counts.get(base, 0)
    _counts[base] = count + 1
    return base if count == 0 else f"{base}_{count}"


def _in_a_step(method: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a method of tensors be called outside any graph: it is an eager step of its own, arrays in, numbers out."""

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        graph = current_graph()
        if graph is not None:
            graph.guard_on(self)
            tensors = [_tensor(graph, value) for value in args]
            named = {name: _tensor(graph, value) for name, value in kwargs.items()}
            try:
                return method(self, *tensors, **named)
            except AttributeError as error:
                raise misused(error, self.name, *args, *kwargs.values()) from error
        # Where several threads count at once, everything counts.
        with tracing, Graph(eager=True) as graph:
            result = wrapper(self, *args, **kwargs)
            number = _number(result)
            graph.finish()
        return number

    return wrapper


def _tensor(graph: Graph, value: Any) -> Any:
    return graph.tensor(value) if isinstance(value, (np.ndarray, list, tuple, Variable)) else value


def _number(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _number(item) for key, item in value.items()}
    if isinstance(value, Tensor):
        array = value.numpy()
        return float(array) if array.ndim == 0 else array
    return value


def _collect(value: Any, rests: bool, variables: dict[int, Variable]) -> None:
    """Adds a variable, or those of a metric, by their ids; or all that lists and dicts hold."""
    if isinstance(value, Variable):
        # The weights of a layer, whose path it leads, are not the metric's to be reset.
        if id(value) not in variables and "/" not in value.path:
            variables[id(value)] = value
    elif isinstance(value, Metric):
        variables.update((id(variable), variable) for variable in value._state(rests))
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, (float, str)):
                break
            _collect(item, rests, variables)


#: Attributes that hold no state beside what was made here.
_OWN = frozenset({"_changes", "_config", "_rests", "_variables"})


class Metric(Configured):
    """A quantity watched during training. Its state are variables, so metrics run inside compiled steps.

    Subclasses create their state with :meth:`add_variable`, change it in ``update_state(y_true, y_pred,
    sample_weight=None)`` with ``variable.assign``, and compute in ``result()`` what it comes to; both are made of ops,
    read a variable as ``variable.value``, and may as well be called on arrays.

    Args:
        dtype: must be ``"float32"`` or None.
        name: the key in the logs; the class name in snake case unless given.

    Raises:
        ValueError: another dtype.

    >>> import numpy as np
    >>> from corten import ops
    >>> from corten.metrics import Metric
    >>> class Largest(Metric):
    ...     def __init__(self, name="largest", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.seen = self.add_variable((), "zeros", name="seen")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.seen.assign(ops.maximum(self.seen.value, ops.max(y_pred)))
    ...     def result(self):
    ...         return self.seen.value
    >>> largest = Largest()
    >>> largest.update_state(None, np.float32([1, 5, 2]))
    >>> largest.result()
    5.0
    """

    #: Whether more is better: "up" or "down", for callbacks in mode "auto".
    _direction: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("update_state", "result"):
            if name in cls.__dict__:
                setattr(cls, name, _in_a_step(cls.__dict__[name]))

    def __init__(self, dtype: DTypeLike | None = None, name: str | None = None) -> None:
        if dtype not in (None, "float32"):
            raise ValueError(f"{type(self).__name__}: dtype must be 'float32', got {dtype!r}")
        self.name = name or _name(type(self).__name__)
        self.dtype = "float32"
        self._variables: list[Variable] = []
        #: What each sum lacks, by the id of its variable.
        self._rests: dict[int, Variable] = {}

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: InitializerLike = "zeros",
        dtype: DTypeLike | None = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A new float32 variable of the state. ``aggregation`` says how processes would join theirs."""
        variable = Variable(initializers.get(initializer), shape, "float32", trainable=False, name=name or "variable")
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_sum(self, shape: Sequence[int] = (), name: str | None = None) -> Variable:
        """A new variable for :meth:`accumulate`: a sum that does not stop at 2^24, as a plain float32 would.

        What it lacks, less than half a unit of its last place, is in a variable of :attr:`whole_state`.
        """
        total = self.add_variable(shape, "zeros", name=name)
        remainder = Variable(np.zeros(total.shape, np.float32), trainable=False, name=f"{total.name}_rest")
        remainder.path = f"{self.name}/{remainder.name}"
        self._rests[id(total)] = remainder
        return total

    def accumulate(self, total: Variable, values: TensorLike) -> None:
        """Adds ``values``, of its shape, to a variable that :meth:`add_sum` made; within a step only.

        >>> import numpy as np
        >>> from corten.metrics import Mean
        >>> mean = Mean()
        >>> mean.count.assign(2**24)
        >>> for value in (0.0, 0.0):
        ...     mean.update_state(value)
        >>> int(mean.count)
        16777218
        """
        remainder = self._rests[id(total)]
        assign([total, remainder], push("accumulate", [total.value, remainder.value, values]))

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: InitializerLike | None = None,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> Variable:
        """The older name of :meth:`add_variable`."""
        return self.add_variable(shape, initializer or "zeros", dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The state: variables made here or set as attributes, and those of metrics set as attributes, in lists too."""
        return self._state(rests=False)

    @property
    def whole_state(self) -> list[Variable]:
        """:attr:`variables`, and what the sums among them lack."""
        return self._state(rests=True)

    def _state(self, rests: bool) -> list[Variable]:
        variables = {id(variable): variable for variable in self._variables}
        for name, value in self.__dict__.items():
            if name not in _OWN and isinstance(value, (Variable, Metric, list, tuple, dict)):
                _collect(value, rests, variables)
        return [*variables.values(), *(self._rests.values() if rests else ())]

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Takes a batch into account."""
        raise NotImplementedError(f"{type(self).__name__} does not define update_state()")

    def result(self) -> Any:
        """What the state comes to: a tensor within a step, else a float, an array or a dict of them."""
        raise NotImplementedError(f"{type(self).__name__} does not define result()")

    def reset_state(self) -> None:
        """Forgets all batches."""
        clear(self.whole_state)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: sums and what they lack in pairs."""
        sums = {id(v): v for v in self._state(rests=False)}
        return {**vars(self), "_rests": [(sums[total], rest) for total, rest in self._rests.items() if total in sums]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _rests={id(total): rest for total, rest in state["_rests"]})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Takes a batch into account and gives the result over all batches."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r}>"
