"""Products of matrices."""

from __future__ import annotations

from typing import Any

from corten.tensor import push, symbolic

__all__ = ["matmul"]


@symbolic
def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """The product of matrices, or of stacks of them: ``c[..., i, j] = sum_k a[..., i, k] b[..., k, j]``.

    Args:
        a: (..., m, k), or (..., k, m) where ``transpose_a``.
        b: (..., k, n), or (..., n, k) where ``transpose_b``. Leading axes equal those of ``a``, or one
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
    return push("matmul", [a, b], transpose_a=transpose_a, transpose_b=transpose_b)[0]
