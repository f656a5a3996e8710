"""Layers that only move elements: other shapes, orders, margins."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from corten import ops
from corten.errors import ShapeError
from corten.graph import Tensor, current_graph
from corten.layers.arguments import DataFormat, Sizes, channels_last, count, expect_axes, margins, pair
from corten.layers.layer import Layer

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Flatten",
    "Identity",
    "Permute",
    "RepeatVector",
    "Reshape",
    "ZeroPadding1D",
    "ZeroPadding2D",
]


class Flatten(Layer):
    """Each sample as one row: (batch, ...) becomes (batch, size).

    >>> import numpy as np, corten
    >>> corten.layers.Flatten()(np.ones((2, 3, 4), np.float32)).shape
    (2, 12)
    """

    _stateless = True

    def __init__(self, data_format: DataFormat = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, "Flatten")

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 1, least=True)
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))


class Reshape(Layer):
    """Each sample in another shape.

    Args:
        target_shape: without the batch; one size may be -1, and is inferred.

    >>> import numpy as np, corten
    >>> corten.layers.Reshape((2, -1))(np.ones((5, 6), np.float32)).shape
    (5, 2, 3)
    """

    _stateless = True

    def __init__(self, target_shape: int | Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sizes = [target_shape] if isinstance(target_shape, (int, np.integer)) else target_shape
        self.target_shape = tuple(operator.index(size) for size in sizes)
        if self.target_shape.count(-1) > 1 or min(self.target_shape, default=0) < -1:
            raise ValueError(f"Reshape: target_shape: expected sizes >= 0 and at most one -1, got {target_shape!r}")

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 1, least=True)
        # Inferred from one sample, so that an empty batch has a shape too.
        size, known = math.prod(inputs.shape[1:]), math.prod(n for n in self.target_shape if n != -1)
        inferred = size // known if known and size % known == 0 else -1
        graph = current_graph()
        if graph is not None and graph.open and (inferred == -1 if -1 in self.target_shape else size != known):
            # Sizes that are not known will fit when data come, or raise then.
            return graph.input([inputs.shape[0], *(size if n == -1 else n for n in self.target_shape)], inputs.dtype)
        return ops.reshape(inputs, (inputs.shape[0], *(inferred if n == -1 else n for n in self.target_shape)))


class Permute(Layer):
    """The axes of each sample in another order.

    Args:
        dims: the axes, counted from 1, in their new order.

    >>> import numpy as np, corten
    >>> corten.layers.Permute((2, 1))(np.ones((5, 6, 7), np.float32)).shape
    (5, 7, 6)
    """

    _stateless = True

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(operator.index(axis) for axis in dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(f"Permute: dims: expected each axis from 1 to {len(self.dims)} once, got {dims!r}")

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, len(self.dims) + 1)
        return ops.transpose(inputs, (0, *self.dims))


class RepeatVector(Layer):
    """Each sample ``n`` times: (batch, size) becomes (batch, n, size).

    >>> import numpy as np, corten
    >>> corten.layers.RepeatVector(3)(np.ones((5, 6), np.float32)).shape
    (5, 3, 6)
    """

    _stateless = True

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = count(n, "RepeatVector: n")

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 2)
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)


class ZeroPadding1D(Layer):
    """Zeros before and after sequences.

    Args:
        padding: one int, or (before, after).
        data_format: ``"channels_last"`` only.

    >>> import numpy as np, corten
    >>> corten.layers.ZeroPadding1D((1, 2))(np.ones((5, 6, 1), np.float32)).shape
    (5, 9, 1)
    """

    _stateless = True

    def __init__(self, padding: Sizes = 1, data_format: DataFormat = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = pair(padding, "ZeroPadding1D: padding", 0)
        self.data_format = channels_last(data_format, "ZeroPadding1D")

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 3)
        return ops.pad(inputs, ((0, 0), self.padding, (0, 0)))


class ZeroPadding2D(Layer):
    """Zeros around images.

    Args:
        padding: one int, (vertical, horizontal), or ((top, bottom), (left, right)).
        data_format: ``"channels_last"`` only.

    >>> import numpy as np, corten
    >>> corten.layers.ZeroPadding2D(((1, 0), (2, 3)))(np.ones((5, 6, 7, 1), np.float32)).shape
    (5, 7, 12, 1)
    """

    _stateless = True

    def __init__(
        self, padding: Sizes | Sequence[Sizes] = (1, 1), data_format: DataFormat = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.padding = margins(padding, "ZeroPadding2D: padding")
        self.data_format = channels_last(data_format, "ZeroPadding2D")

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 4)
        return ops.pad(inputs, ((0, 0), *self.padding, (0, 0)))


class Cropping1D(Layer):
    """Sequences without their ends.

    Args:
        cropping: one int, or (before, after).

    >>> import numpy as np, corten
    >>> corten.layers.Cropping1D((1, 2))(np.ones((5, 6, 1), np.float32)).shape
    (5, 3, 1)
    """

    _stateless = True

    def __init__(self, cropping: Sizes = (1, 1), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = pair(cropping, "Cropping1D: cropping", 0)

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 3)
        before, after = self.cropping
        steps = inputs.shape[1]
        if before + after >= steps:
            raise ShapeError(
                f'Cropping1D "{self.name}": cropping {self.cropping} leaves nothing of an input of shape {inputs.shape}'
            )
        return inputs[:, before : steps - after]


class Cropping2D(Layer):
    """Images without their margins.

    Args:
        cropping: one int, (vertical, horizontal), or ((top, bottom), (left, right)).
        data_format: ``"channels_last"`` only.

    >>> import numpy as np, corten
    >>> corten.layers.Cropping2D(((1, 0), (2, 3)))(np.ones((5, 6, 7, 1), np.float32)).shape
    (5, 5, 2, 1)
    """

    _stateless = True

    def __init__(
        self, cropping: Sizes | Sequence[Sizes] = ((0, 0), (0, 0)), data_format: DataFormat = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.cropping = margins(cropping, "Cropping2D: cropping")
        self.data_format = channels_last(data_format, "Cropping2D")

    def call(self, inputs: Tensor) -> Any:
        expect_axes(self, inputs, 4)
        (top, bottom), (left, right) = self.cropping
        height, width = inputs.shape[1:3]
        if top + bottom >= height or left + right >= width:
            raise ShapeError(
                f'Cropping2D "{self.name}": cropping {self.cropping} leaves nothing of an input of shape {inputs.shape}'
            )
        return inputs[:, top : height - bottom, left : width - right]


class Identity(Layer):
    """The input itself.

    >>> import numpy as np, corten
    >>> corten.layers.Identity()(np.float32([1, 2]))
    array([1., 2.], dtype=float32)
    """

    _stateless = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor) -> Any:
        return inputs
