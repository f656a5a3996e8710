"""Learning rates that follow the number of steps taken."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from corten import ops
from corten.arguments import real
from corten.configured import Configured
from corten.graph import TensorLike, Variable
from corten.lookup import find
from corten.ops.dtypes import floats
from corten.serialization import publish, serialized

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "get",
    "serialize",
]


def _number(kind: str, name: str, value: Any) -> Any:
    if isinstance(value, Variable) and value.shape == ():
        value = float(value)
    return real(value, f"{kind}: {name}")


def _positive(kind: str, name: str, value: float) -> float:
    if not 0 < _number(kind, name, value) < math.inf:
        raise ValueError(f"{kind}: {name} must be above 0, got {value}")
    return value


def _rate(kind: str, name: str, value: float) -> float:
    if not 0 <= _number(kind, name, value) < math.inf:
        raise ValueError(f"{kind}: {name} must not be negative, got {value}")
    return value


class LearningRateSchedule(Configured):
    """A function of the number of steps taken before, given as an int or as an int32 tensor of a compiled step.

    >>> from corten import ops
    >>> from corten.optimizers.schedules import LearningRateSchedule
    >>> class Halving(LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return ops.power(0.5, step)
    >>> float(Halving()(2))
    0.25
    """

    def __call__(self, step: TensorLike) -> Any:
        """The learning rate of step ``step``."""
        raise NotImplementedError(f"{type(self).__name__} does not define __call__(step)")


class ExponentialDecay(LearningRateSchedule):
    """``initial_learning_rate decay_rate^(step / decay_steps)``.

    Args:
        initial_learning_rate: the rate of step 0.
        decay_steps: after so many steps the rate has been multiplied by ``decay_rate``.
        decay_rate: not negative.
        staircase: take the exponent's whole part.
        name: unused; Keras has it.

    Raises:
        ValueError: a number outside its range.

    >>> from corten.optimizers.schedules import ExponentialDecay
    >>> float(ExponentialDecay(1.0, 10, 0.5)(20))
    0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = _rate("ExponentialDecay", "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive("ExponentialDecay", "decay_steps", decay_steps)
        self.decay_rate = _rate("ExponentialDecay", "decay_rate", decay_rate)
        self.staircase = staircase
        self.name = name

    def __call__(self, step: TensorLike) -> Any:
        exponent = ops.divide(floats(step), self.decay_steps)
        if self.staircase:
            exponent = ops.floor(exponent)
        return ops.multiply(ops.power(self.decay_rate, exponent), self.initial_learning_rate)


class PiecewiseConstantDecay(LearningRateSchedule):
    """``values[0]`` up to step ``boundaries[0]``, ``values[1]`` up to ``boundaries[1]``, and so on.

    Raises:
        ValueError: there is not one value more than boundaries, or boundaries do not rise.

    >>> from corten.optimizers.schedules import PiecewiseConstantDecay
    >>> [float(PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.25])(step)) for step in (10, 11, 21)]
    [1.0, 0.5, 0.25]
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "PiecewiseConstantDecay: expected one value more than boundaries, got "
                f"{len(values)} values and {len(boundaries)} boundaries"
            )
        for boundary in boundaries:
            _number("PiecewiseConstantDecay", "each boundary", boundary)
        if not all(a < b for a, b in itertools.pairwise([*boundaries, math.inf])):
            raise ValueError(f"PiecewiseConstantDecay: boundaries must rise, got {list(boundaries)}")
        self.boundaries = list(boundaries)
        self.values = [_rate("PiecewiseConstantDecay", "each value", value) for value in values]
        self.name = name

    def __call__(self, step: TensorLike) -> Any:
        count = floats(step)
        rate: Any = floats(self.values[0])
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = ops.where(ops.greater(count, boundary), value, rate)
        return rate


class PolynomialDecay(LearningRateSchedule):
    """``(initial - end)(1 - step / decay_steps)^power + end``, and ``end`` afterwards.

    Args:
        initial_learning_rate: the rate of step 0.
        decay_steps: how many steps it takes.
        end_learning_rate: the rate at the end.
        power: 1 is a straight line.
        cycle: instead of ending, begin again with ``decay_steps`` twice, three times, ... as large.
        name: unused; Keras has it.

    Raises:
        ValueError: a number outside its range.

    >>> from corten.optimizers.schedules import PolynomialDecay
    >>> float(PolynomialDecay(1.0, 10, 0.5)(5))
    0.75
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = _rate("PolynomialDecay", "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive("PolynomialDecay", "decay_steps", decay_steps)
        self.end_learning_rate = _rate("PolynomialDecay", "end_learning_rate", end_learning_rate)
        self.power = power
        self.cycle = cycle
        self.name = name

    def __call__(self, step: TensorLike) -> Any:
        count, steps = floats(step), floats(float(self.decay_steps))
        if self.cycle:
            steps = ops.multiply(steps, ops.maximum(ops.ceil(ops.divide(count, self.decay_steps)), 1.0))
        else:
            count = ops.minimum(count, steps)
        fraction = ops.power(ops.subtract(1.0, ops.divide(count, steps)), self.power)
        span = self.initial_learning_rate - self.end_learning_rate
        return ops.add(ops.multiply(fraction, span), self.end_learning_rate)


class InverseTimeDecay(LearningRateSchedule):
    """``initial_learning_rate / (1 + decay_rate step / decay_steps)``.

    Args:
        initial_learning_rate: the rate of step 0.
        decay_steps: the unit of time.
        decay_rate: not negative.
        staircase: take the whole part of ``step / decay_steps``.
        name: unused; Keras has it.

    Raises:
        ValueError: a number outside its range.

    >>> from corten.optimizers.schedules import InverseTimeDecay
    >>> float(InverseTimeDecay(1.0, 10, 1.0)(10))
    0.5
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = _rate("InverseTimeDecay", "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive("InverseTimeDecay", "decay_steps", decay_steps)
        self.decay_rate = _rate("InverseTimeDecay", "decay_rate", decay_rate)
        self.staircase = staircase
        self.name = name

    def __call__(self, step: TensorLike) -> Any:
        time = ops.divide(floats(step), self.decay_steps)
        if self.staircase:
            time = ops.floor(time)
        return ops.divide(self.initial_learning_rate, ops.add(ops.multiply(time, self.decay_rate), 1.0))


def _cosine(part: Any) -> Any:
    """From 1 at 0 to 0 at 1, along half a cosine."""
    return ops.multiply(ops.add(ops.cos(ops.multiply(part, math.pi)), 1.0), 0.5)


class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate to ``alpha`` times it (Loshchilov and Hutter, 2017), perhaps after a warm-up.

    Args:
        initial_learning_rate: the rate of step 0.
        decay_steps: how many steps the decay takes.
        alpha: what is left, as a fraction.
        name: unused; Keras has it.
        warmup_target: the rate at the end of a linear warm-up, from which it then decays; None for no warm-up.
        warmup_steps: how many steps the warm-up takes.

    Raises:
        ValueError: a number outside its range.

    >>> from corten.optimizers.schedules import CosineDecay
    >>> [round(float(CosineDecay(1.0, 10)(step)), 4) for step in (0, 5, 10, 99)]
    [1.0, 0.5, 0.0, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate = _rate("CosineDecay", "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive("CosineDecay", "decay_steps", decay_steps)
        self.alpha = _rate("CosineDecay", "alpha", alpha)
        self.name = name
        self.warmup_target = None if warmup_target is None else _rate("CosineDecay", "warmup_target", warmup_target)
        self.warmup_steps = _rate("CosineDecay", "warmup_steps", warmup_steps)

    def __call__(self, step: TensorLike) -> Any:
        count, peak = floats(step), self.initial_learning_rate
        warming = 0.0
        if self.warmup_target is not None:
            peak, warming = self.warmup_target, float(self.warmup_steps)
        decayed = ops.minimum(ops.maximum(ops.subtract(count, warming), 0.0), self.decay_steps)
        part = _cosine(ops.divide(decayed, self.decay_steps))
        rate = ops.multiply(ops.add(ops.multiply(part, 1.0 - self.alpha), self.alpha), peak)
        if not warming:
            return rate
        slope = (peak - self.initial_learning_rate) / warming
        warm = ops.add(ops.multiply(count, slope), self.initial_learning_rate)
        return ops.where(ops.less(count, warming), warm, rate)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decays one after the other (Loshchilov and Hutter, 2017).

    Args:
        initial_learning_rate: the rate of step 0.
        first_decay_steps: how many steps the first decay takes.
        t_mul: each decay takes so many times as long as the one before; at least 1.
        m_mul: each begins with so many times the rate of the one before.
        alpha: what is left at the end of each, as a fraction.
        name: unused; Keras has it.

    Raises:
        ValueError: a number outside its range.

    >>> from corten.optimizers.schedules import CosineDecayRestarts
    >>> [round(float(CosineDecayRestarts(1.0, 10)(step)), 4) for step in (0, 5, 10, 20)]
    [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = _rate("CosineDecayRestarts", "initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = _positive("CosineDecayRestarts", "first_decay_steps", first_decay_steps)
        if not 1 <= _number("CosineDecayRestarts", "t_mul", t_mul) < math.inf:
            raise ValueError(f"CosineDecayRestarts: t_mul must be at least 1, got {t_mul}")
        self.t_mul = t_mul
        self.m_mul = _rate("CosineDecayRestarts", "m_mul", m_mul)
        self.alpha = _rate("CosineDecayRestarts", "alpha", alpha)
        self.name = name

    def __call__(self, step: TensorLike) -> Any:
        part = ops.divide(floats(step), self.first_decay_steps)
        if self.t_mul == 1.0:
            restarts = ops.floor(part)
            part = ops.subtract(part, restarts)
        else:
            grown = ops.add(ops.multiply(part, self.t_mul - 1.0), 1.0)
            # Rounding may put a logarithm just below the whole number that a restart is at.
            logarithm = ops.divide(ops.log(grown), math.log(self.t_mul))
            restarts = ops.floor(ops.add(logarithm, 1e-6))
            scale = ops.power(self.t_mul, restarts)
            before = ops.divide(ops.subtract(scale, 1.0), self.t_mul - 1.0)
            part = ops.divide(ops.subtract(part, before), scale)
        decayed = ops.multiply(ops.power(self.m_mul, restarts), _cosine(part))
        return ops.multiply(ops.add(ops.multiply(decayed, 1.0 - self.alpha), self.alpha), self.initial_learning_rate)


_KNOWN: dict[str, Callable[..., Any]] = {
    kind.__name__: kind
    for kind in (
        ExponentialDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
        InverseTimeDecay,
        CosineDecay,
        CosineDecayRestarts,
    )
}


def get(identifier: LearningRateSchedule | dict[str, Any]) -> LearningRateSchedule:
    """The schedule that a schedule or a configuration stands for.

    >>> from corten.optimizers import schedules
    >>> config = schedules.serialize(schedules.CosineDecay(0.5, 10))
    >>> schedules.get(config).initial_learning_rate
    0.5
    """
    if isinstance(identifier, LearningRateSchedule):
        return identifier
    schedule = find(identifier, _KNOWN, "learning rate schedule")
    if not isinstance(schedule, LearningRateSchedule):
        raise TypeError(f"learning rate schedule: expected a LearningRateSchedule, got {identifier!r}")
    return schedule


def serialize(schedule: LearningRateSchedule) -> dict[str, Any]:
    """``{"class_name", "config"}``, from which :func:`deserialize` makes an equal schedule.

    >>> from corten.optimizers import schedules
    >>> schedules.serialize(schedules.ExponentialDecay(1.0, 2, 0.5))["config"]["decay_steps"]
    2
    """
    return serialized(schedule, "learning rate schedule")


def deserialize(config: dict[str, Any]) -> LearningRateSchedule:
    """The schedule that a configuration describes.

    >>> from corten.optimizers import schedules
    >>> schedules.deserialize(schedules.serialize(schedules.CosineDecay(0.5, 10))).decay_steps
    10
    """
    return get(config)


publish("optimizers", _KNOWN, module="keras.optimizers.schedules")
