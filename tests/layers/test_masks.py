"""Masks on their way through layers: softmax over what counts, merging layers."""

from __future__ import annotations

import numpy as np

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


def test_steps_of_a_concatenation_count_where_they_do_in_every_part() -> None:
    with Graph(eager=True) as graph:
        a, b = masked(graph, [[1, 0, 0], [1, 1, 1]]), masked(graph, [[0, 0, 1], [1, 0, 1]])
        np.testing.assert_array_equal(layers.Concatenate()([a, b]).mask.numpy(), [[0, 0, 0], [1, 0, 1]])
        long = layers.Concatenate(axis=1)([a, graph.constant(X)])
        np.testing.assert_array_equal(long.mask.numpy(), [[1, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1]])


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
