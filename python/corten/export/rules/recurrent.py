"""Recurrent layers: one LSTM, GRU or RNN node for each, whatever the mask.

The engine's ops are given the inputs' part of the gates, which a dense op computes before; ONNX's nodes do both, so
that op becomes part of them. ONNX leaves out steps only at the end of a sequence: so what a mask lets count is moved to
the front, and what comes of it back to its place.
"""

from __future__ import annotations

import numpy as np

from corten.export.emitter import Emitter
from corten.export.nodes import FLOAT, INT32, INT64
from corten.export.rules.rule import Rule
from corten.export.traced import Node, Value, refusal
from corten.graph import Array

__all__ = ["RULES", "needs"]


class _Recurrence:
    """One node, and the inputs that all three kinds have."""

    def __init__(self, to: Emitter, node: Node, kind: str, order: list[int], states: int) -> None:
        self.to, self.node, self.kind, self.order, self.states = to, node, kind, order, states
        if node.attributes["dropout"]:
            raise refusal(node, "it drops parts of the state, which is for training")
        gates, recurrent = node.inputs[0], node.inputs[1 + states]
        if recurrent.array is None:
            raise refusal(node, "its recurrent kernel is computed from the model's inputs; expected a weight")
        self.units = recurrent.array.shape[0]
        self.recurrent = recurrent
        self.mask = node.inputs[-1] if node.attributes["mask"] else None
        self.x, self.kernel, self.bias = _inputs_part(gates, self.mask)
        self.backwards = bool(node.attributes["backwards"])

    def weights(self, kernel: Value, label: str) -> str:
        """(1, gates * units, in), the gates in ONNX's order."""
        assert kernel.array is not None
        rows = self._ordered(kernel.array.T)
        return self.to.initializer(rows[None], label)

    def _ordered(self, rows: Array) -> Array:
        blocks = np.split(rows, len(self.order))
        return np.concatenate([blocks[place] for place in self.order])

    def biases(self, of_state: Value | None) -> str:
        """(1, 2 * gates * units): of the inputs' product, then of the state's; nothing where there is none."""
        if self.bias is None and of_state is None:
            return ""
        zeros = np.zeros(len(self.order) * self.units, np.float32)
        parts, label = [], ""
        for bias in (self.bias, of_state):
            if bias is not None and bias.array is None:
                raise refusal(self.node, "its bias is computed from the model's inputs; expected a weight")
            parts.append(zeros if bias is None else self._ordered(bias.array))  # type: ignore[arg-type]
            label = label or (bias.label if bias is not None else "")
        return self.to.initializer(np.concatenate(parts)[None], label)

    def state(self, place: int) -> str:
        """(1, batch, units), or nothing where it begins with zeros."""
        value = self.node.inputs[1 + place]
        return "" if _is_zero(value) else self.to.get(value, [None, 0, 1])

    def emit(self, of_state: Value | None = None, **options: object) -> None:
        """Emits the node and says where states and sequence are."""
        to, node = self.to, self.node
        steps = _Steps(to, self.mask) if self.mask is not None else None
        x = to.get(self.x, [1, 0, 2]) if steps is None else steps.gathered(self.x)
        inputs = [
            x,
            self.weights(self.kernel, self.kernel.label),
            self.weights(self.recurrent, self.recurrent.label),
            self.biases(of_state),
            "" if steps is None else steps.lengths,
            *(self.state(place) for place in range(self.states)),
        ]
        while not inputs[-1]:
            inputs.pop()
        direction = "reverse" if self.backwards else "forward"
        found = to.add(self.kind, inputs, 1 + self.states, hidden_size=self.units, direction=direction, **options)
        for place, name in enumerate(found[1:]):
            if steps is not None and (begin := self.state(place)):
                # Where nothing counts the state stays as it was.
                name = to.add("Where", [steps.any, name, begin])
            to.hold(node.outputs[1 + place], name, [None, 0, 1])
        sequence = node.outputs[0]
        # In ONNX the outputs of a sequence that is taken from its end lie in the order of its steps.
        forwards = Value(sequence.shape, "float32", node) if self.backwards else sequence
        if steps is None:
            to.hold(forwards, found[0], [1, None, 0, 2])
        else:
            name = to.add("Squeeze", [found[0], to.whole(1)])
            to.hold(forwards, steps.scattered(name, node.inputs[1], self.backwards))
        if self.backwards:
            to.hold_reversed(sequence, forwards, 1)


def needs(node: Node) -> list[Value]:
    """The values from which the node of a recurrence is made: in the place of the gates what they come from."""
    mask = node.inputs[-1] if node.attributes["mask"] else None
    x, kernel, bias = _inputs_part(node.inputs[0], mask)
    return [x, kernel, *([] if bias is None else [bias]), *node.inputs[1:]]


def _inputs_part(gates: Value, mask: Value | None) -> tuple[Value, Value, Value | None]:
    """The inputs, kernel and bias that ``gates`` come from; the gates themselves where they are made in another way."""
    node = gates.producer
    if node is None or node.op != "dense" or node.attributes["activation"] != "linear":
        return _as_they_are(gates)
    x, kernel, *bias = node.inputs
    if any(weight.array is None for weight in (kernel, *bias)):
        return _as_they_are(gates)
    # Steps that do not count are not looked at, and need not be made zeros.
    if mask is not None and x.producer is not None and x.producer.op == "mask_steps" and x.producer.inputs[1] is mask:
        x = x.producer.inputs[0]
    return x, kernel, bias[0] if bias else None


def _as_they_are(gates: Value) -> tuple[Value, Value, None]:
    """Gates as inputs of a unit kernel, which changes no bit of them."""
    width = gates.shape[2]
    assert isinstance(width, int)
    return gates, Value((width, width), "float32", array=np.eye(width, dtype=np.float32), label="unit_kernel"), None


def _is_zero(value: Value) -> bool:
    arrays = value.samples if value.array is None else [value.array]
    return arrays is not None and all(not array.any() for array in arrays)


class _Steps:
    """The steps of sequences that a mask lets count."""

    def __init__(self, to: Emitter, mask: Value) -> None:
        self.to = to
        self.shape = mask.shape
        counts = to.boolean(mask, (0, 1), 0)
        ones = to.add("Cast", [counts], to=INT32)
        #: Of each sample, and so far at each step.
        self.lengths = to.add("ReduceSum", [ones, to.whole(1)], keepdims=0)
        self.ones = ones
        self.counts = counts

    @property
    def any(self) -> str:
        """(1, batch, 1): whether any step of a sample counts."""
        some = self.to.add("Greater", [self.lengths, self.to.initializer(np.array(0, np.int32))])
        return str(self.to.add("Unsqueeze", [some, self.to.whole(0, 2)]))

    def gathered(self, x: Value) -> str:
        """(steps, batch, features), those that count first."""
        to = self.to
        steps = to.add("Squeeze", [to.size(self.shape[1]), to.whole(0)])
        places = to.add("Range", [to.index(0), steps, to.index(1)])
        # What does not count comes a whole sequence later.
        rank = to.add("Add", [places, to.add("Where", [self.counts, to.index(0), steps])])
        # As floats, which count exactly to 2^24: not every program sorts integers.
        rank = to.add("Cast", [rank], to=FLOAT)
        order = to.add("TopK", [rank, to.size(self.shape[1])], 2, axis=1, largest=0, sorted=1)[1]
        picked = to.add("GatherND", [to.plain(x), to.add("Unsqueeze", [order, to.whole(2)])], batch_dims=1)
        return str(to.add("Transpose", [picked], perm=[1, 0, 2]))

    def scattered(self, name: str, first: Value, backwards: bool) -> str:
        """The states (steps, batch, units) of what counts as (batch, steps, units): at each step the latest."""
        to = self.to
        so_far = to.add("CumSum", [self.ones, to.index(1)])
        if backwards:
            # The latest of those that come from the end is the next that counts, of which there may be none.
            place = to.add("Sub", [so_far, self.ones])
            there = to.add("Less", [place, to.add("Unsqueeze", [self.lengths, to.whole(1)])])
        else:
            place = to.add("Sub", [so_far, to.initializer(np.array(1, np.int32))])
            there = to.add("GreaterOrEqual", [place, to.initializer(np.array(0, np.int32))])
        place = to.add("Where", [there, place, to.initializer(np.array(0, np.int32))])
        index = to.add("Unsqueeze", [to.add("Cast", [place], to=INT64), to.whole(2)])
        states = to.add("GatherND", [to.add("Transpose", [name], perm=[1, 0, 2]), index], batch_dims=1)
        begin = to.number(0) if _is_zero(first) else to.get(first, [0, None, 1])
        return str(to.add("Where", [to.add("Unsqueeze", [there, to.whole(2)]), states, begin]))


def _lstm(to: Emitter, node: Node) -> None:
    """Gates i, f, g, o; ONNX's are i, o, f, c."""
    _Recurrence(to, node, "LSTM", [0, 3, 1, 2], states=2).emit()


def _gru(to: Emitter, node: Node) -> None:
    """Gates z, r, g, as ONNX's."""
    of_state = node.inputs[3] if node.attributes["bias"] else None
    reset_after = int(node.attributes["reset_after"])
    _Recurrence(to, node, "GRU", [0, 1, 2], states=1).emit(of_state, linear_before_reset=reset_after)


def _simple_rnn(to: Emitter, node: Node) -> None:
    kind = "Tanh" if node.attributes["activation"] == "tanh" else "Relu"
    _Recurrence(to, node, "RNN", [0], states=1).emit(activations=[kind])


RULES: dict[str, Rule] = {"lstm": _lstm, "gru": _gru, "simple_rnn": _simple_rnn}
