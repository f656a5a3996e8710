"""A model that predicts numbers as an estimator."""

from __future__ import annotations

from typing import Any

from sklearn.base import RegressorMixin

from corten.graph import Array
from corten.sklearn.data import result_dtype, validated
from corten.wrappers.wrapper import DTYPES, Wrapper

__all__ = ["SKLearnRegressor"]


class SKLearnRegressor(RegressorMixin, Wrapper):
    """A model as scikit-learn's regressor; the model is trained on targets (n, outputs).

    Arguments and attributes: see :class:`SKLearnClassifier`.

    >>> import numpy as np, corten
    >>> from corten.wrappers import SKLearnRegressor
    >>> model = corten.Sequential([corten.layers.Input((1,)), corten.layers.Dense(1)])
    >>> model.compile(corten.optimizers.SGD(0.1), "mse")
    >>> x = np.linspace(-1, 1, 64)[:, None]
    >>> SKLearnRegressor(model, fit_kwargs={"epochs": 50}).fit(x, 2 * x[:, 0]).score(x, 2 * x[:, 0]) > 0.99
    True
    """

    def _checked(self, X: Any, y: Any) -> tuple[Array, Any]:
        X, y = validated(self, X, y, dtype=DTYPES, allow_nd=True, multi_output=True, y_numeric=True)
        self._one_target = y.ndim == 1
        return X, y.reshape(len(y), -1)

    def predict(self, X: Any) -> Array:
        """The values that the model predicts: (n,) or (n, outputs), as ``y`` was; in the dtype of ``X``."""
        outputs = self._outputs(X).astype(result_dtype(X))
        if self._one_target and outputs.size != len(outputs):
            raise ValueError(f"SKLearnRegressor: expected one output for the one target, got {outputs.shape[1:]}")
        return outputs.reshape(len(outputs)) if self._one_target else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _more_tags(self) -> dict[str, Any]:
        """Tags for scikit-learn before 1.6."""
        return {"multioutput": True}
