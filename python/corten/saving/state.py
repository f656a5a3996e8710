"""The variables of a model by their places in it: under Keras's paths, and under names that people read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from corten.errors import warn
from corten.graph import Variable
from corten.layers.layer import Layer
from corten.layers.naming import snake_case
from corten.optimizers import Optimizer
from corten.saving.stored import Stored

__all__ = ["Place", "named_variables", "optimizers_by_path", "places_of", "restore", "variables_by_path"]


def variables_by_path(layer: Layer) -> dict[str, list[Variable]]:
    """``{"layers/dense": [kernel, bias], ...}``: the variables of each part at its path, in Keras's order.

    The parts of a ``Sequential`` or functional model are its layers, numbered by class; those of any other layer are
    what its attributes hold, by the attributes' names. Each is listed once, where it is met first.
    """
    places: dict[str, list[Variable]] = {}
    met: set[int] = set()

    def visit(part: Any, path: str) -> None:
        if id(part) in met:
            return
        met.add(id(part))
        if isinstance(part, Layer):
            places[path] = part._saved_variables()
            for name, child in part._saved_parts():
                visit(child, f"{path}/{name}" if path else name)
        elif isinstance(part, (list, tuple, dict)):
            counts: dict[str, int] = {}
            for item in part.values() if isinstance(part, dict) else part:
                if isinstance(item, Layer):
                    base = snake_case(item._name_in_files or type(item).__name__)
                    count = counts[base] = counts.get(base, -1) + 1
                    visit(item, f"{path}/{base}_{count}" if count else f"{path}/{base}")

    visit(layer, "")
    return places


def optimizers_by_path(model: Any) -> dict[str, Optimizer]:
    """The optimizer that the model was compiled with, at "optimizer", and those that are attributes, by name."""
    optimizers = {name: part for name, part in model._saved_parts() if isinstance(part, Optimizer)}
    return optimizers if model.optimizer is None else {"optimizer": model.optimizer, **optimizers}


@dataclass(frozen=True)
class Place:
    """A layer, where it stands in a model, and the same by the names of layers."""

    layer: Layer
    place: str
    path: str

    def of(self, variable: Variable) -> str:
        """The place of a variable of the layer's own."""
        return f"{self.place}/{variable.name}" if self.place else variable.name


def places_of(layer: Layer) -> Iterator[Place]:
    """The layer and all inside it: ``dense``, ``dense_1``, ... numbered by class within what holds them."""
    waiting = [Place(layer, "", "")]
    while waiting:
        here = waiting.pop()
        yield here
        inner: list[Place] = []
        counts: dict[str, int] = {}
        for child in here.layer._children():
            base = snake_case(type(child).__name__)
            count = counts[base] = counts.get(base, -1) + 1
            name = f"{base}_{count}" if count else base
            inner.append(
                Place(
                    child,
                    f"{here.place}/{name}" if here.place else name,
                    f"{here.path}/{child.name}" if here.path else child.name,
                )
            )
        waiting.extend(reversed(inner))


def named_variables(layer: Layer) -> dict[str, Variable]:
    """All variables by place: ``dense/kernel``, ``dense_1/kernel``, ... numbered by class in the order of the layers.

    The names given to layers do not count, so that a second model made by the same code has the same places.
    """
    named: dict[str, Variable] = {}
    listed: set[int] = set()
    for place in places_of(layer):
        for variable in place.layer._own():
            if id(variable) not in listed:
                listed.add(id(variable))
                name = place.of(variable)
                count, key = 1, name
                while key in named:
                    key, count = f"{name}_{count}", count + 1
                named[key] = variable
    return named


def restore(model: Any, optimizer: Any, state: Stored, where: str) -> None:
    """Gives an optimizer of the model the state that a file has of it, or warns."""
    # What a step of one's own trains is known when it is taken; the state waits for it.
    if len(state.shapes) > 2 and optimizer is model.optimizer and model._steps_as_usual():
        optimizer.build(model.trainable_variables)
    if [variable.shape for variable in optimizer.variables] == state.shapes:
        state.into(optimizer.variables)
    elif state.shapes and not optimizer.restore(state.arrays()):
        warn(
            f"load_model: {where}: the state of the optimizer {optimizer.name!r} does not fit the trainable weights "
            "and is left out; training begins with a new state"
        )
