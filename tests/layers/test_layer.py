"""What every layer can tell of itself: where it stands in a functional model."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import corten
from corten import Input, Model, Sequential, layers

X = np.random.default_rng(0).random((5, 8, 8, 1)).astype("float32")


def test_inner_activations_by_the_output_of_layers() -> None:
    model = Sequential([layers.Conv2D(3, 3, activation="relu", name="maps", input_shape=(8, 8, 1))])
    first = model.get_layer("maps").output
    model.add(layers.Flatten())
    model.add(layers.Dense(2, name="top"))
    # The chain grows; what was there stays where it was.
    assert model.get_layer("maps").output is first and model.layers[1].input is first
    maps, scores = Model(model.inputs, [model.get_layer("maps").output, model.output]).predict(X, verbose=0)
    assert (maps == model.layers[0](X)).all() and (scores == model.predict(X, verbose=0)).all()
    # From the middle to the end, and Grad-CAM's gradient of a score by the maps.
    upper = Model(model.layers[1].input, model.output)
    np.testing.assert_allclose(upper.predict(maps, verbose=0), scores, rtol=1e-5)
    slope = Model(model.inputs, corten.gradients(model.output[:, 0], first)).predict(X, verbose=0)
    assert slope.shape == maps.shape and np.abs(slope).max() > 0
    model.pop()
    model.add(layers.Dense(4))
    assert model.layers[-1].input is model.layers[1].output and model.output_shape == (None, 4)
    other = Model(inputs := Input((8, 8, 1)), layers.GlobalMaxPooling2D()(model.get_layer("maps")(inputs)))
    assert other.layers[0].output is inputs
    # A layer that is shared stands where it was applied first.
    assert model.get_layer("maps").output is first
    every = Model(other.inputs, [layer.output for layer in (other.layers[0], other.layers[2])])
    assert (every.predict(X, verbose=0)[0] == X).all()


def test_a_trained_translator_is_taken_apart() -> None:
    source, target = Input((None, 3)), Input((None, 2))
    _, *states = layers.LSTM(4, return_state=True)(source)
    decoded = layers.LSTM(4, return_sequences=True)(target, initial_state=states)
    model = Model([source, target], layers.Dense(2)(decoded))
    sequence, *found = model.layers[2].output
    assert all(a is b for a, b in zip(found, states, strict=True)) and sequence.shape == (None, 4)
    encoder = Model(model.input[0], found)
    assert [state.shape for state in encoder.predict(np.ones((1, 6, 3)), verbose=0)] == [(1, 4), (1, 4)]
    assert model.layers[3].input == [target, *states]


def test_a_layer_without_a_place_has_no_output() -> None:
    layer = layers.Dense(2)
    layer(np.ones((1, 3)))
    assert not hasattr(layer, "output") and not hasattr(layer, "input")
    with pytest.raises(AttributeError, match=r"'dense.*' has no output: it was not applied to symbolic tensors"):
        layer.output  # noqa: B018


def test_a_layer_that_does_not_fit_is_not_added() -> None:
    model = Sequential([layers.Dense(3, input_shape=(2,))])
    with pytest.raises(ValueError, match="Conv2D"):
        model.add(layers.Conv2D(1, 3))
    assert len(model.layers) == 1 and model.predict(np.ones((1, 2)), verbose=0).shape == (1, 3)
    with pytest.raises(ValueError, match=f"^'{model.name}': input"):
        model.predict(np.ones((1, 5)), verbose=0)


def test_an_unknown_argument_is_named_with_the_layer() -> None:
    with pytest.raises(TypeError, match="^LSTM: unexpected keyword argument 'unrolled'; did you mean 'unroll'\\?$"):
        layers.LSTM(3, unrolled=True)
    with pytest.raises(
        TypeError, match="^Dense: unexpected keyword argument 'activaton'; did you mean 'activation'\\?$"
    ):
        layers.Dense(3, activaton="relu")


def test_what_is_forgotten_most() -> None:
    class Unbegun(layers.Layer):
        def __init__(self) -> None:
            self.inner = layers.Dense(1)

    class UnbegunModel(Unbegun, Model): ...  # type: ignore[misc]

    with pytest.raises(RuntimeError, match=r"^Unbegun: super\(\)\.__init__\(\) was not called"):
        Unbegun()(np.ones((1, 2)))
    with pytest.raises(RuntimeError, match=r"^UnbegunModel: super\(\)"):
        UnbegunModel().compile("sgd")

    class Silent(layers.Layer):
        def call(self, inputs: object) -> None: ...

    with pytest.raises(TypeError, match=r"Silent\.call of 'silent' returned None; missing"):
        Silent(name="silent")(np.ones((1, 2)))


def test_lists_and_dicts_of_layers_may_change_later() -> None:
    class Stack(corten.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.blocks: list[Any] = []
            self.heads: dict[str, Any] = {"sizes": [1, 2]}

        def call(self, inputs: Any) -> Any:
            return inputs

    def built(units: int) -> layers.Dense:
        dense = layers.Dense(units)
        dense.build((None, 3))
        return dense

    stack = Stack()
    assert stack.variables == []
    stack.blocks.append(built(2))
    assert [v.shape for v in stack.variables] == [(3, 2), (2,)]
    stack.blocks[0] = built(4)
    assert [v.shape for v in stack.trainable_variables] == [(3, 4), (4,)]
    stack.heads["sizes"].append(built(5))
    assert [v.shape for v in stack.variables] == [(3, 4), (4,), (3, 5), (5,)]
    stack.heads["sizes"][2].kernel.trainable = False
    assert [v.shape for v in stack.trainable_variables] == [(3, 4), (4,), (5,)]
    stack.scale = stack.add_weight((7,), name="scale")
    assert stack.variables[0] is stack.scale
    del stack.blocks
    assert [v.shape for v in stack.variables] == [(7,), (5,), (3, 5)]
    stack.heads = None  # type: ignore[assignment]
    assert stack.variables == [stack.scale]


def test_asking_for_an_output_shape_changes_nothing() -> None:
    def weights(ask: bool) -> list[Any]:
        corten.utils.set_random_seed(3)
        block = corten.layers.TransformerBlock(num_heads=2, intermediate_dim=5, name="block")
        if ask:
            assert block.compute_output_shape((None, 3, 4)) == (None, 3, 4)
            assert not block.built and block.weights == [] and not hasattr(block, "attention")
            with pytest.raises(AttributeError):
                block.output  # noqa: B018
            # Another size may still come.
            assert block.compute_output_shape((2, None, 8)) == (2, None, 8)
        block(np.ones((1, 3, 4)))
        return block.get_weights()

    assert all((a == b).all() for a, b in zip(weights(True), weights(False), strict=True))
    with pytest.raises(NotImplementedError):
        layers.Layer().compute_output_shape((None, 3))
    with pytest.raises(ValueError, match="expected a shape"):
        layers.Dense(3).compute_output_shape(4)


def test_a_configuration_tells_what_a_layer_is_now() -> None:
    dropout, dense = layers.Dropout(0.1), layers.Dense(2, activation="softmax")
    assert dense.get_config()["activation"] == "softmax"
    dropout.rate = 0.4
    dense.activation = corten.activations.relu
    assert dropout.get_config()["rate"] == 0.4 and dense.get_config()["activation"] == "relu"
    model = Sequential([layers.Dense(2, activation="softmax", input_shape=(3,))])
    model.layers[0].activation = None
    clone = corten.models.clone_model(model)
    clone.set_weights(model.get_weights())
    x = np.float32([[1, -2, 3]])
    np.testing.assert_allclose(model.predict(x, verbose=0), x @ model.get_weights()[0], rtol=1e-6)
    assert (clone.predict(x, verbose=0) == model.predict(x, verbose=0)).all()


def test_shallow_copies_are_right_or_refused() -> None:
    model = Sequential([layers.Dense(2, input_shape=(3,))])
    for thing in (model, model.layers[0], layers.Dense(2), corten.metrics.Mean()):
        with pytest.raises(TypeError, match="a shallow copy would share variables and caches"):
            copy.copy(thing)
    loss = corten.losses.Huber(delta=2.0)
    other = copy.copy(loss)
    assert type(other) is type(loss) and other.get_config() == loss.get_config()
    other._config["delta"] = 3.0
    assert loss.get_config()["delta"] == 2.0


def test_sizes_that_come_with_the_data_may_fit_a_shape_that_is_wanted() -> None:
    y = layers.Reshape((-1, 10))(Input((None, 2)))
    assert y.shape == (None, None, 10)
    model = Model(x := Input((None,)), layers.Dense(3)(layers.Reshape((3, 5))(x)))
    assert model.output_shape == (None, 3, 3)
    assert model.predict(np.ones((2, 15)), verbose=0).shape == (2, 3, 3)
    with pytest.raises(ValueError, match="reshape"):
        model.predict(np.ones((2, 16)), verbose=0)
    with pytest.raises(ValueError, match="reshape"):
        layers.Reshape((3, 5))(Input((16,)))


def test_arguments_that_are_no_tensors_may_come_by_position() -> None:
    class Doubling(layers.Layer):
        def call(self, inputs: Any, twice: bool, training: bool = False) -> Any:
            return inputs * (2.0 if twice else 1.0) + (1.0 if training else 0.0)

    x = np.ones((1, 2), np.float32)
    assert Doubling()(x, True)[0, 0] == 2 and Doubling()(x, False, True)[0, 0] == 2
    model = Model(i := Input((2,)), Doubling()(i, True, True))
    assert model.predict(x, verbose=0)[0, 0] == 3


def test_integers_reach_a_layer_as_they_are() -> None:
    """As float32, 2^24 + 1 would be the index before it."""
    size = 2**24 + 2

    class Tokens(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.table = layers.Embedding(size, 1, weights=np.arange(size)[:, None] % 7)

        def call(self, inputs: Any) -> Any:
            assert inputs.dtype == "int32"
            return self.table(inputs)

    layer, x = Tokens(), np.array([[2**24, 2**24 + 1]])
    wanted = (x % 7)[..., None]
    assert (layer(x) == wanted).all()
    inputs = Input((2,), dtype="int32")
    assert (Model(inputs, layer(inputs)).predict(x, verbose=0) == wanted).all()
    kept = layers.Concatenate()([x, layers.Flatten()(x)])
    assert kept.dtype == np.int32 and (kept == np.concatenate([x, x], 1)).all()
