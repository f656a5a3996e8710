"""Convolutions: images channels last, kernels (height, width, channels, filters)."""

from __future__ import annotations

from functools import reduce
from typing import Any

from corten import ops
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.tensors import FLOAT
from corten.onnx.values import Data, Value, as_data, limited
from corten.onnx.windows import bordered, channels_last, from_image, image, kernel_shape, windows


def _kernel(w: Data) -> Any:
    """A kernel as the engine has it; one of a single spatial axis as one of height 1."""
    rank = len(w.shape)
    tensor = w.laid((*range(2, rank), 1, 0))
    return ops.reshape(tensor, (1, *tensor.shape)) if rank == 3 else tensor


def _operands(call: Call, *values: Value | None) -> list[Data | None]:
    expect_floats(call, *values)
    return [None if value is None else as_data(value) for value in values]


@operator("Conv")
def _conv(call: Call, x: Value, w: Value, b: Value | None = None) -> Value:
    data, weight, bias = _operands(call, x, w, b)
    assert data is not None and weight is not None
    rank = len(data.shape)
    if rank not in (3, 4, 5):
        raise call.refuse(f"an input of {rank} axes")
    group = call.integer("group", 1)
    if len(weight.shape) != rank or group < 1 or weight.shape[1] * group != data.shape[1]:
        raise ValueError(f"a kernel of shape {weight.shape} in {group} groups does not fit an input of {data.shape}")
    spatial = list(data.shape[2:])
    window = windows(call, spatial, kernel_shape(call, rank - 2, list(weight.shape[2:])))
    if rank == 5:
        return _conv3d(data, weight, bias, window, group)
    strides, dilations = window.strides, window.dilations
    same = window.padded and window.as_same(spatial)
    pads = [] if same else window.pads
    if rank == 3:
        strides, dilations = [1, *strides], [1, *dilations]
        pads = [(0, 0), *pads]
    y = ops.conv2d(
        bordered(image(data), pads),
        _kernel(weight),
        None if bias is None else bias.tensor,
        strides=strides,
        padding="same" if same else "valid",
        dilation=dilations,
        groups=group,
    )
    return from_image(y, data)


def _conv3d(data: Data, weight: Data, bias: Data | None, window: Any, group: int) -> Data:
    """The sum of two-dimensional convolutions, one for each layer of the kernel."""
    x = bordered(data.laid(channels_last(5)), window.pads)
    n, _, height, width, channels = x.shape
    kernel = weight.laid((2, 3, 4, 1, 0))
    parts = []
    for place, part in enumerate(window.slices()[0]):
        layers = ops.getitem(x, (slice(None), part))
        count = layers.shape[1]
        flat = ops.reshape(layers, (n * count, height, width, channels))
        y = ops.conv2d(
            flat,
            ops.getitem(kernel, place),
            strides=window.strides[1:],
            dilation=window.dilations[1:],
            groups=group,
        )
        parts.append(ops.reshape(y, (n, count, *y.shape[1:])))
    total = reduce(ops.add, parts)
    return Data(total if bias is None else ops.add(total, bias.tensor), FLOAT, channels_last(5))


@operator("ConvTranspose")
def _conv_transpose(call: Call, x: Value, w: Value, b: Value | None = None) -> Value:
    data, weight, bias = _operands(call, x, w, b)
    assert data is not None and weight is not None
    rank = len(data.shape)
    if rank not in (3, 4):
        raise call.refuse(f"an input of {rank} axes")
    group = call.integer("group", 1)
    if len(weight.shape) != rank or weight.shape[0] != data.shape[1] or group < 1 or data.shape[1] % group:
        raise ValueError(f"a kernel of shape {weight.shape} in {group} groups does not fit an input of {data.shape}")
    spatial = list(data.shape[2:])
    sizes = kernel_shape(call, rank - 2, list(weight.shape[2:]))
    strides, dilations = (call.integers(name, [1] * (rank - 2)) for name in ("strides", "dilations"))
    more = call.integers("output_padding", [0] * (rank - 2))
    reach = [(k - 1) * d + 1 for k, d in zip(sizes, dilations)]
    full = limited([(n - 1) * s + k for n, s, k in zip(spatial, strides, reach)], str(call.node))
    begins, wanted = _cut(call, full, spatial, strides, more)
    limited(wanted, str(call.node))
    # Cells that no input reaches, behind all others, before the result is cut from it.
    beyond = [max(0, begin + size - end) for begin, size, end in zip(begins, wanted, full)]
    if rank == 3:
        strides, dilations, beyond = [1, *strides], [1, *dilations], [0, *beyond]
        begins, wanted = [0, *begins], [1, *wanted]
    images, kernel = image(data), _kernel(weight)
    width = data.shape[1] // group
    parts = []
    for part in range(group):
        own = slice(part * width, (part + 1) * width)
        parts.append(
            ops.conv2d_transpose(
                images if group == 1 else ops.getitem(images, (..., own)),
                kernel if group == 1 else ops.getitem(kernel, (..., own)),
                strides=strides,
                dilation=dilations,
                output_padding=beyond,
            )
        )
    y = parts[0] if group == 1 else ops.concatenate(parts, -1)
    y = ops.getitem(y, (slice(None), *(slice(begin, begin + size) for begin, size in zip(begins, wanted))))
    return from_image(y if bias is None else ops.add(y, bias.tensor), data)


def _cut(
    call: Call, full: list[int], spatial: list[int], strides: list[int], more: list[int]
) -> tuple[list[int], list[int]]:
    """Where in all that the inputs reach the result begins, and its size."""
    rank = len(full)
    auto = call.text("auto_pad", "NOTSET", ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
    shape, pads = call.integers("output_shape", None), call.integers("pads", [0] * (2 * rank))
    if len(pads) != 2 * rank or len(more) != rank or any(pad < 0 for pad in [*pads, *more]):
        raise ValueError(f"pads {pads} and output_padding {more}: expected {2 * rank} and {rank} numbers >= 0")
    if shape is None and auto in ("NOTSET", "VALID"):
        pads = pads if auto == "NOTSET" else [0] * (2 * rank)
        begins = pads[:rank]
        sizes = [end + extra - low - high for end, extra, low, high in zip(full, more, begins, pads[rank:])]
    else:
        sizes = [n * s for n, s in zip(spatial, strides)] if shape is None else shape[-rank:]
        if shape is None and any(end < size for end, size in zip(full, sizes)):
            # ONNX and its most used runtime differ in the size of what no input reaches.
            raise call.refuse(f"auto_pad={auto!r} with a kernel smaller than the stride")
        totals = [max(0, end + extra - size) for end, extra, size in zip(full, more, sizes)]
        begins = [total // 2 if auto == "SAME_UPPER" else total - total // 2 for total in totals]
    if any(size < 1 for size in sizes):
        raise ValueError(f"pads {pads} cut away all of the output of {full}")
    return begins, sizes
