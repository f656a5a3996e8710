"""What classifier and regressor share: parameters, the loop over epochs, when it stops."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from corten import optimizers
from corten.arguments import number, one_of, real, whole, wholes
from corten.graph import Array, assign
from corten.layers.copies import again
from corten.models import Sequential
from corten.optimizers import SGD, Adam, Optimizer, OptimizerLike
from corten.optimizers.schedules import LearningRateSchedule
from corten.sklearn.data import merged, result_dtype, validated, validated_weights
from corten.sklearn.lbfgs import minimized
from corten.sklearn.network import Training, activated, network
from corten.training.feed import ArrayFeed

__all__ = ["Perceptron", "stochastic"]


def stochastic(estimator: Perceptron) -> bool:
    """Whether the solver takes batches; ``AttributeError`` where there is no ``partial_fit`` for it."""
    if estimator.solver == "lbfgs":
        raise AttributeError("partial_fit is only available for solvers that take batches, not for 'lbfgs'")
    return True


class Perceptron(BaseEstimator):
    """The base of :class:`MLPClassifier` and :class:`MLPRegressor`, whose constructors set these parameters."""

    hidden_layer_sizes: int | Sequence[int]
    activation: str
    solver: OptimizerLike
    alpha: float
    batch_size: int | str
    learning_rate: str | LearningRateSchedule
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: float

    model_: Sequential
    out_activation_: str
    n_outputs_: int
    _training: Training
    loss_curve_: list[float]
    best_loss_: float | None
    best_validation_score_: float | None
    validation_scores_: list[float] | None

    def _store(self, arguments: dict[str, Any]) -> None:
        """Sets the parameters to what the constructor was given."""
        for name, value in arguments.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    # --- what the subclasses say ------------------------------------------------------------------------------------

    def _encoded(self, X: Any, y: Any, reset: bool, incremental: bool) -> tuple[Array, Array]:
        """Rows and targets as the network takes them; sets ``out_activation_`` and ``n_outputs_``."""
        raise NotImplementedError

    def _class_weighted(self, y: Any, weights: Array | None) -> Array | None:
        """The samples' weights, multiplied by those of their classes."""
        return weights

    def _decoded(self, outputs: Array) -> Array:
        """What ``predict`` gives for the network's outputs."""
        raise NotImplementedError

    def _scored(self, y: Array, outputs: Array, weights: Array | None) -> float:
        """The score of the network's outputs for targets as :meth:`_encoded` gave them."""
        raise NotImplementedError

    # --- fitting ----------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Trains from scratch, or under ``warm_start`` from the weights as they are.

        Args:
            X: rows of features (n, features), dense.
            y: targets (n,), or (n, outputs).
            sample_weight: a weight for each row; rows of weight 0 are left out.

        Returns:
            The estimator.

        Raises:
            TypeError: ``X`` is sparse.
            ValueError: a parameter or the data do not fit, or weights became infinite.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        self._expect_parameters()
        first = not hasattr(self, "model_") or not (self.warm_start or incremental)
        x, targets = self._encoded(X, y, first, incremental)
        weights = None if sample_weight is None else validated_weights(sample_weight, len(x))
        weights = self._class_weighted(y, weights)
        if weights is not None:
            counted = weights > 0
            if not counted.any():
                raise ValueError("class_weight: expected a weight that is not zero, got only zeros for these samples")
            x, targets, weights = x[counted], targets[counted], weights[counted]
        random = check_random_state(self.random_state)
        if first:
            self._start(x.shape[1], random)
        elif self._made_of != self._architecture():
            raise ValueError(
                f"{type(self).__name__}: to go on training, the network must stay as it was: (hidden_layer_sizes, "
                f"activation, dropout) were {self._made_of}, got {self._architecture()}"
            )
        if self.solver == "lbfgs":
            self._fit_at_once(x, targets, weights)
        else:
            self._fit_in_batches(x, targets, weights, random, incremental, first)
        if not all(np.isfinite(variable.numpy()).all() for variable in self.model_.trainable_variables):
            raise ValueError(
                f"{type(self).__name__}: training led to weights that are not finite; scale the features, for example "
                "by StandardScaler, or lower learning_rate_init"
            )
        return self

    def _expect_parameters(self) -> None:
        where = type(self).__name__
        one_of(self.activation, ("identity", "logistic", "tanh", "relu"), f"{where}: activation")
        for name in ("alpha", "power_t", "tol"):
            number(getattr(self, name), f"{where}: {name}", 0.0)
        for name in ("validation_fraction", "beta_1", "beta_2", "dropout"):
            number(getattr(self, name), f"{where}: {name}", 0.0, 1.0)
        for name in ("learning_rate_init", "epsilon"):
            if number(getattr(self, name), f"{where}: {name}", 0.0) == 0.0:
                raise ValueError(f"{where}: {name}: expected a number above 0, got 0")
        for name in ("max_iter", "max_fun"):
            whole(getattr(self, name), f"{where}: {name}", 1)
        if not 0.0 <= real(self.momentum, f"{where}: momentum") <= 1.0:
            raise ValueError(f"{where}: momentum: expected a number from 0 to 1, got {self.momentum}")
        if self.n_iter_no_change != np.inf:
            whole(self.n_iter_no_change, f"{where}: n_iter_no_change", 1)
        if self.batch_size != "auto":
            whole(self.batch_size, f"{where}: batch_size", 1)
        wholes(self.hidden_layer_sizes, f"{where}: hidden_layer_sizes", 1)
        if not isinstance(self.learning_rate, LearningRateSchedule):
            one_of(self.learning_rate, ("constant", "invscaling", "adaptive"), f"{where}: learning_rate")
            if self.learning_rate != "constant" and self.solver not in ("lbfgs", "sgd", "adam"):
                raise ValueError(
                    f"{where}: learning_rate={self.learning_rate!r} is for solver='sgd'; for another optimizer take "
                    "one of corten.optimizers.schedules"
                )
        if self.solver == "lbfgs" and self.dropout:
            raise ValueError(f"{where}: dropout needs a solver that takes batches, not 'lbfgs'")
        if self.solver != "lbfgs":
            self._new_optimizer()

    def _architecture(self) -> tuple[list[int], str, float]:
        """What of the parameters the network is made of."""
        return wholes(self.hidden_layer_sizes, "hidden_layer_sizes", 1), self.activation, self.dropout

    def _start(self, features: int, random: Any) -> None:
        """Weights as scikit-learn draws them: the same for the same ``random_state``."""
        self._made_of = self._architecture()
        sizes = [features, *self._made_of[0], self.n_outputs_]
        weights: list[Array] = []
        for fan_in, fan_out in pairwise(sizes):
            bound = np.sqrt((2.0 if self.activation == "logistic" else 6.0) / (fan_in + fan_out))
            weights += [random.uniform(-bound, bound, shape) for shape in ((fan_in, fan_out), fan_out)]
        seed = int(random.randint(2**31)) if self.dropout else 0
        self.model_ = network(sizes, self.activation, self.out_activation_, weights, self.dropout, seed)
        self.n_layers_ = len(sizes)
        self.n_iter_, self.t_ = 0, 0
        self._best_weights = weights
        self._without_improvement = 0
        if self.solver != "lbfgs":
            self.loss_curve_ = []
            stopping = self.early_stopping
            self.best_loss_ = None if stopping else np.inf
            self.validation_scores_ = [] if stopping else None
            self.best_validation_score_ = -np.inf if stopping else None

    def _new_optimizer(self) -> Optimizer:
        scheduled = isinstance(self.learning_rate, LearningRateSchedule)
        rate: Any = self.learning_rate if scheduled else self.learning_rate_init
        if self.solver == "adam":
            return Adam(rate, self.beta_1, self.beta_2, self.epsilon)
        if self.solver == "sgd":
            return SGD(rate, self.momentum, self.nesterovs_momentum)
        if isinstance(self.solver, Optimizer):
            # The parameter stays as it is; each fit begins with a fresh state.
            fresh: Optimizer = again(self.solver)
            return fresh
        if not isinstance(self.solver, str):
            raise ValueError(f"{type(self).__name__}: solver: expected a name or an Optimizer, got {self.solver!r}")
        kind = type(optimizers.get(self.solver))
        named: Optimizer = kind(learning_rate=rate)
        return named

    def _batch(self, rows: int) -> int:
        if self.batch_size == "auto":
            return min(200, rows)
        size = whole(self.batch_size, "batch_size", 1)
        if size > rows:
            warnings.warn(f"batch_size={size} is more than the {rows} samples; all of them are one batch", stacklevel=5)
        return min(size, rows)

    def _fit_in_batches(
        self, x: Array, y: Array, weights: Array | None, random: Any, incremental: bool, first: bool
    ) -> None:
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        validation = None
        if self.early_stopping:
            x, y, weights, validation = self._held_out(x, y, weights, random)
        if not incremental or first:
            self._training = Training(self.model_, self.out_activation_, self.alpha, self._new_optimizer())
        self._training.alpha = self.alpha
        rows, batch = len(x), self._batch(len(x))
        shuffled = self.shuffle
        if batch == rows and not self.dropout:
            # The order of one batch does not matter, and a row's weight counts as so many rows do: to the last bit.
            x, y, weights = merged(x, y, weights)
            shuffled, batch = False, len(x)
        feed = ArrayFeed(x, y, weights, batch)
        order = np.arange(len(x), dtype=np.uint32)
        self.n_iter_ = 0
        try:
            for _ in range(self.max_iter):
                if shuffled:
                    order = order[_permutation(random, len(order))]
                self.loss_ = self._training.epoch(feed, order if shuffled else None)
                self.n_iter_ += 1
                self.t_ += rows
                self.loss_curve_.append(self.loss_)
                if self.verbose:
                    print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
                self._look_at_progress(validation)
                if self._stops(self._training.optimizer) or incremental:
                    break
                if self.n_iter_ == self.max_iter:
                    warnings.warn(
                        f"{type(self).__name__}: after max_iter={self.max_iter} epochs training had not converged",
                        ConvergenceWarning,
                        stacklevel=4,
                    )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
        if self.early_stopping:
            assign(self.model_.trainable_variables, self._best_weights)

    def _held_out(self, x: Array, y: Array, weights: Array | None, random: Any) -> Any:
        """Rows, targets and weights to train on, and a triple of those to validate on."""
        stratify = y if is_classifier(self) and self.n_outputs_ == 1 else None
        parts = [x, y] if weights is None else [x, y, weights]
        split = train_test_split(*parts, random_state=random, test_size=self.validation_fraction, stratify=stratify)
        validation = split[1::2]
        if len(validation[0]) < 2:
            raise ValueError(
                f"early_stopping: validation_fraction={self.validation_fraction} leaves {len(validation[0])} samples "
                "to validate on; raise it, or bring more data"
            )
        return (*(split[::2] if weights is not None else (*split[::2], None)), validation)

    def _look_at_progress(self, validation: list[Array] | None) -> None:
        """Counts the epochs that were no better by ``tol`` than the best before."""
        if validation is None:
            best = np.inf if self.best_loss_ is None else self.best_loss_
            better = not self.loss_ > best - self.tol
            self.best_loss_ = min(best, self.loss_)
        else:
            x, y, *weights = validation
            outputs = self._outputs(x)
            score = np.nan
            if np.isfinite(outputs).all():
                score = self._scored(y, outputs, weights[0] if weights else None)
            assert self.validation_scores_ is not None and self.best_validation_score_ is not None
            self.validation_scores_.append(score)
            if self.verbose:
                print(f"Validation score: {score:f}")
            better = not score < self.best_validation_score_ + self.tol
            if score > self.best_validation_score_:
                self.best_validation_score_ = score
                self._best_weights = [variable.numpy() for variable in self.model_.trainable_variables]
        self._without_improvement = 0 if better else self._without_improvement + 1

    def _stops(self, optimizer: Optimizer | None) -> bool:
        """Whether training has come to its end; else the learning rate of the next epoch is set."""
        assert optimizer is not None
        sgd = self.solver == "sgd"
        if sgd and self.learning_rate == "invscaling":
            optimizer.learning_rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t
        if not self._without_improvement > self.n_iter_no_change:
            return False
        what = "Validation score" if self.early_stopping else "Training loss"
        said = f"{what} did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive epochs."
        adaptive = sgd and self.learning_rate == "adaptive" and float(optimizer.learning_rate) > 1e-6
        if adaptive:
            optimizer.learning_rate = float(optimizer.learning_rate) / 5.0
            self._without_improvement = 0
        if self.verbose:
            print(said, f"Setting learning rate to {float(optimizer.learning_rate):f}" if adaptive else "Stopping.")
        return not adaptive

    def _fit_at_once(self, x: Array, y: Array, weights: Array | None) -> None:
        x, y, weights = merged(x, y, weights)
        self._training = Training(self.model_, self.out_activation_, self.alpha, None)
        feed = ArrayFeed(x, y, weights, len(x))
        self.loss_, self.n_iter_ = minimized(
            self._training, feed, self.max_iter, self.max_fun, self.tol, bool(self.verbose)
        )

    # --- predicting -------------------------------------------------------------------------------------------------

    def _outputs(self, x: Array) -> Array:
        return activated(self._training.logits(x), self.out_activation_)

    def _predicted(self, X: Any) -> Array:
        """The network's outputs, in the dtype of ``X``."""
        check_is_fitted(self)
        dtype = result_dtype(X)
        outputs: Array = self._outputs(validated(self, X, reset=False, dtype=np.float32)).astype(dtype)
        return outputs

    def predict(self, X: Any) -> Array:
        """The classes, or the values, of the rows of ``X``."""
        return self._decoded(self._predicted(X))

    def __sklearn_is_fitted__(self) -> bool:
        return "_training" in vars(self)

    # --- what was learnt --------------------------------------------------------------------------------------------

    @property
    def coefs_(self) -> list[Array]:
        """The kernels, one for each layer (in, out), as copies; assign a list to change them."""
        return self._learnt(0)

    @coefs_.setter
    def coefs_(self, arrays: Sequence[Array]) -> None:
        self._learn(0, arrays)

    @property
    def intercepts_(self) -> list[Array]:
        """The biases, one for each layer (out,), as copies; assign a list to change them."""
        return self._learnt(1)

    @intercepts_.setter
    def intercepts_(self, arrays: Sequence[Array]) -> None:
        self._learn(1, arrays)

    def _learnt(self, place: int) -> list[Array]:
        if "model_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet")
        arrays = [variable.numpy() for variable in self.model_.trainable_variables[place::2]]
        for array in arrays:
            array.flags.writeable = False  # to change a copy would change nothing
        return arrays

    def _learn(self, place: int, arrays: Sequence[Array]) -> None:
        if "model_" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} is not fitted yet")
        assign(self.model_.trainable_variables[place::2], arrays)


def _permutation(random: Any, rows: int) -> Array:
    """What ``sklearn.utils.shuffle`` draws."""
    indices = np.arange(rows)
    random.shuffle(indices)
    return indices
