"""Augmentation: random changes to images that keep what they show, in training only.

A call that does not say whether it is ``training`` augments, as in Keras: so that its effect can be seen.
``evaluate`` and ``predict`` leave them as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from corten import ops, random
from corten.graph import Tensor
from corten.layers.arguments import DataFormat, channels_last, expect_axes, number, seed_of
from corten.layers.layer import Layer

__all__ = ["RandomFlip", "RandomTranslation"]

_MODES = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (2, 1)}
_FILLS = ("constant", "nearest", "reflect", "wrap")


class RandomFlip(Layer):
    """In training mirrors half of the images.

    Args:
        mode: ``"horizontal"`` (left and right change places), ``"vertical"``, or ``"horizontal_and_vertical"``, each
            independently of the other.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        data_format: ``"channels_last"`` only.

    Input and output (batch, height, width, channels), or a single image without the batch. A call that does not say
    whether it is ``training`` augments.

    >>> import numpy as np, corten
    >>> images = np.float32([[[[1], [2]]]] * 4)
    >>> corten.layers.RandomFlip("horizontal", seed=1)(images, training=True)[:, 0, :, 0].tolist()
    [[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [1.0, 2.0]]
    """

    _stateless = True

    def __init__(
        self,
        mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if mode not in _MODES:
            raise ValueError(f"RandomFlip: mode: expected one of {', '.join(_MODES)}, got {mode!r}")
        self.mode = mode
        self.seed = seed_of(seed, type(self).__name__)
        self.data_format = channels_last(data_format, "RandomFlip")
        self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs: Tensor, training: bool | None = True) -> Any:
        expect_axes(self, inputs, 3, least=True)
        if not training:
            return inputs
        if len(inputs.shape) == 3:
            return ops.squeeze(self.call(ops.expand_dims(inputs, 0), training), 0)
        expect_axes(self, inputs, 4)
        for axis in _MODES[self.mode]:
            drawn = random.uniform((inputs.shape[0], 1, 1, 1), seed=self.seed_generator)
            inputs = ops.where(ops.less_equal(drawn, 0.5), ops.flip(inputs, axis=axis), inputs)
        return inputs


class RandomTranslation(Layer):
    """In training moves each image by its own random part of its height and width.

    Args:
        height_factor: (lower, upper): parts of the height in [-1, 1], positive ones downwards; f is (-f, f).
        width_factor: the same for the width, positive ones to the right.
        fill_mode: what comes in at the border: ``"reflect"`` (d c b a | a b c d | d c b a), ``"wrap"``
            (a b c d | a b c d | a b c d), ``"nearest"``
            (a a a a | a b c d | d d d d), or ``"constant"`` (``fill_value``).
        interpolation: ``"bilinear"``, or ``"nearest"``: by whole pixels.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        fill_value: for ``"constant"``.
        data_format: ``"channels_last"`` only.

    Input and output (batch, height, width, channels), or a single image without the batch. A call that does not say
    whether it is ``training`` augments.

    >>> import numpy as np, corten
    >>> images = np.float32([[[[1], [2], [3], [4]]]] * 3)
    >>> move = corten.layers.RandomTranslation(0.0, 0.5, "constant", "nearest", seed=2)
    >>> move(images, training=True)[:, 0, :, 0].tolist()
    [[1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]]
    """

    _stateless = True

    def __init__(
        self,
        height_factor: float | Sequence[float],
        width_factor: float | Sequence[float],
        fill_mode: Literal["constant", "nearest", "reflect", "wrap"] = "reflect",
        interpolation: Literal["bilinear", "nearest"] = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if fill_mode not in _FILLS:
            raise ValueError(f"RandomTranslation: fill_mode: expected one of {', '.join(_FILLS)}, got {fill_mode!r}")
        if interpolation not in ("bilinear", "nearest"):
            raise ValueError(
                f"RandomTranslation: interpolation: expected 'bilinear' or 'nearest', got {interpolation!r}"
            )
        self.height_factor = _range(height_factor, "RandomTranslation: height_factor")
        self.width_factor = _range(width_factor, "RandomTranslation: width_factor")
        self.fill_mode, self.interpolation = fill_mode, interpolation
        self.fill_value = number(fill_value, "RandomTranslation: fill_value")
        self.seed = seed_of(seed, type(self).__name__)
        self.data_format = channels_last(data_format, "RandomTranslation")
        self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs: Tensor, training: bool | None = True) -> Any:
        expect_axes(self, inputs, 3, least=True)
        if not training:
            return inputs
        if len(inputs.shape) == 3:
            return ops.squeeze(self.call(ops.expand_dims(inputs, 0), training), 0)
        expect_axes(self, inputs, 4)
        y, y_part = self._move(inputs, self.height_factor)
        y, x_part = self._move(ops.swapaxes(y, 1, 2), self.width_factor)
        y = ops.swapaxes(y, 1, 2)
        if self.fill_mode == "constant" and self.fill_value:
            inside = ops.expand_dims(y_part, 2) * ops.expand_dims(x_part, 1)
            y = y + ops.expand_dims(1.0 - inside, 3) * self.fill_value
        return y

    def _move(self, x: Any, factor: tuple[float, float]) -> tuple[Any, Any]:
        """``x`` (n, size, ...) moved along axis 1, and which part of each new row (n, size) comes from the image.

        A move is a product with a matrix that weighs, for each new row, the old ones around where it comes from.
        """
        count, size = x.shape[:2]
        low, high = factor[0] * size, factor[1] * size
        shift = random.uniform((count, 1), low, high, seed=self.seed_generator) if low < high else low
        place = ops.reshape(ops.arange(size), (1, size)) - shift
        if self.interpolation == "nearest":
            place = ops.floor(place + 0.5)
        if self.fill_mode == "nearest":
            place = ops.clip(place, 0.0, size - 1.0)
        elif self.fill_mode == "reflect":
            place = place + 0.5
            place = place - 2.0 * size * ops.floor(place / (2.0 * size))
            place = ops.clip(ops.minimum(place, 2.0 * size - place) - 0.5, 0.0, size - 1.0)
        distance = ops.abs(ops.expand_dims(place, 2) - ops.reshape(ops.arange(size), (1, 1, size)))
        if self.fill_mode == "wrap":
            distance = distance - size * ops.floor(distance / size)
            distance = ops.minimum(distance, size - distance)
        weights = ops.broadcast_to(ops.relu(1.0 - distance), (count, size, size))
        moved = ops.matmul(weights, ops.reshape(x, (count, size, -1)))
        return ops.reshape(moved, x.shape), ops.sum(weights, axis=2)


def _range(factor: Any, where: str) -> tuple[float, float]:
    """(lower, upper), both in [-1, 1]."""
    if isinstance(factor, (list, tuple)):
        if len(factor) != 2:
            raise ValueError(f"{where}: expected a number or (lower, upper), got {factor!r}")
        low, high = sorted(number(item, where) for item in factor)
    else:
        high = abs(number(factor, where))
        low = -high
    if not -1 <= low <= high <= 1:
        raise ValueError(f"{where}: expected fractions in [-1, 1], got {factor!r}")
    return low, high
