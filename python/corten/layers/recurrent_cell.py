"""What the cells of recurrent networks have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from corten import activations, constraints, initializers, ops, regularizers
from corten.activations import ActivationLike
from corten.arguments import shown
from corten.constraints import ConstraintLike
from corten.errors import ShapeError
from corten.graph import Shape, Tensor
from corten.initializers import InitializerLike
from corten.layers.arguments import count, expect_rank, number, outdated, seed_of
from corten.layers.layer import Layer
from corten.random import SeedGenerator
from corten.regularizers import RegularizerLike

__all__ = ["RecurrentCell"]


class RecurrentCell(Layer):
    """A kernel for the input, one for the state, a bias, and a dropout for each.

    Subclasses say how many ``gates`` and ``states`` there are, compute one step in ``call``, and, where the engine has
    an op for it, a whole sequence in :meth:`sequence`. Those with further arguments state them all, in Keras's order.
    """

    gates = 1
    states = 1

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        outdated(self, kwargs, "implementation")
        super().__init__(**kwargs)
        kind = type(self).__name__.removesuffix("Cell")
        self.units = count(units, f"{kind}: units")
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = number(dropout, f"{kind}: dropout", 0.0, 1.0)
        self.recurrent_dropout = number(recurrent_dropout, f"{kind}: recurrent_dropout", 0.0, 1.0)
        self.seed = seed_of(seed, type(self).__name__)
        self.seed_generator = SeedGenerator(seed) if self.dropout > 0 or self.recurrent_dropout > 0 else None
        self.output_size = self.units
        self._dropout_factors: dict[str, Any] | None = None

    @property
    def state_size(self) -> Any:
        return self.units if self.states == 1 else [self.units] * self.states

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Zeros, one array for each state."""
        return [ops.zeros((batch_size, self.units)) for _ in range(self.states)]

    def before(self, states: Tensor | Sequence[Tensor]) -> list[Any]:
        """The states before a step, as a caller gave them: a list, or the only one."""
        listed = list(states) if isinstance(states, (list, tuple)) else [states]
        if len(listed) != self.states:
            raise ValueError(f"{type(self).__name__}: states: expected a list of {self.states}, got {shown(states)}")
        return listed

    # --- weights -------------------------------------------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        where = f'{type(self).__name__} "{self.name}"'
        expect_rank(input_shape, 2, where)
        if input_shape[-1] is None:
            raise ShapeError(f"{where}: expected an input whose last axis has a known size, got shape {input_shape}")
        width = self.gates * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], width),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, width),
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self.bias_shape,
                self.bias_start(),
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    @property
    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def bias_start(self) -> Any:
        """The initializer of the whole bias."""
        return self.bias_initializer

    # --- dropout -------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def same_dropout(self) -> Iterator[None]:
        """Within it every step of a sequence drops the same elements."""
        self._dropout_factors = {}
        try:
            yield
        finally:
            self._dropout_factors = None

    def _factors(self, which: str, rate: float, shape: Sequence[int], training: bool | None) -> Any:
        """0 for what is dropped and ``1 / (1 - rate)`` for the others; None where nothing is dropped."""
        if not training or rate == 0 or self.seed_generator is None:
            return None
        factors = {} if self._dropout_factors is None else self._dropout_factors
        if which not in factors:
            factors[which] = ops.dropout(ops.ones(tuple(shape)), rate, self.seed_generator.next())
        return factors[which]

    def dropped_inputs(self, inputs: Tensor, training: bool | None) -> Any:
        """One step's inputs, or a whole sequence's, all steps of which lose the same features."""
        factors = self._factors("inputs", self.dropout, (inputs.shape[0], inputs.shape[-1]), training)
        if factors is None:
            return inputs
        return inputs * (ops.expand_dims(factors, 1) if len(inputs.shape) == 3 else factors)

    def state_factors(self, batch: int, training: bool | None) -> Any:
        """What the state is multiplied with before it meets the recurrent kernel, or None."""
        return self._factors("state", self.recurrent_dropout, (batch, self.units), training)

    def dropped_state(self, h: Tensor, training: bool | None) -> Any:
        """The state as it meets the recurrent kernel."""
        factors = self.state_factors(h.shape[0], training)
        return h if factors is None else h * factors

    # --- whole sequences -----------------------------------------------------------------------------------------

    def sequence(
        self, inputs: Tensor, states: Sequence[Any], mask: Tensor | None, go_backwards: bool, training: bool | None
    ) -> Any:
        """All steps in one op: (the output of every step, the last one, the last states); None where there is no op."""
        return None
