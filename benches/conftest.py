"""Options of the benches, and their modules on the path."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bench-rounds", type=int, default=15, help="blocks of each side of a contest")


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """How many blocks each side of a contest is timed for."""
    return int(request.config.getoption("--bench-rounds"))
