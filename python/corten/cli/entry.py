"""The command ``corten``: finds what is asked for, runs it, and says in one line what went wrong."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from corten.cli import check, convert, info, predict
from corten.cli.failure import FileError, UsageError, one_line, printable
from corten.cli.parser import Parser, import_modules

__all__ = ["main"]

_COMMANDS = (info, convert, predict, check)

#: What a shell says of programs that ended by these signals.
_INTERRUPTED, _BROKEN_PIPE = 128 + 2, 128 + 13


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns the exit code.

    0: well; 1: a file or data are wrong, or differ; 2: the command is not used as it must be; 130: Ctrl-C; 141: nobody
    reads the output any more.

    Args:
        argv: the words after ``corten``; those of the process unless given.

    >>> main(["--version"])  # doctest: +ELLIPSIS
    corten ...
    0
    """
    try:
        code = _run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        _say("interrupted")
        return _INTERRUPTED
    except OSError as error:
        _forget_output()
        return _fail(one_line(error) if error.filename is not None else f"standard output: {one_line(error)}")
    return code


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="corten", description="Look at, convert, run and check model files.")
    parser.add_version()
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add(commands)
    parser.epilog = "corten COMMAND --help shows what a command takes, with examples."
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as ended:  # after --help, --version and wrong usage
        return ended.code if isinstance(ended.code, int) else 0
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning  # type: ignore[assignment]
        return _called(arguments)


def _called(arguments: argparse.Namespace) -> int:
    try:
        import_modules(arguments.imports)
        code: int = arguments.run(arguments)
        return code
    except OSError:  # of the output: what is wrong with a file is a FileError
        raise
    except (FileError, UsageError) as error:
        _trace(arguments)
        return _fail(one_line(error), 1 if isinstance(error, FileError) else 2)
    except Exception as error:
        _trace(arguments)
        return _fail(f"a defect of Corten: {type(error).__name__}: {one_line(error)} (--debug shows where)")


def _trace(arguments: argparse.Namespace) -> None:
    if arguments.debug:
        import traceback

        traceback.print_exc()


def _fail(message: str, code: int = 1) -> int:
    _say(f"error: {message}")
    return code


def _say(message: str) -> None:
    with contextlib.suppress(OSError):
        print(f"corten: {printable(message, sys.stderr)}", file=sys.stderr)


def _show_warning(message: Warning | str, *_: Any) -> None:
    _say(f"warning: {one_line(message)}")


def _forget_output() -> None:
    """What is still buffered goes nowhere, so that the interpreter does not complain of it when it ends."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
