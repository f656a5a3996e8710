"""Matrix products, convolutions and pooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten.export.emitter import Emitter
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


def _flat(x: Value, kernel_height: int) -> bool:
    """Whether an image is a sequence: one row, and a kernel of one row."""
    return x.shape[1] == 1 and kernel_height == 1


def _conv2d(to: Emitter, node: Node) -> None:
    (x, kernel, *bias), y = node.inputs, node.outputs[0]
    height, width = (_fixed(node, size) for size in kernel.shape[:2])
    spatial = [2] if _flat(x, height) else [1, 2]
    strides, dilation = node.attributes["strides"], node.attributes["dilation"]
    same = node.attributes["padding"] == "same"
    shape = [height, width][-len(spatial) :]

    def window(size: int, axis: int) -> tuple[int, int]:
        at = axis + 2 - len(spatial)
        return padding(size, (height, width)[at], strides[at], dilation[at], same)

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
    """The transposed convolution: what of all that the kernel reaches is cut, before and behind, are the pads."""
    (x, kernel), y = node.inputs, node.outputs[0]
    height, width = (_fixed(node, size) for size in kernel.shape[:2])
    spatial = [2] if _flat(x, height) and y.shape[1] == 1 else [1, 2]
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
    name = to.add(
        "ConvTranspose",
        [to.get(x, [0, 3, *spatial]), to.get(kernel, [3, 2, *(axis - 1 for axis in spatial)])],
        kernel_shape=[height, width][-len(spatial) :],
        strides=strides[-len(spatial) :],
        dilations=dilation[-len(spatial) :],
        group=node.attributes["groups"],
        pads=[before for before, _, _ in edges] + [after for _, after, _ in edges],
    )
    more = [extra for _, _, extra in edges]
    if any(more):
        # Beyond what any pixel reaches there is nothing.
        rest = [0, 0, *(0 for _ in more), 0, 0, *more]
        name = to.add("Pad", [name, to.whole(*rest), to.number(0)])
    to.hold(y, name, [0, 3, *spatial])


def _pool(kind: str, **options: int) -> Rule:
    def rule(to: Emitter, node: Node) -> None:
        x, y = node.inputs[0], node.outputs[0]
        pool, strides = node.attributes["pool"], node.attributes["strides"]
        spatial = [2] if _flat(x, pool[0]) else [1, 2]
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
    "matmul": _matmul,
    "dense": _dense,
    "conv2d": _conv2d,
    "conv2d_input_gradient": _conv2d_input_gradient,
    "max_pool2d": _pool("MaxPool"),
    "average_pool2d": _pool("AveragePool", count_include_pad=0),
}
