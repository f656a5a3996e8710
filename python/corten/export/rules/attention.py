"""Attention of several heads, in the products and the softmax that it is made of."""

from __future__ import annotations

import numpy as np

from corten.export.emitter import Emitter
from corten.export.rules.rule import Rule
from corten.export.sizes import Size
from corten.export.traced import Node, refusal

__all__ = ["RULES"]

#: The score of what is masked, as the engine has it.
MASKED = -1e30


def _attention(to: Emitter, node: Node) -> None:
    q, k, v, *extras = node.inputs
    y, weights = node.outputs
    if node.attributes["rate"] > 0:
        raise refusal(node, "it drops weights at random, which is for training")
    heads, key_heads = q.shape[2], k.shape[2]
    batch, steps, others = q.shape[0], q.shape[1], k.shape[1]
    grouped = heads != key_heads
    if grouped and not (isinstance(heads, int) and isinstance(key_heads, int)):
        raise refusal(node, "its numbers of heads are open")
    if grouped:
        # Queries that share a key head are one axis more.
        group = heads // key_heads  # type: ignore[operator]
        apart: list[Size] = [batch, steps, key_heads, group, q.shape[3]]
        left = to.add("Transpose", [to.reshape(to.plain(q), q.shape, apart)], perm=[0, 2, 3, 1, 4])
        names = [left, to.get(k, [0, 2, None, 3, 1]), to.get(v, [0, 2, None, 1, 3])]
    else:
        names = [to.get(q, [0, 2, 1, 3]), to.get(k, [0, 2, 3, 1]), to.get(v, [0, 2, 1, 3])]
    scores = to.add("Mul", [to.add("MatMul", names[:2]), to.number(node.attributes["scale"])])
    if grouped:
        scores = to.reshape(scores, [batch, key_heads, group, steps, others], weights.shape)
    if node.attributes["masked"]:
        allowed = to.boolean(extras[0], (0, 1, 2, 3), 0)
        scores = to.add("Where", [allowed, scores, to.number(MASKED)])
    if node.attributes["causal"]:
        scores = to.add("Where", [_past(to, steps, others), scores, to.number(MASKED)])
    found = to.add("Softmax", [scores], axis=-1)
    to.hold(weights, found)
    if grouped:
        found = to.reshape(found, weights.shape, [batch, key_heads, group, steps, others])
    mean = to.add("MatMul", [found, names[2]])
    if grouped:
        mean = to.reshape(mean, [batch, key_heads, group, steps, v.shape[3]], [batch, heads, steps, v.shape[3]])
    to.hold(y, mean, [0, 2, 1, 3])


def _past(to: Emitter, steps: Size, others: Size) -> str:
    """(steps, others): whether the other step is not later."""
    if isinstance(steps, int) and isinstance(others, int):
        return to.initializer(np.tri(steps, others, dtype=bool), "causal")
    rows, columns = (
        to.add("Range", [to.index(0), to.add("Squeeze", [to.size(size), to.whole(0)]), to.index(1)])
        for size in (steps, others)
    )
    return str(to.add("GreaterOrEqual", [to.add("Unsqueeze", [rows, to.whole(1)]), columns]))


RULES: dict[str, Rule] = {"attention": _attention}
