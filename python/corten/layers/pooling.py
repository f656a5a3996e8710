"""What pooling in one and in two directions shares. Sequences are pooled as images of one row."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.arguments import DataFormat, Padding, Sizes, channels_last, expect_axes, padding_name, sizes
from corten.layers.layer import Layer

__all__ = ["GlobalPooling", "Pooling"]


class Pooling(Layer):
    """Windows: their size, strides, padding."""

    _stateless = True

    rank: int

    def __init__(
        self,
        pool_size: Sizes,
        strides: Sizes | None = None,
        padding: Padding = "valid",
        data_format: DataFormat = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        where = type(self).__name__
        self.pool_size = sizes(pool_size, f"{where}: pool_size", self.rank)
        self.strides = self.pool_size if strides is None else sizes(strides, f"{where}: strides", self.rank)
        self.padding = padding_name(padding, where)
        self.data_format = channels_last(data_format, where)

    def _pool(self, op: Any, inputs: Any) -> Any:
        expect_axes(self, inputs, self.rank + 2)
        if self.rank == 2:
            return op(inputs, self.pool_size, self.strides, self.padding)
        images = op(ops.expand_dims(inputs, 1), (1, *self.pool_size), (1, *self.strides), self.padding)
        return ops.squeeze(images, 1)


class GlobalPooling(Layer):
    """All places of the input as one."""

    _stateless = True

    rank: int

    def __init__(self, data_format: DataFormat = None, keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = channels_last(data_format, type(self).__name__)
        self.keepdims = bool(keepdims)
