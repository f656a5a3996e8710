"""Operations on tensors and on NumPy arrays.

Given tensors, an op becomes part of the model being traced; given symbolic tensors, part of a functional model; given
NumPy arrays, it runs at once and returns an array. Integers meet floats as float32.

>>> import numpy as np
>>> from corten import ops
>>> ops.matmul(np.float32([[1, 2]]), np.float32([[3], [4]]))
array([[11.]], dtype=float32)
"""

from corten.ops.nn import conv2d, dense
from corten.ops.linear import matmul
from corten.tensor import Operand

__all__ = ["conv2d", "dense", "matmul"]

Operand.operators.update(matmul=matmul)
