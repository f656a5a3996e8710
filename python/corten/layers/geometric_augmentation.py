"""Random flips, moves, turns, zooms, shears and perspectives: each image under a transform of its own.

All but flips are one warp, :func:`corten.ops.image.affine_transform`, by matrices that differ.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from corten import ops, random
from corten.layers.arguments import DataFormat, number
from corten.layers.augmentation import Factor, FillMode, ImageAugmentation, Interpolation, border, bounds, chance
from corten.layers.transforms import matrices, perspective, rotation, shear, translation, zoom
from corten.ops.image import warp

__all__ = [
    "RandomFlip",
    "RandomPerspective",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
]

_MODES = {"horizontal": (2,), "vertical": (1,), "horizontal_and_vertical": (2, 1)}


class RandomFlip(ImageAugmentation):
    """In training mirrors half of the images.

    Args:
        mode: ``"horizontal"`` (left and right change places), ``"vertical"``, or ``"horizontal_and_vertical"``, each
            independently of the other.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        data_format: ``"channels_last"`` only.

    Input and output (batch, height, width, channels), or a single image without the batch. A call that does not say
    whether it is ``training`` augments. A dict of ``"images"`` may also have ``"labels"``, which stay as they are, and
    ``"segmentation_masks"``, which change with their images.

    >>> import numpy as np, corten
    >>> images = np.float32([[[[1], [2]]]] * 4)
    >>> corten.layers.RandomFlip("horizontal", seed=1)(images, training=True)[:, 0, :, 0].tolist()
    [[1.0, 2.0], [1.0, 2.0], [2.0, 1.0], [1.0, 2.0]]
    """

    def __init__(
        self,
        mode: Literal["horizontal", "vertical", "horizontal_and_vertical"] = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        if mode not in _MODES:
            raise ValueError(f"RandomFlip: mode: expected one of {', '.join(_MODES)}, got {mode!r}")
        self.mode = mode

    def draw(self, shape: tuple[int, ...]) -> Any:
        places = [random.uniform((shape[0], 1, 1, 1), seed=self.seed_generator) for _ in _MODES[self.mode]]
        return [ops.less_equal(place, 0.5) for place in places]

    def images(self, images: Any, drawn: Any) -> Any:
        for axis, mirrored in zip(_MODES[self.mode], drawn, strict=True):
            images = ops.where(mirrored, ops.flip(images, axis=axis), images)
        return images

    def masks(self, masks: Any, drawn: Any) -> Any:
        return ops.cast(self.images(masks, drawn), masks.dtype)


class GeometricAugmentation(ImageAugmentation):
    """Images under transforms that a subclass draws, masks under the same."""

    def __init__(
        self,
        fill_mode: FillMode,
        interpolation: Interpolation,
        fill_value: float,
        seed: int | None,
        data_format: DataFormat,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        border(fill_mode, interpolation, type(self).__name__)
        self.fill_mode, self.interpolation = fill_mode, interpolation
        self.fill_value = number(fill_value, f"{type(self).__name__}: fill_value")

    def images(self, images: Any, drawn: Any) -> Any:
        return warp(images, drawn, images.shape[1:3], self.interpolation, self.fill_mode, self.fill_value)

    def masks(self, masks: Any, drawn: Any) -> Any:
        values = ops.cast(masks, "float32")
        moved = warp(values, drawn, masks.shape[1:3], "nearest", self.fill_mode, self.fill_value)
        return ops.cast(moved, masks.dtype)


class RandomTranslation(GeometricAugmentation):
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

    Inputs and outputs as of :class:`RandomFlip`.

    >>> import numpy as np, corten
    >>> images = np.float32([[[[1], [2], [3], [4]]]] * 3)
    >>> move = corten.layers.RandomTranslation(0.0, 0.5, "constant", "nearest", seed=2)
    >>> move(images, training=True)[:, 0, :, 0].tolist()
    [[1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]]
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: FillMode = "reflect",
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **kwargs)
        self.height_factor = bounds(height_factor, "RandomTranslation: height_factor")
        self.width_factor = bounds(width_factor, "RandomTranslation: width_factor")

    def draw(self, shape: tuple[int, ...]) -> Any:
        down, right = (
            self.uniform(shape[0], low * size, high * size)
            for (low, high), size in ((self.height_factor, shape[1]), (self.width_factor, shape[2]))
        )
        return translation(down, right, shape)


class RandomRotation(GeometricAugmentation):
    """In training turns each image by its own random angle about its middle.

    Args:
        factor: (lower, upper): parts of a full turn in [-1, 1], positive ones counter-clockwise; f is (-f, f).
        fill_mode, interpolation, seed, fill_value, data_format: as for :class:`RandomTranslation`.

    Inputs and outputs as of :class:`RandomFlip`.

    >>> import numpy as np, corten
    >>> turn = corten.layers.RandomRotation((0.25, 0.25), interpolation="nearest")
    >>> turn(np.float32([[[1], [2]], [[3], [4]]]))[..., 0].tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: FillMode = "reflect",
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **kwargs)
        self.factor = bounds(factor, "RandomRotation: factor")

    def draw(self, shape: tuple[int, ...]) -> Any:
        low, high = self.factor
        return rotation(self.uniform(shape[0], 2 * math.pi * low, 2 * math.pi * high), shape)


class RandomZoom(GeometricAugmentation):
    """In training shows each image smaller or larger, about its middle.

    Args:
        height_factor: (lower, upper), above -1 and at most 1: the new image shows ``1 + factor`` times the old one's
            height, so positive factors zoom out and negative ones in; f is (-f, f).
        width_factor: the same for the width; None zooms both by the same factor.
        fill_mode, interpolation, seed, fill_value, data_format: as for :class:`RandomTranslation`.

    Inputs and outputs as of :class:`RandomFlip`.

    >>> import numpy as np, corten
    >>> zoom = corten.layers.RandomZoom(0.0, (-0.5, -0.5), interpolation="bilinear")
    >>> zoom(np.float32([[[0], [4], [8]]])).ravel().tolist()
    [2.0, 4.0, 6.0]
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: FillMode = "reflect",
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **kwargs)
        self.height_factor = _above_minus_one(height_factor, "RandomZoom: height_factor")
        self.width_factor = None if width_factor is None else _above_minus_one(width_factor, "RandomZoom: width_factor")

    def draw(self, shape: tuple[int, ...]) -> Any:
        vertical, horizontal = (
            None if factor is None else self.uniform(shape[0], 1.0 + factor[0], 1.0 + factor[1])
            for factor in (self.height_factor, self.width_factor)
        )
        return zoom(vertical, vertical if horizontal is None else horizontal, shape)


def _above_minus_one(factor: Any, where: str) -> tuple[float, float]:
    """(lower, upper) in (-1, 1]: at -1 there would be nothing of an image left to show."""
    lower, upper = bounds(factor, where)
    if lower == -1 and isinstance(factor, (list, tuple)):
        raise ValueError(f"{where}: expected numbers in (-1, 1], got {factor!r}")
    return lower, upper


class RandomShear(GeometricAugmentation):
    """In training slants each image, by chance to one side or the other.

    Args:
        x_factor: (lower, upper) in [-1, 1]: by how many pixels each row is moved against the one above; f in [0, 1] is
            (-f, f).
        y_factor: the same of columns.
        interpolation, fill_mode, fill_value, data_format, seed: as for :class:`RandomTranslation`.

    The signs of half of the images' factors are changed. Inputs and outputs as of :class:`RandomFlip`.

    >>> import numpy as np, corten
    >>> slant = corten.layers.RandomShear((1, 1), fill_mode="constant", seed=0)
    >>> slant(np.float32([[[1], [2], [3]], [[4], [5], [6]]]))[..., 0].tolist()
    [[1.0, 2.0, 3.0], [5.0, 6.0, 0.0]]
    """

    def __init__(
        self,
        x_factor: Factor = 0.0,
        y_factor: Factor = 0.0,
        interpolation: Interpolation = "bilinear",
        fill_mode: FillMode = "reflect",
        fill_value: float = 0.0,
        data_format: DataFormat = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, fill_value, seed, data_format, **kwargs)
        self.x_factor = _both_ways(x_factor, "RandomShear: x_factor")
        self.y_factor = _both_ways(y_factor, "RandomShear: y_factor")

    def draw(self, shape: tuple[int, ...]) -> Any:
        side = ops.where(ops.less(self.uniform(shape[0], 0.0, 1.0), 0.5), 1.0, -1.0)
        horizontal, vertical = (side * self.uniform(shape[0], *factor) for factor in (self.x_factor, self.y_factor))
        return shear(horizontal, vertical, shape)


def _both_ways(factor: Any, where: str) -> tuple[float, float]:
    """(lower, upper) in [-1, 1]; one number f in [0, 1] is (-f, f)."""
    if isinstance(factor, (list, tuple)):
        return bounds(factor, where)
    upper = bounds(factor, where, 0.0)[1]
    return -upper, upper


class RandomPerspective(GeometricAugmentation):
    """In training shows images as if seen at an angle: their corners are moved.

    Args:
        factor: (lower, upper) in [0, 1]: the range that the probability of a change is drawn from, for each image; f
            is (0, f).
        scale: in [0, 1]: corners go to ``1 + d`` times their place, with d from ``[-scale / 2, scale / 2]`` drawn for
            each of their coordinates. The upper left one, at (0, 0), stays. An image whose corners would be seen from
            behind stays as it is.
        interpolation, fill_value, seed, data_format: as for :class:`RandomTranslation`; what is beyond the border is
            ``fill_value``.

    Inputs and outputs as of :class:`RandomFlip`.

    >>> import numpy as np, corten
    >>> corten.layers.RandomPerspective(scale=0.0)(np.float32([[[1], [2]]])).ravel().tolist()
    [1.0, 2.0]
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: float = 1.0,
        interpolation: Interpolation = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__("constant", interpolation, fill_value, seed, data_format, **kwargs)
        self.factor = chance(factor, "RandomPerspective: factor")
        self.scale = number(scale, "RandomPerspective: scale", 0.0)
        if self.scale > 1:
            raise ValueError(f"RandomPerspective: scale: expected a number in [0, 1], got {scale!r}")

    def draw(self, shape: tuple[int, ...]) -> Any:
        changed = ops.expand_dims(self.happens(shape[0], self.factor), 1)
        half = 0.5 * self.scale
        corners = ops.reshape(self.uniform(4 * shape[0], 1.0 - half, 1.0 + half), (shape[0], 4))
        transform = perspective(corners, shape)
        # What places are divided by is 1 at the first corner, and must not come to 0 on the way to another.
        across, down = transform[:, 6:7] * (shape[2] - 1.0), transform[:, 7:] * (shape[1] - 1.0)
        in_front = ops.greater(ops.minimum(ops.minimum(across, down), across + down), -0.95)
        unchanged = matrices(shape[0], 1.0, 0.0, 0.0, 0.0, 1.0)
        return ops.where(ops.logical_and(changed, in_front), transform, unchanged)
