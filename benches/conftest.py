"""Options of the benches, and their modules on the path."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bench-rounds", type=int, default=15, help="blocks of each side of a contest")
    # With one thread on each side, a loaded machine hardly shows in processor time.
    parser.addoption("--bench-clock", choices=("wall", "cpu"), default="wall", help="what is measured")


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """How many blocks each side of a contest is timed for."""
    return int(request.config.getoption("--bench-rounds"))


@pytest.fixture(scope="session")
def clock(request: pytest.FixtureRequest) -> Callable[[], float]:
    """What blocks are timed with."""
    return time.process_time if request.config.getoption("--bench-clock") == "cpu" else time.perf_counter
