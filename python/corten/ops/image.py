"""Images in other sizes and from elsewhere, and their parts.

``ops.image.resize``, ``ops.image.affine_transform`` and ``ops.image.extract_patches`` are Keras's; none has a name in
``ops`` itself.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corten.arguments import number, one_of
from corten.errors import ShapeError
from corten.graph import TensorLike, push, symbolic
from corten.ops.dtypes import floats
from corten.ops.linear import matmul
from corten.ops.nn import pair
from corten.ops.shapes import (
    broadcast_to,
    concatenate,
    expand_dims,
    getitem,
    moveaxis,
    pad,
    reshape,
    squeeze,
    swapaxes,
    take,
)

__all__ = ["upsample2d"]


def _linear(t: float) -> float:
    return max(0.0, 1 - t)


def _cubic(t: float) -> float:
    """Keys's (1981), with a = -1/2."""
    if t >= 2:
        return 0.0
    return ((1.5 * t - 2.5) * t) * t + 1 if t < 1 else ((-0.5 * t + 2.5) * t - 4) * t + 2


def _lanczos(t: float, radius: int) -> float:
    if t >= radius:
        return 0.0
    x = math.pi * t
    return radius * math.sin(x) * math.sin(x / radius) / (x * x) if t > 1e-3 else 1.0


#: How much an input pixel counts at a distance, by the name of the interpolation.
INTERPOLATIONS: dict[str, Callable[[float], float] | None] = {
    "nearest": None,
    "bilinear": _linear,
    "bicubic": _cubic,
    "lanczos3": functools.partial(_lanczos, radius=3),
    "lanczos5": functools.partial(_lanczos, radius=5),
}

#: Products with fewer columns than this cost more than moving the channels out of the way and back.
NARROW = 16


@functools.lru_cache(maxsize=64)
def _interpolation(size: int, wanted: int, name: str, antialias: bool = False) -> NDArray[np.float32]:
    """The matrix (wanted, size) that interpolates along one axis; pixels are measured at their centres."""
    weight = INTERPOLATIONS[name]
    assert weight is not None
    matrix: NDArray[np.float64] = np.zeros((wanted, size))
    factor = wanted / size
    # Where pixels become fewer, each may look as far as it is wide.
    width = max(1.0, 1 / factor) if antialias else 1.0
    reach = math.ceil(5 * width)
    for row in range(wanted):
        centre = (row + 0.5) / factor - 0.5
        for column in range(max(0, math.floor(centre) - reach), min(size, math.ceil(centre) + reach + 1)):
            matrix[row, column] = weight(abs(centre - column) / width)
    matrix /= matrix.sum(axis=1, keepdims=True)
    return matrix.astype(np.float32)


@symbolic
def upsample2d(x: TensorLike, size: int | Sequence[int] = 2, interpolation: str = "nearest") -> Any:
    """Images ``size`` times as large.

    Args:
        x: (batch, height, width, channels).
        size: one int or (vertical, horizontal).
        interpolation: ``"nearest"`` repeats pixels; ``"bilinear"``, ``"bicubic"`` (Keys 1981), ``"lanczos3"`` and
            ``"lanczos5"`` weigh those nearby by their distance, along one axis after the other.

    Returns:
        (batch, height * size, width * size, channels).

    Raises:
        ShapeError: not four axes.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.upsample2d(np.float32([[[[1], [2]]]]), (1, 2)).ravel()
    array([1., 1., 2., 2.], dtype=float32)
    """
    x = floats(x)
    down, across = pair(size, "upsample2d: size")
    one_of(interpolation, INTERPOLATIONS, "upsample2d: interpolation")
    if len(x.shape) != 4:
        raise ShapeError(f"upsample2d: expected four axes (batch, height, width, channels), got {tuple(x.shape)}")
    n, height, width, channels = x.shape
    if interpolation == "nearest":
        cells = reshape(x, (n, height, 1, width, 1, channels))
        wide = broadcast_to(cells, (n, height, down, width, across, channels))
        return reshape(wide, (n, height * down, width * across, channels))
    if down > 1:
        rows = reshape(x, (n, height, width * channels))
        x = matmul(_interpolation(height, height * down, interpolation), rows)
    if across > 1:
        columns, weights = (
            reshape(x, (n * height * down, width, channels)),
            _interpolation(width, width * across, interpolation),
        )
        if channels < NARROW:
            x = swapaxes(matmul(swapaxes(columns, 1, 2), weights, transpose_b=True), 1, 2)
        else:
            x = matmul(weights, columns)
    return reshape(x, (n, height * down, width * across, channels))


def _last_channels(data_format: str | None, what: str) -> None:
    if data_format not in (None, "channels_last"):
        raise ValueError(f"{what}: data_format: expected 'channels_last', got {data_format!r}")


@symbolic
def resize(
    images: TensorLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Images of another height and width.

    Args:
        images: (batch, height, width, channels), or one image without the batch.
        size: (height, width) wanted.
        interpolation: as in :func:`upsample2d`.
        antialias: whether to look farther for a pixel where images become smaller.
        crop_to_aspect_ratio: whether to resize only the largest part in the middle that has the shape of ``size``,
            so that nothing is distorted.
        pad_to_aspect_ratio: whether to add a border of ``fill_value`` first, to the same end.
        fill_mode: ``"constant"``.
        fill_value: of the border.
        data_format: ``"channels_last"``.

    Raises:
        ShapeError: not three or four axes.
        ValueError: both to be cropped and padded.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.image.resize(np.float32([[[0], [1]]]), (1, 4)).ravel()
    array([0.  , 0.25, 0.75, 1.  ], dtype=float32)
    """
    _last_channels(data_format, "resize")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError("resize: crop_to_aspect_ratio, pad_to_aspect_ratio: only one of them can be True")
    one_of(interpolation, INTERPOLATIONS, "resize: interpolation")
    one_of(fill_mode, ("constant",), "resize: fill_mode")
    fill_value = number(fill_value, "resize: fill_value")
    x = floats(images)
    if len(x.shape) not in (3, 4):
        raise ShapeError(f"resize: expected (batch, height, width, channels) or one image, got {tuple(x.shape)}")
    down, across = pair(size, "resize: size")
    height, width = x.shape[-3:-1]
    # The height that goes with the whole width, and the other way round.
    like = width * down // across, height * across // down
    if crop_to_aspect_ratio:
        part = max(min(height, like[0]), 1), max(min(width, like[1]), 1)
        x = middle(x, part)
    elif pad_to_aspect_ratio:
        borders = [(max(0, (wanted - extent) // 2),) * 2 for wanted, extent in zip(like, (height, width))]
        x = pad(x, [*[(0, 0)] * (len(x.shape) - 3), *borders, (0, 0)], constant_values=fill_value)
    for axis, wanted in ((-3, down), (-2, across)):
        extent = x.shape[axis]
        if wanted == extent:
            continue
        if interpolation == "nearest":
            centres = (np.arange(wanted) + 0.5) * (extent / wanted)
            x = take(x, np.floor(centres).astype(np.int32), axis)
        else:
            last = moveaxis(x, axis, -1)
            x = moveaxis(matmul(last, _interpolation(extent, wanted, interpolation, antialias).T), -1, axis)
    return x


def middle(x: Any, size: Sequence[int]) -> Any:
    """The part of ``size`` (height, width) in the middle of images that are at least as large."""
    first = [(extent - wanted) // 2 for extent, wanted in zip(x.shape[-3:-1], size)]
    return getitem(x, (..., *(slice(i, i + wanted) for i, wanted in zip(first, size)), slice(None)))


#: What is seen beyond an image's border.
FILL_MODES = ("constant", "nearest", "reflect", "mirror", "wrap")


@symbolic
def affine_transform(
    images: TensorLike,
    transform: TensorLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Images turned, moved, scaled, sheared or seen in perspective: each pixel shows another place of its image.

    With ``transform`` = (a0, a1, a2, b0, b1, b2, c0, c1) the new image shows at column x and row y what was at column
    ``(a0 x + a1 y + a2) / k`` and row ``(b0 x + b1 y + b2) / k``, where ``k = c0 x + c1 y + 1``.

    Args:
        images: (batch, height, width, channels), or one image without the batch.
        transform: (batch, 8), or (8,): the same for all. No gradient is taken by it.
        interpolation: ``"bilinear"``: between the four pixels around; or ``"nearest"``.
        fill_mode: what is seen beyond the border: ``"constant"`` (``fill_value``), ``"nearest"``
            (a a a a | a b c d | d d d d), ``"reflect"`` (d c b a | a b c d | d c b a), ``"mirror"``
            (d c b | a b c d | c b a) or ``"wrap"`` (a b c d | a b c d | a b c d).
        fill_value: for ``"constant"``.
        data_format: ``"channels_last"``.

    Returns:
        Images of the same shape.

    Raises:
        ShapeError: not three or four axes, or another number of transforms.

    >>> import numpy as np
    >>> from corten import ops
    >>> image = np.float32([[[1], [2], [3]]])
    >>> ops.image.affine_transform(image, [1, 0, -1, 0, 1, 0, 0, 0]).ravel()  # to the right by a pixel
    array([0., 1., 2.], dtype=float32)
    """
    _last_channels(data_format, "affine_transform")
    x = floats(images)
    if len(x.shape) not in (3, 4):
        raise ShapeError(
            f"affine_transform: expected (batch, height, width, channels) or one image, got {tuple(x.shape)}"
        )
    return warp(x, transform, x.shape[-3:-1], interpolation, fill_mode, fill_value)


def warp(
    x: Any,
    transform: TensorLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Any:
    """:func:`affine_transform` of float32 images to others of ``size`` (height, width)."""
    one_of(interpolation, ("bilinear", "nearest"), "affine_transform: interpolation")
    one_of(fill_mode, FILL_MODES, "affine_transform: fill_mode")
    value = number(fill_value, "affine_transform: fill_value")
    if len(x.shape) == 3:
        return squeeze(warp(expand_dims(x, 0), transform, size, interpolation, fill_mode, fill_value), 0)
    matrix = floats(transform)
    if tuple(matrix.shape) not in ((8,), (1, 8), (x.shape[0], 8)):
        raise ShapeError(f"affine_transform: transform: expected ({x.shape[0]}, 8) or (8,), got {tuple(matrix.shape)}")
    matrix = broadcast_to(matrix, (x.shape[0], 8))
    return push("warp", [x, matrix], size=list(size), interpolation=interpolation, fill=fill_mode, value=value)[0]


@symbolic
def extract_patches(
    images: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """The windows of images, the pixels of each one after the other.

    Args:
        images: (batch, height, width, channels), or one image without the batch.
        size: of a window, one int or (vertical, horizontal).
        strides: from window to window; ``size`` by default.
        dilation_rate: the distance of pixels within a window.
        padding: ``"valid"``, or ``"same"``: with zeros around the image.
        data_format: ``"channels_last"``.

    Returns:
        (batch, windows down, windows across, height of a window * width * channels).

    Raises:
        ShapeError: not three or four axes, or a window is larger than the image.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.image.extract_patches(np.arange(16).reshape(1, 4, 4, 1), 2)[0, 0]
    array([[0., 1., 4., 5.],
           [2., 3., 6., 7.]], dtype=float32)
    """
    _last_channels(data_format, "extract_patches")
    one_of(padding, ("valid", "same"), "extract_patches: padding")
    x = floats(images)
    if len(x.shape) not in (3, 4):
        raise ShapeError(
            f"extract_patches: expected (batch, height, width, channels) or one image, got {tuple(x.shape)}"
        )
    if len(x.shape) == 3:
        return squeeze(extract_patches(expand_dims(x, 0), size, strides, dilation_rate, padding), 0)
    window, gaps = pair(size, "extract_patches: size"), pair(dilation_rate, "extract_patches: dilation_rate")
    steps = window if strides is None else pair(strides, "extract_patches: strides")
    reach = [(k - 1) * d + 1 for k, d in zip(window, gaps)]
    if padding == "same":
        more = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(x.shape[1:3], reach, steps)]
        x = pad(x, [(0, 0), *((m // 2, m - m // 2) for m in more), (0, 0)])
    counts = [(n - k) // s + 1 for n, k, s in zip(x.shape[1:3], reach, steps)]
    if min(counts) < 1:
        raise ShapeError(f"extract_patches: windows of {reach} pixels do not fit into images of {tuple(x.shape[1:3])}")
    rows, columns = (
        [slice(i * d, i * d + (count - 1) * s + 1, s) for i in range(k)]
        for k, d, s, count in zip(window, gaps, steps, counts)
    )
    return concatenate([getitem(x, (slice(None), row, column)) for row in rows for column in columns], axis=-1)
