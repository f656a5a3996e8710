"""Small data sets that textbooks use: ``mnist``, ``fashion_mnist`` and, with no network at all, ``digits``.

Each has one function, ``load_data()``, which returns ``((x_train, y_train), (x_test, y_test))``. A module is imported
when it is first asked for, because importing Corten must not wait for what only a download needs.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import digits as digits
    from . import fashion_mnist as fashion_mnist
    from . import mnist as mnist

__all__ = ["digits", "fashion_mnist", "mnist"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
