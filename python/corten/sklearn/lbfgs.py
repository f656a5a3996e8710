"""L-BFGS: SciPy chooses the steps, the gradients are Corten's."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from corten.graph import Array, assign
from corten.sklearn.network import Training
from corten.training.feed import ArrayFeed

__all__ = ["minimized"]

#: SciPy's status where ``maxiter`` or ``maxfun`` was reached.
AT_LIMIT = 1


def minimized(
    training: Training, feed: ArrayFeed, max_iter: int, max_fun: int, tol: float, verbose: bool
) -> tuple[float, int]:
    """Trains on all rows at once until the gradient is below ``tol``; the loss, and how many steps were taken."""
    variables = training.model.trainable_variables
    ends = np.cumsum([variable.numpy().size for variable in variables])

    def unpack(packed: Array) -> None:
        parts = np.split(packed, ends[:-1])
        assign(variables, [part.reshape(v.shape) for part, v in zip(parts, variables, strict=True)])

    def loss_and_slope(packed: Array) -> tuple[float, Array]:
        unpack(packed)
        loss, slopes = training.gradients(feed)
        return loss, np.concatenate([slope.ravel() for slope in slopes]).astype(np.float64)

    found: Any = scipy.optimize.minimize(
        loss_and_slope,
        np.concatenate([variable.numpy().ravel() for variable in variables]).astype(np.float64),
        method="L-BFGS-B",
        jac=True,
        # Until the gradient is small, or no bit of the float32 loss changes.
        options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol, "ftol": 0.0},
    )
    unpack(found.x)
    if verbose:
        print(f"L-BFGS: {found.nit} steps, {found.nfev} evaluations, loss = {found.fun:.8f}: {found.message}")
    if found.status == AT_LIMIT:
        warnings.warn(
            f"lbfgs did not converge in max_iter={max_iter} steps and max_fun={max_fun} evaluations",
            ConvergenceWarning,
            stacklevel=5,
        )
    return float(found.fun), min(int(found.nit), max_iter)
