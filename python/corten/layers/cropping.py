"""Images of a wanted size: cut out by chance or in the middle, or resized."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from corten import ops
from corten.arguments import count, one_of
from corten.graph import Tensor
from corten.layers.arguments import DataFormat, channels_last, expect_axes, number
from corten.layers.augmentation import ImageAugmentation
from corten.layers.layer import Layer
from corten.layers.transforms import translation
from corten.ops.image import INTERPOLATIONS, middle, warp

__all__ = ["CenterCrop", "RandomCrop", "Resizing"]


def fits(shape: Sequence[int], size: tuple[int, int]) -> bool:
    """Whether a part of ``size`` can be cut out of images (..., height, width, channels)."""
    return all(extent >= wanted for extent, wanted in zip(shape[-3:-1], size))


class RandomCrop(ImageAugmentation):
    """In training cuts a part of a given size out of each image, at a place of its own.

    In inference the largest part in the middle that has the shape of that size is resized to it, and in training too,
    where images are smaller than it.

    Args:
        height: of the part.
        width: likewise.
        seed: an int, or None: drawn from the seed of :func:`corten.utils.set_random_seed`.
        data_format: ``"channels_last"`` only.

    Input (batch, height, width, channels), or a single image without the batch. A call that does not say whether it is
    ``training`` augments. A dict of ``"images"`` may also have ``"labels"``, which stay as they are, and
    ``"segmentation_masks"``, which are cut like their images. Output: the same with other heights and widths.

    >>> import numpy as np, corten
    >>> crop = corten.layers.RandomCrop(1, 2, seed=3)
    >>> crop(np.float32([[[[1], [2], [3]]]] * 3)).reshape(3, 2).tolist()
    [[1.0, 2.0], [2.0, 3.0], [1.0, 2.0]]
    >>> crop(np.float32([[[1], [2], [3], [4]]]), training=False).ravel().tolist()
    [2.0, 3.0]
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: DataFormat = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, data_format, name=name, **kwargs)
        self.height, self.width = count(height, "RandomCrop: height"), count(width, "RandomCrop: width")

    def draw(self, shape: tuple[int, ...]) -> Any:
        if not fits(shape, (self.height, self.width)):
            return None
        # Every place is as likely as the other, the last one too.
        down, right = (
            ops.minimum(ops.floor(self.uniform(shape[0], 0.0, room + 1.0)), float(room))
            for room in (shape[1] - self.height, shape[2] - self.width)
        )
        return translation(-down, -right, shape)

    def images(self, images: Any, drawn: Any) -> Any:
        size = (self.height, self.width)
        if drawn is None:
            return ops.image.resize(images, size, crop_to_aspect_ratio=True)
        return warp(images, drawn, size, "nearest")

    def masks(self, masks: Any, drawn: Any) -> Any:
        size = (self.height, self.width)
        values = ops.cast(masks, "float32")
        part = (
            ops.image.resize(values, size, "nearest", crop_to_aspect_ratio=True)
            if drawn is None
            else warp(values, drawn, size, "nearest")
        )
        return ops.cast(part, masks.dtype)

    def unaugmented(self, batch: dict[str, Any]) -> dict[str, Any]:
        batch = {**batch, "images": self.images(batch["images"], None)}
        if "segmentation_masks" in batch:
            batch["segmentation_masks"] = self.masks(batch["segmentation_masks"], None)
        return batch


class CenterCrop(Layer):
    """The part of a given size in the middle of images, in training and in inference.

    Where they are smaller than it, the largest part in the middle that has its shape is resized to it.

    Args:
        height: of the part.
        width: likewise.
        data_format: ``"channels_last"`` only.

    Input (batch, height, width, channels), or a single image without the batch; output the same with the other height
    and width.

    >>> import numpy as np, corten
    >>> corten.layers.CenterCrop(1, 2)(np.float32([[[1], [2], [3], [4]]])).ravel().tolist()
    [2.0, 3.0]
    """

    _stateless = True

    def __init__(self, height: int, width: int, data_format: DataFormat = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height, self.width = count(height, "CenterCrop: height"), count(width, "CenterCrop: width")
        self.data_format = channels_last(data_format, "CenterCrop")

    def call(self, inputs: Tensor) -> Any:
        expect_images(self, inputs)
        size, images = (self.height, self.width), ops.cast(inputs, "float32")
        if fits(images.shape, size):
            return middle(images, size)
        return ops.image.resize(images, size, crop_to_aspect_ratio=True)


class Resizing(Layer):
    """Images resized to a given size, in training and in inference.

    Args:
        height: wanted.
        width: likewise.
        interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode, fill_value, antialias: as in
            :func:`corten.ops.image.resize`.
        data_format: ``"channels_last"`` only.

    Input (batch, height, width, channels), or a single image without the batch; output the same with the other height
    and width.

    >>> import numpy as np, corten
    >>> corten.layers.Resizing(1, 2)(np.float32([[[1], [2], [3], [4]]])).ravel().tolist()
    [1.5, 3.5]
    """

    _stateless = True

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: Literal["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"] = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: Literal["constant"] = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: DataFormat = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.height, self.width = count(height, "Resizing: height"), count(width, "Resizing: width")
        one_of(interpolation, INTERPOLATIONS, "Resizing: interpolation")
        one_of(fill_mode, ("constant",), "Resizing: fill_mode")
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: crop_to_aspect_ratio, pad_to_aspect_ratio: only one of them can be True")
        self.interpolation, self.antialias = interpolation, antialias
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value = fill_mode, number(fill_value, "Resizing: fill_value")
        self.data_format = channels_last(data_format, "Resizing")

    def call(self, inputs: Tensor) -> Any:
        expect_images(self, inputs)
        return ops.image.resize(
            inputs,
            (self.height, self.width),
            self.interpolation,
            self.antialias,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
            self.fill_mode,
            self.fill_value,
        )


def expect_images(layer: Layer, inputs: Any) -> None:
    """Refuses what is neither one image nor a batch of them."""
    expect_axes(layer, inputs, 3, least=True)
    if len(inputs.shape) > 3:
        expect_axes(layer, inputs, 4)
