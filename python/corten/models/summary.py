"""``model.summary()``: a table of layers, output shapes and parameters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from corten.callbacks.progress import can_show
from corten.graph import Call, SymbolicTensor, flatten
from corten.layers.layer import Layer

__all__ = ["print_summary"]

#: The signs of the table where the output's encoding has no others.
PLAIN = str.maketrans(dict.fromkeys("┌┬┐├┼┤└┴┘", "+") | {"│": "|", "─": "-", "…": "~"})


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Prints the table to ``print_fn``, once with the whole text."""
    connected = isinstance(getattr(model, "_calls", None), list)
    names, entries = _entries(model)
    header = ["Layer (type)", "Output Shape", "Param #"]
    header += ["Connected to"] if connected else []
    header += ["Trainable"] if show_trainable else []
    rows = []
    for entry in _within(entries, layer_range):
        rows.append(_row(entry, 0, names, connected, show_trainable))
        for depth, layer in _walk(entry.thing, 1) if expand_nested else ():
            rows.append(_row(_Entry(layer, layer.name), depth, names, connected, show_trainable))
    width = line_length or (108 if connected else 88)
    shares = list(positions) if positions else _shares(len(header))
    edges = [round(share * width) if share <= 1 else int(share) for share in shares]
    widths = [edge - before - 3 for edge, before in zip(edges, [0, *edges], strict=False)]
    widths = [max(w, 6) for w in widths]

    def line(cells: Sequence[str]) -> str:
        return "│ " + " │ ".join(_fit(cell, w) for cell, w in zip(cells, widths, strict=True)) + " │"

    def rule(start: str, middle: str, end: str) -> str:
        return start + middle.join("─" * (w + 2) for w in widths) + end

    lines = [f'Model: "{model.name}"', rule("┌", "┬", "┐"), line(header), rule("├", "┼", "┤")]
    lines += [line(row) for row in rows]
    lines.append(rule("└", "┴", "┘"))
    trained = sum(weight.size for weight in model.trainable_weights)
    frozen = sum(weight.size for weight in model.weights) - trained
    # What training needs beside the weights is there, and counts, once it has begun.
    optimizer = model.optimizer
    slots = 0 if optimizer is None or not optimizer.built else sum(variable.size for variable in optimizer.variables)
    lines.append(f" Total params: {_count(trained + frozen + slots)}")
    lines.append(f" Trainable params: {_count(trained)}")
    lines.append(f" Non-trainable params: {_count(frozen)}")
    if slots:
        lines.append(f" Optimizer params: {_count(slots)}")
    text = "\n".join(lines)
    if print_fn is None and not can_show(text, sys.stdout):
        text = text.translate(PLAIN)
    (print_fn or print)(text)


@dataclass
class _Entry:
    """A line of the table: a layer, or an op that was applied between layers."""

    thing: Any
    name: str
    calls: list[Call] = field(default_factory=list)


def _entries(model: Any) -> tuple[dict[int, str], list[_Entry]]:
    """The lines of a model, in order, and the name of each call: that of the layer, or the op's with a number."""
    functional = getattr(model, "_functional", None) or model
    calls: list[Call] = getattr(functional, "_calls", [])
    applied = {id(call.function) for call in calls}
    entries = {id(layer): _Entry(layer, layer.name) for layer in model.layers if id(layer) not in applied}
    names: dict[int, str] = {}
    counts: dict[str, int] = {}
    for call in calls:
        if isinstance(call.function, Layer):
            entry = entries.setdefault(id(call.function), _Entry(call.function, call.function.name))
        else:
            base = getattr(call.function, "__name__", "op").strip("_")
            count = counts[base] = counts.get(base, -1) + 1
            entry = entries[id(call)] = _Entry(call.function, f"{base}_{count}" if count else base)
        entry.calls.append(call)
        names[id(call)] = entry.name
    return names, list(entries.values())


def _within(entries: list[_Entry], names: Sequence[str] | None) -> list[_Entry]:
    if names is None:
        return entries
    known = [entry.name for entry in entries]
    if len(names) != 2 or any(name not in known for name in names):
        raise ValueError(
            f"layer_range: expected the names of a first and a last layer among {known}, got {list(names)}"
        )
    return entries[known.index(names[0]) : known.index(names[1]) + 1]


def _walk(layer: Any, depth: int) -> Iterator[tuple[int, Layer]]:
    for inner in getattr(layer, "layers", []):
        yield depth, inner
        yield from _walk(inner, depth + 1)


def _row(entry: _Entry, depth: int, names: dict[int, str], connected: bool, show_trainable: bool) -> list[str]:
    thing, layer = entry.thing, entry.thing if isinstance(entry.thing, Layer) else None
    outputs = entry.calls[0].outputs if entry.calls else getattr(thing, "output", None)
    shapes = [tensor.shape for tensor in flatten(outputs) if tensor is not None]
    shape = "?" if not shapes else str(shapes[0] if len(shapes) == 1 else shapes)
    row = ["  " * depth + (entry.name if layer is None else f"{entry.name} ({type(layer).__name__})"), shape]
    if layer is None:
        row.append("0")
    else:
        row.append(f"{sum(weight.size for weight in layer.weights):,}" if layer.built else "0 (unbuilt)")
    if connected:
        sources = [leaf for call in entry.calls for leaf in flatten([call.args, call.kwargs])]
        origins = [_source(leaf, names) for leaf in sources if isinstance(leaf, SymbolicTensor)]
        row.append(", ".join(dict.fromkeys(origins)) or "-")
    if show_trainable:
        weights = layer.weights if layer is not None else []
        row.append("Y" if layer is not None and layer.trainable_weights else ("N" if weights else "-"))
    return row


def _source(tensor: SymbolicTensor, names: dict[int, str]) -> str:
    return str(tensor.name) if tensor.call is None else names.get(id(tensor.call), "?")


def _shares(columns: int) -> list[float]:
    return {3: [0.45, 0.80, 1.0], 4: [0.32, 0.58, 0.74, 1.0], 5: [0.30, 0.54, 0.68, 0.90, 1.0]}[columns]


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def _count(params: int) -> str:
    size = float(params * 4)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{params:,} ({size:.2f} {unit})"
        size /= 1024
    return f"{params:,}"
