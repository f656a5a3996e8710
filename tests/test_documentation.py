"""Everything public shows an example; that each gives what it says is checked where pytest runs the doctests."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

#: Rooms all of whose functions and classes show an example.
SHOWN = ["ops", "layers", "initializers", "regularizers", "constraints", "activations"]
#: Bases, and what only turns a name into an object and back.
EXCUSED = {"Initializer", "Regularizer", "Constraint", "deserialize", "serialize", "is_plain_relu"}


def public(room: str) -> list[Any]:
    module = importlib.import_module(f"corten.{room}")
    return [pytest.param(getattr(module, name), id=f"{room}.{name}") for name in module.__all__ if name not in EXCUSED]


@pytest.mark.parametrize("thing", [case for room in SHOWN for case in public(room)])
def test_everything_public_shows_an_example(thing: Any) -> None:
    shown = inspect.getdoc(thing) or ""
    assert ">>>" in shown or shown.endswith("the layer, made and applied at once.")
