"""The table of operators, which the files that have them fill."""

from corten.onnx import (  # noqa: F401
    arithmetic,
    control,
    conversions,
    convolution,
    functions,
    indexing,
    matrices,
    normalization,
    pooling,
    quantization,
    recurrent,
    reduction,
    resizing,
    shapes,
    signal,
)
from corten.onnx.operator import OPERATORS

__all__ = ["OPERATORS"]
