"""Operations on tensors and on NumPy arrays.

Given tensors, an op becomes part of the model being traced; given symbolic tensors, part of a functional model; given
NumPy arrays, it runs at once and returns an array. Integers meet floats as float32.

>>> import numpy as np
>>> from corten import ops
>>> ops.matmul(np.float32([[1, 2]]), np.float32([[3], [4]]))
array([[11.]], dtype=float32)
"""

from corten.graph import Operand
from corten.ops import (
    activation,
    creation,
    image,
    linear,
    losses,
    math,
    nn,
    normalization,
    recurrent,
    reduction,
    shapes,
)
from corten.ops.activation import *  # noqa: F403
from corten.ops.attention import attention, attention_weights, dot_product_attention
from corten.ops.creation import *  # noqa: F403
from corten.ops.dtypes import cast, shape
from corten.ops.image import *  # noqa: F403
from corten.ops.linear import *  # noqa: F403
from corten.ops.losses import *  # noqa: F403
from corten.ops.math import *  # noqa: F403
from corten.ops.nn import *  # noqa: F403
from corten.ops.normalization import *  # noqa: F403
from corten.ops.recurrent import *  # noqa: F403
from corten.ops.reduction import *  # noqa: F403
from corten.ops.shapes import *  # noqa: F403
from corten.serialization import publish

__all__ = ["attention", "attention_weights", "cast", "dot_product_attention", "shape"]
__all__ += activation.__all__
__all__ += creation.__all__
__all__ += image.__all__
__all__ += linear.__all__
__all__ += losses.__all__
__all__ += math.__all__
__all__ += nn.__all__
__all__ += normalization.__all__
__all__ += recurrent.__all__
__all__ += reduction.__all__
__all__ += shapes.__all__

Operand.operators.update(
    abs=math.abs,
    add=math.add,
    divide=math.divide,
    equal=math.equal,
    floor_divide=math.floor_divide,
    getitem=shapes.getitem,
    greater=math.greater,
    greater_equal=math.greater_equal,
    less=math.less,
    less_equal=math.less_equal,
    logical_and=math.logical_and,
    logical_not=math.logical_not,
    logical_or=math.logical_or,
    logical_xor=math.logical_xor,
    matmul=linear.matmul,
    mod=math.mod,
    multiply=math.multiply,
    negative=math.negative,
    not_equal=math.not_equal,
    power=math.power,
    subtract=math.subtract,
)


publish("ops", {name: globals()[name] for name in __all__})
