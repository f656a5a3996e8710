"""A record of peers as a table. Only the standard library."""

from __future__ import annotations

from typing import Any

__all__ = ["markdown"]


def markdown(record: dict[str, Any]) -> str:
    """The record for people."""
    machine = record["machine"]
    names = list(record["sides"])
    where = f"{machine['cpu']}, {machine['isa']}, {machine['threads']} threads"
    lines = [
        f"# Corten against its peers, {machine['date']}",
        "",
        f"{where}; Python {machine['python']}, {machine['system']}.",
        f"Each side in a process of its own, {record['rounds']} rounds in turns, medians, milliseconds.",
        "PyTorch: batches lie ready as tensors, fused Adam; Corten: `fit` with shuffling, gathering and metrics.",
        "The factor is that to the best peer of the row.",
        "",
    ]
    for name, facts in record["sides"].items():
        lines.append(f"- {name}: " + ", ".join(f"{key} {value}" for key, value in facts.items() if key != "available"))
    lines += [
        "",
        f"| workload | {' | '.join(names)} | factor | against |",
        "|---|" + "---:|" * (len(names) + 1) + "---|",
    ]
    for row in record["rows"]:
        cells = [f"{row['seconds'][name] * 1e3:.3f}" if name in row["seconds"] else "" for name in names]
        lines.append(f"| {row['workload']} | {' | '.join(cells)} | {row['factor']:.2f} | {row['best_peer']} |")
    lines.append("")
    for name, seconds in record.get("import_seconds", {}).items():
        value = "cannot be imported" if seconds is None else f"{seconds * 1e3:.0f} ms beyond NumPy"
        lines.append(f"- import {name}: {value}")
    if record.get("wheel_bytes"):
        lines.append(f"- wheel: {record['wheel_bytes'] / 1e6:.2f} MB")
    if "mnist" in record:
        run = record["mnist"]
        lines.append(
            f"- MNIST, 5 epochs, batch 128: {run['seconds']:.1f} s, test accuracy {run['accuracy']:.4f}, "
            f"peak memory {run['peak_bytes'] / 1e6:.0f} MB ({run['import_bytes'] / 1e6:.0f} MB after the imports)"
        )
    for name, size in record.get("peak_bytes", {}).items():
        lines.append(f"- peak memory of {name}'s process over the workloads above: {size / 1e6:.0f} MB")
    lines += [f"- left out: {reason}" for reason in record["skipped"]]
    return "\n".join(lines) + "\n"
