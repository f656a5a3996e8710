"""Data in two parts, balanced classes, and folds that share one program."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from corten.errors import ShapeError
from corten.graph import Step
from corten.training import runner
from corten.training.feed import class_weights
from corten.utils import split_dataset, train_validation_split

x, y = np.arange(20.0).reshape(10, 2), np.arange(10)


@pytest.mark.parametrize(
    ("left", "right", "sizes"),
    [(0.8, None, (8, 2)), (None, 0.25, (8, 2)), (3, None, (3, 7)), (0.3, 0.3, (3, 3)), (4, 0.2, (4, 2))],
)
def test_sizes_are_numbers_or_fractions(left: Any, right: Any, sizes: tuple[int, int]) -> None:
    first, last = split_dataset({"a": x, "b": [y, y]}, left, right)
    assert (len(first["a"]), len(last["a"])) == sizes
    assert np.array_equal(first["b"][1], y[: sizes[0]])
    assert np.array_equal(last["a"], x[10 - sizes[1] :])


def test_rows_stay_together_when_they_are_shuffled() -> None:
    first, last = split_dataset((x, y), 0.5, shuffle=True, seed=3)
    assert np.array_equal(np.sort(np.concatenate([first[1], last[1]])), y)
    assert np.array_equal(first[0][:, 0], first[1] * 2.0)
    again, _ = split_dataset((x, y), 0.5, shuffle=True, seed=3)
    assert np.array_equal(again[1], first[1])
    corten.utils.set_random_seed(1)
    drawn = split_dataset(y, 0.5, shuffle=True)[0].tolist()
    assert drawn != split_dataset(y, 0.5, shuffle=True)[0].tolist()
    corten.utils.set_random_seed(1)
    assert drawn == split_dataset(y, 0.5, shuffle=True)[0].tolist()


def test_sizes_are_those_of_keras() -> None:
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    dataset_utils = pytest.importorskip("keras.src.utils.dataset_utils")
    for rows in (2, 7, 10, 101):
        for sizes in [(0.5, None), (None, 0.33), (1, None), (None, 1), (0.2, 0.2), (1, 0.4), (0.9, 0.9), (0.01, None)]:
            try:
                expected = dataset_utils._rescale_dataset_split_sizes(*sizes, rows)
            except ValueError:
                with pytest.raises(ValueError):
                    split_dataset(np.arange(rows), *sizes)
                continue
            first, last = split_dataset(np.arange(rows), *sizes)
            assert (len(first), len(last)) == expected, (rows, sizes)


def test_batches_and_generators_are_split_by_item() -> None:
    class Batches(corten.utils.PyDataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Any:
            if index >= 4:
                raise IndexError(index)
            return np.full((3, 2), index), np.full((3, 1), index)

    model = corten.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    for data in (Batches(), (Batches()[i] for i in range(4))):
        train, validation = split_dataset(data, 0.75)
        assert len(train) == 3 and validation[0][0][0, 0] == 3
        assert model.fit(train, validation_data=validation, verbose=0).params["steps"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((x,), "expected left_size, right_size or both"),
        ((x, 0), "left_size: expected"),
        ((x, 10), "left_size: expected"),
        ((x, 1.0), "above 0 and below 1"),
        ((x, 0.6, 0.6), "share none"),
        ((x, 0.01), "share none"),
        ((x, True), "left_size"),
        ((x, float("nan")), "above 0 and below 1"),
        (((x, y[:5]), 0.5), "equally many rows"),
        ((3, 0.5), "expected arrays"),
        (([], 0.5), "rows"),
    ],
)
def test_what_cannot_be_split_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        split_dataset(*arguments)


def test_training_and_validation_share_no_row() -> None:
    train, validation = train_validation_split(x, y, 0.3, seed=0)
    assert len(validation[0]) == 3
    assert sorted([*train[1], *validation[1]]) == list(range(10))
    assert np.array_equal(train[0][:, 0], train[1] * 2.0)
    weighted = train_validation_split([x, x], {"a": y}, 0.5, sample_weight=y, seed=1)[1]
    assert np.array_equal(weighted[1]["a"], weighted[2]) and len(weighted[0]) == 2
    assert len(train_validation_split(x, seed=0)[0]) == 1
    unpaired = train_validation_split([x, x], seed=0)[0]
    assert len(unpaired) == 1 and len(unpaired[0]) == 2
    with pytest.raises(ValueError, match="leaves one part empty"):
        train_validation_split(x, y, 0.01)
    with pytest.raises(ValueError, match="above 0"):
        train_validation_split(x, y, 1.0)


def test_labels_have_their_share() -> None:
    labels = np.array(["a"] * 80 + ["b"] * 15 + ["c"] * 4 + ["d"])
    rng = np.random.default_rng(0)
    for fraction in (0.1, 0.25, 0.5, 0.9):
        shuffled = rng.permutation(labels)
        train, validation = train_validation_split(np.arange(100), shuffled, fraction, stratify=shuffled, seed=1)
        assert len(validation[0]) == pytest.approx(100 * fraction, abs=2)
        for label, count in zip(*np.unique(labels, return_counts=True), strict=True):
            assert abs((validation[1] == label).sum() - count * fraction) <= 1
            assert (train[1] == label).any()
    with pytest.raises(ShapeError, match="a label for each of the 10 rows"):
        train_validation_split(x, y, stratify=labels)
    with pytest.raises(ValueError, match="one row alone"):
        train_validation_split(x, y, stratify=y)


def test_groups_stay_together() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 12, 300)
    parts = set()
    for seed in range(5):
        train, validation = train_validation_split(np.arange(300), groups, 0.25, groups=groups, seed=seed)
        assert not set(train[1]) & set(validation[1])
        assert len(validation[0]) == pytest.approx(75, abs=25)
        parts.add(frozenset(validation[1].tolist()))
    assert len(parts) > 1
    train, validation = train_validation_split(x, y, 0.1, groups=[0] * 9 + [1], seed=0)
    assert validation[1].tolist() == [9]
    with pytest.raises(ValueError, match="two groups or more"):
        train_validation_split(x, y, groups=np.zeros(10))
    with pytest.raises(ValueError, match="not both"):
        train_validation_split(x, y, groups=y, stratify=y)


def test_balanced_classes_weigh_as_much_together() -> None:
    labels = np.array([0] * 6 + [2] * 3 + [5])
    weights = class_weights(labels, "balanced")
    assert [weights[labels == c].sum() for c in (0, 2, 5)] == pytest.approx([10 / 3] * 3)
    one_hot = np.eye(6)[labels]
    assert np.array_equal(class_weights(one_hot, "balanced"), weights)
    model = corten.Sequential([layers.Input((1,)), layers.Dense(6, "softmax")])
    histories = []
    for given in ("balanced", {0: 10 / 18, 2: 10 / 9, 5: 10 / 3}):
        corten.utils.set_random_seed(0)
        model.set_weights([np.ones((1, 6)), np.zeros(6)])
        model.compile("sgd", "sparse_categorical_crossentropy")
        fitted = model.fit(np.arange(10.0)[:, None], labels, class_weight=given, epochs=2, verbose=0)  # type: ignore[arg-type]
        histories.append(fitted.history["loss"])
    assert histories[0] == pytest.approx(histories[1])
    with pytest.raises(TypeError, match="or 'balanced', got 'even'"):
        model.fit(x[:, :1], y % 6, class_weight="even", verbose=0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs arrays"):
        model.fit(iter([(x[:, :1], y % 6)]), class_weight="balanced", verbose=0)


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What has been traced since."""
    made: list[Any] = []

    class Counted(Step):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            made.append(args)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(runner, "Step", Counted)
    return made


def folds(rows: int, count: int) -> Iterator[tuple[Any, Any]]:
    parts = np.array_split(np.random.default_rng(0).permutation(rows), count)
    for fold in range(count):
        yield np.concatenate(parts[:fold] + parts[fold + 1 :]), parts[fold]


def test_folds_share_one_program_and_nothing_else(traces: list[Any]) -> None:
    rng = np.random.default_rng(0)
    data, targets = rng.normal(size=(120, 4)), rng.integers(0, 3, 120)

    def build() -> corten.Model:
        corten.utils.set_random_seed(0)
        model = corten.Sequential([layers.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    model = build()
    assert model.optimizer is not None
    model.optimizer.build(model.trainable_variables)
    weights, state = model.get_weights(), [variable.numpy() for variable in model.optimizer.variables]
    counts = []
    for train, test in folds(120, 6):
        model.set_weights(weights)
        model.optimizer.set_weights(state)
        corten.utils.set_random_seed(1)
        shared = model.fit(data[train], targets[train], epochs=2, verbose=0).history
        loss = model.evaluate(data[test], targets[test], verbose=0)
        counts.append(len(traces))
        if len(counts) in (1, 6):
            alone = build()
            corten.utils.set_random_seed(1)
            assert alone.fit(data[train], targets[train], epochs=2, verbose=0).history == shared
            assert alone.evaluate(data[test], targets[test], verbose=0) == loss
            del traces[counts[-1] :]
    assert counts == [counts[0]] * 6


def resident() -> int:
    with open("/proc/self/statm") as file:  # noqa: PTH123 - not a file of ours
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.thorough
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads memory as Linux shows it")  # noqa: PTH110
@pytest.mark.parametrize("anew", [False, True])
def test_thousands_of_fits_take_no_more_memory(anew: bool) -> None:
    """The same model fitted again and again, and models that are built, fitted and forgotten."""
    rng = np.random.default_rng(0)
    data, targets = rng.normal(size=(64, 8)), rng.integers(0, 2, 64)

    def build() -> corten.Model:
        model = corten.Sequential([layers.Input((8,)), layers.Dense(16, "relu"), layers.Dense(2, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    model = build()

    def fit(times: int) -> int:
        for _ in range(times):
            (build() if anew else model).fit(data, targets, validation_split=0.25, verbose=0)
        gc.collect()
        return resident()

    times = 1000 if anew else 3000
    before = fit(times)
    assert fit(times) < before * 1.01
