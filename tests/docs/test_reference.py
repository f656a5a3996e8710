"""Every public name has one entry in the API reference (the build of the site demands its docstring as well)."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import corten

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
#: The directive ``.. api:: module``, its options, and the names below it.
ENTRY = re.compile(r"^\.\. api:: (\S+)\n(?: +:.*\n)*\n((?: +\S.*\n)+)", re.MULTILINE)


def entries() -> Counter[str]:
    texts = [page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.rst")]
    return Counter(
        f"{module}.{name}" for text in texts for module, names in ENTRY.findall(text) for name in names.split()
    )


def public(name: str, module: ModuleType) -> set[str]:
    found = set()
    for inner in module.__all__:
        value = getattr(module, inner)
        found |= public(f"{name}.{inner}", value) if isinstance(value, ModuleType) else {f"{name}.{inner}"}
    return found


def test_every_public_name_has_one_entry() -> None:
    found = entries()
    assert sorted(public("corten", corten) - set(found)) == [], "add these to a page under docs/reference"
    assert [name for name, times in found.items() if times > 1] == []
    assert len(found) > 500
