"""Layers given to other layers: as they are, or as the configuration of one."""

from __future__ import annotations

from collections.abc import Iterator

from corten.layers.layer import Layer
from corten.lookup import find

__all__ = ["nested_layer"]


def _kinds(base: type[Layer]) -> Iterator[type[Layer]]:
    for kind in base.__subclasses__():
        yield from _kinds(kind)
        yield kind


def nested_layer(value: object, where: str) -> Layer:
    """The layer that ``value`` is or, as a configuration, describes; its class must be known to the program already.

    Raises:
        TypeError: neither a layer nor a configuration.
        ValueError: a configuration of an unknown class.
    """
    if isinstance(value, dict):
        value = find(value, {kind.__name__: kind for kind in _kinds(Layer)}, where)
    if not isinstance(value, Layer):
        raise TypeError(f"{where}: expected a layer, got {type(value).__name__}")
    return value
