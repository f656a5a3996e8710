"""Networks in vectorised NumPy: forward, backward and Adam, as a careful user without a library writes them.

Patches and matrix products for convolution, strided slices for pooling, ufuncs in place, workspaces made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from contest import Array
from kernels.convolution import Patches, Window

__all__ = ["Convolution", "Dense", "Flat", "Network", "Pool"]


class Layer(Protocol):
    """What a network is made of."""

    weights: list[Array]
    gradients: list[Array]

    def forward(self, x: Array) -> Array: ...
    def backward(self, dy: Array, wanted: bool) -> Any: ...


class Dense:
    """A fully connected layer, perhaps with relu."""

    def __init__(self, kernel: Array, bias: Array, relu: bool) -> None:
        self.weights = [kernel.copy(), bias.copy()]
        self.gradients = [np.empty_like(w) for w in self.weights]
        self.relu = relu

    def forward(self, x: Array) -> Array:
        self.x = x
        self.y = x @ self.weights[0]
        self.y += self.weights[1]
        if self.relu:
            np.maximum(self.y, 0, out=self.y)
        return self.y

    def backward(self, dy: Array, wanted: bool) -> Any:
        if self.relu:
            dy *= self.y > 0
        np.matmul(self.x.T, dy, out=self.gradients[0])
        np.sum(dy, axis=0, out=self.gradients[1])
        return dy @ self.weights[0].T if wanted else None


class Convolution:
    """A convolution with relu, stride 1, no padding."""

    def __init__(self, kernel: Array, bias: Array) -> None:
        self.weights = [kernel.copy(), bias.copy()]
        self.gradients = [np.empty_like(w) for w in self.weights]
        self._patches: dict[tuple[int, ...], tuple[Patches, Array, Array]] = {}

    def forward(self, x: Array) -> Array:
        kh, kw, _, filters = self.weights[0].shape
        if x.shape not in self._patches:
            patches = Patches(x.shape, (kh, kw), Window())
            y = np.empty((len(x), *patches.out, filters), np.float32)
            self._patches[x.shape] = patches, y, np.empty_like(x)
        self.patches, y, self.dx = self._patches[x.shape]
        self.rows = y.reshape(-1, filters)
        np.matmul(self.patches.gather(x), self.weights[0].reshape(-1, filters), out=self.rows)
        self.rows += self.weights[1]
        np.maximum(self.rows, 0, out=self.rows)
        return y

    def backward(self, dy: Array, wanted: bool) -> Any:
        kernel = self.weights[0].reshape(-1, self.weights[0].shape[-1])
        dz = dy.reshape(self.rows.shape)
        dz *= self.rows > 0
        np.matmul(self.patches.rows.T, dz, out=self.gradients[0].reshape(kernel.shape))
        np.matmul(np.ones(len(dz), np.float32), dz, out=self.gradients[1])
        if not wanted:
            return None
        np.matmul(dz, kernel.T, out=self.patches.rows)
        return self.patches.scatter(self.dx)


class Pool:
    """The largest of each 2 x 2 window."""

    weights: list[Array] = []
    gradients: list[Array] = []

    @staticmethod
    def cells(x: Array) -> list[Array]:
        h, w = (size // 2 * 2 for size in x.shape[1:3])
        return [x[:, i:h:2, j:w:2] for i in (0, 1) for j in (0, 1)]

    def forward(self, x: Array) -> Array:
        self.x = x
        a, b, c, d = self.cells(x)
        self.y = np.maximum(a, b)
        np.maximum(self.y, c, out=self.y)
        return np.maximum(self.y, d, out=self.y)

    def backward(self, dy: Array, wanted: bool) -> Array:
        dx = np.zeros_like(self.x)
        free = np.ones(dy.shape, bool)
        hit = np.empty(dy.shape, bool)
        for cell, target in zip(self.cells(self.x), self.cells(dx), strict=True):
            np.equal(cell, self.y, out=hit)
            hit &= free
            free ^= hit
            np.multiply(dy, hit, out=target)
        return dx


class Flat:
    """Images as rows."""

    weights: list[Array] = []
    gradients: list[Array] = []

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy: Array, wanted: bool) -> Array:
        return dy.reshape(self.shape)


class Network:
    """Layers with softmax and cross-entropy behind them, trained by Adam as Keras defines it."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)
        self.weights = [w for layer in layers for w in layer.weights]
        self.gradients = [g for layer in layers for g in layer.gradients]
        self.slots = [(np.zeros_like(w), np.zeros_like(w), np.empty_like(w)) for w in self.weights]
        self.time = 0

    def step(self, x: Array, labels: Array) -> tuple[float, float]:
        """One training step; gives the mean loss and the accuracy of the batch before it."""
        for layer in self.layers:
            x = layer.forward(x)
        accuracy = float((x.argmax(axis=1) == labels).mean())
        rows = np.arange(len(labels))
        x -= x.max(axis=1, keepdims=True)
        picked = x[rows, labels]
        np.exp(x, out=x)
        total = x.sum(axis=1, keepdims=True)
        loss = float((np.log(total[:, 0]) - picked).mean())
        x /= total
        x[rows, labels] -= 1
        x *= np.float32(1 / len(labels))
        for index in range(len(self.layers) - 1, -1, -1):
            x = self.layers[index].backward(x, wanted=index > 0)
        self._adam()
        return loss, accuracy

    def epoch(self, x: Array, labels: Array, batch: int, order: Array) -> tuple[float, float]:
        """All batches in the order given; the mean loss and accuracy over the epoch."""
        loss = accuracy = 0.0
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            a, b = self.step(x[rows], labels[rows])
            loss += a * len(rows)
            accuracy += b * len(rows)
        return loss / len(order), accuracy / len(order)

    def _adam(self, rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-7) -> None:
        self.time += 1
        alpha = np.float32(rate * np.sqrt(1 - beta2**self.time) / (1 - beta1**self.time))
        for w, g, (m, v, part) in zip(self.weights, self.gradients, self.slots, strict=True):
            np.subtract(g, m, out=part)
            part *= np.float32(1 - beta1)
            m += part
            np.multiply(g, g, out=part)
            part -= v
            part *= np.float32(1 - beta2)
            v += part
            np.sqrt(v, out=part)
            part += np.float32(epsilon)
            np.divide(m, part, out=part)
            part *= alpha
            w -= part
