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
    known = _cpuinfo()
    name = known.get("model name") or platform.processor() or platform.machine()
    numbers = [f"{key} {known[key]}" for key in ("cpu family", "model") if key in known]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def stem(threads: int) -> str:
    """The name of a record: date, processor (maker, family, model), instruction set, threads."""
    known = _cpuinfo()
    maker = {"GenuineIntel": "intel", "AuthenticAMD": "amd"}.get(known.get("vendor_id", ""), platform.machine())
    processor = "-".join([maker, *(known[key] for key in ("cpu family", "model") if key in known)])
    return f"{dt.datetime.now(dt.timezone.utc):%Y-%m-%d}-{processor}-{_core.isa()}-{threads}"


def _cpuinfo() -> dict[str, str]:
    """What Linux says of its first processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {}
    known: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        known.setdefault(key.strip(), value.strip())
    return known
