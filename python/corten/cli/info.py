"""``corten info``: what is in a file."""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path
from typing import Any

from corten.cli.failure import FileError, blaming, show
from corten.cli.parser import add_command

__all__ = ["add", "run"]

_EXAMPLES = (
    "corten info model.keras",
    "corten info weights.safetensors --json | jq '.tensors[].name'",
    "corten info network.onnx",
    "corten info --import my_layers model.h5",
)


def add(commands: Any) -> None:
    """Adds the command to those of the parser."""
    parser = add_command(
        commands, "info", "Show what is in a model file, a file of weights or an ONNX file.", _EXAMPLES, run
    )
    parser.add_argument("file", type=Path, metavar="FILE", help=".keras, .h5, .safetensors, .weights.h5 or .onnx")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Prints what the file holds; 1 where a model is in it that cannot be loaded."""
    from corten.cli.formats import format_of

    path = arguments.file
    with blaming(path):
        kind = format_of(path)
    report: dict[str, Any] = {"file": str(path), "format": kind}
    summary = _fill_onnx(report, path) if kind == "onnx" else _fill(report, path, kind)
    if arguments.json:
        import json

        # Names of a file may be no Unicode text; JSON's escapes have a form for them.
        print(json.dumps(report, indent=2))
    else:
        _show(report, summary)
    return 1 if report["problems"] else 0


def _fill(report: dict[str, Any], path: Path, kind: str) -> str:
    """Puts what the file says into the report; returns the table of the model, if there is one."""
    from corten.cli.contents import read_contents

    contents = read_contents(path, kind)
    report |= {"format": contents.format, "metadata": contents.metadata, "problems": contents.problems}
    if contents.config is None:
        report["tensors"] = [vars(tensor) for tensor in contents.tensors]
        return ""
    model = _load(report, path)
    if model is not None:
        return _fill_model(report, model)
    layers = contents.layers()
    report["described"] = [vars(layer) for layer in layers]
    report["tensors"] = [vars(tensor) for tensor in contents.tensors]
    # What is wrong with a layer is said behind its name.
    reasons = [layer.problem for layer in layers if layer.problem]
    report["problems"] = [problem for problem in report["problems"] if not any(r in problem for r in reasons)]
    report["problems"] += [f"{layer.name} ({layer.kind}): {layer.problem}" for layer in layers if layer.problem]
    return ""


def _fill_onnx(report: dict[str, Any], path: Path) -> str:
    from corten.cli.onnx_contents import read_onnx

    report |= read_onnx(path) | {"problems": []}
    model = _load(report, path)
    return "" if model is None else _fill_model(report, model)


def _load(report: dict[str, Any], path: Path) -> Any:
    """The model, or None, and then the report has the reason."""
    from corten.cli.formats import load

    try:
        return load(path)
    except FileError as error:
        problem = str(error)
    model = None
    with suppress(FileError):
        if report["format"] != "onnx":
            model = load(path, compile=False)
            problem = f"what compile() was called with: {problem}"
    if problem not in report["problems"]:
        report["problems"].append(problem)
    return model


def _fill_model(report: dict[str, Any], model: Any) -> str:
    from corten.cli.model_report import report_model

    report["model"] = report_model(model)
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    return "\n".join(lines)


# --- as text ---------------------------------------------------------------------------------------------------------


def _show(report: dict[str, Any], summary: str) -> None:
    show(f"{report['file']}: {'ONNX' if report['format'] == 'onnx' else report['format']}")
    for name, value in report["metadata"].items():
        text = ", ".join(f"{key} {part}" for key, part in value.items()) if isinstance(value, dict) else str(value)
        if text:
            show(f"  {name}: {text if len(text) <= 100 else text[:99] + '…'}")
    if "model" not in report or report["format"] == "onnx":
        _show_tensors("Inputs", report.get("inputs"))
        _show_tensors("Outputs", report.get("outputs"))
    if operators := report.get("operators"):
        show(f"Operators: {sum(operators.values()):,} nodes of {len(operators)} kinds")
        _show_columns([[name, f"{count:,}"] for name, count in operators.items()])
    if summary:
        show(summary)
    if "model" in report:
        _show_compiled(report)
    if described := report.get("described"):
        show("Layers of the configuration:")
        rows = [[layer["name"], layer["kind"], "cannot be loaded" if layer["problem"] else ""] for layer in described]
        _show_columns(rows)
    if "tensors" in report:
        _show_stored(report["tensors"])
    if report["problems"]:
        show("Cannot be loaded:")
        for problem in report["problems"]:
            show(f"  {problem}")
        if any(layer["problem"] for layer in report.get("described", ())):
            show("Classes of your own are known where a module registers them: --import MODULE")


def _show_compiled(report: dict[str, Any]) -> None:
    from corten.cli.model_report import brief

    model = report["model"]
    if report["format"] != "onnx":
        _show_tensors("Inputs", model["inputs"])
        _show_tensors("Outputs", model["outputs"])
    if model["compile"] is not None:
        settings = {key: value for key, value in model["compile"].items() if key in _SHOWN and value is not None}
        show("Compiled: " + ("; ".join(f"{key} {brief(value)}" for key, value in settings.items()) or "without a loss"))
    for place, optimizer in model["optimizers"].items():
        taken = optimizer["iterations"]
        steps = "a state that waits for the first step" if taken is None else f"{taken:,} steps taken"
        name = "Optimizer" if place == "optimizer" else f"Optimizer {place}"
        show(f"{name}: {optimizer['class']}, learning rate {optimizer['learning_rate']:.6g}, {steps}")


#: Of what was passed to ``compile``; the optimizer has a line of its own.
_SHOWN = ("loss", "loss_weights", "metrics", "weighted_metrics")


def _show_tensors(title: str, tensors: list[dict[str, Any]] | None) -> None:
    if tensors:
        show(f"{title}:")
        _show_columns([[tensor["name"], _shape(tensor["shape"]), tensor["dtype"]] for tensor in tensors])


def _show_stored(tensors: list[dict[str, Any]]) -> None:
    import math

    known = [math.prod(tensor["shape"]) for tensor in tensors if tensor["shape"] is not None]
    show(f"Tensors: {len(tensors):,}, with {sum(known):,} numbers")
    _show_columns([[tensor["name"], _shape(tensor["shape"]), tensor["dtype"]] for tensor in tensors])


def _shape(shape: Any) -> str:
    return "?" if shape is None else f"({', '.join(str(size) for size in shape)}{',' if len(shape) == 1 else ''})"


def _show_columns(rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    for row in rows:
        show("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
