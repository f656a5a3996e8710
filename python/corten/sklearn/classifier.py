"""The classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from corten.graph import Array
from corten.optimizers import OptimizerLike
from corten.optimizers.schedules import LearningRateSchedule
from corten.sklearn.data import validated
from corten.sklearn.perceptron import Perceptron, stochastic

__all__ = ["MLPClassifier"]


class MLPClassifier(ClassifierMixin, Perceptron):
    """scikit-learn's multi-layer perceptron for classes, trained by Corten.

    Parameters, defaults, attributes and mathematics are those of ``sklearn.neural_network.MLPClassifier``; for the same
    ``random_state`` it begins with the same weights and takes the rows in the same order. Computed in float32. Beside
    these, it takes dropout, class weights, and any optimizer and schedule of Corten's.

    Args:
        hidden_layer_sizes: the size of each hidden layer.
        activation: of hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"`` or ``"relu"``.
        solver: ``"adam"``, ``"sgd"``, ``"lbfgs"`` (all rows at once; chosen steps, by SciPy), the name of another
            optimizer, or an ``Optimizer``, which brings its own learning rate and is not changed.
        alpha: the factor of half the squares of all kernels in the loss, divided by the number of samples in a batch.
        batch_size: ``"auto"`` is ``min(200, n)``.
        learning_rate: ``"constant"``; for ``"sgd"`` ``"invscaling"`` and ``"adaptive"``; or a
            ``LearningRateSchedule`` in place of ``learning_rate_init``.
        learning_rate_init: the learning rate of the first epoch.
        power_t: the exponent of ``"invscaling"``.
        max_iter: the most epochs (of ``"lbfgs"``, steps).
        shuffle: whether each epoch has a new order.
        random_state: an int, a ``RandomState`` or None: NumPy's global one.
        tol: by how much a loss or score must be better to count as better.
        verbose: whether to print the loss of each epoch.
        warm_start: whether ``fit`` goes on with the weights as they are.
        momentum, nesterovs_momentum: of ``"sgd"``.
        early_stopping: stop by the score on held-out rows, and take the best weights.
        validation_fraction: how many rows are held out.
        beta_1, beta_2, epsilon: of ``"adam"``.
        n_iter_no_change: how many epochs without improvement end training.
        max_fun: the most evaluations of ``"lbfgs"``.
        dropout: the part of each hidden layer that is dropped at each step.
        class_weight: class -> factor of its samples' weights, or ``"balanced"``: ``n / (classes * count)``.

    Attributes:
        model_: the network, a :class:`corten.Sequential`, to be saved, exported or explained.
        classes_, n_features_in_, feature_names_in_, n_iter_, n_layers_, n_outputs_, out_activation_, t_, loss_,
        best_loss_, loss_curve_, validation_scores_, best_validation_score_, coefs_, intercepts_: as scikit-learn's.

    >>> from sklearn.datasets import make_moons
    >>> from corten.sklearn import MLPClassifier
    >>> x, y = make_moons(200, noise=0.1, random_state=0)
    >>> model = MLPClassifier((32, 32), learning_rate_init=0.01, dropout=0.1, class_weight="balanced", random_state=0)
    >>> model.fit(x, y).score(x, y) > 0.95
    True
    """

    def __init__(
        self,
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
        class_weight: Mapping[Any, float] | str | None = None,
    ) -> None:
        self._store(locals())

    class_weight: Mapping[Any, float] | str | None
    classes_: Array

    def _encoded(self, X: Any, y: Any, reset: bool, incremental: bool) -> tuple[Array, Array]:
        x, y = validated(self, X, y, multi_output=True, dtype=np.float32, reset=reset)
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if reset and not incremental:
            self._label_binarizer = LabelBinarizer().fit(y)
        binarizer = self._label_binarizer
        classes = unique_labels(y)
        if self.warm_start and not reset and set(classes) != set(self.classes_):
            raise ValueError(
                "warm_start needs the classes of the fit before: "
                f"expected {self.classes_.tolist()}, got {classes.tolist()}"
            )
        self.classes_ = binarizer.classes_
        unknown = np.setdiff1d(classes, self.classes_)
        if len(unknown):
            raise ValueError(f"y: expected classes of {self.classes_.tolist()}, got {unknown[0]!r}")
        if binarizer.y_type_ == "multiclass":
            self.out_activation_, self.n_outputs_ = "softmax", len(self.classes_)
            return x, np.searchsorted(self.classes_, y).astype(np.int32)
        targets: Array = binarizer.transform(y).astype(np.float32)
        self.out_activation_, self.n_outputs_ = "logistic", targets.shape[1]
        return x, targets

    def _class_weighted(self, y: Any, weights: Array | None) -> Array | None:
        if self.class_weight is None:
            return weights
        factors: Array = compute_sample_weight(self.class_weight, y)
        return factors if weights is None else factors * weights

    def _decoded(self, outputs: Array) -> Array:
        labels: Array = self._label_binarizer.inverse_transform(outputs.ravel() if self.n_outputs_ == 1 else outputs)
        return labels

    def _scored(self, y: Array, outputs: Array, weights: Array | None) -> float:
        chosen = outputs.argmax(axis=1) if self.out_activation_ == "softmax" else outputs > 0.5
        return float(accuracy_score(y, chosen.astype(y.dtype), sample_weight=weights))

    @available_if(stochastic)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Trains for one epoch on these rows, and keeps the optimizer's state for the next call.

        Args:
            X, y, sample_weight: see :meth:`fit`.
            classes: all classes that will ever be in ``y``; needed by the first call.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "partial_fit does not know how often classes will come: class_weight='balanced' is for fit"
            )
        if not hasattr(self, "classes_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else unique_labels(classes))
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(f"classes: expected those of the first call, {self.classes_.tolist()}, got {classes!r}")
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, in the order of ``classes_``: (n, classes), in the dtype of ``X``."""
        outputs = self._predicted(X)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of :meth:`predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _more_tags(self) -> dict[str, Any]:
        """Tags for scikit-learn before 1.6."""
        return {"multilabel": True}
