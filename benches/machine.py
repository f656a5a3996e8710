"""What a record says of the machine: nothing that names it."""

from __future__ import annotations

import datetime as dt
import platform
from pathlib import Path
from typing import Any

from corten import _core

__all__ = ["facts", "stem"]


def facts(threads: int) -> dict[str, Any]:
    """Processor, instruction set, threads and versions."""
    return {
        "date": dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu(),
        "isa": _core.isa(),
        "threads": threads,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "corten": _core.__version__,
    }


def cpu() -> str:
    """The processor's model, with family and model numbers where the name says little."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    known: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        known.setdefault(key.strip(), value.strip())
    name = known.get("model name", platform.machine())
    numbers = [f"{key} {known[key]}" for key in ("cpu family", "model") if key in known]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def stem(threads: int) -> str:
    """The name of a record: date, instruction set, threads."""
    return f"{dt.datetime.now(dt.timezone.utc):%Y-%m-%d}-{_core.isa()}-{threads}"
