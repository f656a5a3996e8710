"""Metrics of NaN, of equal predictions, of very many samples and of what is masked: right values, and little memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, losses, metrics, ops
from corten.errors import ShapeError
from corten.graph import Graph
from corten.metrics import confusion

NAN = np.float32(np.nan)


# --- NaN is never right ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "true"),
    [
        (metrics.SparseCategoricalAccuracy(), np.arange(4)),
        (metrics.CategoricalAccuracy(), np.eye(4)),
        (metrics.SparseTopKCategoricalAccuracy(k=2), np.arange(4)),
        (metrics.TopKCategoricalAccuracy(k=2), np.eye(4)),
        (metrics.BinaryAccuracy(), np.eye(4)),
        (metrics.Accuracy(), np.eye(4)),
        (metrics.Recall(top_k=2), np.eye(4)),
        (metrics.Precision(), np.eye(4)),
        (metrics.TruePositives(thresholds=0.0), np.eye(4)),
        (metrics.AUC(), np.eye(4)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_predictions_of_nan_are_never_right(metric: Any, true: Any) -> None:
    assert metric(true, np.full((4, 4), NAN)) == 0.0


def test_one_nan_spoils_its_own_row_only() -> None:
    pred = np.float32([[0.9, NAN, 0.1], [0.9, 0.0, 0.1], [0.1, 0.2, NAN], [0.2, 0.5, 0.3]])
    for labels in (np.array([0, 0, 2, 1]), np.array([1, 0, 1, 1])):
        assert metrics.SparseCategoricalAccuracy()(labels, pred) == 0.5
        assert metrics.CategoricalAccuracy()(np.eye(3)[labels], pred) == 0.5
        assert metrics.SparseTopKCategoricalAccuracy(k=1)(labels, pred) == 0.5
    binary = metrics.BinaryAccuracy()(np.float32([[0], [1], [0], [1]]), np.float32([[NAN], [NAN], [0.1], [0.9]]))
    assert binary == 0.5
    # Infinity is the largest there is, and as good a prediction as any.
    assert metrics.SparseCategoricalAccuracy()(np.array([1]), np.float32([[0, np.inf, -np.inf]])) == 1.0


def test_nan_is_above_no_threshold() -> None:
    true, pred = np.float32([1, 1, 0, 0]), np.float32([NAN, 0.9, NAN, 0.9])
    found = {kind.__name__: kind()(true, pred) for kind in (metrics.TruePositives, metrics.FalsePositives)}
    found |= {kind.__name__: kind()(true, pred) for kind in (metrics.TrueNegatives, metrics.FalseNegatives)}
    assert found == {"TruePositives": 1, "FalsePositives": 1, "TrueNegatives": 1, "FalseNegatives": 1}


@pytest.mark.parametrize(
    "make",
    [
        metrics.MeanSquaredError,
        metrics.RootMeanSquaredError,
        metrics.MeanAbsoluteError,
        metrics.R2Score,
        lambda: metrics.FBetaScore(average="micro", threshold=0.5),
        lambda: metrics.MeanMetricWrapper(losses.huber, name="huber"),
    ],
)
def test_what_has_no_weight_may_be_nan(make: Any) -> None:
    true, pred = np.float32([[1], [0], [0], [1]]), np.float32([[0.8], [0.1], [0.7], [0.6]])
    want = make()(true, pred)
    true, pred = np.vstack([true, [[NAN]], [[1]]]), np.vstack([pred, [[0.5]], [[NAN]]])
    assert make()(true, pred, np.float32([1, 1, 1, 1, 0, 0])) == pytest.approx(want, rel=1e-6)


def test_masks_hold_for_every_metric() -> None:
    rng = np.random.default_rng(0)
    true, pred = rng.integers(0, 2, (3, 4, 1)).astype(np.float32), rng.random((3, 4, 1), np.float32)
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
    for make in (
        metrics.MeanSquaredError,
        metrics.RootMeanSquaredError,
        metrics.Precision,
        metrics.Recall,
        metrics.FalseNegatives,
        metrics.AUC,
        lambda: metrics.AUC(from_logits=True),
    ):
        want = make()(true[mask], pred[mask])
        metric = make()
        with Graph(eager=True) as graph:
            masked = graph.constant(pred)
            masked.mask = graph.constant(mask)
            metric.update_state(true, masked)
            found = float(metric.result())
            graph.finish()
        assert found == pytest.approx(want, rel=1e-5), metric.name


# --- equal predictions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_of_a_dead_network_k_classes_are_in_the_top_k(k: int) -> None:
    dead, labels, hot = np.zeros((10, 10), np.float32), np.arange(10), np.eye(10)
    assert metrics.SparseTopKCategoricalAccuracy(k=k)(labels, dead) == pytest.approx(k / 10)
    assert metrics.TopKCategoricalAccuracy(k=k)(hot, dead) == pytest.approx(k / 10)
    assert metrics.Recall(top_k=k)(hot, dead + 0.5) == pytest.approx(k / 10)
    if k == 1:
        assert metrics.SparseCategoricalAccuracy()(labels, dead) == pytest.approx(0.1)


def test_top_k_is_the_first_k_of_a_stable_sort() -> None:
    rng = np.random.default_rng(3)
    pred, labels = rng.integers(0, 3, (200, 7)).astype(np.float32), rng.integers(0, 7, 200)
    order = np.argsort(-pred, axis=-1, kind="stable")
    for k in range(1, 8):
        want = (order[:, :k] == labels[:, None]).any(-1).mean()
        assert metrics.SparseTopKCategoricalAccuracy(k=k)(labels, pred) == pytest.approx(want, rel=1e-6)
        kept = np.zeros_like(pred)
        np.put_along_axis(kept, order[:, :k], 1, axis=-1)
        hits = (kept * np.eye(7)[labels]).sum() / kept.sum()
        assert metrics.Precision(top_k=k)(np.eye(7)[labels], pred) == pytest.approx(hits, rel=1e-6)


def test_one_class_of_each_row_is_predicted_by_f_scores() -> None:
    # Of three equal predictions the first counts: 1 hit, 2 false positives, 2 misses.
    score = metrics.F1Score(average="micro")(np.eye(3), np.full((3, 3), 0.5, np.float32))
    assert score == pytest.approx(1 / 3, rel=1e-5)


@pytest.mark.parametrize("function", [metrics.recall_at_k, metrics.ndcg_at_k])
def test_an_item_ranked_twice_is_refused(function: Any) -> None:
    with pytest.raises(ValueError, match="item 4 is ranked more than once for user 1"):
        function([[1, 2, 3], [4, 0, 4]], [{1}, {4, 2}], k=3)
    assert function([[1, -1, -1]], [{1}], k=3) == 1.0


# --- very many samples -----------------------------------------------------------------------------------------------


def _far_on(metric: Any, number: float) -> Any:
    for variable in metric.variables:
        variable.assign(np.full(variable.shape, number, np.float32))
    return metric


@pytest.mark.parametrize("start", [2.0**24, 2.0**24 - 1, 2.0**30])
def test_counts_do_not_stop(start: float) -> None:
    """Beyond 2^24 a float32 does not change when 1 is added."""
    one, batches = np.float32([1]), 1000

    def exactly(variable: Any, rest: Any) -> float:
        return float(variable.numpy().reshape(-1)[0]) + float(rest.numpy().reshape(-1)[0])

    for metric, given in [
        (metrics.Mean(), (one,)),
        (metrics.Sum(), (one,)),
        (metrics.BinaryAccuracy(), (one, one)),
        (metrics.MeanSquaredError(), (one, one * 0)),
        (metrics.TruePositives(), (one, one)),
        (metrics.Precision(), (one, one)),
        (metrics.AUC(num_thresholds=3), (one, one)),
    ]:
        _far_on(metric, start)
        for _ in range(batches):
            metric.update_state(*given)
        rests = metric.whole_state[len(metric.variables) :]
        sums = [exactly(*pair) for pair in zip(metric.variables, rests, strict=True)]
        assert sums[0] == start + batches, metric.name
        metric.reset_state()
        assert not any(variable.numpy().any() for variable in metric.whole_state)


def test_means_of_very_many_are_right_in_compiled_steps() -> None:
    model = corten.Sequential([layers.Dense(1, kernel_initializer="ones", use_bias=False, input_shape=(1,))])
    model.compile("sgd", "mae", metrics=["binary_accuracy"])
    x = np.ones((3000, 1), np.float32)
    model.evaluate(x[:1], x[:1], verbose=0)
    tracker = metrics.BinaryAccuracy()
    # 2^24 samples of which half were right, then as many as fit in: all of them right.
    tracker.total.assign(2**23)
    tracker.count.assign(2**24)
    with Graph() as graph:
        inputs = [graph.input((1, 1)), graph.input((1, 1))]
        tracker.update_state(*inputs)
        program = graph.compile(inputs, [tracker.result()])
    out = np.zeros((3000,), np.float32)
    program.run([x, x], None, 0, 1, 3000, [out], None, float("inf"))
    assert float(tracker.count.numpy()) == 2**24 + 3000
    assert out[-1] == pytest.approx((2**23 + 3000) / (2**24 + 3000), rel=1e-7)


def test_a_mean_that_became_infinite_stays_so() -> None:
    mean = metrics.Mean()
    for value in (1.0, np.inf, 2.0, 3.0):
        mean.update_state(np.float32(value))
    assert mean.result() == np.inf


def test_weights_may_be_negative() -> None:
    assert metrics.Mean()(np.float32([1, 3, 5, 7]), np.float32([-1, -1, 0, 0])) == 2.0


def test_r2_of_targets_far_from_zero() -> None:
    """Their squares are 1e10, so that variances of 1 vanish in the differences of float32 sums."""
    rng = np.random.default_rng(0)
    true = (1e5 + rng.normal(size=(3000, 2))).astype(np.float32)
    pred = (true + 0.3 * rng.normal(size=true.shape)).astype(np.float32)
    t, p = true.astype(np.float64), pred.astype(np.float64)
    want = 1 - ((t - p) ** 2).sum(0) / ((t - t.mean(0)) ** 2).sum(0)
    metric = metrics.R2Score(class_aggregation=None)
    for rows in np.split(np.arange(3000), [100, 1000]):
        metric.update_state(true[rows], pred[rows])
    np.testing.assert_allclose(metric.result(), want, rtol=1e-4)


# --- thresholds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thresholds", [[0.5], [0.7, 0.2], 200, 1000, [0.9, 0.1, 0.5] * 100])
@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("at_once", [2**20, 2**12])
def test_counts_at_many_thresholds(thresholds: Any, labels: int, at_once: int, monkeypatch: Any) -> None:
    """By parts and by buckets the counts are those of comparing each prediction with each threshold."""
    monkeypatch.setattr(confusion, "_COMPARISONS", at_once)
    rng = np.random.default_rng(labels)
    edges = [i / (thresholds - 1) for i in range(thresholds)] if isinstance(thresholds, int) else thresholds
    # Predictions on the thresholds, too, and NaN.
    pred = rng.choice(np.r_[np.float32(edges), rng.random(50, np.float32)], (1001, labels)).astype(np.float32)
    pred[::97] = NAN
    true, weight = rng.integers(0, 2, pred.shape), rng.integers(1, 5, 1001).astype(np.float32)
    above = pred > np.float32(edges)[:, None, None]
    weighted = np.broadcast_to(weight[:, None], pred.shape)
    for kind, want in [
        (metrics.TruePositives, above & (true == 1)),
        (metrics.FalsePositives, above & (true == 0)),
        (metrics.TrueNegatives, ~above & (true == 0)),
        (metrics.FalseNegatives, ~above & (true == 1)),
    ]:
        right = (want * weighted).sum((1, 2))
        found = kind(thresholds=edges)(true, pred, weight)
        np.testing.assert_array_equal(np.atleast_1d(found), right)
        compiled = kind(thresholds=edges)
        with Graph() as graph:
            inputs = [graph.input(pred.shape), graph.input(pred.shape), graph.input(weight.shape)]
            compiled.update_state(*inputs)
            program = graph.compile(inputs, [ops.reshape(compiled.result(), (-1,))])
        out = np.zeros((1, len(edges)), np.float32)
        program.run([np.float32(true), pred, weight], None, 0, 1001, 1, [out], None, float("inf"))
        np.testing.assert_array_equal(out[0], right)


@pytest.mark.parametrize("num_thresholds", [200, 5000])
def test_auc_takes_no_memory_of_thresholds_times_samples(num_thresholds: int) -> None:
    rng = np.random.default_rng(0)
    n = 200_000
    pred = rng.random(n, dtype=np.float32)
    true = (rng.random(n) < pred).astype(np.float32)
    auc = metrics.AUC(num_thresholds)
    with Graph() as graph:
        inputs = [graph.input((n,)), graph.input((n,))]
        auc.update_state(*inputs)
        program = graph.compile(inputs, [auc.result()])
    # One byte for each comparison would be 40 or 1000 MB.
    assert program.arena_bytes < 30e6
    out = np.zeros((1,), np.float32)
    program.run([true, pred], None, 0, n, 1, [out], None, float("inf"))
    # P(true | p) = p: the area is 5/6.
    assert out[0] == pytest.approx(5 / 6, abs=2e-3)
    auc.reset_state()
    with Graph(eager=True) as graph:
        auc.update_state(graph.constant(true), graph.constant(pred))
        # Nothing that was computed is given up before the step ends.
        shapes = [graph.core.spec(value)[0] for node in graph.core.nodes() for value in node[2]]
        assert sum(4 * math.prod(shape) for shape in shapes) < 30e6
        graph.finish()
    assert auc.result() == pytest.approx(float(out[0]), abs=1e-6)


def test_auc_of_predictions_outside_the_unit_interval_has_both_ends() -> None:
    # All negatives are below, all positives above: a perfect ranking.
    assert metrics.AUC()(np.array([0, 0, 1, 1]), np.float32([-3, -2, 4, 5])) == 1.0


@pytest.mark.parametrize("bad", [None, "0.5", 1.5, NAN])
def test_thresholds_that_are_none(bad: Any) -> None:
    for kind in (metrics.TruePositives, metrics.Recall):
        with pytest.raises(ValueError, match="thresholds"):
            kind(thresholds=[bad])
    if bad is not None:
        with pytest.raises(ValueError, match="threshold"):
            metrics.F1Score(threshold=bad)


# --- state -----------------------------------------------------------------------------------------------------------


def test_counts_are_attributes_as_in_keras() -> None:
    precision, recall, auc = metrics.Precision(), metrics.Recall(), metrics.AUC(num_thresholds=3)
    f1 = metrics.F1Score()
    true, pred = np.float32([[0, 1], [1, 0]]), np.float32([[0.2, 0.8], [0.7, 0.3]])
    for metric in (precision, recall, auc, f1):
        metric.update_state(true, pred)
    assert precision.true_positives.numpy() == 2 and precision.false_positives.numpy() == 0
    assert recall.true_positives.numpy() == 2 and recall.false_negatives.numpy() == 0
    assert auc.true_positives.shape == auc.false_negatives.shape == (3,)
    np.testing.assert_array_equal(f1.true_positives.numpy(), [1, 1])
    positives = metrics.TruePositives()
    positives.update_state(true, pred)
    assert positives.accumulator.numpy() == 2


def test_variables_and_metrics_in_lists_are_state() -> None:
    class Several(metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="several")
            self.means = [metrics.Mean(), metrics.Mean()]
            self.named = {"sum": metrics.Sum(), "deeper": [metrics.Sum()]}
            self.own = corten.Variable(np.float32(0), trainable=False)

    several, layer = Several(), layers.Dense(1)
    layer.build((None, 1))
    several.watched = layer.kernel if hasattr(layer, "kernel") else layer.weights[0]
    several.own.assign(3)
    several.means[1].update_state(2.0)
    several.named["sum"].update_state(2.0)
    assert len(several.variables) == 7
    weight = several.watched.numpy() + 1
    several.watched.assign(weight)
    several.reset_state()
    assert several.own.numpy() == 0 and several.means[1].result() == 0.0 and several.named["sum"].result() == 0.0
    # A layer's weight that a metric looks at is not the metric's.
    np.testing.assert_array_equal(several.watched.numpy(), weight)


def test_shapes_of_metrics_still_are_named() -> None:
    with pytest.raises(ShapeError):
        metrics.AUC()(np.zeros((4, 2)), np.zeros((4, 3)))
