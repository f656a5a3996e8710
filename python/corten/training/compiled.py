"""Losses and metrics as ``compile`` was given them, matched to the outputs of the model."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat, TypeAlias

import numpy as np

from corten import losses, metrics, ops
from corten.errors import ShapeError
from corten.graph import Tensor, TensorLike, Variable, current_graph, flatten
from corten.losses import LossLike
from corten.losses.loss import by_sample, on_tensors
from corten.losses.targets import expect_targets, range_of_targets
from corten.metrics import MetricLike
from corten.training.feed import Arrays

__all__ = ["CompiledLoss", "CompiledMetrics", "LossTracker", "LossWeights", "LossesLike", "MetricsLike"]


#: The losses of all outputs: one, or in lists and dicts as the outputs are; and the factors that they count by.
LossesLike: TypeAlias = "LossLike | Sequence[LossesLike] | Mapping[str, LossesLike]"
LossWeights: TypeAlias = "SupportsFloat | Sequence[LossWeights] | Mapping[str, LossWeights] | None"

#: The metrics of all outputs: one, or in lists and dicts as the outputs are.
MetricsLike: TypeAlias = "MetricLike | losses.Loss | Sequence[MetricsLike] | Mapping[str, MetricsLike]"


def _by_output(spec: Any, names: list[str], count: int, what: str) -> list[Any]:
    """The entry of ``spec`` for each output: one for all, a list in order, or a dict by name."""
    if isinstance(spec, dict):
        unknown = [key for key in spec if key not in names]
        if unknown:
            raise ValueError(f"{what}: unknown output {unknown[0]!r}; expected one of {names}")
        return [spec.get(name) for name in names]
    if isinstance(spec, (list, tuple)):
        if count == 1 and what == "loss":
            return [spec]  # several losses of the one output
        if len(spec) != count:
            raise ValueError(f"{what}: expected {count} entries, one for each output, got {len(spec)}")
        return list(spec)
    return [spec] * count


def _matching(spec: Any, outputs: Any, what: str) -> list[Any]:
    """The entry of ``spec`` for each leaf of nested outputs, nested as these are; parts may be missing."""
    if isinstance(outputs, dict) and isinstance(spec, dict):
        unknown = [key for key in spec if key not in outputs]
        if unknown:
            raise ValueError(f"{what}: unknown output {unknown[0]!r}; expected one of {list(outputs)}")
        pairs = [(spec.get(key), part) for key, part in outputs.items()]
    elif isinstance(outputs, (list, tuple)) and isinstance(spec, (list, tuple)):
        if len(spec) != len(outputs):
            raise ValueError(f"{what}: expected {len(outputs)} entries, one for each of these outputs, got {len(spec)}")
        pairs = list(zip(spec, outputs, strict=True))
    elif spec is None or not isinstance(outputs, (dict, list, tuple)):
        return [spec] * len(flatten(outputs))
    else:
        raise ValueError(f"{what}: expected {type(outputs).__name__}, nested as the outputs are, got {spec!r}")
    return [leaf for part, output in pairs for leaf in _matching(part, output, what)]


def _nested(outputs: Any) -> bool:
    """Whether outputs lie deeper than in one list or dict, where names alone do not tell them apart."""
    parts = outputs.values() if isinstance(outputs, dict) else outputs if isinstance(outputs, (list, tuple)) else ()
    return any(isinstance(part, (dict, list, tuple)) for part in parts)


def _leaves(value: Any, names: list[str], trained: list[bool], what: str) -> list[Any]:
    """As :func:`_targets`, of outputs in one list or dict."""
    count = len(names)
    if isinstance(value, dict):
        unknown = [name for name in value if name not in names]
        if unknown:
            raise ValueError(f"{what}: unknown output {unknown[0]!r}; expected one of {names}")
        return [value.get(name) for name in names]
    leaves = list(value) if isinstance(value, (list, tuple)) and len(value) == count else flatten(value)
    if len(leaves) == sum(trained) < count:
        entries = iter(leaves)
        return [next(entries) if has_loss else None for has_loss in trained]
    if len(leaves) != count:
        raise ValueError(f"{what}: the model has {count} outputs, got {len(leaves)} arrays")
    return leaves


def _by_place(spec: Any, outputs: Any, names: list[str], what: str) -> list[Any]:
    """As :func:`_by_output`, or in the structure of the outputs where these are nested more deeply."""
    if _nested(outputs) and isinstance(spec, (dict, list, tuple)):
        return _matching(spec, outputs, what)
    return _by_output(spec, names, len(names), what)


def _targets(value: Any, outputs: Any, names: list[str], trained: list[bool]) -> list[Any]:
    """Targets in the order of the outputs; those of an output that is not trained may be missing."""
    return (
        _matching(value, outputs, "y") if _nested(outputs) and _nested(value) else _leaves(value, names, trained, "y")
    )


def _weights(value: Any, outputs: Any, names: list[str], trained: list[bool]) -> list[Any]:
    """Sample weights in the order of the outputs; a list has one for each target."""
    if _nested(outputs) and _nested(value):
        return _matching(value, outputs, "sample_weight")
    if isinstance(value, (list, tuple)) and len(value) == sum(trained) < len(names):
        return _leaves(value, names, trained, "sample_weight")
    return _by_output(value, names, len(names), "sample_weight")


def _names(outputs: Any, names: list[str], count: int) -> list[str]:
    """Names for all outputs: the keys of a dict, else those of the layers behind them, made unique."""
    if isinstance(outputs, dict) and len(outputs) == count:
        return list(outputs)
    names = names if len(names) == count else [f"output_{i}" if i else "output" for i in range(count)]
    unique: list[str] = []
    for name in names:
        base, index = name, 1
        while name in unique:
            name, index = f"{base}_{index}", index + 1
        unique.append(name)
    return unique


class LossTracker(metrics.Mean):
    """The loss of all batches so far: the mean of the batches' losses, each counted by its number of samples.

    A part of them that is a mean over something else, as over what a mask lets through, is averaged on its own, by how
    much each batch has of that: so the loss of many batches is that of one large batch.
    """

    def __init__(self, name: str = "loss") -> None:
        super().__init__(name)
        self._parts: list[metrics.Mean] = []

    def track(self, loss: TensorLike, samples: int, parts: Sequence[tuple[Any, Any]]) -> None:
        """Takes a batch of a step into account; ``parts``: terms that are no means over samples, and their weights."""
        for index, (value, weight) in enumerate(parts):
            if index == len(self._parts):
                self._parts.append(metrics.Mean(name=f"part_{index}"))
            self._parts[index].update_state(value, weight)
            loss = loss - value
        self.update_state(loss, samples)

    def result(self) -> Any:
        return functools.reduce(ops.add, (part.result() for part in self._parts), super().result())


class _Sum(losses.Loss):
    """Several losses of one output, added."""

    def __init__(self, parts: Sequence[losses.Loss]) -> None:
        super().__init__("_and_".join(part.name for part in parts))
        self.parts = list(parts)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        return functools.reduce(ops.add, (part(y_true, y_pred, sample_weight) for part in self.parts))


def _loss_of(spec: Any) -> losses.Loss | None:
    """The loss of one output, or the sum of a list of losses."""
    if not isinstance(spec, (list, tuple)):
        return losses.get(spec)
    if any(isinstance(item, (list, tuple)) for item in spec):
        raise ValueError(f"loss: expected a loss, or a list of losses, for one output, got {spec!r}")
    parts = [part for item in spec if (part := losses.get(item)) is not None]
    return parts[0] if len(parts) == 1 else _Sum(parts) if parts else None


class CompiledLoss:
    """The weighted sum of the outputs' losses."""

    def __init__(self, loss: LossesLike, weights: LossWeights | None = None) -> None:
        self.spec = loss
        self.weights = weights
        self._trackers: list[metrics.Mean | None] = []
        self._functions: list[Any] | None = None
        self._factors: list[Any] = []
        #: Those terms of the latest loss that are not means over the samples, each with its weight.
        self._parts: list[tuple[Any, Any]] = []
        # A misspelt name is an error of compile(), not of fit().
        for item in flatten(loss):
            losses.get(item)

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The mean loss of each output that has one, where there are several."""
        return [tracker for tracker in self._trackers if tracker is not None]

    def take_parts(self) -> list[tuple[Any, Any]]:
        """The terms of the loss of this step that are not means over the samples, with their weights; once."""
        parts, self._parts = self._parts, []
        return parts

    def trained(self, names: list[str], y_pred: Arrays) -> list[bool]:
        """Of each output, whether it has a loss."""
        return [entry is not None for entry in _by_place(self.spec, y_pred, names, "loss")]

    def _start(self, names: list[str], y_pred: Any) -> None:
        count = len(names)
        self._functions = [
            None if entry is None else _loss_of(entry) for entry in _by_place(self.spec, y_pred, names, "loss")
        ]
        self._factors = _by_place(self.weights, y_pred, names, "loss_weights")
        for factor in self._factors:
            if factor is not None and np.ndim(factor):
                raise ValueError(f"loss_weights: expected one number for each output, got shape {np.shape(factor)}")
        if self.weights is not None and not isinstance(self.weights, (list, tuple, dict)) and count > 1:
            raise ValueError(f"loss_weights: expected a list or dict for {count} outputs, got {self.weights!r}")
        if sum(entry is not None for entry in self._functions) > 1:
            self._trackers = [
                None if entry is None else metrics.Mean(name=f"{name}_loss")
                for entry, name in zip(self._functions, names, strict=True)
            ]

    def __call__(self, y: Arrays, y_pred: Arrays, sample_weight: Arrays | None, output_names: list[str]) -> Any:
        predictions = flatten(y_pred)
        names = _names(y_pred, output_names, len(predictions))
        trained = self.trained(names, y_pred)
        targets = _targets(y, y_pred, names, trained)
        if self._functions is None:
            self._start(names, y_pred)
        weights = _weights(sample_weight, y_pred, names, trained)
        total: Any = None
        self._parts = []
        for index, (function, target, prediction) in enumerate(
            zip(self._functions or [], targets, predictions, strict=True)
        ):
            if function is None:
                continue
            if target is None:
                raise ValueError(f"y: no target for output {names[index]!r}, which has a loss")
            _look_at_targets(f"loss {function.name!r}", function, target, prediction, weights[index])
            value, counted = _reduced(function, target, prediction, weights[index])
            if np.ndim(value):
                raise ShapeError(
                    f"loss of output {names[index]!r}: expected one number for the batch, got shape {value.shape}; "
                    "reduction='none' is for custom training steps"
                )
            tracker = self._trackers[index] if self._trackers else None
            if tracker is not None:
                tracker.update_state(value, int(prediction.shape[0]) if counted is None else counted)
            factor = self._factors[index]
            value = value if factor is None else value * float(factor)
            if counted is not None:
                self._parts.append((value, counted))
            total = value if total is None else total + value
        if total is None:
            raise ValueError("loss: no output has a loss")
        return total


def _look_at_targets(name: str, function: losses.Loss, target: Any, prediction: Any, weights: Any) -> None:
    """Sees to it that targets which come straight from the data are looked at before these are run."""
    fed = [value for value in (target, weights) if value is not None]
    if not all(isinstance(value, Tensor) for value in (prediction, *fed)) or prediction.mask is not None:
        return
    graph = prediction.graph
    expected = range_of_targets(function, target.shape, prediction.shape)
    if expected is None or any(graph.core.producer(value.id) is not None for value in fed):
        return
    if graph.eager:
        expect_targets(name, target.numpy(), expected, None if weights is None else weights.numpy())
    else:
        graph.checks.append(_TargetCheck(name, expected, target.id, None if weights is None else weights.id))


@dataclass(frozen=True)
class _TargetCheck:
    """Which column of the data are the targets of a loss, and what they may be."""

    name: str
    expected: tuple[float, float]
    targets: int
    weights: int | None

    def __call__(self, columns: Sequence[Any]) -> None:
        """Raises ``ValueError`` where a target is outside what the loss has a meaning for."""
        if max(self.targets, self.weights or 0) < len(columns):
            weights = None if self.weights is None else columns[self.weights]
            expect_targets(self.name, columns[self.targets], self.expected, weights)


def _reduced(loss: losses.Loss, target: Any, prediction: Any, weights: Any) -> tuple[Any, Any]:
    """The loss of a batch and what it counts by among others: see :meth:`corten.losses.Loss.reduced`."""
    if current_graph() is None or type(loss).__call__ is not losses.Loss.__call__:
        return loss(target, prediction, weights), None
    reduced: tuple[Any, Any] = on_tensors(loss.reduced, target, prediction, weights, name=loss.name)
    return reduced


class CompiledMetrics:
    """The metrics of each output; "accuracy" and the like are chosen by shape when data are first seen.

    Used as one metric is: what walks over ``model.metrics`` need not know how many there are, and for which output.

    Args:
        output_names: gives the layer behind each output, where it is known.
        loss: says which outputs are trained: of others targets may be missing.
    """

    name = "compile_metrics"

    def __init__(
        self,
        unweighted: MetricsLike | None = None,
        weighted: MetricsLike | None = None,
        output_names: Callable[[], list[str]] = list,
        loss: CompiledLoss | None = None,
    ) -> None:
        self.spec = (unweighted, weighted)
        self._output_names = output_names
        self._loss = loss
        self._slots: list[tuple[int, bool, metrics.Metric]] | None = None
        for item in [*flatten(unweighted), *flatten(weighted)]:
            metrics.check(item)

    @property
    def metrics(self) -> list[metrics.Metric]:
        return [metric for _, _, metric in self._slots or []]

    def _start(self, names: list[str], y_pred: Any, targets: list[Any], predictions: list[Any]) -> None:
        self._slots = []
        taken: set[str] = set()
        count = len(predictions)
        for weighted, spec in zip((False, True), self.spec, strict=True):
            for index, items in enumerate(_spread(spec, y_pred, names, count)):
                if items and targets[index] is None:
                    raise ValueError(f"y: no target for output {names[index]!r}, which has a metric")
                for item in items:
                    metric = metrics.for_shapes(item, targets[index].shape, predictions[index].shape)
                    place = "" if count == 1 else f"{names[index]}_"
                    known = weighted and f"{place}{metric.name}" in taken
                    base = metric.name = f"{place}weighted_{metric.name}" if known else f"{place}{metric.name}"
                    number = 1
                    while metric.name in taken:
                        metric.name, number = f"{base}_{number}", number + 1
                    taken.add(metric.name)
                    self._slots.append((index, weighted, metric))
        if count > 1:
            # Keras's order: evaluate() gives the metrics of several outputs by name.
            self._slots.sort(key=lambda slot: slot[2].name)

    @property
    def variables(self) -> list[Variable]:
        return [variable for metric in self.metrics for variable in metric.variables]

    @property
    def whole_state(self) -> list[Variable]:
        return [variable for metric in self.metrics for variable in metric.whole_state]

    def update_state(self, y: Arrays, y_pred: Arrays, sample_weight: Arrays | None = None) -> None:
        """Takes a batch into account: targets and predictions in the structure of the outputs."""
        predictions = flatten(y_pred)
        names = _names(y_pred, self._output_names(), len(predictions))
        if all(spec is None for spec in self.spec):
            return
        trained = [True] * len(names) if self._loss is None else self._loss.trained(names, y_pred)
        targets = _targets(y, y_pred, names, trained)
        if self._slots is None:
            self._start(names, y_pred, targets, predictions)
        weights = _weights(sample_weight, y_pred, names, trained)
        for index, weighted, metric in self._slots or []:
            weight = weights[index] if weighted else None
            by_sample(f"metric {metric.name!r}", metric.update_state, targets[index], predictions[index], weight)

    def result(self) -> dict[str, Any]:
        """What each metric comes to, by its name; nothing before data were seen."""
        return {metric.name: metric.result() for metric in self.metrics}

    def reset_state(self) -> None:
        """Forgets all batches."""
        for metric in self.metrics:
            metric.reset_state()


def _spread(spec: Any, outputs: Any, names: list[str], count: int) -> list[list[Any]]:
    """A list of metrics for each output."""
    if spec is None:
        return [[] for _ in range(count)]
    if _nested(outputs) and (isinstance(spec, dict) or _nested(spec)):
        return [_list(entry) for entry in _matching(spec, outputs, "metrics")]
    if isinstance(spec, dict):
        return [_list(entry) for entry in _by_output(spec, names, count, "metrics")]
    items = _list(spec)
    nested = any(isinstance(item, (list, tuple)) for item in items)
    if nested or (count > 1 and len(items) == count):
        return [_list(entry) for entry in _by_output(items, names, count, "metrics")]
    return [items] if count == 1 else _everywhere(items, count)


def _everywhere(items: list[Any], count: int) -> list[list[Any]]:
    if any(isinstance(item, metrics.Metric) for item in items):
        raise ValueError(f"metrics: a Metric object belongs to one output; give a list or dict for the {count} outputs")
    return [list(items) for _ in range(count)]


def _list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
