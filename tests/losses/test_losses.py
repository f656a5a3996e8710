"""Losses against Keras, on arrays, traced and eager, with every reduction; their gradients against differences."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest

import corten
from corten import losses, ops
from corten.errors import ShapeError
from corten.graph import Graph, Tensor, gradients

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras", reason="needs keras to compare with")

RNG = np.random.default_rng(7)


def numbers(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def positive(*shape: int) -> Any:
    return RNG.uniform(0.1, 3.0, shape).astype(np.float32)


def shares(*shape: int) -> Any:
    return RNG.uniform(0.05, 0.95, shape).astype(np.float32)


def distribution(*shape: int) -> Any:
    raw = RNG.uniform(0.1, 1.0, shape)
    return (raw / raw.sum(-1, keepdims=True)).astype(np.float32)


def one_hot(*shape: int) -> Any:
    return np.eye(shape[-1], dtype=np.float32)[RNG.integers(0, shape[-1], shape[:-1])]


def labels(*shape: int) -> Any:
    return RNG.integers(0, shape[-1], shape[:-1])


def bits(*shape: int) -> Any:
    return RNG.integers(0, 2, shape).astype(np.float32)


# class, arguments, maker of y_true, maker of y_pred, shape
CASES: list[tuple[str, dict[str, Any], Any, Any, tuple[int, ...]]] = [
    ("MeanSquaredError", {}, numbers, numbers, (7, 5)),
    ("MeanSquaredError", {}, numbers, numbers, (3, 4, 5)),
    ("MeanAbsoluteError", {}, numbers, numbers, (7, 5)),
    ("MeanAbsolutePercentageError", {}, positive, positive, (7, 5)),
    ("MeanSquaredLogarithmicError", {}, positive, positive, (7, 5)),
    ("Huber", {}, numbers, numbers, (7, 5)),
    ("Huber", {"delta": 0.3}, numbers, numbers, (7, 5)),
    ("LogCosh", {}, numbers, numbers, (7, 5)),
    ("Poisson", {}, positive, positive, (7, 5)),
    ("KLDivergence", {}, distribution, distribution, (7, 5)),
    ("CosineSimilarity", {}, numbers, numbers, (7, 5)),
    ("CosineSimilarity", {"axis": 1}, numbers, numbers, (4, 3, 5)),
    ("Hinge", {}, bits, numbers, (7, 5)),
    ("Hinge", {}, numbers, numbers, (7, 5)),
    ("SquaredHinge", {}, bits, numbers, (7, 5)),
    ("CategoricalHinge", {}, one_hot, numbers, (7, 5)),
    ("BinaryCrossentropy", {}, bits, shares, (7, 5)),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, bits, shares, (7, 1)),
    ("BinaryCrossentropy", {"from_logits": True}, bits, numbers, (7, 5)),
    ("BinaryFocalCrossentropy", {}, bits, shares, (7, 5)),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "gamma": 1.5}, bits, shares, (7, 5)),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, bits, numbers, (7, 5)),
    ("CategoricalCrossentropy", {}, one_hot, distribution, (7, 5)),
    ("CategoricalCrossentropy", {}, distribution, positive, (7, 5)),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, one_hot, distribution, (7, 5)),
    ("CategoricalCrossentropy", {"from_logits": True}, one_hot, numbers, (3, 4, 5)),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.3}, one_hot, numbers, (7, 5)),
    ("CategoricalFocalCrossentropy", {}, one_hot, distribution, (7, 5)),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "alpha": 0.5}, one_hot, numbers, (7, 5)),
    ("SparseCategoricalCrossentropy", {}, labels, distribution, (7, 5)),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, labels, numbers, (3, 4, 5)),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 2}, labels, numbers, (40, 5)),
    ("SparseCategoricalCrossentropy", {"ignore_class": 0}, labels, distribution, (40, 5)),
]
IDS = [f"{name}-{'-'.join(map(str, kwargs)) or 'plain'}-{len(shape)}d" for name, kwargs, _, _, shape in CASES]
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none"]


def data(index: int) -> tuple[Any, Any]:
    global RNG
    RNG = np.random.default_rng(index)
    _, _, true, pred, shape = CASES[index]
    return true(*shape), pred(*shape)


def make(module: Any, index: int, **more: Any) -> Any:
    name, kwargs, *_ = CASES[index]
    return getattr(module.losses, name)(**kwargs, **more)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_equals_keras(index: int, reduction: str) -> None:
    import corten

    y_true, y_pred = data(index)
    weights = np.random.default_rng(1).uniform(0, 2, y_pred.shape[0]).astype(np.float32)
    ours, theirs = make(corten, index, reduction=reduction), make(keras, index, reduction=reduction, dtype="float64")
    assert ours.name == theirs.name
    wide = y_pred.astype(np.float64)
    np.testing.assert_allclose(ours(y_true, y_pred), theirs(y_true, wide), rtol=2e-5, atol=2e-6)
    values = ours.call(y_true, y_pred)
    if values.ndim == 1:
        got, want = ours(y_true, y_pred, weights), theirs(y_true, wide, weights)
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_arrays_eager_and_compiled_are_the_same_bits(index: int) -> None:
    import corten

    y_true, y_pred = data(index)
    loss = make(corten, index)
    plain = loss(y_true, y_pred)
    with Graph() as graph:
        inputs = [graph.input(v.shape, "float32" if v.dtype == np.float32 else "int32") for v in (y_true, y_pred)]
        program = graph.compile(inputs, [loss(*inputs)])
    out = np.zeros((1,), np.float32)
    program.run([y_true, y_pred], None, 0, len(y_true), 1, [out], None, 0.0)
    assert out[0].tobytes() == np.asarray(plain, np.float32).tobytes()


@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_gradients_are_those_of_keras_by_differences(index: int) -> None:
    import corten

    y_true, y_pred = data(index)
    # Sample by sample: Keras means over float32, and a large sum would hide small differences.
    loss, reference = make(corten, index, reduction="sum"), make(keras, index, reduction="none", dtype="float64")
    with Graph(eager=True) as graph:
        tensor = graph.constant(y_pred)
        slope = gradients(loss(y_true, tensor), tensor).numpy()
    step, wide = 2e-3, y_pred.astype(np.float64)
    for at in np.ndindex(*y_pred.shape[:2]) if y_pred.ndim == 2 else [(0, 0, 1), (2, 1, 3)]:
        up, down = wide.copy(), wide.copy()
        up[at] += step
        down[at] -= step
        want = float(np.sum(np.float64(reference(y_true, up)) - np.float64(reference(y_true, down))) / (2 * step))
        assert slope[at] == pytest.approx(want, rel=5e-3, abs=5e-4), at


@pytest.mark.parametrize(("true", "pred"), [((6,), (6, 1)), ((6, 1), (6,)), ((6, 3, 1), (6, 3)), ((6, 3), (6, 3, 1))])
@pytest.mark.parametrize("name", ["mean_squared_error", "binary_crossentropy"])
def test_a_last_axis_of_one_is_no_difference(name: str, true: tuple[int, ...], pred: tuple[int, ...]) -> None:
    y_true, y_pred = bits(*true), shares(*pred)
    ours = losses.get(name)
    assert ours is not None
    theirs = {
        "mean_squared_error": keras.losses.MeanSquaredError,
        "binary_crossentropy": keras.losses.BinaryCrossentropy,
    }[name]()
    assert float(ours(y_true, y_pred)) == pytest.approx(float(theirs(y_true, y_pred)), rel=1e-5)


@pytest.mark.parametrize(
    "name",
    [name for name in losses.__all__ if (name[0].islower() and "_" in name) or name in ("hinge", "huber", "poisson")],
)
def test_shapes_that_do_not_fit_are_named_not_broadcast(name: str) -> None:
    function = getattr(losses, name)
    for true, pred in [
        ((4, 1), (4, 3)),
        ((4, 3), (4, 1)),
        ((3,), (4, 3)),
        ((4, 3), (3,)),
        ((5, 3), (4, 3)),
        ((), (4, 3)),
    ]:
        if name == "sparse_categorical_crossentropy" and true == (4, 1):
            continue
        with pytest.raises(ShapeError) as error:
            function(np.zeros(true, np.float32), np.full(pred, 0.5, np.float32))
        assert str(true) in str(error.value) and str(pred) in str(error.value)


def test_one_hot_and_sparse_targets_taken_for_each_other_say_so() -> None:
    with pytest.raises(ShapeError, match="take categorical_crossentropy"):
        losses.sparse_categorical_crossentropy(one_hot(4, 3), distribution(4, 3))
    with pytest.raises(ShapeError, match="take sparse_categorical_crossentropy"):
        losses.categorical_crossentropy(labels(4, 3), distribution(4, 3))


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_labels_of_every_kind(kind: Any, shape: tuple[int, ...]) -> None:
    y_true, y_pred = np.array([0, 1, 2, 1]), distribution(4, 3)
    want = losses.sparse_categorical_crossentropy(y_true, y_pred)
    got = losses.sparse_categorical_crossentropy(y_true.astype(kind).reshape(shape), y_pred)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("bad", [-1, 3, 0.5, np.nan, 1e12])
@pytest.mark.parametrize("from_logits", [True, False])
def test_bad_labels_are_named(bad: float, from_logits: bool) -> None:
    y_true = np.array([0, 1, bad])
    with pytest.raises(IndexError, match=r"2|0\.5|NaN|nan"):
        losses.sparse_categorical_crossentropy(y_true, distribution(3, 3), from_logits=from_logits)


def test_extreme_logits_stay_finite_and_what_is_wrong_stays_visible() -> None:
    big = np.float32([[1e38, -1e38], [-1e38, 1e38]])
    assert np.isfinite(losses.sparse_categorical_crossentropy(np.array([0, 1]), big, from_logits=True)).all()
    assert np.isfinite(
        losses.binary_crossentropy(np.float32([[1, 0]]), np.float32([[1e30, -1e30]]), from_logits=True)
    ).all()
    assert np.isnan(losses.mean_squared_error(np.zeros((1, 1)), np.full((1, 1), np.nan)))
    sure = losses.sparse_categorical_crossentropy(np.array([1]), np.float32([[1, 0]]))
    assert float(sure[0]) == pytest.approx(-np.log(1e-7), rel=1e-3)


@pytest.mark.parametrize("reshaped", [False, True])
def test_probabilities_of_a_softmax_or_sigmoid_are_traced_back_to_logits(reshaped: bool) -> None:
    logits = np.float32([[90, 0, 0], [0, 90, 0]])
    with Graph(eager=True) as graph:
        x = graph.constant(logits)
        y = ops.softmax(x)
        if reshaped:
            y = ops.reshape(y, (2, 1, 3))
        true = np.array([[1], [1]]) if reshaped else np.array([1, 1])
        value = losses.SparseCategoricalCrossentropy()(true, y)
        assert "softmax_cross_entropy" in [node[0] for node in graph.core.nodes()]
        assert float(value) == 45.0
        np.testing.assert_array_equal(gradients(value, x).numpy(), [[0.5, -0.5, 0], [0, 0, 0]])
    with Graph(eager=True) as graph:
        x = graph.constant(np.float32([[-90.0], [3.0]]))
        value = losses.BinaryCrossentropy()(np.float32([[1], [1]]), ops.reshape(ops.sigmoid(x), (2,)))
        assert "sigmoid_cross_entropy" in [node[0] for node in graph.core.nodes()]
        assert float(gradients(value, x).numpy()[0, 0]) == pytest.approx(-0.5)


def test_what_came_of_a_softmax_by_other_means_is_not() -> None:
    with Graph(eager=True) as graph:
        y = ops.reshape(ops.softmax(graph.constant(numbers(2, 6))), (4, 3))
        losses.SparseCategoricalCrossentropy()(np.array([0, 1, 2, 0]), y)
        assert "softmax_cross_entropy" not in [node[0] for node in graph.core.nodes()]


def test_masks_leave_steps_out_of_the_mean_as_keras_does() -> None:
    y_true, y_pred = numbers(2, 3, 1), numbers(2, 3, 1)
    mask = np.array([[1, 1, 0], [1, 0, 0]], np.uint8)
    weights = np.float32([1, 3])
    errors = np.square(y_true - y_pred)[..., 0]
    with Graph(eager=True) as graph:
        tensor = graph.constant(y_pred)
        tensor.mask = graph.constant(mask)
        loss = losses.MeanSquaredError()
        assert float(loss(y_true, tensor)) == pytest.approx(float((errors * mask).sum() / 3), rel=1e-5)
        want = float((errors * mask * weights[:, None]).sum() / 3)
        assert float(loss(y_true, tensor, weights)) == pytest.approx(want, rel=1e-5)
        total = losses.MeanSquaredError(reduction="sum")(y_true, tensor)
        assert float(total) == pytest.approx(float((errors * mask).sum()), rel=1e-5)
        nothing = graph.constant(y_pred)
        nothing.mask = graph.constant(np.zeros((2, 3), np.uint8))
        assert float(loss(y_true, nothing)) == 0.0


def test_a_mask_and_an_ignored_class_leave_out_together() -> None:
    labels, y_pred = np.array([[0, 1, 1], [1, 1, 1]]), distribution(2, 3, 2)
    mask = np.array([[1, 1, 0], [1, 0, 0]], np.uint8)
    with Graph(eager=True) as graph:
        tensor = graph.constant(y_pred)
        tensor.mask = graph.constant(mask)
        loss = losses.SparseCategoricalCrossentropy(ignore_class=0)(labels, tensor)
        want = -np.log(y_pred[[0, 1], [1, 0], 1]).mean()
        assert float(loss) == pytest.approx(float(want), rel=1e-5)


def test_nothing_that_counts_is_a_loss_of_zero() -> None:
    y_pred = distribution(3, 4)
    assert float(losses.SparseCategoricalCrossentropy(ignore_class=1)(np.array([1, 1, 1]), y_pred)) == 0.0
    loss = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    assert float(loss(np.zeros((2, 1)), np.ones((2, 1)), np.zeros(2))) == 0.0


@pytest.mark.parametrize("weights", [np.ones((4,)), np.ones((2, 2)), np.ones((4, 3)), np.ones((1, 1, 4))])
def test_weights_that_do_not_fit(weights: Any) -> None:
    with pytest.raises(ShapeError, match="sample_weight"):
        losses.MeanSquaredError()(np.zeros((3, 1)), np.zeros((3, 1)), weights)


def test_weights_of_steps_of_samples_and_a_number() -> None:
    y_true, y_pred, loss = numbers(3, 4, 2), numbers(3, 4, 2), losses.MeanSquaredError()
    errors = np.square(y_true - y_pred).mean(-1)
    for weights in (positive(3), positive(3, 1), positive(3, 4), np.float32(2.0)):
        wide = np.asarray(weights).reshape((-1, 1)) if np.shape(weights) == (3,) else np.asarray(weights)
        want = (errors * wide).mean()
        assert float(loss(y_true, y_pred, weights)) == pytest.approx(float(want), rel=1e-5)
    one = losses.MeanSquaredError()(np.zeros(2), np.float32([1, 2]), np.float32([1, 0]))
    assert float(one) == 0.5


@pytest.mark.parametrize(
    "name", ["mse", "MAE", "mape", "msle", "bce", "kld", "huber", "logcosh", "LogCosh", "hinge", "ce"]
)
def test_every_name_gives_a_loss(name: str) -> None:
    found = losses.get(name)
    assert isinstance(found, losses.Loss) and found.name == name


def test_every_name_of_keras_that_we_have_the_loss_for() -> None:
    from keras.src.losses import ALL_OBJECTS_DICT

    missing = {"ctc", "dice", "tversky", "circle", "categorical_generalized_cross_entropy"}
    missing |= {"CTC", "Dice", "Tversky", "Circle", "CategoricalGeneralizedCrossEntropy"}
    for name in set(ALL_OBJECTS_DICT) - missing:
        if "Wrapper" not in name and name != "Loss":
            assert losses.get(name) is not None


def test_get_functions_classes_and_configurations() -> None:
    def own(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(abs(y_true - y_pred) * 2, axis=-1)

    made = losses.get(own)
    assert made is not None and made.name == "own"
    assert float(made(np.zeros((2, 1)), np.ones((2, 1)))) == 2.0
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    assert losses.get(None) is None
    with pytest.raises(ValueError, match="mean_squared"):
        losses.get("mean_squred_error")
    with pytest.raises(TypeError):
        losses.get(3)
    for index in range(len(CASES)):
        import corten

        loss = make(corten, index, reduction="sum", name="mine")
        again = losses.deserialize(losses.serialize(loss))
        assert type(again) is type(loss) and again.get_config() == loss.get_config()


def test_crossentropy_by_shape() -> None:
    loss = losses.get("crossentropy")
    assert loss is not None
    for y_true, y_pred, twin in [
        (bits(4, 1), shares(4, 1), losses.binary_crossentropy),
        (labels(4, 3), distribution(4, 3), losses.sparse_categorical_crossentropy),
        (one_hot(4, 3), distribution(4, 3), losses.categorical_crossentropy),
    ]:
        assert float(loss(y_true, y_pred)) == pytest.approx(float(np.mean(twin(y_true, y_pred))), rel=1e-6)


@pytest.mark.parametrize(
    "make_bad",
    [
        lambda: losses.MeanSquaredError(reduction="average"),
        lambda: losses.MeanSquaredError(dtype="float16"),
        lambda: losses.Huber(delta=0.0),
        lambda: losses.Huber(delta=float("nan")),
        lambda: losses.BinaryCrossentropy(label_smoothing=1.5),
        lambda: losses.CategoricalCrossentropy(label_smoothing=-0.1),
        lambda: losses.BinaryFocalCrossentropy(gamma=-1.0),
        lambda: losses.CategoricalFocalCrossentropy(alpha=2.0),
    ],
)
def test_bad_arguments(make_bad: Any) -> None:
    with pytest.raises(ValueError):
        make_bad()


def test_other_axes_than_the_last() -> None:
    y_true, y_pred = one_hot(3, 4, 5), distribution(3, 4, 5)
    moved = np.moveaxis(y_true, -1, 1), np.moveaxis(y_pred, -1, 1)
    want = losses.categorical_crossentropy(y_true, y_pred)
    np.testing.assert_allclose(losses.categorical_crossentropy(*moved, axis=1), want, rtol=1e-6)
    sparse = losses.sparse_categorical_crossentropy(y_true.argmax(-1), moved[1], axis=1)
    np.testing.assert_allclose(sparse, want, rtol=1e-6)


def test_symbolic_tensors() -> None:
    import corten

    a, b = corten.Input((3,)), corten.Input((3,))
    model = corten.Model([a, b], losses.mean_squared_error(a, b))
    x, y = numbers(4, 3), numbers(4, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(model.predict([x, y], verbose=0), np.square(x - y).mean(-1), rtol=1e-6)


def test_a_tensor_of_this_step_is_a_tensor() -> None:
    with Graph() as graph:
        assert isinstance(losses.MeanSquaredError()(np.zeros((2, 1)), graph.input((2, 1))), Tensor)


def test_one_class_is_warned_of() -> None:
    with pytest.warns(SyntaxWarning, match="binary_crossentropy"):
        losses.categorical_crossentropy(np.ones((2, 1)), np.ones((2, 1)))


def test_training_wants_one_number() -> None:
    model = corten.Sequential([corten.layers.Dense(2, input_shape=(3,))])
    model.compile("sgd", corten.losses.MeanSquaredError(reduction="none"))
    with pytest.raises(ShapeError, match=r"expected one number for the batch, got shape \(4,\).*reduction='none'"):
        model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
