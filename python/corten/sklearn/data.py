"""Data as estimators take them: validated by scikit-learn, float32 for Corten."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array

from corten.graph import Array

__all__ = ["merged", "result_dtype", "validated", "validated_weights"]


def validated(estimator: Any, X: Any, y: Any = "no_validation", **options: Any) -> Any:
    """``X``, or ``(X, y)``, as arrays; what is learnt of features is noted on the estimator, or checked against it."""
    try:
        from sklearn.utils.validation import validate_data
    except ImportError:  # before scikit-learn 1.6
        return estimator._validate_data(X, y, **options)
    return validate_data(estimator, X, y, **options)


def validated_weights(sample_weight: Any, rows: int) -> Array:
    """A weight for each of the rows, as float64.

    Raises:
        ValueError: another shape, a negative weight, or only zeros.
    """
    weights: Array = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.shape != (rows,):
        raise ValueError(f"sample_weight: expected shape {(rows,)}, a weight for each sample, got {weights.shape}")
    if (weights < 0).any():
        raise ValueError(f"sample_weight: expected no negative weight, got {weights.min()}")
    if not weights.any():
        raise ValueError("sample_weight: expected a weight that is not zero, got only zeros")
    return weights


def result_dtype(X: Any) -> type[np.floating[Any]]:
    """The dtype of what is predicted from ``X``: scikit-learn's rule."""
    return np.float32 if getattr(X, "dtype", None) == np.float32 else np.float64


def merged(x: Array, y: Array, weights: Array | None) -> tuple[Array, Array, Array]:
    """Equal rows as one, with the sum of their weights, in an order that depends on what they hold alone.

    >>> x, y = np.float32([[2], [1], [2]]), np.int32([0, 1, 0])
    >>> [array.ravel().tolist() for array in merged(x, y, None)]
    [[2.0, 1.0], [0, 1], [2.0, 1.0]]
    """
    weights = np.ones(len(x)) if weights is None else weights
    bytes_of = [np.ascontiguousarray(part).reshape(len(x), -1).view(np.uint8) for part in (x, y)]
    rows = np.concatenate(bytes_of, axis=1)
    keys = rows.view(np.dtype((np.void, rows.shape[1]))).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return x[first], y[first], np.bincount(inverse.reshape(-1), weights)
