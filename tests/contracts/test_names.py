"""Names given to constructors (activations, initializers, modes, ...) are looked up there: an unknown one is an error."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from contracts import hostile

LOOKED_UP = ("activation", "initializer", "regularizer", "constraint")
#: Texts that name nothing.
FREE = {"name", "monitor", "filename", "filepath", "separator", "dtype", "package", "encoding"}


def named() -> Iterator[tuple[str, str]]:
    """Classes, and their parameters that take one of several names."""
    for target in hostile.targets():
        value = hostile.look_up(target)
        if not isinstance(value, type):
            continue
        for name, parameter in inspect.signature(value).parameters.items():
            if name not in FREE and (isinstance(parameter.default, str) or name.endswith(LOOKED_UP)):
                yield target, name


NAMED = list(named())


@pytest.mark.parametrize(("target", "name"), NAMED, ids=[f"{target}({name})" for target, name in NAMED])
def test_an_unknown_name_is_an_error_at_construction(target: str, name: str) -> None:
    value, base = hostile.look_up(target), hostile.example(target)
    args, options = base.make or ((), {})
    bound = inspect.signature(value).bind(*args, **options)
    value(*bound.args, **bound.kwargs)
    bound.arguments[name] = "rellu"
    with pytest.raises((ValueError, TypeError), match="rellu"):
        value(*bound.args, **bound.kwargs)


def test_there_are_many_such_names() -> None:
    assert len(NAMED) > 200
