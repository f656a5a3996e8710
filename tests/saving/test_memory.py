"""What saving and loading take of memory: little more than the model itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from contracts.subprocesses import output

PRELUDE = """
import contextlib
import corten
with contextlib.suppress(ImportError):
    import h5py, numpy.testing, tempfile, zipfile
from corten import layers

def resident(what):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) * 1024

def peak(action):
    open("/proc/self/clear_refs", "w").write("5")
    result = action()
    return resident("VmHWM:") - base, result

base, size = resident("VmRSS:"), 4 * 4 * (2048 * 2048 + 2048)
"""
SAVE = """
model = corten.Sequential([layers.Input((2048,)), *[layers.Dense(2048) for _ in range(4)]])
base = resident("VmRSS:")  # the model is there
used, _ = peak(lambda: model.save(PATH))
print(1 + used / size)
"""
LOAD = """
used, model = peak(lambda: corten.models.load_model(PATH))
assert 4 * model.count_params() == size
print(used / size)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("end", [".safetensors", ".keras"])
def test_saving_and_loading_copy_no_model(end: str, tmp_path: Path) -> None:
    if end == ".keras":
        pytest.importorskip("h5py")
    for program in (SAVE, LOAD):
        used = float(output((PRELUDE + program).replace("PATH", repr(str(tmp_path / f"model{end}")))))
        assert 1.0 <= used < 1.5, (program, used)  # some MB are modules
