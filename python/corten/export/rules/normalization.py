"""Normalisations and softmax."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from corten.export.emitter import Axes, Emitter
from corten.export.rules.rule import Rule
from corten.export.traced import Node, Value

__all__ = ["RULES"]


@dataclass
class _Statistics:
    """What a batch normalisation is given, its weights as they are called in the layer."""

    gamma: Value
    variance: Value
    epsilon: float


def _statistics(scale: Value) -> _Statistics | None:
    """Of ``scale = gamma / sqrt(variance + epsilon)``."""
    node, gamma = scale.producer, None
    if node is not None and node.op == "multiply":
        root, gamma = node.inputs
        node = root.producer
    if node is None or node.op != "rsqrt":
        return None
    total = node.inputs[0].producer
    if total is None or total.op != "add":
        return None
    variance, epsilon = total.inputs
    if variance.array is None or epsilon.array is None or epsilon.array.size != 1 or variance.rank != 1:
        return None
    if gamma is None:
        gamma = Value(variance.shape, "float32", array=np.ones(variance.array.shape, np.float32), label="ones")
    return _Statistics(gamma, variance, float(epsilon.array)) if gamma.array is not None else None


def _affine(to: Emitter, node: Node) -> None:
    """``(x - centre) scale + shift``: a BatchNormalization where the channels lie as ONNX wants them."""
    (x, centre, scale, shift), y = node.inputs, node.outputs[0]
    axes = _channels_second(to, x)
    if axes is None or any(vector.array is None for vector in (centre, scale, shift)):
        axes = to.order(x)
        names = [to.operand(vector, axes, x.rank - 1) for vector in (centre, scale, shift)]
        name = to.add("Mul", [to.add("Sub", [to.get(x, axes), names[0]]), names[1]])
        return to.hold(y, to.add("Add", [name, names[2]]), axes)
    found = _statistics(scale)
    if found is None:
        ones = Value(scale.shape, "float32", array=np.ones(scale.array.shape, np.float32), label="ones")  # type: ignore[union-attr]
        found = _Statistics(scale, ones, 0.0)
    inputs = [to.get(x, axes), *(to.plain(v) for v in (found.gamma, shift, centre, found.variance))]
    return to.hold(y, to.add("BatchNormalization", inputs, epsilon=found.epsilon), axes)


def _channels_second(to: Emitter, x: Value) -> Axes | None:
    """An order in which the last axis comes second: that of the tensor, or for images and vectors the usual one."""
    last = x.rank - 1
    for held in to.ways(x):
        if len(held.axes) >= 2 and held.axes[1] == last and held.axes[0] == 0:
            return held.axes
    if x.rank == 2:
        return (0, 1)
    return (0, 3, 1, 2) if x.rank == 4 else None


def _batch_norm(to: Emitter, node: Node) -> None:
    """By the batch's own statistics, which are further outputs."""
    (x, gamma, beta), (y, mean, variance) = node.inputs, node.outputs
    x_name, rank = to.plain(x), x.rank
    places = list(range(rank - 1))

    def average(name: str) -> str:
        if to.opset >= 18:
            return str(to.add("ReduceMean", [name, to.whole(*places)], keepdims=0))
        return str(to.add("ReduceMean", [name], axes=places, keepdims=0))

    centre = average(x_name)
    deviation = to.add("Sub", [x_name, centre])
    spread = average(to.add("Mul", [deviation, deviation]))
    root = to.add("Sqrt", [to.add("Add", [spread, to.number(node.attributes["epsilon"])])])
    scaled = to.add("Mul", [to.add("Div", [deviation, root]), to.plain(gamma)])
    to.hold(y, to.add("Add", [scaled, to.plain(beta)]))
    to.hold(mean, centre)
    to.hold(variance, spread)


def _layer_norm(to: Emitter, node: Node) -> None:
    (x, gamma, beta), y = node.inputs, node.outputs[0]
    epsilon, centered = node.attributes["epsilon"], node.attributes["centered"]
    axes = to.order(x)
    if axes[-1] != x.rank - 1:
        axes = tuple(range(x.rank))
    name, weights = to.get(x, axes), [to.plain(gamma), to.plain(beta)]
    if centered and to.opset >= 17:
        return to.hold(y, to.add("LayerNormalization", [name, *weights], axis=-1, epsilon=epsilon), axes)

    def average(name: str) -> str:
        if to.opset >= 18:
            return str(to.add("ReduceMean", [name, to.whole(-1)], keepdims=1))
        return str(to.add("ReduceMean", [name], axes=[-1], keepdims=1))

    deviation = to.add("Sub", [name, average(name)]) if centered else name
    spread = average(to.add("Mul", [deviation, deviation]))
    root = to.add("Sqrt", [to.add("Add", [spread, to.number(epsilon)])])
    scaled = to.add("Mul", [to.add("Div", [deviation, root]), weights[0]])
    no_shift = beta.array is not None and not beta.array.any()
    return to.hold(y, scaled if no_shift else to.add("Add", [scaled, weights[1]]), axes)


def _softmax(kind: str) -> Rule:
    def rule(to: Emitter, node: Node) -> None:
        x, y = node.inputs[0], node.outputs[0]
        axes = to.order(x)
        if x.rank - 1 not in axes:
            axes = tuple(range(x.rank))
        to.hold(y, to.add(kind, [to.get(x, axes)], axis=axes.index(x.rank - 1)), axes)

    return rule


RULES: dict[str, Rule] = {
    "affine": _affine,
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "softmax": _softmax("Softmax"),
    "log_softmax": _softmax("LogSoftmax"),
}
