"""Attention without heads: weighted means of values, by products or by sums of queries and keys."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from corten import ops
from corten.errors import ShapeError
from corten.graph import Shape, Tensor, TensorLike
from corten.layers.arguments import number, seed_of
from corten.layers.layer import Layer
from corten.random import SeedGenerator

__all__ = ["AdditiveAttention", "Attention"]


class Attention(Layer):
    """Dot-product attention: ``softmax(query . key) . value`` (Luong et al. 2015).

    Called with a list ``[query, value]`` or ``[query, value, key]`` of shapes (batch, T, dim), (batch, S, dim),
    (batch, S, dim); there may be more axes before the steps, the same in all, which all count as batch. ``mask`` is a
    list of the query's mask (batch, T), where it is 0 the output is 0, and the value's (batch, S), where it is 0 the
    step is not attended to; by default the masks that the tensors carry.
    ``use_causal_mask`` hides the future; ``return_attention_scores`` gives the weights as well.

    Args:
        use_scale: whether the scores are multiplied by a learned number.
        score_mode: ``"dot"``: products, or ``"concat"``: ``sum(tanh(query + key))`` times a learned number.
        dropout: the fraction of attention weights dropped in training.
        seed: of the dropout, an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Output (batch, T, dim), and with ``return_attention_scores`` the weights (batch, T, S).

    Raises:
        ValueError: an unknown mode, a rate outside [0, 1), or not a list of two or three inputs, or of their masks.
        ShapeError: inputs or masks that do not fit together.

    >>> import numpy as np, corten
    >>> query, value = np.float32([[[100.0]]]), np.float32([[[1.0], [2.0]]])
    >>> corten.layers.Attention()([query, value])
    array([[[2.]]], dtype=float32)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: Literal["dot", "concat"] = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        what = type(self).__name__
        if score_mode not in ("dot", "concat"):
            raise ValueError(f"{what}: score_mode: expected 'dot' or 'concat', got {score_mode!r}")
        self.use_scale = bool(use_scale)
        self.score_mode: str = score_mode
        self.dropout = number(dropout, f"{what}: dropout", 0.0, 1.0)
        self.seed = seed_of(seed, type(self).__name__)
        self.supports_masking = True
        self.seed_generator = SeedGenerator(seed) if self.dropout > 0 else None

    def build(self, input_shape: Sequence[Shape]) -> None:
        self._expect_several(input_shape)
        self.scale = self.add_weight((), "ones", name="scale") if self.use_scale else None
        self.concat_score_weight = None
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def call(
        self,
        inputs: Sequence[Tensor],
        mask: Sequence[Tensor | None] | None = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._expect_several(inputs)
        query_mask, value_mask = self._masks(inputs, mask)
        outer = tuple(inputs[0].shape[:-2])
        if len(outer) > 1:
            flat = [ops.reshape(x, (math.prod(outer), *x.shape[-2:])) for x in inputs]
            masks = [
                m if m is None else ops.reshape(m, (math.prod(outer), m.shape[-1])) for m in (query_mask, value_mask)
            ]
            outputs, scores = self._attend(flat, masks[0], masks[1], training, use_causal_mask)
            outputs, scores = (ops.reshape(x, (*outer, *x.shape[1:])) for x in (outputs, scores))
        else:
            outputs, scores = self._attend(inputs, query_mask, value_mask, training, use_causal_mask)
        return (outputs, scores) if return_attention_scores else outputs

    def _attend(
        self, inputs: Sequence[Any], query_mask: Any, value_mask: Any, training: bool | None, use_causal_mask: bool
    ) -> tuple[Any, Any]:
        """The outputs (batch, T, dim) and the weights (batch, T, S) of inputs with three axes."""
        query, value, key = inputs[0], inputs[1], inputs[-1]
        rate = self.dropout if training and self.seed_generator is not None else 0.0
        state = self.seed_generator.next() if rate > 0 and self.seed_generator is not None else None
        if self.score_mode == "dot":
            query = query if self.scale is None else query * self.scale
            heads = [ops.expand_dims(x, 2) for x in (query, key, value)]
            outputs, scores = ops.attention(
                heads[0], heads[1], heads[2], value_mask, None, 1.0, use_causal_mask, rate, state
            )
            outputs, scores = ops.squeeze(outputs, 2), ops.squeeze(scores, 1)
        else:
            sums = ops.expand_dims(query, 2) + ops.expand_dims(key, 1)
            value_mask = None if value_mask is None else ops.expand_dims(value_mask, 1)
            scores = ops.attention_weights(self._scores(sums), value_mask, use_causal_mask)
            outputs = ops.matmul(scores if state is None else ops.dropout(scores, rate, state), value)
        if query_mask is not None:
            outputs = ops.where(ops.expand_dims(query_mask, -1), outputs, 0.0)
        return outputs, scores

    def compute_mask(self, inputs: Sequence[TensorLike], mask: Sequence[TensorLike | None] | None = None) -> Any:
        """The query's mask, for the outputs; there is none for the scores."""
        self._expect_list(inputs)
        return self._listed_masks(mask)[0]

    def _listed_masks(self, mask: Any) -> Sequence[Any]:
        """The masks of query and value; None where there is none."""
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
            got = f"{len(mask)} masks" if isinstance(mask, (list, tuple)) else type(mask).__name__
            raise ValueError(
                f'{type(self).__name__} "{self.name}": mask: expected a list [query mask, value mask], got {got}'
            )
        return mask[:2]

    def _masks(self, inputs: Sequence[Any], mask: Any) -> Sequence[Any]:
        """The masks of query and value; each has the shape of its tensor without the last axis."""
        masks = self._listed_masks(mask)
        for role, tensor, tensor_mask in zip(("query", "value"), inputs, masks):
            if tensor_mask is not None and tuple(tensor_mask.shape) != tuple(tensor.shape[:-1]):
                raise ShapeError(
                    f'{type(self).__name__} "{self.name}": mask of the {role}: expected shape '
                    f"{tuple(tensor.shape[:-1])}, got {tuple(tensor_mask.shape)}"
                )
        return masks

    def _scores(self, sums: Any) -> Any:
        """(batch, T, S) from the sums of queries and keys (batch, T, S, dim)."""
        scaled = sums if self.scale is None else sums * self.scale
        return ops.sum(ops.tanh(scaled), axis=-1) * self.concat_score_weight

    def _expect_list(self, inputs: Any) -> None:
        several = isinstance(inputs, (list, tuple)) and len(inputs) in (2, 3)
        if not several or not all(isinstance(x, tuple) or hasattr(x, "shape") for x in inputs):
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected a list [query, value] or [query, value, key], '
                f"got {inputs!r}"
            )

    def _expect_several(self, inputs: Any) -> None:
        self._expect_list(inputs)
        shapes = [x if isinstance(x, tuple) else tuple(x.shape) for x in inputs]
        query, value, key = shapes[0], shapes[1], shapes[-1]
        fit = len(query) >= 3 and len(query) == len(value) == len(key) and query[1:-2] == value[1:-2] == key[1:-2]
        if not fit or query[-1] != key[-1] or value[-2] != key[-2]:
            got = ", ".join(map(str, shapes))
            raise ShapeError(
                f'{type(self).__name__} "{self.name}": expected (batch, T, dim), (batch, S, dim) and (batch, S, dim), '
                f"got {got}"
            )


class AdditiveAttention(Attention):
    """Additive attention: the scores are ``sum(scale * tanh(query + key))`` (Bahdanau et al. 2015).

    It is called, and treats masks, as :class:`Attention` does.

    Args:
        use_scale: whether the sum has learned weights (dim,).
        dropout: the fraction of attention weights dropped in training.

    Output (batch, T, dim), and with ``return_attention_scores`` the weights (batch, T, S).

    >>> import numpy as np, corten
    >>> query, value = np.float32([[[1.0]]]), np.float32([[[2.0], [2.0]]])
    >>> corten.layers.AdditiveAttention()([query, value])
    array([[[2.]]], dtype=float32)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)
        # Not the mode of an argument: what is summed is not the scores.
        self.score_mode = "additive"

    def build(self, input_shape: Sequence[Shape]) -> None:
        self._expect_several(input_shape)
        self.scale = None
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def _scores(self, sums: Any) -> Any:
        squashed = ops.tanh(sums)
        if self.scale is None:
            return ops.sum(squashed, axis=-1)
        return ops.squeeze(ops.dense(squashed, ops.expand_dims(self.scale, 1)), -1)
