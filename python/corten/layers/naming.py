"""Names of layers: those made automatically are numbered, as Keras does."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

__all__ = ["auto_name", "is_name", "names_as_before", "reset_names", "snake_case"]

_counts: dict[str, int] = {}
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,128}")


def is_name(value: object) -> bool:
    """Whether ``value`` may be the name of a layer."""
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def auto_name(base: str) -> str:
    """A name that no automatic name had before: ``dense``, ``dense_1``, ..."""
    count = _counts.get(base, 0)
    _counts[base] = count + 1
    return base if count == 0 else f"{base}_{count}"


def reset_names() -> None:
    """Lets automatic names begin anew."""
    _counts.clear()


def snake_case(name: str) -> str:
    """``MaxPooling2D`` -> ``max_pooling2d``, as Keras names layers."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


@contextlib.contextmanager
def names_as_before() -> Iterator[None]:
    """After the block, automatic names are numbered as if it had not been."""
    counts = dict(_counts)
    try:
        yield
    finally:
        _counts.clear()
        _counts.update(counts)
