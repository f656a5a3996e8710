"""Layers as functions: dense, convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten.tensor import push, symbolic

__all__ = ["conv2d", "dense", "pair"]


def pair(value: int | Sequence[int], name: str) -> list[int]:
    """One int twice, or two ints; each at least 1."""
    values = [value, value] if isinstance(value, int) else list(value)
    if len(values) != 2 or not all(isinstance(v, int) and not isinstance(v, bool) and v >= 1 for v in values):
        raise ValueError(f"{name}: expected an int >= 1 or two of them, got {value!r}")
    return values


@symbolic
def dense(x: Any, kernel: Any, bias: Any = None, activation: str = "linear") -> Any:
    """The fully connected layer ``activation(x . kernel + bias)``.

    Args:
        x: (..., in).
        kernel: (in, units).
        bias: (units,) or None.
        activation: ``"linear"`` or ``"relu"``, computed in the same pass.

    Returns:
        (..., units).

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.dense(np.float32([[1, -2]]), np.float32([[1, 2], [3, 4]]), np.float32([7, 7]), activation="relu")
    array([[2., 1.]], dtype=float32)
    """
    inputs = [x, kernel] if bias is None else [x, kernel, bias]
    return push("dense", inputs, activation=activation)[0]


@symbolic
def conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    activation: str = "linear",
) -> Any:
    """2-D convolution (cross-correlation), channels last.

    ``y[n, i, j, f] = activation(bias[f] + sum over (a, b, c) of x[n, i s + a d, j s + b d, c] kernel[a, b, c, f])``

    Args:
        x: (batch, height, width, channels).
        kernel: (kernel height, kernel width, channels / groups, filters).
        bias: (filters,) or None.
        strides: s, one int or (vertical, horizontal).
        padding: ``"valid"`` or ``"same"`` (ceil(size / stride) outputs; an odd zero goes after, TensorFlow's rule).
        dilation: d, one int or (vertical, horizontal).
        groups: channels and filters are split into this many groups that do not mix.
        activation: ``"linear"`` or ``"relu"``, computed in the same pass.

    Returns:
        (batch, out height, out width, filters).

    Raises:
        ShapeError: axes, channels or groups do not fit, or the kernel is larger than the padded input.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.conv2d(np.ones((1, 3, 3, 1), np.float32), np.ones((3, 3, 1, 1), np.float32)).ravel()
    array([9.], dtype=float32)
    """
    inputs = [x, kernel] if bias is None else [x, kernel, bias]
    return push(
        "conv2d",
        inputs,
        strides=pair(strides, "strides"),
        padding=padding,
        dilation=pair(dilation, "dilation"),
        groups=groups,
        activation=activation,
    )[0]
