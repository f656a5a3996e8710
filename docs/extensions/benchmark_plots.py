"""Directives that draw and list what ``benches/records`` holds: the newest record of each machine.

``{peers-plot} training step`` and ``{peers-table} training step`` are about one kind of workload against PyTorch,
``{numpy-plot} program`` and ``{numpy-slower}`` about the kernels against NumPy. Plots are SVG within the page, coloured
by its style sheet, so that they follow the theme.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

#: How many machines are shown, those with the newest records.
MACHINES = 2
WIDTH, LEFT, RIGHT = 440, 146, 34
NAMES = {"cnn": "CNN", "mlp": "MLP", "simple_rnn": "SimpleRNN", "gru": "GRU", "lstm": "LSTM", "char_lm": "text model"}

Record = dict[str, Any]


def newest(folder: Path, suffix: str) -> list[Record]:
    """The newest record of each machine, newest first."""
    found: dict[str, Record] = {}
    for file in sorted(folder.glob("*.json")):  # the names begin with the date
        if re.fullmatch(rf"\d{{4}}-\d\d-\d\d-.+-\d+{suffix}\.json", file.name):
            record = json.loads(file.read_text(encoding="utf-8"))
            found[record["machine"]["cpu"]] = record
    return sorted(found.values(), key=lambda record: record["machine"]["date"], reverse=True)[:MACHINES]


def caption(record: Record) -> str:
    """The machine and the date."""
    machine = record["machine"]
    cpu = re.sub(r"\(R\)| Processor|cpu (?=family)", "", machine["cpu"])
    return f"{cpu}, {machine['isa']}, {machine['threads']} threads, {machine['date'][:10]}"


def label(workload: str) -> str:
    """``cnn, training step, batch 32`` as ``CNN, batch 32``."""
    name, *_, batch = workload.split(", ")
    return f"{NAMES.get(name, name)}, {batch}"


def rows_of(record: Record, kind: str) -> dict[str, Record]:
    """The rows of one kind of workload by what they are called on the page."""
    return {label(row["workload"]): row for row in record["rows"] if f", {kind}, " in row["workload"]}


def svg(title: str, height: float, parts: list[str]) -> nodes.raw:
    """A drawing of the page's width."""
    text = (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )
    return nodes.raw("", text, format="html")


def legend(captions: list[str]) -> nodes.raw:
    """Which colour is which machine."""
    sides = "".join(f'<span><i class="side{index}"></i>{escape(name)}</span>' for index, name in enumerate(captions))
    return nodes.raw("", f'<p class="legend">{sides}</p>', format="html")


def text(x: float, y: float, content: str, kind: str = "", anchor: str = "start") -> str:
    """Words in a drawing."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(content)}</text>'


def box(x: float, y: float, width: float, height: float, side: int) -> str:
    """A bar in the colour of a machine."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" class="side{side}"/>'


def bars(title: str, rows: dict[str, list[float]]) -> nodes.raw:
    """Groups of bars of factors along a logarithmic axis that begins at 1: to the left of it is slower."""
    bar, gap, top = 11, 9, 22
    low = min(1.0, *(value for values in rows.values() for value in values)) * 0.97
    high = max(value for values in rows.values() for value in values) * 1.05

    def x(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(value / low) / math.log(high / low)

    height = top + sum(bar * len(values) + gap for values in rows.values())
    parts = []
    for tick in (0.5, 1, 2, 5, 10, 20, 50):
        if low <= tick <= high:
            parts.append(f'<path d="M{x(tick):.1f} {top - 6}V{height}" class="{"one" if tick == 1 else "grid"}"/>')
            parts.append(text(x(tick), top - 9, f"{tick:g}×", "small", "middle"))
    y = float(top)
    for name, values in rows.items():
        parts.append(text(LEFT - 8, y + bar * len(values) / 2 + 4, name, anchor="end"))
        for index, value in enumerate(values):
            start, end = sorted((x(1), x(value)))
            parts.append(box(start, y, max(end - start, 1), bar - 1, index))
            parts.append(text(end + 4, y + bar - 2.5, f"{value:.1f}", "small"))
            y += bar
        y += gap
    return svg(title, height, parts)


def histogram(title: str, side: int, values: list[float]) -> nodes.raw:
    """How many factors are how large."""
    edges = [2 ** (step / 2) for step in range(-1, 13)]
    counts = [sum(low <= value < high for value in values) for low, high in itertools.pairwise(edges)]
    counts[-1] += sum(value >= edges[-1] for value in values)
    counts[0] += sum(value < edges[0] for value in values)
    left, width, base = 8, (WIDTH - 16) / len(counts), 70
    parts = []
    for step, number in enumerate(counts):
        tall = 52 * number / max(counts)
        x = left + step * width
        parts.append(box(x + 1, base - tall, width - 2, tall, side))
        if number:
            parts.append(text(x + width / 2, base - tall - 3, str(number), "small", "middle"))
    parts += [
        text(left + step * width, base + 14, f"{edges[step]:g}×", "small", "middle") for step in range(1, len(edges), 2)
    ]
    parts.append(f'<path d="M{left} {base + 0.5}H{WIDTH - left}" class="one"/>')
    return svg(title, base + 20, parts)


def table(head: list[str], rows: list[list[str]]) -> nodes.table:
    """A table, its figures to the right."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in head), cols=len(head))

    def line(cells: list[str]) -> nodes.row:
        return nodes.row(
            "",
            *(
                nodes.entry("", nodes.paragraph(text=cell), classes=["text-right"] if index else [])
                for index, cell in enumerate(cells)
            ),
        )

    group += nodes.thead("", line(head))
    group += nodes.tbody("", *(line(row) for row in rows))
    return nodes.table("", group, classes=["figures"])


class FromRecords(SphinxDirective):
    """What the directives of this file share."""

    has_content = False
    optional_arguments = 1
    final_argument_whitespace = True
    suffix = ""

    def run(self) -> list[nodes.Node]:
        """Read the records, and draw."""
        folder = Path(self.env.srcdir).parent / "benches" / "records"
        for file in folder.glob("*.json"):
            self.env.note_dependency(str(file))
        return self.draw(newest(folder, self.suffix), self.arguments[0] if self.arguments else "")

    def draw(self, records: list[Record], kind: str) -> list[nodes.Node]:
        """What the directive stands for."""
        raise NotImplementedError


class PeersPlot(FromRecords):
    """Factors over PyTorch."""

    suffix = "-peers"

    def draw(self, records: list[Record], kind: str) -> list[nodes.Node]:
        """A group of bars for each workload."""
        tables = [rows_of(record, kind) for record in records]
        rows = {
            name: [found[name]["factor"] for found in tables] for name in tables[0] if all(name in t for t in tables)
        }
        return [
            legend([caption(record) for record in records]),
            bars(f"{kind}: how many times as fast as PyTorch", rows),
        ]


class PeersTable(FromRecords):
    """Milliseconds."""

    suffix = "-peers"

    def draw(self, records: list[Record], kind: str) -> list[nodes.Node]:
        """A table for each machine."""
        shown: list[nodes.Node] = []
        for record in records:
            version = record["sides"]["torch default"]["version"].split("+")[0]
            shown.append(
                nodes.paragraph("", f"{caption(record)}, PyTorch {version}, medians of {record['rounds']} rounds:")
            )
            body = []
            for name, row in rows_of(record, kind).items():
                ours, theirs = row["seconds"]["corten"] * 1e3, row["seconds"][row["best_peer"]] * 1e3
                digits = 3 if ours < 1 else 1
                body.append([name, f"{ours:.{digits}f}", f"{theirs:.{digits}f}", f"{row['factor']:.1f}"])
            shown.append(table(["", "Corten, ms", "PyTorch, ms", "factor"], body))
        return shown


class NumpyPlot(FromRecords):
    """Factors over NumPy."""

    def draw(self, records: list[Record], kind: str) -> list[nodes.Node]:
        """A histogram for each machine."""
        shown: list[nodes.Node] = []
        for side, record in enumerate(records):
            values = [row["factor"] for row in record["rows"] if row["contest"] == kind]
            mean = math.exp(sum(map(math.log, values)) / len(values))
            name = f"{caption(record)}: {len(values)} rows, geometric mean {mean:.1f}"
            shown += [nodes.paragraph(text=name), histogram("How many rows are how many times as fast", side, values)]
        return shown


class NumpySlower(FromRecords):
    """The rows in which NumPy is faster."""

    def draw(self, records: list[Record], kind: str) -> list[nodes.Node]:
        """A table over all machines."""
        body = [
            [f"{row['kernel']}, {row['size']}", row["contest"], f"{row['factor']:.2f}", record["machine"]["date"][:10]]
            for record in records
            for row in record["rows"]
            if row["factor"] < 1
        ]
        return [table(["kernel", "contest", "factor", "record"], body)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_directive("peers-plot", PeersPlot)
    app.add_directive("peers-table", PeersTable)
    app.add_directive("numpy-plot", NumpyPlot)
    app.add_directive("numpy-slower", NumpySlower)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
