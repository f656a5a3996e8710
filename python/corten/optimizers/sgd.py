"""Stochastic gradient descent, plain or with momentum, and steps by signs."""

from __future__ import annotations

from typing import Any

from corten.configured import forwarded
from corten.graph import Variable
from corten.optimizers.fused import Fused
from corten.optimizers.optimizer import LearningRateLike, expect

__all__ = ["SGD", "Lion"]


class SGD(Fused):
    """Stochastic gradient descent: ``w -= lr g``.

    With momentum m: ``v = m v - lr g; w += v``; with Nesterov's, ``w += m v - lr g`` (Sutskever et al., 2013).

    Args and errors beside those below: see :class:`Optimizer`.

    Args:
        momentum: from 0 to 1.
        nesterov: whether to look ahead.

    >>> import numpy as np
    >>> from corten import Variable
    >>> from corten.optimizers import SGD
    >>> weight = Variable(np.float32([1.0]))
    >>> SGD(learning_rate=0.5).apply([np.float32([1.0])], [weight])
    >>> weight.numpy()
    array([0.5], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
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
        super().__init__(**forwarded(locals(), "momentum", "nesterov"))
        expect("SGD", "momentum", momentum, lambda v: 0 <= v <= 1, "0 <= momentum <= 1")
        self.momentum = momentum
        self.nesterov = nesterov

    def slots(self, variable: Variable) -> dict[str, Variable]:
        return {"momentum": self.add_variable(variable, "momentum")} if self.momentum else {}

    def fused(self) -> tuple[str, dict[str, Any]]:
        return "sgd", {"momentum": float(self.momentum), "nesterov": bool(self.nesterov)}


class Lion(Fused):
    """Steps of one size along the sign of a moving mean (Chen et al., 2023).

    ``w -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g``

    Args and errors beside those below: see :class:`Optimizer`.

    Args:
        beta_1: above 0, at most 1.
        beta_2: from 0 to 1.

    >>> import numpy as np
    >>> from corten import Variable
    >>> from corten.optimizers import Lion
    >>> weight = Variable(np.float32([1.0]))
    >>> Lion(learning_rate=0.5).apply([np.float32([7.0])], [weight])
    >>> weight.numpy()
    array([0.5], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
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
        super().__init__(**forwarded(locals(), "beta_1", "beta_2"))
        expect("Lion", "beta_1", beta_1, lambda v: 0 < v <= 1, "0 < beta_1 <= 1")
        expect("Lion", "beta_2", beta_2, lambda v: 0 <= v <= 1, "0 <= beta_2 <= 1")
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def slots(self, variable: Variable) -> dict[str, Variable]:
        return {"momentum": self.add_variable(variable, "momentum")}

    def fused(self) -> tuple[str, dict[str, Any]]:
        return "lion", {"beta_1": float(self.beta_1), "beta_2": float(self.beta_2)}
