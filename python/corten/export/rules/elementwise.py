"""Arithmetic, comparisons, choice, and functions of one number."""

from __future__ import annotations

import math
from collections.abc import Callable

from corten.export.emitter import Axes, Emitter
from corten.export.nodes import TYPES
from corten.export.rules.rule import Rule
from corten.export.traced import Node, Value

__all__ = ["RULES"]


def _binary(kind: str) -> Rule:
    def rule(to: Emitter, node: Node) -> None:
        to.elementwise(kind, node.outputs[0], node.inputs)

    return rule


def _comparison(kind: str, negated: bool = False) -> Rule:
    def rule(to: Emitter, node: Node) -> None:
        output = node.outputs[0]
        axes, (a, b) = _operands(to, node)
        name = to.add(kind, [a, b])
        to.hold_boolean(output, to.add("Not", [name]) if negated else name, axes)

    return rule


def _operands(to: Emitter, node: Node) -> tuple[Axes, list[str]]:
    """The inputs of an op that broadcasts, and the order of axes they are in."""
    output = node.outputs[0]
    axes = to.common(output, node.inputs)
    return axes, [to.operand(x, axes, output.rank - x.rank) for x in node.inputs]


def _where(to: Emitter, node: Node) -> None:
    output, (condition, a, b) = node.outputs[0], node.inputs
    axes = to.common(output, node.inputs)
    names = [to.operand(x, axes, output.rank - x.rank) for x in (a, b)]
    to.hold(output, to.add("Where", [to.boolean(condition, axes, output.rank - condition.rank), *names]), axes)


def _signs_differ(to: Emitter, rest: str, divisor: str) -> str:
    """Whether a remainder has another sign than the divisor, and is not 0."""
    zero = to.number(0)
    signs = to.add("Xor", [to.add("Less", [rest, zero]), to.add("Less", [divisor, zero])])
    return str(to.add("And", [signs, to.add("Not", [to.add("Equal", [rest, zero])])]))


def _remainder(to: Emitter, node: Node) -> None:
    """As Python's ``%``: ONNX's has the sign of the dividend."""
    axes, (a, b) = _operands(to, node)
    rest = to.add("Mod", [a, b], fmod=1)
    moved = to.add("Where", [_signs_differ(to, rest, b), to.add("Add", [rest, b]), rest])
    to.hold(node.outputs[0], moved, axes)


def _floor_divide(to: Emitter, node: Node) -> None:
    """As Python's ``//``, by way of the remainder: a quotient may round up to a whole number."""
    axes, (a, b) = _operands(to, node)
    rest = to.add("Mod", [a, b], fmod=1)
    whole = to.add("Round", [to.add("Div", [to.add("Sub", [a, rest]), b])])
    below = to.add("Sub", [whole, to.number(1)])
    quotient = to.add("Where", [_signs_differ(to, rest, b), below, whole])
    by_zero = to.add("Equal", [b, to.number(0)])
    to.hold(node.outputs[0], to.add("Where", [by_zero, to.add("Div", [a, b]), quotient]), axes)


# --- functions of one number -----------------------------------------------------------------------------------------


def _unary(kind: str, **attributes: float) -> Rule:
    def rule(to: Emitter, node: Node) -> None:
        to.unary(kind, node.outputs[0], node.inputs[0], **attributes)

    return rule


def _leaky_relu(to: Emitter, node: Node) -> None:
    to.unary("LeakyRelu", node.outputs[0], node.inputs[0], alpha=node.attributes["negative_slope"])


def _elu(to: Emitter, node: Node) -> None:
    to.unary("Elu", node.outputs[0], node.inputs[0], alpha=node.attributes["alpha"])


def _composed(formula: Callable[[Emitter, str], str]) -> Rule:
    def rule(to: Emitter, node: Node) -> None:
        axes = to.order(node.inputs[0])
        to.hold(node.outputs[0], formula(to, to.get(node.inputs[0], axes)), axes)

    return rule


def _relu6(to: Emitter, x: str) -> str:
    return str(to.add("Clip", [x, to.number(0), to.number(6)]))


def _silu(to: Emitter, x: str) -> str:
    return str(to.add("Mul", [x, to.add("Sigmoid", [x])]))


def _hard_sigmoid(to: Emitter, x: str) -> str:
    return str(to.add("HardSigmoid", [x], alpha=1 / 6, beta=0.5))


def _hard_silu(to: Emitter, x: str) -> str:
    return str(to.add("HardSwish", [x]) if to.opset >= 14 else to.add("Mul", [x, _hard_sigmoid(to, x)]))


def gelu(to: Emitter, x: str, approximate: bool) -> str:
    """GELU as a node from opset 20 on, before that its formula."""
    if to.opset >= 20:
        return str(to.add("Gelu", [x], approximate="tanh" if approximate else "none"))
    if approximate:
        cube = to.add("Mul", [to.add("Mul", [x, x]), x])
        inner = to.add("Add", [x, to.add("Mul", [cube, to.number(0.044715)])])
        bent = to.add("Tanh", [to.add("Mul", [inner, to.number(math.sqrt(2 / math.pi))])])
    else:
        bent = to.add("Erf", [to.add("Div", [x, to.number(math.sqrt(2))])])
    half = to.add("Mul", [x, to.number(0.5)])
    return str(to.add("Mul", [half, to.add("Add", [bent, to.number(1)])]))


def _gelu(to: Emitter, node: Node) -> None:
    axes = to.order(node.inputs[0])
    x = to.get(node.inputs[0], axes)
    to.hold(node.outputs[0], gelu(to, x, node.attributes["approximate"]), axes)


def _expm1(to: Emitter, x: str) -> str:
    """``tanh(x / 2) (e^x + 1)``: exact near 0, where ``e^x - 1`` would cancel."""
    bent = to.add("Tanh", [to.add("Mul", [x, to.number(0.5)])])
    return str(to.add("Mul", [bent, to.add("Add", [to.add("Exp", [x]), to.number(1)])]))


def _log1p(to: Emitter, x: str) -> str:
    """Near 0 ``log(u) x / (u - 1)`` with ``u = 1 + x``, in which what u lost is lost twice (Kahan)."""
    one = to.number(1)
    u = to.add("Add", [x, one])
    log = to.add("Log", [u])
    near = to.add("Less", [to.add("Abs", [x]), to.number(0.5)])
    lost = to.add("Equal", [u, one])
    gap = to.add("Where", [lost, one, to.add("Sub", [u, one])])
    exact = to.add("Where", [lost, x, to.add("Div", [to.add("Mul", [log, x]), gap])])
    return str(to.add("Where", [near, exact, log]))


def _log2(to: Emitter, x: str) -> str:
    return str(to.add("Div", [to.add("Log", [x]), to.number(math.log(2))]))


def _log10(to: Emitter, x: str) -> str:
    return str(to.add("Div", [to.add("Log", [x]), to.number(math.log(10))]))


def _rsqrt(to: Emitter, x: str) -> str:
    return str(to.add("Reciprocal", [to.add("Sqrt", [x])]))


def _square(to: Emitter, x: str) -> str:
    return str(to.add("Mul", [x, x]))


# --- types and copies ------------------------------------------------------------------------------------------------


def _alias(to: Emitter, node: Node) -> None:
    to.alias(node.outputs[0], node.inputs[0])


def _cast(to: Emitter, node: Node) -> None:
    x, y = node.inputs[0], node.outputs[0]
    if x.dtype == y.dtype:
        to.alias(y, x)
    else:
        to.unary("Cast", y, x, to=TYPES[y.dtype])


def _mask_steps(to: Emitter, node: Node) -> None:
    """Zeros where the mask, which has the first two axes of ``x``, is 0."""
    (x, mask), y = node.inputs, node.outputs[0]
    turned, turned_mask = to.reversal(x), to.reversal(mask)
    if turned is not None and turned_mask is not None and turned[1] == turned_mask[1]:
        # Both are there the other way round, in which the result may be wanted too.
        y, (x, axis), mask = Value(y.shape, y.dtype, node), turned, turned_mask[0]
        to.hold_reversed(node.outputs[0], y, axis)
    axes = to.order(x)
    counts = to.boolean(mask, axes, 0)
    to.hold(y, to.add("Where", [counts, to.get(x, axes), to.number(0)]), axes)


RULES: dict[str, Rule] = {
    "subtract": _binary("Sub"),
    "multiply": _binary("Mul"),
    "divide": _binary("Div"),
    "maximum": _binary("Max"),
    "minimum": _binary("Min"),
    "power": _binary("Pow"),
    "floor_divide": _floor_divide,
    "remainder": _remainder,
    "equal": _comparison("Equal"),
    "not_equal": _comparison("Equal", negated=True),
    "less": _comparison("Less"),
    "less_equal": _comparison("LessOrEqual"),
    "greater": _comparison("Greater"),
    "greater_equal": _comparison("GreaterOrEqual"),
    "where": _where,
    "relu": _unary("Relu"),
    "relu6": _composed(_relu6),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _unary("Selu"),
    "gelu": _gelu,
    "silu": _composed(_silu),
    "hard_silu": _composed(_hard_silu),
    "sigmoid": _unary("Sigmoid"),
    "hard_sigmoid": _composed(_hard_sigmoid),
    "tanh": _unary("Tanh"),
    "softplus": _unary("Softplus"),
    "softsign": _unary("Softsign"),
    "exp": _unary("Exp"),
    "expm1": _composed(_expm1),
    "log": _unary("Log"),
    "log2": _composed(_log2),
    "log10": _composed(_log10),
    "log1p": _composed(_log1p),
    "sqrt": _unary("Sqrt"),
    "rsqrt": _composed(_rsqrt),
    "square": _composed(_square),
    "reciprocal": _unary("Reciprocal"),
    "abs": _unary("Abs"),
    "negative": _unary("Neg"),
    "sign": _unary("Sign"),
    "floor": _unary("Floor"),
    "ceil": _unary("Ceil"),
    "round": _unary("Round"),
    "sin": _unary("Sin"),
    "cos": _unary("Cos"),
    "erf": _unary("Erf"),
    "identity": _alias,
    "stop_gradient": _alias,
    "cast": _cast,
    "mask_steps": _mask_steps,
}
