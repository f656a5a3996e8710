"""What ``fit``, ``evaluate`` and ``predict`` do in which order, as Keras does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import corten
from corten import Sequential, layers
from corten.callbacks import Callback, CallbackList

X = np.random.default_rng(0).normal(size=(26, 4)).astype("float32")
Y = X[:, :2].copy()


def compiled(**options: Any) -> Sequential:
    corten.utils.set_random_seed(0)
    model = Sequential([layers.Dense(2, input_shape=(4,))])
    model.compile("sgd", "mse", **options)
    return model


class Stop(Callback):
    """Ends training the ``at``-th time that ``hook`` is called."""

    def __init__(self, hook: str, at: int) -> None:
        super().__init__()
        self.left = at
        setattr(self, hook, self.count)

    def count(self, *args: Any, **kwargs: Any) -> None:
        self.left -= 1
        self.model.stop_training = self.model.stop_training or self.left == 0


class Calls(Callback):
    """Remembers the batch hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.calls.append(("begin", batch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.calls.append(("end", batch))


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize(
    ("hook", "at", "batches"),
    [
        ("on_train_begin", 1, 1),
        ("on_epoch_begin", 1, 1),
        ("on_epoch_begin", 2, 5),
        ("on_train_batch_begin", 1, 1),
        ("on_train_batch_begin", 2, 2),
        ("on_train_batch_begin", 4, 4),
        ("on_train_batch_end", 2, 2),
    ],
)
def test_training_ends_after_the_batch_that_was_begun(hook: str, at: int, batches: int, run_eagerly: bool) -> None:
    model, calls = compiled(run_eagerly=run_eagerly), Calls()
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[Stop(hook, at)])
    assert int(model.optimizer.iterations) == batches
    model = compiled(run_eagerly=run_eagerly)
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0, callbacks=[Stop(hook, at), calls])
    assert int(model.optimizer.iterations) == batches
    assert calls.calls == [(what, i % 4) for i in range(batches) for what in ("begin", "end")]


class Sums(Sequential):
    """Logs the sum of each batch, so that one sees which rows an epoch had."""

    def train_step(self, data: Any) -> dict[str, Any]:
        self.keep.assign_add(corten.ops.sum(data))
        return {"loss": corten.ops.add(self.keep.value, 0.0)}


class Indexed:
    """Batches of five rows by index, and what was asked of it."""

    def __init__(self, x: Any) -> None:
        self.x, self.asked = x, []  # type: ignore[var-annotated]

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> Any:
        self.asked.append(index)
        return self.x[index * 2 : index * 2 + 2]

    def on_epoch_begin(self) -> None:
        self.asked.append("begin")

    def on_epoch_end(self) -> None:
        self.asked.append("end")


@pytest.mark.parametrize("indexed", [False, True])
def test_steps_go_on_where_the_last_epoch_ended(indexed: bool) -> None:
    # Ten rows in five batches of 1, 10, 100, ... twice each.
    x = np.repeat(10.0 ** np.arange(5), 2)[:, None].astype("float32")
    model = Sums([layers.Dense(1, input_shape=(1,))])
    model.keep = corten.Variable(np.float32(0), trainable=False)
    model.compile("sgd", "mse")
    data: Any = {"x": Indexed(x)} if indexed else {"x": x, "batch_size": 2, "shuffle": False}
    history = model.fit(**data, steps_per_epoch=2, epochs=4, verbose=0)
    # The third epoch has the one batch that was left, as in Keras.
    assert history.history["loss"] == [22, 2222, 22222, 22244]
    if indexed:
        assert data["x"].asked == ["begin", 0, 1, "end", "begin", 2, 3, "end", "begin", 4, "end", "begin", 0, 1, "end"]


def test_shuffled_steps_see_every_row_once_in_a_pass() -> None:
    x = (2.0 ** np.arange(12))[:, None].astype("float32")
    model = Sums([layers.Dense(1, input_shape=(1,))])
    model.keep = corten.Variable(np.float32(0), trainable=False)
    model.compile("sgd", "mse")
    sums = model.fit(x, batch_size=2, steps_per_epoch=3, epochs=4, verbose=0).history["loss"]
    assert sums[1] == 4095 and sums[3] == 2 * 4095
    assert sums[0] != sums[2] - sums[1]


def test_the_steps_say_the_size_of_a_batch_where_nothing_else_does() -> None:
    model, calls = compiled(), Calls()
    model.fit(X, Y, steps_per_epoch=5, verbose=0, callbacks=[calls], validation_data=(X, Y), validation_steps=2)
    assert calls.calls[-1] == ("end", 4)
    assert model.history.params["steps"] == 5
    assert model.predict(X, steps=3, verbose=0).shape == (26, 2)
    assert model.predict(X, steps=3, batch_size=4, verbose=0).shape == (12, 2)
    assert model.evaluate(X, Y, steps=2, verbose=0) == pytest.approx(model.evaluate(X, Y, batch_size=13, verbose=0))


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_predict_tells_of_every_batch_with_its_outputs(run_eagerly: bool) -> None:
    seen: list[tuple[int, Any]] = []

    class Outputs(Callback):
        def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
            seen.append((batch, None))

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append((batch, logs["outputs"]))

    model = compiled(run_eagerly=run_eagerly)
    predicted = model.predict(X, batch_size=10, verbose=0, callbacks=[Outputs()])
    assert [batch for batch, _ in seen] == [0, 0, 1, 1, 2, 2]
    assert (np.concatenate([outputs for _, outputs in seen[1::2]]) == predicted).all()


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_an_added_loss_of_each_sample_counts_as_their_sum(run_eagerly: bool) -> None:
    class Penalty(layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(corten.ops.sum(corten.ops.square(inputs), axis=-1))
            return inputs

    model = Sequential([layers.Dense(2, kernel_initializer="ones", input_shape=(4,)), Penalty()])
    model.compile("sgd", run_eagerly=run_eagerly)
    predicted = model.predict(X, verbose=0)
    assert model.train_on_batch(X) == pytest.approx(np.square(predicted).sum(), rel=1e-5)
    step = model.layers[0].get_weights()[1]
    assert step == pytest.approx(-0.01 * 2 * predicted.sum(axis=0), rel=1e-4)


def test_class_weights_of_batches_are_those_of_arrays() -> None:
    labels = (X[:, 0] > 0).astype(int)
    weights: list[Any] = []
    for batches in (False, True):
        corten.utils.set_random_seed(0)
        model = Sequential([layers.Dense(2, activation="softmax", input_shape=(4,))])
        model.compile("sgd", "sparse_categorical_crossentropy")
        given: Any = {"x": X, "y": labels, "batch_size": 13, "shuffle": False}
        if batches:
            given = {"x": iter([(X[:13], labels[:13]), (X[13:], labels[13:])])}
        model.fit(**given, class_weight={0: 1.0, 1: 5.0}, verbose=0)
        weights.append(model.get_weights())
    assert all((a == b).all() for a, b in zip(*weights, strict=True))
    with pytest.raises(ValueError, match="not both"):
        model.fit(iter([(X, labels, np.ones(26))]), class_weight={0: 1.0, 1: 5.0}, verbose=0)


class Pairs:
    """Batches of four rows that can be iterated over again and again, but not indexed."""

    def __iter__(self) -> Iterator[Any]:
        return ((X[start : start + 4], Y[start : start + 4]) for start in range(0, 20, 4))


def test_a_generator_of_validation_data_that_is_used_up_is_told() -> None:
    model, seen = compiled(), len(list(Pairs()))
    with pytest.warns(RuntimeWarning, match="exhausted before epoch 2; later epochs are not") as caught:
        history = model.fit(X, Y, epochs=4, verbose=0, validation_data=iter(Pairs()))
    assert len(caught) == 1 and history.epoch == [0, 1, 2, 3]
    assert len(history.history["val_loss"]) == 1 and len(history.history["loss"]) == 4
    with pytest.warns(RuntimeWarning) as caught:
        history = model.fit(X, Y, epochs=4, verbose=0, validation_data=iter(Pairs()), validation_steps=2)
    told = [str(one.message) for one in caught]
    assert seen == 5 and told[0].startswith("evaluate: the data ended after 1 of 2 steps")
    assert len(told) == 2 and "exhausted before epoch 4" in told[1]
    assert len(history.history["val_loss"]) == 3
    with pytest.warns(RuntimeWarning, match="exhausted before epoch 1"):
        assert "val_loss" not in model.fit(X, Y, verbose=0, validation_data=iter([])).history
    with pytest.raises(ValueError, match="evaluate: the data yielded no batches"):
        model.evaluate(iter([]), verbose=0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("source", [Pairs(), list(Pairs())], ids=["iterable", "indexed"])
def test_validation_steps_are_the_same_batches_in_every_epoch(source: Any) -> None:
    if isinstance(source, list):
        batches = source
        source = type("Indexed", (), {"__len__": lambda _: 5, "__getitem__": lambda _, index: batches[index]})()
    model = compiled()
    model.optimizer.learning_rate = 0.0  # type: ignore[union-attr]
    history = model.fit(X, Y, epochs=6, verbose=0, validation_data=source, validation_steps=2).history
    assert history["val_loss"] == [pytest.approx(model.evaluate(X[:8], Y[:8], verbose=0))] * 6


@pytest.mark.parametrize("source", [(X, Y), Pairs(), list(Pairs())], ids=["arrays", "iterable", "indexed"])
def test_more_steps_than_an_epoch_has_do_not_end_training(source: Any) -> None:
    if isinstance(source, list):
        batches = source
        source = type("Indexed", (), {"__len__": lambda _: 5, "__getitem__": lambda _, index: batches[index]})()
    given = {"x": source[0][:20], "y": source[1][:20], "batch_size": 4} if isinstance(source, tuple) else {"x": source}
    model, calls = compiled(), Calls()
    with pytest.warns(RuntimeWarning, match="fit: the data ended after 5 of 7 steps; the next epoch starts over"):
        history = model.fit(**given, epochs=3, steps_per_epoch=7, verbose=0, shuffle=False, callbacks=[calls])
    assert history.epoch == [0, 1, 2] and len(calls.calls) == 3 * 2 * 5


@pytest.mark.parametrize(("steps", "batches"), [(1, [1] * 6), (2, [2, 2, 1, 2, 2, 1]), (5, [5] * 6)])
@pytest.mark.filterwarnings("ignore:fit:RuntimeWarning")
def test_an_iterable_that_can_begin_anew_lasts_for_all_epochs(steps: int, batches: list[int]) -> None:
    model, calls = compiled(), Calls()
    model.fit(Pairs(), epochs=6, steps_per_epoch=steps, verbose=0, callbacks=[calls])
    ends = [batch for what, batch in calls.calls if what == "end"]
    assert ends == [batch for count in batches for batch in range(count)]


def test_more_steps_than_there_are_batches_are_told() -> None:
    model = compiled()
    with pytest.warns(RuntimeWarning, match="evaluate: the data ended after 7 of 10 steps"):
        model.evaluate(X, Y, batch_size=4, steps=10, verbose=0)


@pytest.mark.parametrize("wrap", [lambda one: CallbackList([one]), lambda one: [[one], ()], lambda one: one])
def test_callbacks_may_be_nested_or_a_callback_list(wrap: Any) -> None:
    model, calls = compiled(), Calls()
    history = model.fit(X, Y, epochs=2, batch_size=13, verbose=0, callbacks=wrap(calls))
    assert history.epoch == [0, 1] and len(calls.calls) == 8
    assert calls.model is model and calls.params["epochs"] == 2 and calls.params["do_validation"] is False
    with pytest.raises(TypeError, match="Callback objects, got 5"):
        model.fit(X, Y, callbacks=wrap(5))


def test_a_class_of_ones_own_may_be_a_functional_model_without_saying_so() -> None:
    class Own(corten.Model):
        def __init__(self) -> None:
            inputs = corten.Input((4,))
            super().__init__(inputs=inputs, outputs=layers.Dense(2)(inputs))

    assert Own().predict(X, verbose=0).shape == (26, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compiled().fit(X, Y, nb_epoch=2), "fit: unexpected keyword argument 'nb_epoch'; use 'epochs'"),
        (lambda: compiled().fit(X, Y, validation_date=2), "did you mean 'validation_data'?"),
        (lambda: compiled().fit(X, Y, workers=2), "fit: unexpected keyword argument 'workers'$"),
        (lambda: compiled().evaluate(X, Y, val_samples=2), "evaluate: .* 'val_samples'; use 'steps'"),
        (lambda: Sequential().compile("sgd", metric=["mae"]), "compile: .* did you mean 'metrics'?"),
        (lambda: corten.Model(input=corten.Input((2,)), output=3), "unexpected keyword argument 'input'; use 'inputs'"),
    ],
)
def test_an_unexpected_argument_is_answered_with_the_one_meant(call: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()
