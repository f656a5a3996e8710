"""What convolution and pooling share: windows that go over the spatial axes of channels-last images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from corten import ops
from corten.onnx.operator import Call
from corten.onnx.values import Data, Order, limited, surrounded

__all__ = ["Windows", "bordered", "channels_last", "from_image", "image", "kernel_shape", "windows"]


def channels_last(rank: int) -> Order:
    """The order of the axes of an image of ``rank`` axes in memory: ONNX has the channels behind the batch."""
    return (0, *range(2, rank), 1)


@dataclass
class Windows:
    """Along each spatial axis, how windows go over it."""

    sizes: list[int]
    strides: list[int]
    dilations: list[int]
    #: Cells before and behind.
    pads: list[tuple[int, int]]
    #: How many windows there are.
    counts: list[int]

    @property
    def reach(self) -> list[int]:
        return [(k - 1) * d + 1 for k, d in zip(self.sizes, self.dilations)]

    @property
    def padded(self) -> bool:
        return any(any(pair) for pair in self.pads)

    def as_same(self, extents: list[int]) -> bool:
        """Whether they lie as the engine's padding "same" lays them: an odd cell behind."""
        for n, k, s, pad, count in zip(extents, self.reach, self.strides, self.pads, self.counts):
            out = -(-n // s)
            total = max((out - 1) * s + k - n, 0)
            if count != out or pad != (total // 2, total - total // 2):
                return False
        return True

    def slices(self) -> list[list[slice]]:
        """Along each axis, for each cell of a window, where that cell of all windows is in the padded image."""
        return [
            [slice(i * d, i * d + (count - 1) * s + 1, s) for i in range(k)]
            for k, d, s, count in zip(self.sizes, self.dilations, self.strides, self.counts)
        ]


def windows(call: Call, extents: list[int], sizes: list[int], ceil: bool = False) -> Windows:
    """The windows that an operator's attributes describe for an image with these spatial extents."""
    rank = len(extents)
    strides, dilations = _per_axis(call, "strides", rank), _per_axis(call, "dilations", rank)
    auto = call.text("auto_pad", "NOTSET", ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
    given = call.integers("pads", [0] * (2 * rank))
    if len(given) != 2 * rank or any(not 0 <= pad < 2**31 for pad in given):
        raise ValueError(f"pads: expected {2 * rank} numbers >= 0, got {given}")
    reach = [(k - 1) * d + 1 for k, d in zip(sizes, dilations)]
    pads, counts = [], []
    for axis, (n, k, s) in enumerate(zip(extents, reach, strides)):
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            count = -(-n // s)
            total = max((count - 1) * s + k - n, 0)
            low = total // 2 if auto == "SAME_UPPER" else total - total // 2
            pads.append((low, total - low))
            counts.append(count)
            continue
        low, high = (0, 0) if auto == "VALID" else (given[axis], given[axis + rank])
        span = n + low + high - k
        if span < 0:
            raise ValueError(f"windows of {reach} cells do not fit into an image of {extents} with pads {given}")
        count = -(-span // s) + 1 if ceil else span // s + 1
        if ceil and (count - 1) * s >= n + low:
            count -= 1  # A window that would begin behind the image.
        # What no window reaches is cut off where windows are taken; what is missing is added.
        pads.append((low, max(high, (count - 1) * s + k - n - low)))
        counts.append(count)
    limited([n + low + high for n, (low, high) in zip(extents, pads)], str(call.node))
    return Windows(sizes, strides, dilations, pads, counts)


def _per_axis(call: Call, name: str, rank: int) -> list[int]:
    values: list[int] = call.integers(name, [1] * rank)
    if len(values) != rank or any(not 1 <= value < 2**31 for value in values):
        raise ValueError(f"{name}: expected {rank} numbers >= 1, got {values}")
    return values


def kernel_shape(call: Call, rank: int, actual: list[int] | None = None) -> list[int]:
    """The sizes of the windows; those of a kernel, where there is one."""
    sizes: list[int] = call.integers("kernel_shape", actual)
    if sizes is None or len(sizes) != rank or any(not 1 <= size < 2**31 for size in sizes):
        raise ValueError(f"kernel_shape: expected {rank} numbers >= 1, got {sizes}")
    if actual is not None and sizes != actual:
        raise ValueError(f"kernel_shape: expected {actual}, the kernel's, got {sizes}")
    return sizes


def image(x: Data) -> Any:
    """A value as images of two spatial axes, channels last: of one axis, as images of height 1."""
    tensor = x.laid(channels_last(len(x.shape)))
    if len(x.shape) == 3:
        n, length, channels = tensor.shape
        return ops.reshape(tensor, (n, 1, length, channels))
    return tensor


def from_image(tensor: Any, like: Data) -> Data:
    """What :func:`image` was made of, from an image of another size."""
    rank = len(like.shape)
    if rank == 3:
        n, _, length, channels = tensor.shape
        tensor = ops.reshape(tensor, (n, length, channels))
    return Data(tensor, like.dtype, channels_last(rank))


def bordered(tensor: Any, pads: list[tuple[int, int]], constant: float = 0.0) -> Any:
    """Channels-last images with cells around them."""
    return surrounded(tensor, [(0, 0), *pads, (0, 0)], constant) if pads else tensor
