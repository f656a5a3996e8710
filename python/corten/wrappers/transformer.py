"""A model whose outputs are features as an estimator."""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from corten.graph import Array
from corten.models import Autoencoder, Model
from corten.sklearn.data import validated
from corten.wrappers.wrapper import DTYPES, Wrapper

__all__ = ["SKLearnTransformer"]


class SKLearnTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Wrapper):
    """A model as scikit-learn's transformer: what it predicts are features for the next step of a pipeline.

    Arguments and attributes: see :class:`SKLearnClassifier`. An :class:`corten.models.Autoencoder` is fitted to ``X``
    alone, whatever ``y`` is, and its codes are the features.

    >>> import numpy as np, corten
    >>> from corten.wrappers import SKLearnTransformer
    >>> model = corten.Sequential([corten.layers.Input((3,)), corten.layers.Dense(2)])
    >>> model.compile("sgd", "mse")
    >>> SKLearnTransformer(model).fit(np.ones((8, 3)), np.ones((8, 2))).transform(np.ones((5, 3))).shape
    (5, 2)
    """

    def _checked(self, X: Any, y: Any) -> tuple[Array, Any]:
        if y is None:
            return validated(self, X, dtype=DTYPES, allow_nd=True), None
        X, y = validated(self, X, y, dtype=DTYPES, allow_nd=True, multi_output=True)
        return X, y.reshape(len(y), -1) if y.ndim == 1 else y

    def _targets(self, y: Any, model: Model) -> Any:
        if y is None or isinstance(model, Autoencoder):
            return None
        if y.dtype.kind not in "fiub":
            raise ValueError(f"Unknown label type: the model is trained on y: expected numbers, got dtype {y.dtype}")
        return y

    def fit(self, X: Any, y: Any = None, **kwargs: Any) -> Any:
        """Makes the model and trains it, as :class:`SKLearnClassifier` does."""
        return super().fit(X, y, **kwargs)

    def transform(self, X: Any) -> Array:
        """The model's outputs, float32; of an autoencoder the codes."""
        model = getattr(self, "model_", None)
        if isinstance(model, Autoencoder):
            return model.encode(self._rows(X))
        return self._outputs(X)

    @property
    def _n_features_out(self) -> int:
        model = self.model_.encoder if isinstance(self.model_, Autoencoder) else self.model_
        return int(model.output_shape[-1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _more_tags(self) -> dict[str, Any]:
        """Tags for scikit-learn before 1.6."""
        return {"preserves_dtype": ["float32"]}
