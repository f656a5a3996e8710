"""The network of a perceptron and its training: scikit-learn's losses as steps that run natively."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from corten import metrics, ops
from corten.graph import Array, StepCache, assign, gradients
from corten.layers import Activation, Dense, Dropout
from corten.layers.copies import again
from corten.layers.input_layer import Input
from corten.models import Sequential
from corten.optimizers import Optimizer
from corten.training.feed import ArrayFeed, unpack_x_y_sample_weight
from corten.training.loop import PAUSE
from corten.training.runner import Rows, Runner

__all__ = ["Training", "activated", "network"]

#: How many rows are predicted at once.
ROWS = 1024

#: scikit-learn's activations by Corten's names.
ACTIVATIONS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "tanh": "tanh",
    "relu": "relu",
    "softmax": "softmax",
    "exp": "exponential",
}


def network(
    sizes: Sequence[int],
    activation: str,
    out_activation: str,
    weights: Sequence[Array],
    dropout: float = 0.0,
    seed: int = 0,
) -> Sequential:
    """Dense layers of ``sizes``, the number of features first, each but the last followed by dropout.

    Args:
        sizes: of inputs, hidden layers and outputs.
        activation, out_activation: scikit-learn's names.
        weights: kernel and bias of each layer.
        dropout: what is dropped of each hidden layer in training.
        seed: of dropout.
    """
    features, *hidden, outputs = sizes
    layers: list[Any] = [Input((features,))]
    # With names and seeds of their own: those of the program's other models stay what they were.
    for index, units in enumerate(hidden):
        layers.append(Dense(units, ACTIVATIONS[activation], kernel_initializer="zeros", name=f"hidden_{index}"))
        if dropout:
            layers.append(Dropout(dropout, seed=(seed + index) % 2**31, name=f"dropout_{index}"))
    layers.append(Dense(outputs, kernel_initializer="zeros", name="logits"))
    layers.append(Activation(ACTIVATIONS[out_activation], name="output"))
    model = Sequential(layers, name="mlp")
    assign(model.trainable_variables, weights)
    return model


def activated(logits: Array, out_activation: str) -> Array:
    """What the network predicts, in float64: where float32 has only 0 or 1, probabilities still differ."""
    functions = {
        "softmax": functools.partial(softmax, axis=1),
        "logistic": expit,
        "exp": np.exp,
        "identity": np.asarray,
    }
    outputs: Array = functions[out_activation](logits.astype(np.float64))
    return outputs


class Training:
    """How the weights of a :func:`network` change.

    The loss of a batch is the mean over its samples, by their weights, of the cross-entropy, half the squared error or
    half the Poisson deviance, plus ``alpha / 2`` times the squares of all kernels over the sum of the weights.

    Args:
        model: the network.
        out_activation: chooses the loss.
        alpha: the strength of the penalty.
        optimizer: None where only gradients are asked for.
    """

    def __init__(self, model: Sequential, out_activation: str, alpha: float, optimizer: Optimizer | None) -> None:
        self.model = model
        self.out_activation = out_activation
        self.alpha = alpha
        self.optimizer = optimizer
        self._steps = StepCache()
        self._mean = metrics.Mean()

    def epoch(self, feed: ArrayFeed, order: Array | None) -> float:
        """Trains on all batches of a pass over the rows; the mean of their losses, each by its number of rows."""
        self._mean.reset_state()
        runner = Runner(self._step, self._steps, lambda: ("epoch", self.alpha))
        for chunk in feed.in_order(order):
            for _ in runner.run(chunk, PAUSE):
                pass
        return float(runner.outputs["loss"])

    def gradients(self, feed: ArrayFeed) -> tuple[float, list[Array]]:
        """The loss of all rows as one batch, and its gradient for each weight."""
        runner = Runner(self._gradients, self._steps, lambda: ("gradients", self.alpha))
        next(runner.run(feed.whole()))
        loss, slopes = runner.outputs
        return float(loss), slopes

    def logits(self, x: Array) -> Array:
        """What the last layer makes of the rows, before its activation. Several threads may call it at once."""
        feed = ArrayFeed(x, batch_size=ROWS)
        rows = Rows(feed.rows, self.model.name)
        runner = Runner(lambda x: self._logits(x, training=False), self._steps, lambda: "logits", rows=rows)
        for chunk in feed.epoch(0):
            for _ in runner.run(chunk, PAUSE):
                pass
        logits: Array = rows.result()
        return logits

    def _step(self, data: Any) -> dict[str, Any]:
        assert self.optimizer is not None
        loss, shown = self._losses(*unpack_x_y_sample_weight(data))
        self.optimizer.minimize(loss, self.model.trainable_variables)
        self._mean.update_state(shown, data[0].shape[0])
        return {"loss": self._mean.result()}

    def _gradients(self, data: Any) -> tuple[Any, Any]:
        loss, shown = self._losses(*unpack_x_y_sample_weight(data))
        return shown, gradients(loss, self.model.trainable_variables)

    def _logits(self, x: Any, training: bool) -> Any:
        *inner, _ = self.model.layers
        for layer in inner:
            x = layer(x, training=training) if isinstance(layer, Dropout) else layer(x)
        return x

    def _losses(self, x: Any, y: Any, weights: Any) -> tuple[Any, Any]:
        """What is minimised, and what is shown: scikit-learn shows the mean of several targets' squared errors."""
        logits = self._logits(x, training=True)
        values = self._values(y, logits)
        total: Any = values.shape[0] if weights is None else ops.sum(weights)
        loss = ops.sum(values if weights is None else ops.multiply(values, weights)) / total
        shown = loss / logits.shape[-1] if self.out_activation == "identity" else loss
        if self.alpha:
            kernels = [ops.sum(ops.square(v)) for v in self.model.trainable_variables if v.ndim == 2]
            penalty = sum(kernels[1:], kernels[0]) * (0.5 * self.alpha) / total
            return loss + penalty, shown + penalty
        return loss, shown

    def _values(self, y: Any, logits: Any) -> Any:
        """The loss of each sample."""
        if self.out_activation == "softmax":
            return ops.softmax_cross_entropy(y, logits)
        if self.out_activation == "logistic":
            return ops.sum(ops.sigmoid_cross_entropy(y, logits), axis=-1)
        if self.out_activation == "identity":
            return ops.sum(ops.square(logits - y), axis=-1) * 0.5
        # y log(y / exp(z)) - y + exp(z), and 0 log 0 = 0.
        own = y * ops.log(ops.maximum(y, float(np.finfo(np.float32).tiny))) - y
        return ops.sum(ops.exp(logits) - y * logits + own, axis=-1)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: the optimizer as its arguments and state, without what was compiled."""
        optimizer = self.optimizer
        slots = None if optimizer is None or not optimizer.built else [v.numpy() for v in optimizer.variables]
        fresh = None if optimizer is None else again(optimizer)
        return {
            "model": self.model,
            "out_activation": self.out_activation,
            "alpha": self.alpha,
            "optimizer": fresh,
            "slots": slots,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        slots = state.pop("slots")
        self.__init__(**state)  # type: ignore[misc]
        if slots is not None and self.optimizer is not None:
            self.optimizer.build(self.model.trainable_variables)
            self.optimizer.set_weights(slots)
