"""Operators that work element by element: arithmetic, comparisons, logic, functions of one number, conversions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from corten import ops
from corten.graph import Array
from corten.onnx.operator import Call, operator
from corten.onnx.tensors import dtype_of
from corten.onnx.unsupported import unsupported_type
from corten.onnx.values import Data, Value, aligned, as_data, checked, combined, exact, numbers, reshaped

BOOL, FLOAT, INT64 = np.dtype(np.bool_), np.dtype(np.float32), np.dtype(np.int64)

Many = Callable[..., Any]


def _same_type(call: Call, *values: Value) -> np.dtype[Any]:
    dtypes = {value.dtype for value in values}
    if len(dtypes) > 1:
        raise ValueError(f"expected operands of one type, got {sorted(map(str, dtypes))}")
    return dtypes.pop()


def _known(*values: Value | None) -> bool:
    return not any(isinstance(value, Data) for value in values)


def _floats(call: Call, *values: Value) -> None:
    """Refuses data that are no float32: what the function works on."""
    for value in values:
        if value.dtype != FLOAT:
            raise unsupported_type(str(call.node), value.dtype)


def arithmetic(call: Call, function: Many, numpy: Many, *values: Value) -> Value:
    """A function of numbers: floats as they are, integers where floats hold them exactly."""
    dtype = _same_type(call, *values)
    if _known(*values):
        with np.errstate(all="ignore"):
            known: Array = np.asarray(numpy(*values), dtype)
        return known
    if dtype == FLOAT:
        return combined(function, dtype, *values)
    if dtype not in (np.int32, np.int64):
        # Narrower ones wrap around.
        raise unsupported_type(str(call.node), dtype)
    operands, order = aligned([exact(value, str(call.node)) for value in values])
    return Data(ops.cast(checked(function(*operands)), "int32"), dtype, order)


def _stretched(call: Call, a: Value, b: Value) -> Value:
    """The second operand as it broadcasts; in old versions along the axes from one on that an attribute names."""
    if call.version >= 7 or not call.flag("broadcast"):
        return b
    first = call.integer("axis", len(a.shape) - len(b.shape))
    first = first + len(a.shape) if first < 0 else first
    return reshaped(b, [*b.shape, *[1] * (len(a.shape) - first - len(b.shape))])


def _truncated(a: Any, b: Any) -> Any:
    quotient = ops.divide(a, b)
    return ops.where(ops.less(quotient, 0.0), ops.ceil(quotient), ops.floor(quotient))


def _truncated_numpy(a: Array, b: Array) -> Array:
    if a.dtype.kind not in "iu":
        return a / b
    if (b == 0).any():
        raise ZeroDivisionError("division of integers by zero")
    quotient: Array = np.abs(a) // np.abs(b) * (np.sign(a) * np.sign(b))
    return quotient


@operator("Add")
def _add(call: Call, a: Value, b: Value) -> Value:
    return arithmetic(call, ops.add, np.add, a, _stretched(call, a, b))


@operator("Sub")
def _subtract(call: Call, a: Value, b: Value) -> Value:
    return arithmetic(call, ops.subtract, np.subtract, a, _stretched(call, a, b))


@operator("Mul")
def _multiply(call: Call, a: Value, b: Value) -> Value:
    return arithmetic(call, ops.multiply, np.multiply, a, _stretched(call, a, b))


@operator("Div")
def _divide(call: Call, a: Value, b: Value) -> Value:
    return arithmetic(call, ops.divide if a.dtype == FLOAT else _truncated, _truncated_numpy, a, _stretched(call, a, b))


@operator("Mod")
def _mod(call: Call, a: Value, b: Value) -> Value:
    fmod = call.flag("fmod")
    if fmod:
        return arithmetic(call, lambda x, y: ops.subtract(x, ops.multiply(y, _truncated(x, y))), np.fmod, a, b)
    return arithmetic(call, ops.mod, np.mod, a, b)


@operator("Pow")
def _power(call: Call, a: Value, b: Value) -> Value:
    b = _stretched(call, a, b)
    if not isinstance(a, Data) and not isinstance(b, Data):
        with np.errstate(all="ignore"):
            power: Array = np.power(a, b).astype(a.dtype)
        return power
    if isinstance(b, Data):
        _floats(call, a, b)
        return combined(ops.power, FLOAT, a, b)
    _floats(call, a)
    exponents = np.asarray(b, np.float32)
    if exponents.size == 1 and exponents.ndim <= len(a.shape):
        exponent = float(exponents.flat[0])
        data = as_data(a)
        return data.like(ops.sqrt(data.tensor) if exponent == 0.5 else ops.power(data.tensor, exponent))
    return combined(ops.power, FLOAT, a, exponents)


@operator("Sum")
def _sum(call: Call, *values: Value) -> Value:
    return reduce(lambda a, b: arithmetic(call, ops.add, np.add, a, b), values)


@operator("Mean")
def _mean(call: Call, *values: Value) -> Value:
    total = reduce(lambda a, b: arithmetic(call, ops.add, np.add, a, b), values)
    return arithmetic(call, ops.divide, np.divide, total, np.asarray(len(values), total.dtype))


@operator("Max")
def _maximum(call: Call, *values: Value) -> Value:
    return reduce(lambda a, b: arithmetic(call, ops.maximum, np.maximum, a, b), values)


@operator("Min")
def _minimum(call: Call, *values: Value) -> Value:
    return reduce(lambda a, b: arithmetic(call, ops.minimum, np.minimum, a, b), values)


@operator("Clip")
def _clip(call: Call, x: Value, low: Value | None = None, high: Value | None = None) -> Value:
    if call.version < 11:
        low = np.asarray(call.real("min", np.finfo(np.float32).min), np.float32)
        high = np.asarray(call.real("max", np.finfo(np.float32).max), np.float32)
    if low is not None:
        x = arithmetic(call, ops.maximum, np.maximum, x, low)
    if high is not None:
        x = arithmetic(call, ops.minimum, np.minimum, x, high)
    return x


# --- comparisons and logic -------------------------------------------------------------------------------------------


def _compared(call: Call, function: Many, numpy: Many, a: Value, b: Value) -> Value:
    dtype = _same_type(call, a, b)
    if _known(a, b):
        return np.asarray(numpy(a, b))
    if dtype.kind in "iu":
        a, b = exact(a, str(call.node)), exact(b, str(call.node))
    elif dtype not in (FLOAT, BOOL):
        raise unsupported_type(str(call.node), dtype)
    return combined(function, BOOL, a, b)


def _comparison(name: str, function: Many, numpy: Many) -> None:
    @operator(name)
    def compare(call: Call, a: Value, b: Value) -> Value:
        return _compared(call, function, numpy, a, _stretched(call, a, b))


_comparison("Equal", ops.equal, np.equal)
_comparison("Less", ops.less, np.less)
_comparison("LessOrEqual", ops.less_equal, np.less_equal)
_comparison("Greater", ops.greater, np.greater)
_comparison("GreaterOrEqual", ops.greater_equal, np.greater_equal)


def _logic(name: str, function: Many, numpy: Many) -> None:
    @operator(name)
    def combine(call: Call, a: Value, b: Value) -> Value:
        if {a.dtype, b.dtype} != {BOOL}:
            raise ValueError(f"expected bools, got {a.dtype} and {b.dtype}")
        return _compared(call, function, numpy, a, _stretched(call, a, b))


_logic("And", ops.minimum, np.logical_and)
_logic("Or", ops.maximum, np.logical_or)
_logic("Xor", ops.not_equal, np.logical_xor)


@operator("Not", oldest=1)
def _not(call: Call, x: Value) -> Value:
    if not isinstance(x, Data):
        return np.logical_not(x)
    return x.like(ops.subtract(1.0, x.tensor))


def _bitwise(name: str, numpy: Many) -> None:
    @operator(name)
    def combine(call: Call, a: Value, b: Value) -> Value:
        return np.asarray(numpy(numbers(a, f"{call.node}: input"), numbers(b, f"{call.node}: input")))


_bitwise("BitwiseAnd", np.bitwise_and)
_bitwise("BitwiseOr", np.bitwise_or)
_bitwise("BitwiseXor", np.bitwise_xor)


@operator("BitwiseNot")
def _bitwise_not(call: Call, x: Value) -> Value:
    return np.asarray(np.invert(numbers(x, f"{call.node}: input")))


@operator("BitShift")
def _shift(call: Call, a: Value, b: Value) -> Value:
    shift = np.left_shift if call.text("direction", among=("LEFT", "RIGHT")) == "LEFT" else np.right_shift
    return np.asarray(shift(numbers(a, f"{call.node}: input"), numbers(b, f"{call.node}: input")))


@operator("Where", oldest=9)
def _where(call: Call, condition: Value, a: Value, b: Value) -> Value:
    dtype = _same_type(call, a, b)
    if not isinstance(condition, Data) and condition.size == 1 and condition.ndim == 0:
        # One of the two, in the shape of both.
        chosen = a if bool(condition) else b
        if chosen.shape == np.broadcast_shapes(a.shape, b.shape):
            return chosen
    if _known(condition, a, b):
        return np.where(condition, a, b)  # type: ignore[arg-type]
    if dtype.kind in "iu":
        a, b = exact(a, str(call.node)), exact(b, str(call.node))
        operands, order = aligned([condition, a, b])
        return Data(ops.cast(ops.where(*operands), "int32"), dtype, order)
    if dtype not in (FLOAT, BOOL):
        raise unsupported_type(str(call.node), dtype)
    return combined(ops.where, dtype, condition, a, b)


# --- functions of one number -----------------------------------------------------------------------------------------


def applied(call: Call, function: Many, x: Value, numpy: Many | None = None) -> Value:
    """A function of one float; of known numbers by NumPy where it has the function."""
    if numpy is not None and not isinstance(x, Data):
        with np.errstate(all="ignore"):
            known: Array = np.asarray(numpy(x)).astype(x.dtype)
        return known
    _floats(call, x)
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
    _floats(call, x, slope)
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


# --- conversions -----------------------------------------------------------------------------------------------------


@operator("Identity")
def _identity(call: Call, x: Value) -> Value:
    return x


@operator("Dropout")
def _dropout(call: Call, x: Value, ratio: Value | None = None, training: Value | None = None) -> Any:
    call.ignore("ratio", "seed", *(["is_test"] if call.version < 7 else []))
    if training is not None and numbers(training, f"{call.node}: training_mode").any():
        rate = 0.5 if ratio is None else float(numbers(ratio, f"{call.node}: ratio"))
        if rate:
            raise call.refuse("training_mode=1")
    return x, np.ones(x.shape, np.bool_)


@operator("Cast")
def _cast(call: Call, x: Value) -> Value:
    call.ignore("saturate", "round_mode")
    return cast(x, dtype_of(call.integer("to"), str(call.node)), str(call.node))


@operator("CastLike", oldest=15)
def _cast_like(call: Call, x: Value, like: Value) -> Value:
    call.ignore("saturate", "round_mode")
    return cast(x, like.dtype, str(call.node))


def cast(x: Value, dtype: np.dtype[Any], what: str) -> Value:
    """A value with elements of another type, as C converts them: towards zero."""
    if dtype == x.dtype:
        return x
    if not isinstance(x, Data):
        return _cast_known(x, dtype, what)
    if dtype == BOOL:
        return x.like(ops.not_equal(ops.cast(x.tensor, "float32"), 0.0), BOOL)
    if dtype == FLOAT:
        return x.like(ops.cast(x.tensor, "float32"), FLOAT)
    wide = dtype in (np.int32, np.int64)
    if dtype.kind not in "iu" or (x.dtype.kind in "iu" and not (wide or np.can_cast(x.dtype, dtype))):
        raise unsupported_type(what, dtype)
    if x.dtype.kind in "iu":
        return x.like(x.tensor, dtype)
    tensor = x.tensor
    if x.dtype == FLOAT:
        tensor = ops.where(ops.less(tensor, 0.0), ops.ceil(tensor), ops.floor(tensor))
    if not wide and x.dtype == FLOAT:
        if dtype != np.uint8:
            raise unsupported_type(what, dtype)
        tensor = ops.cast(tensor, "uint8")
    return x.like(ops.cast(tensor, "int32"), dtype)


def _cast_known(x: Array, dtype: np.dtype[Any], what: str) -> Array:
    if x.dtype.kind == "f" and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        whole = np.trunc(x.astype(np.float64))
        if not (np.isfinite(whole) & (whole >= limits.min) & (whole <= limits.max)).all():
            raise ValueError(f"{what}: a number does not fit into {dtype}")
    with np.errstate(all="ignore"):
        return x.astype(dtype)
