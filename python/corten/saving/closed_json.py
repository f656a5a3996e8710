"""JSON out of files that may be hostile: plain values, not nested without end, nothing said twice."""

from __future__ import annotations

import json
from typing import Any

from ..errors import CorruptFileError

__all__ = ["read_json", "write_json"]

_LARGEST = 256 << 20
_DEEPEST = 100


def read_json(text: str | bytes, where: str) -> Any:
    """The value of a JSON text.

    Raises:
        CorruptFileError: not JSON in UTF-8, longer than 256 MB, nested deeper than 100 levels, an object with two
            members of one name, or NaN; ``where`` begins the message.
    """
    if len(text) > _LARGEST:
        raise CorruptFileError(f"{where}: expected at most {_LARGEST} bytes of JSON, got {len(text)}")
    try:
        decoded = text.decode() if isinstance(text, bytes) else text
        value = json.loads(decoded, object_pairs_hook=without_duplicates, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{where}: not valid JSON ({error})") from error
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise CorruptFileError(f"{where}: expected at most {_DEEPEST} levels of JSON")
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = inner
    return value


def write_json(value: Any, what: str) -> str:
    """``value`` as JSON text.

    Raises:
        TypeError: it is not made of plain values.
    """
    try:
        return json.dumps(value)
    except TypeError as error:
        raise TypeError(f"{what}: its get_config() must give plain values ({error})") from None


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ``ValueError`` where a name comes twice."""
    unique: dict[str, Any] = {}
    for name, value in pairs:
        if name in unique:
            raise ValueError(f"{name[:80]!r} appears more than once")
        unique[name] = value
    return unique


def _constant(text: str) -> float:
    if text == "NaN":
        raise ValueError("NaN is no number of a configuration")
    return float(text)
