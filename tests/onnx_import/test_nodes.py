"""Single operators with attributes and shapes at random give what onnxruntime gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from corten.onnx import UnsupportedOperatorError, backend

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
runtime.set_default_logger_severity(4)
helper = onnx.helper

Array = NDArray[Any]
#: Operator, inputs, attributes, and what else: the version, the number of outputs, the domain.
Case = tuple[str, list[Array | None], dict[str, Any], dict[str, Any]]


class Draw:
    """Random numbers, shapes and choices."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def __call__(self, low: int, end: int) -> int:
        return int(self.random.integers(low, end))

    def many(self, count: int, low: int, end: int) -> list[int]:
        return [self(low, end) for _ in range(count)]

    def one(self, *choices: Any) -> Any:
        return choices[self(0, len(choices))]

    def maybe(self, value: Any) -> Any:
        return value if self(0, 2) else None

    def floats(self, *shape: int) -> Array:
        return self.random.normal(size=shape).astype(np.float32)

    def places(self, low: int, end: int, shape: list[int]) -> Array:
        return self.random.integers(low, end, shape)


def conv(draw: Draw) -> Case:
    rank, group = draw(1, 3), draw(1, 3)
    channels, filters = group * draw(1, 3), group * draw(1, 3)
    kernel, sizes = draw.many(rank, 1, 4), draw.many(rank, 4, 9)
    attributes = {"group": group, "strides": draw.many(rank, 1, 4), "dilations": draw.many(rank, 1, 3)}
    pads = {"pads": draw.many(2 * rank, 0, 3)}
    attributes |= draw.one(pads, {"auto_pad": draw.one("SAME_UPPER", "SAME_LOWER", "VALID")})
    inputs = [draw.floats(2, channels, *sizes), draw.floats(filters, channels // group, *kernel)]
    return "Conv", [*inputs, draw.maybe(draw.floats(filters))], attributes, {}


def conv_transpose(draw: Draw) -> Case:
    rank, group = draw(1, 3), draw(1, 3)
    channels, filters = group * draw(1, 3), draw(1, 3)
    kernel, sizes, strides = draw.many(rank, 1, 5), draw.many(rank, 2, 6), draw.many(rank, 1, 4)
    attributes: dict[str, Any] = {"group": group, "strides": strides, "dilations": draw.many(rank, 1, 3)}
    attributes |= draw.one(
        {"pads": draw.many(2 * rank, 0, 2)},
        {"pads": draw.many(2 * rank, 0, 2), "output_padding": [draw(0, stride) for stride in strides]},
        {"output_shape": [n * s + draw(-1, 2) for n, s in zip(sizes, strides)]},
        {"auto_pad": draw.one("SAME_UPPER", "SAME_LOWER", "VALID")},
    )
    inputs = [draw.floats(2, channels, *sizes), draw.floats(channels, filters, *kernel)]
    return "ConvTranspose", [*inputs, draw.maybe(draw.floats(filters * group))], attributes, {}


def pooling(draw: Draw) -> Case:
    operator, rank, opset = draw.one("MaxPool", "AveragePool"), draw(1, 4), draw(10, 23)
    kernel, sizes = draw.many(rank, 1, 4), draw.many(rank, 4, 9)
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": draw.many(rank, 1, 4), "ceil_mode": draw(0, 2)}
    pads = {"pads": [min(draw(0, 3), size - 1) for size in [*kernel, *kernel]]}
    attributes |= draw.one(pads, {"auto_pad": draw.one("SAME_UPPER", "SAME_LOWER", "VALID")})
    if operator == "AveragePool":
        attributes["count_include_pad"] = draw(0, 2)
    if operator == "MaxPool" or opset >= 19:
        attributes["dilations"] = draw.many(rank, 1, 3)
    return operator, [draw.floats(2, 3, *sizes)], attributes, {"opset": opset}


def resize(draw: Draw) -> Case:
    place, opset = draw.one(
        ("half_pixel", 11), ("pytorch_half_pixel", 13), ("asymmetric", 18), ("align_corners", 19),
        ("half_pixel_symmetric", 19), ("tf_half_pixel_for_nn", 11),
    )  # fmt: skip
    mode = draw.one("nearest", "linear", "cubic")
    attributes: dict[str, Any] = {"mode": mode, "coordinate_transformation_mode": place}
    if mode == "nearest":
        attributes["nearest_mode"] = draw.one("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
    if mode == "cubic":
        attributes |= {"exclude_outside": draw(0, 2), "cubic_coeff_a": draw.one(-0.5, -0.75)}
    x, empty = draw.floats(2, draw(1, 3), *draw.many(2, 2, 7)), np.zeros(0, np.float32)
    if draw(0, 2):
        scales = np.float32([1, 1, draw.one(0.5, 0.8, 1.5, 2, 3, 2.6), draw.one(0.5, 1, 2, 3)])
        return "Resize", [x, empty, scales], attributes, {"opset": opset}
    return "Resize", [x, empty, empty, np.array([*x.shape[:2], *draw.many(2, 1, 12)])], attributes, {"opset": opset}


def pad(draw: Draw) -> Case:
    sizes = draw.many(draw(1, 5), 3, 6)
    mode = draw.one("constant", "edge", "reflect", "wrap")
    inputs = [draw.floats(*sizes), np.array(draw.many(2 * len(sizes), -1, 3))]
    return "Pad", inputs + ([np.float32(draw(-2, 3))] if mode == "constant" else []), {"mode": mode}, {"opset": 19}


def slices(draw: Draw) -> Case:
    sizes = draw.many(draw(1, 5), 1, 6)
    axes = draw.random.permutation(len(sizes))[: draw(1, len(sizes) + 1)]
    count = len(axes)
    starts = np.array(draw.many(count, -8, 8))
    ends = np.array([draw.one(draw(-8, 8), 2**31, -(2**31), 2**62, -(2**62)) for _ in range(count)])
    steps = np.array([draw.one(1, 1, 2, -1, -2, 3) for _ in range(count)])
    return "Slice", [draw.floats(*sizes), starts, ends, axes - draw.one(0, len(sizes)), steps], {}, {}


def recurrent(draw: Draw) -> Case:
    operator, gates = draw.one(("LSTM", 4), ("GRU", 3), ("RNN", 1))
    directions, (steps, batch, width, units) = draw(1, 3), draw.many(4, 1, 6)
    attributes: dict[str, Any] = {"hidden_size": units}
    attributes["direction"] = draw.one("forward", "reverse") if directions == 1 else "bidirectional"
    if operator == "GRU":
        attributes["linear_before_reset"] = draw(0, 2)
    if operator == "RNN" and draw(0, 2):
        attributes["activations"] = ["Relu"] * directions
    many = gates * units
    inputs = [
        draw.floats(steps, batch, width),
        draw.floats(directions, many, width),
        draw.floats(directions, many, units),
        draw.maybe(draw.floats(directions, 2 * many)),
        draw.maybe(draw.places(1, steps + 1, [batch]).astype(np.int32)),
        draw.maybe(draw.floats(directions, batch, units)),
    ]
    if operator == "LSTM":
        inputs.append(draw.maybe(draw.floats(directions, batch, units)))
    return operator, inputs, attributes, {"opset": 14, "outputs": 3 if operator == "LSTM" else 2}


def reduction(draw: Draw) -> Case:
    kind = draw.one("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSumExp", "SumSquare")
    sizes = draw.many(draw(1, 5), 1, 5)
    axes = draw.random.permutation(len(sizes))[: draw(1, len(sizes) + 1)]
    return f"Reduce{kind}", [draw.floats(*sizes), axes], {"keepdims": draw(0, 2)}, {"opset": 18}


def softmax(draw: Draw) -> Case:
    sizes = draw.many(draw(1, 5), 1, 5)
    axis = draw(-len(sizes), len(sizes))
    operator = draw.one("Softmax", "LogSoftmax", "Hardmax")
    return operator, [draw.floats(*sizes)], {"axis": axis}, {"opset": draw.one(11, 13)}


def matmul(draw: Draw) -> Case:
    a, b = draw.many(draw(1, 5), 1, 4), draw.many(draw(1, 5), 1, 4)
    b[-2 if len(b) > 1 else -1] = a[-1]
    for axis in range(3, min(len(a), len(b)) + 1):
        b[-axis] = draw.one(a[-axis], 1)
    return "MatMul", [draw.floats(*a), draw.floats(*b)], {}, {}


def gather(draw: Draw) -> Case:
    sizes = draw.many(draw(1, 5), 1, 5)
    axis, x = draw(-len(sizes), len(sizes)), draw.floats(*sizes)
    extent = sizes[axis]
    kind = draw(0, 3)
    if kind == 0:
        parts = [draw.places(-size, size, [2, 3]) for size in sizes[: draw(1, len(sizes) + 1)]]
        return "GatherND", [x, np.stack(parts, -1)], {}, {}
    if kind == 1:
        shape = [draw(1, size + 1) for size in sizes]
        shape[axis] = draw(1, 5)
        return "GatherElements", [x, draw.places(-extent, extent, shape)], {"axis": axis}, {}
    return "Gather", [x, draw.places(-extent, extent, draw.many(draw(0, 3), 1, 4))], {"axis": axis}, {}


def scatter(draw: Draw) -> Case:
    sizes, how = draw.many(draw(1, 4), 1, 5), draw.one("none", "add", "mul", "max", "min")
    x = draw.floats(*sizes)
    if draw(0, 2):
        axis, shape = draw(-len(sizes), len(sizes)), [draw(1, size + 1) for size in sizes]
        shape[axis] = 1 if how == "none" else shape[axis]  # which of several updates counts, is not said
        places = draw.places(-sizes[axis], sizes[axis], shape)
        return "ScatterElements", [x, places, draw.floats(*shape)], {"axis": axis, "reduction": how}, {"opset": 18}
    depth, count = draw(1, len(sizes) + 1), 1 if how == "none" else 4
    places = np.stack([draw.places(-size, size, [count]) for size in sizes[:depth]], -1)
    return "ScatterND", [x, places, draw.floats(count, *sizes[depth:])], {"reduction": how}, {"opset": 18}


def top_k(draw: Draw) -> Case:
    sizes = draw.many(draw(1, 4), 1, 6)
    axis = draw(-len(sizes), len(sizes))
    k = np.array([draw(1, sizes[axis] + 1)])
    return "TopK", [draw.floats(*sizes), k], {"axis": axis, "largest": draw(0, 2)}, {"outputs": 2}


def normalisation(draw: Draw) -> Case:
    channels = 2 * draw(1, 4)
    x = draw.floats(2, channels, *draw.many(draw(1, 3), 2, 5))
    a, b, c = (draw.floats(channels) for _ in range(3))
    last = x.shape[-2:]
    cases: list[Case] = [
        ("InstanceNormalization", [x, a, b], {}, {}),
        ("LayerNormalization", [x, draw.floats(*last), draw.floats(*last)], {"axis": -2}, {}),
        ("GroupNormalization", [x, a, b], {"num_groups": 2}, {"opset": 21}),
        ("BatchNormalization", [x, a, b, c, np.abs(a) + np.float32(0.1)], {"epsilon": 1e-3}, {}),
        ("LpNormalization", [x], {"axis": draw(-3, 3), "p": draw(1, 3)}, {}),
        ("LRN", [x], {"size": draw(1, channels + 1), "alpha": 0.1, "beta": 0.7, "bias": 1.5}, {}),
    ]
    return cases[draw(0, len(cases))]


def of_microsoft(draw: Draw) -> Case:
    x, vector = draw.floats(2, 3, 4), [draw.floats(4) for _ in range(3)]
    cases: list[tuple[str, list[Array | None], dict[str, Any]]] = [
        ("FusedMatMul", [x, draw.floats(2, 5, 4)], {"transB": 1, "alpha": 0.3}),
        ("FusedMatMul", [x, draw.floats(2, 3, 5)], {"transA": 1}),
        ("Gelu", [x], {}),
        ("FastGelu", [x, vector[0]], {}),
        ("BiasGelu", [x, vector[0]], {}),
        ("QuickGelu", [x], {"alpha": 1.2}),
        ("SkipLayerNormalization", [x, draw.floats(2, 3, 4), *vector], {}),
    ]
    return *cases[draw(0, len(cases))], {"domain": "com.microsoft"}


def integers(draw: Draw) -> Case:
    operator = draw.one("Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", "Equal", "Less", "Greater")
    attributes = {"fmod": draw(0, 2)} if operator == "Mod" else {}
    return operator, [draw.places(-50, 50, [3, 4]), draw.one(1, -1) * draw.places(1, 9, [4])], attributes, {}


def spectrum(draw: Draw) -> Case:
    length, size = draw(16, 40), draw(4, 12)
    if draw(0, 2):
        attributes = draw.one({"onesided": 1}, {"inverse": 1}, {"axis": 2}, {})
        parts = draw.one(1, 2) if attributes != {"onesided": 1} else 1
        shape = [2, size, 6, parts]
        inputs = [draw.floats(*shape), draw.maybe(np.array(draw(3, 14)))]
        return "DFT", inputs, attributes, {"opset": 17}
    window = draw.one(None, np.hanning(size).astype(np.float32))
    inputs = [draw.floats(2, length, 1), np.array(draw(1, 5)), window, np.array(size)]
    return "STFT", inputs, {"onesided": draw(0, 2)}, {"opset": 17}


def split(draw: Draw) -> Case:
    sizes = draw.many(draw(1, 4), 1, 7)
    axis = draw(-len(sizes), len(sizes))
    parts = draw(1, sizes[axis] + 1)
    return "Split", [draw.floats(*sizes)], {"axis": axis, "num_outputs": parts}, {"opset": 18, "outputs": parts}


KINDS: list[Callable[[Draw], Case]] = [
    conv, conv_transpose, pooling, resize, pad, slices, recurrent, reduction, softmax, matmul, gather, scatter, top_k,
    normalisation, of_microsoft, integers, spectrum, split,
]  # fmt: skip


def model_of(case: Case) -> tuple[Any, dict[str, Array]]:
    operator, inputs, attributes, more = case
    domain = more.get("domain", "")
    while inputs[-1] is None:
        inputs = inputs[:-1]
    names = ["" if array is None else f"x{place}" for place, array in enumerate(inputs)]
    outputs = [f"y{place}" for place in range(more.get("outputs", 1))]
    node = helper.make_node(operator, names, outputs, domain=domain, **attributes)
    feeds = {name: np.asarray(array) for name, array in zip(names, inputs) if name}
    declared = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in feeds.items()
    ]
    graph = helper.make_graph([node], "node", declared, [helper.make_empty_tensor_value_info(name) for name in outputs])
    opsets = [helper.make_opsetid("", more.get("opset", 17)), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9), feeds


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_node_gives_what_onnxruntime_gives(kind: Callable[[Draw], Case]) -> None:
    compared = 0
    for seed in range(120):
        model, feeds = model_of(kind(Draw(seed)))
        try:
            expected = runtime.InferenceSession(model.SerializeToString()).run(None, feeds)
        except Exception:  # What onnxruntime refuses is no case.
            continue
        try:
            outputs = backend.prepare(model).run(feeds)
        except UnsupportedOperatorError:
            continue
        except ValueError as error:
            if "do not fit into an image" in str(error):  # onnxruntime makes something of such windows
                continue
            raise
        for got, wanted in zip(outputs, expected, strict=True):
            assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype), f"seed {seed}: {model.graph.node[0]}"
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4, err_msg=f"seed {seed}: {model.graph.node[0]}")
        compared += 1
    assert compared >= 40


def test_the_remainder_of_large_quotients_is_exact() -> None:
    draw = Draw(0)
    a, b = (draw.floats(1000) * np.float32(10) ** draw.places(-3, 6, [1000]) for _ in range(2))
    a, b = a.astype(np.float32), b.astype(np.float32)
    (remainder,) = backend.run_node(helper.make_node("Mod", ["a", "b"], ["c"], fmod=1), [a, b])
    assert np.array_equal(remainder, np.fmod(a, b))


@pytest.mark.parametrize("operator", ["ReduceSum", "CumSum", "Add", "Mul"])
def test_integers_that_floats_might_round_raise(operator: str) -> None:
    """Also where only a sum of some of the terms is too large."""
    x = np.array([[2**23, 2**23, 5, -(2**23), -(2**23)]])
    axis = np.array([1]) if operator == "ReduceSum" else np.array(1) if operator == "CumSum" else x
    node = helper.make_node(operator, ["x", "axis"], ["y"])
    with pytest.raises(IndexError):
        backend.run_node(node, [x, axis])
    small = x // 2**13
    (total,) = backend.run_node(node, [small, small if axis is x else axis])
    known = {"ReduceSum": np.sum, "CumSum": np.cumsum}
    expected = {"Add": small + small, "Mul": small * small}.get(operator)
    assert np.array_equal(np.ravel(total), np.ravel(known[operator](small) if expected is None else expected))
