"""A model that predicts classes as an estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from corten import losses
from corten.graph import Array
from corten.models import Model
from corten.sklearn.data import result_dtype, validated
from corten.wrappers.wrapper import DTYPES, Wrapper

__all__ = ["SKLearnClassifier"]


class SKLearnClassifier(ClassifierMixin, Wrapper):
    """A model as scikit-learn's classifier.

    The model is trained on one-hot targets (n, classes), as in Keras; on labels where its loss is
    ``"sparse_categorical_crossentropy"``; and on zeros and ones (n, 1) where it has one output for two classes.

    Args:
        model: a compiled ``Sequential`` or functional model, which is cloned, its weights beginning anew; or a function
            ``model(X, y, **model_kwargs)`` that makes and compiles one. Targets are one-hot there.
        warm_start: ``fit`` goes on with the model of the fit before; a model that was passed is itself trained.
        model_kwargs: arguments of the function.
        fit_kwargs: arguments of ``model.fit``, such as ``epochs``, ``batch_size`` and ``callbacks``; those passed to
            ``fit`` of the estimator come before them. ``verbose`` is 0 unless it is among them.
        random_state: an int or a ``RandomState``: initial weights, shuffling and dropout depend on it alone. None: on
            the seed of :func:`corten.utils.set_random_seed`.

    Attributes:
        model_: the fitted model.
        history_: the ``History`` of its ``fit``.
        classes_: the classes, in the order of the outputs.
        n_features_in_, feature_names_in_: as scikit-learn's.

    Raises:
        TypeError: ``model`` is, or gives, no model; or ``X`` is sparse.
        RuntimeError: the model is not compiled.
        ValueError: the data do not fit; or a model that was passed is neither sequential nor functional.

    >>> import corten
    >>> from sklearn.datasets import load_iris
    >>> from corten.wrappers import SKLearnClassifier
    >>> def build(X, y, units):
    ...     layers = [corten.layers.Dense(units, "relu"), corten.layers.Dense(y.shape[1], "softmax")]
    ...     model = corten.Sequential(layers)
    ...     model.compile(corten.optimizers.Adam(0.05), "categorical_crossentropy")
    ...     return model
    >>> x, y = load_iris(return_X_y=True)
    >>> estimator = SKLearnClassifier(build, model_kwargs={"units": 16}, fit_kwargs={"epochs": 20}, random_state=0)
    >>> estimator.fit(x, y).score(x, y) > 0.9
    True
    """

    classes_: Array

    def _checked(self, X: Any, y: Any) -> tuple[Array, Any]:
        X, y = validated(self, X, y, dtype=DTYPES, allow_nd=True)
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"SKLearnClassifier: y: expected one class for each sample, got a {kind} target")
        classes, labels = np.unique(y, return_inverse=True)
        if len(classes) == 1:
            raise ValueError(f"SKLearnClassifier: y: expected two classes or more, got one class, {classes[0]!r}")
        if self.warm_start and hasattr(self, "model_") and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start: expected the classes of the fit before, {self.classes_.tolist()}, got {classes.tolist()}"
            )
        self.classes_ = classes
        return X, np.eye(len(classes), dtype=np.float32)[labels.reshape(-1)]

    def _targets(self, y: Any, model: Model) -> Any:
        if _has_loss(model, losses.SparseCategoricalCrossentropy, losses.sparse_categorical_crossentropy):
            return y.argmax(axis=1).astype(np.int32)
        single = model.built and isinstance(model.output_shape, tuple) and model.output_shape[-1] == 1
        return y[:, 1:] if single and y.shape[1] == 2 else y

    def predict(self, X: Any) -> Array:
        """The likeliest class of each row."""
        scores = self._scores(X)
        chosen: Array = self.classes_[(scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)]
        return chosen

    def decision_function(self, X: Any) -> Array:
        """The model's outputs (n, classes); of two classes the second's less the first's (n,)."""
        return self._scores(X).astype(result_dtype(X))

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, in the order of ``classes_``: (n, classes), in the dtype of ``X``.

        Raises:
            ValueError: the model gives no probabilities, and its loss does not say that they are logits.
        """
        outputs = self._outputs_of_classes(X).astype(np.float64)
        single = outputs.shape[1] == 1
        if self._from_logits:
            outputs = expit(outputs) if single else softmax(outputs, axis=1)
        elif not _are_probabilities(outputs):
            raise ValueError(
                "SKLearnClassifier: predict_proba: the model's outputs are no probabilities; let it end in a softmax "
                "(for one output a sigmoid), or compile it with a loss that has from_logits=True"
            )
        outputs = np.hstack([1 - outputs, outputs]) if single else outputs / outputs.sum(axis=1, keepdims=True)
        return outputs.astype(result_dtype(X))

    @property
    def _from_logits(self) -> bool:
        return any(
            bool(getattr(loss, "from_logits", getattr(loss, "kwargs", {}).get("from_logits")))
            for loss in _losses(self.model_)
        )

    def _scores(self, X: Any) -> Array:
        outputs = self._outputs_of_classes(X)
        if outputs.shape[1] == 2:
            return outputs[:, 1] - outputs[:, 0]
        if outputs.shape[1] > 1:
            return outputs
        if self._from_logits:
            return outputs[:, 0]
        if not _are_probabilities(outputs):
            raise ValueError(
                "SKLearnClassifier: expected that the one output is a probability or, by the loss, a logit"
            )
        return 2 * outputs[:, 0] - 1

    def _outputs_of_classes(self, X: Any) -> Array:
        outputs = self._outputs(X)
        count = len(self.classes_)
        if outputs.ndim != 2 or outputs.shape[1] not in ({1, 2} if count == 2 else {count}):
            raise ValueError(
                f"SKLearnClassifier: expected an output for each of the {count} classes, got shape {outputs.shape}"
            )
        return outputs


def _losses(model: Model) -> list[Any]:
    compiled = model._training.loss
    spec: Any = None if compiled is None else compiled.spec
    specs = spec if isinstance(spec, list) else [spec]
    return [losses.get(spec) for spec in specs]


def _has_loss(model: Model, kind: type[Any], function: Any) -> bool:
    return any(isinstance(loss, kind) or getattr(loss, "fn", None) is function for loss in _losses(model))


def _are_probabilities(outputs: Array) -> bool:
    """Whether they are: of all classes, or of the second of two."""
    sums = 1 if outputs.shape[1] == 1 else outputs.sum(axis=1)
    return bool(((outputs >= 0) & (outputs <= 1)).all() and np.allclose(sums, 1, atol=1e-3))
