"""The long short-term memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from corten import activations, ops
from corten.activations import ActivationLike
from corten.configured import forwarded
from corten.constraints import ConstraintLike
from corten.graph import Tensor
from corten.initializers import InitializerLike
from corten.layers.recurrent_cell import RecurrentCell
from corten.layers.recurrent_layer import OfCell, RecurrentLayer
from corten.regularizers import RegularizerLike

__all__ = ["LSTM", "LSTMCell"]


class LSTMCell(RecurrentCell):
    """One step of the LSTM layer.

    Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000). With

    ``i, f, o = recurrent_activation(.)`` and ``g = activation(.)`` of ``x . kernel + h . recurrent_kernel + bias``,
    in the order i, f, g, o: ``c = f c + i g`` and ``h = o activation(c)``.

    Args:
        units: the size of the state and of the output.
        activation: of the candidate and of the output.
        recurrent_activation: of the gates.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel (in, 4 units).
        recurrent_initializer: of the recurrent kernel (units, 4 units).
        bias_initializer: of the bias (4 units).
        unit_forget_bias: whether the forget gate's bias starts at 1 (Jozefowicz et al. 2015).
        kernel_regularizer: the kernel's penalty in the loss.
        recurrent_regularizer: the recurrent kernel's.
        bias_regularizer: the bias's.
        kernel_constraint: applied to the kernel after each step of training.
        recurrent_constraint: applied to the recurrent kernel.
        bias_constraint: applied to the bias.
        dropout: in [0, 1): the fraction of input features dropped in training, the same ones at every step.
        recurrent_dropout: in [0, 1): the same for the state that meets the recurrent kernel (Gal and Ghahramani 2016).
        seed: of the dropouts, an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Call arguments: the inputs (batch, in) and the previous states, a list of h and c (batch, units).
    Returns h (batch, units) and the list of the new states.

    Raises:
        ValueError: ``units`` below 1, or a rate outside [0, 1).

    >>> import numpy as np, corten
    >>> h, states = corten.layers.LSTMCell(3)(np.ones((2, 5), np.float32), [np.zeros((2, 3)), np.zeros((2, 3))])
    >>> h.shape, len(states)
    ((2, 3), 2)
    """

    gates = 4
    states = 2

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
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
        super().__init__(**forwarded(locals(), "recurrent_activation", "unit_forget_bias"))
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)

    def bias_start(self) -> Any:
        """Ones for the forget gate where they are wanted, else the initializer's own."""
        return self._with_forget_gate if self.unit_forget_bias else self.bias_initializer

    def _with_forget_gate(self, shape: Any, dtype: Any) -> Any:
        bias = np.array(self.bias_initializer(shape, dtype), dtype)
        bias[self.units : 2 * self.units] = 1
        return bias

    def call(self, inputs: Tensor, states: Tensor | Sequence[Tensor], training: bool | None = False) -> Any:
        h, c = self.before(states)
        z = ops.dense(self.dropped_inputs(inputs, training), self.kernel, self.bias)
        z = z + ops.matmul(self.dropped_state(h, training), self.recurrent_kernel)
        i, f, g, o = ops.split(z, 4, axis=-1)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]

    def sequence(
        self, inputs: Tensor, states: Sequence[Any], mask: Tensor | None, go_backwards: bool, training: bool | None
    ) -> Any:
        """All steps in one op, with tanh and sigmoid."""
        if self.activation is not activations.tanh or self.recurrent_activation is not activations.sigmoid:
            return None
        gates = ops.dense(self.dropped_inputs(inputs, training), self.kernel, self.bias)
        dropout = self.state_factors(inputs.shape[0], training)
        outputs, h, c = ops.lstm(gates, states[0], states[1], self.recurrent_kernel, mask, dropout, go_backwards)
        return outputs, h, [h, c]


class LSTM(RecurrentLayer):
    """LSTM over a sequence, in one native call.

    Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000). With

    ``i, f, o = recurrent_activation(.)`` and ``g = activation(.)`` of ``x . kernel + h . recurrent_kernel + bias``,
    in the order i, f, g, o: ``c = f c + i g`` and ``h = o activation(c)``.
    With other activations than tanh and sigmoid each step becomes nodes of the graph.

    Args:
        units: the size of the state and of the output.
        activation: of the candidate and of the output.
        recurrent_activation: of the gates.
        use_bias: whether a bias is added.
        kernel_initializer: of the kernel (in, 4 units).
        recurrent_initializer: of the recurrent kernel (units, 4 units).
        bias_initializer: of the bias (4 units).
        unit_forget_bias: whether the forget gate's bias starts at 1 (Jozefowicz et al. 2015).
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
        use_cudnn: ``"auto"`` or False.

    Input (batch, time, in). Call arguments: ``initial_state``, a list of h and c (batch, units); ``mask``
    (batch, time): steps where it is 0 are skipped.
    Output (batch, units), or (batch, time, units) with ``return_sequences``; with ``return_state`` a list of it and of
    the last h and c.

    Raises:
        ValueError: ``units`` below 1, a rate outside [0, 1), a stateful layer without a known batch, wrong states.
        ShapeError: other than three axes, or an unknown last one.

    >>> import numpy as np, corten
    >>> layer = corten.layers.LSTM(3, return_sequences=True)
    >>> layer(np.ones((2, 4, 5), np.float32)).shape, [w.shape for w in layer.weights]
    ((2, 4, 3), [(5, 12), (3, 12), (12,)])
    """

    recurrent_activation = OfCell()
    unit_forget_bias = OfCell()

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
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
        use_cudnn: Literal["auto", False] = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(LSTMCell, **forwarded(locals()))
