"""The optimizer: from gradients to new weights."""

from __future__ import annotations

import inspect
import math
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, SupportsFloat, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from corten import _core, ops
from corten.arguments import real, whole
from corten.configured import Configured
from corten.errors import ShapeError
from corten.graph import Array, Graph, Tensor, TensorLike, Variable, assign, current_graph, push, tracing
from corten.graph.arrays import stored
from corten.keywords import parameters, unexpected_argument
from corten.optimizers.schedules import LearningRateSchedule
from corten.optimizers.schedules import get as get_schedule
from corten.serialization import plain

__all__ = ["LearningRateLike", "Optimizer"]


#: A learning rate: a number, a schedule or its configuration, or a function without arguments that gives a number.
LearningRateLike: TypeAlias = "SupportsFloat | LearningRateSchedule | Callable[[], Any] | dict[str, Any]"


def expect(kind: str, name: str, value: object, fits: Callable[[Any], bool], wanted: str) -> None:
    """``ValueError`` unless ``fits``; ``TypeError`` where ``value`` is no number."""
    if not fits(real(value, f"{kind}: {name}")):
        raise ValueError(f"{kind}: expected {wanted}, got {name}={value}")


def expect_count(kind: str, name: str, value: object, least: int) -> None:
    """``ValueError`` unless ``value`` is None or an int of at least ``least``."""
    if value is not None:
        whole(value, f"{kind}: {name}", least)


def _expect_no_arguments(kind: str, function: Callable[..., Any]) -> None:
    """``TypeError`` unless the function that gives the learning rate can be called without arguments."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        raise TypeError(
            f"{kind}: a learning_rate that is a function must take no arguments; a rate that follows the steps is a "
            f"LearningRateSchedule; got {function!r}"
        ) from None
    except ValueError:
        # A built-in without a signature.
        return


class Optimizer(Configured):
    """Changes variables against their gradients.

    Subclasses create in :meth:`slots` the state they keep per variable, and compute the new values in :meth:`step`.
    This class does what is common to all, in this order: it unscales, accumulates and clips gradients, decays weights,
    takes the step, updates moving averages and applies constraints.

    Where gradients are accumulated, a step is one update of the variables: schedules, :attr:`iterations`, decay and
    moving averages count updates, not the batches between them.

    Args:
        learning_rate: a float, a ``LearningRateSchedule``, or a function without arguments, which is called whenever a
            run of batches begins: at least once an epoch.
        weight_decay: w; before each step every variable loses ``learning_rate w`` of itself.
        clipnorm: each gradient is shortened to this Euclidean norm.
        clipvalue: each element of a gradient is brought into ``[-clipvalue, clipvalue]``.
        global_clipnorm: all gradients together are shortened to this norm.
        use_ema: keep exponential moving averages of the variables, taken over when training ends.
        ema_momentum: how much of the average is kept at each step.
        ema_overwrite_frequency: after so many steps the variables take over their averages.
        loss_scale_factor: the loss is multiplied, the gradients divided by it.
        gradient_accumulation_steps: a step is taken with the mean of so many gradients.
        name: used in messages and paths; by default the class name in lower case.
        decay: Keras 2's argument is ignored with a warning; see ``schedules.InverseTimeDecay``.

    Raises:
        ValueError: a number outside its range, or more than one way of clipping.
        TypeError: not a number where one is expected, or an unexpected keyword argument.

    >>> import numpy as np
    >>> from corten import Variable, ops
    >>> from corten.optimizers import Optimizer
    >>> class Signs(Optimizer):
    ...     def step(self, weight, gradient, slots, learning_rate, iterations):
    ...         return [ops.subtract(weight, ops.multiply(learning_rate, ops.sign(gradient)))]
    >>> weight, optimizer = Variable(np.float32([1, 2])), Signs(0.5)
    >>> optimizer.apply([np.float32([3, -4])], [weight])
    >>> weight.numpy(), optimizer.iterations.numpy()
    (array([0.5, 2.5], dtype=float32), array(1, dtype=int32))
    """

    def __init__(
        self,
        learning_rate: LearningRateLike,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        kind = type(self).__name__
        if kwargs.pop("decay", None):
            warnings.warn(
                f"{kind}: decay is ignored, as Keras 3 ignores it; for a learning rate that decays, pass a schedule, "
                "such as learning_rate=InverseTimeDecay(learning_rate, 1, decay)",
                stacklevel=3,
            )
        if kwargs:
            raise unexpected_argument(kind, next(iter(kwargs)), parameters(type(self)))
        if weight_decay is not None:
            expect(kind, "weight_decay", weight_decay, lambda v: 0 <= v < math.inf, "0 <= weight_decay")
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        for key, value in clips.items():
            if value is not None:
                expect(kind, key, value, lambda v: 0 < v < math.inf, f"0 < {key}")
        if sum(value is not None for value in clips.values()) > 1:
            raise ValueError(f"{kind}: only one of clipnorm, clipvalue and global_clipnorm can be set, got {clips}")
        if loss_scale_factor is not None:
            expect(kind, "loss_scale_factor", loss_scale_factor, lambda v: 0 < v < math.inf, "0 < loss_scale_factor")
        expect(kind, "ema_momentum", ema_momentum, lambda v: 0 <= v <= 1, "0 <= ema_momentum <= 1")
        expect_count(kind, "ema_overwrite_frequency", ema_overwrite_frequency, 1)
        expect_count(kind, "gradient_accumulation_steps", gradient_accumulation_steps, 2)
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{kind}: name must be a string, got {name!r}")
        self.name = name or kind.lower()
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        self._iterations = Variable(np.int32(0), dtype="int32", trainable=False, name="iteration")
        self._learning_rate: Variable | LearningRateSchedule | Callable[[], Any] = self._rate(learning_rate)
        self._known: dict[int, Variable] = {}
        self._slots: dict[int, dict[str, Variable]] = {}
        self._extra: list[Variable] = []
        self._undecayed: tuple[list[Variable], re.Pattern[str] | None] = ([], None)
        self._warned: set[tuple[str, ...]] = set()

    def _rate(self, value: Any) -> Any:
        if isinstance(value, (LearningRateSchedule, dict)):
            return get_schedule(value)
        if callable(value) and not isinstance(value, Variable):
            _expect_no_arguments(type(self).__name__, value)
            return value
        if isinstance(value, (np.ndarray, Variable)) and value.shape == ():
            value = float(np.asarray(value))
        expect(type(self).__name__, "learning_rate", value, lambda v: 0 <= v < math.inf, "0 <= learning_rate")
        return Variable(np.float32(value), trainable=False, name="learning_rate")

    def _given(self, value: Any) -> Any:
        """What a function or schedule gave as the learning rate: a float, or within a step a tensor."""
        if isinstance(value, Tensor):
            if value.shape != ():
                raise ShapeError(
                    f"{self.name}: expected one learning rate, {self._learning_rate!r} returned shape {value.shape}"
                )
            return value
        if isinstance(value, (np.ndarray, Variable)) and value.shape == ():
            value = float(value)
        expect(self.name, "the computed learning rate", value, math.isfinite, "a finite learning rate")
        return float(value)

    # --- what it remembers ---------------------------------------------------------------------------------------

    @property
    def iterations(self) -> Any:
        """How many steps were taken: an int32 variable.

        Where gradients are accumulated, the number of updates: an int, within a step an int32 tensor.
        """
        if self.gradient_accumulation_steps is None:
            return self._iterations
        graph = current_graph()
        if graph is None:
            return int(self._iterations.numpy()) // self.gradient_accumulation_steps
        batches = graph.variable(self._iterations)
        return push("divide_count", [batches], by=self.gradient_accumulation_steps)[0]

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next step: a float32 variable, or what the schedule gives. It can be set.

        Setting a number needs no new compilation. ``TypeError`` where a schedule sets the rate.
        """
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        if not isinstance(rate, LearningRateSchedule):
            return self._given(rate())
        steps = self.iterations
        graph = current_graph()
        if graph is None:
            return self._given(rate(int(steps)))
        return self._given(rate(graph.variable(steps) if isinstance(steps, Variable) else steps))

    @learning_rate.setter
    def learning_rate(self, value: LearningRateLike) -> None:
        new = self._rate(value)
        if isinstance(new, Variable):
            if not isinstance(self._learning_rate, Variable):
                raise TypeError(
                    f"{self.name}: the learning rate follows {self._learning_rate!r} and cannot be set to a number"
                )
            self._learning_rate.assign(new.numpy())
        else:
            self._learning_rate = new

    @property
    def lr(self) -> Any:
        """Keras 2 called the learning rate so; ``AttributeError`` with the present name."""
        raise AttributeError(f"{type(self).__name__} has no attribute 'lr'; use 'learning_rate'")

    @lr.setter
    def lr(self, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} has no attribute 'lr'; use 'learning_rate'")

    @property
    def variables(self) -> list[Variable]:
        """The counter, the learning rate and all slots, in Keras's order."""
        variables = [self._iterations]
        if isinstance(self._learning_rate, Variable):
            variables.append(self._learning_rate)
        groups = [("average",), ("gradient_accumulator",), *self.groups()]
        for group in groups:
            for slots in self._slots.values():
                variables += [slots[name] for name in group if name in slots]
        return [*variables, *self._extra]

    @property
    def saved_variables(self) -> list[Variable]:
        """What a file keeps: :attr:`variables`, or the state that waits for them since :meth:`restore`."""
        if self._pending is None:
            return self.variables
        kinds = ["int32" if array.dtype.kind in "iu" else "float32" for array in map(np.asarray, self._pending)]
        return [
            Variable(array, dtype=kind, trainable=False, name=f"{self.name}_{index}")
            for index, (array, kind) in enumerate(zip(self._pending, kinds, strict=True))
        ]

    def groups(self) -> Sequence[tuple[str, ...]]:
        """The slots' names in the order in which they are stored: those of a group variable by variable."""
        names = {name: None for slots in self._slots.values() for name in slots}
        return [(name,) for name in names if name not in ("average", "gradient_accumulator")]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Gives all :attr:`variables` new values: all of them or, if any does not fit, none.

        Raises:
            ValueError: the optimizer is not built, or the values are not as many and of the shapes as its variables.

        >>> import numpy as np
        >>> from corten import Variable
        >>> from corten.optimizers import SGD
        >>> first, second, weight = SGD(momentum=0.5), SGD(momentum=0.5), Variable(np.float32([1.0]))
        >>> first.apply([np.float32([1.0])], [weight])
        >>> second.build([weight])
        >>> second.set_weights([variable.numpy() for variable in first.variables])
        >>> second.iterations.numpy()
        array(1, dtype=int32)
        """
        if not self.built:
            raise ValueError(f"{self.name}: set_weights must come after build(variables)")
        own = self.variables
        if len(weights) != len(own):
            raise ValueError(f"{self.name}: set_weights: expected {len(own)} arrays, got {len(weights)}")
        assign(own, weights)

    def restore(self, arrays: Sequence[Array]) -> bool:
        """Takes over the state of an optimizer of the same kind; where there are no slots yet, once they are made.

        Args:
            arrays: of all its :attr:`variables`.

        Returns:
            Whether they fit.
        """
        self._pending = list(arrays)
        return self._take_pending() or not self.built

    #: A state to be taken over, once there are variables for it.
    _pending: list[Array] | None = None

    def _take_pending(self) -> bool:
        own, arrays = self.variables, self._pending
        if arrays is None or [v.shape for v in own] != [np.shape(array) for array in arrays]:
            return False
        # At once, also where a step is traced: the variables were made for it.
        _core.assign([v.core for v in own], [stored(a, v.path, v.dtype) for v, a in zip(own, arrays, strict=True)])
        self._pending = None
        return True

    def add_variable(self, reference: Variable, name: str, value: ArrayLike = 0.0) -> Variable:
        """A new slot, filled with ``value`` (a number, or an array), in the shape of ``reference``."""
        array = np.full(reference.shape, value, np.float32)
        slot = Variable(array, trainable=False, name=f"{reference.path.replace('/', '_')}_{name}")
        slot.path = f"{self.name}/{slot.name}"
        return slot

    def build(self, variables: Iterable[Variable]) -> None:
        """Creates the slots of all variables that have none yet; ``TypeError`` for what is no float32 variable."""
        for variable in variables:
            if id(variable) in self._known:
                continue
            if not isinstance(variable, Variable) or variable.dtype != "float32":
                raise TypeError(f"{self.name}: expected float32 variables to train, got {variable!r}")
            slots: dict[str, Variable] = {}
            if self.use_ema:
                # What no step reaches is its own average.
                slots["average"] = self.add_variable(variable, "average", variable.numpy())
            if self.gradient_accumulation_steps is not None:
                slots["gradient_accumulator"] = self.add_variable(variable, "gradient_accumulator")
            slots.update(self.slots(variable))
            # In this order: Ctrl-C may come between, and what is known must have its slots.
            self._slots[id(variable)] = slots
            self._known[id(variable)] = variable
        self.built = True
        if self._pending is not None:
            self._take_pending()

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Lets variables not decay: those listed, and those in whose path or name any of ``var_names`` (regular
        expressions) is found.

        Raises:
            ValueError: the optimizer is built, or a name is no regular expression.
            TypeError: one variable or one name where a list belongs.
        """
        if self.built:
            raise ValueError(f"{self.name}: exclude_from_weight_decay must come before the optimizer is built")
        if isinstance(var_names, str) or isinstance(var_list, Variable):
            raise TypeError(f"{self.name}: exclude_from_weight_decay: expected lists, got {var_list!r}, {var_names!r}")
        names = list(var_names or ())
        try:
            pattern = re.compile("|".join(names)) if names else None
        except re.error as error:
            raise ValueError(f"{self.name}: exclude_from_weight_decay: var_names {names}: {error}") from None
        self._undecayed = list(var_list or ()), pattern

    def _decay_of(self, variable: Variable) -> float:
        listed, pattern = self._undecayed
        if not self.weight_decay or any(variable is other for other in listed):
            return 0.0
        if pattern and (pattern.search(variable.path) or pattern.search(variable.name)):
            return 0.0
        return float(self.weight_decay)

    # --- one step ------------------------------------------------------------------------------------------------

    def slots(self, variable: Variable) -> dict[str, Variable]:
        """What to remember of a variable: name -> a new variable, see :meth:`add_variable`."""
        return {}

    def step(
        self, weight: Any, gradient: Any, slots: dict[str, Any], learning_rate: Any, iterations: Any
    ) -> Sequence[Any]:
        """The new value of a variable, followed by those of its slots.

        Args:
            weight: the variable's value.
            gradient: its gradient, clipped.
            slots: the values of its slots, by name, in the order in which :meth:`slots` gave them.
            learning_rate: a float32 scalar.
            iterations: the steps taken before this one, an int32 scalar.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    def _advance(
        self, weight: Any, gradient: Any, slots: dict[str, Any], learning_rate: Any, iterations: Any, decay: float
    ) -> Sequence[Any]:
        """:meth:`step` after the weight's decay."""
        if decay:
            weight = ops.subtract(weight, ops.multiply(weight, ops.multiply(learning_rate, decay)))
        return self.step(weight, gradient, slots, learning_rate, iterations)

    def _begin(self, iterations: Any, taken: Any) -> None:
        """Prepares a step for all variables. ``taken`` is 0 or 1 while gradients accumulate, else None."""

    def scale_loss(self, loss: TensorLike) -> Any:
        """The loss times ``loss_scale_factor``."""
        return loss if self.loss_scale_factor is None else ops.multiply(loss, self.loss_scale_factor)

    def minimize(self, loss: TensorLike, variables: Sequence[Variable]) -> None:
        """Takes a step against the gradients of ``loss``, within a step of training.

        Variables that the loss does not depend on stay as they are, with a warning.

        Raises:
            ValueError: there is no graph, or the loss depends on none of the variables.
        """
        graph = current_graph()
        if graph is None:
            raise ValueError(
                "minimize: there is nothing to differentiate outside a step; use it in train_step "
                "or in a corten.function"
            )
        tensors = [graph.variable(variable) for variable in variables]
        gradients = graph.core.gradients(graph.tensor(self.scale_loss(loss)).id, [tensor.id for tensor in tensors])
        self.apply([None if id is None else Tensor(graph, id) for id in gradients], variables)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """Takes a step with (gradient, variable) pairs; returns the iterations."""
        pairs = list(grads_and_vars)
        if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
            raise TypeError(f"{self.name}: apply_gradients: expected pairs (gradient, variable)")
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self.iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Takes a step with a gradient for each variable; None where there is none. No gradients are no step.

        Outside a graph, gradients are arrays and the variables change at once.

        Args:
            grads: a gradient for each variable.
            trainable_variables: the variables; those that the optimizer was built for unless given.

        Raises:
            ValueError: other numbers of gradients and variables, only None, or no variables and the optimizer is not
                built.
            ShapeError: a gradient has another shape than its variable.
        """
        if len(grads) == 0:
            return
        if trainable_variables is None and not self.built:
            raise ValueError(f"{self.name}: apply needs the variables, or build(variables) first")
        variables = list(self._known.values() if trainable_variables is None else trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(f"{self.name}: got {len(grads)} gradients for {len(variables)} variables")
        graph = current_graph()
        if graph is not None:
            self._apply(graph, grads, variables)
            return
        with tracing, Graph(eager=True) as graph:
            self._apply(graph, grads, variables)
            graph.finish()

    def _apply(self, graph: Graph, grads: Sequence[Any], variables: list[Variable]) -> None:
        self.build(variables)
        graph.guard_on(self)
        if isinstance(self._learning_rate, LearningRateSchedule):
            graph.guard_on(self._learning_rate)
        pairs = [(graph.tensor(g), v) for g, v in zip(grads, variables, strict=True) if g is not None]
        for gradient, variable in pairs:
            if gradient.shape != variable.shape:
                raise ShapeError(
                    f"{self.name}: variable {variable.path!r} has shape {variable.shape}, its gradient {gradient.shape}"
                )
        self._warn_of_missing([v for g, v in zip(grads, variables, strict=True) if g is None], len(variables))
        gradients = [g if g.dtype == "float32" else ops.cast(g, "float32") for g, _ in pairs]
        if self.loss_scale_factor is not None:
            gradients = [ops.divide(gradient, self.loss_scale_factor) for gradient in gradients]
        iterations = graph.variable(self._iterations)
        real, source = self.learning_rate, self._learning_rate
        if not isinstance(source, (Variable, LearningRateSchedule)) and not isinstance(real, Tensor):
            graph.guard_on(_Asked(source))
        rate = graph.tensor(real, "float32") if not isinstance(real, Variable) else graph.variable(real)
        steps, taken = iterations, None
        if self.gradient_accumulation_steps is not None:
            gradients, steps, taken = self._accumulate(gradients, [v for _, v in pairs], iterations)
        gradients = self._clip(gradients)
        self._begin(steps, taken)
        for gradient, (_, variable) in zip(gradients, pairs, strict=True):
            self._update(graph, variable, gradient, rate, steps, taken)
        if self.use_ema:
            self._average(graph, variables, steps, taken)
        for _, variable in pairs:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable.value))
        self._iterations.assign(push("increment", [iterations], by=1)[0])

    def _update(self, graph: Graph, variable: Variable, gradient: Any, rate: Any, steps: Any, taken: Any) -> None:
        own = {k: v for k, v in self._slots[id(variable)].items() if k not in ("average", "gradient_accumulator")}
        old = [graph.variable(v) for v in (variable, *own.values())]
        slots = dict(zip(own, old[1:], strict=True))
        new = self._advance(old[0], gradient, slots, rate, steps, self._decay_of(variable))
        if len(new) != len(old):
            raise ValueError(f"{type(self).__name__}.step: expected {len(old)} new values, got {len(new)}")
        for target, before, after in zip((variable, *own.values()), old, new, strict=True):
            # Without a condition the op's output is the variable's new value: the engine then updates in place.
            target.assign(after if taken is None else ops.where(taken, after, before))

    def _warn_of_missing(self, missing: list[Variable], count: int) -> None:
        if not missing:
            return
        paths = tuple(variable.path for variable in missing)
        if len(missing) == count:
            raise ValueError(f"{self.name}: the loss depends on none of the variables {list(paths)}")
        if paths not in self._warned:
            self._warned.add(paths)
            warnings.warn(f"{self.name}: the loss does not depend on {', '.join(paths)}; not trained", stacklevel=4)

    def _accumulate(
        self, gradients: list[Any], variables: list[Variable], iterations: Any
    ) -> tuple[list[Any], Any, Any]:
        """The means of the gradients gathered, the number of steps taken so far, and whether one is due now."""
        every = self.gradient_accumulation_steps or 1
        place = push("divide_count", [iterations], by=every)[1]
        taken = ops.equal(place, every - 1)
        means = []
        for gradient, variable in zip(gradients, variables, strict=True):
            gathered = self._slots[id(variable)]["gradient_accumulator"]
            total = ops.add(gathered.value, gradient)
            gathered.assign(ops.where(taken, 0.0, total))
            means.append(ops.divide(total, float(every)))
        return means, self.iterations, taken

    def _clip(self, gradients: list[Any]) -> list[Any]:
        if self.clipvalue is not None:
            return [ops.clip(gradient, -self.clipvalue, self.clipvalue) for gradient in gradients]
        if self.clipnorm is not None:
            return [_shortened(gradient, ops.norm(gradient), self.clipnorm) for gradient in gradients]
        if self.global_clipnorm is not None and gradients:
            length = ops.norm(ops.stack([ops.norm(gradient) for gradient in gradients]))
            return [_shortened(gradient, length, self.global_clipnorm) for gradient in gradients]
        return gradients

    def _average(self, graph: Graph, variables: list[Variable], steps: Any, taken: Any) -> None:
        """Moves the averages towards the variables; the first time, all the way. Where no step is taken, they stay."""
        keep = ops.multiply(ops.not_equal(steps, 0), self.ema_momentum)
        due = None
        if self.ema_overwrite_frequency is not None:
            every = self.ema_overwrite_frequency
            due = ops.equal(push("divide_count", [steps], by=every)[1], every - 1)
            due = due if taken is None else ops.logical_and(due, taken)
        for variable in variables:
            average, value = self._slots[id(variable)]["average"], graph.variable(variable)
            before = average.value
            moved = ops.add(ops.multiply(keep, before), ops.multiply(ops.subtract(1.0, keep), value))
            average.assign(moved if taken is None else ops.where(taken, moved, before))
            if due is not None:
                variable.assign(ops.where(due, moved, value))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Gives the variables their moving averages, where ``use_ema`` keeps them: for the end of training."""
        if not self.use_ema or int(self.iterations) == 0:
            return
        for variable in var_list:
            slots = self._slots.get(id(variable))
            if slots is not None:
                variable.assign(slots["average"].numpy())

    def _arguments(self) -> dict[str, Any]:
        """The constructor's arguments, as they are now."""
        arguments = {name: value for name, value in self._told().items() if name != "decay"}
        changed = {name: now for name, now in vars(self).items() if name in arguments and isinstance(now, _PLAIN)}
        rate = self._learning_rate
        return {**arguments, **changed, "learning_rate": float(rate.numpy()) if isinstance(rate, Variable) else rate}

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this optimizer again, as plain values: attributes as they are now, without state."""
        return {name: plain(value) for name, value in self._arguments().items()}

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: state and slots, with copies of the variables that they belong to."""
        return {**vars(self), "_known": list(self._known.values()), "_slots": list(self._slots.values())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        ids = [id(variable) for variable in state["_known"]]
        known, slots = dict(zip(ids, state["_known"], strict=True)), dict(zip(ids, state["_slots"], strict=True))
        vars(self).update(state, _known=known, _slots=slots)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r}>"


#: Attributes that may stand for the arguments of the same names.
_PLAIN = (bool, int, float, str, type(None))


class _Asked:
    """A function that gives the learning rate, for a traced step to depend on: another rate outdates it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function

    @property
    def _changes(self) -> float:
        return float(self._function())


def _shortened(gradient: Any, length: Any, norm: float) -> Any:
    """``gradient``, scaled so that ``length`` becomes at most ``norm``."""
    return ops.multiply(gradient, ops.divide(norm, ops.maximum(length, norm)))
