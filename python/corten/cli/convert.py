"""``corten convert``: a model in another format."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from corten.cli.failure import FileError, UsageError, blaming, show
from corten.cli.parser import add_command

__all__ = ["add", "run"]

_EXAMPLES = (
    "corten convert old.h5 model.keras",
    "corten convert model.keras model.onnx --opset 17",
    "corten convert network.onnx network.safetensors",
    "corten convert model.keras model.weights.h5 --overwrite",
)
_ENDS = (".weights.h5", ".keras", ".h5", ".hdf5", ".safetensors", ".onnx")


def add(commands: Any) -> None:
    """Adds the command to those of the parser."""
    summary = "Write a model in another format, and say what of it that format does not keep."
    parser = add_command(commands, "convert", summary, _EXAMPLES, run)
    parser.add_argument("source", type=Path, metavar="FROM", help="a model: .keras, .h5, .safetensors or .onnx")
    parser.add_argument("target", type=Path, metavar="TO", help=f"its end says the format: {', '.join(_ENDS)}")
    parser.add_argument("--overwrite", action="store_true", help="replace the file TO if it is there")
    parser.add_argument(
        "--no-compile",
        action="store_true",
        help="leave out what compile() was called with, and the state of the optimizer",
    )
    parser.add_argument("--opset", type=int, metavar="N", help="of ONNX: the version of the operators")


def run(arguments: argparse.Namespace) -> int:
    """Reads one file and writes the other."""
    source, target = arguments.source, arguments.target
    end = next((end for end in _ENDS if target.name.lower().endswith(end)), None)
    if end is None:
        raise UsageError(f"{target}: expected a name that ends in {', '.join(_ENDS)}")
    if arguments.opset is not None and end != ".onnx":
        raise UsageError(f"--opset: {target} is no ONNX file")
    if target.exists() and not arguments.overwrite:
        raise FileError(f"{target}: exists; --overwrite replaces it")
    from corten.cli.formats import load
    from corten.cli.losses import losses
    from corten.cli.signature import symbols_of

    model = load(source, compile=not arguments.no_compile)
    with blaming(target):
        if end == ".onnx":
            signature = symbols_of(model)
            model.export(target, format="onnx", input_signature=signature, opset_version=arguments.opset)
        elif end == ".weights.h5":
            model.save_weights(target)
        else:
            model.save(target)
    show(f"{source} -> {target}: {model.name!r}, {sum(weight.size for weight in model.weights):,} parameters")
    for loss in losses(model, end):
        show(f"  not kept: {loss}")
    for note in _notes(model, end):
        show(f"  {note}")
    return 0


def _notes(model: Any, end: str) -> list[str]:
    from corten.cli.losses import custom_names

    names = custom_names(model)
    if not names or end in (".onnx", ".weights.h5"):
        return []
    return [f"the file names {', '.join(names)}, which is not in it: who loads it registers that first (--import)"]
