"""Losses and metrics of several outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten import Model, layers


def test_metrics_of_several_outputs_come_by_name_as_in_keras() -> None:
    x = corten.Input((3,))
    model = Model(x, [layers.Dense(2, name="a")(x), layers.Dense(1, activation="sigmoid", name="b")(x)])
    model.compile("sgd", ["mse", "bce"], metrics={"b": "accuracy"}, weighted_metrics={"a": "mae", "b": "accuracy"})
    data = np.ones((5, 3), np.float32), [np.ones((5, 2)), np.ones((5, 1))]
    values = model.evaluate(*data, sample_weight=np.arange(5), verbose=0)
    names = ["loss", "a_loss", "b_loss", "a_mae", "b_accuracy", "b_weighted_accuracy"]
    assert model.metrics_names == names
    named = model.evaluate(*data, sample_weight=np.arange(5), verbose=0, return_dict=True)
    assert values == [named[name] for name in names]


def padded(rows: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of ids, from 0 to all of their steps filled, and targets."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, steps + 1, rows)
    x = np.where(np.arange(steps) < lengths[:, None], rng.integers(1, 5, (rows, steps)), 0)
    return x, rng.normal(size=(rows, steps, 2)).astype(np.float32)


def sequence_model(outputs: int, loss: Any = "mse", eager: bool = False) -> Model:
    x = corten.Input((6,), dtype="int32")
    steps = layers.Embedding(5, 4, mask_zero=True)(x)
    made = [layers.Dense(2, kernel_regularizer="l2", name="a")(steps)]
    if outputs == 2:
        made.append(layers.Dense(2, name="b")(layers.Embedding(5, 4)(x)))
    model = Model(x, made if outputs == 2 else made[0])
    model.compile("sgd", loss, loss_weights=[1.0, 0.5] if outputs == 2 else None, metrics=["mse"], run_eagerly=eager)
    return model


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [1, 2])
def test_the_loss_of_masked_steps_does_not_depend_on_the_batch_size(outputs: int, weighted: bool, eager: bool) -> None:
    x, y = padded(13, 6)
    model = sequence_model(outputs, eager=eager)
    weights = np.random.default_rng(1).uniform(0, 3, 13).astype(np.float32) if weighted else None
    targets = [y, y] if outputs == 2 else y
    found = [
        model.evaluate(x, targets, batch_size=size, sample_weight=weights, verbose=0, return_dict=True)
        for size in (13, 5, 4, 1)
    ]
    first = model.predict(x, verbose=0)
    first = first[0] if outputs == 2 else first
    # The mean over the steps that the mask lets through, not over samples.
    factors = np.ones(13) if weights is None else weights
    errors = ((first - y) ** 2).mean(-1) * factors[:, None]
    penalty = 0.01 * (model.get_layer("a").kernel.numpy() ** 2).sum()
    want = errors[x > 0].mean()
    for logs in found:
        assert logs == pytest.approx(found[0], rel=2e-6)
        if outputs == 2:
            assert logs["a_loss"] == pytest.approx(want, rel=1e-5)
            assert logs["loss"] == pytest.approx(want + 0.5 * logs["b_loss"] + penalty, rel=1e-5)
        else:
            assert logs["loss"] == pytest.approx(want + penalty, rel=1e-5)
    # Nor does what fit reports, of weights that do not change.
    model.compile(corten.optimizers.SGD(0.0), "mse", loss_weights=[1.0, 0.5] if outputs == 2 else None)
    for size in (13, 4):
        history = model.fit(x, targets, batch_size=size, sample_weight=weights, verbose=0).history
        assert history["loss"][0] == pytest.approx(found[0]["loss"], rel=1e-5)


def test_the_loss_of_ignored_classes_does_not_depend_on_the_batch_size() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(13, 3)).astype(np.float32), rng.integers(-1, 2, 13)
    model = corten.Sequential([layers.Dense(2, activation="softmax", input_shape=(3,))])
    model.compile("sgd", corten.losses.SparseCategoricalCrossentropy(ignore_class=-1))
    want = -np.log(model.predict(x, verbose=0)[np.arange(13), y])[y >= 0].mean()
    for size in (13, 5, 1):
        assert model.evaluate(x, y, batch_size=size, verbose=0) == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
def test_the_loss_of_weighted_samples_does_not_depend_on_the_batch_size(reduction: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(13, 3)).astype(np.float32), rng.normal(size=(13, 1)).astype(np.float32)
    weights = np.r_[np.zeros(5), rng.uniform(0, 3, 8)].astype(np.float32)
    model = corten.Sequential([layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", corten.losses.MeanSquaredError(reduction=reduction))
    errors = ((model.predict(x, verbose=0) - y) ** 2)[:, 0]
    want = (errors * weights).sum() / (13 if reduction == "sum_over_batch_size" else weights.sum())
    for size in (13, 5, 1):
        assert model.evaluate(x, y, batch_size=size, sample_weight=weights, verbose=0) == pytest.approx(want, rel=1e-5)


def test_losses_metrics_and_targets_of_deeply_nested_outputs() -> None:
    x = corten.Input((2,))
    dense = [layers.Dense(1, kernel_initializer="ones", name=name)(x) for name in ("p", "q", "r")]
    model = Model(x, {"a": {"c": dense[0], "d": [dense[1], dense[2]]}})
    data, zeros = np.ones((4, 2), np.float32), np.zeros((4, 1), np.float32)
    # The predictions are 2.
    y = {"a": {"d": (zeros, zeros + 5), "c": zeros - 1}}
    model.compile("sgd", {"a": {"c": "mse", "d": [None, "mae"]}}, metrics={"a": {"d": ["mae", ["mse", "mae"]]}})
    logs = model.evaluate(data, y, verbose=0, return_dict=True)
    assert logs == {"loss": 12.0, "p_loss": 9.0, "r_loss": 3.0, "q_mae": 2.0, "r_mse": 9.0, "r_mae": 3.0}
    model.compile("sgd", "mse", loss_weights={"a": {"d": [0.0, 2.0]}})
    assert model.evaluate(data, y, verbose=0) == pytest.approx([9 + 0 * 4 + 2 * 9, 9, 4, 9])
    model.compile("sgd", {"a": {"e": "mse"}})
    with pytest.raises(ValueError, match="loss: unknown output 'e'; expected one of"):
        model.evaluate(data, y, verbose=0)
    model.compile("sgd", {"a": {"d": ["mse"]}})
    with pytest.raises(ValueError, match="loss: expected 2 entries"):
        model.evaluate(data, y, verbose=0)


def test_loss_weights_are_numbers() -> None:
    model = corten.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", loss_weights=[np.ones(4)])
    with pytest.raises(ValueError, match=r"loss_weights: expected one number.*shape \(4,\)"):
        model.evaluate(np.ones((4, 2)), np.ones((4, 1)), verbose=0)


def test_several_losses_of_one_output_are_added() -> None:
    x, y = np.ones((4, 2), np.float32), np.full((4, 1), 2, np.float32)
    inputs = corten.Input((2,))
    zero = corten.layers.Dense(1, kernel_initializer="zeros")

    def loss_of(outputs: Any, targets: Any, loss: Any, **options: Any) -> Any:
        model = corten.Model(inputs, outputs)
        model.compile("sgd", loss, **options)
        return model.evaluate(x, targets, verbose=0, return_dict=True)

    one = zero(inputs)
    assert loss_of(one, y, ["mse", "mae"]) == {"loss": 6}
    assert loss_of(one, y, ["mse"]) == {"loss": 4}
    two = {"a": one, "b": corten.layers.Dense(1, kernel_initializer="zeros")(inputs)}
    logs = loss_of(two, {"a": y, "b": y}, {"a": "mse", "b": ["mse", "mae"]}, loss_weights={"a": 1.0, "b": 0.5})
    assert logs == {"a_loss": 4, "b_loss": 6, "loss": 7}
    with pytest.raises(ValueError, match="expected a loss, or a list of losses, for one output"):
        loss_of(two, {"a": y, "b": y}, {"a": "mse", "b": [["mse"]]})
