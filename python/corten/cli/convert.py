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

    model = load(source, compile=not arguments.no_compile)
    if end not in (".onnx", ".weights.h5"):
        _expect_readable(model, target)
    with blaming(target):
        _write(model, target, end, arguments.opset)
    show(f"{source} -> {target}: {model.name!r}, {sum(weight.size for weight in model.weights):,} parameters")
    for note in _notes(model, end):
        show(f"  {note}")
    return 0


def _write(model: Any, target: Path, end: str, opset: int | None) -> None:
    from corten.cli.signature import symbols_of

    if end == ".onnx":
        model.export(target, format="onnx", input_signature=symbols_of(model), opset_version=opset)
    elif end == ".weights.h5":
        model.save_weights(target)
    else:
        model.save(target)


def _expect_readable(model: Any, target: Path) -> None:
    """Writes the model aside and reads it again, so that no file takes the place of another that is worth more."""
    import tempfile

    from corten.cli.formats import load

    with blaming(target), tempfile.TemporaryDirectory(prefix=".corten-", dir=target.parent) as folder:
        trial = Path(folder) / target.name
        try:
            model.save(trial)
            again = load(trial, compile=model.compiled).get_weights()
        except FileError as error:
            raise FileError(f"{target}: would not be loaded again: {str(error).replace(f'{trial}: ', '')}") from error
        before = model.get_weights()
        if len(before) != len(again) or not all(map(_same, before, again)):
            raise FileError(f"{target}: would have other weights: the format does not keep the model")


def _same(first: Any, second: Any) -> bool:
    import numpy as np

    return bool(np.array_equal(first, second, equal_nan=first.dtype.kind == "f"))


def _notes(model: Any, end: str) -> list[str]:
    """What is lost, and who can read the file."""
    from corten.cli.losses import foreign_names, losses

    notes = [f"not kept: {loss}" for loss in losses(model, end)]
    registered, own = foreign_names(model) if end not in (".onnx", ".weights.h5") else ([], [])
    if registered:
        notes.append(
            f"the file names {', '.join(registered)}, which is not in it: who loads it registers that first (--import)"
        )
    if own and end != ".safetensors":
        notes.append(f"Keras cannot load the file: it has no {', '.join(own)}")
    return notes
