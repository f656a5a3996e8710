"""The explanation: arrays that say what mattered, and a picture of them."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from corten.graph import Array

__all__ = ["Explanation", "figure"]


def figure(rows: int, columns: int, width: float = 1.6, height: float = 1.7) -> Any:
    """An empty figure for a grid of small pictures, which a notebook shows as the picture it is.

    Raises:
        ImportError: matplotlib is not there.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("plot() needs matplotlib: pip install 'corten[plot]'") from None

    class Picture(Figure):
        # A notebook knows how to show figures only once pyplot has made one; nothing here goes through pyplot.
        def _repr_png_(self) -> bytes:
            self.savefig(png := io.BytesIO(), format="png", dpi=100)
            return png.getvalue()

    return Picture(figsize=(max(3.0, width * columns), height * rows), layout="constrained")


@dataclass
class Explanation:
    """What a score depends on.

    Attributes:
        method: what found it.
        values: how much each element mattered: in the shape of the input, or of the layer's output; for Grad-CAM and
            occlusion (n, height, width).
        inputs: what was explained.
        targets: the class of each input whose score is explained, None where a function gave the score.
        scores: the score of each input (n,).
        residual: for integrated gradients, what is missing: the score minus that of the baseline minus the sum of the
            values (n,).
    """

    method: str
    values: Array
    inputs: Any
    targets: Array | None
    scores: Array
    residual: Array | None = None

    @property
    def heat(self) -> Array:
        """How much each place mattered: the absolute values, summed over the last axis where there are channels."""
        by_place = isinstance(self.inputs, np.ndarray) and self.values.ndim == self.inputs.ndim - 1
        strength = np.abs(self.values)
        return strength if by_place or self.values.ndim < 3 else strength.sum(axis=-1)

    def plot(self, count: int = 8, path: str | os.PathLike[str] | None = None) -> Any:
        """A matplotlib figure: the first ``count`` inputs, and below each what mattered; saved, if there is a path.

        Raises:
            ImportError: matplotlib is not there: ``pip install 'corten[plot]'``.
        """
        heat = self.heat[:count]
        images = isinstance(self.inputs, np.ndarray) and self.inputs.ndim == 4 and heat.ndim == 3
        picture = figure(2 if images else 1, len(heat))
        grid = picture.subplots(2 if images else 1, len(heat), squeeze=False)
        for index, strength in enumerate(heat):
            title = f"{self.scores[index]:.2f}" if self.targets is None else f"{self.targets[index]}"
            grid[0, index].set_title(f"{title}: {self.scores[index]:.2f}" if self.targets is not None else title)
            if images:
                image = self.inputs[index].astype(np.float64)
                low, high = image.min(), image.max()
                grid[0, index].imshow(((image - low) / max(high - low, 1e-12)).squeeze(), cmap="gray_r")
            grid[-1, index].imshow(np.atleast_2d(strength), cmap="inferno", aspect="equal" if images else "auto")
        for axes in grid.flat:
            axes.set(xticks=[], yticks=[])
        picture.suptitle(self.method)
        if path is not None:
            picture.savefig(path, dpi=100)
        return picture
