"""RandAugment: a few augmentations for each image, chosen from a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops, random
from corten.arguments import whole
from corten.layers.arguments import DataFormat
from corten.layers.augmentation import Factor, Interpolation, bounds
from corten.layers.color_augmentation import (
    ColorAugmentation,
    RandomBrightness,
    RandomContrast,
    Solarization,
    per_image,
)
from corten.layers.geometric_augmentation import RandomRotation, RandomShear, RandomTranslation
from corten.layers.rgb_augmentation import RandomColorDegeneration
from corten.layers.transforms import matrices

__all__ = ["RandAugment"]

#: Augmentations of one image.
MOST = 100


class RandAugment(ColorAugmentation):
    """In training changes each image by a few augmentations, chosen from seven by chance (Cubuk et al. 2019).

    These are :class:`RandomShear`, :class:`RandomTranslation`, :class:`RandomRotation`, :class:`RandomBrightness`,
    :class:`RandomColorDegeneration`, :class:`RandomContrast` and :class:`Solarization`.

    Args:
        value_range: (low, high), the range of a pixel's values.
        num_ops: how many are applied to an image, one after the other, at most 100; the same may come again.
        factor: (lower, upper) in [0, 1], what each draws its strength from; f is (0, f).
        interpolation: ``"bilinear"`` or ``"nearest"``.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        data_format: ``"channels_last"`` only.

    Inputs and outputs as of :class:`RandomFlip`, with three channels.

    >>> import numpy as np, corten
    >>> augment = corten.layers.RandAugment(value_range=(0, 1), num_ops=3, factor=0.3, seed=1)
    >>> augment(np.ones((2, 8, 8, 3), np.float32)).shape
    (2, 8, 8, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: Factor = 0.5,
        interpolation: Interpolation = "bilinear",
        seed: int | None = None,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, data_format=data_format, **kwargs)
        self.num_ops = whole(num_ops, "RandAugment: num_ops", 1, MOST)
        self.factor = strength = bounds(factor, "RandAugment: factor", 0.0)
        self.interpolation = interpolation
        #: What moves pixels; of these, only one warp is made of all images together.
        self.moves = [
            self.part(RandomShear, strength, strength, interpolation),
            self.part(RandomTranslation, strength, strength, "reflect", interpolation),
            self.part(RandomRotation, strength, "reflect", interpolation),
        ]
        self.colors = [
            self.part(RandomBrightness, strength, value_range),
            self.part(RandomColorDegeneration, strength, value_range),
            self.part(RandomContrast, strength, value_range),
            self.part(Solarization, strength, strength, value_range),
        ]

    def draw(self, shape: tuple[int, ...]) -> Any:
        return [self._draw_one(shape) for _ in range(self.num_ops)]

    def _draw_one(self, shape: tuple[int, ...]) -> Any:
        """One augmentation for each image: the transform, and for each change of colours who has it, and how much."""
        chosen = random.randint((shape[0],), 0, len(self.moves) + len(self.colors), seed=self.seed_generator)
        transform = matrices(shape[0], 1.0, 0.0, 0.0, 0.0, 1.0)
        for i, part in enumerate(self.moves):
            transform = ops.where(ops.expand_dims(ops.equal(chosen, i), 1), part.draw(shape), transform)
        colors = [
            (part, per_image(ops.equal(chosen, i)), part.draw(shape))
            for i, part in enumerate(self.colors, len(self.moves))
        ]
        return transform, colors

    def images(self, images: Any, drawn: Any) -> Any:
        self.expect_colors(images)
        for transform, colors in drawn:
            images = self.moves[0].images(images, transform)
            for part, chosen, how in colors:
                images = ops.where(chosen, part.images(images, how), images)
        return images

    def masks(self, masks: Any, drawn: Any) -> Any:
        for transform, _ in drawn:
            masks = self.moves[0].masks(masks, transform)
        return masks
