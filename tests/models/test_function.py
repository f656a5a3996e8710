"""``corten.function``: steps outside any model, traced once for each shape, the same bits as eagerly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import corten
from corten import Sequential, layers, losses, metrics, ops, optimizers
from corten.models.function import Function


def networks() -> tuple[Sequential, Sequential]:
    corten.utils.set_random_seed(5)
    maker = Sequential(
        [layers.Dense(24, activation="relu", input_shape=(6,)), layers.Dense(64), layers.Reshape((8, 8, 1))]
    )
    judge = Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)),
            layers.Conv2D(4, 3, strides=2),
            layers.LeakyReLU(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    return maker, judge


def adversaries(run_eagerly: bool) -> tuple[Function, Function, Sequential, Sequential]:
    """A GAN's two steps: each trains one network through, or beside, the other."""
    maker, judge = networks()
    entropy = losses.BinaryCrossentropy(from_logits=True)
    of_maker, of_judge = optimizers.Adam(0.002), optimizers.RMSprop(0.001)

    @corten.function(run_eagerly=run_eagerly)
    def teach(noise: Any) -> Any:
        fakes = judge(maker(noise, training=True))
        loss = entropy(ops.ones_like(fakes), fakes)
        of_maker.minimize(loss, maker.trainable_variables)
        return loss

    @corten.function(run_eagerly=run_eagerly)
    def examine(noise: Any, images: Any) -> Any:
        real, fake = judge(images, training=True), judge(maker(noise), training=True)
        loss = entropy(ops.ones_like(real), real) + entropy(ops.zeros_like(fake), fake)
        gradients = corten.gradients(loss, judge.trainable_variables)
        of_judge.apply(gradients, judge.trainable_variables)
        return {"loss": loss, "real": ops.sigmoid(real)}

    return teach, examine, maker, judge


def test_a_loop_with_two_optimizers_gives_the_same_bits_eagerly() -> None:
    def run(run_eagerly: bool) -> list[np.ndarray]:
        teach, examine, maker, judge = adversaries(run_eagerly)
        random = np.random.default_rng(0)
        seen = []
        for rows in (16, 16, 5, 16):
            # As many rows as one likes of each argument.
            judged = examine(random.normal(size=(rows, 6)), random.normal(size=(rows + 3, 8, 8, 1)))
            assert judged["real"].shape == (rows + 3, 1)
            seen += [teach(random.normal(size=(rows, 6))), *judged.values()]
        return [*seen, *maker.get_weights(), *judge.get_weights()]

    assert [a.tobytes() for a in run(False)] == [a.tobytes() for a in run(True)]


def test_a_frozen_network_on_the_way_costs_nothing_for_its_weights() -> None:
    teach, _, maker, judge = adversaries(False)
    teach(np.zeros((16, 6)))
    (step,) = teach._steps
    names = [name for name in step.program.steps if any(f'in layer "{layer.name}"' in name for layer in judge.layers)]
    backward = [name.split()[0] for name in names if "gradient" in name or "matmul" in name or "sum" in name]
    # One gradient by the input for each layer, and relu's; none by kernels (a matmul or conv more) or biases (a sum).
    convolutions = ["conv2d_input_gradient", "relu_gradient", "conv2d_input_gradient"]
    assert backward == ["matmul", "leaky_relu_gradient", *convolutions]
    assert step.program.steps.count("adam") == len(maker.trainable_variables)


def test_it_is_traced_once_for_each_shape_and_value() -> None:
    traced: list[Any] = []
    layer, optimizer = layers.Dense(3, input_shape=(2,)), optimizers.SGD(0.1)

    @corten.function
    def step(data: dict[str, Any], power: int = 1, *, scale: Any = None) -> Any:
        traced.append((data["x"].shape, power))
        loss = ops.mean(layer(data["x"]) ** power) * (1.0 if scale is None else scale)
        if layer.trainable:
            optimizer.minimize(loss, layer.trainable_variables)
        return [loss, (data["x"][0], None)]

    x = np.arange(8, dtype=np.float64).reshape(4, 2)
    for _ in range(3):
        _, (row, nothing) = step({"x": x}, 2)
        assert row.tolist() == [0, 1] and nothing is None
    step({"x": x[:1]}, 2)
    step({"x": x}, 3)
    step({"x": x}, True)
    assert traced == [((4, 2), 2), ((1, 2), 2), ((4, 2), 3), ((4, 2), True)]
    assert int(optimizer.iterations.numpy()) == 6
    # A 0-d array is an argument like others: no new trace for a new value.
    factors = [float(step({"x": x}, scale=np.float32(s))[0]) for s in (0.0, 0.0)]
    assert factors == [0.0, 0.0] and len(traced) == 5
    # What the trace rested on has changed: the layer is frozen, then as it was; a schedule comes.
    before = layer.get_weights()
    layer.trainable = False
    step({"x": x}, 2)
    assert all((a == b).all() for a, b in zip(before, layer.get_weights(), strict=True)) and len(traced) == 6
    layer.trainable = True
    step({"x": x}, 2)
    assert len(traced) == 6
    optimizer.learning_rate = optimizers.schedules.ExponentialDecay(0.0, 10, 0.5)
    before = layer.get_weights()
    step({"x": x}, 2)
    assert all((a == b).all() for a, b in zip(before, layer.get_weights(), strict=True)) and len(traced) == 7


def test_functions_within_functions_methods_metrics_and_variables() -> None:
    class Counter:
        def __init__(self) -> None:
            self.total = corten.Variable(np.float32(0), trainable=False)
            self.mean = metrics.Mean()

        @corten.function
        def add(self, x: Any) -> Any:
            """Adds."""
            self.total.assign_add(ops.sum(x))
            self.mean.update_state(x)
            return self.mean.result()

    first, second = Counter(), Counter()
    assert Counter.add.__doc__ == "Adds."
    assert float(first.add(np.float32([1, 2]))) == 1.5
    assert float(first.add(np.float32([6, 7]))) == 4.0
    assert float(first.total) == 16 and float(second.total) == 0

    @corten.function
    def twice(x: Any) -> Any:
        return double(double(x))

    @corten.function
    def double(x: Any) -> Any:
        return x * 2

    assert twice(np.float32([1, 2])).tolist() == [4, 8]
    symbol = corten.Input((2,))
    assert corten.Model(symbol, twice(symbol)).predict(np.ones((1, 2)), verbose=0).tolist() == [[4, 4]]


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_variable_that_is_its_own_gradient_shrinks_step_by_step_within_one_call(run_eagerly: bool) -> None:
    optimizer, weight = optimizers.SGD(0.5), corten.Variable(np.float32([8, 16]))

    # After the first step the variable is a value of the run, which the next one reads twice and writes.
    @corten.function(run_eagerly=run_eagerly)
    def shrink() -> None:
        for _ in range(3):
            optimizer.apply([weight.value], [weight])

    shrink()
    assert weight.numpy().tolist() == [1, 2]


def test_what_goes_wrong_leaves_things_as_they_were() -> None:
    total = corten.Variable(np.float32(1), trainable=False)

    @corten.function
    def add(x: Any) -> Any:
        total.assign_add(ops.sum(x))
        return ops.take(ops.arange(3), x)

    with pytest.raises(IndexError):
        add(np.array([5]))
    assert float(total) == 1
    with pytest.raises(TypeError, match=r"argument 0 of add.*numbers"):
        add(np.array(["text"]))
    kept: list[Any] = []
    corten.function(kept.append)(np.ones(2))
    with pytest.raises(ValueError, match=r"belongs to another step"):
        corten.function(lambda x: x + kept[0])(np.ones(2))
    assert int(add(np.array([2]))[0]) == 2 and float(total) == 3


def test_a_gradient_penalty_is_differentiated_again() -> None:
    """What a Wasserstein GAN asks for (Gulrajani et al. 2017): the slope by the images, and its own by the weights."""
    corten.utils.set_random_seed(0)
    convolutions = [layers.Conv2D(4, 3, strides=2, padding="same", activation="tanh", input_shape=(7, 7, 2))]
    critic = Sequential([*convolutions, layers.LayerNormalization(), layers.Flatten(), layers.Dense(1)])
    x = np.random.default_rng(0).normal(size=(4, 7, 7, 2)).astype("float32")

    @corten.function
    def penalty(x: Any) -> Any:
        slope = corten.gradients(critic(x), x)
        value = ops.mean(ops.square(ops.sqrt(ops.sum(ops.square(slope), axis=(1, 2, 3))) - 1.0))
        return value, corten.gradients(value, critic.trainable_variables)

    _, found = penalty(x)
    for variable, gradient in zip(critic.trainable_variables, found, strict=True):
        weights, direction = variable.numpy(), np.sign(gradient) * 1e-3
        sides = []
        for sign in (1, -1):
            variable.assign(weights + sign * direction)
            sides.append(float(penalty(x)[0]))
        variable.assign(weights)
        assert (sides[0] - sides[1]) / 2e-3 == pytest.approx(np.abs(gradient).sum(), rel=2e-2, abs=2e-3)


def test_a_fixed_argument_is_told_from_others_that_are_equal_to_it() -> None:
    divide = corten.function(lambda x, y: x / y)
    assert (divide(np.float32([1]), 0.0), divide(np.float32([1]), -0.0)) == (np.inf, -np.inf)
    count = corten.function(lambda x, some: x * len(some))
    some = {1}
    assert count(np.float32([1]), some) == 1
    some.add(2)
    assert count(np.float32([1]), some) == 2


def test_nan_as_a_fixed_argument_is_traced_once() -> None:
    traces = []

    @corten.function
    def scale(x: Any, by: float) -> Any:
        traces.append(by)
        return x * by

    for _ in range(3):
        scale(np.float32([1]), float("nan"))
    assert len(traces) == 1
