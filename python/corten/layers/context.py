"""What calls and constructors of layers hand down to those inside them, in each thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["context", "without_initial_values"]


class _Context(threading.local):
    """What a layer's call hands down to the calls inside it."""

    def __init__(self) -> None:
        #: None: nobody has said, and each call goes by its own default.
        self.training: bool | None = None
        self.calling: Any = None
        self.names: tuple[str, ...] = ()
        #: Whether weights are made to be read from a file.
        self.blank = False


context = _Context()


@contextlib.contextmanager
def without_initial_values() -> Iterator[None]:
    """Within the block, new weights are zeros: their values come from a file, and no random numbers are drawn."""
    before, context.blank = context.blank, True
    try:
        yield
    finally:
        context.blank = before
