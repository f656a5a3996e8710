"""The benches still run, and their NumPy baselines still agree with Corten, at small sizes and untimed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pytest_benchmark")
BENCHES = Path(__file__).parents[1] / "benches"


def test_benches_agree_at_small_sizes() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-o",
        "addopts=",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
    ]
    command += [
        str(BENCHES / "test_kernels.py"),
        "--benchmark-disable",
        "-k",
        "every_op or 32x128 or 32x64x64 or 32x10 or 1x13x13",
    ]
    one = dict.fromkeys(("CORTEN_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=BENCHES.parent, env={**os.environ, **one}, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_records_are_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report = tmp_path / "report.json"
    report.write_text(
        '{"benchmarks": [{"stats": {"rounds": 3}, "extra_info": {"contest": "program", "kernel": "relu", "size": "8",'
        ' "corten_us": 1.0, "numpy_us": 2.0, "factor": 2.0}}]}'
    )
    command = [sys.executable, str(BENCHES / "record.py"), str(report), "--records", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    (table,) = tmp_path.glob("*.md")
    assert "| relu | 8 | 1.0 | 2.0 | 2.00 |" in table.read_text()
    assert len(list(tmp_path.glob("*.svg"))) == 1
