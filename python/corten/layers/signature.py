"""What the arguments of a layer's ``call`` and ``build`` are named, looked at once for each class."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from corten.graph import Nested, flatten, map_nested
from corten.layers.masks import mask_of, masks_of

__all__ = [
    "Arguments",
    "CallSignature",
    "call_signature",
    "dtypes_of",
    "shapes_asked",
    "shapes_for_build",
    "shapes_from",
    "shapes_of",
]


@dataclass
class Arguments:
    """What a ``call`` is given."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    training: bool | None
    #: The masks of the first argument, in its structure.
    mask: Any

    @property
    def inputs(self) -> Any:
        """The first argument."""
        return self.args[0] if self.args else None


class CallSignature:
    """The parameters of a ``call``, without the layer itself."""

    def __init__(self, call: Callable[..., Any]) -> None:
        parameters = dict(list(inspect.signature(call).parameters.items())[1:])
        self.names = tuple(parameters)
        training = parameters.get("training")
        #: What ``training`` is where neither the caller nor an outer call says.
        self._default = None if training is None or training.default is training.empty else training.default
        #: An argument query_mask is the mask of the argument query, as in Keras.
        self._masks = [(name, name.removesuffix("_mask")) for name in parameters if name.endswith("_mask")]

    @property
    def takes_mask(self) -> bool:
        """Whether the masks of the inputs reach ``call``."""
        return "mask" in self.names

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool | None) -> Arguments:
        """The arguments of ``call`` for a layer called on ``args`` and ``kwargs``, with mode and masks filled in.

        Args:
            training: what an outer call says.
        """
        names = self.names
        if not args and names and names[0] in kwargs:
            args = (kwargs.pop(names[0]),)
        by_name = names[len(args) :]
        values = {**dict(zip(names, args)), **kwargs}
        if values.get("training") is not None:
            training = values["training"]
        elif training is None:
            training = self._default
        if "training" in by_name:
            kwargs["training"] = training
        elif "training" not in names:
            kwargs.pop("training", None)
        mask = values.get("mask")
        if mask is None and args:
            mask = masks_of(args[0])
        if "mask" in by_name:
            kwargs["mask"] = mask
        for name, argument in self._masks:
            if name in by_name and values.get(name) is None:
                carried = mask_of(values.get(argument))
                if carried is not None:
                    kwargs[name] = carried
        return Arguments(args, kwargs, None if training is None else bool(training), mask)


@functools.cache
def call_signature(call: Callable[..., Any]) -> CallSignature:
    """The signature of a class's ``call``."""
    return CallSignature(call)


def shapes_for_build(layer: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The argument of ``build``: the shape of the first argument or, where it asks for several, each by its name."""
    asked = shapes_asked(layer.build)  # type: ignore[attr-defined]
    if not asked:
        return shapes_of(args[0] if args else next(iter(kwargs.values()), None))
    names = call_signature(layer.call).names  # type: ignore[attr-defined]
    values = {**dict(zip(names, args)), **kwargs}
    unknown = [name for name in asked if name.removesuffix("_shape") not in {*names, *kwargs}]
    if unknown:
        raise ValueError(
            f"{layer.__name__}.build: {unknown[0]!r} names no argument of call: expected one of "
            f"{', '.join(f'{name}_shape' for name in names)}"
        )
    return {name: shapes_of(values.get(name.removesuffix("_shape"))) for name in asked}


@functools.cache
def shapes_asked(build: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters of a ``build`` that wants the shapes of several arguments: ``query_shape``, ``value_shape``."""
    parameters = list(inspect.signature(build).parameters.values())[1:]
    names = tuple(parameter.name for parameter in parameters)
    if len(names) > 1 and all(name.endswith("_shape") for name in names):
        return names
    needed = [
        p.name for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if len(needed) > 1:
        unknown = next(name for name in needed if not name.endswith("_shape"))
        raise ValueError(
            f"{build.__qualname__}: expected one parameter, the input's shape, or several whose names end in '_shape', "
            f"got {unknown!r}"
        )
    return ()


def shapes_of(argument: Nested) -> Any:
    """The shapes in an argument, unknown batch as None."""

    def shape(leaf: Any) -> Any:
        sizes = getattr(leaf, "shape", None)
        return None if sizes is None else ((None, *sizes[1:]) if len(sizes) else ())

    return map_nested(shape, argument)


def dtypes_of(args: tuple[Any, ...]) -> Any:
    """The dtypes of the first argument, in its structure; None where all are float32."""
    if not args:
        return None
    dtypes = map_nested(lambda leaf: getattr(leaf, "dtype", None), args[0])
    return dtypes if any(dtype != "float32" for dtype in flatten(dtypes)) else None


def shapes_from(value: Any) -> Any:
    """Shapes as they come from a file, where tuples have become lists: each a tuple again, in lists and dicts.

    >>> shapes_from([[None, 3], [None, 2, 5]])
    [(None, 3), (None, 2, 5)]
    """
    if isinstance(value, dict):
        return {name: shapes_from(item) for name, item in value.items()}
    if not isinstance(value, (list, tuple)):
        return value
    if any(isinstance(item, (list, tuple, dict)) for item in value):
        return [shapes_from(item) for item in value]
    return tuple(value)
