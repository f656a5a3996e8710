"""An afternoon beyond Sequential: two inputs, shared and frozen layers, saliency, steps of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from corten import Input, Model, Sequential, layers, losses, metrics, ops, optimizers


def test_two_inputs_a_shared_layer_and_two_outputs(tmp_path: Path) -> None:
    """Which of two points lies further from the origin, and by how much?"""
    corten.utils.set_random_seed(0)

    def build() -> Model:
        left, right = Input((5,), name="left"), Input((5,), name="right")
        embed = Sequential([layers.Dense(32, activation="relu", input_shape=(5,)), layers.Dense(16)], name="embed")
        a, b = embed(left), embed(right)
        both = layers.Concatenate()([a, b, a - b])
        hidden = layers.Dense(32, activation="tanh")(both)
        further = layers.Dense(1, activation="sigmoid", name="further")(hidden)
        by = layers.Dense(1, name="by")(layers.Concatenate()([hidden, ops.sum(a * b, axis=-1, keepdims=True)]))
        model = Model([left, right], [further, by])
        model.compile(
            optimizers.Adam(0.01),
            loss={"further": "binary_crossentropy", "by": "mse"},
            loss_weights={"further": 1.0, "by": 0.5},
            metrics={"further": ["accuracy"], "by": ["mae"]},
        )
        return model

    random = np.random.default_rng(0)
    p, q = random.normal(size=(2, 1000, 5))
    by = (p**2).sum(1) - (q**2).sum(1)
    y = {"further": (by > 0).astype(int), "by": by / 5}
    model = build()
    # The shared weights are there once.
    assert len(model.get_layer("embed").weights) == 4
    assert len(model.trainable_variables) == 4 + 2 + 2 + 2
    history = model.fit({"right": q, "left": p}, y, epochs=15, batch_size=50, validation_split=0.1, verbose=0).history
    assert {"loss", "further_loss", "by_loss", "further_accuracy", "by_mae", "val_by_mae"} <= set(history)
    assert history["val_further_accuracy"][-1] > 0.85
    assert history["loss"][-1] == pytest.approx(history["further_loss"][-1] + 0.5 * history["by_loss"][-1], rel=1e-3)
    first = model.predict([p, q], verbose=0)
    assert [part.shape for part in first] == [(1000, 1), (1000, 1)]
    named = model.predict({"left": p, "right": q}, verbose=0)
    assert all((a == b).all() for a, b in zip(first, named, strict=True))
    model.save_weights(tmp_path / "two.safetensors")
    other = build()
    other.load_weights(tmp_path / "two.safetensors")
    assert all((a == b).all() for a, b in zip(first, other.predict([p, q], verbose=0), strict=True))
    # Part of a model is a model, and sees what the whole has learned.
    embed = model.get_layer("embed")
    assert isinstance(embed, Sequential)
    assert embed.predict(p, verbose=0).shape == (1000, 16)


def test_what_made_the_network_say_so() -> None:
    """Saliency: the gradient of a class's score by the picture, through a nested model."""
    corten.utils.set_random_seed(1)
    random = np.random.default_rng(1)
    # The class is in one pixel; all others are noise.
    x = random.normal(size=(600, 6, 6, 1)).astype("float32")
    y = (x[:, 4, 1, 0] > 0).astype(int)
    body = Sequential(
        [layers.Flatten(input_shape=(6, 6, 1)), layers.Dense(24, activation="tanh"), layers.Dense(2)], name="body"
    )
    picture = Input((6, 6, 1))
    scores = body(picture)
    model = Model(picture, layers.Softmax()(scores))
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=12, verbose=0)
    saliency = Model(picture, corten.gradients(scores[:, 1] - scores[:, 0], picture))
    found = saliency.predict(x[:100], verbose=0)
    assert found.shape == (100, 6, 6, 1)
    strongest = np.abs(found).mean(axis=0)[..., 0]
    assert np.unravel_index(strongest.argmax(), strongest.shape) == (4, 1)
    # Against finite differences.
    difference = Model(picture, scores[:, 1] - scores[:, 0])
    step = np.zeros_like(x[:20])
    step[:, 4, 1] = 1e-2
    slope = (difference.predict(x[:20] + step, verbose=0) - difference.predict(x[:20] - step, verbose=0)) / 2e-2
    np.testing.assert_allclose(found[:20, 4, 1, 0], slope, rtol=2e-2, atol=1e-3)
    # By an inner activation as well: the score is linear in it.
    by_features = Model(body.inputs, corten.gradients(body.outputs[0][:, 1], body.layers[1].output))
    kernel = body.layers[2].get_weights()[0]
    np.testing.assert_allclose(by_features.predict(x[:3], verbose=0), np.tile(kernel[:, 1], (3, 1)), rtol=1e-5)


def test_a_frozen_body_and_a_new_head() -> None:
    corten.utils.set_random_seed(2)
    random = np.random.default_rng(2)
    x, y = random.normal(size=(200, 8)), random.integers(0, 3, 200)
    body = Sequential([layers.Dense(16, activation="relu", input_shape=(8,)), layers.Dense(16, activation="relu")])
    model = Sequential([body, layers.Dense(3)])
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, verbose=0)
    before = [w.copy() for w in body.get_weights()]
    body.trainable = False
    assert len(model.trainable_variables) == 2
    model.fit(x, y, verbose=0)
    assert all((a == b).all() for a, b in zip(before, body.get_weights(), strict=True))
    body.trainable = True
    model.fit(x, y, verbose=0)
    assert not all((a == b).all() for a, b in zip(before, body.get_weights(), strict=True))


class Scaled(layers.Layer):
    """A layer of one's own: a weight, a loss, another behaviour in training."""

    def __init__(self, strength: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.strength = strength

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

    def call(self, inputs: Any, training: bool = False) -> Any:
        if self.strength:
            self.add_loss(self.strength * ops.mean(ops.square(self.factor)))
        return inputs * self.factor * (2.0 if training else 1.0)


class Adversary(Model):
    """Two networks, two optimizers, one step: one half learns to place points where the other cannot tell them."""

    def __init__(self) -> None:
        super().__init__()
        self.maker = Sequential([layers.Dense(16, activation="relu", input_shape=(2,)), layers.Dense(2)])
        self.judge = Sequential([layers.Dense(16, activation="relu", input_shape=(2,)), layers.Dense(1)])
        self.maker_loss, self.judge_loss = metrics.Mean(name="maker"), metrics.Mean(name="judge")

    def call(self, inputs: Any) -> Any:
        return self.maker(inputs)

    def compile(self, maker: Any, judge: Any, **kwargs: Any) -> None:  # type: ignore[override]
        super().compile(loss=None, **kwargs)
        self.maker_optimizer, self.judge_optimizer = optimizers.get(maker), optimizers.get(judge)

    def train_step(self, data: Any) -> dict[str, Any]:
        noise, real = data
        entropy = losses.BinaryCrossentropy(from_logits=True)
        ones = ops.ones((noise.shape[0], 1))
        made = self.maker(noise, training=True)
        judged = entropy(ones, self.judge(real)) + entropy(ones * 0.0, self.judge(made))
        fooled = entropy(ones, self.judge(made))
        self.judge_optimizer.minimize(judged, self.judge.trainable_variables)
        self.maker_optimizer.minimize(fooled, self.maker.trainable_variables)
        self.maker_loss.update_state(fooled)
        self.judge_loss.update_state(judged)
        return {"maker": self.maker_loss.result(), "judge": self.judge_loss.result()}


def test_a_step_of_ones_own_with_two_optimizers() -> None:
    random = np.random.default_rng(3)
    noise = random.normal(size=(2000, 2)).astype("float32")
    real = (random.normal(size=(2000, 2)) * 0.3 + [3.0, -2.0]).astype("float32")

    def run(**options: Any) -> tuple[np.ndarray, dict[str, list[float]]]:
        corten.utils.set_random_seed(3)
        model = Adversary()
        model.compile(optimizers.Adam(0.001), optimizers.Adam(0.001), **options)
        history = model.fit(noise, real, batch_size=50, epochs=16, verbose=0).history
        return model.predict(noise, verbose=0), history

    made, history = run()
    assert set(history) == {"maker", "judge"} and np.isfinite(history["maker"]).all()
    assert np.linalg.norm(made.mean(axis=0) - [3, -2]) < np.linalg.norm(noise.mean(axis=0) - [3, -2]) / 2
    slow, same = run(run_eagerly=True)
    assert (slow == made).all() and same == history


def test_a_layer_of_ones_own_in_a_subclassed_model() -> None:
    class Net(Model):
        def __init__(self, strength: float) -> None:
            super().__init__()
            self.stages = [layers.Dense(8, activation="relu"), Scaled(strength)]
            self.heads = {"out": layers.Dense(1)}

        def call(self, inputs: Any, training: bool = False) -> Any:
            for stage in self.stages:
                inputs = stage(inputs)
            return self.heads["out"](inputs)

    random = np.random.default_rng(4)
    x = random.normal(size=(128, 3)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    corten.utils.set_random_seed(4)
    model = Net(0.0)
    model.compile("adam", "mse")
    model.fit(x, y, epochs=2, verbose=0)
    assert [w.shape for w in model.get_weights()] == [(3, 8), (8,), (8,), (8, 1), (1,)]
    # training=True reaches the inner layer, and only in training.
    scaled = model.stages[1]
    assert isinstance(scaled, Scaled)
    values = np.ones((1, 8), np.float32)
    np.testing.assert_allclose(scaled(values, training=True), 2 * scaled(values))
    # add_loss is part of what is minimised, and of what is reported.
    corten.utils.set_random_seed(4)
    plain, heavy = Net(0.0), Net(100.0)
    for net in (plain, heavy):
        net.predict(x, verbose=0)
        net.compile("sgd", "mse")
    heavy.set_weights(plain.get_weights())
    assert heavy.evaluate(x, y, verbose=0) == pytest.approx(plain.evaluate(x, y, verbose=0) + 100, rel=1e-3)
    copy = Scaled.from_config(heavy.stages[1].get_config())
    assert copy.strength == 100.0 and copy.name == heavy.stages[1].name


def test_batches_by_hand_and_from_a_generator() -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=(320, 4)).astype("float32")
    y = (x @ np.float32([[1], [2], [-1], [0.5]])).astype("float32")

    def model() -> Sequential:
        corten.utils.set_random_seed(5)
        made = Sequential([layers.Dense(8, activation="tanh", input_shape=(4,)), layers.Dense(1)])
        made.compile(optimizers.SGD(0.05), "mse", metrics=["mae"])
        return made

    def batches() -> Any:
        while True:
            for start in range(0, 320, 32):
                yield x[start : start + 32], y[start : start + 32]

    whole, by_hand, generated = model(), model(), model()
    history = whole.fit(x, y, epochs=3, shuffle=False, verbose=0).history
    for _ in range(3):
        logs = [by_hand.train_on_batch(x[at : at + 32], y[at : at + 32], return_dict=True) for at in range(0, 320, 32)]
    same = generated.fit(batches(), steps_per_epoch=10, epochs=3, verbose=0).history
    # What a batch gives is its own; what an epoch gives is the mean of its batches.
    for name, values in history.items():
        assert np.mean([batch[name] for batch in logs]) == pytest.approx(values[-1], rel=1e-5)
    assert same == history
    for other in (by_hand, generated):
        assert all((a == b).all() for a, b in zip(whole.get_weights(), other.get_weights(), strict=True))
    assert whole.test_on_batch(x, y) == pytest.approx(whole.evaluate(x, y, batch_size=320, verbose=0))
    assert (whole.predict_on_batch(x[:9]) == whole.predict(x[:9], verbose=0)).all()
    # A generator that ends: training ends with it, whatever was hoped for.
    batches_left = ((x[at : at + 32], y[at : at + 32]) for at in range(0, 320, 32))
    with pytest.warns(RuntimeWarning, match="exhausted after epoch 1; training stops"):
        assert generated.fit(batches_left, epochs=3, verbose=0).epoch == [0]
    with pytest.raises(ValueError, match="yielded no batches"):
        generated.fit(batches_left, epochs=3, verbose=0)
    # Labels as a list of what NumPy gives item by item.
    assert whole.evaluate(x, list(y[:, 0]), verbose=0) == whole.evaluate(x, y, verbose=0)
