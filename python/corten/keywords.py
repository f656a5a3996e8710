"""Keyword arguments that a callee does not have: what is said of them, and which are probably meant."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeVar, cast

from corten.errors import ArgumentTypeError

__all__ = ["expect_known", "parameters", "signature_of", "suggesting", "unexpected_argument"]

Function = TypeVar("Function", bound=Callable[..., Any])

#: Parameters of Keras 1 and 2 that have another name now. Of several the first is meant that the callee has.
RENAMED: dict[str, tuple[str, ...]] = {
    "W_constraint": ("kernel_constraint", "embeddings_constraint"),
    "W_regularizer": ("kernel_regularizer", "embeddings_regularizer"),
    "U_regularizer": ("recurrent_regularizer",),
    "atrous_rate": ("dilation_rate",),
    "b_constraint": ("bias_constraint",),
    "b_regularizer": ("bias_regularizer",),
    "beta_init": ("beta_initializer",),
    "bias": ("use_bias",),
    "border_mode": ("padding",),
    "concat_axis": ("axis",),
    "dim_ordering": ("data_format",),
    "dropout_U": ("recurrent_dropout",),
    "dropout_W": ("dropout",),
    "epsilon": ("min_delta",),
    "filter_length": ("kernel_size",),
    "gamma_init": ("gamma_initializer",),
    "init": ("kernel_initializer", "embeddings_initializer"),
    "inner_activation": ("recurrent_activation",),
    "inner_init": ("recurrent_initializer",),
    "input": ("inputs",),
    "lr": ("learning_rate",),
    "nb_col": ("kernel_size",),
    "nb_epoch": ("epochs",),
    "nb_feature": ("units",),
    "nb_filter": ("filters",),
    "nb_row": ("kernel_size",),
    "nb_val_samples": ("validation_steps",),
    "output": ("outputs",),
    "output_dim": ("units",),
    "p": ("rate",),
    "period": ("save_freq",),
    "pool_length": ("pool_size",),
    "samples_per_epoch": ("steps_per_epoch",),
    "sigma": ("stddev",),
    "stride": ("strides",),
    "subsample": ("strides",),
    "subsample_length": ("strides",),
    "val_samples": ("steps",),
}


def unexpected_argument(callee: str, name: str, known: Collection[str]) -> ArgumentTypeError:
    """The error for a keyword argument that ``callee`` does not have, with the one that is probably meant.

    >>> unexpected_argument("SGD", "lr", ["learning_rate", "momentum"])
    ArgumentTypeError("SGD: unexpected keyword argument 'lr'; use 'learning_rate'")
    >>> unexpected_argument("SGD", "momentun", ["learning_rate", "momentum"])
    ArgumentTypeError("SGD: unexpected keyword argument 'momentun'; did you mean 'momentum'?")
    """
    message = f"{callee}: unexpected keyword argument {name!r}"
    new = _renamed(name, known)
    if new is not None:
        return ArgumentTypeError(f"{message}; use {new!r}")
    import difflib

    close = difflib.get_close_matches(name, sorted(known), 1, 0.75)
    return ArgumentTypeError(f"{message}; did you mean {close[0]!r}?" if close else message)


def _renamed(name: str, known: Collection[str]) -> str | None:
    return next((new for new in RENAMED.get(name, ()) if new in known), None)


def expect_known(cls: Any, args: Collection[Any], keywords: Collection[str]) -> None:
    """``TypeError`` where the constructor of ``cls`` has no parameter of the name of one of ``keywords``.

    A constructor that takes any keyword must see to the rest itself; but where a parameter without a default is given
    under an older name, Python would only say that it is missing, and so that is said here.
    """
    signature = signature_of(cls)
    kinds = signature.parameters
    unknown = [name for name in keywords if name not in kinds]
    if not unknown:
        return
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in kinds.values()):
        raise unexpected_argument(cls.__name__, unknown[0], parameters(cls))
    passed = {*list(kinds)[1 : 1 + len(args)], *keywords}
    for name in unknown:
        new = _renamed(name, kinds)
        if new is not None and kinds[new].default is inspect.Parameter.empty and new not in passed:
            raise unexpected_argument(cls.__name__, name, kinds)


def suggesting(function: Function) -> Function:
    """``function``, which answers an unexpected keyword argument with the one that is probably meant.

    >>> @suggesting
    ... def fit(x, epochs=1):
    ...     return epochs
    >>> fit(None, nb_epoch=2)
    Traceback (most recent call last):
        ...
    corten.errors.ArgumentTypeError: fit: unexpected keyword argument 'nb_epoch'; use 'epochs'
    """
    known = frozenset(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if not known.issuperset(kwargs):
            raise unexpected_argument(function.__name__, next(k for k in kwargs if k not in known), known)
        return function(*args, **kwargs)

    return cast(Function, checked)


@functools.cache
def signature_of(cls: Any) -> inspect.Signature:
    """The signature of a constructor, with ``self``."""
    return inspect.signature(cls.__init__)


def parameters(cls: Any) -> tuple[str, ...]:
    """The names of a constructor's parameters, with those that it hands on as ``**kwargs`` to the classes it derives
    from.
    """
    names: dict[str, None] = {}
    for kind in cls.__mro__:
        if "__init__" not in vars(kind):
            continue
        own = signature_of(kind).parameters.values()
        names.update((p.name, None) for p in own if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY))
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            break
    names.pop("self", None)
    return tuple(names)
