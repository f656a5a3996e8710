"""The contracts of the ops on every instruction set that the machine has, not only on the best."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.subprocesses import environment
from corten import _core

OTHERS = [isa for isa in _core.isas() if isa != _core.isa()]

others = pytest.mark.parametrize("isa", OTHERS)


def run(isa: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parent,
        env=environment(CORTEN_ISA=isa),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:]


@others
def test_ops_give_the_same_values_and_gradients(isa: str) -> None:
    run(isa, "test_every_op.py", "-k", "test_value or test_gradient")


@pytest.mark.thorough
@others
def test_ops_keep_their_contracts(isa: str) -> None:
    run(isa, "test_every_op.py", "test_extremes.py", "../ops")
