"""The contracts of the ops on every instruction set that the machine has, not only on the best."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from corten import _core

OTHERS = [isa for isa in _core.isas() if isa != _core.isa()]


@pytest.mark.slow
@pytest.mark.parametrize("isa", OTHERS)
def test_ops_keep_their_contracts(isa: str) -> None:
    here = Path(__file__).parent
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_every_op.py", "../ops"]
    environment = {**os.environ, "CORTEN_ISA": isa}
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:]
