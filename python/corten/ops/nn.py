"""Layers as functions: dense, convolution, pooling, dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten.arguments import number, one_of, shown, whole, wholes
from corten.errors import ShapeError
from corten.graph import TensorLike, push, symbolic
from corten.ops.activation import relu
from corten.ops.dtypes import cast, floats, shape
from corten.ops.math import add, multiply
from corten.ops.shapes import broadcast_to, getitem

__all__ = ["average_pool2d", "conv2d", "conv2d_transpose", "dense", "dropout", "max_pool2d"]


def pair(value: int | Sequence[int], name: str) -> list[int]:
    """One int twice, or two ints; each at least 1."""
    values = wholes(value, name, 1, 2**63 - 1)
    if hasattr(value, "__index__") and len(values) == 1:
        return values * 2
    if len(values) != 2:
        raise ValueError(f"{name}: expected an int >= 1 or two of them, got {shown(value)}")
    return values


@symbolic
def dense(x: TensorLike, kernel: TensorLike, bias: TensorLike | None = None, activation: str = "linear") -> Any:
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
    inputs = [floats(value) for value in ((x, kernel) if bias is None else (x, kernel, bias))]
    return push("dense", inputs, activation=activation)[0]


@symbolic
def conv2d(
    x: TensorLike,
    kernel: TensorLike,
    bias: TensorLike | None = None,
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
    inputs = [floats(value) for value in ((x, kernel) if bias is None else (x, kernel, bias))]
    return push(
        "conv2d",
        inputs,
        strides=pair(strides, "conv2d: strides"),
        padding=one_of(padding, ("valid", "same"), "conv2d: padding"),
        dilation=pair(dilation, "conv2d: dilation"),
        groups=whole(groups, "conv2d: groups", 1),
        activation=activation,
    )[0]


@symbolic
def conv2d_transpose(
    x: TensorLike,
    kernel: TensorLike,
    bias: TensorLike | None = None,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    dilation: int | Sequence[int] = 1,
    activation: str = "linear",
) -> Any:
    """2-D transposed convolution, channels last: the gradient of :func:`conv2d` by its input.

    Each pixel of x adds to the outputs that the kernel reaches from it:
    ``y[n, p, q, f] = activation(bias[f] + sum of x[n, i, j, c] kernel[a, b, f, c] where p = i s + a d, q = j s + b d)``

    Args:
        x: (batch, height, width, channels).
        kernel: (kernel height, kernel width, filters, channels).
        bias: (filters,) or None.
        strides: s, one int or (vertical, horizontal).
        padding: ``"valid"`` ((size - 1) s + max(kernel, s) outputs) or ``"same"`` (size s outputs).
        output_padding: outputs beyond the fewest, which are (size - 1) s + kernel for ``"valid"`` and (size - 1) s +
            kernel mod 2 for ``"same"``.
        dilation: d, one int or (vertical, horizontal).
        activation: ``"linear"`` or ``"relu"``.

    Returns:
        (batch, out height, out width, filters).

    Raises:
        ShapeError: axes or channels do not fit.

    >>> import numpy as np
    >>> from corten import ops
    >>> x, kernel = np.ones((1, 1, 2, 1), np.float32), np.ones((1, 3, 1, 1), np.float32)
    >>> ops.conv2d_transpose(x, kernel, strides=(1, 2)).ravel()
    array([1., 1., 2., 1., 1.], dtype=float32)
    """
    x, kernel = floats(x), floats(kernel)
    steps, gaps = pair(strides, "conv2d_transpose: strides"), pair(dilation, "conv2d_transpose: dilation")
    if len(x.shape) != 4 or len(kernel.shape) != 4:
        raise ShapeError(
            f"conv2d_transpose: expected input and kernel of four axes, got {tuple(x.shape)}, {tuple(kernel.shape)}"
        )
    one_of(padding, ("valid", "same"), "conv2d_transpose: padding")
    one_of(activation, ("linear", "relu"), "conv2d_transpose: activation")
    extra = [] if output_padding is None else wholes(output_padding, "conv2d_transpose: output_padding", 0)
    if len(extra) > 2 or (extra and len(extra) != 2 and not hasattr(output_padding, "__index__")):
        raise ValueError(f"conv2d_transpose: output_padding: expected one int or two, got {shown(output_padding)}")
    more: list[int | None] = [extra[0], extra[-1]] if extra else [None, None]
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape, gaps)]
    axes = list(zip(x.shape[1:3], reach, steps, more))
    size = [_transposed_size(n, k, s, padding == "same", m) for n, k, s, m in axes]
    # "same" is what a convolution of an image of that size would have; of an even kernel without output padding there
    # is none, and the result is cut from all that the input reaches.
    cut = padding == "same" and any(-(-out // s) != n for out, (n, _, s, _) in zip(size, axes))
    begin = [max(0, (n - 1) * s + k - out) // 2 for out, (n, k, s, _) in zip(size, axes)]
    full = [max((n - 1) * s + k, b + out) for b, out, (n, k, s, _) in zip(begin, size, axes)]
    window = {"strides": steps, "padding": "valid" if cut else padding, "dilation": gaps, "groups": 1}
    y = push("conv2d_input_gradient", [x, kernel], size=full if cut else size, **window)[0]
    if cut:
        rows, columns = (slice(b, b + out) for b, out in zip(begin, size))
        y = getitem(y, (slice(None), rows, columns))
    y = y if bias is None else add(y, bias)
    return relu(y) if activation == "relu" else y


def _transposed_size(n: int, kernel: int, stride: int, same: bool, more: int | None) -> int:
    """The outputs along one axis: those of Keras."""
    if more is None:
        return n * stride if same else (n - 1) * stride + max(kernel, stride)
    return (n - 1) * stride + (kernel % 2 if same else kernel) + more


def _pool2d(name: str, x: Any, pool_size: Any, strides: Any, padding: str) -> Any:
    pool = pair(pool_size, f"{name}: pool_size")
    steps = pool if strides is None else pair(strides, f"{name}: strides")
    one_of(padding, ("valid", "same"), f"{name}: padding")
    return push(name, [floats(x)], pool=pool, strides=steps, padding=padding)[0]


@symbolic
def max_pool2d(
    x: TensorLike,
    pool_size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
) -> Any:
    """The largest of each window, for each channel. Of equal ones the first in row order gets the gradient.

    Args:
        x: (batch, height, width, channels).
        pool_size: of the window, one int or (vertical, horizontal).
        strides: from window to window; ``pool_size`` by default.
        padding: ``"valid"`` or ``"same"``; cells outside the image never win.

    Returns:
        (batch, out height, out width, channels).

    Raises:
        ShapeError: not four axes, or the window is larger than the image.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.max_pool2d(np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)).ravel()
    array([ 5.,  7., 13., 15.], dtype=float32)
    """
    return _pool2d("max_pool2d", x, pool_size, strides, padding)


@symbolic
def average_pool2d(
    x: TensorLike,
    pool_size: int | Sequence[int] = 2,
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
) -> Any:
    """The mean of each window, for each channel. Cells outside the image do not count.

    Args:
        x: (batch, height, width, channels).
        pool_size: of the window, one int or (vertical, horizontal).
        strides: from window to window; ``pool_size`` by default.
        padding: ``"valid"`` or ``"same"``.

    Returns:
        (batch, out height, out width, channels).

    Raises:
        ShapeError: not four axes, or the window is larger than the image.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.average_pool2d(np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)).ravel()
    array([ 2.5,  4.5, 10.5, 12.5], dtype=float32)
    """
    return _pool2d("average_pool2d", x, pool_size, strides, padding)


@symbolic
def dropout(x: TensorLike, rate: float, state: TensorLike, noise_shape: Sequence[int | None] | None = None) -> Any:
    """Zeroes each element with probability ``rate`` and divides the others by ``1 - rate`` (Srivastava et al. 2014).

    Args:
        x: any shape.
        rate: in [0, 1).
        state: int32 (seed, step); equal states give equal zeros, on any number of threads.
        noise_shape: the shape of the zeros, broadcast over ``x``; ``None`` in it stands for the size of ``x``.

    Returns:
        The shape of ``x``.

    >>> import numpy as np
    >>> from corten import ops
    >>> y = ops.dropout(np.ones(1000, np.float32), 0.5, [1, 0])
    >>> np.unique(y), bool(400 < (y == 0).sum() < 600)
    (array([0., 2.], dtype=float32), True)
    """
    rate = number(rate, "dropout: rate", 0, 1)
    x = floats(x)
    state = cast(state, "int32")
    if noise_shape is None:
        return push("dropout", [x, state], rate=rate)[0]
    if not isinstance(noise_shape, (list, tuple)) or len(noise_shape) != len(shape(x)):
        raise ValueError(f"dropout: noise_shape: expected {len(shape(x))} sizes, got {shown(noise_shape)}")
    sizes = [size if wanted is None else wanted for wanted, size in zip(noise_shape, shape(x))]
    return multiply(x, push("dropout", [broadcast_to(1.0, sizes), state], rate=rate)[0])
