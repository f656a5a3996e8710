"""Small data sets that textbooks use: ``mnist``, ``fashion_mnist`` and, with no network at all, ``digits``.

Each has one function, ``load_data()``, which returns ``((x_train, y_train), (x_test, y_test))``.
"""

from . import digits, fashion_mnist, mnist

__all__ = ["digits", "fashion_mnist", "mnist"]
