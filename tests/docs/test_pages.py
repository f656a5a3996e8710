"""The code on the documentation's pages runs, block by block, and prints what the pages say it prints.

A page's ``python`` blocks run in order in one namespace. What a block prints must be shown in a ``text`` block right
after it (``...`` stands for anything, white space counts as one blank). Figures with decimals may be off by a
twentieth, or by three in the last place: instruction sets round differently. A block that is not to be run says why in
a comment above it: ``% not run: PyTorch's side``.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import corten

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^(`{3,}|~{3,})(\S*)[^\n]*\n(.*?)^\1[ ]*$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"% not run: (\S.{5,})\n\n?\Z")
#: What a fence may hold that is no Python: words of a shell, output, directives.
OTHER = re.compile(r"text|console|toml|\{[a-z-]+\}")


FIGURE = re.compile(r"\d+\.\d+")


def is_shown(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed."""
    figures = iter(FIGURE.findall(printed))

    def near(match: re.Match[str]) -> str:
        found, last = next(figures, ""), 10.0 ** -len(match[0].split(".")[1])
        close = bool(found) and abs(float(found) - float(match[0])) <= max(0.05 * float(match[0]), 3.001 * last)
        return found if close else match[0]

    # Those that are near enough become what was printed, and the rest is compared as doctest does.
    return doctest.OutputChecker().check_output(
        FIGURE.sub(near, shown), printed, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )


@dataclass
class Block:
    """A fenced block: its language, code and line, and why it is not run, if it is not."""

    language: str
    code: str
    line: int
    not_run: str


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        reason = NOT_RUN.search(text[: match.start()])
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(match[2], match[3], line, reason[1] if reason else ""))
    return found


def pages() -> list[Path]:
    return [page for page in sorted(DOCS.rglob("*.md")) if "decisions" not in page.parts]


def with_code() -> list[object]:
    return [
        pytest.param(page, id=page.relative_to(DOCS).as_posix())
        for page in pages()
        if any(block.language == "python" and not block.not_run for block in blocks_of(page))
    ]


@pytest.mark.parametrize("page", with_code())
def test_code_runs_and_prints_what_is_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    if "import onnxruntime" in page.read_text(encoding="utf-8"):
        pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    corten.utils.set_random_seed(0)
    corten.utils.clear_session()
    blocks = blocks_of(page)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block, after in itertools.zip_longest(blocks, blocks[1:]):
        if block.language != "python" or block.not_run:
            continue
        printed = io.StringIO()
        # So many empty lines before it that a traceback names the page's own lines.
        code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        shown = after.code if after is not None and after.language == "text" else ""
        assert is_shown(shown, printed.getvalue()), (
            f"{page.relative_to(DOCS)}:{block.line} printed\n{printed.getvalue()}\nand the page shows\n{shown}"
        )


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("loss 0.50\n", "loss 0.51\n", True),
        ("loss 0.50\n", "loss 0.60\n", False),
        ("12.0 [2 3]\n", "12.4 [2 4]\n", False),
        ("(1, ...)\n", "(1, 2)\n", True),
        ("", "anything\n", False),
        ("0.5 0.5\n", "0.5\n", False),
    ],
)
def test_what_counts_as_shown(shown: str, printed: str, same: bool) -> None:
    assert is_shown(shown, printed) is same


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(DOCS).as_posix())
def test_blocks_are_code_that_runs_or_say_what_they_are(page: Path) -> None:
    for block in blocks_of(page):
        where = f"{page.relative_to(DOCS)}:{block.line}"
        assert block.language == "python" or OTHER.fullmatch(block.language), f"{where}: {block.language!r}"
        if block.language == "python":  # wider ones are cut on a page
            assert max(map(len, block.code.splitlines())) <= 100, where
        assert not block.not_run or block.language == "python", f"{where}: nothing here would be run"


def test_few_blocks_are_not_run() -> None:
    blocks = [block for page in pages() for block in blocks_of(page) if block.language == "python"]
    assert len(blocks) > 60
    assert sum(bool(block.not_run) for block in blocks) <= 4
