"""Spectra: the discrete Fourier transform as a product with its matrix, windows, and the weights of mel bands."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from corten import ops
from corten.graph import Array
from corten.onnx.operator import Call, expect_floats, operator
from corten.onnx.tensors import FLOAT, dtype_of
from corten.onnx.values import Data, Value, arranged, as_data, axis_of, limited, numbers, padded


def _scalar(call: Call, value: Value, what: str) -> int | float:
    """The one number of an input that must be known."""
    array = numbers(value, f"{call.node}: {what}")
    if array.size != 1:
        raise ValueError(f"{what}: expected one number, got shape {array.shape}")
    number: int | float = array.reshape(()).item()
    return number


def _basis(call: Call, length: int, bins: int, complex_input: bool, inverse: bool = False) -> Array:
    """The matrix that makes spectra of signals: (length * parts, bins * 2)."""
    parts = 2 if complex_input else 1
    limited([length * parts, bins * 2], str(call.node))
    angles = 2 * np.pi * (np.outer(np.arange(length), np.arange(bins)) % length) / length
    cosine, sine = np.cos(angles), np.sin(angles) * (1 if inverse else -1)
    matrix = np.empty((length, parts, bins, 2))
    matrix[:, 0, :, 0], matrix[:, 0, :, 1] = cosine, sine
    if complex_input:
        matrix[:, 1, :, 0], matrix[:, 1, :, 1] = -sine, cosine
    return (matrix / (length if inverse else 1)).reshape(length * parts, bins * 2).astype(np.float32)


@operator("DFT", oldest=17)
def _dft(call: Call, x: Value, length: Value | None = None, axis: Value | None = None) -> Value:
    inverse, half = call.flag("inverse"), call.flag("onesided")
    rank = len(x.shape)
    if call.version < 20:
        place = axis_of(call.integer("axis", 1), rank)
    else:
        place = axis_of(-2 if axis is None else int(_scalar(call, axis, "the axis")), rank)
    expect_floats(call, x)
    if x.shape[-1] not in (1, 2) or place == rank - 1:
        raise ValueError(f"expected real or complex numbers along the last axis, got shape {x.shape}")
    if inverse and half:
        raise call.refuse("inverse with onesided")
    extent = x.shape[place]
    count = extent if length is None else int(_scalar(call, length, "the length"))
    if count < 1:
        raise ValueError(f"the length: expected at least 1, got {count}")
    signal = as_data(x)
    if count < extent:
        signal = signal.like(ops.getitem(signal.tensor, tuple(_head(signal, place, count))))
    widths = [(0, max(0, count - extent)) if a == place else (0, 0) for a in range(rank)]
    signal = as_data(padded(signal, widths))
    others = [a for a in range(rank - 1) if a != place]
    order = (*others, place, rank - 1)
    parts = x.shape[-1]
    bins = count // 2 + 1 if half else count
    rows = ops.reshape(signal.laid(order), [*(x.shape[a] for a in others), count * parts])
    spectrum = ops.dense(rows, _basis(call, count, bins, parts == 2, inverse))
    spectrum = ops.reshape(spectrum, [*(x.shape[a] for a in others), bins, 2])
    return Data(arranged(spectrum, order, tuple(range(rank))), FLOAT)


def _head(signal: Data, axis: int, count: int) -> list[slice]:
    return [slice(0, count) if a == axis else slice(None) for a in signal.order]


@operator("STFT", oldest=17)
def _stft(call: Call, signal: Value, step: Value, window: Value | None = None, length: Value | None = None) -> Value:
    half = call.flag("onesided", True)
    stride = int(_scalar(call, step, "the step"))
    expect_floats(call, signal)
    if len(signal.shape) == 2:
        batch, extent = signal.shape
    elif len(signal.shape) == 3 and signal.shape[2] == 1:
        batch, extent, _ = signal.shape
    else:
        raise call.refuse(f"a signal of shape {signal.shape}")
    if window is None and length is None:
        raise ValueError("expected a window or the length of a frame")
    size = window.shape[0] if length is None else int(_scalar(call, length, "the length"))  # type: ignore[union-attr]
    weights = np.ones(size, np.float32) if window is None else numbers(window, f"{call.node}: the window")
    if stride < 1 or not 1 <= size <= extent or weights.shape != (size,):
        raise ValueError(
            f"step {stride} and frames of {size}, with a window of shape {weights.shape}, do not fit {extent} samples"
        )
    bins = size // 2 + 1 if half else size
    kernel = _basis(call, size, bins, False) * weights[:, None].astype(np.float32)
    images = ops.reshape(as_data(signal).plain, [batch, 1, extent, 1])
    frames = ops.conv2d(images, kernel.reshape(1, size, 1, bins * 2), strides=(1, stride))
    return Data(ops.reshape(frames, [batch, frames.shape[2], bins, 2]), FLOAT)


def _window(name: str, *factors: float) -> None:
    @operator(name, oldest=17)
    def make(call: Call, size: Value) -> Value:
        count = int(_scalar(call, size, "the size"))
        limited([count], str(call.node))
        period = count if call.flag("periodic", True) else count - 1
        angles = 2 * np.pi * np.arange(count) / max(1, period)
        values = sum(factor * np.cos(order * angles) for order, factor in enumerate(factors))
        return np.asarray(values, dtype_of(call.integer("output_datatype", 1), str(call.node)))


_window("HannWindow", 0.5, -0.5)
_window("HammingWindow", 25 / 46, -21 / 46)
_window("BlackmanWindow", 0.42, -0.5, 0.08)


@operator("MelWeightMatrix", oldest=17)
def _mel_weights(call: Call, bands: Value, length: Value, rate: Value, low: Value, high: Value) -> Value:
    names = ("the number of bands", "the length", "the rate", "the lower edge", "the upper edge")
    known = [_scalar(call, value, name) for value, name in zip((bands, length, rate, low, high), names)]
    count, size, sampling = (int(value) for value in known[:3])
    if count < 1 or size < 1 or sampling < 1 or not 0 <= known[3] < known[4]:
        raise ValueError(f"expected numbers above 0 and edges in order, got {known}")
    bins = size // 2 + 1
    limited([bins, count], str(call.node))

    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    edges: Any = np.arange(count + 2) * ((mel(known[4]) - mel(known[3])) / (count + 2)) + mel(known[3])
    places = ((size + 1) * (700 * (10 ** (edges / 2595) - 1)) // sampling).astype(np.int64)
    matrix = np.zeros((bins, count))
    for band in range(count):
        first, centre, last = places[band : band + 3]
        rising, falling = np.arange(first, centre), np.arange(centre, last)
        if first == centre:
            matrix[centre, band] = 1
        else:
            matrix[first : centre + 1, band] = np.append(rising - first, centre - first) / (centre - first)
        if centre != last:
            matrix[falling, band] = (last - falling) / (last - centre)
    return matrix.astype(dtype_of(call.integer("output_datatype", 1), str(call.node)))
