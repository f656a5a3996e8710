"""Products of matrices."""

from __future__ import annotations

from typing import Any

from corten.tensor import push, symbolic

__all__ = ["matmul"]


@symbolic
def matmul(x1: Any, x2: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """The product of matrices, or of stacks of them: ``y[..., i, j] = sum_k x1[..., i, k] x2[..., k, j]``.

    Args:
        x1: (..., m, k), or (..., k, m) where ``transpose_a``.
        x2: (..., k, n), or (..., n, k) where ``transpose_b``. Leading axes equal those of ``x1``, or one
            operand has none.

    Returns:
        (..., m, n).

    Raises:
        ShapeError: inner sizes or leading axes differ.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.matmul(np.float32([[1, 2], [3, 4]]), np.float32([[1, 0], [0, 2]]))
    array([[1., 4.],
           [3., 8.]], dtype=float32)
    """
    return push("matmul", [x1, x2], transpose_a=transpose_a, transpose_b=transpose_b)[0]
