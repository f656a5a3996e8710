"""``corten check``: whether a model runs, and whether two files hold the same one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from corten.cli.failure import UsageError, show
from corten.cli.parser import add_command, positive_int, positive_number

__all__ = ["add", "run"]

_EXAMPLES = (
    "corten check model.keras",
    "corten check model.keras model.onnx --runtime onnxruntime",
    "corten check old.h5 new.keras --batch 8 --tolerance 1e-6",
    "corten check speech.onnx --runtime onnxruntime --size 512 --set sr=16000",
)


def add(commands: Any) -> None:
    """Adds the command to those of the parser."""
    summary = "Run a model once on random numbers; with a second file, compare what both give."
    parser = add_command(commands, "check", summary, _EXAMPLES, run)
    parser.add_argument("model", type=Path, metavar="MODEL", help="a model file of any format")
    parser.add_argument("other", type=Path, metavar="OTHER", nargs="?", help="the same model in another file")
    parser.add_argument(
        "--runtime",
        choices=("corten", "onnxruntime"),
        default="corten",
        help="what runs OTHER, or MODEL a second time (default: corten)",
    )
    parser.add_argument("--batch", type=positive_int, default=1, metavar="N", help="the number of samples (default: 1)")
    parser.add_argument("--size", type=positive_int, default=1, metavar="N", help="other open sizes (default: 1)")
    parser.add_argument(
        "--integers",
        type=positive_int,
        metavar="N",
        help="draw whole numbers from 0 to N - 1, such as words of a vocabulary, for every input (default: 0 and 1 "
        "for integer inputs, a normal distribution for others)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="INPUT=NUMBER",
        help="fill an input with one number, as with a rate that must be a certain one; may be repeated",
    )
    parser.add_argument(
        "--tolerance",
        type=positive_number,
        default=1e-4,
        metavar="T",
        help="the largest difference, relative to the largest number of the output (default: 1e-4)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Reports; 1 where an output is not finite, or differs."""
    from corten.cli.comparison import compare
    from corten.cli.runs import filled_inputs, run_model, run_onnxruntime

    other = arguments.other
    if arguments.runtime == "onnxruntime":
        other = other or arguments.model
        if not _is_onnx(other):
            raise UsageError(f"--runtime onnxruntime: {other} is no ONNX file")
    first = run_model(arguments.model, lambda inputs: filled_inputs(inputs, arguments))
    first.show()
    finite = first.finite
    if other is None:
        return 0 if finite else 1
    if arguments.runtime == "onnxruntime":
        second = run_onnxruntime(other, first)
    else:
        second = run_model(other, lambda inputs: first.inputs_for(other, inputs))
    second.show()
    same = compare(first, second, arguments.tolerance)
    show("the same" if same and finite and second.finite else "NOT the same" if not same else "NOT finite")
    return 0 if same and finite and second.finite else 1


def _is_onnx(path: Path) -> bool:
    from corten.cli.failure import blaming
    from corten.cli.formats import format_of

    with blaming(path):
        return format_of(path) == "onnx"
