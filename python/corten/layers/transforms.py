"""Transforms (batch, 8) as :func:`corten.ops.image.affine_transform` takes them: where each image's pixels come from.

``shape`` is that of the images, (batch, height, width, channels).
"""

from __future__ import annotations

from typing import Any

from corten import ops

__all__ = ["matrices", "perspective", "rotation", "shear", "translation", "zoom"]


def matrices(count: int, *entries: Any) -> Any:
    """``count`` transforms (count, 8), from eight entries, each a number or (count,); those that lack are 0."""
    entries = (*entries, *[0.0] * (8 - len(entries)))
    columns = [ops.full((count,), entry) if isinstance(entry, (int, float)) else entry for entry in entries]
    return ops.stack(columns, axis=1)


def rotation(angle: Any, shape: tuple[int, ...]) -> Any:
    """Turns about the middle by angles (batch,) in radians, counter-clockwise."""
    count, height, width, _ = shape
    x, y = (width - 1) / 2, (height - 1) / 2
    cos, sin = ops.cos(angle), ops.sin(angle)
    return matrices(count, cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)


def translation(down: Any, right: Any, shape: tuple[int, ...]) -> Any:
    """Moves by pixels (batch,)."""
    return matrices(shape[0], 1.0, 0.0, -right, 0.0, 1.0, -down)


def zoom(vertical: Any, horizontal: Any, shape: tuple[int, ...]) -> Any:
    """Shows so many times the height and width, about the middle."""
    count, height, width, _ = shape
    x, y = (width - 1) / 2 * (1.0 - horizontal), (height - 1) / 2 * (1.0 - vertical)
    return matrices(count, horizontal, 0.0, x, 0.0, vertical, y)


def shear(horizontal: Any, vertical: Any, shape: tuple[int, ...]) -> Any:
    """Moves each row to the left by its number times ``horizontal``, columns up by theirs times ``vertical``."""
    return matrices(shape[0], 1.0, horizontal, 0.0, vertical, 1.0, 0.0)


def perspective(corners: Any, shape: tuple[int, ...]) -> Any:
    """Shows the image within four corners: the upper left one stays, the others go to parts (batch, 4) of the size.

    The parts are the column of the upper right corner, the row of the lower left one, column and row of the lower right
    one. The map of this quadrilateral to the rectangle has a closed form, as two of its sides lie on the axes.
    """
    count, height, width, _ = shape
    right, low, x, y = ops.unstack(corners, axis=1)
    c0, c1 = (y / low - 1.0) / x, (x / right - 1.0) / y
    across, down = max(width - 1, 1), max(height - 1, 1)
    return matrices(count, c0 + 1.0 / right, 0.0, 0.0, 0.0, c1 + 1.0 / low, 0.0, c0 / across, c1 / down)
