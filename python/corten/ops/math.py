"""Arithmetic, comparisons and elementary functions, element by element, in float32.

Operands of two shapes are broadcast as in NumPy: aligned at their last axes, sizes of 1 stretched. Integers and Python
numbers count as float32. Comparisons give 1.0 and 0.0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.graph import TensorLike, push, symbolic
from corten.ops.dtypes import floats

__all__ = [
    "abs",
    "absolute",
    "add",
    "ceil",
    "clip",
    "cos",
    "divide",
    "divide_no_nan",
    "equal",
    "erf",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "identity",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "not_equal",
    "power",
    "reciprocal",
    "round",
    "rsqrt",
    "sign",
    "sin",
    "sqrt",
    "square",
    "stop_gradient",
    "subtract",
    "true_divide",
    "where",
]


def _binary(name: str, a: Any, b: Any) -> Any:
    return push(name, [floats(a, name), floats(b, name)])[0]


def _unary(name: str, x: Any) -> Any:
    return push(name, [floats(x, name)])[0]


# --- two operands ----------------------------------------------------------------------------------------------------


@symbolic
def add(x1: TensorLike, x2: TensorLike) -> Any:
    """``x1 + x2``.

    >>> from corten import ops
    >>> ops.add([[1, 2], [3, 4]], [10, 20])
    array([[11., 22.],
           [13., 24.]], dtype=float32)
    """
    return _binary("add", x1, x2)


@symbolic
def subtract(x1: TensorLike, x2: TensorLike) -> Any:
    """``x1 - x2``.

    >>> from corten import ops
    >>> ops.subtract([3, 4], 1)
    array([2., 3.], dtype=float32)
    """
    return _binary("subtract", x1, x2)


@symbolic
def multiply(x1: TensorLike, x2: TensorLike) -> Any:
    """``x1 x2``.

    >>> from corten import ops
    >>> ops.multiply([3, 4], [2, 0.5])
    array([6., 2.], dtype=float32)
    """
    return _binary("multiply", x1, x2)


@symbolic
def divide(x1: TensorLike, x2: TensorLike) -> Any:
    """``x1 / x2``; infinite or NaN where ``x2`` is zero.

    >>> from corten import ops
    >>> ops.divide([3, 4], 2)
    array([1.5, 2. ], dtype=float32)
    """
    return _binary("divide", x1, x2)


@symbolic
def power(x1: TensorLike, x2: TensorLike) -> Any:
    """``x1`` to the power ``x2``; NaN where ``x1`` is negative and ``x2`` no whole number.

    Where ``x1`` is 0, no gradient passes to it for ``0 < x2 < 1`` (see :func:`sqrt`), and none to ``x2``.

    >>> from corten import ops
    >>> ops.power([2, 3], 2)
    array([4., 9.], dtype=float32)
    """
    # Squares are what powers mostly are, and a square has a cheaper and everywhere finite gradient.
    exponent: object = x2
    if isinstance(exponent, (int, float)) and exponent == 2:
        return _unary("square", x1)
    return _binary("power", x1, x2)


@symbolic
def floor_divide(x1: TensorLike, x2: TensorLike) -> Any:
    """The largest integer not above ``x1 / x2``, as ``x1 // x2`` in Python; its gradient is zero.

    >>> from corten import ops
    >>> ops.floor_divide([7, -7], 2)
    array([ 3., -4.], dtype=float32)
    """
    return _binary("floor_divide", x1, x2)


@symbolic
def mod(x1: TensorLike, x2: TensorLike) -> Any:
    """``x1 - x2 floor(x1 / x2)``, with the sign of ``x2``, as ``x1 % x2`` in Python; NaN where ``x2`` is zero.

    >>> from corten import ops
    >>> ops.mod([7, -7], 3)
    array([1., 2.], dtype=float32)
    """
    return _binary("remainder", x1, x2)


@symbolic
def maximum(x1: TensorLike, x2: TensorLike) -> Any:
    """The larger of two; NaN where either is NaN.

    >>> from corten import ops
    >>> ops.maximum([1, 5], [3, 4])
    array([3., 5.], dtype=float32)
    """
    return _binary("maximum", x1, x2)


@symbolic
def minimum(x1: TensorLike, x2: TensorLike) -> Any:
    """The smaller of two; NaN where either is NaN.

    >>> from corten import ops
    >>> ops.minimum([1, 5], [3, 4])
    array([1., 4.], dtype=float32)
    """
    return _binary("minimum", x1, x2)


@symbolic
def equal(x1: TensorLike, x2: TensorLike) -> Any:
    """1 where ``x1 == x2``, else 0.

    >>> from corten import ops
    >>> ops.equal([1, 2], [1, 3])
    array([1., 0.], dtype=float32)
    """
    return _binary("equal", x1, x2)


@symbolic
def not_equal(x1: TensorLike, x2: TensorLike) -> Any:
    """1 where ``x1 != x2``, else 0.

    >>> from corten import ops
    >>> ops.not_equal([1, 2], [1, 3])
    array([0., 1.], dtype=float32)
    """
    return _binary("not_equal", x1, x2)


@symbolic
def less(x1: TensorLike, x2: TensorLike) -> Any:
    """1 where ``x1 < x2``, else 0.

    >>> from corten import ops
    >>> ops.less([1, 3], [2, 3])
    array([1., 0.], dtype=float32)
    """
    return _binary("less", x1, x2)


@symbolic
def less_equal(x1: TensorLike, x2: TensorLike) -> Any:
    """1 where ``x1 <= x2``, else 0.

    >>> from corten import ops
    >>> ops.less_equal([1, 3], [2, 3])
    array([1., 1.], dtype=float32)
    """
    return _binary("less_equal", x1, x2)


@symbolic
def greater(x1: TensorLike, x2: TensorLike) -> Any:
    """1 where ``x1 > x2``, else 0.

    >>> from corten import ops
    >>> ops.greater([4, 3], [2, 3])
    array([1., 0.], dtype=float32)
    """
    return _binary("greater", x1, x2)


@symbolic
def greater_equal(x1: TensorLike, x2: TensorLike) -> Any:
    """1 where ``x1 >= x2``, else 0.

    >>> from corten import ops
    >>> ops.greater_equal([4, 3], [2, 3])
    array([1., 1.], dtype=float32)
    """
    return _binary("greater_equal", x1, x2)


@symbolic
def logical_and(x1: TensorLike, x2: TensorLike) -> Any:
    """1 where neither is zero, else 0.

    >>> from corten import ops
    >>> ops.logical_and([1, 1], [0, 2])
    array([0., 1.], dtype=float32)
    """
    return minimum(not_equal(x1, 0), not_equal(x2, 0))


@symbolic
def logical_or(x1: TensorLike, x2: TensorLike) -> Any:
    """1 where at least one is not zero, else 0.

    >>> from corten import ops
    >>> ops.logical_or([1, 0], [0, 0])
    array([1., 0.], dtype=float32)
    """
    return maximum(not_equal(x1, 0), not_equal(x2, 0))


@symbolic
def logical_xor(x1: TensorLike, x2: TensorLike) -> Any:
    """1 where one of the two is zero and the other is not, else 0.

    >>> from corten import ops
    >>> ops.logical_xor([0, 1, 1], [1, 1, 0])
    array([1., 0., 1.], dtype=float32)
    """
    return not_equal(not_equal(x1, 0), not_equal(x2, 0))


@symbolic
def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Any:
    """``x1 / x2``; 0 where ``x2`` is zero, and no gradient there.

    >>> from corten import ops
    >>> ops.divide_no_nan([3, 4], [2, 0])
    array([1.5, 0. ], dtype=float32)
    """
    none = equal(x2, 0)
    return where(none, 0.0, divide(x1, where(none, 1.0, x2)))


@symbolic
def where(condition: TensorLike, x1: TensorLike, x2: TensorLike) -> Any:
    """``x1`` where ``condition`` is not zero, else ``x2``; the three are broadcast together.

    What was not chosen has no part in the gradient, even where it is infinite or NaN.

    >>> from corten import ops
    >>> ops.where([1, 0], [2, 3], -1)
    array([ 2., -1.], dtype=float32)
    """
    return push("where", [floats(condition, "where"), floats(x1, "where"), floats(x2, "where")])[0]


@symbolic
def clip(x: TensorLike, x_min: TensorLike, x_max: TensorLike) -> Any:
    """``x`` with everything below ``x_min`` raised to it, and everything above ``x_max`` lowered to it.

    >>> from corten import ops
    >>> ops.clip([-1, 0.5, 2], 0, 1)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return minimum(maximum(x, x_min), x_max)


# --- one operand -----------------------------------------------------------------------------------------------------


@symbolic
def negative(x: TensorLike) -> Any:
    """``-x``.

    >>> from corten import ops
    >>> ops.negative([1, -2])
    array([-1.,  2.], dtype=float32)
    """
    return _unary("negative", x)


@symbolic
def abs(x: TensorLike) -> Any:
    """``|x|``; its gradient at 0 is 0.

    >>> from corten import ops
    >>> ops.abs([1, -2])
    array([1., 2.], dtype=float32)
    """
    return _unary("abs", x)


@symbolic
def sign(x: TensorLike) -> Any:
    """-1, 0 or 1.

    >>> from corten import ops
    >>> ops.sign([-3, 0, 5])
    array([-1.,  0.,  1.], dtype=float32)
    """
    return _unary("sign", x)


@symbolic
def square(x: TensorLike) -> Any:
    """``x x``.

    >>> from corten import ops
    >>> ops.square([3, -4])
    array([ 9., 16.], dtype=float32)
    """
    return _unary("square", x)


@symbolic
def sqrt(x: TensorLike) -> Any:
    """The square root; NaN below zero.

    Its slope at 0 is infinite; as gradient 0 is taken there, so that the length ``sqrt(sum(square(x)))`` of a vector of
    zeros has one.

    >>> from corten import ops
    >>> ops.sqrt([4, 9])
    array([2., 3.], dtype=float32)
    """
    return _unary("sqrt", x)


@symbolic
def rsqrt(x: TensorLike) -> Any:
    """``1 / sqrt(x)``.

    >>> from corten import ops
    >>> ops.rsqrt([4, 16])
    array([0.5 , 0.25], dtype=float32)
    """
    return _unary("rsqrt", x)


@symbolic
def reciprocal(x: TensorLike) -> Any:
    """``1 / x``.

    >>> from corten import ops
    >>> ops.reciprocal([4, -2])
    array([ 0.25, -0.5 ], dtype=float32)
    """
    return _unary("reciprocal", x)


@symbolic
def exp(x: TensorLike) -> Any:
    """``e^x``.

    >>> from corten import ops
    >>> ops.exp([0, -1000])
    array([1., 0.], dtype=float32)
    """
    return _unary("exp", x)


@symbolic
def expm1(x: TensorLike) -> Any:
    """``e^x - 1``, exact near 0.

    >>> from corten import ops
    >>> ops.expm1([0, 1e-10])
    array([0.e+00, 1.e-10], dtype=float32)
    """
    return _unary("expm1", x)


@symbolic
def log(x: TensorLike) -> Any:
    """The natural logarithm; -inf at 0, NaN below.

    >>> from corten import ops
    >>> ops.log([1, 0])
    array([  0., -inf], dtype=float32)
    """
    return _unary("log", x)


@symbolic
def log2(x: TensorLike) -> Any:
    """The logarithm to the base 2; a whole number at powers of two.

    >>> from corten import ops
    >>> ops.log2([1, 2])
    array([0., 1.], dtype=float32)
    """
    return _unary("log2", x)


@symbolic
def log10(x: TensorLike) -> Any:
    """The logarithm to the base 10; a whole number at powers of ten.

    >>> from corten import ops
    >>> ops.log10([1, 10])
    array([0., 1.], dtype=float32)
    """
    return _unary("log10", x)


@symbolic
def log1p(x: TensorLike) -> Any:
    """``log(1 + x)``, exact near 0.

    >>> from corten import ops
    >>> ops.log1p([0, 1e-10])
    array([0.e+00, 1.e-10], dtype=float32)
    """
    return _unary("log1p", x)


@symbolic
def sin(x: TensorLike) -> Any:
    """The sine of an angle in radians.

    >>> from corten import ops
    >>> ops.sin([0, 0])
    array([0., 0.], dtype=float32)
    """
    return _unary("sin", x)


@symbolic
def cos(x: TensorLike) -> Any:
    """The cosine of an angle in radians.

    >>> from corten import ops
    >>> ops.cos([0, 0])
    array([1., 1.], dtype=float32)
    """
    return _unary("cos", x)


@symbolic
def erf(x: TensorLike) -> Any:
    """The error function ``2 / sqrt(pi) integral_0^x e^(-t t) dt``.

    >>> from corten import ops
    >>> ops.erf([0, 100])
    array([0., 1.], dtype=float32)
    """
    return _unary("erf", x)


@symbolic
def floor(x: TensorLike) -> Any:
    """The largest whole number not above ``x``; no gradient passes.

    >>> from corten import ops
    >>> ops.floor([1.5, -1.5])
    array([ 1., -2.], dtype=float32)
    """
    return _unary("floor", x)


@symbolic
def ceil(x: TensorLike) -> Any:
    """The smallest whole number not below ``x``; no gradient passes.

    >>> from corten import ops
    >>> ops.ceil([1.5, -1.5])
    array([ 2., -1.], dtype=float32)
    """
    return _unary("ceil", x)


@symbolic
def round(x: TensorLike) -> Any:
    """The nearest whole number, halves to the even one; no gradient passes.

    >>> from corten import ops
    >>> ops.round([0.5, 1.5, -1.2])
    array([ 0.,  2., -1.], dtype=float32)
    """
    return _unary("round", x)


@symbolic
def logical_not(x: TensorLike) -> Any:
    """1 where ``x`` is zero, else 0.

    >>> from corten import ops
    >>> ops.logical_not([0, 3])
    array([1., 0.], dtype=float32)
    """
    return equal(x, 0)


@symbolic
def isnan(x: TensorLike) -> Any:
    """1 where ``x`` is NaN, else 0.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.isnan([1, np.nan])
    array([0., 1.], dtype=float32)
    """
    value = floats(x)
    return not_equal(value, value)


@symbolic
def isfinite(x: TensorLike) -> Any:
    """1 where ``x`` is neither infinite nor NaN, else 0.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.isfinite([1, np.nan, np.inf])
    array([1., 0., 0.], dtype=float32)
    """
    return less(abs(x), np.inf)


@symbolic
def isinf(x: TensorLike) -> Any:
    """1 where ``x`` is infinite, else 0.

    >>> import numpy as np
    >>> from corten import ops
    >>> ops.isinf([1, np.nan, -np.inf])
    array([0., 0., 1.], dtype=float32)
    """
    return equal(abs(x), np.inf)


@symbolic
def identity(x: TensorLike) -> Any:
    """``x`` itself, as a value of its own.

    >>> from corten import ops
    >>> ops.identity([1.5])
    array([1.5], dtype=float32)
    """
    return push("identity", [x])[0]


@symbolic
def stop_gradient(variable: TensorLike) -> Any:
    """``variable`` as a constant: no gradient passes.

    >>> import numpy as np, corten
    >>> x = corten.Input((1,))
    >>> y = corten.ops.stop_gradient(x) * x
    >>> corten.Model(x, corten.gradients(y, x)).predict(np.float32([[3]]), verbose=0)
    array([[3.]], dtype=float32)
    """
    return push("stop_gradient", [variable])[0]


absolute = abs
true_divide = divide
