"""Recurrent networks: one step at a time on arrays, or whole sequences in one native call."""

from __future__ import annotations

from typing import Any

from corten.graph import TensorLike, push, symbolic
from corten.ops.dtypes import floats, shape
from corten.ops.nn import dense
from corten.ops.shapes import reshape

__all__ = ["gru", "gru_step", "lstm", "lstm_step", "simple_rnn", "simple_rnn_step"]


def _recurrence(
    name: str, inputs: list[Any], mask: Any, dropout: Any, go_backwards: bool, **attributes: Any
) -> list[Any]:
    optional = [floats(x) for x in (mask, dropout) if x is not None]
    return push(
        name,
        [*(floats(x) for x in inputs), *optional],
        backwards=bool(go_backwards),
        mask=mask is not None,
        dropout=dropout is not None,
        **attributes,
    )


# --- whole sequences -------------------------------------------------------------------------------------------------


@symbolic
def lstm(
    gates: TensorLike,
    h: TensorLike,
    c: TensorLike,
    recurrent_kernel: TensorLike,
    mask: TensorLike | None = None,
    dropout: TensorLike | None = None,
    go_backwards: bool = False,
) -> Any:
    """A long short-term memory over sequences (Hochreiter and Schmidhuber 1997; Gers et al. 2000). At each step

    ``i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of (gates + h . recurrent_kernel)``, ``c = f c + i g``,
    ``h = o tanh(c)``.

    Args:
        gates: the inputs' part, ``x . kernel + bias``: (batch, time, 4 units), in the order i, f, g, o.
        h: the state to begin with (batch, units).
        c: the memory to begin with (batch, units).
        recurrent_kernel: (units, 4 units).
        mask: (batch, time); where it is 0 the step is left out and the state stays as it was.
        dropout: (batch, units), factors of h on its way into the product.
        go_backwards: whether the last step is taken first.

    Returns:
        h after every step (batch, time, units), in the order in which the steps were taken, and the last h and c.

    Raises:
        ShapeError: the shapes do not fit.

    >>> import numpy as np
    >>> from corten import ops
    >>> zeros = np.zeros((2, 3), np.float32)
    >>> hs, h, c = ops.lstm(np.ones((2, 5, 12), np.float32), zeros, zeros, np.zeros((3, 12), np.float32))
    >>> hs.shape, bool((hs[:, -1] == h).all())
    ((2, 5, 3), True)
    """
    return tuple(_recurrence("lstm", [gates, h, c, recurrent_kernel], mask, dropout, go_backwards)[:3])


@symbolic
def gru(
    gates: TensorLike,
    h: TensorLike,
    recurrent_kernel: TensorLike,
    recurrent_bias: TensorLike | None = None,
    mask: TensorLike | None = None,
    dropout: TensorLike | None = None,
    go_backwards: bool = False,
    reset_after: bool = True,
) -> Any:
    """A gated recurrent unit over sequences (Cho et al. 2014). At each step, with ``p = h . recurrent_kernel + bias``,

    ``z, r = sigmoid(gates + p)``, ``g = tanh(gates + r p)``, ``h = z h + (1 - z) g``; without ``reset_after`` the
    candidate is ``g = tanh(gates + (r h) . recurrent_kernel)``.

    Args:
        gates: the inputs' part of the three gates, ``x . kernel + bias``: (batch, time, 3 units), in the order z, r, g.
        h: the state to begin with (batch, units).
        recurrent_kernel: (units, 3 units).
        recurrent_bias: (3 units), only with ``reset_after``, or None.
        mask: (batch, time); where it is 0 the step is left out and the state stays as it was.
        dropout: (batch, units), factors of h on its way into the products.
        go_backwards: whether the last step is taken first.
        reset_after: whether the reset gate acts on the product, or on the state before it.

    Returns:
        h after every step (batch, time, units), in the order in which the steps were taken, and the last h.

    Raises:
        ShapeError: the shapes do not fit.
        ValueError: a recurrent bias without ``reset_after``.

    >>> import numpy as np
    >>> from corten import ops
    >>> hs, h = ops.gru(np.ones((2, 5, 9), np.float32), np.zeros((2, 3), np.float32), np.zeros((3, 9), np.float32))
    >>> hs.shape, bool((hs[:, -1] == h).all())
    ((2, 5, 3), True)
    """
    biases = [] if recurrent_bias is None else [recurrent_bias]
    inputs = [gates, h, recurrent_kernel, *biases]
    options = {"reset_after": bool(reset_after), "bias": bool(biases)}
    return tuple(_recurrence("gru", inputs, mask, dropout, go_backwards, **options)[:2])


@symbolic
def simple_rnn(
    gates: TensorLike,
    h: TensorLike,
    recurrent_kernel: TensorLike,
    mask: TensorLike | None = None,
    dropout: TensorLike | None = None,
    go_backwards: bool = False,
    activation: str = "tanh",
) -> Any:
    """The simple recurrence over sequences (Elman 1990): ``h = activation(gates + h . recurrent_kernel)`` at each step.

    Args:
        gates: the inputs' part, ``x . kernel + bias``: (batch, time, units).
        h: the state to begin with (batch, units).
        recurrent_kernel: (units, units).
        mask: (batch, time); where it is 0 the step is left out and the state stays as it was.
        dropout: (batch, units), factors of h on its way into the product.
        go_backwards: whether the last step is taken first.
        activation: ``"tanh"`` or ``"relu"``.

    Returns:
        h after every step (batch, time, units), in the order in which the steps were taken, and the last h.

    Raises:
        ShapeError: the shapes do not fit.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.simple_rnn(np.ones((1, 3, 1), np.float32), [[0]], [[1]], activation="relu")[0].ravel()
    array([1., 2., 3.], dtype=float32)
    """
    inputs = [gates, h, recurrent_kernel]
    return tuple(_recurrence("simple_rnn", inputs, mask, dropout, go_backwards, activation=activation))


# --- single steps ----------------------------------------------------------------------------------------------------


def _one_step(x: Any, kernel: Any, bias: Any) -> Any:
    """The inputs' part of the gates for a sequence of one step."""
    gates = dense(x, kernel, bias)
    batch, width = shape(gates)
    return reshape(gates, (batch, 1, width))


@symbolic
def lstm_step(
    x: TensorLike,
    h: TensorLike,
    c: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
) -> Any:
    """One step of an LSTM: see :func:`lstm`.

    Args:
        x: (batch, in).
        h: the state before (batch, units).
        c: the memory before (batch, units).
        kernel: (in, 4 units), gates in the order i, f, g, o.
        recurrent_kernel: (units, 4 units).
        bias: (4 units) or None.

    Returns:
        h and c after the step, each (batch, units).

    >>> import numpy as np
    >>> from corten import ops
    >>> h, c = ops.lstm_step([[1.]], [[0.]], [[1.]], np.zeros((1, 4)), np.zeros((1, 4)), [0., 0., 1., 0.])
    >>> h.round(3), c.round(3)
    (array([[0.353]], dtype=float32), array([[0.881]], dtype=float32))
    """
    return lstm(_one_step(x, kernel, bias), h, c, recurrent_kernel)[1:]


@symbolic
def gru_step(
    x: TensorLike,
    h: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    reset_after: bool = True,
) -> Any:
    """One step of a GRU: see :func:`gru`.

    Args:
        x: (batch, in).
        h: the state before (batch, units).
        kernel: (in, 3 units), gates in the order z, r, g.
        recurrent_kernel: (units, 3 units).
        bias: None, or with ``reset_after`` (2, 3 units): of the inputs' and of the state's product, else (3 units).
        reset_after: whether the reset gate acts on the product, or on the state before it.

    Returns:
        h after the step (batch, units).

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.gru_step([[1.]], [[1.]], np.zeros((1, 3)), np.zeros((1, 3)))
    array([[0.5]], dtype=float32)
    """
    of_state = None
    if bias is not None and reset_after:
        bias, of_state = floats(bias)[0], floats(bias)[1]
    return gru(_one_step(x, kernel, bias), h, recurrent_kernel, of_state, reset_after=reset_after)[1]


@symbolic
def simple_rnn_step(
    x: TensorLike,
    h: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    activation: str = "tanh",
) -> Any:
    """One step of the simple recurrence: ``activation(x . kernel + h . recurrent_kernel + bias)``.

    Args:
        x: (batch, in).
        h: the state before (batch, units).
        kernel: (in, units).
        recurrent_kernel: (units, units).
        bias: (units) or None.
        activation: ``"tanh"`` or ``"relu"``.

    Returns:
        h after the step (batch, units).

    >>> from corten import ops
    >>> ops.simple_rnn_step([[1.]], [[2.]], [[3.]], [[4.]], activation="relu")
    array([[11.]], dtype=float32)
    """
    return simple_rnn(_one_step(x, kernel, bias), h, recurrent_kernel, activation=activation)[1]
