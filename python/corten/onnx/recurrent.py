"""LSTM, GRU and RNN over whole sequences, by the engine's own ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from corten import ops
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.tensors import FLOAT
from corten.onnx.values import Data, Value, as_data, joined

#: Of the gates as ONNX has them (i o f c of an LSTM) the order in which the engine has them.
_LSTM, _GRU, _RNN = (0, 2, 3, 1), (0, 1, 2), (0,)


class _Sequences:
    """What the three operators share: inputs by direction, and how the outputs lie."""

    def __init__(
        self, call: Call, x: Value, w: Value, r: Value, b: Value | None, lengths: Value | None, gates: tuple[int, ...]
    ) -> None:
        expect_floats(call, x, w, r, b)
        self.call, self.gates = call, gates
        self.batch_first = call.flag("layout")
        data = as_data(x)
        if len(data.shape) != 3 or len(w.shape) != 3 or len(r.shape) != 3:
            raise ValueError(f"expected three axes, got shapes {data.shape}, {w.shape}, {r.shape}")
        self.x = data.plain if self.batch_first else data.laid((1, 0, 2))
        self.batch, self.steps, width = self.x.shape
        self.units = call.integer("hidden_size", r.shape[2])
        direction = call.text("direction", "forward", ("forward", "reverse", "bidirectional"))
        self.backwards = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
        count, many = len(self.backwards), len(gates) * self.units
        wanted = (count, many, width), (count, many, self.units), (count, 2 * many)
        got = tuple(w.shape), tuple(r.shape), wanted[2] if b is None else tuple(b.shape)
        if wanted != got:
            raise ValueError(f"expected W, R and B of shapes {wanted}, got {got}")
        self.weights = as_data(w).plain, as_data(r).plain, None if b is None else as_data(b).plain
        self.mask = None if lengths is None else self._mask(lengths)
        if call.has("clip"):
            raise call.refuse("clip")
        call.ignore("activation_alpha", "activation_beta")  # of activations that have no such numbers

    def _mask(self, lengths: Value) -> Any:
        """Which steps of each sequence there are (batch, time); None where all."""
        steps = np.arange(self.steps, dtype=np.float32)
        if isinstance(lengths, Data):
            return ops.less(steps[None], ops.expand_dims(ops.cast(lengths.plain, "float32"), 1))
        if lengths.shape != (self.batch,) or (lengths.size and not 0 <= lengths.min() <= lengths.max() <= self.steps):
            raise ValueError(f"sequence_lens: expected {self.batch} numbers from 0 to {self.steps}, got {lengths}")
        if (lengths == self.steps).all():
            return None
        return (steps[None] < lengths[:, None]).astype(np.float32)

    def activations(self, *usual: tuple[str, ...]) -> tuple[str, ...]:
        """The activations, which must be one of the usual sets for each direction."""
        given = [name.lower() for name in self.call.texts("activations", [])]
        sets = [tuple(given[at : at + len(usual[0])]) for at in range(0, len(given), len(usual[0]))]
        if not sets:
            return usual[0]
        if len(sets) != len(self.backwards) or len(set(sets)) != 1 or sets[0] not in usual:
            raise self.call.refuse(f"activations={given}")
        return sets[0]

    def rows(self, tensor: Any, direction: int, part: int = 0) -> Any:
        """The rows of one direction's gates in the engine's order, from the ``part``-th block of all gates on."""
        count, width = len(self.gates), list(tensor.shape[2:])
        blocks = ops.reshape(tensor, [-1, self.units, *width])
        first = direction * (tensor.shape[1] // self.units) + part * count
        if self.gates == tuple(range(count)):
            own = ops.getitem(blocks, slice(first, first + count))
        else:
            own = ops.take(blocks, np.array([first + gate for gate in self.gates], np.int32), 0)
        return ops.reshape(own, [count * self.units, *width])

    def arranged(self, direction: int) -> tuple[Any, Any, Any]:
        """One direction's recurrent kernel as the engine has it, and the biases of inputs and states or None."""
        _, r, b = self.weights
        recurrent = ops.transpose(self.rows(r, direction), [1, 0])
        return recurrent, *((None, None) if b is None else (self.rows(b, direction), self.rows(b, direction, 1)))

    def parts(self, direction: int, bias: Any) -> Any:
        """The inputs' part of one direction's gates: (batch, time, gates)."""
        flat = ops.reshape(self.x, [self.batch * self.steps, self.x.shape[2]])
        product = ops.matmul(flat, self.rows(self.weights[0], direction), transpose_b=True)
        gates = product if bias is None else ops.add(product, bias)
        return ops.reshape(gates, [self.batch, self.steps, len(self.gates) * self.units])

    def state(self, initial: Value | None, direction: int) -> Any:
        """The state of one direction to begin with."""
        if initial is None:
            return ops.zeros((self.batch, self.units))
        data = as_data(initial)
        tensor = data.laid((1, 0, 2)) if self.batch_first else data.plain
        if tuple(tensor.shape) != (len(self.backwards), self.batch, self.units):
            raise ValueError(
                f"initial state: expected {len(self.backwards)} x {self.batch} x {self.units}, got {data.shape}"
            )
        return ops.getitem(tensor, direction)

    def run(self, step: Callable[[int, bool], tuple[Any, ...]]) -> tuple[Value, ...]:
        """The outputs: of all steps, and the last states, from those of each direction."""
        every: list[Data] = []
        last: list[list[Data]] = []
        for direction, backwards in enumerate(self.backwards):
            sequence, *states = step(direction, backwards)
            if backwards:
                sequence = ops.flip(sequence, 1)
            if self.mask is not None:
                sequence = ops.where(ops.expand_dims(self.mask, 2), sequence, 0.0)
            # In memory (batch, time, direction, units).
            wide = ops.expand_dims(sequence, 2)
            every.append(Data(wide, FLOAT, (0, 1, 2, 3) if self.batch_first else (2, 0, 1, 3)))
            last.append([Data(ops.expand_dims(s, 1 if self.batch_first else 0), FLOAT) for s in states])
        axis = 2 if self.batch_first else 1
        finals = [joined(states, 1 if self.batch_first else 0) for states in zip(*last)]
        return joined(every, axis), *finals


def _zeros(call: Call, value: Value | None, what: str) -> None:
    """Refuses an input unless it is known to be zeros."""
    if value is not None and (isinstance(value, Data) or np.asarray(value).any()):
        raise call.refuse(what)


def _sum(a: Any, b: Any) -> Any:
    return None if a is None else ops.add(a, b)


@operator("LSTM")
def _lstm(
    call: Call,
    x: Value,
    w: Value,
    r: Value,
    b: Value | None = None,
    lengths: Value | None = None,
    h: Value | None = None,
    c: Value | None = None,
    peepholes: Value | None = None,
) -> Any:
    _zeros(call, peepholes, "a peephole")
    call.only("input_forget", 0)
    sequences = _Sequences(call, x, w, r, b, lengths, _LSTM)
    sequences.activations(("sigmoid", "tanh", "tanh"))

    def step(direction: int, backwards: bool) -> tuple[Any, ...]:
        recurrent, bias, recurrent_bias = sequences.arranged(direction)
        gates = sequences.parts(direction, _sum(bias, recurrent_bias))
        state, memory = sequences.state(h, direction), sequences.state(c, direction)
        outputs: tuple[Any, ...] = ops.lstm(gates, state, memory, recurrent, sequences.mask, go_backwards=backwards)
        return outputs

    return sequences.run(step)


@operator("GRU")
def _gru(
    call: Call,
    x: Value,
    w: Value,
    r: Value,
    b: Value | None = None,
    lengths: Value | None = None,
    h: Value | None = None,
) -> Any:
    reset_after = call.flag("linear_before_reset")
    sequences = _Sequences(call, x, w, r, b, lengths, _GRU)
    sequences.activations(("sigmoid", "tanh"))

    def step(direction: int, backwards: bool) -> tuple[Any, ...]:
        recurrent, bias, recurrent_bias = sequences.arranged(direction)
        gates = sequences.parts(direction, bias if reset_after else _sum(bias, recurrent_bias))
        outputs: tuple[Any, ...] = ops.gru(
            gates,
            sequences.state(h, direction),
            recurrent,
            recurrent_bias if reset_after else None,
            sequences.mask,
            go_backwards=backwards,
            reset_after=reset_after,
        )
        return outputs

    return sequences.run(step)


@operator("RNN")
def _rnn(
    call: Call,
    x: Value,
    w: Value,
    r: Value,
    b: Value | None = None,
    lengths: Value | None = None,
    h: Value | None = None,
) -> Any:
    sequences = _Sequences(call, x, w, r, b, lengths, _RNN)
    (activation,) = sequences.activations(("tanh",), ("relu",))

    def step(direction: int, backwards: bool) -> tuple[Any, ...]:
        recurrent, bias, recurrent_bias = sequences.arranged(direction)
        gates = sequences.parts(direction, _sum(bias, recurrent_bias))
        state = sequences.state(h, direction)
        outputs: tuple[Any, ...] = ops.simple_rnn(
            gates, state, recurrent, sequences.mask, go_backwards=backwards, activation=activation
        )
        return outputs

    return sequences.run(step)
