"""Arithmetic, and what compares and chooses: operators of several operands that broadcast."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from corten import ops
from corten.graph import Array
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.tensors import BOOL, FLOAT
from corten.onnx.unsupported import unsupported_type
from corten.onnx.values import Data, Value, aligned, as_data, checked, combined, exact, numbers, reshaped

Many = Callable[..., Any]


def _same_type(call: Call, *values: Value) -> np.dtype[Any]:
    dtypes = {value.dtype for value in values}
    if len(dtypes) > 1:
        raise ValueError(f"expected operands of one type, got {sorted(map(str, dtypes))}")
    return dtypes.pop()


def _known(*values: Value | None) -> bool:
    return not any(isinstance(value, Data) for value in values)


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


def _remainder(a: Any, b: Any) -> Any:
    """With the sign of the first operand, and exact, as the engine's is."""
    size = ops.mod(ops.abs(a), ops.abs(b))
    return ops.where(ops.less(a, 0.0), ops.negative(size), size)


@operator("Mod")
def _mod(call: Call, a: Value, b: Value) -> Value:
    fmod = call.flag("fmod")
    if fmod:
        return arithmetic(call, _remainder, np.fmod, a, b)
    return arithmetic(call, ops.mod, np.mod, a, b)


@operator("Pow")
def _power(call: Call, a: Value, b: Value) -> Value:
    b = _stretched(call, a, b)
    if not isinstance(a, Data) and not isinstance(b, Data):
        with np.errstate(all="ignore"):
            power: Array = np.power(a, b).astype(a.dtype)
        return power
    if isinstance(b, Data):
        expect_floats(call, a, b)
        return combined(ops.power, FLOAT, a, b)
    expect_floats(call, a)
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
