"""Stock Keras, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from saving.keras_process import keras_process


@pytest.fixture(scope="session")
def keras() -> Iterator[Callable[..., Any]]:
    """Keras without gradients, which starts fast: ``keras(function, *args)`` is what the function gives there."""
    with keras_process("numpy") as ask:
        yield ask
