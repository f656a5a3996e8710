"""Random chains of ops, for values are held in whatever order of axes is at hand: each must read them rightly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten import ops
from export.running import Exported, expect_close

Step = Callable[[Any, np.random.Generator], Any]


def weights(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


def as_image(x: Any, rng: np.random.Generator) -> Any:
    """``x`` with four axes, the first its own."""
    sizes = list(x.shape)
    if len(sizes) > 4:
        return ops.reshape(x, [sizes[0], *sizes[1:3], -1])
    for _ in range(4 - len(sizes)):
        place = int(rng.integers(1, len(sizes) + 1))
        sizes.insert(place, 1)
    return ops.reshape(x, sizes)


def convolve(x: Any, rng: np.random.Generator) -> Any:
    x = as_image(x, rng)
    height, width = (int(rng.integers(1, min(3, size) + 1)) for size in x.shape[1:3])
    same = "same" if rng.integers(2) else "valid"
    kernel = weights(rng, height, width, x.shape[3], 3) / (height * width * x.shape[3]) ** 0.5
    return ops.conv2d(x, kernel, weights(rng, 3), strides=int(rng.integers(1, 3)), padding=same)


def transposed(x: Any, rng: np.random.Generator) -> Any:
    x = as_image(x, rng)
    kernel = weights(rng, 1, 2, 3, x.shape[3]) / (2 * x.shape[3]) ** 0.5
    return ops.conv2d_transpose(x, kernel, weights(rng, 3), strides=int(rng.integers(1, 3)), padding="same")


def pool(x: Any, rng: np.random.Generator) -> Any:
    kind = ops.max_pool2d if rng.integers(2) else ops.average_pool2d
    return kind(as_image(x, rng), 2, strides=int(rng.integers(1, 3)), padding="same")


def permute(x: Any, rng: np.random.Generator) -> Any:
    return ops.transpose(x, [0, *(1 + rng.permutation(len(x.shape) - 1)).tolist()])


def join(x: Any, rng: np.random.Generator) -> Any:
    """Two axes beside each other as one; sometimes the batch with the next, and back."""
    if len(x.shape) < 3:
        return x
    place = int(rng.integers(0, len(x.shape) - 1))
    sizes = list(x.shape)
    y = ops.reshape(x, [*sizes[:place], sizes[place] * sizes[place + 1], *sizes[place + 2 :]])
    return ops.reshape(ops.relu(y), sizes) if place == 0 else y


def divide(x: Any, rng: np.random.Generator) -> Any:
    even = [axis for axis, size in enumerate(x.shape) if axis and size % 2 == 0]
    if not even or len(x.shape) > 5:
        return x
    place = int(rng.choice(even))
    return ops.reshape(x, [*x.shape[:place], 2, x.shape[place] // 2, *x.shape[place + 1 :]])


def ones(x: Any, rng: np.random.Generator) -> Any:
    """An axis of size 1 more, or one less."""
    single = [axis for axis, size in enumerate(x.shape) if axis and size == 1]
    if single and len(x.shape) > 2 and rng.integers(2):
        return ops.squeeze(x, int(rng.choice(single)))
    return ops.expand_dims(x, int(rng.integers(1, len(x.shape) + 1))) if len(x.shape) < 6 else x


def reduce(x: Any, rng: np.random.Generator) -> Any:
    kind = [ops.mean, ops.sum, ops.max, ops.min, ops.norm][int(rng.integers(5))]
    axis = int(rng.integers(1, len(x.shape)))
    y = kind(x, axis=axis, keepdims=True)
    if rng.integers(2):
        return x - y
    return y if len(x.shape) == 2 or rng.integers(2) else ops.squeeze(y, axis)


def combine(x: Any, rng: np.random.Generator) -> Any:
    """With weights that have some of its axes, or with itself in another order of axes where that fits."""
    kind = [ops.add, ops.multiply, ops.subtract, ops.maximum][int(rng.integers(4))]
    if rng.integers(3) == 0 and len(x.shape) > 2 and x.shape[-1] == x.shape[-2]:
        return kind(x, ops.swapaxes(x, -1, -2))
    rank = int(rng.integers(0, len(x.shape)))
    sizes = [size if rng.integers(3) else 1 for size in x.shape[len(x.shape) - rank :]] if rank else []
    return kind(weights(rng, *sizes), x) if rng.integers(2) else kind(x, weights(rng, *sizes))


def outer(x: Any, rng: np.random.Generator) -> Any:
    """What two reductions along different axes span."""
    if len(x.shape) < 3:
        return x
    a, b = (1 + rng.permutation(len(x.shape) - 1)[:2]).tolist()
    return ops.add(ops.mean(x, axis=a, keepdims=True), ops.max(x, axis=b, keepdims=True))


def cut(x: Any, rng: np.random.Generator) -> Any:
    axis = int(rng.integers(1, len(x.shape)))
    size = x.shape[axis]
    begin, end = int(rng.integers(0, size)), int(rng.integers(1, size + 1))
    part = slice(begin, end) if begin < end else slice(None, None, -1)
    return x[(slice(None),) * axis + (part,)]


def pad(x: Any, rng: np.random.Generator) -> Any:
    widths = [(0, 0), *((int(a), int(b)) for a, b in rng.integers(0, 2, (len(x.shape) - 1, 2)))]
    return ops.pad(x, widths, constant_values=float(rng.integers(2)))


def stack(x: Any, rng: np.random.Generator) -> Any:
    axis = int(rng.integers(1, len(x.shape)))
    return ops.concatenate([x, ops.tanh(x), ops.flip(x, axis=axis)][: int(rng.integers(2, 4))], axis)


def parts(x: Any, rng: np.random.Generator) -> Any:
    axis = int(rng.integers(1, len(x.shape)))
    pieces = ops.split(x, [x.shape[axis] // 2], axis=axis) if x.shape[axis] > 1 else [x, x]
    return ops.concatenate([pieces[1], pieces[0]], axis)


def pick(x: Any, rng: np.random.Generator) -> Any:
    axis = int(rng.integers(1, len(x.shape)))
    return ops.take(x, rng.integers(0, x.shape[axis], 3).astype(np.int32), axis=axis)


def normalise(x: Any, rng: np.random.Generator) -> Any:
    axis = int(rng.integers(1, len(x.shape)))
    size = x.shape[axis]
    way = int(rng.integers(4))
    if way == 0:
        return ops.softmax(ops.concatenate([x, x], axis), axis=axis)
    if way == 1:
        return ops.layer_normalization(x, weights(rng, size), weights(rng, size), axis=axis, epsilon=0.1)
    if way == 2:
        return ops.rms_normalization(x, axis=axis, epsilon=0.1)
    variance = rng.uniform(0.5, 1, size).astype(np.float32)
    return ops.batch_normalization(x, weights(rng, size), variance, axis, weights(rng, size))


def multiply(x: Any, rng: np.random.Generator) -> Any:
    if len(x.shape) < 3 or rng.integers(2):
        return ops.dense(x, weights(rng, x.shape[-1], 4) / x.shape[-1] ** 0.5, activation="relu")
    return ops.matmul(x, x, transpose_b=True) / float(x.shape[-1])


def choose(x: Any, rng: np.random.Generator) -> Any:
    return ops.where(ops.logical_and(ops.greater(x, 0), ops.less(x, weights(rng, x.shape[-1]))), x, ops.sin(x))


def widen(x: Any, rng: np.random.Generator) -> Any:
    if rng.integers(2) or len(x.shape) > 4:
        return ops.repeat(x, 2, axis=int(rng.integers(1, len(x.shape))))
    return ops.tile(x, [1, 2, *[1] * (len(x.shape) - 2)])


STEPS: list[Step] = [
    convolve, transposed, pool, permute, join, divide, ones, reduce, combine, outer, cut, pad, stack, parts, pick,
    normalise, multiply, choose, widen,
]  # fmt: skip


class Chain(corten.Model):
    """So many random ops, the same for the same seed; gives what came in the midst too."""

    def __init__(self, seed: int, length: int = 9) -> None:
        super().__init__()
        self.seed, self.length = seed, length

    def call(self, x: Any) -> Any:
        rng = np.random.default_rng(self.seed)
        middle = x
        for place in range(self.length):
            # Sizes grow where they are joined and widened: what is large is cut down.
            if max(x.shape[1:]) > 24:
                x = x[tuple(slice(None, 8) if axis else slice(None) for axis in range(len(x.shape)))]
            x = STEPS[int(rng.integers(len(STEPS)))](x, rng)
            middle = x if place == self.length // 2 else middle
        return [x, middle]


@pytest.mark.parametrize("seed", range(120))
def test_chains_of_ops(seed: int, tmp_path: Path) -> None:
    model = Chain(seed)
    exported = Exported(
        model, tmp_path, input_signature=[corten.Input((4, 6, 3))], opset_version=(13, 17, 21)[seed % 3]
    )
    for batch in (1, 4):
        x = np.random.default_rng(seed + 1).standard_normal((batch, 4, 6, 3)).astype(np.float32)
        expect_close(exported.run(x), model.predict(x, verbose=0), tolerance=1e-4)
