"""Recurrent layers: Keras's numbers under every option, the steps one by one and in one op, masks, states, dropout."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import corten
from corten import activations, layers, ops
from corten.graph import Graph, flatten

KINDS = ("SimpleRNN", "LSTM", "GRU")


def normal(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


def states(kind: str) -> int:
    return 2 if kind == "LSTM" else 1


@pytest.fixture(scope="module")
def keras() -> Any:
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    return pytest.importorskip("keras", reason="needs keras as the oracle: make setup")


def agrees_with_keras(keras: Any, ours: Any, theirs: Any, x: Any, rng: np.random.Generator, **call: Any) -> None:
    theirs(x)
    ours(x)
    weights = [normal(rng, *w.shape) / 2 for w in theirs.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    found, wanted = flatten(ours(x, **call)), keras.tree.flatten(theirs(x, **call))
    assert [y.shape for y in found] == [tuple(y.shape) for y in wanted]
    for y, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(y, np.asarray(other), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_any_options_shapes_masks_and_states_give_what_keras_gives(kind: str, seed: int, keras: Any) -> None:
    rng = np.random.default_rng(seed)
    flags = ["return_sequences", "return_state", "go_backwards", "use_bias", "zero_output_for_mask"]
    options: dict[str, Any] = {name: bool(rng.integers(2)) for name in flags}
    batch, time, features, units = (int(n) for n in rng.integers(1, [6, 7, 6, 20]))
    if kind == "GRU":
        options["reset_after"] = bool(rng.integers(2))
    if seed % 4 == 3:
        options["activation"] = "sigmoid"
    x, begin = normal(rng, batch, time, features), [normal(rng, batch, units) for _ in range(states(kind))]
    call = {"mask": rng.random((batch, time)) < 0.6, "initial_state": begin if seed % 2 else None}
    ours, theirs = getattr(layers, kind)(units, **options), getattr(keras.layers, kind)(units, **options)
    agrees_with_keras(keras, ours, theirs, x, rng, **call)


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("sequences", [False, True])
def test_both_directions_merge_as_in_keras(merge_mode: Any, sequences: bool, keras: Any) -> None:
    rng = np.random.default_rng(7)
    x, mask = normal(rng, 4, 5, 3), rng.random((4, 5)) < 0.6
    options = {"units": 6, "return_sequences": sequences, "return_state": True}
    ours, theirs = (room.Bidirectional(room.LSTM(**options), merge_mode) for room in (layers, keras.layers))
    agrees_with_keras(keras, ours, theirs, x, rng, mask=mask, initial_state=[normal(rng, 4, 6) for _ in range(4)])


def test_stacked_cells_and_cells_alone_as_in_keras(keras: Any) -> None:
    rng = np.random.default_rng(3)
    x, mask = normal(rng, 4, 5, 3), rng.random((4, 5)) < 0.6
    for second in ("tanh", "elu"):  # In one op for each cell, and step by step.
        ours, theirs = (
            room.RNN(
                [room.LSTMCell(4), room.GRUCell(5, activation=second)],
                return_sequences=True,
                return_state=True,
                go_backwards=True,
            )
            for room in (layers, keras.layers)
        )
        agrees_with_keras(keras, ours, theirs, x, rng, mask=mask)


# --- step by step or in one op ---------------------------------------------------------------------------------------


def hidden(function: Any) -> Any:
    """The same function under another name, for which there is no op over sequences."""
    return lambda x: function(x)


def by_steps(kind: str, units: int, **options: Any) -> Any:
    if kind != "SimpleRNN":
        options["recurrent_activation"] = hidden(activations.sigmoid)
    return getattr(layers, kind)(units, activation=hidden(activations.tanh), **options)


def trained(layer: Any, x: Any, mask: Any) -> list[Any]:
    """What the layer gives in training, and the gradients by input and weights."""
    with Graph(eager=True) as graph:
        given = graph.constant(x)
        outputs = flatten(layer(given, mask=graph.constant(mask), training=True))
        loss = sum(ops.sum(y * y) * (k + 1.0) for k, y in enumerate(outputs))
        found = corten.gradients(loss, [given, *layer.trainable_variables])
        return [y.numpy() for y in [*outputs, *found]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_one_op_and_its_gradient_equal_the_steps_one_by_one(kind: str, dropout: float) -> None:
    rng = np.random.default_rng(1)
    x, mask = normal(rng, 3, 6, 4), (rng.random((3, 6)) < 0.7).astype(np.float32)
    options: dict[str, Any] = {"return_sequences": True, "return_state": True, "go_backwards": True, "seed": 4}
    options |= {"dropout": dropout, "recurrent_dropout": dropout}
    one, steps = getattr(layers, kind)(5, **options), by_steps(kind, 5, **options)
    one(x), steps(x)
    steps.set_weights(one.get_weights())
    for a, b in zip(trained(one, x, mask), trained(steps, x, mask), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_long_sequences_step_by_step_stay_small_graphs() -> None:
    """The gradient of a step's part of the input is joined once, not added up from as many whole sequences."""
    layer = by_steps("SimpleRNN", 3)
    with Graph() as graph:
        x = graph.input((2, 50, 4))
        corten.gradients(ops.sum(layer(x)), [x, *layer.trainable_variables])
        names = [node[0] for node in graph.core.nodes()]
    assert "slice" not in names and "slice_gradient" not in names
    assert len(names) < 50 * 20


# --- masks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["post", "pre"])
def test_padded_sequences_give_what_the_sequences_alone_give(padding: str) -> None:
    model = corten.Sequential(
        [
            layers.Input((None,), dtype="int32"),
            layers.Embedding(9, 4, mask_zero=True),
            layers.Bidirectional(layers.GRU(3, return_sequences=True)),
            layers.LSTM(5, return_sequences=True, go_backwards=True),
            layers.SimpleRNN(4),
            layers.Dense(2),
        ]
    )
    sequences = [[3, 1, 4], [1, 5, 8, 2, 6], [5]]
    padded = np.zeros((3, 5), np.int32)
    for row, sequence in zip(padded, sequences, strict=True):
        row[slice(None, len(sequence)) if padding == "post" else slice(-len(sequence), None)] = sequence
    together = model.predict(padded, verbose=0)
    alone = [model.predict(np.array([sequence], np.int32), verbose=0)[0] for sequence in sequences]
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-6)


def test_masks_go_on_where_sequences_do() -> None:
    with Graph(eager=True) as graph:
        x = graph.constant(np.ones((2, 3, 4), np.float32))
        x.mask = graph.constant(np.float32([[1, 1, 0], [1, 0, 0]]))
        outputs = layers.LSTM(2, return_sequences=True, return_state=True)(x)
        assert outputs[0].mask is x.mask and outputs[1].mask is outputs[2].mask is None
        assert layers.LSTM(2)(x).mask is None
        backward = layers.GRU(2, return_sequences=True, go_backwards=True)(x)
        np.testing.assert_array_equal(backward.mask.numpy(), [[0, 1, 1], [0, 0, 1]])
        assert layers.TimeDistributed(layers.Dense(2))(x).mask is x.mask
        assert layers.Bidirectional(layers.GRU(2, return_sequences=True))(x).mask is x.mask
        both = layers.Bidirectional(layers.GRU(2, return_sequences=True, return_state=True), merge_mode=None)(x)
        assert [y.mask for y in both] == [x.mask, x.mask, None, None]


# --- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_stateful_layer_goes_on_where_the_batch_before_ended(kind: str) -> None:
    x = normal(np.random.default_rng(2), 4, 6, 3)
    whole = getattr(layers, kind)(5, return_sequences=True)
    inputs = corten.Input(batch_shape=(4, 3, 3))
    layer = getattr(layers, kind)(5, return_sequences=True, stateful=True)
    model = corten.Model(inputs, layer(inputs))
    model.compile(loss="mse")
    wanted = whole(x)
    model.set_weights(whole.get_weights())
    for _ in range(2):
        halves = [model.predict(x[:, :3], batch_size=4, verbose=0), layer(x[:, 3:])]
        np.testing.assert_allclose(np.concatenate(halves, 1), wanted, rtol=1e-5, atol=1e-6)
        layer.reset_state()
    model.fit(x[:, :3], wanted[:, :3], batch_size=4, verbose=0)
    assert all((state.numpy() != 0).any() for state in layer.states)
    assert len(model.weights) == len(whole.weights)
    with pytest.raises(ValueError, match="expected a batch of 4 as before, got 2"):
        layer(x[:2])
    with pytest.raises(ValueError, match="batch_shape"):
        getattr(layers, kind)(5, stateful=True)(corten.Input((3, 3)))


@pytest.mark.parametrize("stacked", [False, True])
def test_both_directions_go_on_where_they_ended_and_begin_anew(stacked: bool) -> None:
    x = normal(np.random.default_rng(2), 4, 3, 2)
    cells = [layers.LSTMCell(3), layers.GRUCell(2)] if stacked else layers.LSTMCell(3)
    layer = layers.Bidirectional(layers.RNN(cells, stateful=True))
    with pytest.raises(ValueError, match="batch_shape"):
        layer(corten.Input((3, 2)))
    first, second = layer(x), layer(x)
    units = first.shape[1] // 2
    assert (first != second)[:, :units].any() and (first != second)[:, units:].any()
    layer.reset_state()
    np.testing.assert_array_equal(layer(x), first)


def test_states_pass_from_an_encoder_to_a_decoder() -> None:
    source, target = corten.Input((None, 3)), corten.Input((None, 2))
    _, *state = layers.LSTM(4, return_state=True)(source)
    decoded = layers.LSTM(4, return_sequences=True)(target, initial_state=state)
    model = corten.Model([source, target], layers.Dense(1)(decoded))
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x, y = [normal(rng, 8, 5, 3), normal(rng, 8, 4, 2)], normal(rng, 8, 4, 1)
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    before = model.predict(x, verbose=0)
    assert (model.predict([x[0] * 2, x[1]], verbose=0) != before).any()


# --- cells of one's own, dropout, what is refused ---------------------------------------------------------------------


class Leaky:
    """A cell that is no layer: an average that forgets."""

    state_size = 3

    def call(self, inputs: Any, states: Any) -> Any:
        h = states[0] * 0.5 + inputs
        return h, [h]


def test_a_cell_may_be_any_object() -> None:
    x = np.ones((1, 3, 3), np.float32)
    np.testing.assert_array_equal(layers.RNN(Leaky())(x), [[1.75] * 3])
    mask = np.array([[1, 0, 1]], bool)
    np.testing.assert_array_equal(layers.RNN(Leaky(), return_sequences=True)(x, mask=mask)[0, :, 0], [1, 1, 1.5])


def test_dropout_is_the_same_at_every_step_and_another_for_every_batch() -> None:
    layer = layers.SimpleRNN(
        50, "linear", False, "ones", "zeros", dropout=0.5, seed=1, return_sequences=True
    )  # Every output is the sum of the features that are kept.
    x = np.ones((4, 6, 20), np.float32)
    first, second = layer(x, training=True), layer(x, training=True)
    assert (first == first[:, :1]).all() and len(np.unique(first)) > 1
    assert (first != second).any()
    np.testing.assert_array_equal(layer(x), 20)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: layers.LSTM(0), "LSTM: units: expected an int >= 1, got 0"),
        (lambda: layers.GRU(3, dropout=1.0), r"GRU: dropout: expected a number in \[0.0, 1.0\), got 1.0"),
        (lambda: layers.LSTM(3, use_cudnn=True), "LSTM: use_cudnn"),
        (lambda: layers.RNN(layers.Dense(3)), "RNN: cell: expected an object with state_size"),
        (lambda: layers.StackedRNNCells([]), "StackedRNNCells: cells"),
        (lambda: layers.Bidirectional(layers.GRU(3), "max"), "Bidirectional: merge_mode"),
        (lambda: layers.Bidirectional(layers.Dense(3)), "Bidirectional: layer"),
        (lambda: layers.Bidirectional(layers.GRU(3, go_backwards=True)), "Bidirectional: expected go_backwards=False"),
        (lambda: layers.Bidirectional(layers.GRU(3), backward_layer=layers.GRU(3)), "and True for backward_layer"),
        (lambda: layers.LSTM(3)(np.ones((2, 3))), r"LSTM \"lstm.*\": expected an input with 3 axes"),
        (lambda: layers.LSTM(3)(np.ones((2, 4, 5)), initial_state=[np.ones((2, 3))]), "expected shapes"),
        (lambda: layers.TimeDistributed(layers.Dense(3))(np.ones((2, 4, 5)), mask=np.ones((2, 3))), "mask: "),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_by_name(make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()
    with pytest.raises(TypeError, match="TimeDistributed: layer"):
        layers.TimeDistributed("dense")
