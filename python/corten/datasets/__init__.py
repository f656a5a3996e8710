"""Small data sets that textbooks use: ``mnist``, ``fashion_mnist`` and, with no network at all, ``digits``.

Each has a function ``load_data()``, which returns ``((x_train, y_train), (x_test, y_test))`` (``shakespeare``: two
texts). Those below are read from the folder that the environment variable ``CORTEN_DATA`` names; where a file is not
there, the error says where to get it:

- ``cifar10``: 12,000 images in colour,
- ``sms_spam``, ``english_chinese``, ``shakespeare``: messages, pairs of sentences, one long text,
- ``spoken_digits``: 3,000 recordings,
- ``ratings``: of films, by users.

A module is imported when it is first asked for, because importing Corten must not wait for what only a download needs.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import cifar10 as cifar10
    from . import digits as digits
    from . import english_chinese as english_chinese
    from . import fashion_mnist as fashion_mnist
    from . import mnist as mnist
    from . import ratings as ratings
    from . import shakespeare as shakespeare
    from . import sms_spam as sms_spam
    from . import spoken_digits as spoken_digits

__all__ = [
    "cifar10",
    "digits",
    "english_chinese",
    "fashion_mnist",
    "mnist",
    "ratings",
    "shakespeare",
    "sms_spam",
    "spoken_digits",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
