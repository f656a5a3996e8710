"""Random changes of saturation and hue, and gray images: what needs red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.arguments import DataFormat
from corten.layers.augmentation import Factor, ImageAugmentation, bounds, chance
from corten.layers.color_augmentation import ColorAugmentation, RandomBrightness, RandomContrast, per_image

__all__ = ["RandomColorDegeneration", "RandomColorJitter", "RandomGrayscale", "RandomHue", "RandomSaturation"]

#: How bright red, green and blue are (ITU-R BT.601).
_LUMA = (0.2989, 0.5870, 0.1140)


def grayscale(images: Any) -> Any:
    """The brightness of each pixel, as red, green and blue alike."""
    return ops.matmul(images, ops.array([[part] * 3 for part in _LUMA]))


def _from_zero(factor: Any, where: str) -> tuple[float, float]:
    """(lower, upper) in [-1, 1]; one number f in [0, 1] is (0, f)."""
    return bounds(factor, where) if isinstance(factor, (list, tuple)) else bounds(factor, where, 0.0)


class RandomSaturation(ColorAugmentation):
    """In training makes colours stronger or paler: the S of HSV times ``f / (1 - f)``, up to the full colour.

    In red, green and blue: ``v - (v - x) r`` with v the largest of a pixel's three values and r the factor, limited to
    that at which the smallest of them becomes 0.

    Args:
        factor: (lower, upper) in [0, 1] that f is drawn from: 0 leaves gray (as anything below 0), 0.5 the image as it
            is, 1 full colours; a number is (0, number).
        value_range: (low, high), the range of a pixel's values.
        data_format: ``"channels_last"`` only.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Inputs and outputs as of :class:`RandomBrightness`, with three channels.

    >>> import numpy as np, corten
    >>> corten.layers.RandomSaturation((0.0, 0.0))(np.float32([[[200, 100, 50]]])).ravel().tolist()
    [200.0, 200.0, 200.0]
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        data_format: DataFormat = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, data_format=data_format, **kwargs)
        self.factor = _from_zero(factor, "RandomSaturation: factor")

    def draw(self, shape: tuple[int, ...]) -> Any:
        f = ops.maximum(self.uniform(shape[0], *self.factor), 0.0)
        return f / ops.maximum(1.0 - f, 1e-7)

    def images(self, images: Any, drawn: Any) -> Any:
        self.expect_colors(images)
        colors = ops.split(images, 3, axis=-1)
        most, spread = _extremes(colors)
        largest = (most - self.value_range[0]) / ops.where(ops.greater(spread, 0.0), spread, 1.0)
        ratio = ops.minimum(per_image(drawn), largest)
        return self.clip(ops.concatenate([most - (most - color) * ratio for color in colors], axis=-1))


class RandomHue(ColorAugmentation):
    """In training turns the colours of each image about the circle of hues: the H of HSV plus d.

    Args:
        factor: (lower, upper) in [0, 1] that f is drawn from; a number is (0, number). d is f half turns, in one
            direction or the other.
        value_range, data_format, seed: as for :class:`RandomSaturation`.

    Inputs and outputs as of :class:`RandomBrightness`, with three channels.

    >>> import numpy as np, corten
    >>> corten.layers.RandomHue((1, 1))(np.float32([[[200, 100, 100]]])).round().ravel().tolist()
    [100.0, 200.0, 200.0]
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        data_format: DataFormat = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, data_format=data_format, **kwargs)
        self.factor = bounds(factor, "RandomHue: factor", 0.0)

    def draw(self, shape: tuple[int, ...]) -> Any:
        side = ops.where(ops.less(self.uniform(shape[0], 0.0, 1.0), 0.5), 0.5, -0.5)
        return side * self.uniform(shape[0], *self.factor)

    def images(self, images: Any, drawn: Any) -> Any:
        self.expect_colors(images)
        colors = red, green, blue = ops.split(images, 3, axis=-1)
        most, spread = _extremes(colors)
        by = ops.where(ops.greater(spread, 0.0), spread, 1.0)
        # The hue in sixths of a turn.
        hue = ops.where(
            ops.equal(most, red),
            (green - blue) / by,
            ops.where(ops.equal(most, green), (blue - red) / by + 2.0, (red - green) / by + 4.0),
        )
        hue = hue + 6.0 * per_image(drawn)
        places = [ops.mod(hue + offset, 6.0) for offset in (5.0, 3.0, 1.0)]
        missing = [spread * ops.clip(ops.minimum(place, 4.0 - place), 0.0, 1.0) for place in places]
        return self.clip(ops.concatenate([most - part for part in missing], axis=-1))


def _extremes(colors: Sequence[Any]) -> tuple[Any, Any]:
    """The largest of a pixel's three values (batch, height, width, 1), and how much larger it is than the smallest."""
    red, green, blue = colors
    most = ops.maximum(ops.maximum(red, green), blue)
    return most, most - ops.minimum(ops.minimum(red, green), blue)


class RandomColorDegeneration(ColorAugmentation):
    """In training mixes each image with its grayscale: ``x + f (gray - x)``.

    Args:
        factor: (lower, upper) that f is drawn from: 0 leaves the image as it is, 1 leaves gray, and below 0 colours
            become stronger; a number is (0, number).
        value_range, data_format, seed: as for :class:`RandomSaturation`.

    Inputs and outputs as of :class:`RandomBrightness`, with three channels.

    >>> import numpy as np, corten
    >>> corten.layers.RandomColorDegeneration((1, 1))(np.float32([[[100, 0, 0]]])).round().ravel().tolist()
    [30.0, 30.0, 30.0]
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        data_format: DataFormat = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, data_format=data_format, **kwargs)
        self.factor = _from_zero(factor, "RandomColorDegeneration: factor")

    def draw(self, shape: tuple[int, ...]) -> Any:
        return self.uniform(shape[0], *self.factor)

    def images(self, images: Any, drawn: Any) -> Any:
        self.expect_colors(images)
        return self.clip(images + per_image(drawn) * (grayscale(images) - images))


class RandomGrayscale(ImageAugmentation):
    """In training makes some images gray: ``0.2989 red + 0.587 green + 0.114 blue`` in all three channels.

    Args:
        factor: the probability, in [0, 1].
        data_format: ``"channels_last"`` only.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.

    Inputs and outputs as of :class:`RandomBrightness`, with three channels.

    >>> import numpy as np, corten
    >>> corten.layers.RandomGrayscale(1.0)(np.float32([[[100, 0, 0]]])).round().ravel().tolist()
    [30.0, 30.0, 30.0]
    """

    def __init__(
        self, factor: float = 0.5, data_format: DataFormat = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, data_format, **kwargs)
        self.factor = chance((factor, factor), "RandomGrayscale: factor")[0]

    def draw(self, shape: tuple[int, ...]) -> Any:
        return self.happens(shape[0], (self.factor, self.factor))

    def images(self, images: Any, drawn: Any) -> Any:
        self.expect_colors(images)
        return ops.where(per_image(drawn), grayscale(images), images)


class RandomColorJitter(ColorAugmentation):
    """In training changes brightness, contrast, saturation and hue, one after the other, where a factor is given.

    Args:
        value_range: (low, high), the range of a pixel's values.
        brightness_factor: as for :class:`RandomBrightness`.
        contrast_factor: as for :class:`RandomContrast`.
        saturation_factor: as for :class:`RandomSaturation`.
        hue_factor: as for :class:`RandomHue`.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        data_format: ``"channels_last"`` only.

    Inputs and outputs as of :class:`RandomBrightness`; with three channels, where saturation or hue change.

    >>> import numpy as np, corten
    >>> jitter = corten.layers.RandomColorJitter((0, 1), brightness_factor=(0.25, 0.25), hue_factor=(1, 1))
    >>> jitter(np.float32([[[0.5, 0.25, 0.25]]])).ravel().tolist()
    [0.5, 0.75, 0.75]
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: Factor | None = None,
        contrast_factor: Factor | None = None,
        saturation_factor: Factor | None = None,
        hue_factor: Factor | None = None,
        seed: int | None = None,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, data_format=data_format, **kwargs)
        given = {
            RandomBrightness: brightness_factor,
            RandomContrast: contrast_factor,
            RandomSaturation: saturation_factor,
            RandomHue: hue_factor,
        }
        #: What is changed, each by draws from the layer's own generator.
        self.parts = [self.part(kind, factor, value_range) for kind, factor in given.items() if factor is not None]

    def draw(self, shape: tuple[int, ...]) -> Any:
        return [part.draw(shape) for part in self.parts]

    def images(self, images: Any, drawn: Any) -> Any:
        for part, each in zip(self.parts, drawn, strict=True):
            images = part.images(images, each)
        return images
