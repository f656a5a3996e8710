"""A recurrent layer in both directions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from corten import ops
from corten.arguments import shown
from corten.graph import Shape, Tensor, TensorLike, flatten
from corten.layers.arguments import States
from corten.layers.copies import again
from corten.layers.layer import Layer
from corten.layers.nested import nested_layer

__all__ = ["Bidirectional"]


_COMMON = ("return_sequences", "return_state", "stateful", "go_backwards")


def _recurrent_layer(value: object, argument: str) -> Any:
    layer = nested_layer(value, f"Bidirectional: {argument}")
    if not all(hasattr(layer, name) for name in _COMMON):
        raise ValueError(
            f"Bidirectional: {argument}: expected a recurrent layer with {', '.join(_COMMON)}, got {layer!r}"
        )
    return layer


class Bidirectional(Layer):
    """Runs a recurrent layer forward and another one backward over a sequence, and merges their outputs.

    Source: Schuster and Paliwal 1997. Outputs of a step that is masked are zero where sequences are returned.

    Args:
        layer: the recurrent layer; both directions are made from its configuration, with weights of their own.
        merge_mode: ``"concat"``, ``"sum"``, ``"mul"`` or ``"ave"``, or None: both outputs, in a list.
        weights: the initial weights: a list of arrays, those of the forward layer first.
        backward_layer: another layer for the backward direction.

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
        layer: Layer | dict[str, Any],
        merge_mode: Literal["concat", "sum", "mul", "ave"] | None = "concat",
        weights: Sequence[TensorLike] | None = None,
        backward_layer: Layer | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if merge_mode not in ("concat", "sum", "mul", "ave", None):
            raise ValueError(
                f"Bidirectional: merge_mode: expected 'concat', 'sum', 'mul', 'ave' or None, got {merge_mode!r}"
            )
        template = _recurrent_layer(layer, "layer")
        name = "forward_" + template.name.removeprefix("forward_")
        forward = again(template, name=name)
        if backward_layer is None:
            name = "backward_" + template.name.removeprefix("backward_")
            backward = again(template, go_backwards=True, name=name)
        else:
            backward = _recurrent_layer(backward_layer, "backward_layer")
        self.forward_layer, self.backward_layer = forward, backward
        if forward.go_backwards or not backward.go_backwards:
            raise ValueError("Bidirectional: expected go_backwards=False for the layer and True for backward_layer")
        for name in _COMMON[:3]:
            value, backward_value = getattr(forward, name), getattr(backward, name)
            if value != backward_value:
                raise ValueError(f"Bidirectional: expected layers with equal {name}, got {value} and {backward_value}")
            setattr(self, name, value)
        for direction in (forward, backward):
            direction.zero_output_for_mask = direction.return_sequences
        self.merge_mode = merge_mode
        self.supports_masking = True
        self._initial_weights = weights
        self._config["weights"] = None

    return_sequences: bool
    return_state: bool
    stateful: bool

    def build(self, input_shape: Shape) -> None:
        self.forward_layer._build_once(input_shape)
        self.backward_layer._build_once(input_shape)
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def call(
        self,
        sequences: Tensor,
        initial_state: States | None = None,
        mask: Tensor | None = None,
        training: bool | None = None,
    ) -> Any:
        begin: list[Any] = [None, None]
        if initial_state is not None:
            if not isinstance(initial_state, (list, tuple)) or len(initial_state) % 2:
                raise ValueError(
                    f"Bidirectional {self.name!r}: initial_state: expected a list, the forward layer's states first, "
                    f"then the backward layer's, got {shown(initial_state)}"
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

    def compute_mask(self, inputs: TensorLike, mask: TensorLike | None = None) -> Any:
        """The mask of the input where sequences are returned; states have none."""
        if not self.return_sequences:
            mask = None
        masks = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            masks += [None] * 2 * len(flatten(self.forward_layer.cell.state_size))
        return masks if len(masks) > 1 else mask
