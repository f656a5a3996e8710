"""Images turned into others: each its own way, what comes in at the border, nothing outside training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from corten import Sequential
from corten.layers import Dense, Flatten, Layer, RandomFlip, RandomTranslation

X = np.random.default_rng(0).normal(size=(60, 4, 6, 2)).astype("float32")


def test_flips() -> None:
    assert (RandomFlip(seed=1)(X, training=False) == X).all()
    for mode, ways in (("horizontal", 2), ("vertical", 2), ("horizontal_and_vertical", 4)):
        layer = RandomFlip(mode, seed=1)
        y = layer(X, training=True)
        counts = [0, 0, 0, 0]
        for before, after in zip(X, y, strict=True):
            others = [before, before[:, ::-1], before[::-1], before[::-1, ::-1]]
            counts[[(after == other).all() for other in others].index(True)] += 1
        assert sum(count > 6 for count in counts) == ways and sum(counts) == 60
        assert (layer(X, training=True) != y).any()
        assert (RandomFlip(mode, seed=1)(X, training=True) == y).all()


@pytest.mark.parametrize(
    ("fill_mode", "mode"), [("reflect", "symmetric"), ("wrap", "wrap"), ("nearest", "edge"), ("constant", "constant")]
)
def test_translations_by_whole_pixels(fill_mode: str, mode: Any) -> None:
    options = {"constant_values": 7.0} if mode == "constant" else {}
    layer = RandomTranslation((-0.5, 0.5), (0.0, 1 / 3), fill_mode, "nearest", seed=2, fill_value=7.0)
    assert (layer(X, training=False) == X).all()
    wide = np.pad(X, ((0, 0), (2, 2), (2, 2), (0, 0)), mode, **options)
    moves = set()
    for index, after in enumerate(layer(X, training=True)):
        fits = [
            (2 - top, 2 - left)
            for top in range(5)
            for left in range(5)
            if (wide[index, top : top + 4, left : left + 6] == after).all()
        ]
        # Where the picture wraps around, up by half of it is down by half.
        assert len(fits) == 1 or fill_mode == "wrap"
        moves.update(fits)
    assert {dy for dy, _ in moves} == {-2, -1, 0, 1, 2} and {dx for _, dx in moves} >= {0, 1, 2}


def test_translations_between_pixels() -> None:
    y = RandomTranslation(0.0, (0.25, 0.25), "constant", fill_value=1.0)(X, training=True)
    # A quarter of six pixels: one and a half.
    shifted = np.pad(X, ((0, 0), (0, 0), (2, 0), (0, 0)), constant_values=1.0)
    np.testing.assert_allclose(y, (shifted[:, :, :6] + shifted[:, :, 1:7]) / 2, rtol=1e-6, atol=1e-6)


def test_in_a_model_with_the_same_bits_eagerly() -> None:
    made = []
    for run_eagerly in (False, True):
        flip, move = RandomFlip(seed=1, input_shape=(4, 6, 2)), RandomTranslation(0.2, 0.2, seed=2)
        model = Sequential([flip, move, Flatten(), Dense(1, kernel_initializer="ones")])
        model.compile("sgd", "mse", run_eagerly=run_eagerly)
        model.fit(X, X[:, 0, 0, 0], epochs=2, verbose=0, shuffle=False)
        made.append(model.get_weights())
        assert (model.predict(X, verbose=0) == model.predict(X, verbose=0)).all()
    assert all((a == b).all() for a, b in zip(*made, strict=True))


def test_errors() -> None:
    for make in (
        lambda: RandomFlip("diagonal"),
        lambda: RandomTranslation(1.5, 0),
        lambda: RandomTranslation((0, 0, 0), 0),
        lambda: RandomTranslation(0.1, 0.1, fill_mode="mirror"),
        lambda: RandomTranslation(0.1, 0.1, interpolation="bicubic"),
        lambda: RandomFlip(data_format="channels_first"),
    ):
        with pytest.raises(ValueError, match="RandomFlip|RandomTranslation"):
            make()


@pytest.mark.parametrize("layer", [RandomFlip(seed=3), RandomTranslation(0.5, 0.5, seed=3)], ids=lambda one: one.name)
def test_a_call_that_does_not_say_whether_it_is_training_augments(layer: Any) -> None:
    model = Sequential([layer])
    assert (layer(X) != X).any() and (model(X) != X).any()
    assert (layer(X, training=False) == X).all() and (model(X, training=False) == X).all()
    assert (model.predict(X, verbose=0) == X).all()


def test_a_single_image() -> None:
    for layer, again in (
        (RandomFlip(seed=4), RandomFlip(seed=4)),
        (RandomTranslation(0.5, 0.5, seed=4), RandomTranslation(0.5, 0.5, seed=4)),
    ):
        assert (layer(X[0]) == again(X[:1])[0]).all()
        assert (layer(X[0], training=False) == X[0]).all()
        with pytest.raises(ValueError, match="expected an input with"):
            layer(X[0, 0])
        with pytest.raises(ValueError, match="expected an input with"):
            layer(X[None])


def test_an_outermost_call_goes_by_the_default_of_training_of_call() -> None:
    class Always(Layer):
        def call(self, inputs: Any, training: bool = True) -> Any:
            return inputs * 2.0 if training else inputs

    class Never(Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Always()

        def call(self, inputs: Any, training: bool = False) -> Any:
            return self.inner(inputs)

    class Silent(Never):
        def call(self, inputs: Any) -> Any:
            return self.inner(inputs)

    factors = [layer(np.ones((1, 1)))[0, 0] for layer in (Always(), Never(), Silent(), Sequential([Silent()]))]
    assert factors == [2, 1, 2, 2]
    assert Sequential([Silent()])(np.ones((1, 1)), training=False)[0, 0] == 1
