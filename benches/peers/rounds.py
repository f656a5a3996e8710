"""What every peer's process does: on each request it times one round of a workload and answers with one line of JSON.

Only the standard library: this file is run by interpreters that have nothing of ours.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

#: Makes a workload ready; what it returns does so many steps.
Make = Callable[[], tuple[int, Callable[[], Any]]]

#: Seconds of one round, and of warming up.
ROUND = 0.25


def serve(facts: dict[str, Any], workloads: dict[str, Make]) -> None:
    """Answers requests from standard input until it ends: the names of workloads, one a line."""
    _answer({"facts": facts, "workloads": list(workloads)})
    ready: dict[str, tuple[int, Callable[[], Any]]] = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in ready:
            ready = {name: workloads[name]()}
            _timed(*ready[name])
        _answer({"seconds": _timed(*ready[name]), "peak_bytes": peak_bytes()})


def peak_bytes() -> int:
    """The most memory this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _answer(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _timed(steps: int, function: Callable[[], Any]) -> float:
    """Seconds of one step, over a round."""
    done, began = 0, time.perf_counter()
    while True:
        function()
        done += steps
        took = time.perf_counter() - began
        if took >= ROUND:
            return took / done
