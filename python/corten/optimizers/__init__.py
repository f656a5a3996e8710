"""How weights follow their gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from corten.lookup import find
from corten.optimizers import schedules
from corten.optimizers.adam import Adam, Adamax, AdamW, Nadam
from corten.optimizers.adaptive import Adadelta, Adagrad, RMSprop
from corten.optimizers.optimizer import Optimizer
from corten.optimizers.sgd import SGD, Lion
from corten.serialization import publish, serialized

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_KNOWN: dict[str, Callable[..., Any]] = {
    name: kind
    for kind in (SGD, RMSprop, Adam, AdamW, Adagrad, Adadelta, Adamax, Nadam, Lion)
    for name in (kind.__name__, kind.__name__.lower())
}


#: What stands for an optimizer: a name, an ``Optimizer`` or its class, a configuration, or None.
OptimizerLike: TypeAlias = "str | Optimizer | type[Optimizer] | dict[str, Any] | None"


def get(identifier: OptimizerLike) -> Any:
    """The optimizer that ``identifier`` stands for; None for None.

    Args:
        identifier: a name ("adam", "sgd", ...; upper or lower case), an ``Optimizer``, a class, a configuration, None.

    Raises:
        ValueError: an unknown name.
        TypeError: anything else.

    >>> from corten import optimizers
    >>> optimizers.get("adam")
    <Adam name='adam'>
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str) and identifier not in _KNOWN:
        identifier = identifier.lower()
    optimizer = find(identifier, _KNOWN, "optimizer")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: expected a name, an Optimizer or a configuration, got {identifier!r}")
    return optimizer


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """``{"class_name", "config"}``, from which :func:`deserialize` makes an equal optimizer; its state is apart.

    >>> from corten import optimizers
    >>> optimizers.serialize(optimizers.SGD(0.5))["config"]["learning_rate"]
    0.5
    """
    return serialized(optimizer, "optimizer")


def deserialize(config: OptimizerLike) -> Any:
    """The optimizer that a name or a configuration describes; None for None.

    >>> from corten import optimizers
    >>> optimizers.deserialize({"class_name": "SGD", "config": {"momentum": 0.5}}).momentum
    0.5
    """
    return get(config)


publish("optimizers", {kind.__name__: kind for kind in _KNOWN.values()})
