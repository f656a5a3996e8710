"""The gated recurrent unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from corten import activations, ops
from corten.activations import ActivationLike
from corten.configured import forwarded
from corten.constraints import ConstraintLike
from corten.graph import Tensor
from corten.initializers import InitializerLike
from corten.layers.recurrent_cell import RecurrentCell
from corten.layers.recurrent_layer import OfCell, RecurrentLayer
from corten.regularizers import RegularizerLike

__all__ = ["GRU", "GRUCell"]


class GRUCell(RecurrentCell):
    """One step of the GRU layer.

    Gated recurrent unit (Cho et al. 2014). With

    ``z, r = recurrent_activation(x . kernel + h . recurrent_kernel + bias)`` and
    ``g = activation(x . kernel + r (h . recurrent_kernel + bias))``, in the order z, r, g:
    ``h = z h + (1 - z) g``.
    Without ``reset_after`` it is ``g = activation(x . kernel + (r h) . recurrent_kernel)``.

    Args:
        units: the size of the state and of the output.
        activation: of the candidate and of the output.
        recurrent_activation: of the gates.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel (in, 3 units).
        recurrent_initializer: of the recurrent kernel (units, 3 units).
        bias_initializer: of the bias (2, 3 units), or (3 units) without ``reset_after``.
        kernel_regularizer: the kernel's penalty in the loss.
        recurrent_regularizer: the recurrent kernel's.
        bias_regularizer: the bias's.
        kernel_constraint: applied to the kernel after each step of training.
        recurrent_constraint: applied to the recurrent kernel.
        bias_constraint: applied to the bias.
        dropout: in [0, 1): the fraction of input features dropped in training, the same ones at every step.
        recurrent_dropout: in [0, 1): the same for the state that meets the recurrent kernel (Gal and Ghahramani 2016).
        reset_after: whether the reset gate acts on the state's product, or on the state before it.
        seed: of the dropouts, an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Call arguments: the inputs (batch, in) and the previous states, a list of h (batch, units).
    Returns h (batch, units) and the list of the new states.

    Raises:
        ValueError: ``units`` below 1, or a rate outside [0, 1).

    >>> import numpy as np, corten
    >>> h, states = corten.layers.GRUCell(3)(np.ones((2, 5), np.float32), [np.zeros((2, 3))])
    >>> h.shape, len(states)
    ((2, 3), 1)
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
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
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**forwarded(locals(), "recurrent_activation", "reset_after"))
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = bool(reset_after)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        width = 3 * self.units
        return (2, width) if self.reset_after else (width,)

    def _biases(self) -> tuple[Any, Any]:
        """Of the inputs' product, and of the state's."""
        if self.bias is None or not self.reset_after:
            return self.bias, None
        of_inputs, of_state = ops.unstack(self.bias)
        return of_inputs, of_state

    def call(self, inputs: Tensor, states: Tensor | Sequence[Tensor], training: bool | None = False) -> Any:
        (h,), (of_inputs, of_state) = self.before(states), self._biases()
        x = ops.dense(self.dropped_inputs(inputs, training), self.kernel, of_inputs)
        before = self.dropped_state(h, training)
        x_z, x_r, x_g = ops.split(x, 3, axis=-1)
        if self.reset_after:
            p_z, p_r, p_g = ops.split(ops.dense(before, self.recurrent_kernel, of_state), 3, axis=-1)
            z, r = self.recurrent_activation(x_z + p_z), self.recurrent_activation(x_r + p_r)
            g = self.activation(x_g + r * p_g)
        else:
            of_gates, of_candidate = ops.split(self.recurrent_kernel, [2 * self.units], axis=-1)
            p_z, p_r = ops.split(ops.matmul(before, of_gates), 2, axis=-1)
            z, r = self.recurrent_activation(x_z + p_z), self.recurrent_activation(x_r + p_r)
            g = self.activation(x_g + ops.matmul(r * before, of_candidate))
        h = z * h + (1.0 - z) * g
        return h, [h]

    def sequence(
        self, inputs: Tensor, states: Sequence[Any], mask: Tensor | None, go_backwards: bool, training: bool | None
    ) -> Any:
        """All steps in one op, with tanh and sigmoid."""
        if self.activation is not activations.tanh or self.recurrent_activation is not activations.sigmoid:
            return None
        of_inputs, of_state = self._biases()
        gates = ops.dense(self.dropped_inputs(inputs, training), self.kernel, of_inputs)
        dropout = self.state_factors(inputs.shape[0], training)
        outputs, h = ops.gru(
            gates, states[0], self.recurrent_kernel, of_state, mask, dropout, go_backwards, self.reset_after
        )
        return outputs, h, [h]


class GRU(RecurrentLayer):
    """GRU over a sequence, in one native call.

    Gated recurrent unit (Cho et al. 2014). With

    ``z, r = recurrent_activation(x . kernel + h . recurrent_kernel + bias)`` and
    ``g = activation(x . kernel + r (h . recurrent_kernel + bias))``, in the order z, r, g:
    ``h = z h + (1 - z) g``.
    Without ``reset_after`` it is ``g = activation(x . kernel + (r h) . recurrent_kernel)``.
    With other activations than tanh and sigmoid each step becomes nodes of the graph.

    Args:
        units: the size of the state and of the output.
        activation: of the candidate and of the output.
        recurrent_activation: of the gates.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel (in, 3 units).
        recurrent_initializer: of the recurrent kernel (units, 3 units).
        bias_initializer: of the bias (2, 3 units), or (3 units) without ``reset_after``.
        kernel_regularizer: the kernel's penalty in the loss.
        recurrent_regularizer: the recurrent kernel's.
        bias_regularizer: the bias's.
        activity_regularizer: the output's.
        kernel_constraint: applied to the kernel after each step of training.
        recurrent_constraint: applied to the recurrent kernel.
        bias_constraint: applied to the bias.
        dropout: in [0, 1): the fraction of input features dropped in training, the same ones at every step.
        recurrent_dropout: in [0, 1): the same for the state that meets the recurrent kernel (Gal and Ghahramani 2016).
        seed: of the dropouts, an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        return_sequences: whether the output of every step is returned, not only the last one.
        return_state: whether the last states are returned after the output.
        go_backwards: whether the sequence is processed from its end; outputs come in that order.
        stateful: whether each batch starts from the last states of the previous one: see :class:`RNN`.
        unroll: accepted; makes no difference.
        reset_after: whether the reset gate acts on the state's product, or on the state before it.
        use_cudnn: ``"auto"`` or False.

    Input (batch, time, in). Call arguments: ``initial_state``, a list of h (batch, units); ``mask`` (batch, time):
    steps where it is 0 are skipped.
    Output (batch, units), or (batch, time, units) with ``return_sequences``; with ``return_state`` a list of it and of
    the last h.

    Raises:
        ValueError: ``units`` below 1, a rate outside [0, 1), a stateful layer without a known batch, wrong states.
        ShapeError: other than three axes, or an unknown last one.

    >>> import numpy as np, corten
    >>> layer = corten.layers.GRU(3, return_sequences=True)
    >>> layer(np.ones((2, 4, 5), np.float32)).shape, [w.shape for w in layer.weights]
    ((2, 4, 3), [(5, 9), (3, 9), (2, 9)])
    """

    recurrent_activation = OfCell()
    reset_after = OfCell()

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Literal["auto", False] = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(GRUCell, **forwarded(locals()))
