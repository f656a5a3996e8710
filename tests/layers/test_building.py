"""``build``: whoever calls it, weights are made once, and a build or a first call that fails leaves nothing behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from corten.errors import ShapeError

X = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)


class Scale(layers.Layer):
    """A layer of one's own: a factor for each feature."""

    builds = 0

    def build(self, input_shape: Any) -> None:
        self.builds += 1
        self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


class Shifted(Scale):
    """One whose build calls its base's."""

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.shift = self.add_weight((input_shape[-1],), "zeros", name="shift")

    def call(self, inputs: Any) -> Any:
        return super().call(inputs) + self.shift


class Block(layers.Layer):
    """Layers inside, and no build of its own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden, self.top = layers.Dense(5), layers.Dense(2)

    def call(self, inputs: Any, training: bool) -> Any:
        return self.top(self.hidden(inputs))


@pytest.mark.parametrize("kind", [Scale, Shifted])
def test_weights_assigned_after_build_are_kept(kind: type[Scale]) -> None:
    layer = kind()
    layer.build((None, 3))
    assert layer.built and layer.builds == 1 and layer.count_params() == len(layer.weights) * 3
    layer.factor.assign([2, 3, 4])
    assert (layer(X) == X * np.float32([2, 3, 4])).all()
    assert (corten.Sequential([layer]).predict(X, verbose=0) == X * np.float32([2, 3, 4])).all()
    assert layer.builds == 1 and layer.weights[0].path == f"{layer.name}/factor"


def test_a_second_build_would_replace_the_weights() -> None:
    layer = layers.Dense(2)
    layer.build((None, 3))
    kernel = layer.kernel
    with pytest.raises(ValueError, match="already built"):
        layer.build((None, 3))
    assert layer.kernel is kernel and len(layer.weights) == 2
    flat = layers.Flatten()
    flat.build((None, 2, 2))
    flat.build((None, 3, 3))
    assert flat.built


@pytest.mark.parametrize("kind", [Block, type("BlockModel", (corten.Model,), {**Block.__dict__})])
def test_layers_inside_are_built_by_tracing(kind: type[Any]) -> None:
    class Outer(kind):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            corten.Model.__init__(self, **kwargs) if issubclass(kind, corten.Model) else layers.Layer.__init__(self)
            self.hidden, self.top = layers.Dense(5), layers.Dense(2)

    block = Outer()
    block.build((None, 3))
    assert block.built and [w.shape for w in block.weights] == [(3, 5), (5,), (5, 2), (2,)]
    before = block.get_weights()
    block(X)
    assert all((a == b).all() for a, b in zip(before, block.get_weights(), strict=True))


def test_a_build_that_fails_leaves_the_layer_as_it_was() -> None:
    layer = layers.Dense(2)
    with pytest.raises(ShapeError):
        layer.build((None, None))
    assert not layer.built and layer.weights == []
    block = Block()
    with pytest.raises(ValueError, match="expected an input shape"):
        block.build(None)
    with pytest.raises(ValueError, match="expected an input shape"):
        corten.Sequential([layers.Dense(2)]).build()
    assert not block.built


class Joined(layers.Layer):
    """A list that grows while it is built; refuses what does not have four features, but only once it is built."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units, self.inner = units, layers.Dense(units)
        self.parts: list[Any] = []

    def build(self, input_shape: Any) -> None:
        self.parts.append(layers.Dense(self.units))

    def call(self, inputs: Any) -> Any:
        hidden = self.parts[0](self.inner(inputs))
        if inputs.shape[-1] != 4:
            raise ValueError(f"expected 4 features, got {inputs.shape[-1]}")
        return hidden


@pytest.mark.parametrize("way", ["arrays", "symbolic", "build of a model"])
def test_a_refused_first_call_leaves_nothing_behind(way: str) -> None:
    joined = Joined(2)
    model = corten.Sequential([joined, layers.Dense(1)])
    calls = {
        "arrays": lambda: joined(np.ones((3, 7))),
        "symbolic": lambda: joined(corten.Input((7,))),
        "build of a model": lambda: model.build((None, 7)),
    }
    with pytest.raises(ValueError, match="expected 4"):
        calls[way]()
    assert not joined.built and joined.parts == [] and joined.inner.weights == [] and not model.built
    assert model(np.ones((4, 4))).shape == (4, 1) and joined.inner.weights[0].shape == (4, 2)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("wrong", ["targets", "metric", "loss"])
def test_a_refused_first_fit_leaves_the_model_unbuilt(eager: bool, wrong: str) -> None:
    def unlucky(y_true: Any, y_pred: Any) -> Any:
        if y_pred.shape[-1] != 2 or fails:
            raise ValueError("refused")
        return corten.ops.mean(corten.ops.square(y_true - y_pred), axis=-1)

    fails = wrong != "targets"
    model = corten.Sequential([layers.Dense(3), layers.Dense(2)])
    metrics = [unlucky] if wrong == "metric" else ["mae"]
    model.compile("adam", unlucky if wrong == "loss" else "mse", metrics=metrics, run_eagerly=eager)
    with pytest.raises(ValueError):
        model.fit(np.ones((8, 7)), np.ones((8, 2 if fails else 5)), verbose=0)
    assert not model.built and model.layers[0].weights == [] and len(model.optimizer.variables) == 2
    fails = False
    history = model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
    assert len(history.history) == 2 and model.layers[0].weights[0].shape == (4, 3)


def test_no_shape_is_needed_where_no_build_waits_for_one() -> None:
    class Early(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.factor = self.add_weight((), "ones", name="factor")

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor

    class Outer(layers.Layer):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    layer = Outer(Early())
    layer.build(None)
    assert layer.built and len(layer.weights) == 1
    with pytest.raises(ValueError, match="expected an input shape"):
        Outer(layers.Dense(2)).build(None)
