"""What the machine offers and how much of it Corten may use."""

from __future__ import annotations

import os
import warnings

from corten import _core
from corten.arguments import whole

__all__ = ["cpu_info", "epsilon", "floatx", "image_data_format", "num_threads", "set_num_threads"]

#: What Corten reads of the environment.
_VARIABLES = ("CORTEN_DATA", "CORTEN_ISA", "CORTEN_NUM_THREADS")

for _name in sorted(os.environ):
    if _name.startswith("CORTEN_") and _name not in _VARIABLES:
        warnings.warn(
            f"the environment variable {_name} is unknown and has no effect; Corten reads {', '.join(_VARIABLES)}",
            stacklevel=2,
        )


def num_threads() -> int:
    """The number of threads that parallel kernels may use.

    By default that of ``CORTEN_NUM_THREADS``, ``RAYON_NUM_THREADS`` or ``OMP_NUM_THREADS``, else the processors that
    affinity and cgroup leave to the process. Results never depend on it.

    Raises:
        ValueError: ``CORTEN_NUM_THREADS`` is set to something else than an integer from 1 to 1024, or ``CORTEN_ISA`` to
            what is no instruction set of this machine. So does whatever computes first.
    """
    return _core.threads()


def set_num_threads(threads: int) -> None:
    """Sets the number of threads, from 1 to 1024; 0 asks the environment and the machine again.

    >>> import corten
    >>> corten.config.set_num_threads(1); corten.config.num_threads()
    1
    >>> corten.config.set_num_threads(0)
    """
    _core.set_threads(whole(threads, "set_num_threads: threads", 0, 1024))


def cpu_info() -> dict[str, object]:
    """The instruction set in use, those available, and the number of threads.

    >>> import corten
    >>> sorted(corten.config.cpu_info())
    ['available', 'isa', 'threads']
    """
    return {"isa": _core.isa(), "available": _core.isas(), "threads": _core.threads()}


def epsilon() -> float:
    """The small number that Keras keeps divisors and logarithms away from zero with.

    >>> import corten
    >>> corten.config.epsilon()
    1e-07
    """
    return 1e-7


def floatx() -> str:
    """The type of floats: there is one.

    >>> import corten
    >>> corten.config.floatx()
    'float32'
    """
    return "float32"


def image_data_format() -> str:
    """Where the channels of images are: always last.

    >>> import corten
    >>> corten.config.image_data_format()
    'channels_last'
    """
    return "channels_last"
