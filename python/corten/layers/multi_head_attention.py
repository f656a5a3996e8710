"""Attention of several heads, each with projections of its own."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

from corten import constraints, initializers, ops, regularizers
from corten.constraints import ConstraintLike
from corten.errors import ArgumentTypeError, ShapeError
from corten.graph import SymbolicTensor, Tensor
from corten.initializers import InitializerLike
from corten.layers.arguments import count, number, seed_of, whole
from corten.layers.layer import Layer
from corten.layers.projection import Projection
from corten.random import SeedGenerator
from corten.regularizers import RegularizerLike

__all__ = ["GroupQueryAttention", "MultiHeadAttention"]


class _Heads(Layer):
    """What the two layers below share: projections, masks, the call."""

    query_heads: int
    key_heads: int
    query_depth: int
    value_depth: int
    attention_axes: tuple[int, ...] | None = None
    units: tuple[int, ...] | None = None

    def __init__(
        self,
        dropout: float,
        use_bias: bool,
        sliding_window: int | None,
        flash_attention: bool | None,
        weights: dict[str, Any],
        activity_regularizer: RegularizerLike,
        use_gate: bool,
        seed: int | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        what = type(self).__name__
        self.dropout = number(dropout, f"{what}: dropout", 0.0, 1.0)
        self.use_bias = bool(use_bias)
        self.sliding_window = None if sliding_window is None else count(sliding_window, f"{what}: sliding_window")
        if flash_attention and self.dropout:
            raise ValueError(f"{what}: flash_attention: not supported with dropout, got dropout={dropout}")
        self.flash_attention = flash_attention
        self.use_gate = bool(use_gate)
        self.seed = seed_of(seed, type(self).__name__)
        self.supports_masking = True
        self.seed_generator = SeedGenerator(seed) if self.dropout > 0 else None
        for name, value in weights.items():
            kind = name.split("_")[1]
            find = {"initializer": initializers.get, "regularizer": regularizers.get, "constraint": constraints.get}
            setattr(self, name, find[kind](value))
        self._projected = {"use_bias": self.use_bias, **{name: getattr(self, name) for name in weights}}

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:  # type: ignore[override]
        key_shape = key_shape or value_shape
        where = f'{type(self).__name__} "{self.name}"'
        for shape in (query_shape, value_shape, key_shape):
            if not isinstance(shape, tuple) or len(shape) < 3 or any(isinstance(size, tuple) for size in shape):
                raise ShapeError(f"{where}: expected query, value and key (batch, steps, features), got shape {shape}")
        if len(query_shape) != len(value_shape) or value_shape[1:-1] != key_shape[1:-1]:
            raise ShapeError(
                f"{where}: expected query, value and key with equally many axes, and value and key equal in all "
                f"but the last, got shapes {query_shape}, {value_shape} and {key_shape}"
            )
        units = self.units or (query_shape[-1],)
        self.query_dense = Projection((self.query_heads, self.query_depth), name="query", **self._projected)
        self.key_dense = Projection((self.key_heads, self.query_depth), name="key", **self._projected)
        self._gate_dense = None
        if self.use_gate:
            heads = (self.query_heads, self.value_depth)
            self._gate_dense = Projection(heads, activation="sigmoid", name="gate", **self._projected)
        self.value_dense = Projection((self.key_heads, self.value_depth), name="value", **self._projected)
        self.output_dense = Projection(units, joined=2, name="attention_output", **self._projected)
        self.query_dense._build_once(query_shape)
        self.key_dense._build_once(key_shape)
        if self._gate_dense is not None:
            self._gate_dense._build_once(query_shape)
        self.value_dense._build_once(value_shape)
        self.output_dense._build_once((*query_shape[:-1], self.query_heads, self.value_depth))

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        key_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = False,
        use_causal_mask: bool = False,
    ) -> Any:
        if return_attention_scores and self.flash_attention:
            raise ValueError(f'{type(self).__name__} "{self.name}": flash_attention returns no attention scores')
        key = value if key is None else key
        mask = self._mask(query, value, query_mask, value_mask, key_mask, attention_mask)
        gate = None if self._gate_dense is None else self._gate_dense(query)
        heads = self.query_dense(query), self.key_dense(key), self.value_dense(value)
        outputs, scores = self._attend(heads, mask, training, use_causal_mask)
        outputs = self.output_dense(outputs if gate is None else outputs * gate)
        return (outputs, scores) if return_attention_scores else outputs

    def compute_output_shape(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> Any:
        """The shape of the output; value and key are shaped as the query unless given."""
        shapes = query_shape, value_shape or query_shape, key_shape or value_shape or query_shape
        for shape in shapes:
            if not isinstance(shape, (list, tuple)):
                raise ArgumentTypeError(
                    f'{type(self).__name__} "{self.name}": compute_output_shape: expected a shape, got {shape!r}'
                )
        return self._output_shape(*(SymbolicTensor(shape) for shape in shapes))

    def _mask(
        self, query: Any, value: Any, query_mask: Any, value_mask: Any, key_mask: Any, attention_mask: Any
    ) -> Any:
        """What each step of the query may attend to: what no mask forbids."""
        axes = self._attended(len(query.shape))
        n, outer = len(axes), [axis for axis in range(len(query.shape) - 1) if axis not in axes]
        masks = []
        if attention_mask is not None:
            mask = ops.not_equal(attention_mask, 0)
            if len(mask.shape) == 2 * n:
                mask = ops.expand_dims(mask, 0)
            masks.append(_widened(mask, len(outer) + 2 * n))
        for role, tensor, tensor_mask in (
            ("query", query, query_mask),
            ("value", value, value_mask),
            ("key", value, key_mask),
        ):
            if tensor_mask is None:
                continue
            sizes = tuple(tensor_mask.shape)
            if sizes != tuple(tensor.shape[: len(sizes)]) or len(sizes) >= len(query.shape):
                raise ShapeError(
                    f'{type(self).__name__} "{self.name}": mask of the {role}: expected the leading axes of shape '
                    f"{tuple(tensor.shape[:-1])}, got shape {sizes}"
                )
            mask = ops.expand_dims(tensor_mask, list(range(len(sizes), len(query.shape) - 1)))
            mask = ops.transpose(mask, (*outer, *axes))
            first = len(outer) + (n if role == "query" else 0)
            masks.append(ops.expand_dims(mask, list(range(first, first + n))))
        if self.sliding_window is not None:
            if n > 1:
                raise ValueError(
                    f'{type(self).__name__} "{self.name}": sliding_window: expected one axis of steps, got {n}'
                )
            steps, others = ops.arange(query.shape[axes[0]]), ops.arange(value.shape[axes[0]])
            near = ops.abs(ops.expand_dims(steps, 1) - others) < self.sliding_window
            masks.append(_widened(ops.expand_dims(near, 0), len(outer) + 2))
        if masks and len(masks[0].shape) > len(outer) + 2 * n:  # one mask for each head
            masks = [masks[0], *(ops.expand_dims(mask, len(outer)) for mask in masks[1:])]
        return functools.reduce(ops.multiply, masks) if masks else None

    def _attended(self, rank: int) -> tuple[int, ...]:
        """The axes attended over of a query of so many axes."""
        axes = self.attention_axes or tuple(range(1, rank - 1))
        axes = tuple(axis % rank for axis in axes)
        if not all(0 < axis < rank - 1 for axis in axes) or len(set(axes)) < len(axes):
            raise ValueError(
                f'{type(self).__name__} "{self.name}": attention_axes: expected axes between batch and features, '
                f"got {axes}"
            )
        return axes

    def _attend(self, heads: tuple[Any, Any, Any], mask: Any, training: bool | None, causal: bool) -> tuple[Any, Any]:
        """The heads' outputs (batch, ..., heads, value depth) and the weights (batch, heads, steps, steps)."""
        rate = self.dropout if training and self.seed_generator is not None else 0.0
        state = self.seed_generator.next() if rate > 0 and self.seed_generator is not None else None
        return ops.attention(*heads, mask=mask, causal=causal, rate=rate, state=state)


def _widened(mask: Any, rank: int) -> Any:
    """A mask (batch, ...) of at least so many axes: those that it lacks come after the batch."""
    missing = rank - len(mask.shape)
    return ops.expand_dims(mask, list(range(1, 1 + missing))) if missing > 0 else mask


class MultiHeadAttention(_Heads):
    """Attention of several heads: each projects query, key and value, attends, and the results are joined.

    Source: Vaswani et al. 2017, section 3.2.2. Called with (query, value, key=value): a query of shape (batch, T, dim),
    a value and a key of shape (batch, S, dim). Masks of these (``query_mask``, ``value_mask``, ``key_mask``: (batch,
    steps); those that the tensors carry, unless given) and ``attention_mask`` (batch, T, S) say what may be attended
    to; ``use_causal_mask`` hides the future; ``return_attention_scores`` gives the weights as well. A step that may
    attend to nothing attends to all steps equally.

    Args:
        num_heads: the number of heads.
        key_dim: the size of a head's queries and keys.
        value_dim: of its values; ``key_dim`` by default.
        dropout: the fraction of attention weights dropped in training.
        use_bias: whether the projections have biases.
        output_shape: the sizes of the output's last axes; the query's features by default.
        attention_axes: the axes attended over, of those between batch and features; all of them by default.
        sliding_window: steps farther away than this are hidden.
        flash_attention: changes nothing: there is one kernel.
        kernel_initializer: of the kernels (dim, heads, key_dim), ..., (heads, value_dim, dim).
        bias_initializer: of the biases.
        kernel_regularizer: the kernels' penalty in the loss.
        bias_regularizer: the biases'.
        activity_regularizer: the output's.
        kernel_constraint: applied to the kernels after each step.
        bias_constraint: applied to the biases.
        use_gate: whether the heads' results are multiplied by a sigmoid of the query (Qiu et al. 2025).
        seed: of the dropout, an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Output (batch, T, dim), and with ``return_attention_scores`` the weights (batch, heads, T, S).

    Raises:
        ValueError: a size below 1, or a rate outside [0, 1).
        ShapeError: query, value and key do not fit together.

    >>> import numpy as np, corten
    >>> layer = corten.layers.MultiHeadAttention(num_heads=2, key_dim=3)
    >>> target, source = np.ones((1, 5, 8), np.float32), np.ones((1, 7, 8), np.float32)
    >>> y, weights = layer(target, source, return_attention_scores=True)
    >>> y.shape, weights.shape
    ((1, 5, 8), (1, 2, 5, 7))
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        weights = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        super().__init__(
            dropout, use_bias, sliding_window, flash_attention, weights, activity_regularizer, use_gate, seed, **kwargs
        )
        self.num_heads = self.query_heads = self.key_heads = count(num_heads, "MultiHeadAttention: num_heads")
        self.key_dim = self.query_depth = count(key_dim, "MultiHeadAttention: key_dim")
        value_dim = self.key_dim if value_dim is None else value_dim
        self.value_dim = self.value_depth = count(value_dim, "MultiHeadAttention: value_dim")
        if output_shape is not None:
            sizes = output_shape if isinstance(output_shape, (list, tuple)) else (output_shape,)
            self.units = tuple(count(size, "MultiHeadAttention: output_shape") for size in sizes)
        if attention_axes is not None:
            axes = attention_axes if isinstance(attention_axes, (list, tuple)) else (attention_axes,)
            self.attention_axes = tuple(whole(axis, "MultiHeadAttention: attention_axes") for axis in axes)

    def _attend(self, heads: tuple[Any, Any, Any], mask: Any, training: bool | None, causal: bool) -> tuple[Any, Any]:
        """With several axes between batch and features: those attended over are one, the others are in the batch."""
        rank = len(heads[0].shape) - 1
        if rank == 3:
            return super()._attend(heads, mask, training, causal)
        axes = self._attended(rank)
        if causal and len(axes) > 1:
            raise ValueError(
                f'MultiHeadAttention "{self.name}": use_causal_mask: expected one axis of steps, got {len(axes)}'
            )
        outer = tuple(axis for axis in range(rank - 1) if axis not in axes)
        order = (*outer, *axes, rank - 1, rank)
        moved = [ops.transpose(x, order) for x in heads]
        sizes = moved[0].shape[: len(outer)]
        steps, others = moved[0].shape[len(outer) : rank - 1], moved[1].shape[len(outer) : rank - 1]
        flat = [
            ops.reshape(x, (math.prod(sizes), math.prod(x.shape[len(outer) : rank - 1]), *x.shape[-2:])) for x in moved
        ]
        if mask is not None:
            mask = ops.reshape(
                ops.broadcast_to(mask, (*sizes, *steps, *others)), (math.prod(sizes), math.prod(steps), -1)
            )
        y, scores = super()._attend((flat[0], flat[1], flat[2]), mask, training, causal)
        y = ops.reshape(y, (*sizes, *steps, *y.shape[-2:]))
        back = sorted(range(len(order)), key=order.__getitem__)
        return ops.transpose(y, back), ops.reshape(scores, (*sizes, self.num_heads, *steps, *others))


class GroupQueryAttention(_Heads):
    """:class:`MultiHeadAttention` in which several query heads share the key and value of one (Ainslie et al. 2023).

    It is called in the same way; the output has the size of the query.

    Args:
        head_dim: the size of a head.
        num_query_heads: the number of query heads.
        num_key_value_heads: the number of key and value heads, a divisor of ``num_query_heads``.
        dropout: the fraction of attention weights dropped in training.
        use_bias: whether the projections have biases.
        sliding_window: steps farther away than this are hidden.
        flash_attention: changes nothing: there is one kernel.
        kernel_initializer: of the kernels.
        bias_initializer: of the biases.
        kernel_regularizer: the kernels' penalty in the loss.
        bias_regularizer: the biases'.
        activity_regularizer: the output's.
        kernel_constraint: applied to the kernels after each step.
        bias_constraint: applied to the biases.
        use_gate: whether the heads' results are multiplied by a sigmoid of the query.
        seed: of the dropout, an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Raises:
        ValueError: a size below 1, a rate outside [0, 1), or heads that do not divide.
        ShapeError: query, value and key do not fit together.

    >>> import numpy as np, corten
    >>> layer = corten.layers.GroupQueryAttention(head_dim=3, num_query_heads=4, num_key_value_heads=2)
    >>> layer(np.ones((1, 5, 8), np.float32), np.ones((1, 7, 8), np.float32)).shape
    (1, 5, 8)
    """

    _name_in_files = "GroupedQueryAttention"

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        weights = {
            "kernel_initializer": kernel_initializer,
            "bias_initializer": bias_initializer,
            "kernel_regularizer": kernel_regularizer,
            "bias_regularizer": bias_regularizer,
            "kernel_constraint": kernel_constraint,
            "bias_constraint": bias_constraint,
        }
        super().__init__(
            dropout, use_bias, sliding_window, flash_attention, weights, activity_regularizer, use_gate, seed, **kwargs
        )
        self.head_dim = self.query_depth = self.value_depth = count(head_dim, "GroupQueryAttention: head_dim")
        self.num_query_heads = self.query_heads = count(num_query_heads, "GroupQueryAttention: num_query_heads")
        self.num_key_value_heads = self.key_heads = count(
            num_key_value_heads, "GroupQueryAttention: num_key_value_heads"
        )
        if self.num_query_heads % self.num_key_value_heads:
            raise ValueError(
                f"GroupQueryAttention: num_query_heads: expected a multiple of num_key_value_heads="
                f"{self.num_key_value_heads}, got {self.num_query_heads}"
            )

    def _saved_parts(self) -> Iterator[tuple[str, Any]]:
        # Keras's class has no public names for them.
        for name, part in super()._saved_parts():
            yield f"_{name.removeprefix('_')}", part
