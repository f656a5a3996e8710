"""From pytest-benchmark's report to a dated record: JSON, a table, a plot.

python benches/record.py report.json [--records benches/records]
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
from machine import facts, stem
from matplotlib import rcParams
from matplotlib.figure import Figure
from peers.numpy_side import openblas

from corten import _core

CONTESTS = {
    "fit": "Whole training steps, through `fit`",
    "program": "Kernels as a model runs them",
    "arrays": "`corten.ops` on NumPy arrays",
}
COLOURS = {"fit": "tab:green", "program": "tab:blue", "arrays": "tab:orange"}


def rows_of(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What the benches noted, without pytest-benchmark's own facts (which name the machine)."""
    found = []
    for bench in report["benchmarks"]:
        extra = bench["extra_info"]
        if "factor" in extra:
            found.append({**extra, "rounds": bench["stats"]["rounds"]})
    return found


def markdown(record: dict[str, Any], plot: str) -> str:
    """Summary, then one table for each contest."""
    machine, rows = record["machine"], record["rows"]
    slower = sorted((row for row in rows if row["factor"] < 1), key=lambda row: row["factor"])
    where = f"{machine['cpu']}, {machine['isa']}, {machine['threads']} threads; Python {machine['python']}"
    lines = [
        f"# Corten against NumPy, {machine['date']}",
        "",
        f"{where}, NumPy {machine['numpy']}, {machine['blas']}, {machine['system']}.",
        "Both in one process, in turns; medians; microseconds. The factor is NumPy's time over Corten's.",
        "",
        f"![factors]({plot})",
        "",
    ]
    for contest, title in CONTESTS.items():
        mine = [row for row in rows if row["contest"] == contest]
        if mine:
            factors = [row["factor"] for row in mine]
            lines.append(
                f"- {title}: {len(mine)} rows, geometric mean {geometric_mean(factors):.2f}, "
                f"lowest {min(factors):.2f}, {sum(f < 1 for f in factors)} below 1"
            )
    if slower:
        lines += ["", "## Slower than NumPy", "", *_table(slower, with_contest=True)]
    for contest, title in CONTESTS.items():
        mine = [row for row in rows if row["contest"] == contest]
        if mine:
            lines += ["", f"## {title}", "", *_table(mine)]
    return "\n".join(lines) + "\n"


def _table(rows: list[dict[str, Any]], with_contest: bool = False) -> list[str]:
    lines = ["| kernel | size | Corten | NumPy | factor |", "|---|---|---:|---:|---:|"]
    for row in rows:
        name = f"{row['kernel']} ({row['contest']})" if with_contest else row["kernel"]
        lines.append(
            f"| {name} | {row['size']} | {row['corten_us']:.1f} | {row['numpy_us']:.1f} | {row['factor']:.2f} |"
        )
    return lines


def plot(record: dict[str, Any], path: Path) -> None:
    """One line for each kernel, one dot for each size."""
    factors: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for row in record["rows"]:
        factors[row["kernel"]].append((row["contest"], row["factor"]))
    names = list(factors)[::-1]
    rcParams["svg.hashsalt"] = "corten"
    figure = Figure(figsize=(9, 1.2 + 0.22 * len(names)), layout="constrained")
    axes = figure.subplots()
    for contest, colour in COLOURS.items():
        dots = [(f, i) for i, name in enumerate(names) for c, f in factors[name] if c == contest]
        if dots:
            x, y = np.array(dots).T
            axes.scatter(x, y, s=14, color=colour, alpha=0.7, label=CONTESTS[contest].replace("`", ""))
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    ticks = [t for t in (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64) if axes.get_xlim()[0] <= t <= axes.get_xlim()[1]]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("times as fast as NumPy")
    machine = record["machine"]
    axes.set_title(f"{machine['cpu']}, {machine['isa']}, {machine['threads']} threads, {machine['date']}", fontsize=8)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("--records", type=Path, default=Path(__file__).parent / "records")
    options = parser.parse_args()
    rows = rows_of(json.loads(options.report.read_text()))
    threads = _core.threads()
    machine = {**facts(threads), "numpy": np.__version__, "blas": openblas()}
    record = {"machine": machine, "rows": rows}
    options.records.mkdir(parents=True, exist_ok=True)
    path = options.records / stem(threads)
    picture = path.with_name(path.name + ".svg")
    path.with_name(path.name + ".json").write_text(json.dumps(record, indent=1) + "\n")
    path.with_name(path.name + ".md").write_text(markdown(record, picture.name))
    plot(record, picture)
    slower = sum(row["factor"] < 1 for row in rows)
    print(f"{path.name}.md: {len(rows)} rows, {slower} slower than NumPy")


if __name__ == "__main__":
    main()
