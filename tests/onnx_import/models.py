"""ONNX models as PyTorch, tf2onnx and others write them, with random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Builder:
    """Puts a graph together: operators are methods, constants become initializers or ``Constant`` nodes."""

    def __init__(self, opset: int, seed: int = 0) -> None:
        self.opset = opset
        self.random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.inputs: list[Any] = []
        self.feeds: dict[str, Callable[[int], Array]] = {}
        self._count = 0

    def name(self, base: str) -> str:
        self._count += 1
        return f"{base}_{self._count}"

    def input(self, name: str, shape: list[int | str | None], feed: Callable[[int], Array], dtype: int = 1) -> str:
        from onnx import helper

        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        self.feeds[name] = feed
        return name

    def weight(self, *shape: int, name: str | None = None, scale: float | None = None, positive: bool = False) -> str:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 16
        scale = fan_in**-0.5 if scale is None else scale
        array = self.random.normal(size=shape).astype(np.float32) * np.float32(scale)
        return self.initializer(np.abs(array) + np.float32(0.5) if positive else array, name)

    def initializer(self, array: Any, name: str | None = None) -> str:
        from onnx import numpy_helper

        name = name or self.name("initializer")
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def constant(self, array: Any) -> str:
        """A ``Constant`` node, as PyTorch writes numbers."""
        from onnx import numpy_helper

        return self.op("Constant", value=numpy_helper.from_array(np.asarray(array)))

    def op(self, operator: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        from onnx import helper

        names = [self.name(operator.lower()) for _ in range(outputs)]
        path = f"/{names[0]}"
        self.nodes.append(helper.make_node(operator, inputs, names, name=path, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    # What changed between versions.

    def squeeze(self, x: str, axes: list[int]) -> str:
        return self._axes("Squeeze", x, axes, 13)

    def unsqueeze(self, x: str, axes: list[int]) -> str:
        return self._axes("Unsqueeze", x, axes, 13)

    def reduce(self, operator: str, x: str, axes: list[int], keepdims: int = 1) -> str:
        return self._axes(operator, x, axes, 13 if operator == "ReduceSum" else 18, keepdims=keepdims)

    def _axes(self, operator: str, x: str, axes: list[int], since: int, **attributes: Any) -> str:
        if self.opset < since:
            return str(self.op(operator, x, axes=axes, **attributes))
        return str(self.op(operator, x, self.constant(np.array(axes, np.int64)), **attributes))

    def clip(self, x: str, low: float, high: float) -> str:
        if self.opset < 11:
            return str(self.op("Clip", x, min=low, max=high))
        return str(self.op("Clip", x, self.constant(np.float32(low)), self.constant(np.float32(high))))

    def slice(self, x: str, start: int, end: int, axis: int) -> str:
        if self.opset < 10:
            return str(self.op("Slice", x, starts=[start], ends=[end], axes=[axis]))
        return str(self.op("Slice", x, *(self.constant(np.array([n], np.int64)) for n in (start, end, axis))))

    def size(self, x: str, axis: int) -> str:
        """One size of a value, as a list of one number: Shape, Gather, Unsqueeze."""
        return self.unsqueeze(self.op("Gather", self.op("Shape", x), self.constant(np.int64(axis)), axis=0), [0])

    def joined(self, *sizes: str | int) -> str:
        parts = [self.constant(np.array([size], np.int64)) if isinstance(size, int) else size for size in sizes]
        return str(self.op("Concat", *parts, axis=0))

    def build(self, *outputs: str, shapes: list[Any] | None = None) -> bytes:
        from onnx import checker, helper

        shapes = shapes or [None] * len(outputs)
        infos = [helper.make_tensor_value_info(name, 1, shape) for name, shape in zip(outputs, shapes)]
        graph = helper.make_graph(self.nodes, "graph", self.inputs, infos, self.initializers)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=min(10, max(4, self.opset - 7)))
        checker.check_model(model)
        return bytes(model.SerializeToString())

    def arrays(self, batch: int) -> dict[str, Array]:
        return {name: feed(batch) for name, feed in self.feeds.items()}


def images(*shape: int) -> Callable[[int], Array]:
    def feed(batch: int) -> Array:
        return np.random.default_rng(batch).normal(size=(batch, *shape)).astype(np.float32)

    return feed


def tokens(length: int, count: int) -> Callable[[int], Array]:
    def feed(batch: int) -> Array:
        return np.random.default_rng(batch).integers(0, count, size=(batch, length))

    return feed


Built = tuple[Builder, bytes]


def _conv(b: Builder, x: str, channels: int, filters: int, kernel: int = 3, stride: int = 1, group: int = 1) -> str:
    w = b.weight(filters, channels // group, kernel, kernel)
    pad = kernel // 2
    return str(
        b.op(
            "Conv",
            x,
            w,
            b.weight(filters),
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[pad] * 4,
            group=group,
            dilations=[1, 1],
        )
    )


def _batch_norm(b: Builder, x: str, channels: int) -> str:
    gamma, beta, mean = (b.weight(channels) for _ in range(3))
    return str(
        b.op("BatchNormalization", x, gamma, beta, mean, b.weight(channels, positive=True), epsilon=1e-5, momentum=0.9)
    )


def resnet(opset: int) -> Built:
    """Residual blocks with batch normalisation, a padded maximum pooling with ceil_mode, as torchvision has them."""
    b = Builder(opset)
    x = b.input("input", ["batch", 3, 17, 15], images(3, 17, 15))
    ceil = {} if opset < 10 else {"ceil_mode": 1}
    x = b.op("Relu", _batch_norm(b, _conv(b, x, 3, 8, 7, 2), 8))
    x = b.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], **ceil)
    for filters, stride in ((8, 1), (16, 2)):
        y = b.op("Relu", _batch_norm(b, _conv(b, x, 8, filters, 3, stride), filters))
        y = _batch_norm(b, _conv(b, y, filters, filters), filters)
        skip = x if stride == 1 else _batch_norm(b, _conv(b, x, 8, filters, 1, stride), filters)
        x = b.op("Relu", b.op("Add", y, skip))
    x = b.op("Flatten", b.op("GlobalAveragePool", x), axis=1)
    w, bias = b.weight(5, 16, name="fc.weight"), b.weight(5, name="fc.bias")
    return b, b.build(b.op("Gemm", x, w, bias, alpha=1.0, beta=1.0, transB=1), shapes=[["batch", 5]])


def mobilenet(opset: int) -> Built:
    """Depthwise convolutions, ReLU6, squeeze and excitation."""
    b = Builder(opset)
    x = b.input("image", [None, 3, 12, 12], images(3, 12, 12))
    x = b.clip(_conv(b, x, 3, 8, stride=2), 0.0, 6.0)
    y = b.clip(_conv(b, x, 8, 8, group=8), 0.0, 6.0)
    squeezed = b.reduce("ReduceMean", y, [2, 3])
    gate = b.op("HardSigmoid", _conv(b, b.op("Relu", _conv(b, squeezed, 8, 4, 1)), 4, 8, 1), alpha=1 / 6)
    y = b.op("Mul", y, gate)
    x = b.op("Add", x, _conv(b, y, 8, 8, 1))
    x = b.op("Mul", x, b.op("Sigmoid", x))
    x = b.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=0)
    flat = b.op("Reshape", x, b.joined(b.size(x, 0), -1))
    return b, b.build(b.op("LogSoftmax", b.op("Gemm", flat, b.weight(72, 4), b.weight(4)), axis=-1), shapes=[[None, 4]])


def keras_cnn(opset: int) -> Built:
    """As tf2onnx writes it: channels last outside, Transpose around convolutions, MatMul and Add."""
    b = Builder(opset)
    x = b.input("input_1:0", ["unk__1", 14, 14, 2], images(14, 14, 2))
    x = b.op("Transpose", x, perm=[0, 3, 1, 2])
    x = b.op("Conv", x, b.weight(6, 2, 3, 3), auto_pad="SAME_UPPER", strides=[2, 2], kernel_shape=[3, 3])
    x = b.op("Relu", b.op("Add", x, b.weight(1, 6, 1, 1)))
    x = b.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], auto_pad="VALID")
    x = b.op("Transpose", x, perm=[0, 2, 3, 1])
    x = b.op("Mul", x, b.weight(6))
    x = b.op("Reshape", x, b.initializer(np.array([-1, 54], np.int64)))
    x = b.op("Add", b.op("MatMul", x, b.weight(54, 1)), b.initializer(np.float32([0.5])))
    return b, b.build(b.op("Sigmoid", x), shapes=[["unk__2", 1]])


def unet(opset: int) -> Built:
    """Down and up again: transposed convolution, Resize in three ways, Concat, reflecting and constant Pad."""
    b = Builder(opset)
    x = b.input("x", ["n", 2, 16, 12], images(2, 16, 12))
    if opset >= 11:
        x1 = b.op("Pad", x, b.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)), mode="reflect")
    else:
        x1 = b.op("Pad", x, mode="reflect", pads=[0, 0, 1, 1, 0, 0, 1, 1])
    x1 = b.op("Conv", x1, b.weight(4, 2, 3, 3), b.weight(4))
    x1 = b.op("PRelu", x1, b.weight(4, 1, 1))
    down = b.op("MaxPool", x1, kernel_shape=[2, 2], strides=[2, 2])
    x2 = b.op("LeakyRelu", _conv(b, down, 4, 6), alpha=0.1)
    up = b.op(
        "ConvTranspose", x2, b.weight(6, 4, 3, 3), b.weight(4), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]
    )
    if opset >= 11:
        scales = b.constant(np.float32([1, 1, 2, 2]))
        nearest = b.op(
            "Resize", x2, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
        sizes = b.op("Concat", b.slice(b.op("Shape", x2), 0, 2, 0), b.slice(b.op("Shape", x), 2, 4, 0), axis=0)
        empty = b.constant(np.zeros(0, np.float32))
        linear = b.op(
            "Resize", x2, "", empty, sizes, mode="linear", coordinate_transformation_mode="pytorch_half_pixel"
        )
        corners = b.op("Resize", x2, "", empty, sizes, mode="linear", coordinate_transformation_mode="align_corners")
        cubic = b.op("Resize", x2, "", empty, sizes, mode="cubic", coordinate_transformation_mode="half_pixel")
        parts = [x1, up, nearest, linear, corners, cubic]
    else:
        name = "Upsample" if opset < 10 else "Resize"
        scales = b.constant(np.float32([1, 1, 2, 2]))
        parts = [x1, up, b.op(name, x2, scales, mode="nearest"), b.op(name, x2, scales, mode="linear")]
    joined = b.op("Concat", *parts, axis=1)
    return b, b.build(b.op("Tanh", _conv(b, joined, 8 + 6 * (len(parts) - 2), 1, 1)), shapes=[["n", 1, None, None]])


def _states(b: Builder, x: str, directions: int, units: int) -> str:
    """Zeros for the states to begin with, as PyTorch has them: the batch's size is asked for."""
    shape = b.joined(directions, b.size(x, 1), units)
    if b.opset < 9:
        raise ValueError("ConstantOfShape is of version 9")
    return str(b.op("ConstantOfShape", shape))


def lstm(opset: int) -> Built:
    """A bidirectional LSTM as PyTorch writes it, batch first, and a GRU behind it."""
    b = Builder(opset)
    x = b.input("x", ["batch", "time", 5], images(7, 5))
    x = b.op("Transpose", x, perm=[1, 0, 2])
    h = _states(b, x, 2, 6)
    w, r, bias = b.weight(2, 24, 5), b.weight(2, 24, 6), b.weight(2, 48)
    y, _, _ = b.op("LSTM", x, w, r, bias, "", h, h, hidden_size=6, direction="bidirectional", outputs=3)
    y = b.op("Transpose", y, perm=[0, 2, 1, 3])
    y = b.op("Reshape", y, b.constant(np.array([0, 0, -1], np.int64)))
    w, r, bias = b.weight(1, 12, 12), b.weight(1, 12, 4), b.weight(1, 24)
    y, last = b.op("GRU", y, w, r, bias, "", _states(b, y, 1, 4), hidden_size=4, linear_before_reset=1, outputs=2)
    every = b.op("Transpose", b.squeeze(y, [1]), perm=[1, 0, 2])
    final = b.op("Gather", every, b.constant(np.int64(-1)), axis=1)
    total = b.op("Add", final, b.squeeze(last, [0]))
    return b, b.build(b.op("Gemm", total, b.weight(3, 4), b.weight(3), transB=1), shapes=[["batch", 3]])


def keras_rnn(opset: int) -> Built:
    """As tf2onnx writes recurrent layers: an embedding, a reversed GRU of the other kind, a simple RNN, Squeeze."""
    b = Builder(opset)
    ids = b.input("ids", ["unk__3", 6], tokens(6, 11), 7)
    x = b.op("Gather", b.weight(11, 4, scale=1.0), b.op("Cast", ids, to=6), axis=0)
    x = b.op("Transpose", x, perm=[1, 0, 2])
    w, r, bias = b.weight(1, 15, 4), b.weight(1, 15, 5), b.weight(1, 30)
    y, _ = b.op("GRU", x, w, r, bias, hidden_size=5, direction="reverse", linear_before_reset=0, outputs=2)
    x = b.squeeze(y, [1])
    w, r = b.weight(1, 3, 5), b.weight(1, 3, 3)
    _, last = b.op("RNN", x, w, r, hidden_size=3, activations=["Relu"], outputs=2)
    x = b.op("Add", b.op("MatMul", b.squeeze(last, [0]), b.weight(3, 4)), b.weight(4))
    return b, b.build(b.op("Softmax", x, axis=1), shapes=[["unk__4", 4]])


def _layer_norm(b: Builder, x: str, width: int) -> str:
    """Unfolded, as PyTorch wrote it before version 17."""
    if b.opset >= 17:
        return str(b.op("LayerNormalization", x, b.weight(width), b.weight(width), axis=-1, epsilon=1e-5))
    centred = b.op("Sub", x, b.reduce("ReduceMean", x, [-1]))
    variance = b.reduce("ReduceMean", b.op("Pow", centred, b.constant(np.float32(2))), [-1])
    deviation = b.op("Sqrt", b.op("Add", variance, b.constant(np.float32(1e-5))))
    return str(b.op("Add", b.op("Mul", b.op("Div", centred, deviation), b.weight(width)), b.weight(width)))


def _gelu(b: Builder, x: str) -> str:
    if b.opset >= 20:
        return str(b.op("Gelu", x))
    erf = b.op("Erf", b.op("Div", x, b.constant(np.float32(np.sqrt(2)))))
    return str(b.op("Mul", b.op("Mul", x, b.op("Add", erf, b.constant(np.float32(1)))), b.constant(np.float32(0.5))))


def transformer(opset: int) -> Built:
    """Embeddings, attention with masks and shapes computed in the graph, unfolded LayerNorm and GELU."""
    b = Builder(opset)
    width, heads, vocabulary = 12, 3, 20
    ids = b.input("input_ids", ["batch", "sequence"], tokens(8, vocabulary), 7)
    mask = b.input(
        "attention_mask",
        ["batch", "sequence"],
        lambda n: (np.arange(8) < 3 + np.arange(n)[:, None] % 6).astype(np.int64),
        7,
    )
    length = b.op("Gather", b.op("Shape", ids), b.constant(np.int64(1)), axis=0)
    if opset >= 11:
        places = b.op("Range", b.constant(np.int64(0)), length, b.constant(np.int64(1)))
    else:
        places = b.op("Slice", b.initializer(np.arange(32)), b.constant(np.array([0])), b.unsqueeze(length, [0]))
    x = b.op("Gather", b.weight(vocabulary, width, name="wte.weight", scale=1.0), ids)
    x = b.op("Add", x, b.op("Gather", b.weight(32, width, name="wpe.weight"), places))
    hidden = b.op("Cast", b.unsqueeze(mask, [1, 2]), to=1)
    bias = b.op("Mul", b.op("Sub", b.constant(np.float32(1)), hidden), b.constant(np.float32(-10000)))
    causal = b.initializer(np.tril(np.ones((1, 1, 32, 32), np.bool_)))
    if opset >= 10:
        end = b.unsqueeze(length, [0])
        for axis in (2, 3):
            causal = b.op("Slice", causal, b.constant(np.array([0])), end, b.constant(np.array([axis])))
    for _ in range(2):
        y = _layer_norm(b, x, width)
        qkv = b.op("Add", b.op("MatMul", y, b.weight(width, 3 * width)), b.weight(3 * width))
        if opset < 13:
            parts = b.op("Split", qkv, split=[width] * 3, axis=2, outputs=3)
        else:
            parts = b.op("Split", qkv, b.constant(np.array([width] * 3)), axis=2, outputs=3)
        shape = b.joined(b.size(y, 0), b.size(y, 1), heads, width // heads)
        q, k, v = (b.op("Reshape", part, shape) for part in parts)
        q, v = (b.op("Transpose", part, perm=[0, 2, 1, 3]) for part in (q, v))
        scores = b.op("MatMul", q, b.op("Transpose", k, perm=[0, 2, 3, 1]))
        scores = b.op("Div", scores, b.constant(np.float32(2.0)))
        scores = b.op("Where", causal, scores, b.constant(np.float32(-3.4e38)))
        shares = b.op("Softmax", b.op("Add", scores, bias), axis=3)
        mixed = b.op("Transpose", b.op("MatMul", shares, v), perm=[0, 2, 1, 3])
        mixed = b.op("Reshape", mixed, b.joined(b.size(mixed, 0), b.size(mixed, 1), width))
        x = b.op("Add", x, b.op("Add", b.op("MatMul", mixed, b.weight(width, width)), b.weight(width)))
        y = _layer_norm(b, x, width)
        y = _gelu(b, b.op("Add", b.op("MatMul", y, b.weight(width, 20)), b.weight(20)))
        x = b.op("Add", x, b.op("Add", b.op("MatMul", y, b.weight(20, width)), b.weight(width)))
    pooled = b.op("Gather", x, b.constant(np.int64(0)), axis=1)
    return b, b.build(b.op("Gemm", pooled, b.weight(2, width), b.weight(2), transB=1), shapes=[["batch", 2]])


def text_encoder(opset: int) -> Built:
    """Positions counted from the tokens that are no padding (RoBERTa), the state at the largest token (CLIP)."""
    b = Builder(opset)
    ids = b.input("input_ids", ["batch", "sequence"], tokens(7, 20), 7)
    none = b.op("Cast", b.op("Equal", ids, b.constant(np.int64(1))), to=9)
    mask = b.op("Cast", b.op("Not", none), to=6)
    places = b.op("Mul", b.op("Cast", b.op("CumSum", mask, b.constant(np.int64(1))), to=6), mask)
    places = b.op("Add", b.op("Cast", places, to=7), b.constant(np.int64(1)))
    x = b.op("Gather", b.weight(20, 6, scale=1.0), ids)
    x = b.op("Add", x, b.op("Gather", b.weight(10, 6, scale=1.0), places))
    x = b.op("Mul", x, b.unsqueeze(b.op("Cast", mask, to=1), [2]))
    end = b.op("ArgMax", b.op("Cast", ids, to=6), axis=-1, keepdims=0)
    count = b.op("Gather", b.op("Shape", ids), b.constant(np.int64(0)), axis=0)
    rows = b.op("Range", b.constant(np.int64(0)), count, b.constant(np.int64(1)))
    pairs = b.op("Concat", b.unsqueeze(rows, [1]), b.unsqueeze(end, [1]), axis=1)
    last = b.op("GatherND", x, pairs)
    masked = b.op("Where", b.unsqueeze(none, [2]), b.constant(np.float32(-np.inf)), x)
    last = b.op("Add", last, b.reduce("ReduceMax", masked, [1], 0))
    length = b.op("ReduceL2", last, axes=[1], keepdims=1) if opset < 18 else b.reduce("ReduceL2", last, [1])
    return b, b.build(b.op("MatMul", b.op("Div", last, length), b.weight(6, 2)), shapes=[["batch", 2]])


def relative_attention(opset: int) -> Built:
    """Biases by distance, put into buckets from Range, Log and Where (T5), and RMS normalisation, unfolded."""
    b = Builder(opset)
    x = b.input("x", ["batch", "sequence", 8], images(9, 8))
    length = b.op("Gather", b.op("Shape", x), b.constant(np.int64(1)), axis=0)
    places = b.op("Range", b.constant(np.int64(0)), length, b.constant(np.int64(1)))
    distance = b.op("Sub", b.unsqueeze(places, [0]), b.unsqueeze(places, [1]))
    size = b.op("Cast", b.op("Abs", distance), to=1)
    far = b.op("Div", b.op("Log", b.op("Max", size, b.constant(np.float32(1)))), b.constant(np.float32(np.log(4))))
    far = b.op("Min", b.op("Cast", b.op("Add", far, b.constant(np.float32(2))), to=7), b.constant(np.int64(3)))
    bucket = b.op("Where", b.op("Less", size, b.constant(np.float32(2))), b.op("Cast", size, to=7), far)
    before = b.op("Cast", b.op("Less", distance, b.constant(np.int64(0))), to=7)
    bucket = b.op("Add", bucket, b.op("Mul", before, b.constant(np.int64(4))))
    bias = b.unsqueeze(b.op("Transpose", b.op("Gather", b.weight(8, 2), bucket), perm=[2, 0, 1]), [0])
    square = b.reduce("ReduceMean", b.op("Pow", x, b.constant(np.float32(2))), [-1])
    y = b.op("Mul", x, b.op("Reciprocal", b.op("Sqrt", b.op("Add", square, b.constant(np.float32(1e-6))))))
    y = b.op("Mul", b.weight(8), y)
    heads = b.joined(b.size(x, 0), -1, 2, 4)
    q, k, v = (
        b.op("Transpose", b.op("Reshape", b.op("MatMul", y, b.weight(8, 8)), heads), perm=[0, 2, 1, 3])
        for _ in range(3)
    )
    scores = b.op("Add", b.op("MatMul", q, b.op("Transpose", k, perm=[0, 1, 3, 2])), bias)
    mixed = b.op("MatMul", b.op("Softmax", scores, axis=-1), v)
    mixed = b.op("Reshape", b.op("Transpose", mixed, perm=[0, 2, 1, 3]), b.joined(b.size(x, 0), -1, 8))
    return b, b.build(b.op("Add", x, b.op("MatMul", mixed, b.weight(8, 8))), shapes=[["batch", "sequence", 8]])


def vision_transformer(opset: int) -> Built:
    """Patches by a convolution, a class token that is expanded to the batch and joined, positions that are added."""
    b = Builder(opset)
    x = b.input("pixel_values", ["batch", 3, 8, 8], images(3, 8, 8))
    patches = b.op("Conv", x, b.weight(10, 3, 4, 4), b.weight(10), kernel_shape=[4, 4], strides=[4, 4])
    patches = b.op("Reshape", patches, b.joined(b.size(patches, 0), 10, -1))
    patches = b.op("Transpose", patches, perm=[0, 2, 1])
    token = b.op("Expand", b.weight(1, 1, 10, name="cls_token"), b.joined(b.size(x, 0), 1, 10))
    x = b.op("Add", b.op("Concat", token, patches, axis=1), b.weight(1, 5, 10, name="pos_embed"))
    x = _layer_norm(b, x, 10)
    q, k = (b.op("MatMul", x, b.weight(10, 10)) for _ in range(2))
    scores = b.op("Softmax", b.op("MatMul", q, b.op("Transpose", k, perm=[0, 2, 1])), axis=2)
    x = b.op("MatMul", scores, x)
    first = b.squeeze(b.slice(x, 0, 1, 1), [1])
    return b, b.build(b.op("MatMul", first, b.weight(10, 3)), shapes=[["batch", 3]])


def normalised(opset: int) -> Built:
    """Instance, group and local response normalisation, PixelShuffle, one-dimensional convolutions."""
    b = Builder(opset)
    x = b.input("x", ["batch", 4, 10], images(4, 10))
    x = b.op("Conv", x, b.weight(8, 2, 3), b.weight(8), group=2, pads=[2, 2], dilations=[2], kernel_shape=[3])
    x = b.op("InstanceNormalization", x, b.weight(8), b.weight(8), epsilon=1e-5)
    if opset >= 21:
        x = b.op("GroupNormalization", x, b.weight(8), b.weight(8), num_groups=2)
    x = b.op("ConvTranspose", x, b.weight(8, 4, 4), b.weight(4), strides=[2], pads=[1, 1], kernel_shape=[4])
    x = b.op("AveragePool", x, kernel_shape=[3], strides=[1], pads=[1, 1], count_include_pad=1)
    x = b.op("Reshape", x, b.constant(np.array([0, 4, 5, 4], np.int64)))
    x = b.op("LRN", x, size=3, alpha=0.1)
    x = b.op("DepthToSpace", x, blocksize=2, mode="CRD") if opset >= 11 else b.op("DepthToSpace", x, blocksize=2)
    x = b.op("GlobalMaxPool", b.op("SpaceToDepth", x, blocksize=2))
    return b, b.build(b.op("Elu", b.op("Flatten", x)), shapes=[["batch", 4]])


MODELS: dict[str, tuple[Callable[[int], Built], tuple[int, ...]]] = {
    "resnet": (resnet, (9, 11, 13, 17, 21)),
    "mobilenet": (mobilenet, (9, 11, 13, 18, 21)),
    "keras_cnn": (keras_cnn, (9, 13, 17)),
    "unet": (unet, (9, 10, 13, 19)),
    "lstm": (lstm, (9, 11, 14, 17)),
    "keras_rnn": (keras_rnn, (9, 13, 17)),
    "transformer": (transformer, (10, 11, 13, 17, 20)),
    "text_encoder": (text_encoder, (11, 13, 17, 21)),
    "relative_attention": (relative_attention, (13, 17)),
    "vision_transformer": (vision_transformer, (11, 13, 17)),
    "normalised": (normalised, (9, 11, 13, 21)),
}
