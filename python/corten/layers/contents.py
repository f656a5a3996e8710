"""What the attributes of a layer hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten.graph import Variable
from corten.random import SeedGenerator

__all__ = ["Contents", "tracked"]


class Contents:
    """The variables, layers and other holders of variables (metrics, optimizers) among the attributes of a layer.

    Lists and dicts may change unseen by the layer: those that held something are compared item by item, others by
    their length.

    Args:
        layer: the class of layers.
        weights: what ``add_weight`` made.
        attributes: by name, those that are :func:`tracked`.
    """

    __slots__ = ("_changeable", "layers", "others", "variables")

    def __init__(self, layer: type, weights: Sequence[Variable], attributes: dict[str, Any]) -> None:
        variables = {id(v): v for v in weights}
        layers: dict[int, Any] = {}
        others: dict[int, Any] = {}
        self._changeable: list[tuple[Any, list[int] | int]] = []
        seen: set[int] = set()

        def look(value: Any) -> bool:
            """Whether there was something in it."""
            if isinstance(value, (list, tuple, dict)):
                if id(value) in seen:  # It may hold itself.
                    return False
                seen.add(id(value))
                items = value.values() if isinstance(value, dict) else value
                relevant = sum(map(look, items)) > 0  # every one is looked at
                if not isinstance(value, tuple):
                    self._changeable.append((value, [id(item) for item in items] if relevant else len(value)))
                return relevant
            if isinstance(value, SeedGenerator):
                value = value.state
            if isinstance(value, Variable):
                variables[id(value)] = value
            elif isinstance(value, layer):
                layers[id(value)] = value
            elif hasattr(value, "variables"):
                others[id(value)] = value
            else:
                return False
            return True

        for name, value in attributes.items():
            if name != "_weights":
                look(value)
        self.variables, self.layers, self.others = (
            list(variables.values()),
            list(layers.values()),
            list(others.values()),
        )

    @property
    def valid(self) -> bool:
        """Whether lists and dicts are as they were."""
        for value, was in self._changeable:
            if isinstance(was, int):
                if len(value) != was:
                    return False
            elif [id(item) for item in (value.values() if isinstance(value, dict) else value)] != was:
                return False
        return True


def tracked(value: Any) -> bool:
    """Whether an attribute with this value may hold something that belongs to the layer."""
    return isinstance(value, (Variable, list, tuple, dict)) or hasattr(value, "variables")
