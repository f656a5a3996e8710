"""Corten against its peers, each in a process of its own, taking turns round by round; a dated record is written.

python -m peers [--torch PYTHON] [--rounds 9] [--threads 2] [--compile] [--mnist] [--only TEXT]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from machine import facts, stem

from peers.report import markdown

#: Where ``python -m peers`` and its sides run.
BENCHES = Path(__file__).parents[1]
#: How long the threads of the side that has just run may go on spinning.
PAUSE = 0.15
IMPORT = "import time; import numpy; t = time.perf_counter(); import {0}; print(time.perf_counter() - t)"


class Side:
    """One process, ready to time rounds."""

    def __init__(self, name: str, python: str, arguments: list[str], threads: int) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
        environment |= {k: str(threads) for k in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        self.name = name
        self.process = subprocess.Popen(
            [python, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=BENCHES
        )
        hello = self._read()
        self.facts: dict[str, Any] = hello["facts"]
        self.workloads: list[str] = hello["workloads"]
        self.seconds: dict[str, list[float]] = {}
        self.peak_bytes = 0

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended unexpectedly, exit status {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def round(self, workload: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(workload + "\n")
        self.process.stdin.flush()
        answer = self._read()
        self.seconds.setdefault(workload, []).append(answer["seconds"])
        self.peak_bytes = answer["peak_bytes"]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def compete(sides: list[Side], rounds: int, only: str) -> list[dict[str, Any]]:
    """Every workload of Corten's that some peer has too; rounds alternate between the sides."""
    rows = []
    for workload in sides[0].workloads:
        able = [side for side in sides if workload in side.workloads]
        if len(able) < 2 or only not in workload:
            continue
        for _ in range(rounds):
            for side in able:
                side.round(workload)
                time.sleep(PAUSE)
        seconds = {side.name: median(side.seconds[workload]) for side in able}
        peers = {name: value for name, value in seconds.items() if name != "corten"}
        best = min(peers, key=lambda name: peers[name])
        rows.append(
            {"workload": workload, "seconds": seconds, "best_peer": best, "factor": peers[best] / seconds["corten"]}
        )
        shown = ", ".join(f"{name} {value * 1e3:.3f} ms" for name, value in seconds.items())
        print(f"{workload}: {shown}; {rows[-1]['factor']:.2f}x {best}", flush=True)
    return rows


def import_seconds(python: str, module: str, runs: int = 7) -> float | None:
    """What importing a module takes beyond NumPy: the median over fresh processes; None where it cannot be imported."""
    found = []
    for _ in range(runs):
        done = subprocess.run(
            [python, "-c", IMPORT.format(module)], capture_output=True, text=True, cwd=BENCHES, check=False
        )
        if done.returncode:
            return None
        found.append(float(done.stdout))
    return median(found)


def mnist(threads: int) -> dict[str, Any] | str:
    """The whole MNIST run, or why there is none."""
    done = subprocess.run(
        [sys.executable, "-m", "peers.mnist_run", str(threads)],
        capture_output=True,
        text=True,
        cwd=BENCHES,
        check=False,
    )
    if done.returncode:
        return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit status {done.returncode}"
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def wheel_bytes(folder: Path) -> int | None:
    wheels = sorted(folder.glob("corten-*.whl"), key=lambda wheel: wheel.stat().st_mtime)
    return wheels[-1].stat().st_size if wheels else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--torch", default="", help="an interpreter that has PyTorch; without one its rows are left out"
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="torch.compile as well")
    parser.add_argument("--mnist", action="store_true", help="the MNIST run too, for its memory; takes a minute or so")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--wheels", type=Path, default=BENCHES.parent / "dist")
    parser.add_argument("--records", type=Path, default=BENCHES / "records")
    options = parser.parse_args()

    threads = str(options.threads)
    sides = [
        Side("corten", sys.executable, ["-m", "peers.corten_side", threads], options.threads),
        Side("numpy", sys.executable, ["-m", "peers.numpy_side"], options.threads),
    ]
    skipped = []
    if options.torch:
        variants = ("default", "channels_last", *(["compiled"] if options.compile else []))
        arguments = {variant: ["-m", "peers.torch_side", threads, variant] for variant in variants}
        sides += [Side(f"torch {name}", options.torch, given, options.threads) for name, given in arguments.items()]
    else:
        skipped.append("PyTorch: no interpreter was given (make bench-peers PEERS=/path/to/python)")
    record: dict[str, Any] = {
        "machine": facts(options.threads),
        "sides": {side.name: side.facts for side in sides},
        "rounds": options.rounds,
        "rows": compete(sides, options.rounds, options.only),
    }
    record["peak_bytes"] = {side.name: side.peak_bytes for side in sides if side.seconds}
    for side in sides:
        side.close()

    if not options.only:
        record["import_seconds"] = {"corten": import_seconds(sys.executable, "corten")}
        if options.torch:
            record["import_seconds"]["torch"] = import_seconds(options.torch, "torch", runs=3)
        record["wheel_bytes"] = wheel_bytes(options.wheels)
        if record["wheel_bytes"] is None:
            skipped.append("size of the wheel: none is in dist (make wheel)")
        if options.mnist:
            run = mnist(options.threads)
            if isinstance(run, str):
                skipped.append(f"MNIST: {run}")
            else:
                record["mnist"] = run
        else:
            skipped.append("MNIST: not asked for (--mnist)")
    record["skipped"] = skipped

    options.records.mkdir(parents=True, exist_ok=True)
    path = options.records / f"{stem(options.threads)}-peers"
    path.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    text = markdown(record)
    path.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
