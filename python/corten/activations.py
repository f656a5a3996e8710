"""Activation functions under Keras's names and defaults; :func:`get` finds one by its name.

>>> from corten import activations
>>> activations.get("relu")([-1.0, 2.0])
array([0., 2.], dtype=float32)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

from corten import ops
from corten.graph import TensorLike
from corten.lookup import find
from corten.ops import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh,
    tanh_shrink,
    threshold,
)
from corten.serialization import plain, publish, register_keras_serializable

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "is_plain_relu",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]


def linear(x: TensorLike) -> Any:
    """``x`` itself.

    >>> from corten import activations
    >>> activations.linear(3.0)
    3.0
    """
    return x


def relu(x: TensorLike, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """The rectified linear unit: ``max(x, 0)``, and with arguments

    ``max_value`` where ``x >= max_value``, ``x`` where ``threshold < x < max_value``, else
    ``negative_slope (x - threshold)``.

    >>> from corten import activations
    >>> activations.relu([-2.0, 1.0, 3.0, 9.0], negative_slope=0.5, max_value=6.0, threshold=2.0)
    array([-2. , -0.5,  3. ,  6. ], dtype=float32)
    """
    if threshold == 0 and negative_slope == 0:
        return ops.relu(x) if max_value is None else ops.relu6(x) if max_value == 6 else ops.clip(x, 0.0, max_value)
    if threshold == 0 and max_value is None:
        return ops.leaky_relu(x, negative_slope)
    above = ops.where(ops.less_equal(x, threshold), 0.0, x)
    if max_value is not None:
        above = ops.clip(above, 0.0, max_value)
    if negative_slope == 0:
        return above
    return ops.subtract(above, ops.multiply(negative_slope, ops.relu(ops.subtract(threshold, x))))


def gelu(x: TensorLike, approximate: bool = False) -> Any:
    """``x`` times the normal distribution function, or its approximation by a tanh (Hendrycks and Gimpel 2016).

    >>> from corten import activations
    >>> activations.gelu([0.0, 10.0])
    array([ 0., 10.], dtype=float32)
    """
    return ops.gelu(x, approximate)


def exponential(x: TensorLike) -> Any:
    """``e^x``.

    >>> from corten import activations
    >>> activations.exponential([0.0])
    array([1.], dtype=float32)
    """
    return ops.exp(x)


def softmax(x: TensorLike, axis: int | Sequence[int] | None = -1) -> Any:
    """``e^x / sum(e^x)`` along an axis, several, or (None) all.

    >>> from corten import activations
    >>> activations.softmax([[0.0, 0.0]])
    array([[0.5, 0.5]], dtype=float32)
    """
    return ops.softmax(x, axis)


@register_keras_serializable("corten")
def keras2_hard_sigmoid(x: TensorLike) -> Any:
    """``min(max(0.2 x + 0.5, 0), 1)``: what ``hard_sigmoid`` was in Keras 1 and 2, for models in their files."""
    return ops.clip(0.2 * ops.convert_to_tensor(x) + 0.5, 0.0, 1.0)


_KNOWN: dict[str, Callable[..., Any]] = {
    name: globals()[name] for name in __all__ if name not in ("deserialize", "get", "is_plain_relu", "serialize")
}


#: What stands for an activation: a name, a function of a tensor, a configuration, or None for the identity.
ActivationLike: TypeAlias = str | Callable[..., Any] | dict[str, Any] | None


def get(identifier: ActivationLike) -> Callable[..., Any]:
    """The activation that a name, a configuration or a callable stands for; ``None`` means :func:`linear`.

    Raises:
        ValueError: an unknown name.
        TypeError: neither name, configuration nor callable.

    >>> from corten import activations
    >>> activations.get(None) is activations.linear
    True
    """
    return linear if identifier is None else cast(Callable[..., Any], find(identifier, _KNOWN, "activation"))


def serialize(activation: Callable[..., Any]) -> Any:
    """The name of an activation of Corten's own; of another, its description."""
    if not callable(activation):
        raise TypeError(f"activation: expected a function, got {activation!r}")
    return plain(activation)


def deserialize(config: ActivationLike) -> Callable[..., Any]:
    """The activation of a name or configuration."""
    return get(config)


def is_plain_relu(activation: Callable[..., Any] | None) -> bool:
    """Whether it is ``max(x, 0)``, which dense and convolutional layers compute in the same pass."""
    return activation is relu or activation is ops.relu


publish("activations", _KNOWN)
