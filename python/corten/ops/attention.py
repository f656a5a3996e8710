"""Attention: weighted means of values, the weights from the products of queries and keys."""

from __future__ import annotations

import math
from typing import Any

from corten.arguments import number
from corten.errors import ArgumentTypeError, ShapeError
from corten.graph import TensorLike, push, symbolic
from corten.ops.creation import arange
from corten.ops.dtypes import cast, floats, shape
from corten.ops.linear import matmul
from corten.ops.math import add, greater_equal, multiply, where
from corten.ops.nn import dropout
from corten.ops.shapes import broadcast_to, expand_dims, repeat, transpose

__all__ = ["attention", "attention_weights", "dot_product_attention"]

#: The score of what is masked: next to any other it has no weight, and rows that are masked throughout have no NaN.
_MASKED = -1e30


@symbolic
def attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    mask: TensorLike | None = None,
    bias: TensorLike | None = None,
    scale: float | None = None,
    causal: bool = False,
    rate: float = 0.0,
    state: TensorLike | None = None,
) -> tuple[Any, Any]:
    """Scaled dot-product attention of several heads (Vaswani et al. 2017, section 3.2), and its weights.

    ``weights[b, n, t, :] = softmax over s of scale * query[b, t, n, :] . key[b, s, n, :]``, and
    ``y[b, t, n, :] = sum over s of weights[b, n, t, s] value[b, s, n, :]``

    Args:
        query: (batch, T, heads, depth).
        key: (batch, S, key heads, depth); the heads are a multiple of the key heads, of which each then serves
            several (Ainslie et al. 2023).
        value: (batch, S, key heads, value depth).
        mask: what may be attended to is not zero: (batch, S), (batch, T, S) or (batch, heads, T, S), or sizes of 1 in
            their places. Where nothing may, all weights are equal.
        bias: added to the scores, (batch, heads, T, S), or sizes of 1.
        scale: 1 / sqrt(depth) by default.
        causal: whether step t attends only to the steps up to t.
        rate: of the weights so many are dropped (and the others divided by ``1 - rate``).
        state: int32 (seed, step) of the dropping, where ``rate`` is above 0.

    Returns:
        y (batch, T, heads, value depth), and the weights (batch, heads, T, S) before any was dropped.

    Raises:
        ShapeError: axes, heads, depths or the mask do not fit together.

    >>> import numpy as np
    >>> from corten import ops
    >>> x = np.float32([[[[0]], [[10]]]])
    >>> y, weights = ops.attention(x, x, x)
    >>> y.ravel(), weights.ravel()
    (array([ 5., 10.], dtype=float32), array([0.5, 0.5, 0. , 1. ], dtype=float32))
    """
    query, key, value = floats(query), floats(key), floats(value)
    q, k, v = shape(query), shape(key), shape(value)
    heads_fit = len(q) == len(k) == len(v) == 4 and k[2] > 0 and q[2] % k[2] == 0
    if not heads_fit or k[:3] != v[:3] or q[0] != k[0] or q[3] != k[3]:
        raise ShapeError(
            "attention: expected (batch, T, heads, depth), (batch, S, key heads, depth) and (batch, S, key heads, "
            f"value depth), got {q}, {k} and {v}"
        )
    scale = 1.0 / math.sqrt(max(1, q[3])) if scale is None else number(scale, "attention: scale")
    rate = number(rate, "attention: rate", 0, 1)
    if mask is not None:
        mask = _four_axes(mask, q, k)
    dropping = None
    if rate > 0:
        if state is None:
            raise ArgumentTypeError(f"attention: state: expected int32 (seed, step) for rate {rate}, got None")
        dropping = cast(state, "int32")
    if bias is None:
        extras = [extra for extra in (mask, dropping) if extra is not None]
        y, weights = push(
            "attention",
            [query, key, value, *extras],
            scale=scale,
            causal=bool(causal),
            masked=mask is not None,
            rate=rate,
        )
        return y, weights
    if k[2] != q[2]:
        key, value = repeat(key, q[2] // k[2], axis=2), repeat(value, q[2] // k[2], axis=2)
    query, key, value = (transpose(x, (0, 2, 1, 3)) for x in (query, key, value))
    scores = add(multiply(matmul(query, key, transpose_b=True), scale), bias)
    weights = attention_weights(scores, mask, causal)
    dropped = weights if dropping is None else dropout(weights, rate, dropping)
    return transpose(matmul(dropped, value), (0, 2, 1, 3)), weights


def _four_axes(mask: Any, q: tuple[int, ...], k: tuple[int, ...]) -> Any:
    """A mask as (batch or 1, heads or 1, T or 1, S)."""
    mask = floats(mask)
    rank = len(shape(mask))
    if not 2 <= rank <= 4:
        raise ShapeError(f"attention: expected a mask with 2 to 4 axes, got shape {shape(mask)}")
    mask = mask if rank == 4 else expand_dims(mask, (1, 2) if rank == 2 else 1)
    sizes = shape(mask)
    if any(size not in (1, full) for size, full in zip(sizes, (q[0], q[2], q[1], k[1]))):
        raise ShapeError(f"attention: mask of shape {sizes} does not fit scores {(q[0], q[2], q[1], k[1])}")
    return mask if sizes[3] == k[1] else broadcast_to(mask, (*sizes[:3], k[1]))


@symbolic
def attention_weights(scores: TensorLike, mask: TensorLike | None = None, causal: bool = False) -> Any:
    """The softmax of scores over what may be attended to.

    Args:
        scores: (..., T, S).
        mask: broadcast over the scores; zero where nothing is to be attended to. Where nothing at all may, all
            weights are equal.
        causal: whether step t attends only to the steps up to t.

    Returns:
        The shape of the scores; rows sum to 1.

    >>> from corten import ops
    >>> ops.attention_weights([[0, 0], [0, 0]], causal=True)
    array([[1. , 0. ],
           [0.5, 0.5]], dtype=float32)
    """
    scores = floats(scores)
    if mask is not None:
        scores = where(mask, scores, _MASKED)
    if causal:
        if len(shape(scores)) < 2:
            raise ShapeError(f"attention_weights: expected scores (..., T, S), got shape {shape(scores)}")
        steps, others = shape(scores)[-2:]
        scores = where(greater_equal(expand_dims(arange(steps), 1), arange(others)), scores, _MASKED)
    # A softmax that does not warn of a single step.
    return push("softmax", [scores])[0]


@symbolic
def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: TensorLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """:func:`attention` under Keras's name: y alone.

    Args:
        query: (batch, T, heads, depth).
        key: (batch, S, heads, depth).
        value: (batch, S, heads, value depth).
        bias: added to the scores, (batch, heads, T, S), or sizes of 1.
        mask: what may be attended to, (batch, heads, T, S), or sizes of 1.
        scale: 1 / sqrt(depth) by default.
        is_causal: whether step t attends only to the steps up to t.
        flash_attention: changes nothing: there is one kernel.
        attn_logits_soft_cap: not supported.

    >>> import numpy as np
    >>> from corten import ops
    >>> x = np.float32([[[[0]], [[10]]]])
    >>> ops.dot_product_attention(x, x, x, is_causal=True).ravel()
    array([ 0., 10.], dtype=float32)
    """
    if attn_logits_soft_cap is not None:
        raise ValueError("dot_product_attention: attn_logits_soft_cap: only None is supported")
    return attention(query, key, value, mask, bias, scale, is_causal)[0]
