"""The loss: from the values of samples to the one number that training minimises."""

from __future__ import annotations

import contextlib
import functools
import itertools
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from numpy.typing import DTypeLike

from corten import ops
from corten.arguments import misused
from corten.configured import Configured
from corten.errors import ShapeError
from corten.graph import Graph, Tensor, TensorLike, Value, current_graph, has_symbolic, record
from corten.ops.dtypes import as_value

__all__ = [
    "Loss",
    "LossFunctionWrapper",
    "align",
    "apply_mask",
    "by_sample",
    "expect_same",
    "fit_weights",
    "loss_function",
    "on_tensors",
    "safe_divide",
]

P = ParamSpec("P")
R = TypeVar("R")

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def on_tensors(function: Callable[..., Any], *values: Any, name: str = "loss") -> Any:
    """``function`` of tensors applied to any values: traced, recorded, or run at once on arrays."""
    if has_symbolic(values):
        return record(on_tensors, (function, *values), {"name": name})
    graph = current_graph()
    if graph is not None:
        return _applied(function, graph, values, name)
    with Graph(eager=True) as graph:
        result = _applied(function, graph, values, name)
        array = result.numpy() if isinstance(result, Tensor) else result
        graph.finish()
    return array


def _applied(function: Callable[..., Any], graph: Graph, values: tuple[Any, ...], name: str) -> Any:
    try:
        return function(*(None if value is None else graph.tensor(value) for value in values))
    except AttributeError as error:
        raise misused(error, name, *values) from error


def loss_function(function: Callable[P, R]) -> Callable[P, R]:
    """Lets a function (y_true, y_pred, options) of tensors be applied to any values."""

    @functools.wraps(function)
    def wrapper(y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:
        return on_tensors(
            lambda true, pred: function(true, pred, *args, **kwargs), y_true, y_pred, name=function.__name__
        )

    return cast("Callable[P, R]", wrapper)


def align(y_true: TensorLike, y_pred: TensorLike) -> tuple[Any, Any]:
    """Gives both the same rank where one has a last axis of size 1 more, as Keras does: (n,) and (n, 1)."""
    y_true, y_pred = as_value(y_true, "y_true"), as_value(y_pred, "y_pred")
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        return (y_true, ops.expand_dims(y_pred, -1)) if y_pred.ndim == 1 else (ops.squeeze(y_true, -1), y_pred)
    if y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
        return (ops.expand_dims(y_true, -1), y_pred) if y_true.ndim == 1 else (y_true, ops.squeeze(y_pred, -1))
    return y_true, y_pred


def expect_same(name: str, y_true: TensorLike, y_pred: TensorLike, hint: str = "") -> tuple[Value, Value]:
    """Both of the same rank and shape; nothing is broadcast silently.

    Raises:
        ShapeError: the shapes differ.
    """
    true, pred = align(y_true, y_pred)
    if true.shape != pred.shape:
        raise ShapeError(
            f"{name}: y_true {ops.shape(y_true)} and y_pred {ops.shape(y_pred)} must have the same shape{hint}"
        )
    return true, pred


def by_sample(
    name: str, function: Callable[..., Any], y_true: TensorLike, y_pred: TensorLike, *args: Any, **kwargs: Any
) -> Any:
    """``function(y_true, y_pred, ...)`` of a user's function, called so that each sample meets its own prediction.

    Ranks are aligned as by :func:`align`. Where the shapes still differ, the function may do with them what it wants
    (labels and probabilities, one target and several quantiles), except set the samples of one against another axis of
    the other, as broadcasting (n,) with (n, 5, 1) or (n, 3) with (n, 1, 3) would.

    Raises:
        ShapeError: it does that.
    """
    if (getattr(function, "__module__", None) or "").startswith("corten."):
        # Corten's own functions say themselves which shapes they take, and refuse others.
        return function(y_true, y_pred, *args, **kwargs)
    true, pred = align(y_true, y_pred)
    if pred is not y_pred:
        pred.mask = getattr(y_pred, "mask", None)
    if true.shape != pred.shape:
        _rehearse(name, lambda true, pred: function(true, pred, *args, **kwargs), true, pred)
    return function(true, pred, *args, **kwargs)


_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
_ARITHMETIC = ("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "maximum", "minimum", "power")
_ELEMENTWISE = (*_ARITHMETIC, *_COMPARISONS, "where")


class _Rehearsal(Graph):
    """A trace that refuses to combine targets with predictions, element by element, across samples.

    Args:
        samples: how many rows y_true and y_pred have, numbers that no other axis has.
    """

    def __init__(self, samples: tuple[int, int]) -> None:
        super().__init__()
        self.samples = samples
        #: Of a value, by its id: whether it depends on y_true (1), on y_pred (2) or on both (3).
        self.origins: dict[int, int] = {}
        self.mixed: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def push(self, op: str, inputs: Sequence[Any], attributes: dict[str, Any]) -> list[Tensor]:
        values = [self.tensor(value) for value in inputs]
        origins = [self.origins.get(value.id, 0) for value in values]
        if op in _ELEMENTWISE:
            for (a, of_a), (b, of_b) in itertools.combinations(zip(values, origins, strict=True), 2):
                if of_a | of_b == 3 and self._across_samples(a.shape, b.shape):
                    self.mixed = a.shape, b.shape
                    raise ShapeError(f"{op}: {a.shape} and {b.shape} set samples against other samples")
        outputs = super().push(op, values, attributes)
        self.origins.update((value.id, functools.reduce(operator.or_, origins, 0)) for value in outputs)
        return outputs

    def _across_samples(self, a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        by_row = a != () and b != () and a[0] in self.samples and b[0] in self.samples
        return by_row and (len(a) != len(b) or a[0] != b[0])


def _rehearse(name: str, function: Callable[..., Any], y_true: Any, y_pred: Any) -> None:
    """Traces ``function`` for another number of samples and raises ``ShapeError`` where it mixes them."""
    n, m = (value.shape[0] if value.ndim else 0 for value in (y_true, y_pred))
    if 0 in (n, m) or (n != m and 1 not in (n, m)):
        # Not a row for each sample: there is nothing to be said.
        return
    inner = {*y_true.shape[1:], *y_pred.shape[1:]}
    first, second, *_ = (prime for prime in (61, 67, 71, 73, 79, 83, *range(1009, 1100)) if prime not in inner)
    with _Rehearsal((first, first if n == m else second)) as graph:
        true, pred = (
            graph.input((samples, *value.shape[1:]), value.dtype)
            for samples, value in zip(graph.samples, (y_true, y_pred), strict=True)
        )
        graph.origins = {true.id: 1, pred.id: 2}
        # What else goes wrong is for the call itself to say: a function may be written for one size of batch.
        with contextlib.suppress(Exception):
            function(true, pred)
    if graph.mixed is not None:
        a, b = (tuple({first: n, second: m}.get(size, size) for size in shape) for shape in graph.mixed)
        raise ShapeError(
            f"{name}: y_true {y_true.shape} and y_pred {y_pred.shape} are combined as {a} and {b}, which compares each "
            "sample with others; give targets and predictions the same number of axes"
        )


def safe_divide(a: TensorLike, b: TensorLike) -> Any:
    """``a / b``, and 0 where ``b`` is 0."""
    empty = ops.equal(b, 0.0)
    return ops.where(empty, 0.0, ops.divide(a, ops.where(empty, 1.0, b)))


def fit_weights(name: str, weights: TensorLike, values: TensorLike, what: str = "sample_weight") -> Any:
    """``weights`` in a shape that broadcasts against ``values`` from the left: one for each sample, or for each step.

    ``what`` they are stands in the message.

    Raises:
        ShapeError: they do not fit.
    """
    shape = ops.shape(values)
    factors = ops.cast(weights, "float32")
    if factors.ndim == len(shape) + 1 and factors.shape[-1] == 1:
        factors = ops.squeeze(factors, -1)
    if 0 < factors.ndim < len(shape):
        factors = ops.reshape(factors, (*factors.shape, *([1] * (len(shape) - factors.ndim))))
    fits = factors.ndim == 0 or (
        factors.ndim == len(shape) and all(w in (1, v) for w, v in zip(factors.shape, shape, strict=True))
    )
    if not fits:
        raise ShapeError(f"{name}: {what} {ops.shape(weights)} does not fit the losses {shape}")
    return factors


def apply_mask(weights: TensorLike | None, mask: TensorLike, reduction: str | None) -> Any:
    """Weights that leave out what is masked; a mean then is over the others."""
    factor = ops.cast(mask, "float32")
    if reduction in ("mean", "sum_over_batch_size"):
        factor = ops.multiply(factor, safe_divide(float(_size(factor.shape)), ops.sum(factor)))
    if weights is None:
        return factor
    weights = as_value(weights)
    if weights.ndim == factor.ndim + 1 and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    shape = ops.shape(weights)
    if 0 < len(shape) < factor.ndim:
        weights = ops.reshape(weights, (*shape, *([1] * (factor.ndim - len(shape)))))
    return ops.multiply(ops.cast(weights, "float32"), factor)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for count in shape:
        size *= count
    return size


class Loss(Configured):
    """What training minimises: ``call(y_true, y_pred)`` gives a value for each sample, calling the loss reduces them.

    ``call`` of a subclass gets targets and predictions of the same rank where one had a last axis of size 1 more: (n,)
    becomes (n, 1) where the other is (n, 1). Shapes that still differ are its own business (labels and probabilities),
    except that it may not broadcast the samples of one along another axis of the other.

    Args:
        name: shown in messages; the class name in snake case unless given.
        reduction: ``"sum_over_batch_size"`` or ``"mean"``: the sum of the weighted values divided by their number
            (not by the sum of the weights); ``"mean_with_sample_weight"``: divided by the sum of the weights, 0 where
            that is 0; ``"sum"``; ``"none"`` or None: the weighted values themselves.
        dtype: must be ``"float32"`` or None.

    Raises:
        ValueError: unknown reduction or dtype.

    >>> import numpy as np
    >>> from corten import ops
    >>> from corten.losses import Loss
    >>> class Cubed(Loss):
    ...     def call(self, y_true, y_pred):
    ...         return ops.mean(ops.abs(y_pred - y_true) ** 3, axis=-1)
    >>> float(Cubed()(np.zeros((2, 1)), np.float32([[1], [2]])))
    4.5
    >>> float(Cubed()(np.zeros((2, 1)), np.float32([[1], [2]]), sample_weight=np.float32([1, 0])))
    0.5
    """

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: DTypeLike | None = None
    ) -> None:
        kind = type(self).__name__
        if reduction not in REDUCTIONS:
            raise ValueError(f"{kind}: reduction must be one of {REDUCTIONS}, got {reduction!r}")
        if dtype not in (None, "float32"):
            raise ValueError(f"{kind}: dtype must be 'float32', got {dtype!r}")
        self.name = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
        self.reduction = reduction
        self.dtype = "float32"

    def call(self, y_true: Tensor, y_pred: Tensor) -> Any:
        """The values of the samples: y_pred's shape without its last axis."""
        raise NotImplementedError(f"{type(self).__name__} does not define call()")

    def __call__(self, y_true: TensorLike, y_pred: TensorLike, sample_weight: TensorLike | None = None) -> Any:
        """The reduced loss.

        Args:
            y_true: the targets.
            y_pred: the predictions; what its mask excludes does not count.
            sample_weight: a factor for each sample (or each step of each sample).

        Raises:
            ShapeError: the shapes do not fit, or ``call`` sets samples against others.
        """
        return on_tensors(lambda *tensors: self.reduced(*tensors)[0], y_true, y_pred, sample_weight, name=self.name)

    def reduced(self, y_true: Tensor, y_pred: Tensor, weights: Tensor | None) -> tuple[Any, Any]:
        """The reduced loss of tensors, and what a mean over several batches must weight it by.

        None stands for the number of samples; where a mask leaves some out, that is how many elements count, and under
        ``"mean_with_sample_weight"`` the sum of the weights.
        """
        graph = current_graph()
        if graph is not None:
            graph.guard_on(self)
        if weights is not None and y_true.ndim == y_pred.ndim == 1:
            # Predictions without an axis of their own: each still is a sample with a weight.
            y_true, y_pred = ops.expand_dims(y_true, -1), ops.expand_dims(y_pred, -1)
        values = by_sample(f"loss {self.name!r}", self.call, y_true, y_pred)
        if not hasattr(values, "shape"):
            raise TypeError(f"loss {self.name!r}: expected a value for each sample, got {values!r}")
        masks = [mask for mask in (getattr(y_pred, "mask", None), getattr(values, "mask", None)) if mask is not None]
        counted: Any = None
        if masks:
            # Together, for the mean is over what both let through.
            mask = functools.reduce(ops.logical_and, masks)
            # Chosen, not multiplied: what does not count may be NaN. A weight of 0 multiplies.
            values = ops.where(fit_weights(self.name, mask, values, "the mask"), values, 0.0)
            if self.reduction in ("mean", "sum_over_batch_size"):
                counted = ops.sum(ops.cast(mask, "float32"))
            weights = apply_mask(weights, mask, self.reduction)
        if weights is not None:
            weights = fit_weights(self.name, weights, values)
            values = ops.multiply(values, weights)
        if self.reduction in ("none", None) or values.ndim == 0:
            return values, None
        if self.reduction == "sum":
            return ops.sum(values), None
        if self.reduction == "mean_with_sample_weight" and weights is not None:
            counted = ops.sum(weights)
            return safe_divide(ops.sum(values), counted), counted
        return ops.mean(values), counted


class LossFunctionWrapper(Loss):
    """A function ``fn(y_true, y_pred, **kwargs)``, giving a value for each sample, as a loss.

    The function is called as ``call`` of a :class:`Loss` is: with ranks aligned, and never across samples.

    >>> import numpy as np
    >>> from corten.losses import LossFunctionWrapper, mean_squared_error
    >>> float(LossFunctionWrapper(mean_squared_error)(np.zeros((2, 1)), np.ones((2, 1))))
    1.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: DTypeLike | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self.fn = fn
        self.kwargs = kwargs

    def call(self, y_true: TensorLike, y_pred: TensorLike) -> Any:
        return by_sample(f"loss {self.name!r}", self.fn, y_true, y_pred, **self.kwargs)
