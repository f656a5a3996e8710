"""What all commands share: help, exit codes, errors in one line, output that nobody reads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import corten
from cli.running import Run
from corten.cli import info
from corten.cli.failure import printable

COMMANDS = ["info", "convert", "predict", "check"]


def started(*words: object, stdout: Any) -> subprocess.CompletedProcess[bytes]:
    """``python -m corten`` in a process of its own, until it ends."""
    command = [sys.executable, "-m", "corten", *map(str, words)]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False, timeout=60)


def test_the_module_runs_as_a_command(trained: Path) -> None:
    done = started("info", trained, stdout=subprocess.PIPE)
    assert done.returncode == 0 and b"a (Dense)" in done.stdout and done.stderr == b""


def test_help_imports_no_reader_of_files() -> None:
    program = (
        "import sys; from corten.cli import main; main(['--help']); "
        "print([m for m in ('json', 'csv', 'h5py', 'onnx', 'PIL', 'corten.saving.model_files') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe that is closed is told by SIGPIPE's number elsewhere")
def test_a_closed_pipe_is_quiet(trained: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = started("info", trained, stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 141 and done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_an_error(trained: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = started("info", trained, stdout=full)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["corten: error: standard output: No space left on device"]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(run: Run, command: str) -> None:
    ended = run(command, "--help")
    assert ended.code == 0
    assert f"examples:\n  corten {command} " in ended.out and "--import MODULE" in ended.out and "--debug" in ended.out


@pytest.mark.parametrize("words", [["--version"], *([command, "--version"] for command in COMMANDS)])
def test_version(run: Run, words: list[str]) -> None:
    ended = run(*words)
    assert (ended.code, ended.out) == (0, f"corten {corten.__version__}\n")


@pytest.mark.parametrize("words", [[], ["unknown"], ["info"], ["info", "a", "b"], ["info", "a", "--jso"], ["check"]])
def test_wrong_usage_is_2(run: Run, words: list[str]) -> None:
    ended = run(*words)
    assert ended.code == 2 and ended.out == ""
    assert ended.err.startswith("usage: corten") and "corten: error: " in ended.err.splitlines()[-1]


@pytest.mark.parametrize("command", ["info", "check"])
def test_a_missing_file_is_one_line(run: Run, command: str, tmp_path: Path) -> None:
    ended = run(command, tmp_path / "none.keras")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == f"corten: error: {tmp_path / 'none.keras'}: No such file or directory\n"


def test_debug_shows_the_traceback(run: Run, tmp_path: Path) -> None:
    ended = run("info", tmp_path / "none.keras", "--debug")
    assert ended.code == 1
    assert "Traceback" in ended.err and ended.err.splitlines()[-1].startswith("corten: error: ")


def fails(error: BaseException) -> object:
    def run(_: object) -> int:
        raise error

    return run


def test_a_defect_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info, "run", fails(KeyError("x")))
    ended = run("info", "file")
    assert ended.code == 1
    assert ended.err == "corten: error: a defect of Corten: KeyError: 'x' (--debug shows where)\n"


def test_ctrl_c_is_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info, "run", fails(KeyboardInterrupt()))
    ended = run("info", "file")
    assert (ended.code, ended.err) == (130, "corten: interrupted\n")


def test_modules_are_imported_from_the_working_directory(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    (tmp_path / "layers_of_mine.py").write_text(
        "import corten\n"
        "@corten.saving.register_keras_serializable('cli_test')\n"
        "class Twice(corten.Layer):\n"
        "    def call(self, x):\n"
        "        return x * 2\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != ""])
    ended = run("check", "--import", "layers_of_mine", "none.keras")
    assert ended.code == 1
    module = sys.modules["layers_of_mine"]
    model = corten.Sequential([corten.Input((2,)), module.Twice()])
    model.save(folder / "custom.safetensors")
    registered = corten.saving.get_custom_objects()
    twice = registered.pop("cli_test>Twice")
    try:
        ended = run("info", folder / "custom.safetensors")
        assert (
            ended.code == 1 and "twice (Twice): unknown class 'Twice'" in ended.out and "--import MODULE" in ended.out
        )
    finally:
        registered["cli_test>Twice"] = twice
    ended = run("convert", folder / "custom.safetensors", tmp_path / "again.safetensors")
    assert ended.code == 0 and "the file names cli_test>Twice" in ended.out


@pytest.mark.parametrize(
    ("source", "said"), [(None, "No module named 'not_there'"), ("1 / 0", "ZeroDivisionError: division by zero")]
)
def test_a_module_that_cannot_be_imported_is_wrong_usage(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str | None, said: str
) -> None:
    name = "not_there" if source is None else "broken_module_of_mine"
    if source is not None:
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    ended = run("info", "--import", name, "file")
    assert ended.code == 2 and ended.err.startswith(f"corten: error: --import {name}: ") and said in ended.err


def test_what_a_file_says_cannot_steer_a_terminal() -> None:
    assert printable("a\x1b[2J\u202eb\n") == "a\\x1b[2J\\u202eb\n"
