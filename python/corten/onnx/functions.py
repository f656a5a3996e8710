"""Functions of one number: elementary ones and activations."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from corten import ops
from corten.graph import Array
from corten.onnx.arithmetic import arithmetic
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.tensors import BOOL, FLOAT
from corten.onnx.values import Data, Value, as_data, combined, reshaped

Many = Callable[..., Any]


def applied(call: Call, function: Many, x: Value, numpy: Many | None = None) -> Value:
    """A function of one float; of known numbers by NumPy where it has the function."""
    if numpy is not None and not isinstance(x, Data):
        with np.errstate(all="ignore"):
            known: Array = np.asarray(numpy(x)).astype(x.dtype)
        return known
    expect_floats(call, x)
    data = as_data(x)
    return data.like(function(data.tensor))


def _function(name: str, function: Many, numpy: Many | None = None, oldest: int = 6) -> None:
    @operator(name, oldest=oldest)
    def apply(call: Call, x: Value) -> Value:
        return applied(call, function, x, numpy)


def _erf(x: Array) -> Array:
    values: Array = np.vectorize(math.erf, otypes=[np.float64])(x)
    return values


_function("Exp", ops.exp, np.exp)
_function("Log", ops.log, np.log)
_function("Sqrt", ops.sqrt, np.sqrt)
_function("Reciprocal", ops.reciprocal, np.reciprocal)
_function("Sin", ops.sin, np.sin)
_function("Cos", ops.cos, np.cos)
_function("Tan", lambda x: ops.divide(ops.sin(x), ops.cos(x)), np.tan)
_function("Sinh", lambda x: ops.multiply(ops.subtract(ops.expm1(x), ops.expm1(ops.negative(x))), 0.5), np.sinh)
_function("Cosh", lambda x: ops.multiply(ops.add(ops.exp(x), ops.exp(ops.negative(x))), 0.5), np.cosh)
_function("Atanh", lambda x: ops.multiply(ops.subtract(ops.log1p(x), ops.log1p(ops.negative(x))), 0.5), np.arctanh)
_function("Floor", ops.floor, np.floor)
_function("Ceil", ops.ceil, np.ceil)
_function("Round", ops.round, np.round)
_function("Erf", ops.erf, _erf)
_function("Sigmoid", ops.sigmoid)
_function("Tanh", ops.tanh, np.tanh)
_function("Softplus", ops.softplus)
_function("Softsign", ops.softsign)
_function("Mish", ops.mish)


def _asinh(x: Any) -> Any:
    size = ops.abs(x)
    # log(s + sqrt(s^2 + 1)), exact near 0.
    square = ops.multiply(size, size)
    root = ops.sqrt(ops.add(square, 1.0))
    return ops.multiply(ops.sign(x), ops.log1p(ops.add(size, ops.divide(square, ops.add(root, 1.0)))))


def _acosh(x: Any) -> Any:
    less = ops.subtract(x, 1.0)
    return ops.log1p(ops.add(less, ops.sqrt(ops.multiply(less, ops.add(x, 1.0)))))


_function("Asinh", _asinh, np.arcsinh)
_function("Acosh", _acosh, np.arccosh)


def _atan(x: Any) -> Any:
    """Moshier's (1989): a polynomial near 0, to which the two other parts of the axis are brought."""
    size = ops.abs(x)
    far, middle = ops.greater(size, 2.414213562373095), ops.greater(size, 0.4142135623730951)
    inverse = ops.divide(-1.0, ops.where(far, size, 1.0))
    turned = ops.divide(ops.subtract(size, 1.0), ops.add(size, 1.0))
    t = ops.where(far, inverse, ops.where(middle, ops.where(far, 0.0, turned), size))
    offset = ops.where(far, math.pi / 2, ops.where(middle, math.pi / 4, 0.0))
    z = ops.square(t)
    series: Any = 8.05374449538e-2
    for factor in (-1.38776856032e-1, 1.99777106478e-1, -3.33329491539e-1):
        series = ops.add(ops.multiply(series, z), factor)
    angle = ops.add(offset, ops.add(ops.multiply(ops.multiply(series, z), t), t))
    return ops.multiply(ops.sign(x), angle)


def _asin(x: Any) -> Any:
    return _atan(ops.divide(x, ops.sqrt(ops.multiply(ops.subtract(1.0, x), ops.add(1.0, x)))))


_function("Atan", _atan, np.arctan)
_function("Asin", _asin, np.arcsin)
_function("Acos", lambda x: ops.subtract(math.pi / 2, _asin(x)), np.arccos)


def _signed(name: str, function: Many, numpy: Many) -> None:
    @operator(name)
    def apply(call: Call, x: Value) -> Value:
        return applied(call, function, x, numpy) if x.dtype == FLOAT else arithmetic(call, function, numpy, x)


_signed("Abs", ops.abs, np.abs)
_signed("Neg", ops.negative, np.negative)
_signed("Sign", ops.sign, np.sign)
_signed("Relu", ops.relu, lambda x: np.maximum(x, 0))


@operator("IsNaN", oldest=9)
def _is_nan(call: Call, x: Value) -> Value:
    return np.isnan(x) if not isinstance(x, Data) else x.like(ops.isnan(x.tensor), BOOL)


@operator("IsInf", oldest=10)
def _is_infinite(call: Call, x: Value) -> Value:
    below, above = call.flag("detect_negative", True), call.flag("detect_positive", True)
    wanted = [sign for sign, on in ((-np.inf, below), (np.inf, above)) if on]
    if not isinstance(x, Data):
        return np.isin(x, wanted)
    found = [ops.equal(x.tensor, value) for value in wanted]
    return x.like(reduce(ops.maximum, found) if found else ops.zeros_like(x.tensor), BOOL)


@operator("LeakyRelu")
def _leaky_relu(call: Call, x: Value) -> Value:
    alpha = call.real("alpha", 0.01)
    return applied(call, lambda t: ops.where(ops.less(t, 0.0), ops.multiply(t, alpha), t), x)


@operator("PRelu")
def _prelu(call: Call, x: Value, slope: Value) -> Value:
    expect_floats(call, x, slope)
    if call.version < 7 and len(slope.shape) == 1 and slope.shape[0] > 1:
        slope = reshaped(slope, [slope.shape[0], *[1] * (len(x.shape) - 2)])  # one for each channel
    return combined(lambda t, s: ops.where(ops.less(t, 0.0), ops.multiply(t, s), t), FLOAT, x, slope)


@operator("ThresholdedRelu", oldest=10)
def _thresholded_relu(call: Call, x: Value) -> Value:
    alpha = call.real("alpha", 1.0)
    return applied(call, lambda t: ops.where(ops.greater(t, alpha), t, 0.0), x)


def _elu_like(t: Any, scale: float) -> Any:
    return ops.multiply(ops.expm1(ops.minimum(t, 0.0)), scale)


@operator("Elu")
def _elu(call: Call, x: Value) -> Value:
    alpha = call.real("alpha", 1.0)
    return applied(call, lambda t: ops.where(ops.less(t, 0.0), _elu_like(t, alpha), t), x)


@operator("Selu")
def _selu(call: Call, x: Value) -> Value:
    alpha, gamma = call.real("alpha", 1.67326319217681884765625), call.real("gamma", 1.05070102214813232421875)
    return applied(call, lambda t: ops.multiply(ops.where(ops.less(t, 0.0), _elu_like(t, alpha), t), gamma), x)


@operator("Celu", oldest=12)
def _celu(call: Call, x: Value) -> Value:
    alpha = call.real("alpha", 1.0)
    return applied(call, lambda t: ops.where(ops.less(t, 0.0), _elu_like(ops.divide(t, alpha), alpha), t), x)


@operator("HardSigmoid")
def _hard_sigmoid(call: Call, x: Value) -> Value:
    alpha, beta = call.real("alpha", 0.2), call.real("beta", 0.5)
    return applied(call, lambda t: ops.clip(ops.add(ops.multiply(t, alpha), beta), 0.0, 1.0), x)


@operator("HardSwish", oldest=14)
def _hard_swish(call: Call, x: Value) -> Value:
    return applied(call, lambda t: ops.multiply(t, ops.clip(ops.add(ops.multiply(t, 1 / 6), 0.5), 0.0, 1.0)), x)


@operator("Swish", oldest=24)
def _swish(call: Call, x: Value) -> Value:
    alpha = call.real("alpha", 1.0)
    return applied(call, lambda t: ops.multiply(t, ops.sigmoid(ops.multiply(t, alpha))), x)


@operator("Shrink", oldest=9)
def _shrink(call: Call, x: Value) -> Value:
    lambd, bias = call.real("lambd", 0.5), call.real("bias", 0.0)

    def shrink(t: Any) -> Any:
        inner = ops.where(ops.greater(t, lambd), ops.subtract(t, bias), 0.0)
        return ops.where(ops.less(t, -lambd), ops.add(t, bias), inner)

    return applied(call, shrink, x)


@operator("Gelu", oldest=20)
def _gelu(call: Call, x: Value) -> Value:
    tanh = call.text("approximate", "none", ("none", "tanh")) == "tanh"
    return applied(call, lambda t: ops.gelu(t, approximate=tanh), x)


@operator("com.microsoft.Gelu", oldest=1)
def _gelu_of_microsoft(call: Call, x: Value) -> Value:
    return applied(call, lambda t: ops.gelu(t, approximate=False), x)


@operator("com.microsoft.QuickGelu", oldest=1)
def _quick_gelu(call: Call, x: Value) -> Value:
    alpha = call.real("alpha", 1.702)
    return applied(call, lambda t: ops.multiply(t, ops.sigmoid(ops.multiply(t, alpha))), x)


@operator("com.microsoft.FastGelu", "com.microsoft.BiasGelu", oldest=1)
def _gelu_with_bias(call: Call, x: Value, bias: Value | None = None) -> Value:
    total = x if bias is None else arithmetic(call, ops.add, np.add, x, bias)
    tanh = call.node.operator.endswith("FastGelu")
    return applied(call, lambda t: ops.gelu(t, approximate=tanh), total)
