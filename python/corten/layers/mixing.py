"""Parts of images erased, and images mixed with others of their batch, with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops, random
from corten.errors import ShapeError
from corten.layers.arguments import DataFormat, number
from corten.layers.augmentation import Factor, ImageAugmentation, bounds, chance, value_range_of
from corten.layers.color_augmentation import per_image

__all__ = ["CutMix", "MixUp", "RandomErasing"]


class Rectangles(ImageAugmentation):
    """Draws a rectangle in each image."""

    def rectangles(self, shape: tuple[int, ...], down: Any, across: Any) -> tuple[Any, Any]:
        """The rows (batch, height) and columns (batch, width) of rectangles, given the parts of the size they span."""
        return self._span(shape[0], shape[1], down), self._span(shape[0], shape[2], across)

    def _span(self, count: int, size: int, part: Any) -> Any:
        length = ops.expand_dims(part, 1) * float(size)
        start = ops.expand_dims(self.uniform(count, 0.0, 1.0), 1) * (float(size) - length)
        place = ops.reshape(ops.arange(size), (1, size))
        return ops.logical_and(ops.greater_equal(place, start), ops.less(place, start + length))


def inside(rows: Any, columns: Any, shape: tuple[int, ...]) -> Any:
    """Which pixels are in both, in all channels of images of ``shape``."""
    both = ops.logical_and(ops.expand_dims(rows, (2, 3)), ops.expand_dims(columns, (1, 3)))
    return ops.broadcast_to(both, shape)


class RandomErasing(Rectangles):
    """In training paints over a rectangle in some images (Zhong et al. 2017).

    Args:
        factor: (lower, upper) in [0, 1]: the range that the probability is drawn from, for each image; f is (0, f).
        scale: (lower, upper) in [0, 1]: the range that the squares of the parts of height and of width are drawn from,
            each by itself; s is (0, s).
        fill_value: a number, or one for each channel; or None: normal noise of ``high`` as standard deviation.
        value_range: (low, high), the range of a pixel's values, which what is painted is clipped to.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        data_format: ``"channels_last"`` only.

    Inputs and outputs (batch, height, width, channels), or a single image without the batch. A call that does not say
    whether it is ``training`` augments. A dict of ``"images"`` may also have ``"labels"`` and ``"segmentation_masks"``,
    which stay as they are.

    >>> import numpy as np, corten
    >>> erase = corten.layers.RandomErasing((1, 1), scale=(0.25, 0.25), fill_value=0.0, seed=0)
    >>> erase(np.ones((4, 4, 1), np.float32)).sum().tolist()
    12.0
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: float | Sequence[float] | None = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = chance(factor, "RandomErasing: factor")
        self.scale = bounds(scale, "RandomErasing: scale", 0.0)
        where = "RandomErasing: fill_value"
        if isinstance(fill_value, (list, tuple)):
            fill_value = [number(value, where) for value in fill_value]
        elif fill_value is not None:
            fill_value = number(fill_value, where)
        self.fill_value = fill_value
        self.value_range = value_range_of(value_range, "RandomErasing")

    def draw(self, shape: tuple[int, ...]) -> Any:
        down, across = (ops.sqrt(self.uniform(shape[0], *self.scale)) for _ in range(2))
        rows, columns = self.rectangles(shape, down, across)
        erased = ops.logical_and(inside(rows, columns, shape), per_image(self.happens(shape[0], self.factor)))
        if self.fill_value is None:
            fill = random.normal(shape, seed=self.seed_generator) * self.value_range[1]
        else:
            fill = ops.array(self.fill_value)
            if fill.shape not in ((), (shape[-1],)):
                raise ShapeError(
                    f'RandomErasing "{self.name}": fill_value: expected a number or one for each of {shape[-1]} '
                    f"channels, got {self.fill_value}"
                )
        return erased, ops.clip(fill, *self.value_range)

    def images(self, images: Any, drawn: Any) -> Any:
        erased, fill = drawn
        return ops.where(erased, fill, images)


def partners(count: int, seed: random.SeedGenerator) -> Any:
    """A random order of 0 to ``count - 1``: how many of as many drawn numbers are below each, or equal and earlier."""
    u = random.uniform((count,), seed=seed)
    mine, other, place = ops.expand_dims(u, 1), ops.expand_dims(u, 0), ops.arange(count)
    earlier = ops.logical_and(ops.equal(other, mine), ops.less(ops.expand_dims(place, 0), ops.expand_dims(place, 1)))
    return ops.cast(ops.sum(ops.where(earlier, 1.0, ops.cast(ops.less(other, mine), "float32")), axis=1), "int32")


def mixed_labels(layer: ImageAugmentation, labels: Any, weight: Any, order: Any) -> Any:
    """``weight`` times the labels (batch, ...), and the rest those of each one's partner."""
    axes = len(labels.shape)
    if axes < 2 or (labels.dtype != "float32" and labels.shape[-1] == 1):
        raise ShapeError(
            f'{type(layer).__name__} "{layer.name}": labels: expected numbers that can be mixed, such as probabilities '
            f"(batch, classes), got {labels.dtype} of shape {tuple(labels.shape)}; numbers of classes become such by "
            "ops.one_hot"
        )
    weight = ops.reshape(weight, (*weight.shape, *[1] * (axes - 1)))
    labels = ops.cast(labels, "float32")
    return weight * labels + (1.0 - weight) * ops.take(labels, order, axis=0)


class MixUp(ImageAugmentation):
    """In training mixes each image with another one of its batch, and the labels likewise (Zhang et al. 2017).

    ``w x + (1 - w) x'`` with w of the distribution Beta(alpha, alpha), drawn for each image.

    Args:
        alpha: above 0; the larger, the more evenly images are mixed.
        data_format: ``"channels_last"`` only.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Input: a dict of ``"images"`` (batch, height, width, channels), ``"labels"`` such as probabilities (batch, classes),
    and ``"segmentation_masks"``, of which one may leave out the latter two; or images alone. Output: the same, mixed. A
    call that does not say whether it is ``training`` mixes.

    >>> import numpy as np, corten
    >>> batch = {"images": np.float32([[[[0]]], [[[8]]]]), "labels": np.float32([[1, 0], [0, 1]])}
    >>> mixed = corten.layers.MixUp(alpha=1.0, seed=1)(batch)
    >>> bool(np.allclose(mixed["images"].ravel() / 8, mixed["labels"][:, 1]))
    True
    """

    def __init__(
        self, alpha: float = 0.2, data_format: DataFormat = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.alpha = number(alpha, "MixUp: alpha")
        if self.alpha <= 0:
            raise ValueError(f"MixUp: alpha: expected a number above 0, got {alpha!r}")

    def draw(self, shape: tuple[int, ...]) -> Any:
        weight = random.beta((shape[0],), self.alpha, self.alpha, seed=self.seed_generator)
        return weight, partners(shape[0], self.seed_generator)

    def images(self, images: Any, drawn: Any) -> Any:
        weight, order = per_image(drawn[0]), drawn[1]
        return weight * images + (1.0 - weight) * ops.take(images, order, axis=0)

    def labels(self, labels: Any, drawn: Any) -> Any:
        return mixed_labels(self, labels, *drawn)

    def masks(self, masks: Any, drawn: Any) -> Any:
        return self.images(ops.cast(masks, "float32"), drawn)


class CutMix(Rectangles):
    """In training pastes a rectangle of another image of the batch into each one, and mixes labels by area.

    (Yun et al. 2019.)
    The rectangle spans the part ``sqrt(1 - w)`` of height and of width, with w of the distribution Beta(a, a), and a of
    ``factor``. The label keeps the part of the pixels that the image keeps.

    Args:
        factor: (lower, upper) in [0, 1] that a is drawn from, for each image; f is (0, f).
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        data_format: ``"channels_last"`` only.

    Input and output as of :class:`MixUp`.

    >>> import numpy as np, corten
    >>> batch = {"images": np.zeros((2, 4, 4, 1), np.float32), "labels": np.float32([[1, 0], [0, 1]])}
    >>> batch["images"][1] = 1
    >>> mixed = corten.layers.CutMix(seed=1)(batch)
    >>> bool(np.allclose(mixed["images"].mean(axis=(1, 2, 3)), mixed["labels"][:, 1]))
    True
    """

    def __init__(
        self, factor: Factor = 1.0, seed: int | None = None, data_format: DataFormat = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = bounds(factor, "CutMix: factor", 0.0)

    def draw(self, shape: tuple[int, ...]) -> Any:
        a = self.uniform(shape[0], *self.factor) + 1e-6
        part = ops.sqrt(1.0 - random.beta((shape[0],), a, a, seed=self.seed_generator))
        rows, columns = self.rectangles(shape, part, part)
        pasted = ops.mean(ops.cast(rows, "float32"), axis=1) * ops.mean(ops.cast(columns, "float32"), axis=1)
        return inside(rows, columns, (*shape[:3], 1)), 1.0 - pasted, partners(shape[0], self.seed_generator)

    def images(self, images: Any, drawn: Any) -> Any:
        pasted, _, order = drawn
        return ops.where(ops.broadcast_to(pasted, images.shape), ops.take(images, order, axis=0), images)

    def labels(self, labels: Any, drawn: Any) -> Any:
        return mixed_labels(self, labels, *drawn[1:])

    def masks(self, masks: Any, drawn: Any) -> Any:
        return ops.cast(self.images(masks, drawn), masks.dtype)
