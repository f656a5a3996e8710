"""Every op, one line each: what it gives, the same bits however and on however many threads it runs, its gradient.

A line is ``Op(function, reference in float64, the arrays' shapes or makers, keyword arguments)``. The letter ``N`` in a
shape is a small odd size where gradients are checked, and as large as several threads need where bits are.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from contracts.harness import central_differences, compiled, eagerly, on_arrays, pulled_back, same, weights
from corten import _core, activations, ops, random
from corten.graph import flatten
from corten.layers.masking import where_counted

SMALL = 3
N = -1
#: Several threads take part from 200,000 multiply-adds on (GRAIN in threads.rs is half of that); an element costs two.
ELEMENTS = 160_000

Maker = Callable[[np.random.Generator, Callable[[tuple[int, ...]], tuple[int, ...]]], Any]


def normal(*shape: int, scale: float = 1.0) -> Maker:
    return lambda rng, size: (rng.standard_normal(size(shape)) * scale).astype(np.float32)


def between(low: float, high: float, *shape: int) -> Maker:
    return lambda rng, size: rng.uniform(low, high, size(shape)).astype(np.float32)


def apart(*shape: int) -> Maker:
    """Numbers no two of which are close, none close to 0, 1/2 or a whole number: away from every kink."""

    def make(rng: np.random.Generator, size: Any) -> Any:
        count = int(np.prod(size(shape)))
        values = (rng.permutation(count) - count // 2 + 0.27) * (6.1 / max(count, 16))
        values = np.where(np.abs(values * 2 - np.round(values * 2)) < 0.02, values + 0.03, values)
        return values.astype(np.float32).reshape(size(shape))

    return make


def ints(high: int, *shape: int) -> Maker:
    return lambda rng, size: rng.integers(0, high, size(shape)).astype(np.int32)


def signs(*shape: int) -> Maker:
    """Zeros and ones."""
    return lambda rng, size: rng.integers(0, 2, size(shape)).astype(np.float32)


def chances(*shape: int) -> Maker:
    """Rows that sum to 1."""

    def make(rng: np.random.Generator, size: Any) -> Any:
        x = rng.uniform(0.2, 1.0, size(shape))
        return (x / x.sum(-1, keepdims=True)).astype(np.float32)

    return make


@dataclass
class Op:
    function: Callable[..., Any]
    reference: Callable[..., Any]
    inputs: list[Any]
    options: dict[str, Any] = field(default_factory=dict)
    #: Whether the gradient is checked: not of what is flat, or gives integers.
    smooth: bool = True
    #: How many of the first arrays are targets, by which nothing is differentiated.
    targets: int = 0
    rtol: float = 2e-6
    atol: float = 2e-6

    @property
    def name(self) -> str:
        options = ",".join(f"{key}={getattr(value, '__name__', value)}" for key, value in self.options.items())
        return f"{self.function.__name__}({options})".replace(" ", "")

    def arrays(self, n: int) -> list[Any]:
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        makers = [normal(*maker) if isinstance(maker, tuple) else maker for maker in self.inputs]
        return [maker(rng, lambda shape: tuple(n if d == N else d for d in shape)) for maker in makers]

    def large(self) -> list[Any]:
        """Arrays of which one, or what the op makes of them, has elements enough for several threads."""
        n, before = SMALL, 0
        while True:
            arrays = self.arrays(n)
            size = max(np.size(array) for array in [*arrays, *flatten(self.call(*arrays))])
            # Where no shape has an N, there is but one size.
            if size >= ELEMENTS or size == before:
                return arrays
            n, before = 2 * n + 1, size

    def call(self, *values: Any) -> Any:
        return self.function(*values, **self.options)


def concatenate(*xs: Any, **options: Any) -> Any:
    return ops.concatenate(list(xs), **options)


def stack(*xs: Any, **options: Any) -> Any:
    return ops.stack(list(xs), **options)


def moments(x: Any, **options: Any) -> Any:
    return list(ops.moments(x, **options))


def average(x: Any, weights: Any, axis: int) -> Any:
    return ops.average(x, axis, weights)


def masked_steps(x: Any, mask: Any) -> Any:
    return where_counted(x, mask)


def of_masked_steps(x: Any) -> Any:
    return where_counted(x, ops.broadcast_to([[1, 0, 1]], x.shape[:2]))


def largest(x: Any, k: int) -> Any:
    return ops.top_k(x, k)[0]


def einsum(*xs: Any, says: str) -> Any:
    return ops.einsum(says, *xs)


def dropout(x: Any, state: Any, **options: Any) -> Any:
    return ops.dropout(x, state=state, **options)


def attention(query: Any, key: Any, value: Any, *mask: Any, **options: Any) -> Any:
    return list(ops.attention(query, key, value, *mask, **options))


def weights_alone(query: Any, key: Any, value: Any, **options: Any) -> Any:
    return ops.attention(query, key, value, **options)[1]


def statistics(x: Any) -> Any:
    """What batch_norm gives beside the normalised rows: the variance and the mean."""
    return ops.batch_norm(x)[:0:-1]


def batch_normalization(x: Any, mean: Any, variance: Any, offset: Any, scale: Any, **options: Any) -> Any:
    return ops.batch_normalization(x, mean, variance, offset=offset, scale=scale, **options)


def noise(x: Any, law: Any, low: float, high: float) -> Any:
    """As many numbers as ``x`` has."""
    return law(x.shape, low, high, seed=3)


# --- references that NumPy has no name for ---------------------------------------------------------------------------


def erf64(x: Any) -> Any:
    import math

    return np.vectorize(math.erf, otypes=[np.float64])(x)


def einsum64(*xs: Any, says: str) -> Any:
    return np.einsum(says, *xs)


def updated64(x: Any, updates: Any) -> Any:
    x = x.copy()
    x[:1, 2:5] = updates
    return x


def softmax64(x: Any, axis: Any = -1) -> Any:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def conv2d64(
    x: Any, k: Any, b: Any = 0.0, stride: int = 1, same: bool = False, dilation: int = 1, groups: int = 1
) -> Any:
    kh, kw, cin, cout = k.shape
    pads = [(0, 0), (0, 0)]
    for axis, size in enumerate((kh, kw)):
        extent = (size - 1) * dilation + 1
        total = max((-(-x.shape[1 + axis] // stride) - 1) * stride + extent - x.shape[1 + axis], 0) if same else 0
        pads[axis] = (total // 2, total - total // 2)
    x = np.pad(x, ((0, 0), *pads, (0, 0)))
    oh = (x.shape[1] - (kh - 1) * dilation - 1) // stride + 1
    ow = (x.shape[2] - (kw - 1) * dilation - 1) // stride + 1
    y = np.zeros((x.shape[0], oh, ow, cout))
    per = cout // groups
    for g in range(groups):
        for i in range(kh):
            for j in range(kw):
                top, left = i * dilation, j * dilation
                part = x[
                    :, top : top + oh * stride : stride, left : left + ow * stride : stride, g * cin : (g + 1) * cin
                ]
                y[..., g * per : (g + 1) * per] += part @ k[i, j, :, g * per : (g + 1) * per]
    return y + b


def conv2d_transpose64(x: Any, k: Any, b: Any = 0.0, stride: int = 1, cut: int = 0, size: int = 0) -> Any:
    """The kernel laid at each pixel, and ``size`` outputs from ``cut`` on (all of them by default) both ways."""
    kh, kw, filters, _ = k.shape
    height, width = ((n - 1) * stride + max(taps, stride) for n, taps in zip(x.shape[1:3], (kh, kw)))
    y = np.zeros((x.shape[0], height + size, width + size, filters))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            part = y[:, i * stride : i * stride + kh, j * stride : j * stride + kw]
            part += np.einsum("nc,abfc->nabf", x[:, i, j], k)
    rows, columns = (slice(cut, cut + (size or n)) for n in (height, width))
    return y[:, rows, columns] + b


def bilinear64(x: Any) -> Any:
    """Twice as wide, each new pixel three quarters of the nearest and one of the next."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)), mode="edge")
    left, right = padded[:, :, :-2], padded[:, :, 2:]
    return np.stack([0.75 * x + 0.25 * left, 0.75 * x + 0.25 * right], 3).reshape(*x.shape[:2], -1, x.shape[3])


def transforms(*shape: int) -> Maker:
    """Small turns, moves and perspectives."""

    def make(rng: np.random.Generator, size: Any) -> Any:
        change = rng.uniform(-1, 1, (*size(shape), 8)) * [0.3, 0.3, 3, 0.3, 0.3, 3, 0.03, 0.03]
        return (change + np.array([1, 0, 0, 0, 1, 0, 0, 0])).astype(np.float32)

    return make


def affine_transform(transform: Any, images: Any, **options: Any) -> Any:
    return ops.image.affine_transform(images, transform, **options)


def warp64(transform: Any, images: Any, fill_mode: str, fill_value: float = 0.0) -> Any:
    """Read from images whose border is written out."""
    border, (height, width) = 40, images.shape[1:3]
    around = ((0, 0), (border, border), (border, border), (0, 0))
    values = {"constant_values": fill_value} if fill_mode == "constant" else {}
    wide = np.pad(images, around, {"constant": "constant", "reflect": "symmetric"}[fill_mode], **values)  # type: ignore[call-overload]
    a0, a1, a2, b0, b1, b2, c0, c1 = transform.T[:, :, None, None]
    y, x = np.mgrid[:height, :width]
    scale = c0 * x + c1 * y + 1
    down, across = (b0 * x + b1 * y + b2) / scale + border, (a0 * x + a1 * y + a2) / scale + border
    i, j = np.floor(down).astype(int), np.floor(across).astype(int)
    p, q, image = (down - i)[..., None], (across - j)[..., None], np.arange(len(images))[:, None, None]
    upper = (1 - q) * wide[image, i, j] + q * wide[image, i, j + 1]
    return (1 - p) * upper + p * ((1 - q) * wide[image, i + 1, j] + q * wide[image, i + 1, j + 1])


def attention64(
    q: Any, k: Any, v: Any, mask: Any = None, bias: Any = 0.0, scale: Any = None, causal: bool = False
) -> Any:
    k, v = (np.repeat(x, q.shape[2] // x.shape[2], axis=2) for x in (k, v))
    scores = np.einsum("btnh,bsnh->bnts", q, k) * (q.shape[3] ** -0.5 if scale is None else scale) + bias
    if mask is not None:
        scores = np.where(np.expand_dims(mask, {2: (1, 2), 3: (1,), 4: ()}[mask.ndim]) != 0, scores, -1e30)
    scores = np.where(np.tri(*scores.shape[2:]) != 0, scores, -1e30) if causal else scores
    weights = softmax64(scores)
    return [np.einsum("bnts,bsnh->btnh", weights, v), weights]


def pool64(x: Any, size: tuple[int, int], stride: tuple[int, int], same: bool, reduce: Any) -> Any:
    pads, outs = [], []
    for axis in range(2):
        n = x.shape[1 + axis]
        out = -(-n // stride[axis]) if same else (n - size[axis]) // stride[axis] + 1
        total = max((out - 1) * stride[axis] + size[axis] - n, 0) if same else 0
        pads.append((total // 2, total - total // 2))
        outs.append(out)
    x = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=np.nan)
    y = np.zeros((x.shape[0], *outs, x.shape[3]))
    for i in range(outs[0]):
        for j in range(outs[1]):
            top, left = i * stride[0], j * stride[1]
            y[:, i, j] = reduce(x[:, top : top + size[0], left : left + size[1]], axis=(1, 2))
    return y


def sparsemax64(x: Any) -> Any:
    z = -np.sort(-x, axis=-1)
    k = np.arange(1, x.shape[-1] + 1)
    total = z.cumsum(-1)
    support = (1 + k * z > total).sum(-1, keepdims=True)
    tau = (np.take_along_axis(total, support - 1, -1) - 1) / support
    return np.maximum(x - tau, 0)


def batch_norm64(x: Any, gamma: Any, beta: Any, epsilon: float = 1e-3) -> Any:
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes)
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, mean, variance


def layer_norm64(x: Any, gamma: Any = 1.0, beta: Any = 0.0, axis: Any = -1, epsilon: float = 1e-7) -> Any:
    deviation = x - x.mean(axis, keepdims=True)
    return gamma * deviation / np.sqrt((deviation**2).mean(axis, keepdims=True) + epsilon) + beta


def rms_norm64(x: Any, gamma: Any = 1.0, axis: Any = -1) -> Any:
    return gamma * x / np.sqrt((x**2).mean(axis, keepdims=True) + 1e-7)


def pick(table: Any, labels: Any) -> Any:
    return np.take_along_axis(table, labels[..., None], -1)[..., 0]


def xent64(labels: Any, p: Any) -> Any:
    p = np.clip(p / p.sum(-1, keepdims=True), 1e-7, 1 - 1e-7)
    return -pick(np.log(p), labels) if labels.dtype.kind == "i" else -(labels * np.log(p)).sum(-1)


def lse64(x: Any, axis: Any = -1, keepdims: bool = False) -> Any:
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def sigmoid64(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def selu64(x: Any) -> Any:
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))


def relu_family64(x: Any, negative_slope: float, max_value: float, threshold: float) -> Any:
    above = np.where(x > threshold, np.minimum(x, max_value), 0)
    return np.where(x > threshold, above, negative_slope * (x - threshold))


def sequence(name: str, *arrays: Any, masked: bool = False, dropped: bool = False, **options: Any) -> Any:
    """A recurrence; every output in one array: the states of all steps, then the last ones."""
    if dropped:
        *arrays, options["dropout"] = arrays
    if masked:
        *arrays, options["mask"] = arrays
    steps, *last = getattr(ops, name)(*arrays, **options)
    return ops.concatenate([steps, *(ops.expand_dims(state, 1) for state in last)], axis=1)


def lstm(*arrays: Any, **options: Any) -> Any:
    return sequence("lstm", *arrays, **options)


def gru(*arrays: Any, **options: Any) -> Any:
    return sequence("gru", *arrays, **options)


def simple_rnn(*arrays: Any, **options: Any) -> Any:
    return sequence("simple_rnn", *arrays, **options)


def recurrence64(
    step: Any, gates: Any, states: list[Any], mask: Any = None, dropout: Any = 1.0, go_backwards: bool = False
) -> Any:
    order = range(gates.shape[1])[:: -1 if go_backwards else 1]
    all_states = []
    for t in order:
        new = step(gates[:, t], states[0] * dropout, *states)
        counts = np.ones(len(gates), bool) if mask is None else mask[:, t] != 0
        states = [np.where(counts[:, None], a, b) for a, b in zip(new, states)]
        all_states.append(states[0])
    return np.stack([*all_states, *states], axis=1)


def optional64(arrays: Any, count: int, masked: bool = False, dropped: bool = False, **options: Any) -> Any:
    names = ["mask"] * masked + ["dropout"] * dropped
    return arrays[:count], dict(zip(names, arrays[count:])) | options


def lstm64(*arrays: Any, **options: Any) -> Any:
    (gates, h, c, kernel), options = optional64(arrays, 4, **options)

    def step(x: Any, left: Any, h: Any, c: Any) -> Any:
        i, f, g, o = np.split(x + left @ kernel, 4, axis=-1)
        c = sigmoid64(f) * c + sigmoid64(i) * np.tanh(g)
        return sigmoid64(o) * np.tanh(c), c

    return recurrence64(step, gates, [h, c], **options)


def gru64(*arrays: Any, reset_after: bool = True, **options: Any) -> Any:
    (gates, h, kernel, *biases), options = optional64(arrays, 4 if reset_after else 3, **options)

    def step(x: Any, left: Any, h: Any) -> Any:
        (x_z, x_r, x_g), (k_z, k_r, k_g) = np.split(x, 3, axis=-1), np.split(kernel, 3, axis=-1)
        b_z, b_r, b_g = np.split(biases[0], 3) if biases else (0.0, 0.0, 0.0)
        z, r = sigmoid64(x_z + left @ k_z + b_z), sigmoid64(x_r + left @ k_r + b_r)
        g = np.tanh(x_g + (r * (left @ k_g + b_g) if reset_after else (r * left) @ k_g))
        return [z * h + (1 - z) * g]

    return recurrence64(step, gates, [h], **options)


def simple_rnn64(*arrays: Any, activation: str = "tanh", **options: Any) -> Any:
    (gates, h, kernel), options = optional64(arrays, 3, **options)
    function = np.tanh if activation == "tanh" else lambda x: np.maximum(x, 0)
    return recurrence64(lambda x, left, h: [function(x + left @ kernel)], gates, [h], **options)


def lstm_step64(x: Any, h: Any, c: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    found = lstm64((x @ kernel + bias)[:, None], h, c, recurrent)
    return found[:, 1], found[:, 2]


def gru_step64(x: Any, h: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    return gru64((x @ kernel + bias[0])[:, None], h, recurrent, bias[1])[:, 0]


def simple_rnn_step64(x: Any, h: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    return simple_rnn64((x @ kernel + bias)[:, None], h, recurrent)[:, 0]


OPS = [
    # arithmetic
    Op(ops.add, np.add, [(N, 5), (5,)]),
    Op(ops.subtract, np.subtract, [(N, 1), (1, 7)]),
    Op(ops.multiply, np.multiply, [(N, 3, 5), (3, 1)]),
    Op(ops.divide, np.divide, [(N, 5), between(0.5, 2, N, 5)]),
    Op(ops.power, np.power, [between(0.2, 2, N, 5), (5,)], rtol=2e-5),
    Op(ops.power, lambda x, x2: x**2, [(N, 5)], {"x2": 2}),
    Op(ops.floor_divide, lambda a, b: np.floor_divide(a, b), [apart(N, 5), between(0.4, 2, N, 5)], smooth=False),
    Op(ops.mod, lambda a, b: np.mod(a, b), [between(7.3, 7.9, N, 5), between(2.7, 3.4, 5)]),
    Op(ops.maximum, np.maximum, [apart(N, 5), apart(5)]),
    Op(ops.minimum, np.minimum, [apart(N, 5), apart(5)]),
    Op(ops.clip, lambda x, x_min, x_max: np.minimum(np.maximum(x, x_min), x_max), [apart(N, 5)], {"x_min": -0.5, "x_max": 0.9}),
    Op(ops.equal, np.equal, [ints(3, N, 5), ints(3, 5)], smooth=False),
    Op(ops.not_equal, np.not_equal, [ints(3, N, 5), ints(3, 5)], smooth=False),
    Op(ops.less, np.less, [(N, 5), (5,)], smooth=False),
    Op(ops.less_equal, np.less_equal, [ints(3, N, 5), ints(3, 5)], smooth=False),
    Op(ops.greater, np.greater, [(N, 5), (5,)], smooth=False),
    Op(ops.greater_equal, np.greater_equal, [ints(3, N, 5), ints(3, 5)], smooth=False),
    Op(ops.logical_and, np.logical_and, [signs(N, 5), signs(5)], smooth=False),
    Op(ops.logical_or, np.logical_or, [signs(N, 5), signs(5)], smooth=False),
    Op(ops.logical_not, np.logical_not, [signs(N, 5)], smooth=False),
    Op(ops.logical_xor, np.logical_xor, [signs(N, 5), signs(5)], smooth=False),
    Op(ops.divide_no_nan, lambda a, b: a * 0 + np.divide(a, b, out=np.zeros_like(a), where=b != 0), [(N, 5), lambda r, s: r.integers(0, 3, s((N, 5))).astype(np.float32)], smooth=False),
    Op(ops.divide_no_nan, np.divide, [(N, 5), between(0.5, 2, N, 5)]),
    Op(masked_steps, lambda x, mask: x * mask[..., None, None], [(N, 3, 5, 2), signs(N, 3)], smooth=False),
    Op(of_masked_steps, lambda x: x * [[[1], [0], [1]]], [(N, 3, 5)]),
    Op(ops.where, lambda c, a, b: np.where(c != 0, a, b), [lambda r, s: r.integers(0, 2, s((N, 1))), (N, 5), (5,)]),
    # functions of one number
    Op(ops.negative, np.negative, [(N, 5)]),
    Op(ops.abs, np.abs, [apart(N, 5)]),
    Op(ops.sign, np.sign, [apart(N, 5)]),
    Op(ops.square, np.square, [(N, 5)]),
    Op(ops.sqrt, np.sqrt, [between(0.3, 4, N, 5)]),
    Op(ops.rsqrt, lambda x: 1 / np.sqrt(x), [between(0.3, 4, N, 5)]),
    Op(ops.reciprocal, np.reciprocal, [between(0.3, 4, N, 5)]),
    Op(ops.exp, np.exp, [(N, 5)]),
    Op(ops.expm1, np.expm1, [(N, 5)]),
    Op(ops.log, np.log, [between(0.1, 9, N, 5)]),
    Op(ops.log2, np.log2, [between(0.1, 9, N, 5)]),
    Op(ops.log10, np.log10, [between(0.1, 9, N, 5)]),
    Op(ops.log1p, np.log1p, [between(-0.8, 9, N, 5)]),
    Op(ops.sin, np.sin, [(N, 5)]),
    Op(ops.cos, np.cos, [(N, 5)]),
    Op(ops.erf, erf64, [(N, 5)]),
    Op(ops.floor, np.floor, [apart(N, 5)]),
    Op(ops.ceil, np.ceil, [apart(N, 5)]),
    Op(ops.round, np.round, [apart(N, 5)]),
    Op(ops.isnan, np.isnan, [(N, 5)], smooth=False),
    Op(ops.isfinite, np.isfinite, [(N, 5)], smooth=False),
    Op(ops.isinf, np.isinf, [(N, 5)], smooth=False),
    Op(ops.identity, lambda x: x, [(N, 5)]),
    # activations
    Op(ops.relu, lambda x: np.maximum(x, 0), [apart(N, 5)]),
    Op(ops.relu6, lambda x: np.clip(x, 0, 6), [lambda r, s: apart(N, 5)(r, s) * 3]),
    Op(ops.leaky_relu, lambda x, negative_slope: np.where(x > 0, x, negative_slope * x), [apart(N, 5)], {"negative_slope": 0.3}),
    Op(ops.leaky_relu, lambda x, negative_slope: np.where(x > 0, x, negative_slope * x), [apart(N, 5)], {"negative_slope": -0.3}),
    Op(ops.elu, lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))), [apart(N, 5)], {"alpha": 0.7}),
    Op(ops.selu, selu64, [apart(N, 5)]),
    Op(ops.celu, lambda x, alpha: np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha), [apart(N, 5)], {"alpha": 0.7}),
    Op(ops.gelu, lambda x, approximate: x / 2 * (1 + erf64(x / np.sqrt(2))), [(N, 5)], {"approximate": False}),
    Op(ops.gelu, lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), [(N, 5)]),
    Op(ops.silu, lambda x: x * sigmoid64(x), [(N, 5)]),
    Op(ops.hard_silu, lambda x: x * np.clip(x / 6 + 0.5, 0, 1), [lambda r, s: apart(N, 5)(r, s) * 1.7]),
    Op(ops.sigmoid, sigmoid64, [(N, 5)]),
    Op(ops.hard_sigmoid, lambda x: np.clip(x / 6 + 0.5, 0, 1), [lambda r, s: apart(N, 5)(r, s) * 1.7]),
    Op(ops.tanh, np.tanh, [(N, 5)]),
    Op(ops.softplus, lambda x: np.log1p(np.exp(x)), [(N, 5)]),
    Op(ops.softsign, lambda x: x / (1 + np.abs(x)), [apart(N, 5)]),
    Op(ops.softmax, softmax64, [(N, 7)]),
    Op(ops.softmax, softmax64, [(N, 7, 2)], {"axis": 1}),
    Op(ops.softmax, softmax64, [(N, 3, 2)], {"axis": (0, 2)}, atol=2e-8),
    Op(ops.log_softmax, lambda x: np.log(softmax64(x)), [(N, 7)]),
    Op(ops.log_softmax, lambda x, axis: np.log(softmax64(x, axis)), [(N, 7, 2)], {"axis": 1}),
    Op(ops.glu, lambda x: x[:, :3] * sigmoid64(x[:, 3:]), [(N, 6)]),
    Op(ops.hard_tanh, lambda x: np.clip(x, -1, 1), [apart(N, 5)]),
    Op(ops.hard_shrink, lambda x: np.where(np.abs(x) > 0.5, x, 0), [apart(N, 5)]),
    Op(ops.soft_shrink, lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0), [apart(N, 5)]),
    Op(ops.tanh_shrink, lambda x: x - np.tanh(x), [(N, 5)]),
    Op(ops.threshold, lambda x, threshold, default_value: np.where(x > 0.3, x, -2), [apart(N, 5)], {"threshold": 0.3, "default_value": -2.0}),
    Op(ops.log_sigmoid, lambda x: np.log(sigmoid64(x)), [(N, 5)]),
    Op(ops.mish, lambda x: x * np.tanh(np.log1p(np.exp(x))), [(N, 5)]),
    Op(ops.squareplus, lambda x: (x + np.sqrt(x * x + 4)) / 2, [(N, 5)]),
    Op(ops.sparse_plus, lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)), [apart(N, 5)]),
    Op(ops.sparse_sigmoid, lambda x: np.clip((x + 1) / 2, 0, 1), [apart(N, 5)]),
    Op(ops.sparsemax, sparsemax64, [apart(N, 5)]),
    Op(activations.relu, relu_family64, [lambda r, s: apart(N, 5)(r, s) * 2], {"negative_slope": 0.25, "max_value": 4.3, "threshold": 0.7}),
    # reductions
    Op(ops.sum, np.sum, [(N, 5)], rtol=1e-5, atol=1e-5),
    Op(ops.sum, np.sum, [(N, 5, 3)], {"axis": (0, -1), "keepdims": True}, rtol=1e-5, atol=1e-4),
    Op(ops.mean, np.mean, [(3, N, 5)], {"axis": 1}),
    Op(ops.mean, np.mean, [(N, 5)], {"axis": -1}),
    Op(ops.max, np.max, [apart(N, 5)], {"axis": 1}),
    Op(ops.min, np.min, [apart(N, 5)], {"axis": 0, "keepdims": True}),
    Op(ops.prod, np.prod, [between(0.5, 1.5, N, 5)], {"axis": 1}),
    Op(ops.var, np.var, [(N, 5)], {"axis": 1}, rtol=1e-5),
    Op(ops.std, np.std, [(N, 5)], {"axis": 1}, rtol=1e-5),
    Op(ops.any, np.any, [signs(N, 2)], {"axis": 1}, smooth=False),
    Op(ops.all, np.all, [signs(N, 2)], {"axis": 1}, smooth=False),
    Op(ops.logsumexp, lse64, [(N, 5)], {"axis": 1, "keepdims": True}),
    Op(ops.argmax, np.argmax, [apart(N, 5)], {"axis": 1}, smooth=False),
    Op(ops.argmax, np.argmax, [apart(N, 5)], smooth=False),
    Op(ops.argmin, np.argmin, [apart(5, N, 3)], {"axis": 0, "keepdims": True}, smooth=False),
    Op(ops.amax, np.max, [apart(N, 5)], {"axis": 1}),
    Op(ops.amin, np.min, [apart(N, 5)], {"axis": 1}),
    Op(average, lambda x, weights, axis: np.average(x, axis, weights), [(N, 5), between(0.2, 1, 5)], {"axis": 1}, rtol=1e-5),
    Op(ops.count_nonzero, np.count_nonzero, [signs(N, 5)], {"axis": 1}, smooth=False),
    Op(moments, lambda x, axes: [x.mean(axes), x.var(axes)], [(N, 5)], {"axes": 1}, rtol=1e-5),
    Op(ops.cumsum, np.cumsum, [(N, 6, 2)], {"axis": 1}),
    Op(ops.cumsum, np.cumsum, [(3, 7)]),
    Op(ops.cumprod, np.cumprod, [between(0.5, 1.5, N, 6)], {"axis": 1}),
    Op(largest, lambda x, k: np.sort(x)[..., : -k - 1 : -1], [apart(N, 5)], {"k": 3}),
    Op(ops.top_k, lambda x, k: [np.sort(x)[..., : -k - 1 : -1], np.argsort(-x, kind="stable")[..., :k]], [apart(N, 2, 5)], {"k": 2}),
    # recurrence
    Op(lstm, lstm64, [(N, 3, 20), (N, 5), (N, 5), (5, 20)], rtol=1e-5, atol=1e-5),
    Op(lstm, lstm64, [(N, 3, 20), (N, 5), (N, 5), (5, 20), ints(2, N, 3), ints(3, N, 5)], {"masked": True, "dropped": True, "go_backwards": True}, rtol=1e-5, atol=1e-5),
    Op(gru, gru64, [(N, 3, 15), (N, 5), (5, 15), (15,)], rtol=1e-5, atol=1e-5),
    Op(gru, gru64, [(N, 3, 15), (N, 5), (5, 15), (15,), ints(2, N, 3), ints(3, N, 5)], {"masked": True, "dropped": True, "go_backwards": True}, rtol=1e-5, atol=1e-5),
    Op(gru, gru64, [(N, 3, 15), (N, 5), (5, 15), ints(2, N, 3), ints(3, N, 5)], {"masked": True, "dropped": True, "reset_after": False}, rtol=1e-5, atol=1e-5),
    Op(simple_rnn, simple_rnn64, [(N, 3, 5), (N, 5), (5, 5)], rtol=1e-5, atol=1e-5),
    Op(simple_rnn, simple_rnn64, [(N, 3, 5), (N, 5), (5, 5), ints(2, N, 3), ints(3, N, 5)], {"masked": True, "dropped": True, "go_backwards": True, "activation": "relu"}, rtol=1e-5, atol=1e-4),
    Op(ops.lstm_step, lstm_step64, [(N, 4), (N, 5), (N, 5), (4, 20), (5, 20), (20,)], rtol=1e-5, atol=1e-5),
    Op(ops.gru_step, gru_step64, [(N, 4), (N, 5), (4, 15), (5, 15), (2, 15)], rtol=1e-5, atol=1e-5),
    Op(ops.simple_rnn_step, simple_rnn_step64, [(N, 4), (N, 5), (4, 5), (5, 5), (5,)], rtol=1e-5, atol=1e-5),
    # moving elements
    Op(ops.reshape, lambda x, newshape: x.reshape(newshape), [(N, 6)], {"newshape": (2, -1)}),
    Op(ops.ravel, np.ravel, [(N, 6)]),
    Op(ops.expand_dims, np.expand_dims, [(N, 5)], {"axis": (1, -1)}),
    Op(ops.squeeze, np.squeeze, [(N, 1, 5)], {"axis": 1}),
    Op(ops.transpose, np.transpose, [(N, 5)]),
    Op(ops.transpose, np.transpose, [(N, 3, 5, 2)], {"axes": (2, 0, 3, 1)}),
    Op(ops.swapaxes, np.swapaxes, [(N, 3, 5)], {"axis1": 0, "axis2": -1}),
    Op(ops.moveaxis, np.moveaxis, [(N, 3, 5)], {"source": 0, "destination": -1}),
    Op(ops.flip, np.flip, [(N, 5)], {"axis": 1}),
    Op(ops.getitem, lambda x, key: x[key], [(N, 5, 4)], {"key": (slice(None, None, 2), None, ..., slice(3, 0, -1))}),
    Op(ops.getitem, lambda x, key: x[key], [(N, 5, 4)], {"key": (-1, slice(1, 4))}),
    Op(ops.slice, lambda x, start_indices, shape: x[1:3, 2:5], [(N, 5)], {"start_indices": (1, 2), "shape": (2, 3)}),
    Op(ops.split, lambda x, indices_or_sections, axis: np.split(x, 3, 1), [(N, 6)], {"indices_or_sections": 3, "axis": 1}),
    Op(ops.split, np.split, [(5, N)], {"indices_or_sections": [1, 4]}),
    Op(ops.split, np.split, [(5, N)], {"indices_or_sections": [3, 1]}),
    Op(ops.unstack, lambda x, axis: list(np.moveaxis(x, 1, 0)), [(N, 3)], {"axis": 1}),
    Op(ops.take, np.take, [(7, 5), ints(7, N, 2)], {"axis": 0}),
    Op(ops.take, np.take, [(N, 5, 2), ints(5, 4)], {"axis": 1}),
    Op(ops.take_along_axis, np.take_along_axis, [(N, 5, 2), ints(5, N, 3, 2)], {"axis": 1}),
    Op(ops.take_along_axis, np.take_along_axis, [(4, N), ints(4, 6, N)], {"axis": 0}),
    Op(ops.roll, np.roll, [(N, 5)], {"shift": (2, -1), "axis": (1, 0)}),
    Op(ops.roll, np.roll, [(N, 5)], {"shift": 3}),
    Op(ops.slice_update, lambda x, start_indices, updates: updated64(x, updates), [(N, 6)], {"start_indices": (0, 2), "updates": np.float32([[7, 8, 9]])}),
    Op(ops.diagonal, np.diagonal, [(N, 4, 5)], {"offset": 1, "axis1": 1, "axis2": 2}),
    Op(ops.diag, np.diag, [(7,)], {"k": -2}),
    Op(ops.diag, np.diag, [(7,)]),
    Op(ops.diag, np.diag, [(N, 5)], {"k": 1}),
    Op(ops.tril, np.tril, [(N, 4, 5)], {"k": 1}),
    Op(ops.triu, np.triu, [(N, 4, 5)]),
    Op(ops.append, np.append, [(N, 5), (N, 2)], {"axis": 1}),
    Op(ops.meshgrid, np.meshgrid, [(3,), (N,), (2,)]),
    Op(ops.meshgrid, np.meshgrid, [(N,), (3,)], {"indexing": "ij"}),
    Op(concatenate, lambda a, b, axis: np.concatenate([a, b], axis), [(N, 5, 2), (N, 3, 2)], {"axis": 1}),
    Op(concatenate, lambda a, b, axis: np.concatenate([a, b], axis), [(N, 5), (2, 5)], {"axis": 0}),
    Op(stack, lambda a, b, axis: np.stack([a, b], axis), [(N, 5), (N, 5)], {"axis": 1}),
    Op(ops.pad, np.pad, [(N, 5)], {"pad_width": ((1, 2), (0, 3))}),
    Op(ops.pad, lambda x, pad_width, constant_values: np.pad(x, 1, constant_values=7), [(N, 5)], {"pad_width": 1, "constant_values": 7}),
    Op(ops.broadcast_to, np.broadcast_to, [(3, 1)], {"shape": (2, 3, 5)}),
    Op(ops.repeat, np.repeat, [(N, 5)], {"repeats": 3, "axis": 1}),
    Op(ops.tile, lambda x, repeats: np.tile(x, repeats), [(N, 5)], {"repeats": (2, 1, 3)}),
    Op(ops.one_hot, lambda x, num_classes: np.eye(num_classes)[x], [ints(5, N, 2)], {"num_classes": 5}, smooth=False),
    Op(ops.one_hot, lambda x, num_classes, axis: np.moveaxis(np.eye(5)[x], -1, 1), [ints(5, N, 2)], {"num_classes": 5, "axis": 1}, smooth=False),
    Op(ops.cast, lambda x, dtype: x.astype(dtype), [ints(5, N, 2)], {"dtype": "float32"}, smooth=False),
    # products
    Op(ops.matmul, np.matmul, [(N, 5), (5, 7)]),
    Op(ops.matmul, lambda a, b, transpose_a, transpose_b: np.swapaxes(a, -1, -2) @ np.swapaxes(b, -1, -2), [(2, 5, N), (2, 7, 5)], {"transpose_a": True, "transpose_b": True}),
    Op(ops.dot, np.dot, [(N, 5), (5, 7)]),
    Op(ops.dot, np.dot, [(N, 5), (5,)]),
    Op(ops.outer, np.outer, [(N,), (2, 3)]),
    Op(ops.tensordot, np.tensordot, [(N, 3, 4), (4, 3, 5)], {"axes": [[1, 2], [1, 0]]}, rtol=1e-5),
    Op(ops.tensordot, np.tensordot, [(N, 4), (4, 5)], {"axes": 1}),
    Op(einsum, einsum64, [(N, 3, 4), (N, 2, 4)], {"says": "bqd,bkd->bqk"}),
    Op(einsum, einsum64, [(N, 3, 2, 4), (N, 5, 2, 4)], {"says": "bqhd,bkhd->bhqk"}),
    Op(einsum, einsum64, [(N, 3, 4), (4, 2)], {"says": "...i,io->...o"}),
    Op(einsum, einsum64, [(N, 3, 4), (N, 4), (3,)], {"says": "bij,bj,i"}, rtol=1e-5),
    Op(einsum, einsum64, [(N, 3, 4)], {"says": "bij->jb"}),
    Op(ops.norm, lambda x, axis: np.linalg.norm(x, axis=axis), [(N, 5)], {"axis": 1}),
    Op(ops.norm, np.linalg.norm, [apart(N, 5)], {"ord": 1, "axis": 1, "keepdims": True}),
    Op(ops.norm, np.linalg.norm, [apart(N, 5)], {"ord": 3, "axis": 1}, rtol=1e-5),
    Op(ops.norm, np.linalg.norm, [apart(N, 5)], {"ord": -np.inf, "axis": 1}),
    Op(ops.norm, np.linalg.norm, [(N, 4, 5)], {"ord": "fro", "axis": (1, 2)}),
    Op(ops.norm, np.linalg.norm, [apart(N, 4, 5)], {"ord": np.inf, "axis": (1, 2), "keepdims": True}),
    Op(ops.dense, lambda x, k, b: x @ k + b, [(N, 5), (5, 7), (7,)]),
    Op(ops.dense, lambda x, k, b, activation: np.maximum(x @ k + b, 0), [(N, 3, 5), (5, 7), (7,)], {"activation": "relu"}),
    Op(ops.conv2d, conv2d64, [(N, 6, 5, 3), (3, 2, 3, 4), (4,)], atol=1e-5),
    Op(ops.conv2d, lambda x, k, b, strides, padding: conv2d64(x, k, b, 2, True), [(N, 6, 5, 3), (3, 3, 3, 4), (4,)], {"strides": 2, "padding": "same"}, atol=1e-5),
    Op(ops.conv2d, lambda x, k, groups, dilation: conv2d64(x, k, dilation=2, groups=2), [(N, 6, 7, 4), (2, 3, 2, 6)], {"groups": 2, "dilation": 2}, atol=1e-5),
    Op(ops.conv2d, lambda x, k, b, activation: np.maximum(conv2d64(x, k, b), 0), [(N, 5, 5, 1), (3, 3, 1, 4), (4,)], {"activation": "relu"}, atol=1e-5),
    Op(ops.conv2d_transpose, lambda x, k, b, strides, activation: np.maximum(conv2d_transpose64(x, k, b, 2), 0), [(N, 3, 2, 3), (3, 1, 4, 3), (4,)], {"strides": 2, "activation": "relu"}, atol=1e-5),
    Op(ops.conv2d_transpose, lambda x, k, strides, padding: conv2d_transpose64(x, k, 0, 2, 0, 6), [(N, 3, 3, 3), (3, 3, 4, 3)], {"strides": 2, "padding": "same"}, atol=1e-5),
    Op(ops.conv2d_transpose, lambda x, k, strides, padding, output_padding: conv2d_transpose64(x, k, 0, 2, 2, 4), [(N, 3, 3, 3), (4, 4, 4, 3)], {"strides": 2, "padding": "same", "output_padding": 0}, atol=1e-5),
    Op(ops.upsample2d, lambda x, size: x.repeat(2, 1).repeat(3, 2), [(N, 4, 5, 2)], {"size": (2, 3)}),
    Op(ops.upsample2d, lambda x, size, interpolation: bilinear64(x), [(N, 4, 5, 2)], {"size": (1, 2), "interpolation": "bilinear"}),
    Op(ops.image.resize, lambda x, size, interpolation: x[:, [1, 3]][:, :, [0, 1, 1, 2, 3, 3]], [(N, 4, 4, 2)], {"size": (2, 6), "interpolation": "nearest"}),
    Op(ops.image.resize, lambda x, size: (x[:, ::2] + x[:, 1::2]) / 2, [(N, 4, 5, 2)], {"size": (2, 5)}),
    Op(affine_transform, warp64, [transforms(N), (N, 4, 5, 2)], {"fill_mode": "constant", "fill_value": 2.0}, targets=1, rtol=1e-5, atol=1e-5),
    Op(affine_transform, warp64, [transforms(N), (N, 4, 5, 2)], {"fill_mode": "reflect"}, targets=1, rtol=1e-5, atol=1e-5),
    Op(ops.image.extract_patches, lambda x, size: x.reshape(-1, 2, 2, 2, 3, 2).swapaxes(2, 3).reshape(-1, 2, 2, 12), [(N, 4, 6, 2)], {"size": (2, 3)}),
    Op(ops.conv2d, lambda x, k, groups, dilation: conv2d64(x, k, dilation=2, groups=4), [(N, 6, 7, 4), (2, 3, 1, 4)], {"groups": 4, "dilation": 2}, atol=1e-5),
    Op(ops.conv2d, lambda x, k, b, groups, strides, padding: conv2d64(x, k, b, 2, True, groups=3), [(N, 6, 5, 3), (3, 3, 1, 6), (6,)], {"groups": 3, "strides": 2, "padding": "same"}, atol=1e-5),
    # pooling
    Op(ops.max_pool2d, lambda x: pool64(x, (2, 2), (2, 2), False, np.nanmax), [apart(N, 5, 4, 3)]),
    Op(ops.max_pool2d, lambda x, **_: pool64(x, (3, 2), (2, 1), True, np.nanmax), [apart(N, 5, 4, 3)], {"pool_size": (3, 2), "strides": (2, 1), "padding": "same"}),
    Op(ops.average_pool2d, lambda x: pool64(x, (2, 2), (2, 2), False, np.nanmean), [(N, 5, 4, 3)]),
    Op(ops.average_pool2d, lambda x, **_: pool64(x, (3, 3), (2, 2), True, np.nanmean), [(N, 5, 4, 3)], {"pool_size": 3, "strides": 2, "padding": "same"}),
    # attention
    Op(attention, attention64, [(N, 3, 2, 4), (N, 5, 2, 4), (N, 5, 2, 3)]),
    Op(attention, attention64, [(N, 4, 6, 3), (N, 5, 2, 3), (N, 5, 2, 3)], {"causal": True, "scale": 0.7}),
    Op(attention, attention64, [(N, 3, 2, 4), (N, 5, 2, 4), (N, 5, 2, 3), lambda r, s: r.integers(0, 2, s((N, 5))).astype(np.int32)]),
    Op(attention, attention64, [(N, 3, 2, 4), (N, 5, 2, 4), (N, 5, 2, 3), lambda r, s: r.integers(0, 2, s((N, 1, 3, 5))).astype(np.int32), (1, 2, 3, 5)], {"causal": True}),
    Op(weights_alone, lambda *xs, **options: attention64(*xs, **options)[1], [(N, 3, 4, 4), (N, 5, 2, 4), (N, 5, 2, 3)], {"causal": True}),
    Op(ops.attention_weights, lambda x, mask, causal: attention64(x[:, :, None, :3], x[:, :, None, 3:6], x[:, :, None, :1], scale=0.0, bias=x[:, None], causal=True)[1][:, 0], [(N, 6, 6)], {"mask": None, "causal": True}),
    # normalisation
    Op(ops.batch_norm, batch_norm64, [(N, 2, 5), (5,), (5,)], rtol=1e-5, atol=1e-5),
    Op(statistics, lambda x: [x.var((0, 1)), x.mean((0, 1))], [(N, 7, 3)], rtol=1e-5, atol=1e-5),
    Op(ops.affine, lambda x, c, s, b: (x - c) * s + b, [(N, 5), (5,), (5,), (5,)], rtol=1e-5, atol=1e-5),
    Op(batch_normalization, lambda x, m, v, b, g, axis: (x - m[:, None]) / np.sqrt(v[:, None] + 1e-3) * g[:, None] + b[:, None], [(N, 5, 2), (5,), between(0.3, 2, 5), (5,), (5,)], {"axis": 1}, rtol=1e-5, atol=1e-5),
    Op(ops.layer_normalization, layer_norm64, [(N, 17), (17,), (17,)], rtol=1e-5, atol=1e-5),
    Op(ops.layer_normalization, layer_norm64, [(N, 4, 5), (4, 5), (4, 5)], {"axis": (-1, 1), "epsilon": 1e-3}, rtol=1e-5, atol=1e-5),
    Op(ops.layer_normalization, lambda x, g, b, axis: layer_norm64(x, g[:, None], b[:, None], 1), [(N, 4, 5), (4,), (4,)], {"axis": 1}, rtol=1e-5, atol=1e-5),
    Op(ops.rms_normalization, rms_norm64, [(N, 17), (17,)], rtol=1e-5, atol=1e-5),
    Op(ops.rms_normalization, rms_norm64, [(N, 4, 3)], {"axis": 1}, rtol=1e-5, atol=1e-5),
    Op(ops.normalize, lambda x: x / np.sqrt((x**2).sum(-1, keepdims=True)), [(N, 5)], rtol=1e-5, atol=1e-5),
    # losses
    Op(ops.softmax_cross_entropy, lambda t, x: -pick(np.log(softmax64(x)), t), [ints(7, N), (N, 7)]),
    Op(ops.softmax_cross_entropy, lambda t, x: -(t * np.log(softmax64(x))).sum(-1), [chances(N, 7), (N, 7)], targets=1),
    Op(ops.cross_entropy, xent64, [ints(7, N), chances(N, 7)]),
    Op(ops.cross_entropy, xent64, [chances(N, 7), chances(N, 7)], targets=1),
    Op(ops.binary_cross_entropy, lambda t, p: -(t * np.log(p) + (1 - t) * np.log(1 - p)), [between(0, 1, N, 5), between(0.1, 0.9, N, 5)], targets=1),
    Op(ops.sigmoid_cross_entropy, lambda t, x: np.log1p(np.exp(x)) - t * x, [between(0, 1, N, 5), (N, 5)], targets=1),
    Op(ops.mean_squared_error, lambda t, y: ((y - t) ** 2).mean(-1), [(N, 5), (N, 5)], targets=1),
    Op(ops.mean_absolute_error, lambda t, y: np.abs(y - t).mean(-1), [apart(N, 5), normal(N, 5, scale=9)], targets=1),
    Op(ops.huber, lambda t, y, delta: np.where(np.abs(y - t) <= delta, (y - t) ** 2 / 2, delta * (np.abs(y - t) - delta / 2)).mean(-1), [(N, 5), (N, 5)], {"delta": 0.8}, targets=1),
    Op(ops.binary_crossentropy, lambda t, p: -(t * np.log(p) + (1 - t) * np.log(1 - p)), [between(0, 1, N, 5), between(0.1, 0.9, N, 5)], targets=1),
    Op(ops.categorical_crossentropy, lambda t, x, from_logits, axis: -(t * np.log(softmax64(x, 0))).sum(0), [lambda r, s: chances(N, 7)(r, s).T.copy(), (7, N)], {"from_logits": True, "axis": 0}, targets=1),
    Op(ops.sparse_categorical_crossentropy, lambda t, p: xent64(t[:, 0], p), [ints(7, N, 1), chances(N, 7)]),
    # random: of no width, where the numbers are known; their laws are tested in tests/test_random.py
    Op(noise, lambda x, **_: np.full(x.shape, 1.5), [(N, 5)], {"law": random.normal, "low": 1.5, "high": 0.0}, smooth=False),
    Op(noise, lambda x, **_: np.full(x.shape, 1.5), [(N, 5)], {"law": random.uniform, "low": 1.5, "high": 1.5000001}, smooth=False),
    # nothing of nothing; what it zeroes is tested in tests/ops/test_dropout.py
    Op(dropout, lambda x, state, **_: x, [lambda r, s: np.zeros(s((N, 5)), np.float32), lambda r, s: np.int32([3, 4])], {"rate": 0.5}, smooth=False),
]  # fmt: skip

each = pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)


def values(op: Op, reference: Any, arrays: list[Any]) -> list[Any]:
    exact = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in arrays]
    found = reference(*exact, **op.options)
    return list(found) if isinstance(found, (list, tuple)) else [found]


def close(op: Op, got: list[Any], wanted: list[Any], loose: float = 1.0) -> None:
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted):
        assert a.shape == np.shape(b)
        scale = max(1.0, float(np.max(np.abs(b), initial=0.0)))
        np.testing.assert_allclose(a, b, rtol=op.rtol * loose, atol=op.atol * loose * scale)


@each
@pytest.mark.parametrize("n", [1, SMALL, 33])
def test_value(op: Op, n: int) -> None:
    if "slice" in op.name or "newshape" in op.name:
        n = max(n, SMALL)
    arrays = op.arrays(n)
    close(op, on_arrays(op.call, arrays), values(op, op.reference, arrays))


@each
def test_same_bits_on_arrays_eager_and_compiled(op: Op) -> None:
    arrays = op.arrays(33)
    first = on_arrays(op.call, arrays)
    same(first, eagerly(op.call, arrays))
    same(first, compiled(op.call, arrays))


def on_threads(op: Op, arrays: list[Any], threads: int) -> tuple[list[Any], list[Any]]:
    """Values and gradients, computed with so many threads."""
    try:
        _core.set_threads(threads)
        return on_arrays(op.call, arrays), pulled_back(op.call, arrays, False, op.targets) if op.smooth else []
    finally:
        _core.set_threads(0)


@each
@pytest.mark.parametrize("threads", [3, *(pytest.param(count, marks=pytest.mark.thorough) for count in (2, 5, 8))])
def test_same_bits_on_any_number_of_threads(op: Op, threads: int) -> None:
    arrays = op.large()
    (found, gradients), (others, other_gradients) = on_threads(op, arrays, 1), on_threads(op, arrays, threads)
    # Sums are long here.
    close(op, found, values(op, op.reference, arrays), loose=10)
    same(found, others)
    same(gradients, other_gradients)


@pytest.mark.alone
@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="sees threads wake as Linux shows it")
def test_most_ops_are_large_enough_there_for_several_threads() -> None:
    """Else the test above would compare one thread with itself. Helpers wake where a loop is cut for them."""

    def wakings() -> int:
        found = 0
        for task in Path("/proc/self/task").iterdir():
            if (task / "comm").read_text().startswith("corten-"):
                found += int((task / "schedstat").read_text().split()[2])
        return found

    def asleep() -> int:
        before, now = -1, wakings()
        while before != now:
            time.sleep(0.005)
            before, now = now, wakings()
        return now

    def wake(op: Op) -> bool:
        arrays = op.large()
        before = asleep()
        on_threads(op, arrays, 3)
        # One that was called comes, though it may have to wait for a core.
        return any(wakings() != before or time.sleep(0.005) for _ in range(50))

    on_threads(OPS[0], OPS[0].large(), 3)
    never = [op.name for op in OPS if not wake(op)]
    # Views, and what has one size.
    assert len(never) < len(OPS) / 10, never


@pytest.mark.parametrize("op", [op for op in OPS if op.smooth], ids=lambda op: op.name)
def test_gradient(op: Op) -> None:
    arrays = op.arrays(SMALL)
    eager, program = (pulled_back(op.call, arrays, mode, op.targets) for mode in (True, False))
    same(eager, program)
    wanted = central_differences(lambda *xs: op.reference(*xs, **op.options), arrays, op.targets)
    close(op, eager, wanted, loose=20)


SECOND = [
    op for op in OPS if op.name.startswith(("batch_norm(", "statistics(", "layer_normalization(", "rms_normalization("))
]


@pytest.mark.parametrize("op", SECOND, ids=lambda op: op.name)
def test_gradient_of_the_gradient(op: Op) -> None:
    """Fused gradients are differentiated by their formula: against differences of the gradient itself."""

    def slope(x: Any, *others: Any) -> Any:
        y = flatten(op.call(x, *others))[0]
        return corten.gradients(ops.multiply(y, weights(y.shape).astype(np.float32)), x)

    def differences(x: Any, *others: Any) -> Any:
        return central_differences(lambda *xs: op.reference(*xs, **op.options), [x, *others])[0]

    arrays = op.arrays(SMALL)
    eager, program = (pulled_back(slope, arrays, mode) for mode in (True, False))
    same(eager, program)
    close(op, eager, central_differences(differences, arrays, step=1e-3), loose=1000)


def test_gradient_penalty_through_max_pooling() -> None:
    """The maxima are linear in the image while none changes places; a penalty on the slope still reaches the weights."""

    def penalty(x: Any, kernel: Any) -> Any:
        y = ops.square(ops.max_pool2d(ops.conv2d(x, kernel), 2))
        return ops.square(corten.gradients(ops.multiply(y, weights(y.shape).astype(np.float32)), x))

    def differences(x: Any, kernel: Any) -> Any:
        def forward(x: Any) -> Any:
            rows = [[x[:, i : i + 2, j : j + 2] for j in range(4)] for i in range(4)]
            y = np.stack([np.stack([np.einsum("nhwc,hwco->no", p, kernel) for p in row], 1) for row in rows], 1)
            return pool64(y, (2, 2), (2, 2), False, np.nanmax) ** 2

        return np.square(central_differences(lambda x: forward(x), [x])[0])

    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((1, 5, 5, 2), (2, 2, 2, 3))]
    eager, program = (pulled_back(penalty, arrays, mode) for mode in (True, False))
    same(eager, program)
    for found, expected in zip(eager, central_differences(differences, arrays, step=1e-3), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


def test_every_op_of_the_engine_is_reached() -> None:
    """A new op needs a line above; gradients and optimizer steps are reached through those of others."""
    reached = set()
    for op in OPS:
        for forward in (compiled, pulled_back):
            reached |= names_in(op, gradient=forward is pulled_back)
    inner = {"stop_gradient", "increment", "divide_count", "accumulate"} | {
        "sgd",
        "rmsprop",
        "adam",
        "nadam",
        "adamax",
        "adagrad",
        "adadelta",
        "lion",
    }
    missing = set(_core.ops()) - reached - inner
    assert not missing, f"ops without a contract: {sorted(missing)}"


def names_in(op: Op, gradient: bool) -> set[str]:
    import corten
    from corten.graph import Graph, Variable, flatten

    with Graph() as graph:
        inputs = [
            graph.variable(Variable(x, dtype="float32" if x.dtype.kind == "f" else "int32")) for x in op.arrays(SMALL)
        ]
        y = flatten(op.call(*inputs))[0]
        if gradient and op.smooth:
            corten.gradients(y, [x for x in inputs[op.targets :] if x.dtype == "float32"])
        return {node[0] for node in graph.core.nodes()}
