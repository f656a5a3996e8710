"""``corten predict``: the outputs of a model for data in files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from corten.cli.failure import FileError, UsageError, blaming
from corten.cli.parser import add_command, positive_int, positive_number

__all__ = ["add", "run"]

_EXAMPLES = (
    "corten predict model.keras x.npy -o y.npy",
    "corten predict model.keras table.csv > predictions.csv",
    "corten predict model.keras data.npz --arrays x_test -o y.npy",
    "corten predict digits.h5 photo.png scan.jpg --resize --scale 255",
)
_ENDS = (".npy", ".npz", ".csv")


def add(commands: Any) -> None:
    """Adds the command to those of the parser."""
    parser = add_command(commands, "predict", "Print or write what a model makes of data.", _EXAMPLES, run)
    parser.add_argument("model", type=Path, metavar="MODEL", help="a model file of any format")
    parser.add_argument(
        "data",
        type=Path,
        nargs="+",
        metavar="DATA",
        help="one .npy, .npz (arrays by the names of the inputs, or in their order) or .csv (numbers, a row for each "
        "sample), or images (pip install corten[images])",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help=".npy, .npz (for several outputs) or .csv; without it CSV is printed",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file OUT if it is there")
    parser.add_argument("--batch-size", type=positive_int, metavar="N", help="samples that are computed at once")
    parser.add_argument("--arrays", metavar="NAME,...", help="of an .npz: the arrays that are the inputs, in order")
    parser.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="of a .csv: whether the first row has names; told by its content unless given",
    )
    parser.add_argument("--resize", action="store_true", help="bring images to the size that the model takes")
    parser.add_argument("--scale", type=positive_number, metavar="S", help="divide what float inputs are given by S")


def run(arguments: argparse.Namespace) -> int:
    """Predicts and writes."""
    output = arguments.output
    if output is not None and output.suffix.lower() not in _ENDS:
        raise UsageError(f"{output}: expected a name that ends in {', '.join(_ENDS)}")
    if output is not None and output.exists() and not arguments.overwrite:
        raise FileError(f"{output}: exists; --overwrite replaces it")
    from corten.cli.data import read_inputs
    from corten.cli.formats import load
    from corten.cli.results import print_csv, write_results
    from corten.cli.signature import named_outputs

    model = load(arguments.model, compile=False)
    x = read_inputs(arguments, model)
    with blaming(", ".join(map(str, arguments.data[:3])) + (", ..." if len(arguments.data) > 3 else "")):
        results = named_outputs(model, model.predict(x, arguments.batch_size, verbose=0))
    if output is None:
        print_csv(results)
    else:
        write_results(results, output)
    return 0
