"""Running Python in a process of its own: what may kill, hang or limit a process is tested there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import corten


def environment(**changes: str) -> dict[str, str]:
    """The variables a child is started with: it finds the same corten, and a thread count of its own.

    Two threads, where the tests run one after the other; one beside other workers (see tests/conftest.py).
    """
    threads = "1" if "PYTEST_XDIST_WORKER" in os.environ else "2"
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    folders = [Path(corten.__file__).parents[1], Path(__file__).parents[1]]
    paths = [*map(str, folders), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), "CORTEN_NUM_THREADS": threads, **changes}


def start(program: str, **changes: str) -> subprocess.Popen[str]:
    """A child that runs ``program``; ``changes`` are set in its environment."""
    command = [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(program)]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**changes),
        # A group of its own, so that one that hangs is ended with its children.
        start_new_session=True,
    )


def finish(child: subprocess.Popen[str], timeout: float = 20) -> tuple[int, str, str]:
    """Exit code, output and errors of a child; one that hangs is ended, and the test with it."""
    try:
        out, err = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        # With the children of its own, which hold the pipes open.
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
        raise AssertionError(f"the process hung for {timeout} s\n{out[-2000:]}\n{err[-4000:]}") from None
    assert child.returncode >= 0, f"the process died of signal {-child.returncode}\n{out[-2000:]}\n{err[-4000:]}"
    assert "PanicException" not in err + out, err[-4000:]
    return child.returncode, out, err


def output(program: str, timeout: float = 20, **changes: str) -> str:
    """What ``program`` prints, if it ends well."""
    code, out, err = finish(start(program, **changes), timeout)
    assert code == 0, f"{out[-2000:]}\n{err[-4000:]}"
    return out
