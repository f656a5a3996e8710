"""Metrics against Keras over several batches, outside a graph, traced and eager; choice by name and by shape."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from corten import losses, metrics, ops
from corten.errors import ShapeError
from corten.graph import Graph

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras", reason="needs keras to compare with")

SIZES = (8, 8, 5)


def numbers(rng: Any, n: int) -> tuple[Any, Any]:
    return rng.normal(size=(n, 3)).astype(np.float32), rng.normal(size=(n, 3)).astype(np.float32)


def positive(rng: Any, n: int) -> tuple[Any, Any]:
    return rng.uniform(0.1, 2, (n, 3)).astype(np.float32), rng.uniform(0.1, 2, (n, 3)).astype(np.float32)


def bits(rng: Any, n: int) -> tuple[Any, Any]:
    return rng.integers(0, 2, (n, 1)), rng.uniform(0, 1, (n, 1)).astype(np.float32)


def flat_bits(rng: Any, n: int) -> tuple[Any, Any]:
    return rng.integers(0, 2, n), rng.uniform(0, 1, n).astype(np.float32)


def many_bits(rng: Any, n: int) -> tuple[Any, Any]:
    return rng.integers(0, 2, (n, 3)), rng.uniform(0, 1, (n, 3)).astype(np.float32)


def logit_bits(rng: Any, n: int) -> tuple[Any, Any]:
    return rng.integers(0, 2, (n, 1)), rng.normal(size=(n, 1)).astype(np.float32)


def _shares(rng: Any, n: int) -> Any:
    raw = rng.uniform(0.1, 1, (n, 6))
    return (raw / raw.sum(-1, keepdims=True)).astype(np.float32)


def one_hot(rng: Any, n: int) -> tuple[Any, Any]:
    return np.eye(6, dtype=np.float32)[rng.integers(0, 6, n)], _shares(rng, n)


def labels(rng: Any, n: int) -> tuple[Any, Any]:
    return rng.integers(0, 6, n), _shares(rng, n)


def column_labels(rng: Any, n: int) -> tuple[Any, Any]:
    return rng.integers(0, 6, (n, 1)), _shares(rng, n)


def equals(rng: Any, n: int) -> tuple[Any, Any]:
    return rng.integers(0, 3, (n, 1)), rng.integers(0, 3, (n, 1)).astype(np.float32)


CASES: list[tuple[str, dict[str, Any], Any]] = [
    ("Accuracy", {}, equals),
    ("BinaryAccuracy", {}, bits),
    ("BinaryAccuracy", {"threshold": 0.3}, many_bits),
    ("CategoricalAccuracy", {}, one_hot),
    ("SparseCategoricalAccuracy", {}, labels),
    ("SparseCategoricalAccuracy", {}, column_labels),
    ("TopKCategoricalAccuracy", {"k": 2}, one_hot),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, labels),
    ("SparseTopKCategoricalAccuracy", {"k": 5}, column_labels),
    ("MeanSquaredError", {}, numbers),
    ("MeanAbsoluteError", {}, numbers),
    ("MeanAbsolutePercentageError", {}, positive),
    ("MeanSquaredLogarithmicError", {}, positive),
    ("RootMeanSquaredError", {}, numbers),
    ("LogCoshError", {}, numbers),
    ("Poisson", {}, positive),
    ("KLDivergence", {}, one_hot),
    ("CosineSimilarity", {}, numbers),
    ("Hinge", {}, many_bits),
    ("SquaredHinge", {}, many_bits),
    ("CategoricalHinge", {}, one_hot),
    ("BinaryCrossentropy", {}, bits),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, logit_bits),
    ("CategoricalCrossentropy", {}, one_hot),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, one_hot),
    ("SparseCategoricalCrossentropy", {}, labels),
    ("TruePositives", {}, bits),
    ("FalsePositives", {"thresholds": [0.2, 0.7]}, bits),
    ("TrueNegatives", {}, many_bits),
    ("FalseNegatives", {"thresholds": 0.4}, flat_bits),
    ("Precision", {}, bits),
    ("Precision", {"thresholds": [0.1, 0.5, 0.6]}, many_bits),
    ("Precision", {"top_k": 2}, many_bits),
    ("Precision", {"class_id": 1}, many_bits),
    ("Recall", {}, flat_bits),
    ("Recall", {"top_k": 1, "class_id": 2}, many_bits),
    ("AUC", {}, bits),
    ("AUC", {}, flat_bits),
    ("AUC", {"num_thresholds": 7, "curve": "PR"}, many_bits),
    ("AUC", {"curve": "PR", "summation_method": "minoring"}, bits),
    ("AUC", {"summation_method": "majoring", "thresholds": [0.2, 0.5, 0.9]}, bits),
    ("AUC", {"from_logits": True}, logit_bits),
    ("AUC", {"multi_label": True, "num_thresholds": 20}, many_bits),
    ("AUC", {"multi_label": True, "num_labels": 3, "label_weights": [1.0, 0.5, 2.0]}, many_bits),
    ("AUC", {"label_weights": [1.0, 0.5, 2.0], "thresholds": [0.3, 0.55]}, many_bits),
    ("F1Score", {}, one_hot),
    ("F1Score", {"average": "micro", "threshold": 0.4}, many_bits),
    ("FBetaScore", {"average": "macro", "beta": 2.0}, one_hot),
    ("FBetaScore", {"average": "weighted", "beta": 0.5}, one_hot),
    ("R2Score", {}, numbers),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, numbers),
    ("R2Score", {"class_aggregation": None}, numbers),
    ("R2Score", {"num_regressors": 4}, numbers),
]
IDS = [f"{i}-{name}" for i, (name, _, _) in enumerate(CASES)]


def batches(index: int) -> list[tuple[Any, Any, Any]]:
    rng = np.random.default_rng(index)
    made = [CASES[index][2](rng, n) for n in SIZES]
    return [(t, p, rng.uniform(0.5, 2, len(t)).astype(np.float32)) for t, p in made]


def make(module: Any, index: int) -> Any:
    name, kwargs, _ = CASES[index]
    return getattr(module, name)(**kwargs)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_equals_keras_over_batches(index: int, weighted: bool) -> None:
    ours, theirs = make(metrics, index), make(keras.metrics, index)
    assert getattr(ours, "_direction", None) == getattr(theirs, "_direction", None) or CASES[index][0] in UNDIRECTED
    for true, pred, weight in batches(index):
        given = weight if weighted else None
        ours.update_state(true, pred, given)
        theirs.update_state(true, pred, sample_weight=given)
        np.testing.assert_allclose(ours.result(), np.asarray(theirs.result()), rtol=3e-5, atol=3e-6)
    ours.reset_state()
    theirs.reset_state()
    true, pred, _ = batches(index)[0]
    np.testing.assert_allclose(ours(true, pred), np.asarray(theirs(true, pred)), rtol=3e-5, atol=3e-6)


#: Losses and counts, whose direction Keras knows otherwise or not at all.
UNDIRECTED = {name for name, _, _ in CASES if hasattr(losses, name) or name in ("LogCoshError", "RootMeanSquaredError")}


@pytest.mark.parametrize("index", range(len(CASES)), ids=IDS)
def test_compiled_steps_give_the_same_bits(index: int) -> None:
    """What ``fit`` does: one program updates the state and returns the result so far, batch after batch."""
    plain, traced = make(metrics, index), make(metrics, index)
    for true, pred, weight in batches(index):
        plain.update_state(true, pred, weight)
        arrays = [true.astype(np.int32) if true.dtype.kind == "i" else true, pred, weight]
        with Graph() as graph:
            inputs = [graph.input(a.shape, a.dtype.name) for a in arrays]
            traced.update_state(*inputs)
            result = traced.result()
            program = graph.compile(inputs, [result])
        out = np.zeros((1, *result.shape), np.float32)
        program.run(arrays, None, 0, len(true), 1, [out], None, 0.0)
        assert out[0].tobytes() == np.asarray(plain.result(), np.float32).tobytes()
        for a, b in zip(plain.variables, traced.variables, strict=True):
            assert a.numpy().tobytes() == b.numpy().tobytes()


def test_mean_and_sum_of_values_weights_and_numbers() -> None:
    for weights in (None, np.float32([1, 0, 2]), np.float32(2.0)):
        ours, theirs = metrics.Mean(), keras.metrics.Mean()
        ours.update_state(np.float32([1, 2, 4]), weights)
        theirs.update_state(np.float32([1, 2, 4]), weights)
        assert ours.result() == pytest.approx(float(theirs.result()))
    mean = metrics.Mean()
    assert mean.result() == 0.0
    mean.update_state(2.0, sample_weight=3)
    mean.update_state(4.0, sample_weight=1)
    assert mean.result() == 2.5
    for shape in ((3,), (3, 4), (3, 1)):
        ours, theirs = metrics.Sum(), keras.metrics.Sum()
        values, weights = np.random.default_rng(0).random((3, 4), np.float32), np.ones(shape, np.float32) * 2
        ours.update_state(values, weights)
        theirs.update_state(values, weights)
        assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-6)
    with pytest.raises(ShapeError, match="sample_weight"):
        metrics.Mean().update_state(np.ones(3), np.ones(4))


def test_masks_count_only_what_they_let_through() -> None:
    metric = metrics.MeanSquaredError()
    with Graph(eager=True) as graph:
        y = graph.constant(np.float32([[[1], [2], [3]]]))
        y.mask = graph.constant(np.array([[1, 1, 0]], np.uint8))
        metric.update_state(np.zeros((1, 3, 1), np.float32), y)
        assert float(metric.result()) == pytest.approx(2.5 * 2 / 3 / (2 / 3))
        graph.finish()


def test_samples_of_an_ignored_class_have_no_weight() -> None:
    pred = np.float32([[0.5, 0.5], [0.25, 0.75], [0.5, 0.5]])
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=1)
    weighted = metric(np.array([0, 1, 0]), pred, sample_weight=np.float32([1, 5, 3]))
    assert weighted == pytest.approx(np.log(2), rel=1e-6)


def test_state_is_what_variables_hold_and_can_be_reset() -> None:
    metric = metrics.BinaryAccuracy()
    metric.update_state(np.array([1, 0]), np.float32([0.9, 0.9]))
    assert [float(v) for v in metric.variables] == [1.0, 2.0]
    assert [v.name for v in metric.variables] == ["total", "count"]
    assert [v.name for v in metric.whole_state] == ["total", "count", "total_rest", "count_rest"]
    metric.reset_state()
    assert metric.result() == 0.0


@pytest.mark.parametrize(
    ("true", "pred", "accuracy", "crossentropy"),
    [
        ((32,), (32, 1), "BinaryAccuracy", "BinaryCrossentropy"),
        ((32, 1), (32, 1), "BinaryAccuracy", "BinaryCrossentropy"),
        ((32,), (32, 10), "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"),
        ((32, 1), (32, 10), "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"),
        ((32, 10), (32, 10), "CategoricalAccuracy", "CategoricalCrossentropy"),
        ((32, 7), (32, 7, 10), "SparseCategoricalAccuracy", "SparseCategoricalCrossentropy"),
        ((32, 7, 10), (32, 7, 10), "CategoricalAccuracy", "CategoricalCrossentropy"),
    ],
)
def test_chosen_by_shape_as_keras_does(true: Any, pred: Any, accuracy: str, crossentropy: str) -> None:
    from keras.src.trainers.compile_utils import get_metric

    for name, want in [("accuracy", accuracy), ("acc", accuracy), ("crossentropy", crossentropy), ("ce", crossentropy)]:
        found = metrics.for_shapes(name, true, pred)
        assert type(found).__name__ == want and found.name == name
    theirs = get_metric("accuracy", np.zeros(true), np.zeros(pred))
    assert type(theirs).__name__ == accuracy


def test_every_name_of_keras_that_we_have_the_metric_for() -> None:
    from keras.src.metrics import ALL_OBJECTS_DICT

    for name, kind in ALL_OBJECTS_DICT.items():
        if hasattr(metrics, kind.__name__) and kind.__name__ not in ("MeanMetricWrapper", "Metric"):
            found = metrics.get(name)
            assert type(found).__name__ == kind.__name__, name
            metrics.check(name)


def test_names_functions_and_losses_as_metrics() -> None:
    def own(y_true: Any, y_pred: Any) -> Any:
        return ops.mean(abs(y_true - y_pred), axis=-1)

    assert metrics.for_shapes("mse", (3, 1), (3, 1)).name == "mse"
    made = metrics.for_shapes(own, (3, 1), (3, 1))
    assert made.name == "own" and made(np.zeros((2, 1)), np.float32([[1], [2]])) == 1.5
    huber = metrics.get(losses.Huber())
    assert huber is not None and huber.name == "huber_loss"
    assert huber(np.zeros((2, 1)), np.float32([[1], [3]])) == 1.5
    same = metrics.Mean()
    assert metrics.get(same) is same and metrics.get(None) is None
    for bad, error in [("acuracy", ValueError), (3, TypeError), ({"class_name": "Nope"}, ValueError)]:
        with pytest.raises(error):
            metrics.check(bad)
        with pytest.raises(error):
            metrics.for_shapes(bad, (1,), (1,))


def test_names_are_numbered_where_none_is_given() -> None:
    first, second = metrics.Recall(), metrics.Recall()
    base = first.name.rstrip("0123456789").rstrip("_")
    assert base == "recall" and second.name != first.name
    assert metrics.AUC().name.startswith("auc")


def test_configurations_make_the_same_metric() -> None:
    for index in range(len(CASES)):
        metric = make(metrics, index)
        again = metrics.deserialize(metrics.serialize(metric))
        assert type(again) is type(metric) and again.get_config() == metric.get_config()


def test_a_metric_made_of_metrics_has_their_state() -> None:
    class Both(metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="both")
            self.p, self.r = metrics.Precision(), metrics.Recall()

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.p.update_state(y_true, y_pred)
            self.r.update_state(y_true, y_pred)

        def result(self) -> Any:
            return {"p": self.p.result(), "r": self.r.result()}

    both = Both()
    assert both(np.array([1, 1, 0]), np.float32([0.9, 0.1, 0.9])) == {"p": 0.5, "r": 0.5}
    assert len(both.variables) == 4 and len(both.whole_state) == 8
    both.reset_state()
    assert both.p.result() == 0.0


def test_a_metric_with_operators_works_on_arrays_and_in_graphs() -> None:
    class Bias(metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="bias")
            self.sum = self.add_weight(name="sum")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.sum.assign_add(ops.sum(y_pred - y_true))

        def result(self) -> Any:
            return self.sum.value * 2.0

    bias = Bias()
    bias.update_state(np.array([1, 2]), np.array([2, 4]))
    bias.update_state(np.array([1]), [1.5])
    assert bias.result() == 7.0


@pytest.mark.parametrize(
    ("metric", "true", "pred"),
    [
        (metrics.MeanSquaredError, (4, 1), (4, 3)),
        (metrics.BinaryAccuracy, (3, 1), (4, 1)),
        (metrics.CategoricalAccuracy, (4,), (4, 3)),
        (metrics.SparseCategoricalAccuracy, (4, 3), (4, 3)),
        (metrics.Precision, (4, 3), (4, 1)),
        (metrics.AUC, (4,), (5,)),
        (metrics.F1Score, (4,), (4,)),
        (metrics.R2Score, (4, 2), (4, 3)),
    ],
)
def test_shapes_that_do_not_fit(metric: Any, true: Any, pred: Any) -> None:
    made = metric()
    with pytest.raises(ShapeError):
        made.update_state(np.zeros(true, np.float32), np.zeros(pred, np.float32))
    assert made.result() == 0.0


@pytest.mark.parametrize(
    "make_bad",
    [
        lambda: metrics.Mean(dtype="float16"),
        lambda: metrics.TopKCategoricalAccuracy(k=0),
        lambda: metrics.Precision(thresholds=[0.5, 1.5]),
        lambda: metrics.Precision(thresholds=float("nan")),
        lambda: metrics.Recall(top_k=-1),
        lambda: metrics.AUC(num_thresholds=1),
        lambda: metrics.AUC(curve="PRC"),
        lambda: metrics.AUC(summation_method="x"),
        lambda: metrics.AUC(num_labels=3),
        lambda: metrics.F1Score(average="mean"),
        lambda: metrics.FBetaScore(beta=0.0),
        lambda: metrics.F1Score(threshold=0.0),
        lambda: metrics.R2Score(class_aggregation="x"),
        lambda: metrics.R2Score(num_regressors=-1),
    ],
)
def test_bad_arguments(make_bad: Any) -> None:
    with pytest.raises(ValueError):
        make_bad()
