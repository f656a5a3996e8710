"""The commands on the guide's page print what it shows."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

import corten
from cli.running import Run
from docs.test_pages import DOCS, blocks_of

LIKE_DOCTESTS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_commands_print_what_is_shown(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("h5py")
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    corten.utils.clear_session()
    commands = 0
    for block in blocks_of(DOCS / "guides" / "command_line.md"):
        if block.language == "python":
            exec(block.code, {"__name__": "__main__"})
        elif block.language == "console":
            for command, shown in re.findall(r"^\$ corten ([^\n]*)\n((?:(?!\$ ).*\n)*)", block.code, re.MULTILINE):
                ended = run(*shlex.split(command))
                assert (ended.code, ended.err) == (0, ""), command
                same = doctest.OutputChecker().check_output(shown, ended.out, LIKE_DOCTESTS)
                assert same, f"corten {command} printed\n{ended.out}"
                commands += 1
    assert commands == 5
