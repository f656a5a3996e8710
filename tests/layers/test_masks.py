"""Masks on their way through layers: where they come from, softmax over what counts, merging layers, losses."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, ops
from corten.errors import ShapeError
from corten.graph import Graph

X = np.random.default_rng(1).standard_normal((2, 3, 4)).astype(np.float32)


def test_softmax_gives_nothing_to_what_the_mask_leaves_out() -> None:
    mask = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
    y = layers.Softmax()(X[0], mask=mask)
    assert (y[~mask] == 0).all()
    np.testing.assert_allclose(y.sum(-1), [1, 1, 0], rtol=1e-6)
    np.testing.assert_allclose(y[1, 1:3], np.asarray(ops.softmax(X[0, 1, 1:3])), rtol=1e-6)


def test_softmax_over_steps_takes_the_mask_that_the_scores_carry() -> None:
    """Of the first axes, where NumPy would hold it against the last: here both would fit."""
    steps = np.random.default_rng(2).standard_normal((3, 3, 3)).astype(np.float32)
    mask = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1]], bool)
    with Graph(eager=True) as graph:
        x = graph.constant(steps)
        x.mask = graph.constant(mask)
        y = layers.Softmax(axis=1)(x)
        assert y.mask is x.mask
    for i in range(3):
        weights = np.exp(steps[i, mask[i]].astype(float))
        np.testing.assert_allclose(y.numpy()[i, mask[i]], weights / weights.sum(0), rtol=1e-5)
    assert (y.numpy()[~mask] == 0).all()


def test_masked_softmax_of_the_lowest_and_beside_nan() -> None:
    x = np.float32([[-3e38, 5, -3e38], [-2e9, np.nan, 0], [np.nan, np.nan, np.nan]])
    mask = np.array([[1, 0, 1], [1, 0, 0], [0, 0, 0]], bool)
    np.testing.assert_array_equal(layers.Softmax()(x, mask=mask), [[0.5, 0, 0.5], [1, 0, 0], [0, 0, 0]])
    given, kept = corten.Input((3,)), corten.Input((3,))
    slope = corten.Model([given, kept], corten.gradients(ops.square(layers.Softmax()(given, mask=kept)), given))
    assert np.isfinite(slope.predict([x, mask.astype(np.float32)], verbose=0)).all()


def masked(graph: Graph, mask: list[list[int]]) -> object:
    x = graph.constant(X)
    x.mask = graph.constant(np.array(mask, np.float32))
    return x


def test_a_sum_is_masked_where_all_its_parts_are() -> None:
    with Graph(eager=True) as graph:
        a, b = masked(graph, [[1, 0, 0], [1, 1, 1]]), masked(graph, [[0, 0, 1], [1, 0, 1]])
        np.testing.assert_array_equal(layers.Add()([a, b]).mask.numpy(), [[1, 0, 1], [1, 1, 1]])
        assert layers.Add()([a, graph.constant(X)]).mask is None


def test_steps_of_a_concatenation_count_where_they_do_in_any_part() -> None:
    with Graph(eager=True) as graph:
        a, b = masked(graph, [[1, 0, 0], [1, 1, 1]]), masked(graph, [[0, 0, 1], [1, 0, 1]])
        np.testing.assert_array_equal(layers.Concatenate()([a, b]).mask.numpy(), [[1, 0, 1], [1, 1, 1]])
        long = layers.Concatenate(axis=1)([a, graph.constant(X)])
        np.testing.assert_array_equal(long.mask.numpy(), [[1, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1]])


MERGING = [
    ("Add", {}),
    ("Multiply", {}),
    ("Average", {}),
    ("Maximum", {}),
    ("Minimum", {}),
    ("Concatenate", {}),
    ("Concatenate", {"axis": 1}),
]


@pytest.mark.parametrize("marked", [(True, True, True), (True, False, True), (False, True, False)])
@pytest.mark.parametrize(("name", "options"), MERGING)
def test_padding_is_merged_as_keras_merges_it(name: str, options: dict[str, int], marked: tuple[bool, ...]) -> None:
    """What is masked in one input only must not hide what the others hold."""
    os.environ.setdefault("KERAS_BACKEND", "numpy")
    keras = pytest.importorskip("keras", reason="needs keras as the oracle: make setup")
    rng = np.random.default_rng(0)
    x = [rng.integers(0, 3, (6, 5)).astype(np.int32) for _ in marked]

    tables = rng.standard_normal((3, 3, 4)).astype(np.float32)

    def made(room: Any) -> Any:
        tokens = [room.layers.Input((5,), dtype="int32") for _ in marked]
        embeddings = [room.layers.Embedding(3, 4, mask_zero=mask) for mask in marked]
        merged = getattr(room.layers, name)(**options)([layer(t) for layer, t in zip(embeddings, tokens)])
        last = room.layers.SimpleRNN(2, kernel_initializer="ones", recurrent_initializer="identity")
        model = room.models.Model(tokens, [merged, last(merged)])
        for layer, table in zip(embeddings, tables):
            layer.set_weights([table])
        return model

    ours, theirs = made(corten), made(keras)
    for found, wanted in zip(ours.predict(x, verbose=0), theirs(x), strict=True):
        np.testing.assert_allclose(found, np.asarray(wanted), rtol=1e-5, atol=1e-6)


def test_layers_that_work_step_by_step_hand_the_mask_on() -> None:
    with Graph(eager=True) as graph:
        x = masked(graph, [[1, 0, 0], [1, 1, 1]])
        for layer in (
            layers.Dense(5),
            layers.ReLU(),
            layers.Dropout(0.5),
            layers.Activation("tanh"),
            layers.Rescaling(2.0),
        ):
            assert layer(x).mask is x.mask
        with pytest.warns(UserWarning, match="does not support masking"):
            assert layers.Flatten()(x).mask is None


def test_padding_is_masked_by_its_index_or_by_its_value() -> None:
    indices = np.array([[3, 1, 0], [2, 0, 0]], np.int32)
    steps = np.array([[[0, 7], [7, 7]], [[7, 7], [7, 0]]], np.float32)
    with Graph(eager=True) as graph:
        embedded = layers.Embedding(4, 2, mask_zero=True)(graph.constant(indices))
        np.testing.assert_array_equal(embedded.mask.numpy(), indices != 0)
        assert layers.Embedding(4, 2)(graph.constant(indices)).mask is None
        kept = layers.Masking(7.0)(graph.constant(steps))
        np.testing.assert_array_equal(kept.mask.numpy(), [[1, 0], [0, 1]])
        np.testing.assert_array_equal(kept.numpy(), [[[0, 7], [0, 0]], [[0, 0], [7, 0]]])


def test_padding_counts_neither_in_the_loss_nor_in_the_metrics() -> None:
    x, y = np.array([[1, 2, 0], [3, 0, 0]], np.int32), np.float32([[[1], [2], [90]], [[3], [90], [90]]])
    model = corten.Sequential([layers.Embedding(4, 1, mask_zero=True, weights=[[0], [1], [2], [5]])])
    model.compile(loss="mse", metrics=["mae"])
    found = model.evaluate(x, y, verbose=0, return_dict=True)
    assert found == {"loss": pytest.approx(4 / 3), "mae": pytest.approx(2 / 3)}


def test_a_mean_over_steps_is_of_those_that_count() -> None:
    with Graph(eager=True) as graph:
        x = masked(graph, [[1, 0, 1], [0, 1, 0]])
        y = layers.GlobalAveragePooling1D()(x)
        np.testing.assert_allclose(y.numpy(), [X[0, [0, 2]].mean(0), X[1, 1]], rtol=1e-6)
        assert y.mask is None


def test_masks_as_keras_guide_to_masking_looks_at_them() -> None:
    """compute_mask without a mask before, and the mask of what a layer gave."""
    seen = []

    class Own(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = layers.Embedding(5, 4, mask_zero=True)
            self.lstm = layers.LSTM(3)

        def call(self, inputs: object) -> object:
            x = self.embedding(inputs)
            mask = self.embedding.compute_mask(inputs)
            seen.append((x._keras_mask, mask))
            return self.lstm(x, mask=mask)

    layer = Own()
    x = np.array([[3, 1, 0, 0]])
    padded = layer(x)
    carried, mask = seen[-1]
    assert carried.shape == mask.shape == (1, 4)
    np.testing.assert_allclose(padded, layer(x[:, :2]), rtol=1e-6)
    steps = corten.Input((None,), dtype="int32")
    assert layer.embedding(steps)._keras_mask.shape == (None, None)
    assert steps._keras_mask is None


def lost(seen: list[warnings.WarningMessage]) -> list[str]:
    """The names of the layers that warned."""
    return [str(one.message).split("'")[1] for one in seen if "therefore destroy the mask" in str(one.message)]


def test_a_mask_that_ends_at_a_layer_is_missed_once_and_aloud() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = corten.Sequential(
            [
                layers.Embedding(5, 4, mask_zero=True, input_shape=(6,)),
                layers.Conv1D(3, 2, padding="causal", name="between"),
                layers.LSTM(2),
            ]
        )
        model.compile("sgd", "mse")
        for x in ([[1, 2, 0, 0, 0, 0]], [[1, 2, 0, 0, 0, 0], [1, 2, 3, 4, 1, 2]]):
            model.predict(np.array(x), verbose=0)
            model.fit(np.array(x), np.zeros((len(x), 2)), verbose=0)
    assert lost(seen) == ["between"]


class Looking(layers.Layer):
    """Uses the mask, and has none for what it gives."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        return ops.sum(inputs * ops.expand_dims(mask, -1), axis=1)


class Unaware(layers.Layer):
    """Its mask ends at an operator."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dense = layers.Dense(4)

    def call(self, inputs: Any) -> Any:
        return inputs + self.dense(inputs)


class Passing(Unaware):
    """Its output is that of a layer that hands the mask on."""

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


class Halving(layers.Layer):
    """Has a default mask that does not fit what it gives."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs[:, ::2]


class Wrong(Halving):
    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask


def test_only_masks_that_are_lost_are_missed() -> None:
    with Graph(eager=True) as graph, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        x = masked(graph, [[1, 0, 1], [0, 1, 0]])
        np.testing.assert_allclose(Looking()(x).numpy(), [X[0, [0, 2]].sum(0), X[1, 1]], rtol=1e-6)
        assert Passing()(x).mask is x.mask
        assert Unaware(name="unaware")(graph.constant(X)).mask is None
        for model in (corten.Sequential([layers.LSTM(2)]), layers.LSTM(2), layers.Dot(axes=1)):
            assert model([x, x] if isinstance(model, layers.Dot) else x).mask is None
    assert lost(seen) == []
    with Graph(eager=True) as graph, warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        x = masked(graph, [[1, 0, 1], [0, 1, 0]])
        for layer in (Unaware(name="unaware"), Halving(name="halving"), layers.Lambda(ops.negative, name="lambda")):
            assert layer(x).mask is layer(x).mask is None
    assert lost(seen) == ["unaware", "halving", "lambda"]


def test_a_mask_that_a_layer_computes_must_fit_its_output() -> None:
    with Graph(eager=True) as graph:
        x = masked(graph, [[1, 0, 1], [0, 1, 0]])
        with pytest.raises(
            ShapeError, match=r"'wrong': compute_mask returned a mask of shape \(2, 3\) for an output of"
        ):
            Wrong(name="wrong")(x)


def test_a_mask_given_as_argument_goes_on_as_one_that_the_tensor_carries() -> None:
    mask = np.array([[1, 0, 1], [0, 1, 0]], bool)
    with Graph(eager=True) as graph:
        x = graph.constant(X)
        for layer in (
            layers.LSTM(2, return_sequences=True),
            layers.Bidirectional(layers.GRU(2, return_sequences=True)),
            layers.TimeDistributed(layers.Dense(2)),
        ):
            np.testing.assert_array_equal(layer(x, mask=mask).mask.numpy(), mask)
        # By position too, and one that is None leaves it to the tensor.
        assert layers.GlobalAveragePooling1D()(x, mask).numpy()[1] == pytest.approx(X[1, 1])
        assert layers.GlobalAveragePooling1D()(masked(graph, mask.astype(int).tolist()), None).numpy()[1] == (
            pytest.approx(X[1].mean(0))
        )
    inner = corten.Sequential([layers.Dense(4, kernel_initializer="identity"), layers.GlobalAveragePooling1D()])
    np.testing.assert_allclose(inner(X, mask=mask), [X[0, [0, 2]].mean(0), X[1, 1]], rtol=1e-6)


def test_only_the_first_output_takes_the_only_mask() -> None:
    class Two(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.supports_masking = True

        def call(self, inputs: Any) -> Any:
            return inputs * 2.0, ops.sum(inputs, axis=1)

    class Each(Two):
        def call(self, inputs: Any) -> Any:
            return [one * 2.0 for one in inputs]

    with Graph(eager=True) as graph:
        a, b = masked(graph, [[1, 0, 0], [1, 1, 1]]), masked(graph, [[0, 0, 1], [1, 0, 1]])
        assert [one.mask for one in Two()(a)] == [a.mask, None]
        assert [one.mask for one in Each()([a, b])] == [a.mask, b.mask]


@pytest.mark.parametrize("layer", [layers.Add(), layers.Maximum(), layers.Concatenate()], ids=lambda one: one.name)
def test_masks_of_merged_inputs_are_a_list_as_long_as_theirs(layer: Any) -> None:
    mask = np.ones((2, 3), bool)
    for inputs, masks in (([X, X], mask), (X, [None, None]), ([X, X], [None]), ([X, X], [mask] * 3)):
        with pytest.raises(ValueError, match=f"compute_mask of {type(layer).__name__}"):
            layer.compute_mask(inputs, masks)
    assert layer.compute_mask([X, X], mask=None) is None
    np.testing.assert_array_equal(layer.compute_mask([X, X], mask=[mask, mask]), mask)


WRONG = [
    ("Softmax", lambda: layers.Softmax(), (2, 2), (2, 3)),
    ("Softmax", lambda: layers.Softmax(), (2, 3), (1, 2, 3)),
    ("SimpleRNN", lambda: layers.SimpleRNN(2), (2, 3, 4), (2, 4)),
    ("LSTM", lambda: layers.LSTM(2), (2, 3, 4), (2, 2)),
    ("GRU", lambda: layers.GRU(2), (2, 3, 4), (3, 3)),
    ("GRU", lambda: layers.GRU(2, activation="elu"), (2, 3, 4), (2, 3, 4)),
    ("LSTM", lambda: layers.LSTM(2, activation="elu"), (2, 3, 4), (2, 4)),
    ("Bidirectional", lambda: layers.Bidirectional(layers.LSTM(2)), (2, 3, 4), (2, 4)),
    ("GlobalAveragePooling1D", lambda: layers.GlobalAveragePooling1D(), (2, 3, 4), (2, 4)),
    ("GlobalAveragePooling1D", lambda: layers.GlobalAveragePooling1D(), (2, 3, 4), (2, 1)),
    ("BatchNormalization", lambda: layers.BatchNormalization(), (2, 3, 4), (2, 4)),
    ("BatchNormalization", lambda: layers.BatchNormalization(), (2, 3, 4), (2, 3, 1)),
    ("TimeDistributed", lambda: layers.TimeDistributed(layers.Dense(2)), (2, 3, 4), (3, 3)),
]


@pytest.mark.parametrize(("name", "make", "shape", "of_mask"), WRONG)
def test_a_mask_of_another_shape_is_refused(name: str, make: Any, shape: Any, of_mask: Any) -> None:
    options = {"training": True} if name == "BatchNormalization" else {}
    with pytest.raises(ValueError, match="mask"):
        make()(np.ones(shape, np.float32), mask=np.ones(of_mask, bool), **options)
