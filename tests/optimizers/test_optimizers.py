"""Every optimizer over twenty steps against float64 formulas and against Keras; what is common to all of them."""

from __future__ import annotations

import copy
import os
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import corten
from corten import ops, optimizers
from corten.errors import ShapeError
from corten.graph import Graph, Variable
from corten.optimizers import SGD, Adam, AdamW, Optimizer
from corten.optimizers.schedules import ExponentialDecay, LearningRateSchedule

os.environ.setdefault("KERAS_BACKEND", "numpy")

STEPS = 20
SHAPES = [(3, 7), (5,), ()]
State = dict[str, Any]


def data() -> tuple[list[Any], list[list[Any]]]:
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]
    return weights, [[rng.normal(size=shape).astype(np.float32) for shape in SHAPES] for _ in range(STEPS)]


# --- the formulas, in float64 ---------------------------------------------------------------------------------------


def sgd(w: Any, g: Any, s: State, t: int, lr: float = 0.01, momentum: float = 0.0, nesterov: bool = False) -> Any:
    if momentum == 0:
        return w - lr * g
    s["m"] = momentum * s.get("m", 0.0) - lr * g
    return w + (momentum * s["m"] - lr * g if nesterov else s["m"])


def rmsprop(
    w: Any, g: Any, s: State, t: int, lr: float = 0.001, rho: float = 0.9, momentum: float = 0.0, centered: bool = False
) -> Any:
    s["v"] = rho * s.get("v", 0.0) + (1 - rho) * g * g
    below = s["v"]
    if centered:
        s["a"] = rho * s.get("a", 0.0) + (1 - rho) * g
        below = below - s["a"] ** 2
    step = lr * g / np.sqrt(below + 1e-7)
    s["m"] = momentum * s.get("m", 0.0) + step
    return w - s["m"]


def adam(
    w: Any, g: Any, s: State, t: int, lr: float = 0.001, b1: float = 0.9, b2: float = 0.999, amsgrad: bool = False
) -> Any:
    s["m"] = b1 * s.get("m", 0.0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0.0) + (1 - b2) * g * g
    v = s["v"]
    if amsgrad:
        v = s["h"] = np.maximum(s.get("h", 0.0), v)
    return w - lr * np.sqrt(1 - b2**t) / (1 - b1**t) * s["m"] / (np.sqrt(v) + 1e-7)


def adamw(w: Any, g: Any, s: State, t: int, lr: float = 0.001, weight_decay: float = 0.004) -> Any:
    return adam(w - lr * weight_decay * w, g, s, t, lr)


def adagrad(w: Any, g: Any, s: State, t: int, lr: float = 0.001) -> Any:
    s["a"] = s.get("a", 0.1) + g * g
    return w - lr * g / np.sqrt(s["a"] + 1e-7)


def adadelta(w: Any, g: Any, s: State, t: int, lr: float = 0.001, rho: float = 0.95) -> Any:
    s["a"] = rho * s.get("a", 0.0) + (1 - rho) * g * g
    d = g * np.sqrt(s.get("b", 0.0) + 1e-7) / np.sqrt(s["a"] + 1e-7)
    s["b"] = rho * s.get("b", 0.0) + (1 - rho) * d * d
    return w - lr * d


def adamax(w: Any, g: Any, s: State, t: int, lr: float = 0.001) -> Any:
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["u"] = np.maximum(0.999 * s.get("u", 0.0), np.abs(g))
    return w - lr * s["m"] / ((1 - 0.9**t) * (s["u"] + 1e-7))


def nadam(w: Any, g: Any, s: State, t: int, lr: float = 0.001) -> Any:
    u, following = 0.9 * (1 - 0.5 * 0.96**t), 0.9 * (1 - 0.5 * 0.96 ** (t + 1))
    s["p"] = s.get("p", 1.0) * u
    s["m"] = 0.9 * s.get("m", 0.0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0.0) + 0.001 * g * g
    m = following * s["m"] / (1 - s["p"] * following) + (1 - u) * g / (1 - s["p"])
    return w - lr * m / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-7)


def lion(w: Any, g: Any, s: State, t: int, lr: float = 0.001) -> Any:
    m = s.get("m", 0.0)
    s["m"] = 0.99 * m + 0.01 * g
    return w - lr * np.sign(0.9 * m + 0.1 * g)


# name, arguments, reference
CASES: list[tuple[str, dict[str, Any], Callable[..., Any]]] = [
    ("SGD", {}, sgd),
    ("SGD", {"momentum": 0.9}, sgd),
    ("SGD", {"momentum": 0.9, "nesterov": True}, sgd),
    ("RMSprop", {}, rmsprop),
    ("RMSprop", {"momentum": 0.8}, rmsprop),
    ("RMSprop", {"centered": True, "rho": 0.7}, rmsprop),
    ("RMSprop", {"centered": True, "momentum": 0.5}, rmsprop),
    ("Adam", {}, adam),
    ("Adam", {"amsgrad": True}, adam),
    ("AdamW", {}, adamw),
    ("AdamW", {"weight_decay": 0.1}, adamw),
    ("Adagrad", {}, adagrad),
    ("Adadelta", {}, adadelta),
    ("Adamax", {}, adamax),
    ("Nadam", {}, nadam),
    ("Lion", {}, lion),
]
IDS = [f"{name}-{'-'.join(map(str, kwargs)) or 'plain'}" for name, kwargs, _ in CASES]


def run(optimizer: Optimizer, steps: int = STEPS) -> list[Any]:
    """The weights after some steps on arrays."""
    weights, gradients = data()
    variables = [Variable(w, name=f"w{i}") for i, w in enumerate(weights)]
    for step in gradients[:steps]:
        optimizer.apply(step, variables)
    return [v.numpy() for v in variables]


def run_compiled(optimizer: Optimizer, steps: int = STEPS) -> list[Any]:
    """The same in one compiled program, run many times: updates in place."""
    weights, gradients = data()
    variables = [Variable(w, name=f"w{i}") for i, w in enumerate(weights)]
    with Graph() as graph:
        inputs = [graph.input((1, *shape)) for shape in SHAPES]
        optimizer.apply([ops.reshape(g, shape) for g, shape in zip(inputs, SHAPES, strict=True)], variables)
        program = graph.compile(inputs, [])
    columns = [np.stack(column) for column in zip(*gradients[:steps], strict=True)]
    program.run(columns, None, 0, 1, steps, [], None, 10.0)
    return [v.numpy() for v in variables]


def close(got: list[Any], want: list[Any], rtol: float = 1e-5) -> None:
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-6)


@pytest.mark.parametrize(("name", "kwargs", "reference"), CASES, ids=IDS)
def test_twenty_steps_of_the_formula(name: str, kwargs: dict[str, Any], reference: Callable[..., Any]) -> None:
    weights, gradients = data()
    want = [w.astype(np.float64) for w in weights]
    states: list[State] = [{} for _ in want]
    for t, step in enumerate(gradients, 1):
        want = [reference(w, g.astype(np.float64), s, t, **kwargs) for w, g, s in zip(want, step, states, strict=True)]
    close(run(getattr(optimizers, name)(**kwargs)), want)


@pytest.mark.parametrize(("name", "kwargs", "reference"), CASES, ids=IDS)
def test_compiled_and_eager_are_the_same_bits(name: str, kwargs: dict[str, Any], reference: Any) -> None:
    one, two = getattr(optimizers, name)(**kwargs), getattr(optimizers, name)(**kwargs)
    for a, b in zip(run(one), run_compiled(two), strict=True):
        assert a.tobytes() == b.tobytes()
    for x, y in zip(one.variables, two.variables, strict=True):
        assert x.numpy().tobytes() == y.numpy().tobytes(), x.name


COMMON: list[dict[str, Any]] = [
    {"weight_decay": 0.1},
    {"clipnorm": 1.0},
    {"clipvalue": 0.3},
    {"global_clipnorm": 0.7},
    {"global_clipnorm": 1e6},
    {"use_ema": True, "ema_momentum": 0.8},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 4},
    {"gradient_accumulation_steps": 3, "weight_decay": 0.05, "clipnorm": 0.5},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 3},
]


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras", reason="needs keras to compare with")


def run_keras(keras: Any, optimizer: Any, steps: int = STEPS) -> tuple[list[Any], list[Any]]:
    weights, gradients = data()
    variables = [keras.Variable(w, name=f"w{i}") for i, w in enumerate(weights)]
    optimizer.build(variables)
    for step in gradients[:steps]:
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in step], variables)
    return [np.asarray(v.numpy()) for v in variables], optimizer.variables


@pytest.mark.parametrize("common", [{}, *COMMON], ids=lambda common: "-".join(common) or "plain")
@pytest.mark.parametrize(("name", "kwargs", "reference"), CASES, ids=IDS)
def test_twenty_steps_of_keras(
    keras: Any, name: str, kwargs: dict[str, Any], reference: Any, common: dict[str, Any]
) -> None:
    given = {**kwargs, **common}
    if name == "Nadam" and "gradient_accumulation_steps" in common:
        pytest.skip("Keras counts Nadam's momenta by batches while it accumulates, ours by steps")
    if "use_ema" in common and "gradient_accumulation_steps" in common:
        pytest.skip("Keras moves averages at every batch while it accumulates, ours at every step")
    ours = getattr(optimizers, name)(**given)
    want, states = run_keras(keras, getattr(keras.optimizers, name)(**given))
    close(run(ours), want, rtol=1e-4)
    assert [tuple(v.shape) for v in ours.variables] == [tuple(v.shape) for v in states]
    for mine, theirs in zip(ours.variables, states, strict=True):
        np.testing.assert_allclose(mine.numpy(), np.asarray(theirs.numpy()), rtol=1e-4, atol=1e-6, err_msg=mine.name)


def test_slots_are_named_and_ordered_as_keras_names_and_orders_them(keras: Any) -> None:
    for name, kwargs, _ in CASES:
        ours = getattr(optimizers, name)(**kwargs)
        run(ours, 1)
        _, theirs = run_keras(keras, getattr(keras.optimizers, name)(**kwargs), 1)
        # Keras leaves the product of Nadam's momenta without a name of its own.
        mine = [v.name for v in ours.variables if v.name != "u_product"]
        assert mine == [v.name for v in theirs if not v.name.startswith("variable")]


@pytest.mark.parametrize("common", COMMON, ids=lambda common: "-".join(common))
@pytest.mark.parametrize("name", ["SGD", "Adam", "Nadam"])
def test_options_compiled_are_the_same_bits(name: str, common: dict[str, Any]) -> None:
    one, two = getattr(optimizers, name)(**common), getattr(optimizers, name)(**common)
    for a, b in zip(run(one), run_compiled(two), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"learning_rate": ExponentialDecay(0.1, 1, 0.5)},
        {"weight_decay": 0.1, "learning_rate": ExponentialDecay(0.1, 2, 0.5, staircase=True)},
        {"use_ema": True, "ema_momentum": 0.5},
        {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
        {"clipnorm": 0.5},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
@pytest.mark.parametrize(("name", "kwargs", "reference"), CASES, ids=IDS)
def test_accumulated_steps_are_steps_with_the_mean(
    name: str, kwargs: dict[str, Any], reference: Any, options: dict[str, Any]
) -> None:
    """Schedules, iterations, decay, averages and Nadam's momenta count updates, not the batches between them."""
    options = {"learning_rate": 0.01, **kwargs, **options}
    weights, gradients = data()
    gathered = getattr(optimizers, name)(**options, gradient_accumulation_steps=4)
    single = getattr(optimizers, name)(**options)
    variables, plain = [Variable(w) for w in weights], [Variable(w) for w in weights]
    for batch, step in enumerate(gradients[:18], 1):
        gathered.apply(step, variables)
        if batch % 4 == 0:
            means = [np.mean(column, axis=0) for column in zip(*gradients[batch - 4 : batch], strict=True)]
            single.apply(means, plain)
        assert gathered.iterations == batch // 4 == int(single.iterations)
        assert float(gathered.learning_rate) == float(single.learning_rate)
    close([v.numpy() for v in variables], [v.numpy() for v in plain])
    for mine, theirs in zip(variables, plain, strict=True):
        for slot, value in single._slots[id(theirs)].items():
            np.testing.assert_allclose(gathered._slots[id(mine)][slot].numpy(), value.numpy(), rtol=1e-4, atol=1e-6)
    gathered.finalize_variable_values(variables)
    single.finalize_variable_values(plain)
    close([v.numpy() for v in variables], [v.numpy() for v in plain])


def test_a_gradient_that_is_nan_spoils_one_update_only() -> None:
    w, optimizer = Variable(np.float32([1.0, 1.0])), SGD(1.0, gradient_accumulation_steps=2)
    for gradient in ([1.0, np.nan], [1.0, 1.0]):
        optimizer.apply([np.float32(gradient)], [w])
    np.testing.assert_array_equal(w.numpy(), [0.0, np.nan])
    w.assign([0.0, 0.0])
    for _ in range(2):
        optimizer.apply([np.float32([1.0, 1.0])], [w])
    np.testing.assert_array_equal(w.numpy(), [-1.0, -1.0])


def test_an_average_that_no_update_has_moved_is_not_taken_over() -> None:
    w = Variable(np.float32([3.0]))
    optimizer = SGD(0.1, use_ema=True, gradient_accumulation_steps=4)
    optimizer.apply([np.float32([1.0])], [w])
    optimizer.finalize_variable_values([w])
    assert w.numpy()[0] == 3.0


def test_averages_of_variables_without_gradients_or_that_come_later_are_theirs() -> None:
    w, idle, late = (Variable(np.float32([value])) for value in (1.0, 7.0, 5.0))
    optimizer, one = SGD(1.0, use_ema=True, ema_momentum=0.5), np.float32([1.0])
    with pytest.warns(UserWarning, match="does not depend on"):
        optimizer.apply([one, None], [w, idle])
    optimizer.apply([one, one], [w, late])
    optimizer.finalize_variable_values([w, idle, late])
    # 0 and -1; never a step; before the first step 5, after it 4.
    assert [float(v.numpy()[0]) for v in (w, idle, late)] == [-0.5, 7.0, 4.5]


@pytest.mark.parametrize("every", [None, 2])
def test_iterations_can_be_used_within_a_step(every: int | None) -> None:
    w, optimizer = Variable(np.float32([0.0])), SGD(0.0, gradient_accumulation_steps=every)
    with Graph() as graph:
        g = graph.input((1,))
        count = optimizer.iterations
        tensor = graph.variable(count) if isinstance(count, Variable) else count
        assert tensor.dtype == "int32"
        optimizer.apply([g], [w])
        program = graph.compile([g], [tensor])
    counts = np.zeros(5, np.int32)
    program.run([np.zeros(5, np.float32)], None, 0, 1, 5, [counts], None, 1.0)
    assert counts.tolist() == ([0, 1, 2, 3, 4] if every is None else [0, 0, 1, 1, 2])


def test_averages_are_taken_over_in_the_end() -> None:
    optimizer = SGD(0.1, use_ema=True, ema_momentum=0.5)
    w = Variable(np.float32([0.0]))
    optimizer.finalize_variable_values([w])
    for _ in range(2):
        optimizer.apply([np.float32([-10.0])], [w])
    assert w.numpy()[0] == 2.0
    optimizer.finalize_variable_values([w])
    assert w.numpy()[0] == 1.5


def test_weights_named_may_be_spared_from_decay() -> None:
    kernel, bias, other = (Variable(np.float32([1.0]), name=n) for n in ("kernel", "bias", "other"))
    optimizer = AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[other], var_names=["bias"])
    optimizer.apply([np.zeros(1, np.float32)] * 3, [kernel, bias, other])
    assert [float(v.numpy()[0]) for v in (kernel, bias, other)] == [pytest.approx(0.95), 1.0, 1.0]
    with pytest.raises(ValueError, match="before"):
        optimizer.exclude_from_weight_decay(var_names=["x"])
    for wrong, error in [("bias", TypeError), (["("], ValueError)]:
        with pytest.raises(error, match="exclude_from_weight_decay"):
            AdamW().exclude_from_weight_decay(var_names=wrong)
    with pytest.raises(TypeError, match="expected lists"):
        AdamW().exclude_from_weight_decay(var_list=other)  # type: ignore[arg-type]
    inner = Variable(np.float32([1.0]), name="bias")
    inner.path = "dense/bias"
    optimizer = AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["^bias$"])
    optimizer.apply([np.zeros(1, np.float32)], [inner])
    assert inner.numpy()[0] == 1.0


def test_constraints_come_after_the_step() -> None:
    w = Variable(np.float32([1.0, -1.0]), constraint=lambda value: ops.maximum(value, 0.0))
    SGD(0.5).apply([np.float32([1, 1])], [w])
    np.testing.assert_array_equal(w.numpy(), [0.5, 0.0])


def test_the_learning_rate_can_be_set_without_compiling_anew() -> None:
    w, optimizer = Variable(np.float32([0.0])), SGD(0.5)
    with Graph() as graph:
        g = graph.input((1,))
        optimizer.apply([g], [w])
        program = graph.compile([g], [])
    one = np.float32([-1.0])
    program.run([one], None, 0, 1, 1, [], None, 1.0)
    optimizer.learning_rate = 0.25
    program.run([one], None, 0, 1, 1, [], None, 1.0)
    assert w.numpy()[0] == 0.75 and float(optimizer.learning_rate) == 0.25
    assert int(optimizer.iterations) == 2
    assert optimizer.get_config()["learning_rate"] == 0.25
    for bad, error in [(-1.0, ValueError), (np.nan, ValueError), ("0.1", TypeError), (True, TypeError)]:
        with pytest.raises(error):
            optimizer.learning_rate = bad
    optimizer.learning_rate = np.float32(0.125)
    assert float(optimizer.learning_rate) == 0.125


@pytest.mark.parametrize("eager", [False, True])
def test_a_function_that_gives_the_rate_is_asked_again(eager: bool) -> None:
    rate = [0.5]
    model = corten.Sequential([corten.layers.Dense(1, input_shape=(1,), kernel_initializer="zeros", use_bias=False)])
    model.compile(SGD(lambda: rate[0]), "mse", run_eagerly=eager)
    x, y = np.ones((2, 1), np.float32), np.ones((2, 1), np.float32)
    for now, weight in [(0.5, 1.0), (0.0, 1.0), (0.25, 1.0)]:
        rate[0] = now
        model.fit(x, y, verbose=0)
        assert model.get_weights()[0].item() == weight
    model.set_weights([np.zeros((1, 1))])
    model.fit(x, y, verbose=0)
    assert model.get_weights()[0].item() == 0.5


def test_what_keras_2_called_lr() -> None:
    optimizer = SGD(0.5)
    for use in (lambda: optimizer.lr, lambda: setattr(optimizer, "lr", 0.1)):
        with pytest.raises(AttributeError, match="SGD has no attribute 'lr'; use 'learning_rate'"):
            use()
    assert not hasattr(optimizer, "lr") and float(optimizer.learning_rate) == 0.5


@pytest.mark.parametrize("name", sorted({name for name, _, _ in CASES}))
def test_decay_is_ignored_with_a_warning(name: str) -> None:
    with pytest.warns(UserWarning, match=f"{name}: decay is ignored.*InverseTimeDecay"):
        optimizer = getattr(optimizers, name)(learning_rate=0.5, decay=1e-3)
    assert float(optimizer.learning_rate) == 0.5 and "decay" not in optimizer.get_config()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(optimizers, name)(decay=0.0)
        type(optimizer).from_config(optimizer.get_config())
    with pytest.raises(TypeError, match=f"{name}: unexpected keyword argument 'decai'"):
        getattr(optimizers, name)(decai=1.0)


def test_a_configuration_tells_what_is_now() -> None:
    optimizer = SGD(0.5, momentum=0.5)
    optimizer.momentum, optimizer.clipnorm = 0.25, 2.0
    optimizer.learning_rate = 0.125
    config = optimizer.get_config()
    assert (config["momentum"], config["clipnorm"], config["learning_rate"]) == (0.25, 2.0, 0.125)
    optimizer.learning_rate = ExponentialDecay(optimizer.learning_rate, 10, 0.5)
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.learning_rate == 0.125 and again.momentum == 0.25 and len(again.variables) == 1


def test_an_optimizer_is_copied_with_its_state() -> None:
    for name, kwargs, _ in CASES:
        made = getattr(optimizers, name)(learning_rate=ExponentialDecay(0.5, 10, 0.5), clipnorm=2.0, **kwargs)
        made.weight_decay = 0.25
        w, gradient = Variable(np.float32([1.0, 2.0])), np.float32([1.0, -3.0])
        for steps in range(2):
            for again in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made)):
                assert type(again) is type(made) and again.get_config() == made.get_config()
                assert again.variables[0] is not made.variables[0]
                assert [v.numpy().tolist() for v in again.variables] == [v.numpy().tolist() for v in made.variables]
                if steps:
                    # It goes on by itself, with copies of the variables that it knew.
                    (own,) = again._known.values()
                    again.apply([gradient], [own])
                    assert own is not w and int(again.variables[0]) == 2 and int(made.variables[0]) == 1
            if not steps:
                made.apply([gradient], [w])


def test_weights_are_set_as_a_whole() -> None:
    w = Variable(np.float32([1.0, 2.0]))
    first, second = Adam(0.5), Adam(0.25)
    first.apply([np.float32([1.0, 2.0])], [w])
    with pytest.raises(ValueError, match="set_weights must come after build"):
        second.set_weights(first.variables)
    second.build([w])
    with pytest.raises(ValueError, match="expected 4 arrays, got 3"):
        second.set_weights(first.variables[:3])
    with pytest.raises(ValueError, match="shape"):
        second.set_weights([*first.variables[:3], np.zeros(3)])
    assert int(second.iterations) == 0 and float(second.learning_rate) == 0.25
    second.set_weights(first.variables)
    for mine, theirs in zip(second.variables, first.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())


def test_no_gradients_are_no_step() -> None:
    optimizer = SGD()
    optimizer.apply([])
    optimizer.apply_gradients([])
    assert int(optimizer.iterations) == 0
    with pytest.raises(ValueError, match="sgd: apply needs the variables"):
        optimizer.apply([np.float32([1.0])])


def test_none_is_no_optimizer() -> None:
    assert optimizers.get(None) is None
    model = corten.Sequential([corten.layers.Dense(1, input_shape=(2,))])
    model.compile(None, "mse")
    x, y = np.ones((4, 2)), np.ones((4, 1))
    assert np.isfinite(model.evaluate(x, y, verbose=0))
    with pytest.raises(ValueError, match="has no optimizer; pass one to"):
        model.fit(x, y, verbose=0)


def test_a_schedule_is_followed_in_a_compiled_step() -> None:
    w, optimizer = Variable(np.float32([0.0])), SGD(ExponentialDecay(1.0, 1, 0.5))
    with Graph() as graph:
        g = graph.input((1,))
        optimizer.apply([g], [w])
        program = graph.compile([g], [])
    program.run([np.full(3, -1.0, np.float32)], None, 0, 1, 3, [], None, 1.0)
    assert w.numpy()[0] == 1.75 and optimizer.learning_rate == 0.125
    with pytest.raises(TypeError, match="cannot be set"):
        optimizer.learning_rate = 0.1
    optimizer.learning_rate = ExponentialDecay(1.0, 1, 0.25)
    assert optimizer.learning_rate == 0.25**3
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert isinstance(again.learning_rate, float) and again.learning_rate == 1.0


def test_minimize_skips_what_the_loss_does_not_reach_with_one_warning() -> None:
    w, unused = Variable(np.float32([3.0]), name="used"), Variable(np.float32([1.0]), name="unused")
    optimizer = SGD(0.5)
    for step in range(2):
        with Graph(eager=True) as graph, warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            optimizer.minimize(ops.sum(ops.square(w.value)), [w, unused])
            graph.finish()
        assert [str(c.message) for c in caught if "unused" in str(c.message)] == (
            ["sgd: the loss does not depend on unused; not trained"] if step == 0 else []
        )
    assert w.numpy()[0] == 0.0 and unused.numpy()[0] == 1.0
    with Graph(eager=True), pytest.raises(ValueError, match="none of the variables"):
        optimizer.minimize(ops.sum(w.value), [unused])
    with pytest.raises(ValueError, match="outside a step"):
        optimizer.minimize(0.0, [w])


def test_two_optimizers_share_a_step() -> None:
    a, b = Variable(np.float32([1.0])), Variable(np.float32([1.0]))
    first, second = SGD(0.5), Adam(0.5)
    with Graph(eager=True) as graph:
        loss = ops.sum(ops.multiply(a.value, b.value))
        first.minimize(loss, [a])
        second.minimize(ops.sum(ops.multiply(a.value, b.value)), [b])
        graph.finish()
    assert a.numpy()[0] == 0.5 and b.numpy()[0] == pytest.approx(0.5, abs=1e-4)


def test_variables_may_come_later() -> None:
    a, b, optimizer = Variable(np.float32([1.0])), Variable(np.float32([1.0])), Adam(0.5)
    one = np.float32([1.0])
    optimizer.apply([one], [a])
    optimizer.apply_gradients([(one, a), (one, b)])
    assert len(optimizer.variables) == 2 + 4 and int(optimizer.iterations.numpy()) == 2


class Given(LearningRateSchedule):
    def __init__(self, rate: Any) -> None:
        self.rate = rate

    def __call__(self, step: Any) -> Any:
        return self.rate


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("rate", "error"),
    [(None, TypeError), ("fast", TypeError), (np.ones(2), TypeError), (np.nan, ValueError), (np.inf, ValueError)],
)
def test_what_functions_and_schedules_give_as_rates_is_checked(
    rate: Any, error: type[Exception], compiled: bool
) -> None:
    for source in (lambda: rate, Given(rate)):
        optimizer, step = SGD(source), run_compiled if compiled else run
        with pytest.raises(error, match="sgd: .*learning rate"):
            step(optimizer, 1)
    for source in (lambda: np.array(0.5), Given(np.float32(0.5))):
        assert SGD(source).learning_rate == 0.5
    w = Variable(np.float32([1.0]))
    with Graph(eager=True) as graph:
        rates = graph.constant(np.ones(2, np.float32))
        with pytest.raises(ShapeError, match="expected one learning rate"):
            SGD(lambda: rates).apply([np.float32([1.0])], [w])


def test_functions_that_cannot_be_asked_for_a_rate() -> None:
    for wrong in (lambda step: 0.5, ExponentialDecay):
        with pytest.raises(TypeError, match="must take no arguments.*LearningRateSchedule"):
            SGD(wrong)


def test_only_variables_of_floats_are_trained() -> None:
    one = np.float32([1.0])
    for wrong in (one, None, Variable(np.int32([1]), dtype="int32")):
        with pytest.raises(TypeError, match="sgd: expected float32 variables to train, got"):
            SGD().apply([one], [wrong])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="expected pairs"):
        SGD().apply_gradients([one])  # type: ignore[list-item]
    w = Variable(one)
    SGD(0.5).apply([np.array([2])], [w])
    assert w.numpy()[0] == 0.0


def test_gradients_that_do_not_fit() -> None:
    w = Variable(np.float32([1.0]))
    with pytest.raises(ShapeError, match="gradient"):
        SGD().apply([np.zeros((2,), np.float32)], [w])
    with pytest.raises(ValueError, match="2 gradients for 1"):
        SGD().apply([np.zeros(1)] * 2, [w])


def test_a_huge_gradient_is_clipped_and_nan_stays_visible() -> None:
    w = Variable(np.float32([0.0, 0.0]))
    SGD(1.0, clipnorm=1.0).apply([np.float32([3e10, 4e10])], [w])
    np.testing.assert_allclose(w.numpy(), [-0.6, -0.8], rtol=1e-6)
    SGD(1.0, global_clipnorm=1.0).apply([np.float32([np.nan, 1.0])], [w])
    assert np.isnan(w.numpy()).all()
    zero = Variable(np.float32([5.0]))
    SGD(1.0, clipnorm=1.0).apply([np.float32([0.0])], [zero])
    assert zero.numpy()[0] == 5.0


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"learning_rate": -0.1}, ValueError),
        ({"learning_rate": float("nan")}, ValueError),
        ({"learning_rate": float("inf")}, ValueError),
        ({"learning_rate": "fast"}, TypeError),
        ({"learning_rate": True}, TypeError),
        ({"beta_1": 1.0}, ValueError),
        ({"beta_2": -0.1}, ValueError),
        ({"epsilon": float("nan")}, ValueError),
        ({"weight_decay": -1.0}, ValueError),
        ({"clipnorm": 0.0}, ValueError),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, ValueError),
        ({"global_clipnorm": float("nan")}, ValueError),
        ({"ema_momentum": 1.5}, ValueError),
        ({"use_ema": True, "ema_overwrite_frequency": 0}, ValueError),
        ({"gradient_accumulation_steps": 1}, ValueError),
        ({"gradient_accumulation_steps": True}, TypeError),
        ({"loss_scale_factor": 0.0}, ValueError),
        ({"lr": 0.1}, TypeError),
        ({"name": 5}, TypeError),
    ],
)
def test_bad_arguments(kwargs: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Adam(**kwargs)


def test_names_classes_and_configurations(keras: Any) -> None:
    for name, kwargs, _ in CASES:
        made = getattr(optimizers, name)(learning_rate=0.125, clipnorm=2.0, **kwargs)
        again = optimizers.deserialize(optimizers.serialize(made))
        assert type(again) is type(made) and again.get_config() == made.get_config()
        assert type(optimizers.get(name)) is type(optimizers.get(name.lower())) is type(made)
        assert isinstance(optimizers.get(type(made)), type(made))
        assert made.name == "sgd" or made.name == name.lower()
    with pytest.raises(ValueError, match="adam"):
        optimizers.get("adma")
    with pytest.raises(TypeError):
        optimizers.get(3)
    with pytest.raises(ValueError, match="weight_decay"):
        AdamW(weight_decay=None)


def test_state_goes_on_from_where_it_was() -> None:
    weights, gradients = data()
    for name, kwargs, _ in CASES:
        whole = run(getattr(optimizers, name)(**kwargs))
        first, second = getattr(optimizers, name)(**kwargs), getattr(optimizers, name)(**kwargs)
        variables = [Variable(w, name=f"w{i}") for i, w in enumerate(weights)]
        for step in gradients[:9]:
            first.apply(step, variables)
        second.build(variables)
        for new, old in zip(second.variables, first.variables, strict=True):
            new.assign(old.numpy())
        for step in gradients[9:]:
            second.apply(step, variables)
        for got, want in zip(variables, whole, strict=True):
            assert got.numpy().tobytes() == want.tobytes()
