"""What constructors of layers check: counts, pairs, data formats; wrong ones are refused where they are written."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal, SupportsIndex, TypeAlias

from corten.arguments import count, number, whole
from corten.configured import Configured
from corten.errors import ArgumentTypeError, ShapeError
from corten.graph import Shape, Tensor, TensorLike

__all__ = [
    "CausalPadding",
    "DataFormat",
    "Padding",
    "Sizes",
    "States",
    "channels_last",
    "count",
    "expect_axes",
    "expect_mask",
    "expect_rank",
    "known_axis",
    "margins",
    "noise_shape",
    "number",
    "only_default",
    "outdated",
    "padding_name",
    "pair",
    "seed_of",
    "sizes",
    "whole",
]

#: The layout of images and sequences: (batch, ..., channels).
DataFormat: TypeAlias = Literal["channels_last"] | None

#: What a window does at the borders.
Padding: TypeAlias = Literal["valid", "same", "VALID", "SAME"]

#: The same for convolutions of sequences, which may also see nothing later than their own step.
CausalPadding: TypeAlias = Padding | Literal["causal", "CAUSAL"]

#: One int for all directions of a window, or one for each.
Sizes: TypeAlias = SupportsIndex | Sequence[SupportsIndex]

#: The states of a recurrent layer: one, a list of them, or for stacked cells a list of lists.
States: TypeAlias = TensorLike | Sequence[Any]


def known_axis(shape: Shape, axis: int, where: str) -> int:
    """The size of one axis of an input's shape, which must be known when the layer is built."""
    expect_rank(shape, 1, where, least=True)
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"{where}: axis: expected {-len(shape)} to {len(shape) - 1} for shape {shape}, got {axis}")
    size = shape[axis]
    if size is None:
        raise ShapeError(f"{where}: expected a known size of axis {axis}, got shape {shape}")
    return size


def sizes(value: object, where: str, rank: int, least: int = 1) -> tuple[int, ...]:
    """One int for all ``rank`` directions, or so many."""
    values = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value] * rank
    if len(values) != rank:
        expected = "one int" if rank == 1 else "one int or two"
        raise ValueError(f"{where}: expected {expected}, got {value!r}")
    return tuple(count(item, where, least) for item in values)


def pair(value: object, where: str, least: int = 1) -> tuple[int, int]:
    """One int for both directions, or two."""
    first, second = sizes(value, where, 2, least)
    return first, second


def margins(value: object, where: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right)) from one int, (vertical, horizontal), or all four."""
    values = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value, value]
    if len(values) != 2:
        raise ValueError(f"{where}: expected an int, two ints or two pairs of ints, got {value!r}")
    return pair(values[0], where, 0), pair(values[1], where, 0)


def channels_last(data_format: object, where: str) -> Literal["channels_last"]:
    """The one data format there is: (batch, ..., channels)."""
    if data_format not in (None, "channels_last"):
        raise ValueError(
            f"{where}: data_format: expected 'channels_last' (batch, ..., channels), got {data_format!r}; "
            "transpose the data once: np.moveaxis(x, 1, -1)"
        )
    return "channels_last"


def padding_name(padding: object, where: str, causal: bool = False) -> str:
    """``"valid"``, ``"same"`` or, if allowed, ``"causal"``, in any case."""
    name = padding.lower() if isinstance(padding, str) else padding
    if name not in ("valid", "same") and not (causal and name == "causal"):
        expected = "'valid', 'same' or 'causal'" if causal else "'valid' or 'same'"
        raise ValueError(f"{where}: padding: expected {expected}, got {padding!r}")
    return str(name)


def seed_of(value: Any, where: str) -> int | None:
    """A seed: an int, or None for one that is drawn."""
    return None if value is None else whole(value, f"{where}: seed")


def only_default(value: object, where: str) -> None:
    """Refuses what Keras offers here and Corten does not."""
    if value is not None:
        raise ValueError(f"{where}: only None is supported, got {value!r}")


def outdated(layer: Configured, kwargs: dict[str, Any], name: str, now: str | None = None, value: Any = None) -> Any:
    """The value of argument ``now``: with a warning the one in ``kwargs`` under its former ``name``, else ``value``.

    Textbooks are full of arguments that Keras has renamed or dropped and still takes.
    """
    if name not in kwargs:
        return value
    advice = "leave it out" if now is None else f"write {now}="
    warnings.warn(f"{type(layer).__name__}: {name}= is outdated; {advice}", FutureWarning, stacklevel=3)
    value = kwargs.pop(name)
    layer._config.pop(name)
    if now is not None:
        layer._config[now] = value
    return value


def noise_shape(shape: object, where: str) -> tuple[int | None, ...] | None:
    """The shape of a dropout's draws: None, or a size (None for that of the input) for each axis."""
    if shape is None:
        return None
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise ArgumentTypeError(f"{where}: expected None or a sequence of ints and None, got {shape!r}")
    return tuple(size if size is None else count(size, where) for size in shape)


def expect_axes(layer: Any, inputs: Tensor, rank: int, least: bool = False) -> None:
    """:func:`expect_rank` for what a layer is called on."""
    axes = len(inputs.shape)
    if axes < rank or (axes > rank and not least):
        expect_rank(tuple(inputs.shape), rank, f'{type(layer).__name__} "{layer.name}"', least)


def expect_mask(layer: Any, mask: Any, shape: tuple[int, ...], ones: bool = False) -> None:
    """Refuses a mask of another shape, which would be broadcast to what nobody meant; ``ones`` allows sizes of 1."""
    sizes = tuple(getattr(mask, "shape", ()))
    if len(sizes) != len(shape) or any(size != full and not (ones and size == 1) for size, full in zip(sizes, shape)):
        got = tuple(mask.shape) if hasattr(mask, "shape") else repr(mask)
        raise ShapeError(f'{type(layer).__name__} "{layer.name}": mask: expected shape {tuple(shape)}, got {got}')


def expect_rank(shape: Shape, rank: int, where: str, least: bool = False) -> None:
    """Refuses an input with other than (or with fewer than) ``rank`` axes, the batch included."""
    if not isinstance(shape, tuple) or any(isinstance(size, tuple) for size in shape):
        raise ShapeError(f"{where}: expected one input, got shapes {shape}")
    if len(shape) < rank or (len(shape) > rank and not least):
        expected = f"at least {rank}" if least else f"{rank}"
        raise ShapeError(f"{where}: expected an input with {expected} axes, the batch included, got shape {shape}")
