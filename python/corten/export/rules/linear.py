"""Matrix products, convolutions and pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten.export.emitter import Axes, Emitter
from corten.export.rules.rule import Rule
from corten.export.sizes import Size, sample, size_of, traces
from corten.export.traced import Node, Value, refusal

__all__ = ["RULES"]


def _activated(to: Emitter, node: Node, name: str) -> str:
    return str(to.add("Relu", [name])) if node.attributes["activation"] == "relu" else name


def _dense(to: Emitter, node: Node) -> None:
    (x, kernel, *bias), y = node.inputs, node.outputs[0]
    names = [to.plain(x), to.plain(kernel)]
    biases = [to.plain(b) for b in bias]
    if x.rank == 2:
        name = to.add("Gemm", names + biases)
    else:
        name = to.add("MatMul", names)
        name = to.add("Add", [name, *biases]) if biases else name
    to.hold(y, _activated(to, node, name))


def _matmul(to: Emitter, node: Node) -> None:
    names = []
    for x, turned in zip(node.inputs, (node.attributes["transpose_a"], node.attributes["transpose_b"]), strict=True):
        *stack, rows, columns = range(x.rank)
        names.append(to.get(x, [*stack, columns, rows] if turned else [*stack, rows, columns]))
    to.hold(node.outputs[0], to.add("MatMul", names))


# --- windows ---------------------------------------------------------------------------------------------------------


def padding(size: int, kernel: int, stride: int, dilation: int, same: bool) -> tuple[int, int]:
    """Zeros before and after an axis: "same" gives ceil(size / stride) outputs, and the odd zero goes after."""
    if not same:
        return 0, 0
    extent = (kernel - 1) * dilation + 1
    total = max(0, (size - 1) // stride * stride + extent - size)
    return total // 2, total - total // 2


def _pads(sizes: list[Size], window: Callable[[int, int], tuple[int, int]]) -> list[int] | None:
    """ONNX's ``pads``: all before, then all after; None where they depend on an open size."""
    count = traces(*sizes)
    found: list[list[int]] = [[], []]
    for axis, size in enumerate(sizes):
        pairs = [window(sample(size, trace), axis) for trace in range(count)]
        for side in (0, 1):
            pad = size_of([pair[side] for pair in pairs])
            if not isinstance(pad, int):
                return None
            found[side].append(pad)
    return found[0] + found[1]


def _flat(to: Emitter, x: Value, kernel_height: int) -> bool:
    """Whether an image is a sequence: it has one row, as the kernel has, and no tensor has an axis for it."""
    return x.shape[1] == 1 and kernel_height == 1 and all(1 not in held.axes for held in to.ways(x))


def _unpadded(to: Emitter, x: Value) -> tuple[Value, list[tuple[int, int]]]:
    """The image before zeros were put around it, and how many were, above and below, left and right."""
    node, axes = x.producer, [0, 1, 2, 3]
    if node is not None and node.op == "reshape" and node.inputs[0].rank == 3 and x.shape[1] == 1:
        # A sequence, which is an image of one row.
        (sequence,) = node.inputs
        if (sequence.shape[0], *sequence.shape[1:]) == (x.shape[0], *x.shape[2:]):
            node, axes = sequence.producer, [0, 2, 3]
    if node is None or node.op != "pad" or node.attributes["value"] != 0:
        return x, [(0, 0), (0, 0)]
    (before,), low, high = node.inputs, node.attributes["low"], node.attributes["high"]
    around = dict(zip(axes, zip(low, high, strict=True), strict=True))
    fixed = all(isinstance(number, int) for number in (*low, *high))
    if not fixed or around[0] != (0, 0) or around[3] != (0, 0) or before.array is not None:
        return x, [(0, 0), (0, 0)]
    image = Value(tuple(1 if a == 1 and a not in axes else before.shape[axes.index(a)] for a in range(4)), "float32")
    for held in list(to.ways(before)):
        to.hold(image, held.name, [None if axis is None else axes[axis] for axis in held.axes])
    return image, [around.get(1, (0, 0)), around[2]]


def _conv2d(to: Emitter, node: Node) -> None:
    (x, kernel, *bias), y = node.inputs, node.outputs[0]
    height, width = (_fixed(node, size) for size in kernel.shape[:2])
    strides, dilation = node.attributes["strides"], node.attributes["dilation"]
    same, around = node.attributes["padding"] == "same", [(0, 0), (0, 0)]
    if not same:
        x, around = _unpadded(to, x)
    spatial = [2] if _flat(to, x, height) and around[0] == (0, 0) else [1, 2]
    shape = [height, width][-len(spatial) :]

    def window(size: int, axis: int) -> tuple[int, int]:
        at = axis + 2 - len(spatial)
        return padding(size, (height, width)[at], strides[at], dilation[at], True) if same else around[at]

    pads = _pads([x.shape[axis] for axis in spatial], window)
    options: dict[str, Any] = {"auto_pad": "SAME_UPPER"} if pads is None else {"pads": pads}
    names = [to.get(x, [0, 3, *spatial]), to.get(kernel, [3, 2, *(axis - 1 for axis in spatial)])]
    name = to.add(
        "Conv",
        names + [to.plain(b) for b in bias],
        kernel_shape=shape,
        strides=strides[-len(spatial) :],
        dilations=dilation[-len(spatial) :],
        group=node.attributes["groups"],
        **options,
    )
    to.hold(y, _activated(to, node, name), [0, 3, *spatial])


def _fixed(node: Node, size: Size) -> int:
    if not isinstance(size, int):
        raise refusal(node, "the size of its window depends on an open size")
    return size


def _conv2d_input_gradient(to: Emitter, node: Node) -> None:
    to.hold(node.outputs[0], *_transposed(to, node, []))


def _add(to: Emitter, node: Node) -> None:
    """The bias of a transposed convolution is an input of ONNX's."""
    (x, bias), y = node.inputs, node.outputs[0]
    before, of_channels = x.producer, bias.array is not None and bias.shape == x.shape[-1:]
    if before is not None and before.op == "conv2d_input_gradient" and of_channels:
        return to.hold(y, *_transposed(to, before, [bias]))
    return to.elementwise("Add", y, node.inputs)


def _transposed(to: Emitter, node: Node, bias: list[Value]) -> tuple[str, Axes]:
    """The transposed convolution: what of all that the kernel reaches is cut, before and behind, are the pads."""
    (x, kernel), y = node.inputs, node.outputs[0]
    height, width = (_fixed(node, size) for size in kernel.shape[:2])
    spatial = [2] if _flat(to, x, height) and y.shape[1] == 1 else [1, 2]
    strides, dilation = node.attributes["strides"], node.attributes["dilation"]
    same = node.attributes["padding"] == "same"

    def window(place: int) -> tuple[int, int, int]:
        """Before, after, and what is added behind."""
        at = spatial[place] - 1
        small, large = x.shape[at + 1], y.shape[at + 1]
        count = traces(small, large)
        k, stride, gap = (height, width)[at], strides[at], dilation[at]
        pairs = []
        for trace in range(count):
            n, size = sample(small, trace), sample(large, trace)
            before, _ = padding(size, k, stride, gap, same)
            pairs.append((before, (n - 1) * stride + (k - 1) * gap + 1 - before - size))
        if len(set(pairs)) > 1:
            raise refusal(node, "what it cuts off at the edges depends on an open size")
        before, after = pairs[0]
        return before, max(after, 0), max(-after, 0)

    edges = [window(place) for place in range(len(spatial))]
    more = [extra for _, _, extra in edges]
    name = to.add(
        "ConvTranspose",
        [
            to.get(x, [0, 3, *spatial]),
            to.get(kernel, [3, 2, *(axis - 1 for axis in spatial)]),
            *(to.plain(b) for b in bias if not any(more)),
        ],
        kernel_shape=[height, width][-len(spatial) :],
        strides=strides[-len(spatial) :],
        dilations=dilation[-len(spatial) :],
        group=node.attributes["groups"],
        pads=[before for before, _, _ in edges] + [after for _, after, _ in edges],
    )
    axes: Axes = (0, 3, *spatial)
    if any(more):
        # Beyond what any pixel reaches there is nothing but the bias.
        rest = [0, 0, *(0 for _ in more), 0, 0, *more]
        name = to.add("Pad", [name, to.whole(*rest), to.number(0)])
        if bias:
            name = to.add("Add", [name, to.operand(bias[0], axes, 3)])
    return name, axes


def _pool(kind: str, **options: int) -> Rule:
    def rule(to: Emitter, node: Node) -> None:
        x, y = node.inputs[0], node.outputs[0]
        pool, strides = node.attributes["pool"], node.attributes["strides"]
        spatial = [2] if _flat(to, x, pool[0]) else [1, 2]
        same = node.attributes["padding"] == "same"

        def window(size: int, axis: int) -> tuple[int, int]:
            at = axis + 2 - len(spatial)
            return padding(size, pool[at], strides[at], 1, same)

        pads = _pads([x.shape[axis] for axis in spatial], window)
        padded: dict[str, Any] = {"auto_pad": "SAME_UPPER"} if pads is None else {"pads": pads}
        name = to.add(
            kind,
            [to.get(x, [0, 3, *spatial])],
            kernel_shape=pool[-len(spatial) :],
            strides=strides[-len(spatial) :],
            **padded,
            **options,
        )
        to.hold(y, name, [0, 3, *spatial])

    return rule


RULES: dict[str, Rule] = {
    "add": _add,
    "matmul": _matmul,
    "dense": _dense,
    "conv2d": _conv2d,
    "conv2d_input_gradient": _conv2d_input_gradient,
    "max_pool2d": _pool("MaxPool"),
    "average_pool2d": _pool("AveragePool", count_include_pad=0),
}
