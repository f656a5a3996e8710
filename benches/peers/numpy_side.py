"""NumPy's process: matrix products by its OpenBLAS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from peers.rounds import Make, serve
from peers.workloads import MATMUL, matmul, matmul_in_place


def _matmul(n: int, in_place: bool) -> Make:
    def make() -> tuple[int, Callable[[], Any]]:
        random = np.random.default_rng(7)
        a, b = (random.random((n, n), np.float32) for _ in range(2))
        out = np.empty((n, n), np.float32)
        return 1, (lambda: np.matmul(a, b, out=out)) if in_place else (lambda: a @ b)

    return make


def openblas() -> str:
    """Which kernels OpenBLAS runs, where threadpoolctl is there to say so."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "unknown (threadpoolctl is not installed)"
    found = [lib for lib in threadpool_info() if lib["internal_api"] == "openblas"]
    return ", ".join(f"OpenBLAS {lib['version']} {lib['architecture']}, {lib['num_threads']} threads" for lib in found)


def main() -> None:
    workloads = {matmul(n): _matmul(n, in_place=False) for n in MATMUL}
    workloads |= {matmul_in_place(n): _matmul(n, in_place=True) for n in MATMUL}
    serve({"version": np.__version__, "blas": openblas()}, workloads)


if __name__ == "__main__":
    main()
