"""A kernel against NumPy: what is compared, and how it is timed.

Corten and NumPy take turns in one process, block by block, so that a neighbour's load hits both; figures are medians
of blocks. There are two contests, each on equal terms:

- *arrays*: ``corten.ops`` on NumPy arrays, which gives a new array, against NumPy giving a new array;
- *program*: the op as a model runs it, compiled and repeated natively in memory of its own, against NumPy writing
  into arrays made before (``out=``).

NumPy's other workspaces (patches of a convolution, masks) are always made before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCK", "Case", "Repeat", "Timer", "normal", "repeated", "rest", "uniform"]

Array = NDArray[Any]
#: Does something so many times.
Repeat = Callable[[int], None]

#: Seconds of one block of calls.
BLOCK = 0.008
#: How long OpenBLAS's threads spin after a product; a rival would share its processors with them.
SPIN = 0.15


@dataclass(frozen=True)
class Case:
    """One kernel at one size.

    ``corten`` is a function of arrays or tensors. ``numpy``, given the arrays, prepares its workspaces and returns a
    function that computes the same, into ``out`` if given. With ``wrt``, what is compared is the gradient by that
    argument; ``numpy`` then is also given the gradient of the result, as the last array.
    """

    kernel: str
    size: str
    arrays: Callable[[], tuple[Array, ...]]
    corten: Callable[..., Any]
    numpy: Callable[..., Callable[..., Any]]
    wrt: int | None = None
    #: False: the function works only where a program is traced.
    on_arrays: bool = True
    #: The result is the first array, changed in place.
    in_place: bool = False
    #: NumPy's side calls OpenBLAS.
    blas: bool = False
    #: Largest difference, as a part of the largest magnitude; None: random, only the means are compared.
    tolerance: float | None = 1e-4

    @property
    def name(self) -> str:
        return f"{self.kernel}[{self.size}]"


def normal(*shape: int, seed: int = 1) -> Array:
    """Normal numbers, the same every time."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def uniform(*shape: int, seed: int = 1) -> Array:
    """Numbers between 0.1 and 1.1, the same every time."""
    return np.random.default_rng(seed).random(shape, np.float32) + np.float32(0.1)


def repeated(function: Callable[[], Any]) -> Repeat:
    """A function to be called many times from Python."""

    def repeat(count: int) -> None:
        for _ in range(count):
            function()

    return repeat


def rest() -> None:
    """Waits until OpenBLAS's threads sleep; awake, for a processor that wakes up is slower for a while."""
    until = time.perf_counter() + SPIN
    while time.perf_counter() < until:
        pass


@dataclass
class Timer:
    """One side of a contest: blocks of so many calls, and the seconds each call took."""

    repeat: Repeat
    clock: Callable[[], float] = time.perf_counter
    count: int = 1
    seconds: list[float] = field(default_factory=list)

    def calibrate(self, block: float = BLOCK) -> None:
        """Chooses how many calls make a block; also warms up."""
        self.repeat(1)
        while True:
            began = self.clock()
            self.repeat(self.count)
            took = self.clock() - began
            if took >= block or self.count >= 1 << 20:
                return
            self.count = min(1 << 20, max(self.count * 2, int(self.count * block / max(took, 1e-7))))

    def block(self) -> None:
        """Times one block, after a call that finds caches and threads as the other side left them."""
        self.repeat(1)
        began = self.clock()
        self.repeat(self.count)
        self.seconds.append((self.clock() - began) / self.count)

    @property
    def median(self) -> float:
        return median(self.seconds)
