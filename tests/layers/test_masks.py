"""Masks on their way through layers: where they come from, softmax over what counts, merging layers, losses."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, ops
from corten.tensor import Graph

X = np.random.default_rng(1).standard_normal((2, 3, 4)).astype(np.float32)


def test_softmax_gives_nothing_to_what_the_mask_leaves_out() -> None:
    mask = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
    y = layers.Softmax()(X[0], mask=mask)
    assert (y[~mask] == 0).all()
    np.testing.assert_allclose(y.sum(-1), [1, 1, 0], rtol=1e-6)
    np.testing.assert_allclose(y[1, 1:3], np.asarray(ops.softmax(X[0, 1, 1:3])), rtol=1e-6)


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
    keras = pytest.importorskip("keras", reason="needs keras as the oracle: pip install 'corten[test]'")
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
