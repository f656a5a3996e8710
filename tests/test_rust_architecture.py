"""The files of a Rust crate use one another one way only: no circle, and in the engine no edge that goes up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

RUST = Path(__file__).parent.parent / "rust"
pytestmark = pytest.mark.skipif(not RUST.is_dir(), reason="the sources are not here")

# A file of the engine may use those on levels below its own, and `ops/` itself. A new file is put here, by decision.
LEVELS = [
    {"error"},
    {"spec", "attributes"},
    {"data"},
    {"dataset", "variable", "op"},
    {"ops"},
    {"graph"},
    {"registry", "fuse"},
    {"call", "gradients", "plan"},
    {"program"},
    {"lib"},
]
LEVEL = {module: level for level, modules in enumerate(LEVELS) for module in modules}

COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|r(#+)".*?"\1|"(?:\\.|[^"\\])*"', re.DOTALL)
PATH = re.compile(r"(?<![\w:])(?:[a-z_]\w*::)+(?:\w+|\{)")


def code(path: Path) -> str:
    """The code of a file: without comments, texts, and what only tests compile."""
    text = COMMENT_OR_TEXT.sub('""', path.read_text(encoding="utf-8"))
    while found := re.search(r"#\[cfg\((?:all\()?test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*", text):
        end = next(i for i in range(found.end(), len(text)) if text[i] in ";{")
        depth = int(text[end] == "{")
        while depth:
            end += 1
            depth += (text[end] == "{") - (text[end] == "}")
        text = text[: found.start()] + text[end + 1 :]
    return text


def leaves(text: str, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every path that a `use` names, and the name it goes by."""
    text = text.strip()
    if "{" in text:
        before, inside = text.split("{", 1)
        depth, start = 0, 0
        for i, letter in enumerate(inside := inside[: inside.rindex("}")] + ","):
            depth += (letter == "{") - (letter == "}")
            if letter == "," and not depth:
                part, start = inside[start:i], i + 1
                if part.strip():
                    yield from leaves(part, (*prefix, *before.strip().split("::")[:-1]))
        return
    whole, _, name = text.partition(" as ")
    path = (*prefix, *whole.strip().split("::"))
    path = path[:-1] if path[-1] == "self" else path
    yield path, name.strip() or path[-1]


class Crate:
    """The modules of a crate, by path: `("ops", "dense")`; the root is `()`."""

    def __init__(self, source: Path) -> None:
        files = [path for path in source.rglob("*.rs") if path.name != "tests.rs"]
        self.modules = {self.module(path.relative_to(source)): code(path) for path in files}
        self.uses: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {}
        for module, text in self.modules.items():
            named = [leaf for use in re.findall(r"\buse ([^;]+);", text) for leaf in leaves(use)]
            self.uses[module] = {name: path for path, name in named}

    @staticmethod
    def module(path: Path) -> tuple[str, ...]:
        parts = path.with_suffix("").parts
        return parts[:-1] if parts[-1] in {"mod", "lib"} else parts

    def target(self, module: tuple[str, ...], path: tuple[str, ...], deep: int = 0) -> tuple[str, ...] | None:
        """The module in which what `path` says within `module` is defined; None where that is another crate's."""
        head, *rest = path
        if head == "crate":
            at: tuple[str, ...] = ()
        elif head == "self":
            at = module
        elif head == "super":
            at = module[:-1]
            while rest[:1] == ["super"]:
                at, rest = at[:-1], rest[1:]
        elif (*module, head) in self.modules:
            at = (*module, head)
        elif deep < 9 and self.uses[module].get(head, path)[0] in {"crate", "self", "super"}:
            return self.target(module, (*self.uses[module][head], *rest), deep + 1)
        else:
            return None
        while rest and (*at, rest[0]) in self.modules:
            at, rest = (*at, rest[0]), rest[1:]
        # What a module only passes on is used where it is defined.
        if rest and deep < 9 and (passed := self.uses[at].get(rest[0])):
            return self.target(at, (*passed, *rest[1:]), deep + 1) or at
        return at

    def edges(self) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
        found: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
        for module, text in self.modules.items():
            # What a module only passes on it does not use.
            used = [leaf for use in re.findall(r"(?<!pub )\buse ([^;]+);", text) for leaf, _ in leaves(use)]
            body = re.sub(r"\buse [^;]+;", "", text)
            used += [tuple(path.removesuffix("{").rstrip(":").split("::")) for path in PATH.findall(body)]
            targets = {self.target(module, path) for path in used}
            found[module] = {target for target in targets if target is not None and target != module}
        return found


def name(module: tuple[str, ...]) -> str:
    return "::".join(module) or "lib"


def expect_no_circle(edges: dict[str, set[str]]) -> None:
    assert sum(map(len, edges.values())) > len(edges), "hardly any edge was found: is this how Rust is still read?"
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        pytest.fail("a circle: " + " <- ".join(error.args[1]))


@pytest.mark.parametrize("crate", ["engine", "python"])
def test_files_of_a_crate_use_one_another_in_no_circle(crate: str) -> None:
    edges = Crate(RUST / crate / "src").edges()
    expect_no_circle({name(module): set(map(name, targets)) for module, targets in edges.items()})


def test_folders_of_the_kernels_use_one_another_in_no_circle() -> None:
    """A folder counts as one file: what dispatches in `simd` or `conv2d` and what it dispatches to know one another."""
    folders: dict[str, set[str]] = {}
    for module, targets in Crate(RUST / "kernels" / "src").edges().items():
        own = name(module[:1])
        folders.setdefault(own, set()).update({name(target[:1]) for target in targets} - {own})
    expect_no_circle(folders)


def test_files_of_the_engine_use_only_what_is_below_them() -> None:
    for module, targets in Crate(RUST / "engine" / "src").edges().items():
        own = name(module[:1])
        assert own in LEVEL, f"say in LEVELS on which level the file {own} of the engine is"
        for target in targets:
            other = name(target[:1])
            below = LEVEL[other] < LEVEL[own] or other == own == "ops"
            assert below, f"{name(module)} uses {name(target)}: {own} stands on level {LEVEL[own]}"
