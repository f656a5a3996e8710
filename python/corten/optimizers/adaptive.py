"""RMSprop, Adagrad and Adadelta: steps scaled by sums or running means of squared gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from corten.configured import forwarded
from corten.graph import Variable
from corten.optimizers.fused import Fused
from corten.optimizers.optimizer import LearningRateLike, expect

__all__ = ["Adadelta", "Adagrad", "RMSprop"]


class RMSprop(Fused):
    """Steps divided by the root of a running mean of squares (Tieleman and Hinton, 2012).

    ``v = rho v + (1 - rho) g^2; w -= lr g / sqrt(v + epsilon)``. With momentum the step is gathered as
    ``m = momentum m + lr g / sqrt(...)``; ``centered`` takes the square of the mean gradient from v.

    Args and errors beside those below: see :class:`Optimizer`.

    Args:
        rho: from 0 to 1.
        momentum: from 0 to 1.
        epsilon: keeps the divisor above 0.
        centered: divide by the estimated deviation.

    >>> import numpy as np
    >>> from corten import Variable
    >>> from corten.optimizers import RMSprop
    >>> weight = Variable(np.float32([1.0]))
    >>> RMSprop(learning_rate=0.1).apply([np.float32([7.0])], [weight])
    >>> weight.numpy().round(4)
    array([0.6838], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
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
        super().__init__(**forwarded(locals(), "rho", "momentum", "epsilon", "centered"))
        expect("RMSprop", "rho", rho, lambda v: 0 <= v <= 1, "0 <= rho <= 1")
        expect("RMSprop", "momentum", momentum, lambda v: 0 <= v <= 1, "0 <= momentum <= 1")
        expect("RMSprop", "epsilon", epsilon, lambda v: 0 <= v < math.inf, "0 <= epsilon")
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered

    def slots(self, variable: Variable) -> dict[str, Variable]:
        # In the order of the op.
        names = ["velocity", *(["average_gradient"] if self.centered else []), *(["momentum"] if self.momentum else [])]
        return {name: self.add_variable(variable, name) for name in names}

    def groups(self) -> Sequence[tuple[str, ...]]:
        return [("velocity",), ("momentum",), ("average_gradient",)]

    def fused(self) -> tuple[str, dict[str, Any]]:
        return "rmsprop", {
            "rho": float(self.rho),
            "epsilon": float(self.epsilon),
            "momentum": float(self.momentum),
            "centered": bool(self.centered),
        }


class Adagrad(Fused):
    """Steps divided by the root of the sum of squares so far (Duchi et al., 2011).

    ``a += g^2; w -= lr g / sqrt(a + epsilon)``

    Args and errors beside those below: see :class:`Optimizer`.

    Args:
        initial_accumulator_value: a at first, not negative.
        epsilon: keeps the divisor above 0.

    >>> import numpy as np
    >>> from corten import Variable
    >>> from corten.optimizers import Adagrad
    >>> weight = Variable(np.float32([1.0]))
    >>> Adagrad(learning_rate=0.5, initial_accumulator_value=0.0).apply([np.float32([7.0])], [weight])
    >>> weight.numpy().round(4)
    array([0.5], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
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
        super().__init__(**forwarded(locals(), "initial_accumulator_value", "epsilon"))
        value = initial_accumulator_value
        expect("Adagrad", "initial_accumulator_value", value, lambda v: 0 <= v < math.inf, "a value of at least 0")
        expect("Adagrad", "epsilon", epsilon, lambda v: 0 <= v < math.inf, "0 <= epsilon")
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def slots(self, variable: Variable) -> dict[str, Variable]:
        return {"accumulator": self.add_variable(variable, "accumulator", self.initial_accumulator_value)}

    def fused(self) -> tuple[str, dict[str, Any]]:
        return "adagrad", {"epsilon": float(self.epsilon)}


class Adadelta(Fused):
    """Steps of the size of earlier steps (Zeiler, 2012).

    ``a = rho a + (1 - rho) g^2; d = g sqrt(b + epsilon) / sqrt(a + epsilon); b = rho b + (1 - rho) d^2; w -= lr d``

    Args and errors beside those below: see :class:`Optimizer`.

    Args:
        rho: from 0 to 1.
        epsilon: keeps the divisor above 0.

    >>> import numpy as np
    >>> from corten import Variable
    >>> from corten.optimizers import Adadelta
    >>> weight = Variable(np.float32([1.0]))
    >>> Adadelta(learning_rate=1.0, epsilon=0.01).apply([np.float32([7.0])], [weight])
    >>> weight.numpy().round(4)
    array([0.5537], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
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
        super().__init__(**forwarded(locals(), "rho", "epsilon"))
        expect("Adadelta", "rho", rho, lambda v: 0 <= v <= 1, "0 <= rho <= 1")
        expect("Adadelta", "epsilon", epsilon, lambda v: 0 <= v < math.inf, "0 <= epsilon")
        self.rho = rho
        self.epsilon = epsilon

    def slots(self, variable: Variable) -> dict[str, Variable]:
        return {name: self.add_variable(variable, name) for name in ("accumulated_grad", "accumulated_delta_var")}

    def groups(self) -> Sequence[tuple[str, ...]]:
        return [("accumulated_grad", "accumulated_delta_var")]

    def fused(self) -> tuple[str, dict[str, Any]]:
        return "adadelta", {"rho": float(self.rho), "epsilon": float(self.epsilon)}
