"""What a file may ask for and Corten does not do: said by name, never done wrongly."""

from __future__ import annotations

__all__ = ["UnknownValueError", "UnsupportedOperatorError", "unsupported_type"]


class UnsupportedOperatorError(ValueError):
    """A file uses operators, attributes or types of elements that Corten does not run; the message names each."""


class UnknownValueError(ValueError):
    """An operator needs the numbers of a value (a shape, axes, a count) that depends on data or on weights."""

    def __init__(self, message: str, source: str | None = None) -> None:
        super().__init__(message)
        #: The input of the model that has the numbers, where it is one.
        self.source = source


def unsupported_type(what: str, dtype: object) -> UnsupportedOperatorError:
    """The error for a type of elements that data cannot have."""
    return UnsupportedOperatorError(
        f"{what}: elements of type {dtype} are not supported; data are float32, bool, or integers that int32 holds"
    )
