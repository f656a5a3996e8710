"""Every example runs in its tiny setting (``--tiny``: seconds, on little data), as a person would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES_FOLDER = Path(__file__).parents[2] / "examples"

#: One line for each: the script, the file in CORTEN_DATA that even its tiny setting needs ("" where it needs none),
#: and words that it prints.
EXAMPLES = [
    ("autoencoders.py", "", "test MSE from 32 numbers"),
    ("character_model.py", "text/shakespeare.txt", "nats a character"),
    ("gan.py", "", "at least 0.9 sure of"),
    ("image_recognition.py", "cifar10/cifar10_12k.npz", "test accuracy"),
    ("interpretability.py", "cifar10/cifar10_12k.npz", "without a random tenth"),
    ("long_memory.py", "", "LSTM: test MSE"),
    ("mnist.py", "", "test accuracy"),
    ("recommendation.py", "ratings/ratings.csv", "recall@10"),
    ("speech.py", "speech/spoken_digits.npz", "test accuracy"),
    ("text_classification.py", "text/sms_spam.tsv", "transformer: F1 of spam"),
    ("translation.py", "text/english_chinese.tsv", "with attention: BLEU"),
]


def run(tmp_path: Path, script: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES_FOLDER / script), *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("script", "data", "printed"), EXAMPLES)
def test_runs_in_its_tiny_setting(script: str, data: str, printed: str, tmp_path: Path, request: Any) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    if script == "translation.py":
        pytest.importorskip("sacrebleu")
    found = {}
    if data:
        folder = request.getfixturevalue("shared_data")
        if not (folder / data).exists():
            pytest.skip(f"needs {data} in CORTEN_DATA")
        found["CORTEN_DATA"] = str(folder)
    output = run(tmp_path, script, "--tiny", **found)
    assert printed in output
    assert "\x1b" not in output and "\r" not in output and "\b" not in output, "control codes, but this is no terminal"
    for picture in tmp_path.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_one_page_shows_them(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    run(tmp_path, "page.py", "--tiny", "--page", "page.html", "mnist.py")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "test accuracy" in page and "data:image/png;base64," in page
    assert "://" not in page.partition("Its source")[0], "the page needs nothing but itself"


def test_every_example_has_a_line() -> None:
    helpers = {"page.py", "picture.py"}
    assert {path.name for path in EXAMPLES_FOLDER.glob("*.py")} - helpers == {script for script, _, _ in EXAMPLES}


@pytest.mark.parametrize("path", sorted(EXAMPLES_FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80
