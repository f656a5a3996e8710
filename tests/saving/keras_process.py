"""Stock Keras in a process of its own: it is given files, and makes some.

What is called there is named by its module, so that this process never imports Keras with that backend.
"""

from __future__ import annotations

import importlib
import importlib.util
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def keras_process(backend: str) -> Iterator[Callable[..., Any]]:
    """A process with Keras on that backend, as a function: ``ask(function, *args)`` is what the function gives there.

    The function is of a module that can be imported; it takes and returns what can be pickled.
    """
    for package in ("keras", "h5py", "jax"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}: make setup")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, _begin, (backend,)) as pool:
        yield lambda function, *args: pool.submit(function, *args).result()


def _begin(backend: str) -> None:
    os.environ["KERAS_BACKEND"] = backend
    # Models are small and run a few steps: compiling them is what takes time.
    os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0 --xla_cpu_multi_thread_eigen=false"
    os.environ["JAX_PLATFORMS"] = "cpu"
    importlib.import_module("keras")
