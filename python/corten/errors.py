"""The exceptions Corten raises beside Python's own.

Each derives from the built-in exception a careful caller would catch anyway, so ``except ValueError`` keeps working.
Every message says what was done, where, what was expected and what was got.
"""

import sys
import warnings

__all__ = ["ArgumentTypeError", "CorruptFileError", "InternalError", "NonFiniteError", "ShapeError", "UnsafeFileError"]


class ShapeError(ValueError):
    """The shapes of an operation's operands do not fit together."""


class ArgumentTypeError(TypeError, ValueError):
    """An argument is of the wrong type: a ``TypeError``, and the ``ValueError`` that Keras raises for it."""


class CorruptFileError(ValueError):
    """A file is truncated, altered, of another kind, or does not hold what was expected of it."""


class UnsafeFileError(ValueError):
    """A file asks for something no data file may ask for: code, a path outside it, memory beyond its own size."""


class NonFiniteError(ArithmeticError):
    """A loss, weight or result became NaN or infinite where the caller asked for that to be an error."""


class InternalError(RuntimeError):
    """A defect of Corten itself: a panic caught at the border. Please report it; the object involved is unchanged."""


def warn(message: str, category: type[Warning] = RuntimeWarning) -> None:
    """Warns at the caller's line, the innermost one that is not Corten's own."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "corten":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
