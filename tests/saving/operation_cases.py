"""Ops between symbolic tensors, in either room: each makes a tensor of x and y, both (batch, 4, 6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

X = np.random.default_rng(0).uniform(0.1, 0.9, (3, 4, 6)).astype(np.float32)
Y = np.random.default_rng(1).uniform(0.1, 0.9, (3, 4, 6)).astype(np.float32)
ROW = np.arange(1, 7, dtype=np.float32)

#: By what is written: a function of (ops, x, y).
CASES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "x + y * 2 - 1": lambda _, x, y: x + y * 2 - 1,
    "1 - x / y": lambda _, x, y: 1 - x / y,
    "-x ** 2": lambda _, x, y: -(x**2),
    "2 ** x": lambda _, x, y: 2**x,
    "abs(x - y)": lambda _, x, y: abs(x - y),
    "x // y": lambda _, x, y: x // y,
    "x % y": lambda _, x, y: x % y,
    "x + array": lambda _, x, y: x + ROW,
    "array * x": lambda ops, x, y: ops.multiply(ROW, x),
    "x > y": lambda ops, x, y: ops.cast(x > y, "float32"),
    "x <= y": lambda ops, x, y: ops.where(x <= y, x, 0.0),
    "x @ y": lambda ops, x, y: x @ ops.transpose(y, (0, 2, 1)),
    "x[:, 0]": lambda _, x, y: x[:, 0],
    "x[:, -1, ::2]": lambda _, x, y: x[:, -1, ::2],
    "x[..., 1:3]": lambda _, x, y: x[..., 1:3],
    "x[:, None, :, 2]": lambda _, x, y: x[:, None, :, 2],
    "x[:, 1:]": lambda _, x, y: x[:, 1:] * y[:, :-1],
    "reshape": lambda ops, x, y: ops.reshape(x, (-1, 24)),
    "transpose": lambda ops, x, y: ops.transpose(x, (0, 2, 1)),
    "swapaxes": lambda ops, x, y: ops.swapaxes(x, 1, 2),
    "moveaxis": lambda ops, x, y: ops.moveaxis(x, 1, -1),
    "expand_dims": lambda ops, x, y: ops.squeeze(ops.expand_dims(x, 2), axis=2),
    "concatenate": lambda ops, x, y: ops.concatenate([x, y], axis=1),
    "stack": lambda ops, x, y: ops.stack([x, y], axis=-1),
    "split": lambda ops, x, y: ops.split(x, 2, axis=-1)[1],
    "unstack": lambda ops, x, y: ops.unstack(x, axis=1)[2],
    "repeat": lambda ops, x, y: ops.repeat(x, 2, axis=1),
    "tile": lambda ops, x, y: ops.tile(x, (1, 2, 1)),
    "flip": lambda ops, x, y: ops.flip(x, axis=1),
    "roll": lambda ops, x, y: ops.roll(x, 2, axis=1),
    "pad": lambda ops, x, y: ops.pad(x, ((0, 0), (1, 0), (0, 2))),
    "broadcast_to": lambda ops, x, y: ops.broadcast_to(ops.expand_dims(x, 1), (3, 2, 4, 6)),
    "take": lambda ops, x, y: ops.take(x, np.array([2, 0], np.int32), axis=1),
    "tril": lambda ops, x, y: ops.tril(x, k=1),
    "einsum": lambda ops, x, y: ops.einsum("bik,bjk->bij", x, y),
    "dot": lambda ops, x, y: ops.dot(x, np.ones((6, 2), np.float32)),
    "tensordot": lambda ops, x, y: ops.tensordot(x, np.ones((6, 2), np.float32), axes=1),
    "matmul": lambda ops, x, y: ops.matmul(x, ops.swapaxes(y, -1, -2)),
    "mean": lambda ops, x, y: ops.mean(x, axis=1),
    "sum": lambda ops, x, y: ops.sum(x, axis=(1, 2), keepdims=True),
    "max": lambda ops, x, y: ops.max(x, axis=-1),
    "min": lambda ops, x, y: ops.min(x, axis=-1, keepdims=True),
    "prod": lambda ops, x, y: ops.prod(x, axis=1),
    "std": lambda ops, x, y: ops.std(x, axis=1),
    "var": lambda ops, x, y: ops.var(x, axis=1),
    "any": lambda ops, x, y: ops.cast(ops.any(x > 0.8, axis=1), "float32"),
    "argmax": lambda ops, x, y: ops.cast(ops.argmax(x, axis=-1), "float32"),
    "cumsum": lambda ops, x, y: ops.cumsum(x, axis=1),
    "cumprod": lambda ops, x, y: ops.cumprod(x, axis=1, dtype="float32"),
    "logsumexp": lambda ops, x, y: ops.logsumexp(x, axis=-1),
    "norm": lambda ops, x, y: x * ops.norm(y),
    "top_k": lambda ops, x, y: ops.top_k(x, 2)[0],
    "clip": lambda ops, x, y: ops.clip(x, 0.2, 0.6),
    "maximum": lambda ops, x, y: ops.maximum(x, 0.5) + ops.minimum(x, y),
    "functions": lambda ops, x, y: ops.exp(x) + ops.log(x) + ops.sqrt(x) + ops.square(x) + ops.sin(x) + ops.tanh(x),
    "more": lambda ops, x, y: ops.rsqrt(x) + ops.erf(x) + ops.sign(x - y) + ops.floor(x * 3) + ops.round(x * 3),
    "activations": lambda ops, x, y: ops.relu(x - 0.5) + ops.sigmoid(x) + ops.silu(x) + ops.softplus(x) + ops.selu(x),
    "slopes": lambda ops, x, y: ops.leaky_relu(x - 0.5, negative_slope=0.3) + ops.elu(x - 0.5, alpha=0.5),
    "gelu": lambda ops, x, y: ops.gelu(x, approximate=False) + ops.gelu(y),
    "softmax": lambda ops, x, y: ops.softmax(x, axis=1) + ops.log_softmax(y),
    "one_hot": lambda ops, x, y: ops.one_hot(ops.argmax(x, axis=-1), 6),
    "normalize": lambda ops, x, y: ops.normalize(x, axis=-1),
    "stop_gradient": lambda ops, x, y: ops.stop_gradient(x) * y,
    "logical": lambda ops, x, y: ops.where(ops.logical_and(x > 0.3, ops.logical_not(y > 0.5)), x, y),
    "ones_like": lambda ops, x, y: ops.ones_like(x) + ops.zeros_like(y) + x,
}


def model_of(room: Any, name: str) -> Any:
    """A model of the ops."""
    x, y = room.Input(batch_shape=(3, 4, 6), name="x"), room.Input(batch_shape=(3, 4, 6), name="y")
    return room.Model([x, y], CASES[name](room.ops, x, y))


# --- in Keras's process ----------------------------------------------------------------------------------------------


def keras_predicts(path: Path) -> Any:
    """What the model in a file makes of the data."""
    import keras

    return np.asarray(keras.saving.load_model(path).predict([X, Y], verbose=0, batch_size=3))


def keras_writes(name: str, path: Path) -> Any:
    """Writes the model; returns its predictions."""
    import keras

    model = model_of(keras, name)
    model.save(path)
    return np.asarray(model.predict([X, Y], verbose=0, batch_size=3))
