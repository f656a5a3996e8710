"""Whether two runs gave the same."""

from __future__ import annotations

import numpy as np

from corten.cli.failure import FileError, show
from corten.cli.runs import Run
from corten.graph import Array

__all__ = ["compare"]


def compare(first: Run, second: Run, tolerance: float) -> bool:
    """Prints the largest difference of each output, and returns whether all are within the tolerance.

    Outputs are compared by name where the names are the same, else in order.

    Raises:
        FileError: they are not as many.
    """
    if len(first.outputs) != len(second.outputs):
        raise FileError(
            f"{second.path}: expected {len(first.outputs)} outputs, {', '.join(first.outputs)}, "
            f"got {len(second.outputs)}: {', '.join(second.outputs)}"
        )
    by_name = set(first.outputs) == set(second.outputs)
    same = True
    for (name, expected), (other, in_order) in zip(first.outputs.items(), second.outputs.items(), strict=True):
        got = second.outputs[name] if by_name else in_order
        label = name if by_name else f"{name}, {other}"
        if expected.shape != got.shape:
            show(f"{label}: expected shape {expected.shape}, got {got.shape}")
            same = False
            continue
        difference, scale = _largest_difference(expected, got)
        within = difference <= tolerance * scale
        same = same and within
        sign = "<=" if within else ">"
        show(f"{label}: largest difference {difference:.3g} {sign} {tolerance:g} x {scale:.3g}")
    return same


def _largest_difference(first: Array, second: Array) -> tuple[float, float]:
    """The largest difference of two arrays, and the largest number in them; NaN is NaN, infinity the same infinity."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        differences = np.where(equal, 0.0, np.abs(a - b))
    differences[np.isnan(differences)] = np.inf
    sizes = np.concatenate([np.abs(a).ravel(), np.abs(b).ravel()])
    sizes = sizes[np.isfinite(sizes)]
    scale = float(sizes.max()) if sizes.size and sizes.max() > 0 else 1.0
    return float(differences.max(initial=0.0)), scale
