"""Where a model makes vectors of images, and images of vectors: there the order of features is a library's own.

PyTorch has the channels first, and so its ``Flatten`` gives (channels, rows, columns) where Corten's gives (rows,
columns, channels). What follows must have its weights in that order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from corten.errors import warn
from corten.graph import Call, SymbolicTensor, flatten
from corten.layers.activation import PReLU
from corten.layers.batch_normalization import BatchNormalization
from corten.layers.convolution import Convolution
from corten.layers.dense import Dense
from corten.layers.layer import Layer
from corten.layers.layer_normalization import LayerNormalization, RMSNormalization
from corten.layers.pooling import Pooling
from corten.layers.reshaping import Cropping1D, Flatten, Permute, Reshape, ZeroPadding1D
from corten.layers.upsampling import UpSampling1D

__all__ = ["Order", "orders_of"]

#: Layers with weights for each feature of a vector.
_OF_FEATURES = (Dense, BatchNormalization, LayerNormalization, RMSNormalization, PReLU)
#: Layers that PyTorch has for channels first alone.
_CHANNELS_FIRST = (Convolution, Pooling, UpSampling1D, ZeroPadding1D, Cropping1D)


@dataclass(frozen=True)
class Order:
    """The sizes (..., channels) of the images that a layer's input features were, and its output features become."""

    inputs: tuple[int, ...] | None = None
    outputs: tuple[int, ...] | None = None


def orders_of(model: Layer) -> dict[int, Order]:
    """The orders of features of the layers where images become vectors or vectors images, by ``id(layer)``.

    Raises:
        ValueError: flattened images are joined with something, or cut, before a layer has weights for each feature.
    """
    calls = _Calls(model)
    found: dict[int, Order] = {}
    for call in calls.all:
        layer = call.function
        if isinstance(layer, _OF_FEATURES) and len(_inputs(call)) == 1:
            sizes = calls.flattened(_inputs(call)[0], str(layer.name))
            if sizes is not None:
                found[id(layer)] = replace(found.get(id(layer), Order()), inputs=sizes)
    for call in calls.all:
        sizes = calls.unflattened(call)
        for layer in calls.before(_inputs(call)[0]) if sizes is not None else ():
            found[id(layer)] = replace(found.get(id(layer), Order()), outputs=sizes)
    return found


class _Calls:
    """The calls of a functional model, those inside the models in it among them."""

    def __init__(self, model: Layer) -> None:
        self.all: list[Call] = []
        #: What is the same tensor: a model's input what it is called on, its output what comes of the call.
        self._same: dict[int, SymbolicTensor] = {}
        self._collect(model)

    def _collect(self, model: Any) -> None:
        functional = getattr(model, "_functional", None) or model
        for node in getattr(functional, "nodes", ()):
            if not isinstance(node, Call):
                continue
            function: Any = node.function
            inner = getattr(function, "_functional", None) or function
            if hasattr(inner, "nodes"):
                self._same |= {id(a): b for a, b in zip(inner.inputs, _inputs(node), strict=False)}
                self._same |= {id(a): b for a, b in zip(flatten(node.outputs), inner.outputs, strict=False)}
                self._collect(inner)
            else:
                self.all.append(node)
                if isinstance(function, Layer):
                    self._warn_inside(function)
        if functional is model and not hasattr(model, "nodes"):
            self._warn_inside(model)

    def _warn_inside(self, layer: Layer) -> None:
        """Of layers that are called by Python code nobody knows what follows what."""
        waiting = list(layer._sublayers())
        while waiting:
            part = waiting.pop()
            waiting.extend(part._sublayers())
            if isinstance(part, Flatten):
                warn(
                    f"load_weights: {part.name!r} is called by code, so what follows it is unknown: where it makes "
                    "vectors of images, PyTorch's weights behind it are for another order of features (channels first)"
                )

    def _made(self, symbol: SymbolicTensor) -> Call | None:
        while id(symbol) in self._same:
            symbol = self._same[id(symbol)]
        return symbol.call

    def flattened(self, symbol: SymbolicTensor, name: str) -> tuple[int, ...] | None:
        """The sizes of the images that ``symbol``, vectors, was made of in another order than PyTorch's."""
        call = self._made(symbol)
        if call is None or len(symbol.shape) != 2:
            return None
        inputs = _inputs(call)
        if len(inputs) == 1 and len(inputs[0].shape) > 2:
            sizes = inputs[0].shape[1:]
            is_order = _reshapes(call) and (len(sizes) > 2 or self._channels_first(inputs[0]))
            return _distinct(sizes, name) if is_order and not self._permuted(inputs[0], name) else None
        if isinstance(call.function, Dense):
            return None
        if len(inputs) == 1 and inputs[0].shape == symbol.shape:
            return self.flattened(inputs[0], name)
        if any(self.flattened(one, name) is not None for one in inputs):
            raise ValueError(
                f"load_weights: {name!r} has weights for features of flattened images that were joined or cut before, "
                "and PyTorch's are for another order (channels first); leave it out (None) and use layer.set_weights"
            )
        return None

    def _permuted(self, symbol: SymbolicTensor, name: str) -> bool:
        """Whether the model itself puts the channels first before it flattens."""
        call = self._made(symbol)
        while call is not None:
            inputs, rank = _inputs(call), len(symbol.shape)
            if isinstance(call.function, Permute) or getattr(call.function, "__name__", "") in (
                "transpose",
                "moveaxis",
            ):
                if getattr(call.function, "dims", None) == (rank - 1, *range(1, rank - 1)):
                    return True
                raise ValueError(
                    f"load_weights: {name!r} has weights for features of images whose axes were exchanged before they "
                    "were flattened: how PyTorch orders them is unknown; leave it out (None) and use layer.set_weights"
                )
            if len(inputs) != 1 or inputs[0].shape != symbol.shape:
                return False
            call = self._made(inputs[0])
        return False

    def _channels_first(self, symbol: SymbolicTensor) -> bool:
        """Whether a sequence of vectors comes out of a layer that PyTorch has for channels first alone."""
        call = self._made(symbol)
        while call is not None and not isinstance(call.function, _CHANNELS_FIRST):
            inputs = _inputs(call)
            weightless = not (isinstance(call.function, Layer) and call.function.weights)
            if len(inputs) != 1 or len(inputs[0].shape) != len(symbol.shape):
                return False
            if not weightless and not isinstance(call.function, BatchNormalization):
                return False
            call = self._made(inputs[0])
        return call is not None

    def unflattened(self, call: Call) -> tuple[int, ...] | None:
        """The sizes of the images that the call makes of vectors."""
        inputs, outputs = _inputs(call), flatten(call.outputs)
        if len(inputs) != 1 or len(inputs[0].shape) != 2 or len(outputs) != 1 or not _reshapes(call):
            return None
        (images,) = outputs
        if len(images.shape) < 3:
            return None
        behind = [other for other in self.all if any(self._is(one, images) for one in _inputs(other))]
        is_order = len(images.shape) > 3 or any(isinstance(other.function, _CHANNELS_FIRST) for other in behind)
        return _distinct(images.shape[1:], "Reshape") if is_order else None

    def _is(self, one: SymbolicTensor, other: SymbolicTensor) -> bool:
        while id(one) in self._same:
            one = self._same[id(one)]
        return one is other

    def before(self, symbol: SymbolicTensor) -> Iterator[Layer]:
        """The layers with weights for each feature of ``symbol``, back to the dense layer that makes them."""
        call = self._made(symbol)
        while call is not None:
            if isinstance(call.function, _OF_FEATURES):
                yield call.function
            inputs = _inputs(call)
            if isinstance(call.function, Dense) or len(inputs) != 1 or inputs[0].shape != symbol.shape:
                return
            call = self._made(inputs[0])


def _inputs(call: Call) -> list[SymbolicTensor]:
    return [leaf for leaf in flatten([call.args, call.kwargs]) if isinstance(leaf, SymbolicTensor)]


def _reshapes(call: Call) -> bool:
    name = getattr(call.function, "__name__", "")
    return isinstance(call.function, (Flatten, Reshape)) or name in ("reshape", "flatten")


def _distinct(sizes: tuple[int | None, ...], name: str) -> tuple[int, ...] | None:
    """The sizes, where both orders are not the same."""
    known = tuple(size for size in sizes if size is not None)
    if len(known) != len(sizes):
        raise ValueError(f"load_weights: {name!r}: images of known size expected, got {sizes}")
    return None if known[-1] == 1 or all(size == 1 for size in known[:-1]) else known
