"""How PyTorch stores what Corten's layers hold: the tensors of each variable, their shapes, and the way back.

It goes by the kind of layer, never by shapes: a square kernel is transposed like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from corten.graph import Variable
from corten.layers.activation import PReLU
from corten.layers.convolution import Convolution
from corten.layers.dense import Dense
from corten.layers.embedding import Embedding
from corten.layers.gru import GRUCell
from corten.layers.layer import Layer
from corten.layers.layer_normalization import RMSNormalization
from corten.layers.multi_head_attention import GroupQueryAttention, MultiHeadAttention
from corten.layers.normalization import Normalization
from corten.layers.recurrent_cell import RecurrentCell
from corten.saving.flattening import Order

__all__ = ["ENDS", "Layout", "as_stored", "chosen", "layouts_of"]

Array: TypeAlias = "NDArray[Any]"
Sizes: TypeAlias = tuple[int, ...]

#: What the names of a PyTorch module's tensors end in, of the modules that are known here.
ENDS = (
    *("weight", "bias", "running_mean", "running_var"),
    *("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"),
    *("in_proj_weight", "in_proj_bias", "q_proj_weight", "k_proj_weight", "v_proj_weight", "bias_k", "bias_v"),
    *(f"{name}_proj.{kind}" for name in ("q", "k", "v", "o", "out") for kind in ("weight", "bias")),
)


@dataclass(frozen=True)
class Layout:
    """One way in which PyTorch stores a variable.

    Args:
        ends: of the names of the tensors.
        shapes: theirs.
        turn: makes of the tensors the variable's array.
        module: which of several modules they are in, where the layer stands for several.
    """

    ends: tuple[str, ...]
    shapes: tuple[Sizes, ...]
    turn: Callable[..., Array]
    module: int = 0


def as_stored(end: str, shape: Sizes) -> Layout:
    """The same array in the same shape."""
    return Layout((end,), (shape,), lambda x: x)


def layouts_of(layer: Layer, orders: Mapping[int, Order]) -> Iterator[tuple[Variable, list[Layout]]]:
    """Each variable of a layer with the ways in which PyTorch may store it, the most particular first.

    Of attention they are those of its projections too. A kind of layer that PyTorch does not have gives nothing.

    Args:
        layer: any.
        orders: of the features of layers behind ``Flatten`` and before ``Reshape``, by ``id``.

    Raises:
        ValueError: PyTorch has the kind of layer, and nothing that computes as this one does.
    """
    own = {variable.name: variable for variable in layer._own()}
    order = orders.get(id(layer), Order())
    if isinstance(layer, (MultiHeadAttention, GroupQueryAttention)):
        yield from _of_attention(layer)
    elif isinstance(layer, RecurrentCell):
        yield from ((own[name], ways) for name, ways in _of_cell(layer, own).items())
    elif isinstance(layer, Dense):
        yield own["kernel"], [_dense(own["kernel"].shape, order)]
        if "bias" in own:
            yield own["bias"], [_features("bias", own["bias"].shape, order.outputs)]
    elif isinstance(layer, Convolution):
        for name, variable in own.items():
            yield variable, [_of_convolution(layer, name, variable.shape)]
    elif isinstance(layer, (Normalization, RMSNormalization)):
        for name, variable in own.items():
            if len(variable.shape) != 1:
                raise ValueError(
                    f"{layer.name!r}: normalises {len(variable.shape)} axes together, and PyTorch's tensors do not say "
                    "in which order theirs are; leave it out (None) and use layer.set_weights"
                )
            end = _NORMALIZATION[name]
            yield variable, [_features(end, variable.shape, order.inputs or order.outputs)]
    elif isinstance(layer, Embedding):
        yield own["embeddings"], [as_stored("weight", own["embeddings"].shape)]
    elif isinstance(layer, PReLU) and math.prod(own["alpha"].shape[:-1]) == 1:
        shape, features = (
            own["alpha"].shape,
            _features("weight", own["alpha"].shape[-1:], order.inputs or order.outputs),
        )
        yield own["alpha"], [Layout(("weight",), features.shapes, lambda x: features.turn(x).reshape(shape))]


_NORMALIZATION = {"gamma": "weight", "scale": "weight", "beta": "bias"}
_NORMALIZATION |= {"moving_mean": "running_mean", "moving_variance": "running_var"}


# --- vectors of features, dense kernels ------------------------------------------------------------------------------


def _permutation(sizes: Sizes | None) -> Any:
    """Where PyTorch, channels first, has each feature of images (..., channels) made a vector; or all, in order."""
    if sizes is None:
        return slice(None)
    places = np.arange(math.prod(sizes)).reshape(sizes[-1], *sizes[:-1])
    return np.moveaxis(places, 0, -1).reshape(-1)


def _features(end: str, shape: Sizes, sizes: Sizes | None) -> Layout:
    permutation = _permutation(sizes)
    return Layout((end,), (shape,), lambda x: x[permutation])


def _dense(shape: Sizes, order: Order) -> Layout:
    rows, columns = _permutation(order.inputs), _permutation(order.outputs)
    return Layout(("weight",), (shape[::-1],), lambda x: x.T[rows][:, columns])


# --- convolutions ----------------------------------------------------------------------------------------------------


def _of_convolution(layer: Layer, name: str, shape: Sizes) -> Layout:
    separable = "pointwise_kernel" in {variable.name for variable in layer._own()}
    if name == "bias":
        return Layout(("bias",), (shape,), lambda x: x, module=int(separable))
    if name == "depthwise_kernel" or "depthwise" in type(layer).__name__.lower():
        return _depthwise(shape)
    # (..., in, out) and (out, in, ...); of a transposed one (..., out, in) and (in, out, ...).
    rank = len(shape) - 2
    axes = (*range(2, rank + 2), 1, 0)
    return Layout(
        ("weight",), ((shape[-1], shape[-2], *shape[:-2]),), lambda x: x.transpose(axes), module=int(separable)
    )


def _depthwise(shape: Sizes) -> Layout:
    *window, channels, multiplier = shape
    axes = (*range(2, len(window) + 2), 0, 1)
    return Layout(
        ("weight",),
        ((channels * multiplier, 1, *window),),
        lambda x: x.reshape(channels, multiplier, *window).transpose(axes),
    )


# --- recurrent cells -------------------------------------------------------------------------------------------------


def _of_cell(cell: RecurrentCell, own: dict[str, Variable]) -> dict[str, list[Layout]]:
    if isinstance(cell, GRUCell) and not cell.reset_after:
        raise ValueError(
            f"{cell.name!r}: reset_after=False, and PyTorch's GRU applies the reset gate after the product; "
            "make the layer with reset_after=True"
        )
    # PyTorch: r, z, n and i, f, g, o.
    blocks = (1, 0, 2) if isinstance(cell, GRUCell) else tuple(range(cell.gates))

    def ordered(x: Array) -> Array:
        return np.concatenate([np.split(x, cell.gates)[block] for block in blocks])

    def matrix(x: Array) -> Array:
        return ordered(x).T

    found = {
        name: [Layout((end,), (own[name].shape[::-1],), matrix)]
        for name, end in (("kernel", "weight_ih"), ("recurrent_kernel", "weight_hh"))
    }
    if "bias" in own:
        width = own["bias"].shape[-1:]
        both = ("bias_ih", "bias_hh"), (width, width)
        if isinstance(cell, GRUCell):
            found["bias"] = [Layout(*both, lambda x, h: np.stack([ordered(x), ordered(h)]))]
        else:
            found["bias"] = [Layout(*both, lambda x, h: x + h), Layout(("bias",), (width,), lambda x: x)]
    return found


# --- attention -------------------------------------------------------------------------------------------------------


def _of_attention(layer: MultiHeadAttention | GroupQueryAttention) -> Iterator[tuple[Variable, list[Layout]]]:
    for part, short in enumerate(("q", "k", "v")):
        dense = (layer.query_dense, layer.key_dense, layer.value_dense)[part]
        kernel, bias = _projection(dense.kernel.shape, 1)
        yield (
            dense.kernel,
            [
                _third("in_proj_weight", kernel, part),
                Layout((f"{short}_proj_weight",), kernel.shapes, kernel.turn),
                Layout((f"{short}_proj.weight",), kernel.shapes, kernel.turn),
            ],
        )
        if dense.bias is not None:
            biases = [_third("in_proj_bias", bias, part), Layout((f"{short}_proj.bias",), bias.shapes, bias.turn)]
            yield dense.bias, biases
    kernel, bias = _projection(layer.output_dense.kernel.shape, 2)
    ends = ("out_proj", "o_proj")
    yield layer.output_dense.kernel, [Layout((f"{end}.weight",), kernel.shapes, kernel.turn) for end in ends]
    if layer.output_dense.bias is not None:
        yield layer.output_dense.bias, [Layout((f"{end}.bias",), bias.shapes, bias.turn) for end in ends]


def _projection(shape: Sizes, joined: int) -> tuple[Layout, Layout]:
    """Kernel and bias of a projection of ``joined`` axes, as those of a linear module."""
    inner, outer = shape[:joined], shape[joined:]
    flat = (math.prod(outer), math.prod(inner))
    kernel = Layout(("weight",), (flat,), lambda x: x.T.reshape(shape))
    return kernel, Layout(("bias",), (flat[:1],), lambda x: x.reshape(outer))


def _third(end: str, layout: Layout, part: int) -> Layout:
    """One of three that are stored in one tensor, one above the other: query, key, value."""
    (shape,) = layout.shapes
    rows = slice(part * shape[0], (part + 1) * shape[0])
    return Layout((end,), ((3 * shape[0], *shape[1:]),), lambda x: layout.turn(x[rows]))


def chosen(ways: Sequence[Layout], names: Sequence[str]) -> Layout | None:
    """Of the ways to store a variable that of tensors with these names; None where there is none of so many."""
    fitting = [way for way in ways if len(way.ends) == len(names)]
    for way in fitting:
        if all(end in name for end, name in zip(way.ends, names, strict=True)):
            return way
    return fitting[-1] if fitting else None
