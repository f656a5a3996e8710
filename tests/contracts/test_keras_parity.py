"""Constructors have Keras's parameters: the same names, order and defaults, but for the table in keras_differences."""

from __future__ import annotations

import importlib
import inspect
import os
from typing import Any

import pytest

import corten
from keras_differences import DIFFERENCES, OPS_DIFFERENCES

os.environ.setdefault("KERAS_BACKEND", "numpy")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
keras = pytest.importorskip("keras", reason="needs keras as the oracle: make setup")

ROOMS = [
    "layers",
    "initializers",
    "regularizers",
    "constraints",
    "optimizers",
    "losses",
    "metrics",
    "callbacks",
    "activations",
]
#: What a layer (or optimizer) takes through ``**kwargs``.
COMMON = {"name", "dtype", "trainable", "activity_regularizer", "autocast", "input_shape"}


def shared() -> list[Any]:
    pairs = []
    for room in [*ROOMS, "optimizers.schedules"]:
        try:
            ours = importlib.import_module(f"corten.{room}")
        except ImportError:
            ours = getattr(corten, room.split(".")[0])
        theirs = importlib.import_module(f"keras.{room}")
        for name in sorted(set(dir(ours)) & set(dir(theirs))):
            mine, oracle = getattr(ours, name), getattr(theirs, name)
            if name.startswith("_") or inspect.ismodule(mine) or inspect.ismodule(oracle) or not callable(mine):
                continue
            if name in ("get", "serialize", "deserialize", "Input"):
                continue
            pairs.append(pytest.param(mine, oracle, id=f"{room}.{name}"))
    return pairs


def parameters(function: Any) -> tuple[dict[str, Any], bool]:
    """Defaults by name in order, and whether there is a ``**kwargs``."""
    given = inspect.signature(function).parameters.values()
    named = [p for p in given if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {p.name: p.default for p in named}, any(p.kind is p.VAR_KEYWORD for p in given)


def plain(value: Any) -> Any:
    """A default that can be compared: 2 is 2.0, [1] is (1,)."""
    return tuple(map(plain, value)) if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize(("mine", "oracle"), shared())
def test_parameters_and_defaults_are_those_of_keras(mine: Any, oracle: Any) -> None:
    own, open_ended = parameters(mine)
    wanted, theirs_open = parameters(oracle)
    excused = DIFFERENCES.get("*", {}) | DIFFERENCES.get(mine.__name__, {})
    differing = {
        name
        for name in own.keys() | wanted.keys()
        if name not in own or name not in wanted or plain(own[name]) != plain(wanted[name])
    }
    # A parameter that one side names and the other takes through **kwargs is the same parameter.
    through_kwargs = COMMON if open_ended or theirs_open else set()
    assert differing - set(excused) - through_kwargs == set()
    order = [name for name in own if name in wanted and name not in COMMON]
    assert order == [name for name in wanted if name in own and name not in COMMON]


def test_no_excuse_is_left_over() -> None:
    """Every line of the table names a class and a parameter that really differ."""
    real: set[tuple[str, str]] = set()
    for case in shared():
        mine, oracle = case.values
        own, wanted = parameters(mine)[0], parameters(oracle)[0]
        for name in own.keys() | wanted.keys():
            if name not in own or name not in wanted or plain(own[name]) != plain(wanted[name]):
                real |= {(mine.__name__, name), ("*", name)}
    listed = {(cls, name) for cls, names in DIFFERENCES.items() for name in names}
    assert listed - real == set()


def test_ops_have_the_parameters_of_keras_ops() -> None:
    differing = {
        name
        for name in corten.ops.__all__
        if hasattr(keras.ops, name)
        and list(parameters(getattr(corten.ops, name))[0].items())
        != list(parameters(getattr(keras.ops, name))[0].items())
    }
    assert differing == set(OPS_DIFFERENCES)
