"""Augmentation: random changes to images that keep what they show, in training only.

A call that does not say whether it is ``training`` augments, as in Keras: so that its effect can be seen.
``evaluate`` and ``predict`` leave images as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from corten import ops, random
from corten.arguments import one_of
from corten.graph import map_nested
from corten.layers.arguments import DataFormat, channels_last, expect_axes, number, seed_of
from corten.layers.layer import Layer
from corten.layers.naming import snake_case

__all__ = ["Factor", "FillMode", "ImageAugmentation", "Interpolation", "border", "bounds", "chance", "value_range_of"]

#: Where a number is drawn from: (lower, upper), or one number that a layer makes a range of.
Factor: TypeAlias = float | Sequence[float]

#: What is seen beyond the border.
FillMode: TypeAlias = Literal["constant", "nearest", "reflect", "wrap"]

#: How a place between pixels is read.
Interpolation: TypeAlias = Literal["bilinear", "nearest"]

_PARTS = ("images", "labels", "segmentation_masks")


class ImageAugmentation(Layer):
    """What augmentation layers share: one image or a batch, alone or with labels and masks, and draws of their own.

    A subclass says what it draws for a batch and what it does with it to images, and to labels and segmentation masks
    where these change too.

    Args:
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        data_format: ``"channels_last"`` only.
    """

    _stateless = True

    def __init__(self, seed: int | None = None, data_format: DataFormat = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed_of(seed, type(self).__name__)
        self.data_format = channels_last(data_format, type(self).__name__)
        self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = True) -> Any:
        batch = dict(inputs) if isinstance(inputs, dict) else {"images": inputs}
        if "images" not in batch or not batch.keys() <= set(_PARTS):
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected images, or a dict of them with any of '
                f"{', '.join(_PARTS[1:])}, got the keys {sorted(map(str, batch))}"
            )
        expect_axes(self, batch["images"], 3, least=True)
        single = len(batch["images"].shape) == 3
        if single:
            batch = map_nested(lambda one: ops.expand_dims(one, 0), batch)
        expect_axes(self, batch["images"], 4)
        batch["images"] = ops.cast(batch["images"], "float32")
        batch = self.augmented(batch) if training else self.unaugmented(batch)
        if single:
            batch = map_nested(lambda one: ops.squeeze(one, 0), batch)
        return batch if isinstance(inputs, dict) else batch["images"]

    def augmented(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The parts of a batch, as they are in training."""
        drawn = self.draw(tuple(batch["images"].shape))
        changes = {"images": self.images, "labels": self.labels, "segmentation_masks": self.masks}
        return {name: changes[name](part, drawn) for name, part in batch.items()}

    def unaugmented(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The same in inference."""
        return batch

    def draw(self, shape: tuple[int, ...]) -> Any:
        """What is drawn for images of a shape (batch, height, width, channels)."""
        raise NotImplementedError(f"{type(self).__name__} does not define draw()")

    def images(self, images: Any, drawn: Any) -> Any:
        """The images that come of it."""
        raise NotImplementedError(f"{type(self).__name__} does not define images()")

    def labels(self, labels: Any, drawn: Any) -> Any:
        """The labels that go with them."""
        return labels

    def masks(self, masks: Any, drawn: Any) -> Any:
        """The segmentation masks (batch, height, width, channels) that go with them."""
        return masks

    def part(self, kind: Any, *arguments: Any, **options: Any) -> Any:
        """An augmentation that is a part of this one, and draws from its generator."""
        part = kind(*arguments, seed=0, name=snake_case(kind.__name__), **options)
        part.seed_generator = self.seed_generator
        return part

    def uniform(self, count: int, low: float, high: float) -> Any:
        """``count`` numbers from ``low`` to ``high``."""
        if low == high:
            return ops.full((count,), low)
        return random.uniform((count,), low, high, seed=self.seed_generator)

    def happens(self, count: int, probability: tuple[float, float]) -> Any:
        """Which of ``count`` images something befalls, each with its own probability from the range."""
        return ops.less(self.uniform(count, 0.0, 1.0), self.uniform(count, *probability))

    def expect_colors(self, images: Any) -> None:
        """Refuses images that are not red, green and blue."""
        if images.shape[-1] != 3:
            raise ValueError(
                f'{type(self).__name__} "{self.name}": expected images with three channels, red, green and blue, got '
                f"shape {tuple(images.shape)}"
            )


def bounds(factor: Any, where: str, low: float = -1.0, high: float = 1.0) -> tuple[float, float]:
    """(lower, upper) in [low, high]; one number f is (-f, f), or (0, f) where nothing is below 0."""
    if isinstance(factor, (list, tuple)):
        if len(factor) != 2:
            raise ValueError(f"{where}: expected a number or (lower, upper), got {factor!r}")
        lower, upper = sorted(number(item, where) for item in factor)
    else:
        upper = number(factor, where)
        upper = abs(upper) if low < 0 else upper
        lower = max(-upper, low) if low < 0 else 0.0
    if not low <= lower <= upper <= high:
        raise ValueError(f"{where}: expected numbers in [{low:g}, {high:g}], got {factor!r}")
    return lower, upper


def chance(factor: Any, where: str) -> tuple[float, float]:
    """The range of a probability."""
    return bounds(factor, where, 0.0)


def value_range_of(value: Any, where: str) -> tuple[float, float]:
    """The least and the largest value of a pixel."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"{where}: value_range: expected (low, high), got {value!r}")
    low, high = sorted(number(item, f"{where}: value_range") for item in value)
    if low == high:
        raise ValueError(f"{where}: value_range: expected two different numbers, got {value!r}")
    return low, high


def border(fill_mode: Any, interpolation: Any, where: str) -> None:
    """Refuses what a layer cannot fill borders with or read pixels by."""
    one_of(fill_mode, ("constant", "nearest", "reflect", "wrap"), f"{where}: fill_mode")
    one_of(interpolation, ("bilinear", "nearest"), f"{where}: interpolation")
