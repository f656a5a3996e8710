"""The ``keras-differences`` directive: a table of ``tests/keras_differences.py``, the list that the tests check."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def differences(file: Path) -> dict[str, dict[str, str]]:
    """The tables of the list by their names: what differs, and how; of constructors by ``Class(parameter=...)``."""
    spec = importlib.util.spec_from_file_location("keras_differences", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        "constructors": {
            f"{name}({parameter}=...)": reason
            for name, parameters in module.DIFFERENCES.items()
            for parameter, reason in parameters.items()
        },
        "behaviour": module.BEHAVIOUR_DIFFERENCES,
        "ops": module.OPS_DIFFERENCES,
        "masks": module.MASK_DIFFERENCES,
    }


def table(rows: dict[str, str], code: bool) -> nodes.table:
    """Two columns; what differs is shown as code where it is a name."""
    kind = nodes.literal if code else nodes.inline
    group = nodes.tgroup("", nodes.colspec(colwidth=38), nodes.colspec(colwidth=62), cols=2)
    head = [nodes.entry("", nodes.paragraph(text=text)) for text in ("What", "In Corten")]
    group += nodes.thead("", nodes.row("", *head))
    group += nodes.tbody(
        "",
        *(
            nodes.row(
                "",
                nodes.entry("", nodes.paragraph("", "", kind(name, name))),
                nodes.entry("", nodes.paragraph(text=reason)),
            )
            for name, reason in rows.items()
        ),
    )
    return nodes.table("", group, classes=["differences"])


class KerasDifferences(SphinxDirective):
    """``{keras-differences} behaviour``, ``ops``, ``masks`` or ``constructors``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table, or a sentence where the list is empty."""
        file = Path(self.env.srcdir).parent / "tests" / "keras_differences.py"
        self.env.note_dependency(str(file))
        rows = differences(file)[self.arguments[0]]
        if not rows:
            return [nodes.paragraph(text="None at present.")]
        return [table(rows, code=self.arguments[0] != "behaviour")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_directive("keras-differences", KerasDifferences)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
