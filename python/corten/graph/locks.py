"""The lock of those who trace, and what a fork waits for."""

from __future__ import annotations

import functools
import os
import threading

from corten import _core

__all__ = ["tracing"]

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_core.before_fork,
        after_in_parent=functools.partial(_core.after_fork, False),
        after_in_child=functools.partial(_core.after_fork, True),
    )

#: One thread at a time traces a step, runs one op by op, or builds a layer. A fork waits for it, else the child would
#: for ever.
tracing = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=tracing.acquire, after_in_parent=tracing.release, after_in_child=tracing.release)
