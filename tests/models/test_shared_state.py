"""Runs do not mix what they count, and what a thread reads is never half of two states."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from corten.saving.safetensors import load_file

RNG = np.random.default_rng(0)
X = np.ones((4, 1), np.float32)
Y = np.float32([[1], [2], [3], [4]])


def made(eager: bool = False) -> Any:
    model = corten.Sequential([layers.Dense(1, kernel_initializer="zeros", input_shape=(1,))])
    model.compile(corten.optimizers.SGD(0.0), "mse", metrics=["mae"], run_eagerly=eager)
    return model


def in_threads(*actions: Callable[[], Any]) -> None:
    errors: list[BaseException] = []

    def run(action: Callable[[], Any]) -> None:
        try:
            action()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class Within(corten.callbacks.Callback):
    """Evaluates in the midst of another run."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.results = how, []

    def look(self) -> None:
        zero = np.zeros((2, 1), np.float32)
        if self.how == "evaluate":
            self.results.append(self.model.evaluate(zero, zero + 1, batch_size=1, verbose=0))
        elif self.how == "test_on_batch":
            self.results.append(self.model.test_on_batch(zero, zero + 1))
        elif self.how == "evaluate twice":
            self.results.append(self.model.evaluate(zero, zero + 1, verbose=0, callbacks=[Within("evaluate")]))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.look()

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.look()


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("how", ["evaluate", "test_on_batch", "evaluate twice"])
def test_an_evaluation_in_a_callback_counts_apart(how: str, eager: bool) -> None:
    model, within = made(eager), Within(how)
    history = model.fit(X, Y, batch_size=1, shuffle=False, verbose=0, epochs=2, callbacks=[within]).history
    assert history == {"loss": [7.5, 7.5], "mae": [2.5, 2.5]}
    assert within.results == [[1.0, 1.0]] * 8
    assert model.evaluate(X, Y, batch_size=1, verbose=0, callbacks=[Within(how)]) == [7.5, 2.5]


def test_threads_evaluate_one_model() -> None:
    model = made()
    results: list[Any] = []

    def evaluate() -> None:
        counts = (1, 2, 3, 4) * 10
        results.extend((rows, model.evaluate(X[:rows], Y[:rows], batch_size=1, verbose=0)) for rows in counts)

    in_threads(*[evaluate] * 4)
    right = {rows: [np.mean(Y[:rows] ** 2), np.mean(Y[:rows])] for rows in (1, 2, 3, 4)}
    assert len(results) == 160 and all(np.allclose(result, right[rows]) for rows, result in results)


def test_a_thread_evaluates_while_another_trains() -> None:
    model, results, histories = made(), [], []
    ready, done = threading.Event(), threading.Event()

    class Wait(corten.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            ready.set()
            assert done.wait(30)

    def evaluate() -> None:
        assert ready.wait(30)
        results.extend(model.evaluate(X[:2], Y[:2], batch_size=1, verbose=0) for _ in range(20))
        done.set()

    def train() -> None:
        histories.append(model.fit(X, Y, batch_size=1, shuffle=False, verbose=0, callbacks=[Wait()]).history)

    in_threads(train, evaluate)
    assert results == [[2.5, 1.5]] * 20 and histories == [{"loss": [7.5], "mae": [2.5]}]


def test_a_metric_and_a_variable_that_threads_add_to() -> None:
    mean, variable, generator = corten.metrics.Mean(), corten.Variable(np.float32(0)), corten.random.SeedGenerator(1)
    seeds: list[int] = []

    def add() -> None:
        for _ in range(200):
            mean.update_state(np.float32([1, 3]))
            variable.assign_add(1.0)
            seeds.append(corten.random.draw_seed())
            seeds.append(tuple(generator.next().tolist()))

    in_threads(*[add] * 4)
    assert float(mean.count) == 1600 and mean.result() == 2 and float(variable) == 800
    assert len(set(seeds)) == 1600


def test_weights_are_read_whole(tmp_path: Any) -> None:
    model = corten.Sequential([layers.Dense(64, input_shape=(16,)), *(layers.Dense(64) for _ in range(6))])
    states = [[np.full_like(weight, value) for weight in model.get_weights()] for value in (0.25, 0.5)]
    z = np.ones((2, 16), np.float32)
    predictions = []
    for state in states:
        model.set_weights(state)
        predictions.append(model.predict(z, verbose=0))
    stop = threading.Event()

    def write() -> None:
        for _ in range(300):
            for state in states:
                model.set_weights(state)
        stop.set()

    def expect_whole(arrays: Any) -> None:
        assert len({float(value) for array in arrays for value in np.unique(array)}) == 1

    def read() -> None:
        while not stop.is_set():
            expect_whole(model.get_weights())
            prediction = model.predict(z, verbose=0)
            assert any((prediction == one).all() for one in predictions)

    def save() -> None:
        while not stop.is_set():
            model.save_weights(tmp_path / "w.safetensors")
            expect_whole(load_file(tmp_path / "w.safetensors").values())

    in_threads(write, read, save)


def test_a_variable_assigned_twice_at_once_has_the_last_value() -> None:
    variable = corten.Variable(np.float32([0]))
    corten.graph.assign([variable, variable], [[1], [2]])
    assert [value.tolist() for value in corten.graph.values([variable, variable])] == [[2], [2]]
