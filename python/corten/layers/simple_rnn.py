"""The simple recurrent network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import activations, ops
from corten.activations import ActivationLike
from corten.configured import forwarded
from corten.constraints import ConstraintLike
from corten.graph import Tensor
from corten.initializers import InitializerLike
from corten.layers.recurrent_cell import RecurrentCell
from corten.layers.recurrent_layer import RecurrentLayer
from corten.regularizers import RegularizerLike

__all__ = ["SimpleRNN", "SimpleRNNCell"]


class SimpleRNNCell(RecurrentCell):
    """One step of the SimpleRNN layer.

    ``h = activation(x . kernel + h . recurrent_kernel + bias)`` (Elman 1990).

    Args:
        units: the size of the state and of the output.
        activation: of the candidate and of the output.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel (in, units).
        recurrent_initializer: of the recurrent kernel (units, units).
        bias_initializer: of the bias (units).
        kernel_regularizer: the kernel's penalty in the loss.
        recurrent_regularizer: the recurrent kernel's.
        bias_regularizer: the bias's.
        kernel_constraint: applied to the kernel after each step of training.
        recurrent_constraint: applied to the recurrent kernel.
        bias_constraint: applied to the bias.
        dropout: in [0, 1): the fraction of input features dropped in training, the same ones at every step.
        recurrent_dropout: in [0, 1): the same for the state that meets the recurrent kernel (Gal and Ghahramani 2016).
        seed: of the dropouts, an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Call arguments: the inputs (batch, in) and the previous states, a list of h (batch, units).
    Returns h (batch, units) and the list of the new states.

    Raises:
        ValueError: ``units`` below 1, or a rate outside [0, 1).

    >>> import numpy as np, corten
    >>> h, states = corten.layers.SimpleRNNCell(3)(np.ones((2, 5), np.float32), [np.zeros((2, 3))])
    >>> h.shape, len(states)
    ((2, 3), 1)
    """

    def call(self, inputs: Tensor, states: Tensor | Sequence[Tensor], training: bool | None = False) -> Any:
        (before,) = self.before(states)
        x = ops.dense(self.dropped_inputs(inputs, training), self.kernel, self.bias)
        h = self.activation(x + ops.matmul(self.dropped_state(before, training), self.recurrent_kernel))
        return h, [h]

    def sequence(
        self, inputs: Tensor, states: Sequence[Any], mask: Tensor | None, go_backwards: bool, training: bool | None
    ) -> Any:
        """All steps in one op, with tanh or ReLU."""
        relu = activations.is_plain_relu(self.activation)
        if not relu and self.activation is not activations.tanh:
            return None
        gates = ops.dense(self.dropped_inputs(inputs, training), self.kernel, self.bias)
        dropout = self.state_factors(inputs.shape[0], training)
        name = "relu" if relu else "tanh"
        outputs, h = ops.simple_rnn(gates, states[0], self.recurrent_kernel, mask, dropout, go_backwards, name)
        return outputs, h, [h]


class SimpleRNN(RecurrentLayer):
    """SimpleRNN over a sequence, in one native call.

    ``h = activation(x . kernel + h . recurrent_kernel + bias)`` (Elman 1990).
    With other activations than tanh and ReLU each step becomes nodes of the graph.

    Args:
        units: the size of the state and of the output.
        activation: of the candidate and of the output.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel (in, units).
        recurrent_initializer: of the recurrent kernel (units, units).
        bias_initializer: of the bias (units).
        kernel_regularizer: the kernel's penalty in the loss.
        recurrent_regularizer: the recurrent kernel's.
        bias_regularizer: the bias's.
        activity_regularizer: the output's.
        kernel_constraint: applied to the kernel after each step of training.
        recurrent_constraint: applied to the recurrent kernel.
        bias_constraint: applied to the bias.
        dropout: in [0, 1): the fraction of input features dropped in training, the same ones at every step.
        recurrent_dropout: in [0, 1): the same for the state that meets the recurrent kernel (Gal and Ghahramani 2016).
        return_sequences: whether the output of every step is returned, not only the last one.
        return_state: whether the last states are returned after the output.
        go_backwards: whether the sequence is processed from its end; outputs come in that order.
        stateful: whether each batch starts from the last states of the previous one: see :class:`RNN`.
        unroll: accepted; makes no difference.
        seed: of the dropouts, an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Input (batch, time, in). Call arguments: ``initial_state``, a list of h (batch, units); ``mask`` (batch, time):
    steps where it is 0 are skipped.
    Output (batch, units), or (batch, time, units) with ``return_sequences``; with ``return_state`` a list of it and of
    the last h.

    Raises:
        ValueError: ``units`` below 1, a rate outside [0, 1), a stateful layer without a known batch, wrong states.
        ShapeError: other than three axes, or an unknown last one.

    >>> import numpy as np, corten
    >>> layer = corten.layers.SimpleRNN(3, return_sequences=True)
    >>> layer(np.ones((2, 4, 5), np.float32)).shape, [w.shape for w in layer.weights]
    ((2, 4, 3), [(5, 3), (3, 3), (3,)])
    """

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
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(SimpleRNNCell, **forwarded(locals()))
