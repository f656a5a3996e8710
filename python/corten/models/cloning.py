"""Models made anew: the same layers, with weights of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten.graph import SymbolicTensor, flatten, map_nested, record
from corten.keywords import suggesting
from corten.layers.copies import again
from corten.layers.input_layer import Input
from corten.layers.layer import Layer
from corten.models.functional import Functional, Symbols, constructed_by_tensors
from corten.models.model import Model
from corten.models.sequential import Sequential
from corten.serialization import CustomObjectScope, deserialize_keras_object, live_objects, serialize_keras_object

__all__ = ["clone_model", "model_from_config", "model_from_json"]


def model_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """The model of a description: that of ``saving.serialize_keras_object``, weights beginning anew."""
    model = deserialize_keras_object(config, custom_objects)
    if not isinstance(model, Model):
        raise TypeError(f"model_from_config: expected the description of a model, got that of {model!r}")
    return model


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """The model that ``model.to_json()`` describes, weights beginning anew.

    Args:
        json_string: the text.
        custom_objects: names and the classes and functions that they stand for, beside those that are registered.

    Raises:
        ValueError: not JSON, nested deeper than 100 levels, or a class that nobody published, registered or passed.

    >>> import corten
    >>> text = corten.Sequential([corten.layers.Dense(2, input_shape=(3,))]).to_json()
    >>> corten.models.model_from_json(text).output_shape
    (None, 2)
    """
    from corten.saving.closed_json import read_json

    return model_from_config(read_json(json_string, "model_from_json"), custom_objects)


@suggesting
def clone_model(
    model: Model,
    input_tensors: Symbols | None = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """A model of new layers, made as those of ``model`` were, and connected as they are; the weights begin anew.

    A clone of a compiled model is compiled alike.

    Args:
        model: any model. The other arguments are for ``Sequential`` and functional ones; of a subclass the clone is
            made by its configuration. Models inside it are cloned likewise.
        input_tensors: symbolic tensors that the clone is built on, in the form of its inputs; new ones by default.
        clone_function: ``layer -> layer``, in place of ``type(layer).from_config(layer.get_config())``; it may return
            the layer itself, which is then shared.
        call_function: ``call_function(layer, *args, **kwargs)`` in place of ``layer(*args, **kwargs)``.
        recursive: whether the two functions are used within models inside ``model``.

    Raises:
        ValueError: functions or tensors for a subclass, or tensors that are nested otherwise than its inputs.
        TypeError: an unknown argument.

    >>> import corten
    >>> model = corten.Sequential([corten.layers.Dense(2, input_shape=(3,))])
    >>> clone = corten.models.clone_model(model)
    >>> clone.set_weights(model.get_weights()); clone.output_shape
    (None, 2)
    """
    plain = (input_tensors, clone_function, call_function) == (None, None, None)
    listed = isinstance(model, (Sequential, Functional))
    if not listed and not plain:
        raise ValueError(
            "clone_model: input_tensors, clone_function and call_function are for Sequential and functional models, "
            f"got a {type(model).__name__}"
        )
    if not listed or (plain and isinstance(model, Functional) and not constructed_by_tensors(type(model))):
        with live_objects() as objects:
            description = serialize_keras_object(model)
        return deserialize_keras_object(description, objects)
    clone = _connected_anew(model, input_tensors, clone_function, call_function, recursive)
    if model.compiled:
        with live_objects() as objects, CustomObjectScope(objects):
            clone.compile_from_config(model.get_compile_config() or {})
    return clone


def _connected_anew(
    model: Any,
    input_tensors: Symbols | None,
    clone_function: Callable[[Layer], Layer] | None,
    call_function: Callable[..., Any] | None,
    recursive: bool,
) -> Any:
    clones: dict[int, Layer] = {}

    def cloned(layer: Layer) -> Layer:
        if id(layer) not in clones:
            if isinstance(layer, (Sequential, Functional)):
                inner = (clone_function, call_function, True) if recursive else (None, None, False)
                clones[id(layer)] = clone_model(layer, None, *inner)
            elif clone_function is not None:
                clones[id(layer)] = clone_function(layer)
            else:
                clones[id(layer)] = again(layer)
        return clones[id(layer)]

    if isinstance(model, Sequential) and input_tensors is None and call_function is None:
        symbol = model.inputs[0] if model.inputs and model._promised else None
        first = [] if symbol is None else [_like(symbol)]
        return Sequential([*first, *map(cloned, model.layers)], name=model.name, trainable=model.trainable)

    source = model._whole() if isinstance(model, Sequential) else model
    inputs = map_nested(_like, source._inputs) if input_tensors is None else input_tensors
    tensors = flatten(inputs)
    if not _nested_alike(inputs, source._inputs):
        raise ValueError(f"clone_model: input_tensors: expected them nested as {source._inputs!r}, got {inputs!r}")
    values = {id(old): new for old, new in zip(source.inputs, tensors, strict=True)}

    def known(leaf: Any) -> Any:
        return values[id(leaf)] if isinstance(leaf, SymbolicTensor) else leaf

    for call in source._calls:
        args, options = map_nested(known, call.args), map_nested(known, call.kwargs)
        if not isinstance(call.function, Layer):
            outputs = record(call.function, args, options)
        elif call_function is None:
            outputs = cloned(call.function)(*args, **options)
        else:
            outputs = call_function(cloned(call.function), *args, **options)
        for old, new in zip(flatten(call.outputs), flatten(outputs), strict=True):
            values[id(old)] = new
            if isinstance(old.mask, SymbolicTensor):
                values[id(old.mask)] = new.mask
    kind = type(model) if constructed_by_tensors(type(model)) else Functional
    return kind(inputs, map_nested(known, source._outputs), name=model.name, trainable=model.trainable)


def _nested_alike(one: Any, other: Any) -> bool:
    """Whether both are nested alike; a list counts as a tuple, and the only item as itself."""
    if isinstance(one, dict) or isinstance(other, dict):
        return (
            type(one) is type(other)
            and one.keys() == other.keys()
            and all(_nested_alike(one[k], other[k]) for k in one)
        )
    ones, others = ([item] if isinstance(item, SymbolicTensor) else list(item) for item in (one, other))
    return len(ones) == len(others) and all(
        (isinstance(a, SymbolicTensor) and isinstance(b, SymbolicTensor)) or _nested_alike(a, b)
        for a, b in zip(ones, others)
    )


def _like(symbol: SymbolicTensor) -> SymbolicTensor:
    fresh: SymbolicTensor = Input(batch_shape=symbol.shape, dtype=symbol.dtype, name=symbol.name)
    return fresh
