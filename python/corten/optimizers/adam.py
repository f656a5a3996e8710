"""Adam and its kin: steps scaled by running means of gradients and of their squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from corten import ops
from corten.configured import forwarded
from corten.graph import Variable
from corten.optimizers.fused import Fused
from corten.optimizers.optimizer import LearningRateLike, Optimizer, expect

__all__ = ["Adam", "AdamW", "Adamax", "Nadam"]


def expect_betas(kind: str, beta_1: float, beta_2: float, epsilon: float) -> None:
    """``ValueError`` unless the betas are in [0, 1) and epsilon is above 0."""
    expect(kind, "beta_1", beta_1, lambda v: 0 <= v < 1, "0 <= beta_1 < 1")
    expect(kind, "beta_2", beta_2, lambda v: 0 <= v < 1, "0 <= beta_2 < 1")
    expect(kind, "epsilon", epsilon, lambda v: 0 <= v < float("inf"), "0 <= epsilon")


class Adam(Fused):
    """Adam (Kingma and Ba, 2015), in the reordered form of its section 2.

    ``m += (g - m)(1 - b1); v += (g^2 - v)(1 - b2); w -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)``

    Args and errors beside those below: see :class:`Optimizer`.

    Args:
        beta_1, beta_2: from 0 to below 1.
        epsilon: keeps the divisor above 0.
        amsgrad: divide by the largest v so far (Reddi et al., 2018).

    >>> import numpy as np
    >>> from corten import Variable
    >>> from corten.optimizers import Adam
    >>> weight = Variable(np.float32([1.0]))
    >>> Adam(learning_rate=0.25).apply([np.float32([7.0])], [weight])
    >>> weight.numpy().round(4)
    array([0.75], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        super().__init__(**forwarded(locals(), "beta_1", "beta_2", "epsilon", "amsgrad"))
        expect_betas("Adam", beta_1, beta_2, epsilon)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad

    def slots(self, variable: Variable) -> dict[str, Variable]:
        names = ["momentum", "velocity", *(["velocity_hat"] if self.amsgrad else [])]
        return {name: self.add_variable(variable, name) for name in names}

    def groups(self) -> Sequence[tuple[str, ...]]:
        return [("momentum", "velocity"), ("velocity_hat",)]

    def fused(self) -> tuple[str, dict[str, Any]]:
        return "adam", {**betas(self), "amsgrad": bool(self.amsgrad)}


class AdamW(Adam):
    """Adam with weights that decay apart from the gradients (Loshchilov and Hutter, 2019).

    Before each step ``w -= lr weight_decay w``; see :class:`Adam`. ``exclude_from_weight_decay`` spares variables.

    Raises:
        ValueError: as :class:`Adam`, and where ``weight_decay`` is None.

    >>> import numpy as np
    >>> from corten import Variable
    >>> from corten.optimizers import AdamW
    >>> weight = Variable(np.float32([1.0]))
    >>> AdamW(learning_rate=0.1, weight_decay=0.5).apply([np.float32([0.0])], [weight])
    >>> weight.numpy()
    array([0.95], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
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
        super().__init__(**forwarded(locals()))
        if weight_decay is None:
            raise ValueError("AdamW: weight_decay must be a float, got None")


class Adamax(Fused):
    """Adam by the infinity norm (Kingma and Ba, 2015, section 7.1).

    ``m += (g - m)(1 - b1); u = max(b2 u, |g|); w -= lr m / ((1 - b1^t)(u + epsilon))``

    Args and errors as those of :class:`Adam`.

    >>> import numpy as np
    >>> from corten import Variable
    >>> from corten.optimizers import Adamax
    >>> weight = Variable(np.float32([1.0]))
    >>> Adamax(learning_rate=0.25).apply([np.float32([7.0])], [weight])
    >>> weight.numpy().round(4)
    array([0.75], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        super().__init__(**forwarded(locals(), "beta_1", "beta_2", "epsilon"))
        expect_betas("Adamax", beta_1, beta_2, epsilon)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def slots(self, variable: Variable) -> dict[str, Variable]:
        return {name: self.add_variable(variable, name) for name in ("momentum", "norm")}

    def groups(self) -> Sequence[tuple[str, ...]]:
        return [("momentum", "norm")]

    def fused(self) -> tuple[str, dict[str, Any]]:
        return "adamax", betas(self)


class Nadam(Fused):
    """Adam with Nesterov's momentum (Dozat, 2016); the momentum warms up as ``b1 (1 - 0.96^t / 2)``.

    Args and errors as those of :class:`Adam`.

    >>> import numpy as np
    >>> from corten import Variable
    >>> from corten.optimizers import Nadam
    >>> weight = Variable(np.float32([1.0]))
    >>> Nadam(learning_rate=0.25).apply([np.float32([7.0])], [weight])
    >>> weight.numpy().round(4)
    array([0.7343], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: LearningRateLike = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
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
        super().__init__(**forwarded(locals(), "beta_1", "beta_2", "epsilon"))
        expect_betas("Nadam", beta_1, beta_2, epsilon)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        #: The product of the momenta of all steps so far.
        self._product = Variable(np.float32(1.0), trainable=False, name="u_product")
        self._extra.append(self._product)

    def slots(self, variable: Variable) -> dict[str, Variable]:
        return {name: self.add_variable(variable, name) for name in ("momentum", "velocity")}

    def groups(self) -> Sequence[tuple[str, ...]]:
        return [("momentum", "velocity")]

    def _begin(self, iterations: Any, taken: Any) -> None:
        power = ops.power(0.96, ops.add(ops.cast(iterations, "float32"), 1.0))
        momentum = ops.multiply(ops.subtract(1.0, ops.multiply(power, 0.5)), self.beta_1)
        if taken is not None:
            momentum = ops.where(taken, momentum, 1.0)
        self._product.assign(ops.multiply(self._product.value, momentum))

    def further(self) -> list[Any]:
        return [self._product.value]

    def fused(self) -> tuple[str, dict[str, Any]]:
        return "nadam", betas(self)


def betas(optimizer: Optimizer) -> dict[str, Any]:
    """The attributes that all of these ops take."""
    names = ("beta_1", "beta_2", "epsilon")
    return {name: float(getattr(optimizer, name)) for name in names}
