"""Which targets a loss has a meaning for: beyond them it falls without end, or takes them for others."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from corten.graph import Array
from corten.losses.by_shape import CrossentropyByShape, kind_of_targets
from corten.losses.crossentropy import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
)
from corten.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from corten.losses.loss import Loss, LossFunctionWrapper
from corten.losses.regression import KLDivergence, Poisson, kl_divergence, poisson

__all__ = ["expect_targets", "range_of_targets"]

Range = tuple[float, float]

_SHARES, _NOT_NEGATIVE, _SIGNS = (0.0, 1.0), (0.0, math.inf), (-1.0, 1.0)
_RANGES: list[tuple[Any, Any, Range]] = [
    (BinaryCrossentropy, binary_crossentropy, _SHARES),
    (BinaryFocalCrossentropy, binary_focal_crossentropy, _SHARES),
    (CategoricalCrossentropy, categorical_crossentropy, _NOT_NEGATIVE),
    (CategoricalFocalCrossentropy, categorical_focal_crossentropy, _NOT_NEGATIVE),
    (KLDivergence, kl_divergence, _SHARES),
    (Poisson, poisson, _NOT_NEGATIVE),
    (Hinge, hinge, _SIGNS),
    (SquaredHinge, squared_hinge, _SIGNS),
    (CategoricalHinge, categorical_hinge, _SHARES),
]
#: What arithmetic may have added to a share.
_TOLERANCE = 1e-3


def range_of_targets(loss: Loss, y_true: tuple[int, ...], y_pred: tuple[int, ...]) -> Range | None:
    """From where to where the targets of a loss go, None where any number may be one.

    Args:
        loss: one of Corten's own; of subclasses nothing is known.
        y_true, y_pred: the shapes.

    >>> from corten import losses
    >>> from corten.losses.targets import range_of_targets
    >>> range_of_targets(losses.BinaryCrossentropy(), (32, 1), (32, 1))
    (0.0, 1.0)
    """
    if type(loss) is CrossentropyByShape:
        return {"binary": _SHARES, "categorical": _NOT_NEGATIVE}.get(kind_of_targets(y_true, y_pred))
    function = loss.fn if type(loss) is LossFunctionWrapper else None
    return next((known for kind, own, known in _RANGES if type(loss) is kind or function is own), None)


def expect_targets(name: str, targets: Array, expected: Range, weights: Array | None = None) -> None:
    """Refuses targets outside the range; NaN, and samples whose weights are 0, may be anything.

    Raises:
        ValueError: it names the first of them, and where it is.
    """
    low, high = expected[0] - _TOLERANCE, expected[1] + _TOLERANCE
    if targets.size == 0 or (targets.min() >= low and targets.max() <= high):
        return
    wrong = (targets < low) | (targets > high)
    if weights is not None:
        weights = weights.reshape((*weights.shape, *([1] * (wrong.ndim - weights.ndim))))
        wrong &= weights != 0 if weights.ndim == wrong.ndim else False
    if wrong.any():
        at = tuple(int(index) for index in np.argwhere(wrong)[0])
        span = f"from {expected[0]:g} to {expected[1]:g}" if expected[1] < math.inf else f"of at least {expected[0]:g}"
        others = ", ".join(f"{value:g}" for value in np.unique(targets[wrong])[:5])
        raise ValueError(
            f"y: {name} expects targets {span}, got {targets[at]:g} at {list(at)}; outside are {wrong.sum()} of "
            f"{targets.size} targets: {others}"
        )
