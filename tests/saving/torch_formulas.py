"""What PyTorch's modules compute, in NumPy, from the tensors of their ``state_dict``: channels first."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

Tensors = dict[str, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def linear(t: Tensors, name: str, x: np.ndarray) -> np.ndarray:
    return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]


def conv(t: Tensors, name: str, x: np.ndarray, groups: int = 1) -> np.ndarray:
    """``Conv1d`` and ``Conv2d`` without padding."""
    weight = t[f"{name}.weight"]
    window = weight.shape[2:]
    sizes = [size - k + 1 for size, k in zip(x.shape[2:], window, strict=True)]
    y = np.zeros((len(x), len(weight), *sizes))
    ins, outs = x.shape[1] // groups, len(weight) // groups
    for out in range(len(weight)):
        images = x[:, out // outs * ins : (out // outs + 1) * ins]
        for at in itertools.product(*map(range, window)):
            part = tuple(slice(i, i + size) for i, size in zip(at, sizes, strict=True))
            y[:, out] += np.einsum(
                "bc...,c->b...", images[(slice(None), slice(None), *part)], weight[(out, slice(None), *at)]
            )
    bias = t.get(f"{name}.bias", np.zeros(len(weight)))
    return y + bias.reshape(-1, *[1] * len(window))


def conv_transpose(t: Tensors, name: str, x: np.ndarray, stride: int) -> np.ndarray:
    weight = t[f"{name}.weight"]
    window = weight.shape[2:]
    y = np.zeros((len(x), weight.shape[1], *((n - 1) * stride + k for n, k in zip(x.shape[2:], window, strict=True))))
    for place in itertools.product(*map(range, x.shape[2:])):
        part = tuple(slice(stride * i, stride * i + k) for i, k in zip(place, window, strict=True))
        spread = np.einsum("bi,io...->bo...", x[(slice(None), slice(None), *place)], weight)
        y[(slice(None), slice(None), *part)] += spread
    return y + t[f"{name}.bias"].reshape(-1, *[1] * len(window))


def max_pool(x: np.ndarray) -> np.ndarray:
    b, c, h, w = x.shape
    return x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(b, c, h // 2, 2, w // 2, 2).max((3, 5))


def batch_norm(t: Tensors, name: str, x: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    shape = (-1, *[1] * (x.ndim - 2))
    weight, bias, mean, variance = (
        t[f"{name}.{end}"].reshape(shape) for end in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(variance + epsilon) * weight + bias


def layer_norm(t: Tensors, name: str, x: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(x.var(-1, keepdims=True) + epsilon) * t[f"{name}.weight"] + t[f"{name}.bias"]


def group_norm(t: Tensors, name: str, x: np.ndarray, groups: int, epsilon: float = 1e-5) -> np.ndarray:
    grouped = x.reshape(len(x), groups, -1)
    y = (grouped - grouped.mean(-1, keepdims=True)) / np.sqrt(grouped.var(-1, keepdims=True) + epsilon)
    shape = (-1, *[1] * (x.ndim - 2))
    return y.reshape(x.shape) * t[f"{name}.weight"].reshape(shape) + t[f"{name}.bias"].reshape(shape)


def step(kind: str, x: np.ndarray, state: Any, w: list[np.ndarray]) -> tuple[np.ndarray, Any]:
    """One step of ``RNNCell``, ``LSTMCell`` or ``GRUCell``, as PyTorch's documentation has them."""
    weight_ih, weight_hh, bias_ih, bias_hh = w
    h = state[0]
    a, b = x @ weight_ih.T + bias_ih, h @ weight_hh.T + bias_hh
    if kind == "RNN":
        h = np.tanh(a + b)
        return h, (h,)
    if kind == "LSTM":
        i, f, g, o = np.split(a + b, 4, -1)
        c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return h, (h, c)
    (ar, az, an), (br, bz, bn) = np.split(a, 3, -1), np.split(b, 3, -1)
    r, z = sigmoid(ar + br), sigmoid(az + bz)
    h = (1 - z) * np.tanh(an + r * bn) + z * h
    return h, (h,)


def recurrent(kind: str, t: Tensors, name: str, x: np.ndarray, end: str = "", backward: bool = False) -> np.ndarray:
    w = [t[f"{name}.{kind_of}{end}"] for kind_of in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    zero = np.zeros((len(x), w[1].shape[1]))
    state, outputs = (zero, zero), []
    for index in range(x.shape[1]):
        h, state = step(kind, x[:, -1 - index if backward else index], state, w)
        outputs.append(h)
    return np.stack(outputs[::-1] if backward else outputs, 1)


def attention(t: Tensors, name: str, x: np.ndarray, heads: int) -> np.ndarray:
    """``MultiheadAttention`` of x to itself, the batch first."""
    parts = np.split(x @ t[f"{name}.in_proj_weight"].T + t[f"{name}.in_proj_bias"], 3, -1)
    q, k, v = (part.reshape(*x.shape[:2], heads, -1).transpose(0, 2, 1, 3) for part in parts)
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    joined = (weights / weights.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[1], -1)
    return linear(t, f"{name}.out_proj", joined)


def first(x: np.ndarray) -> np.ndarray:
    """Images or sequences with the channels first."""
    return np.moveaxis(x, -1, 1)


def last(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, 1, -1)
