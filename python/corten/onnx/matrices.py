"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import ops
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.reduction import softmax
from corten.onnx.tensors import FLOAT
from corten.onnx.values import Data, Value, as_data, combined, reshaped


@operator("MatMul")
def _matmul(call: Call, a: Value, b: Value) -> Value:
    if not isinstance(a, Data) and not isinstance(b, Data):
        return np.asarray(np.matmul(a, b))
    expect_floats(call, a, b)
    return _product(as_data(a), as_data(b))


def _product(a: Data, b: Data) -> Value:
    """The product as NumPy's ``matmul`` has it."""
    if len(a.shape) == 1 and len(b.shape) == 1:
        return Data(ops.dot(a.tensor, b.tensor), FLOAT)
    if len(a.shape) == 1:
        left = _product(as_data(reshaped(a, [1, *a.shape])), b)
        return reshaped(left, [*left.shape[:-2], *left.shape[-1:]])
    if len(b.shape) == 1:
        right = _product(a, as_data(reshaped(b, [*b.shape, 1])))
        return reshaped(right, right.shape[:-1])
    if len(b.shape) == 2:
        return Data(ops.dense(a.plain, b.plain), FLOAT)
    lines = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if a.shape[:-2] != b.shape[:-2] and len(a.shape) > 2:
        a, b = (_widened(value, lines) for value in (a, b))
    (x, transpose_a), (y, transpose_b) = _matrices(a), _matrices(b)
    return Data(ops.matmul(x, y, transpose_a, transpose_b), FLOAT)


def _widened(value: Data, lines: tuple[int, ...]) -> Data:
    return Data(ops.broadcast_to(value.plain, [*lines, *value.shape[-2:]]), FLOAT)


def _matrices(value: Data) -> tuple[Any, bool]:
    """Stacks of matrices as they lie, and whether these are transposed."""
    turned = tuple(range(len(value.order)))
    turned = (*turned[:-2], turned[-1], turned[-2])
    return (value.tensor, True) if value.order == turned else (value.plain, False)


@operator("Gemm")
def _gemm(call: Call, a: Value, b: Value, c: Value | None = None) -> Value:
    expect_floats(call, a, b, c)
    alpha, beta = call.real("alpha", 1.0), call.real("beta", 1.0)
    if call.version < 7:
        call.ignore("broadcast")
    x, y = as_data(a), as_data(b)
    if len(x.shape) != 2 or len(y.shape) != 2:
        raise ValueError(f"expected matrices, got shapes {x.shape} and {y.shape}")
    left = x.laid((1, 0)) if call.flag("transA") else x.plain
    right = y.laid((1, 0)) if call.flag("transB") else y.plain
    if c is not None and alpha == beta == 1.0 and tuple(c.shape) == (right.shape[1],):
        return Data(ops.dense(left, right, as_data(c).tensor), FLOAT)
    product = Data(ops.dense(left, right), FLOAT)
    if alpha != 1.0:
        product = product.like(ops.multiply(product.tensor, alpha))
    if c is None or beta == 0.0:
        return product
    if np.broadcast_shapes(tuple(c.shape), product.shape) != product.shape:
        raise ValueError(f"C of shape {c.shape} does not fit a product of shape {product.shape}")
    return combined(lambda p, q: ops.add(p, q if beta == 1.0 else ops.multiply(q, beta)), FLOAT, product, c)


@operator("com.microsoft.FusedMatMul", oldest=1)
def _fused_matmul(call: Call, a: Value, b: Value) -> Value:
    expect_floats(call, a, b)
    call.only("transBatchA", 0)
    call.only("transBatchB", 0)
    x, y = as_data(a), as_data(b)
    turned = [_turned(value) if call.flag(name) else value for name, value in (("transA", x), ("transB", y))]
    product = as_data(_product(*turned))
    alpha = call.real("alpha", 1.0)
    return product if alpha == 1.0 else product.like(ops.multiply(product.tensor, alpha))


def _turned(value: Data) -> Data:
    if len(value.shape) < 2:
        return value
    axes = tuple(range(len(value.shape)))
    order = (*axes[:-2], axes[-1], axes[-2])
    return Data(value.tensor, value.dtype, tuple(order.index(axis) for axis in value.order))


@operator("Einsum", oldest=12)
def _einsum(call: Call, *values: Value) -> Value:
    expect_floats(call, *values)
    return Data(ops.einsum(call.text("equation"), *(as_data(value).plain for value in values)), FLOAT)


@operator("Attention", oldest=23)
def _attention(
    call: Call,
    q: Value,
    k: Value,
    v: Value,
    mask: Value | None = None,
    past_k: Value | None = None,
    past_v: Value | None = None,
) -> Any:
    expect_floats(call, q, k, v)
    for name in ("softcap", "qk_matmul_output_mode", "softmax_precision"):
        if call.has(name):
            raise call.refuse(f"the attribute {name!r}")
    if past_k is not None or past_v is not None or call.wants(1):
        raise call.refuse("a cache of keys and values")
    heads = [as_data(value) for value in (q, k, v)]
    joint = len(q.shape) == 3
    if joint:
        counts = [call.integer("q_num_heads"), *[call.integer("kv_num_heads")] * 2]
        heads = [_split_heads(value, count) for value, count in zip(heads, counts)]
    query, key, value = (head.plain for head in heads)
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = ops.repeat(key, groups, 1), ops.repeat(value, groups, 1)
    scale = call.real("scale", 1 / float(np.sqrt(query.shape[-1])))
    scores = Data(ops.multiply(ops.matmul(query, key, transpose_b=True), scale), FLOAT)
    if call.flag("is_causal"):
        rows, columns = scores.shape[-2:]
        bias = np.where(np.tri(rows, columns, dtype=np.bool_), 0, -np.inf).astype(np.float32)
        scores = combined(ops.add, FLOAT, scores, bias)
    if mask is not None and mask.dtype == FLOAT:
        scores = combined(ops.add, FLOAT, scores, mask)
    elif mask is not None:
        scores = combined(lambda s, m: ops.where(m, s, -np.inf), FLOAT, scores, mask)
    # A query that may look at no key gets zeros.
    none = ops.equal(ops.max(scores.plain, -1, keepdims=True), -np.inf)
    shares = softmax(ops.where(none, 0.0, scores.plain))
    mixed = ops.matmul(ops.where(none, 0.0, shares), value)
    if joint:
        mixed = ops.transpose(mixed, [0, 2, 1, 3])
        mixed = ops.reshape(mixed, [*mixed.shape[:2], mixed.shape[2] * mixed.shape[3]])
    return Data(mixed, FLOAT)


def _split_heads(value: Data, heads: int) -> Data:
    n, steps, width = value.shape
    if heads < 1 or width % heads:
        raise ValueError(f"{heads} heads do not fit a width of {width}")
    split = ops.reshape(value.plain, [n, steps, heads, width // heads])
    return Data(split, FLOAT, (0, 2, 1, 3))
