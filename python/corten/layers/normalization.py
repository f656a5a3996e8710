"""What layers that normalise share: a learned scale (gamma) and offset (beta) afterwards."""

from __future__ import annotations

from typing import Any

from corten import constraints, initializers, regularizers
from corten.constraints import ConstraintLike
from corten.initializers import InitializerLike
from corten.layers.arguments import number
from corten.layers.layer import Layer
from corten.regularizers import RegularizerLike

__all__ = ["Normalization"]


class Normalization(Layer):
    """Adds ``epsilon`` to a variance; may multiply with gamma and add beta."""

    def __init__(
        self,
        *,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: InitializerLike,
        gamma_initializer: InitializerLike,
        beta_regularizer: RegularizerLike,
        gamma_regularizer: RegularizerLike,
        beta_constraint: ConstraintLike,
        gamma_constraint: ConstraintLike,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = number(epsilon, f"{type(self).__name__}: epsilon", 0.0)
        self.center = bool(center)
        self.scale = bool(scale)
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True

    def _add_gamma_and_beta(self, shape: tuple[int, ...]) -> None:
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )
