"""The regressor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from corten.arguments import one_of
from corten.graph import Array
from corten.optimizers import OptimizerLike
from corten.optimizers.schedules import LearningRateSchedule
from corten.sklearn.data import validated
from corten.sklearn.perceptron import Perceptron, stochastic

__all__ = ["MLPRegressor"]


class MLPRegressor(RegressorMixin, Perceptron):
    """scikit-learn's multi-layer perceptron for numbers, one or several for each row, trained by Corten.

    Parameters, defaults, attributes and mathematics are those of ``sklearn.neural_network.MLPRegressor``; for the same
    ``random_state`` it begins with the same weights and takes the rows in the same order. Computed in float32. Targets
    far from the size of 1 are learnt better scaled: see ``sklearn.compose.TransformedTargetRegressor``.

    Args:
        loss: ``"squared_error"`` (half of it), or ``"poisson"`` (half the deviance; the output is ``exp`` of the last
            layer, targets are not negative).

    The others are explained at :class:`MLPClassifier`, as are the attributes.

    >>> import numpy as np
    >>> from corten.sklearn import MLPRegressor
    >>> x = np.linspace(-2, 2, 200)[:, None]
    >>> model = MLPRegressor(hidden_layer_sizes=(32,), solver="lbfgs", random_state=0).fit(x, np.sin(2 * x[:, 0]))
    >>> model.score(x, np.sin(2 * x[:, 0])) > 0.95
    True
    """

    loss: str

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: OptimizerLike = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | LearningRateSchedule = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
    ) -> None:
        self._store(locals())

    def _expect_parameters(self) -> None:
        one_of(self.loss, ("squared_error", "poisson"), "MLPRegressor: loss")
        super()._expect_parameters()

    def _encoded(self, X: Any, y: Any, reset: bool, incremental: bool) -> tuple[Array, Array]:
        x, y = validated(self, X, y, multi_output=True, y_numeric=True, dtype=np.float32, reset=reset)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"MLPRegressor: loss='poisson': expected targets >= 0, got {y.min()}")
        with np.errstate(over="ignore"):
            targets: Array = y.reshape(len(y), -1).astype(np.float32)
        if not np.isfinite(targets).all():
            raise ValueError("Input y contains infinity or a value too large for dtype('float32').")
        if not reset and targets.shape[1] != self.n_outputs_:
            raise ValueError(f"y: expected {self.n_outputs_} targets for each sample as before, got {targets.shape[1]}")
        self.n_outputs_ = targets.shape[1]
        return x, targets

    def _decoded(self, outputs: Array) -> Array:
        return outputs.ravel() if self.n_outputs_ == 1 else outputs

    def _scored(self, y: Array, outputs: Array, weights: Array | None) -> float:
        return float(r2_score(y, outputs, sample_weight=weights))

    @available_if(stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Trains for one epoch on these rows, and keeps the optimizer's state for the next call."""
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _more_tags(self) -> dict[str, Any]:
        """Tags for scikit-learn before 1.6."""
        return {"multioutput": True}
