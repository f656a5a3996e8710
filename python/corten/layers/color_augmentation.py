"""Random changes of brightness and contrast, and negatives: of images with any channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.arguments import DataFormat
from corten.layers.augmentation import Factor, ImageAugmentation, bounds, chance, value_range_of

__all__ = ["RandomBrightness", "RandomContrast", "RandomInvert", "Solarization"]


def per_image(drawn: Any) -> Any:
    """One number for each image (batch,) as (batch, 1, 1, 1)."""
    return ops.reshape(drawn, (*drawn.shape, 1, 1, 1))


class ColorAugmentation(ImageAugmentation):
    """Images whose pixels are between two values, before and after."""

    def __init__(self, value_range: Sequence[float], seed: int | None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.value_range = value_range_of(value_range, type(self).__name__)

    def clip(self, images: Any) -> Any:
        return ops.clip(images, *self.value_range)


class RandomBrightness(ColorAugmentation):
    """In training makes each image brighter or darker: ``x + d (high - low)``, clipped to the range of values.

    Args:
        factor: (lower, upper) in [-1, 1] that d is drawn from; f is (-f, f). At -1 images are black, at 1 white.
        value_range: (low, high), the range of a pixel's values.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Inputs and outputs (batch, height, width, channels), or a single image without the batch. A call that does not say
    whether it is ``training`` augments. A dict of ``"images"`` may also have ``"labels"`` and ``"segmentation_masks"``,
    which stay as they are.

    >>> import numpy as np, corten
    >>> brighten = corten.layers.RandomBrightness((0.25, 0.25), value_range=(0, 1))
    >>> brighten(np.float32([[[0.5], [0.875]]])).ravel().tolist()
    [0.75, 1.0]
    """

    def __init__(
        self, factor: Factor, value_range: Sequence[float] = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.factor = bounds(factor, "RandomBrightness: factor")

    def draw(self, shape: tuple[int, ...]) -> Any:
        return self.uniform(shape[0], *self.factor)

    def images(self, images: Any, drawn: Any) -> Any:
        low, high = self.value_range
        return self.clip(ops.add(images, per_image(drawn) * (high - low)))


class RandomContrast(ColorAugmentation):
    """In training makes each image flatter or stronger: ``(x - mean) c + mean``, clipped to the range of values.

    The mean is that of the image's channel.

    Args:
        factor: (lower, upper) in [0, 1]: c is drawn from ``[1 - lower, 1 + upper]``; f is (f, f).
        value_range, seed: as for :class:`RandomBrightness`.

    Inputs and outputs as of :class:`RandomBrightness`.

    >>> import numpy as np, corten
    >>> corten.layers.RandomContrast((0.5, 0.0), seed=1)(np.float32([[[10], [30]]])).round().ravel().tolist()
    [11.0, 29.0]
    """

    def __init__(
        self, factor: Factor, value_range: Sequence[float] = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        amounts = factor if isinstance(factor, (list, tuple)) else (factor, factor)
        bounds(amounts, "RandomContrast: factor", 0.0)
        self.factor = (float(amounts[0]), float(amounts[1]))

    def draw(self, shape: tuple[int, ...]) -> Any:
        lower, upper = self.factor
        return self.uniform(shape[0], 1.0 - lower, 1.0 + upper)

    def images(self, images: Any, drawn: Any) -> Any:
        c, mean = per_image(drawn), ops.mean(images, axis=(1, 2), keepdims=True)
        return self.clip(images * c + ops.broadcast_to(mean * (1.0 - c), images.shape))


class RandomInvert(ColorAugmentation):
    """In training makes some images their negatives: ``low + high - x``.

    Args:
        factor: (lower, upper) in [0, 1]: the range that the probability is drawn from, for each image; f is (0, f).
        value_range, seed, data_format: as for :class:`RandomSaturation`.

    Inputs and outputs as of :class:`RandomBrightness`.

    >>> import numpy as np, corten
    >>> corten.layers.RandomInvert((1, 1))(np.float32([[[100], [0]]])).ravel().tolist()
    [155.0, 255.0]
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, data_format=data_format, **kwargs)
        self.factor = chance(factor, "RandomInvert: factor")

    def draw(self, shape: tuple[int, ...]) -> Any:
        return self.happens(shape[0], self.factor)

    def images(self, images: Any, drawn: Any) -> Any:
        return ops.where(per_image(drawn), sum(self.value_range) - images, images)


class Solarization(ColorAugmentation):
    """In training makes the bright pixels of each image their negatives, after adding to all.

    ``x + a``, clipped; then ``low + high`` less that, where it is ``low + t`` or more.

    Args:
        addition_factor: (lower, upper) in [0, 1]: a is drawn from these parts of ``high - low``; f is (0, f).
        threshold_factor: the same for t: at 0 all pixels become negatives.
        value_range: (low, high), the range of a pixel's values.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Inputs and outputs as of :class:`RandomBrightness`.

    >>> import numpy as np, corten
    >>> corten.layers.Solarization(0.0, (0.5, 0.5))(np.float32([[[50], [200]]])).ravel().tolist()
    [50.0, 55.0]
    """

    def __init__(
        self,
        addition_factor: Factor = 0.0,
        threshold_factor: Factor = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.addition_factor = bounds(addition_factor, "Solarization: addition_factor", 0.0)
        self.threshold_factor = bounds(threshold_factor, "Solarization: threshold_factor", 0.0)

    def draw(self, shape: tuple[int, ...]) -> Any:
        return self.uniform(shape[0], *self.addition_factor), self.uniform(shape[0], *self.threshold_factor)

    def images(self, images: Any, drawn: Any) -> Any:
        (low, high), (added, threshold) = self.value_range, drawn
        images = self.clip(images + per_image(added) * (high - low))
        return ops.where(ops.less(images, low + per_image(threshold) * (high - low)), images, low + high - images)
