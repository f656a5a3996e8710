"""Images in files, as the input of a model takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from corten.cli.failure import FileError, blaming
from corten.cli.signature import Declared
from corten.graph import Array

__all__ = ["SUFFIXES", "read_images"]

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

#: Pillow's name for images of so many channels.
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
#: What has 8 bits for a channel, and can be brought to one of these without guessing.
_PLAIN = frozenset({"1", "CMYK", "L", "LA", "P", "PA", "RGB", "RGBA", "YCbCr"})


def read_images(paths: Sequence[Path], declared: Declared | None, resize: bool) -> Array:
    """The images as one array of uint8, turned as their cameras say: (n, height, width, channels), or as declared.

    An input of one channel gets the brightness of coloured images.

    Args:
        paths: of the files.
        declared: the input; its channels may come first or last, or not at all.
        resize: whether images of another size are resized (bilinear); otherwise they are refused.

    Raises:
        FileError: no image, one of more than 8 bits, of several frames, with transparent pixels that the input has no
            channel for, or of another size.
    """
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise FileError(f"{paths[0]}: reading images needs the package Pillow: pip install corten[images]") from error
    layout = _Layout.of(declared, paths[0])
    arrays = []
    for path in paths:
        with blaming(path):
            arrays.append(layout.read(path, resize))
        if arrays[-1].shape != arrays[0].shape:
            expected, got = (f"{layout.size(array)}" for array in (arrays[0], arrays[-1]))
            raise FileError(f"{path}: expected an image of {expected}, as {paths[0]}, got {got}")
    return np.stack(arrays)


class _Layout:
    """Where the axes of an image are, and how large each is, as far as the input says.

    Args:
        sizes: of the input, without the batch.
        channel_axis: the axis of the channels; None where there is none.
    """

    def __init__(self, sizes: tuple[int | None, ...], channel_axis: int | None) -> None:
        self.channel_axis = channel_axis
        self.channels = 1 if channel_axis is None else sizes[channel_axis]
        plane = [size for axis, size in enumerate(sizes) if axis != channel_axis]
        self.height, self.width = plane

    @classmethod
    def of(cls, declared: Declared | None, path: Path) -> _Layout:
        """The layout of an input; channels last, and everything open, where there is none."""
        shape = (None, None, None) if declared is None else declared.shape[1:]
        sizes = tuple(size if isinstance(size, int) else None for size in shape)
        if len(sizes) == 2:
            return cls(sizes, None)
        if len(sizes) == 3:
            first = sizes[2] not in (1, 3, 4) and sizes[0] in (1, 3, 4)
            axis = 0 if first else 2
            if sizes[axis] in (None, 1, 3, 4):
                return cls(sizes, axis)
        raise FileError(f"{path}: an image, but the model takes {declared}")

    def read(self, path: Path, resize: bool) -> Array:
        """One image."""
        from PIL import Image, ImageOps

        # A warning of Pillow's own below twice that size, an error above.
        with Image.open(path) as opened:
            if (frames := getattr(opened, "n_frames", 1)) != 1:
                raise ValueError(f"expected a single image, got {frames} frames")
            if opened.mode not in _PLAIN:
                raise ValueError(f"expected an image of 8 bits a channel, got Pillow's mode {opened.mode!r}")
            image = self._in_mode(ImageOps.exif_transpose(opened))
        wanted = (self.width or image.width, self.height or image.height)
        if image.size != wanted and not resize:
            raise ValueError(
                f"expected an image of {wanted[0]} x {wanted[1]} (width x height), got {image.width} x {image.height}; "
                "--resize brings it to that size"
            )
        if image.size != wanted:
            image = image.resize(wanted, Image.Resampling.BILINEAR)
        array = np.asarray(image, np.uint8)
        if self.channel_axis is None:
            return array
        array = array[..., None] if array.ndim == 2 else array
        return np.moveaxis(array, -1, 0) if self.channel_axis == 0 else array

    def _in_mode(self, image: Any) -> Any:
        """The image with the channels that the input has; with its own where that is open."""
        clear = "A" in image.getbands() or "transparency" in image.info
        if clear and self.channels != 4:
            alpha = image.convert("RGBA").getchannel("A")
            if alpha.getextrema()[0] < 255:
                raise ValueError("has transparent pixels, for which the model has no channel")
        grey = image.mode in ("1", "L", "LA")
        mode = ("L" if grey else "RGB") if self.channels is None else _MODES[self.channels]
        return image.convert(mode)

    def size(self, array: Array) -> str:
        """The size of an image that was read, for messages."""
        return " x ".join(map(str, array.shape))
