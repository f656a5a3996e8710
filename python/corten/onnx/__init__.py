"""Models in ONNX files: what PyTorch, TensorFlow and others export.

:func:`load` gives a model that predicts, is trained further and looked at as any other. It runs in Corten's own engine;
the package onnx (``pip install corten[onnx]``) only reads files. A file is held to be hostile until shown otherwise,
and what Corten does not run is refused by name when it is read.
"""

from corten.onnx.model import OnnxModel, load
from corten.onnx.node_layer import NodeLayer
from corten.onnx.unsupported import UnknownValueError, UnsupportedOperatorError

__all__ = ["NodeLayer", "OnnxModel", "UnknownValueError", "UnsupportedOperatorError", "load"]
