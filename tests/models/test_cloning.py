"""clone_model: the same layers and connections, weights of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from corten import Input, Model, Sequential, layers, ops
from corten.models import clone_model

X = np.random.default_rng(0).integers(0, 9, (5, 6))


def functional() -> Model:
    """Masks, a wrapper, a shared layer, ops, a model inside, dicts."""
    tokens = Input((6,), dtype="int32", name="tokens")
    steps = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(layers.Embedding(9, 4, mask_zero=True)(tokens))
    shared = layers.Dense(6, activation="relu")
    inner = Sequential([layers.Dense(6, input_shape=(None, 6)), layers.Dropout(0.1)])
    found = ops.mean(shared(steps) + inner(shared(steps)), axis=1)
    return Model({"tokens": tokens}, {"out": layers.Dense(2, name="out")(found)}, name="tagger")


@pytest.mark.parametrize(
    "model",
    [
        functional(),
        Sequential([layers.Embedding(9, 4), layers.GRU(3), layers.Dense(2)]),
        Sequential([Input((6,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)]),
    ],
    ids=["functional", "sequential", "sequential with an input"],
)
def test_a_clone_is_the_same_model_with_weights_of_its_own(model: Any) -> None:
    x = {"tokens": X} if model.name == "tagger" else X
    wanted = model.predict(x, verbose=0)
    clone = clone_model(model)
    before = clone.predict(x, verbose=0)
    assert type(clone) is type(model) and clone.name == model.name
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert [(w.path, w.shape) for w in clone.weights] == [(w.path, w.shape) for w in model.weights]
    assert not {id(w) for w in clone.variables} & {id(w) for w in model.variables}
    clone.set_weights(model.get_weights())
    after = clone.predict(x, verbose=0)
    if isinstance(wanted, dict):
        wanted, before, after = wanted["out"], before["out"], after["out"]
    assert before.tobytes() != wanted.tobytes() == after.tobytes()


def test_layers_and_calls_may_be_chosen() -> None:
    model = Sequential([layers.Dense(3, input_shape=(4,)), layers.Dropout(0.5), layers.Dense(2)])

    def wider(layer: Any) -> Any:
        return layers.Dense(7) if layer.name == model.layers[0].name else layer

    clone = clone_model(
        model, clone_function=lambda layer: wider(layer) if layer is not model.layers[2] else layers.Dense(2)
    )
    assert [w.shape for w in clone.weights] == [(4, 7), (7,), (7, 2), (2,)]
    assert clone.layers[1] is model.layers[1]
    called = []

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        called.append(layer.name)
        return layer(*args, **kwargs)

    fresh = Input((4,))
    clone = clone_model(model, input_tensors=fresh, call_function=call)
    assert called == [layer.name for layer in model.layers] and clone.inputs[0] is fresh

    class Own(Model):
        def call(self, inputs: Any) -> Any:
            return inputs

    with pytest.raises(ValueError, match="for Sequential and functional models, got a Own"):
        clone_model(Own(), clone_function=wider)
    assert type(clone_model(Own(name="one"))) is Own
    with pytest.raises(TypeError, match="unexpected keyword argument 'inputs'"):
        clone_model(model, inputs=fresh)
