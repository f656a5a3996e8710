"""What a configuration that no object gave makes Corten's own code raise, as one error that says so."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["refusing"]

#: What code raises on values that it does not expect; the rest says already what was wrong.
_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, RecursionError)
_OWN = {"corten", "numpy", *sys.stdlib_module_names}


class _Nested(threading.local):
    depth = 0


_nested = _Nested()


@contextmanager
def refusing(error: type[ValueError], where: str) -> Iterator[None]:
    """Within the block a fault of Corten's own code on what a configuration holds becomes ``error``, with it as cause.

    What code of others raises, a class that the program registered for instance, stays what it is. Of blocks within one
    another the outermost counts.

    >>> from corten.serialization.refusing import refusing
    >>> with refusing(ValueError, "config"):
    ...     {}["units"]
    Traceback (most recent call last):
    ...
    ValueError: config: no object is described so (KeyError: 'units')
    """
    _nested.depth += 1
    try:
        yield
    except _FAULTS as fault:
        if _nested.depth > 1 or _of_others(fault):
            raise
        kind = type(fault).__name__
        raise error(f"{where}: no object is described so ({kind}: {' '.join(str(fault).split())[:200]})") from fault
    finally:
        _nested.depth -= 1


def _of_others(fault: BaseException) -> bool:
    """Whether other code than Corten's was running."""
    trace = fault.__traceback__
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0] not in _OWN:
            return True
        trace = trace.tb_next
    return False
