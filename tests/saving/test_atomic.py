"""Temporary files: those of killed writers go with the next writing; those of living ones, and users' files, stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from corten.saving.atomic import atomic_write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="leftovers are removed where there are locks on files")

WRITER = """
import sys, time
from corten.saving.atomic import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write(sys.argv[2].encode())
    file.flush()
    print("in the midst", flush=True)
    time.sleep(float(sys.argv[3]))
"""

LOOP = """
import sys
from corten.saving.atomic import atomic_write
for turn in range(int(sys.argv[3])):
    with atomic_write(sys.argv[1]) as file:
        file.write(sys.argv[2].encode() * 1000)
    if turn == 0:
        print("once", flush=True)
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """A writer that has come to what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline()
    return process


def killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def write(path: Path, text: str = "new") -> None:
    with atomic_write(path) as file:
        file.write(text.encode())


def test_what_a_killed_writer_leaves_goes_with_the_next_writing(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write(path, "old")
    for process in [start(WRITER, path, "half", 60) for _ in range(3)]:
        killed(process)
    assert len(list(tmp_path.iterdir())) == 4 and path.read_text() == "old"
    write(tmp_path / "another.safetensors")
    assert len(list(tmp_path.iterdir())) == 5
    write(path)
    assert sorted(left.name for left in tmp_path.iterdir()) == ["another.safetensors", "weights.safetensors"]
    assert path.read_text() == "new"


def test_a_living_writer_keeps_its_file(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    killed(start(WRITER, path, "dead", 60))
    living = start(WRITER, path, "living", 1)
    write(path, "meanwhile")
    # That of the dead is gone, that of the living is not, in another process or in this.
    assert len(list(tmp_path.iterdir())) == 2 and path.read_text() == "meanwhile"
    with atomic_write(path) as file:
        write(path, "inner")
        file.write(b"outer")
    assert path.read_text() == "outer" and len(list(tmp_path.iterdir())) == 2
    _, errors = living.communicate(timeout=60)
    assert living.returncode == 0, errors
    assert path.read_text() == "living" and [left.name for left in tmp_path.iterdir()] == ["weights"]


def test_writers_at_once_while_others_are_killed(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    lasting = [start(LOOP, path, letter, 100) for letter in "ab"]
    for turn in range(4):
        doomed = start(LOOP, path, "c", 10**9)
        time.sleep(0.01 * turn)
        killed(doomed)
    for process in lasting:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert path.read_text() in {letter * 1000 for letter in "abc"}
    write(path)
    assert [left.name for left in tmp_path.iterdir()] == ["weights"]


def test_a_file_that_was_taken_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    flock, taken = fcntl.flock, []

    def late(descriptor: int, operation: int) -> None:
        if not taken:
            (part,) = tmp_path.iterdir()
            part.unlink()
            taken.append(part)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    write(tmp_path / "weights")
    assert taken and [left.name for left in tmp_path.iterdir()] == ["weights"]


def test_without_locks_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    path = tmp_path / "weights"
    killed(start(WRITER, path, "half", 60))

    def refused(descriptor: int, operation: int) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    write(path)
    assert len(list(tmp_path.iterdir())) == 2 and path.read_text() == "new"


def test_files_of_the_user_stay(tmp_path: Path) -> None:
    digits = "0123456789abcdef"
    mine = [
        ".weights.tmp",
        f".weights.{digits}.tmp",
        f"weights.corten-{digits}.tmp",
        f".weights.corten-{digits}.tmp.gz",
        f".weights.corten-{digits[:-1]}.tmp",
        f".weights.corten-{digits.upper()}.tmp",
        f".weightsX.corten-{digits}.tmp",
        f".other.corten-{digits}.tmp",
    ]
    for name in mine:
        (tmp_path / name).write_text("mine")
    (tmp_path / f".weights.corten-{digits[::-1]}.tmp").mkdir()
    linked = tmp_path / f".weights.corten-{'0' * 16}.tmp"
    linked.symlink_to(tmp_path / mine[0])
    write(tmp_path / "weights")
    assert all((tmp_path / name).read_text() == "mine" for name in mine) and linked.is_symlink()
    assert len(list(tmp_path.iterdir())) == len(mine) + 3
