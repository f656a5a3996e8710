"""How commands are declared: their help with examples, and the options that all of them have."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from corten._core import __version__
from corten.cli.failure import UsageError, one_line

__all__ = ["Parser", "add_command", "import_modules", "positive_int", "positive_number"]


class Parser(argparse.ArgumentParser):
    """As argparse's; says of wrong usage what the whole command says of other errors, and keeps the lines of texts."""

    def __init__(self, **arguments: Any) -> None:
        arguments.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **arguments)

    def error(self, message: str) -> NoReturn:
        """Prints the usage and the message, and exits with 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"corten: error: {message}\n")

    def add_version(self) -> None:
        """Adds ``--version``."""
        self.add_argument("--version", action="version", version=f"corten {__version__}")


def add_command(
    commands: Any, name: str, summary: str, examples: Sequence[str], run: Callable[[argparse.Namespace], int]
) -> Parser:
    """A command with the options of all: ``--import``, ``--debug``, ``--version``.

    Args:
        commands: what ``add_subparsers`` gave.
        summary: one line.
        examples: command lines.
        run: gets the arguments, returns the exit code.
    """
    epilog = "examples:\n" + "\n".join(f"  {example}" for example in examples)
    parser: Parser = commands.add_parser(name, help=summary, description=summary, epilog=epilog)
    parser.set_defaults(run=run)
    parser.add_argument(
        "--import",
        dest="imports",
        metavar="MODULE",
        action="append",
        default=[],
        help="a Python module to import first, which registers classes of your own "
        "(corten.saving.register_keras_serializable); may be repeated",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_version()
    return parser


def import_modules(names: Sequence[str]) -> None:
    """Imports what the user names, also from the working directory.

    Raises:
        UsageError: a module cannot be imported.
    """
    if names and "" not in sys.path:
        sys.path.insert(0, "")
    for name in names:
        _import_module(name)


def _import_module(name: str) -> None:
    try:
        importlib.import_module(name)
    except Exception as error:  # whatever a module does when it is imported
        raise UsageError(f"--import {name}: {type(error).__name__}: {one_line(error)}") from error


def positive_int(text: str) -> int:
    """What ``--batch-size`` takes."""
    number = int(text) if text.strip().isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected an int of at least 1, got {text!r}")
    return number


def positive_number(text: str) -> float:
    """What ``--scale`` and ``--tolerance`` take."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number
