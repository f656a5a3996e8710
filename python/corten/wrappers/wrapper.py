"""What the wrappers share: the model, and how it is fitted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from corten.callbacks import History
from corten.graph import Array
from corten.models import Model
from corten.models.cloning import clone_model
from corten.random import seeds_from
from corten.serialization import CustomObjectScope, live_objects
from corten.sklearn.data import validated

__all__ = ["Wrapper"]

#: The dtypes of features that stay as they are; others become the first of them.
DTYPES = (np.float32, np.int32, np.int64, np.int16, np.int8, np.uint32, np.uint16, np.uint8, np.bool_)


class Wrapper(BaseEstimator):
    """The base of the wrappers; the arguments are explained at :class:`SKLearnClassifier`."""

    # Asked of by name, though ``fit`` has it among its keywords.
    __metadata_request__fit = {"sample_weight": None}

    model_: Model
    history_: History

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: Mapping[str, Any] | None = None,
        fit_kwargs: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs
        self.random_state = random_state

    def _checked(self, X: Any, y: Any) -> tuple[Array, Any]:
        """Features and targets as arrays; notes what is needed to turn predictions back."""
        raise NotImplementedError

    def _targets(self, y: Any, model: Model) -> Any:
        """The targets in the form that the model is trained on."""
        return y

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Makes the model and trains it.

        Args:
            X: an array with a row for each sample; more than two axes are fine.
            y: the targets.
            kwargs: passed to ``model.fit``, before what ``fit_kwargs`` says.

        Returns:
            The estimator.
        """
        X, y = self._checked(X, y)
        seeds: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if self.random_state is not None:
            seeds = seeds_from(int(check_random_state(self.random_state).randint(2**31)))
        with seeds:
            model = self._model(X, y)
            arguments = {"verbose": 0, **(self.fit_kwargs or {}), **kwargs}
            self.history_ = model.fit(X, self._targets(y, model), **arguments)
        self.model_ = model
        return self

    def _model(self, X: Array, y: Any) -> Model:
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            model = self.model if self.warm_start else _again(self.model)
        elif callable(self.model):
            model = self.model(X=X, y=y, **(self.model_kwargs or {}))
        else:
            raise TypeError(f"model: expected a model or a function that makes one, got {self.model!r}")
        if not isinstance(model, Model):
            raise TypeError(f"model: expected that the function returns a model, got {type(model).__name__}")
        if not model.compiled or model.optimizer is None:
            raise RuntimeError("model: expected a compiled model; call compile(optimizer, loss) before it is passed")
        return model

    @property
    def epoch_(self) -> int:
        """How many epochs the latest fit took."""
        return len(self.history_.epoch)

    def _rows(self, X: Any) -> Array:
        """The features of rows to predict for."""
        check_is_fitted(self)
        rows: Array = validated(self, X, reset=False, dtype=DTYPES, allow_nd=True)
        return rows

    def _outputs(self, X: Any) -> Array:
        rows = self._rows(X)
        outputs = self.model_.predict(rows, verbose=0)
        if not isinstance(outputs, np.ndarray):
            raise ValueError(f"{type(self).__name__}: expected a model with one output, got {type(outputs).__name__}")
        return outputs


def _again(model: Model) -> Model:
    """A model like this one, compiled likewise, weights and optimizer beginning anew."""
    with live_objects() as objects:
        settings = model.get_compile_config()
    clone: Model = clone_model(model)
    if settings is not None:
        with CustomObjectScope(objects):
            clone.compile_from_config(settings)
    return clone
