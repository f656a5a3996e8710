"""Steps of one's own in a model, as Keras's guides write them: the logs, the same bits eagerly."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import corten
from corten import Input, Model, layers, losses, metrics, ops, optimizers

random = np.random.default_rng(0)
X = random.normal(size=(96, 4)).astype("float32")
Y = X @ np.float32([[1], [-2], [0.5], [0]]) + 0.1


class LowLevel(Model):
    """Everything by hand: loss, gradients, metrics."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loss_tracker = metrics.Mean(name="loss")
        self.mae_metric = metrics.MeanAbsoluteError(name="mae")
        self.loss_fn = losses.MeanSquaredError()

    @property
    def metrics(self) -> list[metrics.Metric]:
        return [self.loss_tracker, self.mae_metric]

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        y_pred = self(x, training=True)
        loss = self.loss_fn(y, y_pred)
        gradients = corten.gradients(loss, self.trainable_variables)
        assert self.optimizer is not None
        self.optimizer.apply(gradients, self.trainable_variables)
        self.loss_tracker.update_state(loss, sample_weight=x.shape[0])
        self.mae_metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}

    def test_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        self.mae_metric.update_state(y, self(x, training=False))
        return {"mae": self.mae_metric.result()}

    def predict_step(self, data: Any) -> Any:
        return {"twice": self(data) * 2.0, "x": data}


def build(kind: type[Model], **options: Any) -> Model:
    corten.utils.set_random_seed(1)
    inputs = Input((4,))
    hidden = layers.Dense(8, activation="tanh")(inputs)
    model: Model = kind(inputs, layers.Dense(1)(hidden))
    model.compile(optimizer=optimizers.Adam(0.01), **options)
    return model


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_all_by_hand_equals_the_steps_that_are_ready(run_eagerly: bool) -> None:
    made, histories = [], []
    for kind, options in ((Model, {"loss": "mse", "metrics": ["mae"]}), (LowLevel, {"run_eagerly": run_eagerly})):
        made.append(build(kind, **options))
        history = made[-1].fit(X, Y, batch_size=20, epochs=3, validation_split=0.25, verbose=0)
        histories.append(history.history)
    ready, by_hand = made
    assert type(by_hand).__name__ == "LowLevel" and isinstance(by_hand, LowLevel) and len(by_hand.layers) == 3
    assert set(histories[1]) == {"loss", "mae", "val_mae"}
    for name in histories[1]:
        np.testing.assert_allclose(histories[1][name], histories[0][name], rtol=1e-6)
    assert all((a == b).all() for a, b in zip(ready.get_weights(), by_hand.get_weights(), strict=True))
    assert by_hand.evaluate(X, Y, verbose=0, return_dict=True) == {
        "mae": pytest.approx(ready.evaluate(X, Y, verbose=0, return_dict=True)["mae"], rel=1e-6)
    }
    predicted = by_hand.predict(X[:50], verbose=0)
    assert set(predicted) == {"twice", "x"} and (predicted["x"] == X[:50]).all()
    assert (predicted["twice"] == 2 * ready.predict(X[:50], verbose=0)).all()


def test_compute_loss_and_compute_metrics() -> None:
    class Own(Model):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.tracker = metrics.Mean(name="tracked")

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):  # type: ignore[no-untyped-def]
            loss = ops.mean((y_pred - y) ** 2) + sum(self.losses)
            self.tracker.update_state(loss)
            return loss

        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            return {**results, "largest": ops.max(y_pred)}

    model = build(Own, metrics=["mae"])
    model.layers[1].kernel.regularizer = corten.regularizers.L2(0.01)
    history = model.fit(X, Y, batch_size=96, epochs=2, verbose=0).history
    assert set(history) == {"loss", "tracked", "mae", "largest"}
    assert history["loss"] == history["tracked"]
    model.evaluate(X, Y, batch_size=96, verbose=0)
    assert model.tracker.result() > ((model.predict(X, verbose=0) - Y) ** 2).mean()


def test_a_subclass_that_makes_its_own_functional_body() -> None:
    class Body(Model):
        def __init__(self, units: int, **kwargs: Any) -> None:
            inputs = Input((4,))
            super().__init__(inputs=inputs, outputs=layers.Dense(units)(inputs), **kwargs)
            self.units = units

    class Sub(Body):
        def train_step(self, data: Any) -> dict[str, Any]:
            return {**super().train_step(data), "seen": ops.constant(1.0)}

    model = Sub(2, name="body")
    assert isinstance(model, Sub) and model.output_shape == (None, 2) and model.name == "body" and model.units == 2
    model.compile("sgd", "mse")
    assert model.fit(X, Y[:, [0, 0]], verbose=0).history["seen"] == [1.0]
    with pytest.raises(TypeError, match=r"Body: too many positional|expected symbolic"):
        Body(2, 3)
    with pytest.raises(TypeError, match=r"expected symbolic inputs and outputs, got int"):
        Model(3)


def test_metrics_of_layers_inside_are_reset_and_reported() -> None:
    class Watched(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.size = metrics.Mean(name="size")

        def call(self, inputs: Any) -> Any:
            self.size.update_state(ops.abs(inputs))
            return inputs

    inputs = Input((4,))
    inner = corten.Sequential([Watched(input_shape=(4,))])
    model = Model(inputs, layers.Dense(1)(inner(inputs)))
    model.compile("sgd", "mse")
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert history["size"] == pytest.approx([np.abs(X).mean()] * 2, rel=1e-5)


class Guided(Model):
    """As Keras's guide writes it: whatever was compiled is walked over, one metric or several."""

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = corten.gradients(loss, self.trainable_weights)
        assert self.optimizer is not None
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=x.shape[0])
            elif not metric.name.endswith("_loss"):
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


def test_walking_over_the_compiled_metrics() -> None:
    histories = []
    for kind in (Model, Guided):
        model = build(kind, loss="mse", metrics=["mae", "mse"])
        # 96 rows in batches of 40: the second shape is traced when the metrics have begun.
        histories.append(model.fit(X, Y, batch_size=40, epochs=2, verbose=0).history)
        assert model.metrics_names == ["loss", "mae", "mse"]
    assert histories[0] == histories[1]

    histories = []
    for kind in (Model, Guided):
        corten.utils.set_random_seed(1)
        inputs = Input((4,))
        model = kind(inputs, {"a": layers.Dense(1, name="a")(inputs), "b": layers.Dense(1, name="b")(inputs)})
        model.compile("sgd", {"a": "mse", "b": "mae"}, metrics={"a": ["mae"], "b": ["mse"]})
        histories.append(model.fit(X, {"a": Y, "b": 2 * Y}, batch_size=40, verbose=0).history)
    assert set(histories[0]) == {"loss", "a_loss", "b_loss", "a_mae", "b_mse"} == set(histories[1])
    assert histories[0] == histories[1]


@pytest.mark.parametrize("eager", [False, True])
def test_targets_go_one_by_one_to_the_outputs_with_a_loss(eager: bool) -> None:
    """As Keras's language model returns its features beside its logits, and trains the logits alone."""
    rng = np.random.default_rng(4)
    x, labels = rng.standard_normal((12, 4)).astype(np.float32), rng.integers(0, 3, 12)
    features = np.zeros((12, 5), np.float32)

    def history(loss: Any, y: Any, **options: Any) -> dict[str, Any]:
        corten.utils.set_random_seed(2)
        inputs = Input((4,))
        hidden = layers.Dense(5, name="features")(inputs)
        scores = layers.Dense(3, activation="softmax", name="scores")(hidden)
        more = layers.Dense(5, name="more")(hidden)
        model = Model(inputs, [scores, hidden, more])
        model.compile("sgd", loss=loss, run_eagerly=eager, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return model.fit(x, y, epochs=2, shuffle=False, verbose=0).history

    one = "sparse_categorical_crossentropy"
    wanted = history({"scores": one}, {"scores": labels})
    for y in (labels, [labels], [labels, None, None]):
        assert history([one, None, None], y) == wanted
    wanted = history([one, None, "mse"], [labels, features, features])
    for y in ([labels, features], [labels, None, features]):
        found = history([one, None, "mse"], y, metrics=[["accuracy"], None, ["mae"]])
        assert {name: found[name] for name in wanted} == wanted
        assert set(found) - set(wanted) == {"scores_accuracy", "more_mae"}
    with pytest.raises(ValueError, match="no target for output 'features', which has a metric"):
        history([one, None, "mse"], [labels, features], metrics=[None, ["mae"], None])
    with pytest.raises(ValueError, match="3 outputs, got 2"):
        history([one, "mse", "mse"], [labels, features])
    half = np.full(12, 0.5, np.float32)
    inputs = Input((4,))
    hidden = layers.Dense(5)(inputs)
    model = Model(inputs, [layers.Dense(3)(hidden), hidden])
    model.compile("sgd", loss=["mse", None], run_eagerly=eager)
    whole = model.evaluate(x, np.zeros((12, 3), np.float32), verbose=0)
    assert model.evaluate(x, [np.zeros((12, 3), np.float32)], sample_weight=[half], verbose=0) == whole / 2


def test_names_of_metrics_and_outputs_without_a_loss() -> None:
    model = build(Model, loss="mse", metrics=["mae"], weighted_metrics=["mae", "mse"])
    history = model.fit(X, Y, sample_weight=np.linspace(0, 1, 96), verbose=0).history
    assert set(history) == {"loss", "mae", "weighted_mae", "mse"}
    inputs = Input((4,))
    hidden = layers.Dense(3, name="hidden")(inputs)
    model = Model(inputs, [layers.Dense(1, name="out")(hidden), hidden, layers.Dense(1, name="last")(hidden)])
    model.compile("sgd", loss=["mse", None, "mae"])
    assert set(model.fit(X, [Y, X[:, :3], Y], verbose=0).history) == {"loss", "out_loss", "last_loss"}
    model.compile("sgd", loss=["mse", None, None])
    with pytest.warns(UserWarning, match="does not depend on last/kernel"):
        assert set(model.fit(X, [Y, X[:, :3], Y], verbose=0).history) == {"loss"}


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_losses_are_those_of_the_latest_call(run_eagerly: bool) -> None:
    class Penalty(layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(3.0 * ops.mean(ops.square(inputs)))
            return inputs

    class Own(Model):
        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            self(x * 2.0, training=True)
            loss = ops.mean(ops.square(self(x, training=True) - y))
            assert len(self.losses) == 2
            return {"all": loss + sum(self.losses), "loss": loss}

        def test_step(self, data: Any) -> dict[str, Any]:
            return super().train_step(data)

    inputs = Input((4,))
    model = Own(inputs, layers.Dense(1, kernel_regularizer="l2")(Penalty()(inputs)))
    model.compile("sgd", "mse", run_eagerly=run_eagerly)
    logs = model.train_on_batch(X, Y, return_dict=True)
    added = 3 * np.square(X).mean()
    decay = 0.01 * np.square(model.get_weights()[0]).sum()
    assert logs["all"] - logs["loss"] == pytest.approx(added + decay, rel=1e-5)
    assert model.test_on_batch(X, Y, return_dict=True)["loss"] == pytest.approx(logs["all"], rel=1e-5)
    # Outside a step they are numbers.
    penalty = model.layers[1]
    assert penalty.losses == []
    penalty(X)
    assert penalty.losses == [pytest.approx(added, rel=1e-5)]


def test_a_metric_with_a_number_for_each_class(capsys: pytest.CaptureFixture[str]) -> None:
    corten.utils.set_random_seed(1)
    model = corten.Sequential([Input((4,)), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy", metrics=[metrics.F1Score()])
    targets = np.eye(3)[np.arange(96) % 3]
    history = model.fit(X, targets, epochs=2, validation_data=(X, targets)).history
    assert [score.shape for score in history["val_f1_score"]] == [(3,), (3,)]
    result = model.evaluate(X, targets, return_dict=True)
    assert (result["f1_score"] == history["val_f1_score"][-1]).all()
    shown = ", ".join(f"{score:.4f}" for score in result["f1_score"])
    assert f"val_f1_score: [{shown}]" in capsys.readouterr().out
    model.run_eagerly = True
    assert (model.evaluate(X, targets, verbose=0)[1] == result["f1_score"]).all()

    class Unreduced(Model):
        def train_step(self, data: Any) -> dict[str, Any]:
            return {"loss": self(data)[:, 0]}

    model = build(Unreduced)
    with pytest.raises(ValueError, match=r"scalars to log, 'loss' is shape \(32,\)"):
        model.fit(X, verbose=0)
