"""A recurrent layer in both directions."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.graph import flatten
from corten.layers.layer import Layer
from corten.layers.nested import nested_layer

__all__ = ["Bidirectional"]


_COMMON = ("return_sequences", "return_state", "stateful", "go_backwards")


def _expect_recurrent(layer: Layer, which: str) -> None:
    if not all(hasattr(layer, name) for name in _COMMON):
        raise ValueError(f"Bidirectional: {which}: expected a recurrent layer with {', '.join(_COMMON)}, got {layer!r}")


class Bidirectional(Layer):
    """Runs a recurrent layer forward and another one backward over a sequence, and merges what they give.

    Source: Schuster and Paliwal 1997. Outputs of a step that is masked are zero where sequences are returned.

    Args:
        layer: the recurrent layer; both directions are made from its configuration, with weights of their own.
        merge_mode: ``"concat"``, ``"sum"``, ``"mul"`` or ``"ave"``, or None: both outputs, in a list.
        weights: to begin with: a list of arrays, those of the forward layer first.
        backward_layer: the layer that goes backward, if it shall be another.

    Input (batch, time, features); call arguments ``mask`` (batch, time) and ``initial_state``, a list of the states of
    the forward layer, then of the backward one. The output is the layer's, its last axis twice as long under
    ``"concat"``; the states of both follow where the layer returns states.

    Raises:
        TypeError: not a layer.
        ValueError: an unknown ``merge_mode``; a layer without ``go_backwards``, ``return_sequences``, ``return_state``
            and ``stateful``; a first layer that goes backward or a second that does not, or two that differ in these.

    >>> import numpy as np, corten
    >>> layer = corten.layers.Bidirectional(corten.layers.GRU(3, return_sequences=True))
    >>> layer(np.ones((2, 4, 5), np.float32)).shape
    (2, 4, 6)
    """

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if merge_mode not in ("concat", "sum", "mul", "ave", None):
            raise ValueError(
                f"Bidirectional: merge_mode: expected 'concat', 'sum', 'mul', 'ave' or None, got {merge_mode!r}"
            )
        layer = nested_layer(layer, "Bidirectional: layer")
        _expect_recurrent(layer, "layer")
        config = layer.get_config()
        self.forward_layer: Any = type(layer).from_config(
            {**config, "name": "forward_" + layer.name.removeprefix("forward_")}
        )
        if backward_layer is None:
            name = "backward_" + layer.name.removeprefix("backward_")
            backward: Any = type(layer).from_config({**config, "go_backwards": True, "name": name})
        else:
            backward = nested_layer(backward_layer, "Bidirectional: backward_layer")
            _expect_recurrent(backward, "backward_layer")
        self.backward_layer = backward
        if self.forward_layer.go_backwards or not backward.go_backwards:
            raise ValueError("Bidirectional: only the backward layer may have go_backwards, and it must")
        for name in _COMMON[:3]:
            mine, other = getattr(self.forward_layer, name), getattr(backward, name)
            if mine != other:
                raise ValueError(f"Bidirectional: expected layers with equal {name}, got {mine} and {other}")
            setattr(self, name, mine)
        for direction in (self.forward_layer, backward):
            direction.zero_output_for_mask = direction.return_sequences
        self.merge_mode = merge_mode
        self.supports_masking = True
        self._given = weights
        self._config["weights"] = None

    return_sequences: bool
    return_state: bool
    stateful: bool

    def build(self, input_shape: Any) -> None:
        self.forward_layer._build_once(input_shape)
        self.backward_layer._build_once(input_shape)
        if self._given is not None:
            self.set_weights(self._given)
            self._given = None

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = None) -> Any:
        begin: list[Any] = [None, None]
        if initial_state is not None:
            if not isinstance(initial_state, (list, tuple)) or len(initial_state) % 2:
                raise ValueError(
                    f"Bidirectional {self.name!r}: initial_state: expected a list, half of it for each direction"
                )
            half = len(initial_state) // 2
            begin = [list(initial_state[:half]), list(initial_state[half:])]
        y = self.forward_layer(sequences, initial_state=begin[0], mask=mask, training=training)
        back = self.backward_layer(sequences, initial_state=begin[1], mask=mask, training=training)
        states: list[Any] = []
        if self.return_state:
            states = [*y[1:], *back[1:]]
            y, back = y[0], back[0]
        if self.return_sequences:
            back = ops.flip(back, axis=1)
        merged = self._merged(y, back)
        if not self.return_state:
            return merged
        return [*merged, *states] if isinstance(merged, list) else [merged, *states]

    def _merged(self, y: Any, back: Any) -> Any:
        if self.merge_mode == "concat":
            return ops.concatenate([y, back], axis=-1)
        if self.merge_mode == "sum":
            return y + back
        if self.merge_mode == "ave":
            return (y + back) * 0.5
        return y * back if self.merge_mode == "mul" else [y, back]

    @property
    def states(self) -> Any:
        """The states of a stateful layer, the forward ones first."""
        if self.forward_layer.states is None:
            return None
        return [*self.forward_layer.states, *self.backward_layer.states]

    def reset_state(self) -> None:
        """Lets the next batch begin with zeros, in both directions."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.stateful:
            sequences = args[0] if args else kwargs.get("sequences")
            for layer in (self.forward_layer, self.backward_layer):
                layer._remember(getattr(sequences, "shape", (None,))[0])
        return super().__call__(*args, **kwargs)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the input where sequences are returned; states have none."""
        if not self.return_sequences:
            mask = None
        masks = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            masks += [None] * 2 * len(flatten(self.forward_layer.cell.state_size))
        return masks if len(masks) > 1 else mask
