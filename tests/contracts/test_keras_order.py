"""Layers and weights of a functional model are in Keras's order, so that one's weights fit the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

import corten

os.environ.setdefault("KERAS_BACKEND", "numpy")
keras = pytest.importorskip("keras", reason="needs keras as the oracle: make setup")


def dense(room: Any, name: str, x: Any) -> Any:
    return room.layers.Dense(3, name=name)(x)


def branches(room: Any) -> Any:
    a, b, c = (room.Input((3,), name=name) for name in "abc")
    both = room.layers.Concatenate(name="both")([dense(room, "x", a), dense(room, "y", b), c])
    return room.Model([c, a, b], {"p": dense(room, "p", both), "d": dense(room, "d", both)})


def shared(room: Any) -> Any:
    a, b = (room.Input((3,), name=name) for name in "ab")
    layer = room.layers.Dense(3, name="shared")
    sides = [layer(layer(a)), layer(dense(room, "v", b)), dense(room, "w", a)]
    return room.Model([a, b], dense(room, "top", room.layers.Add(name="add")(sides)))


def skips(room: Any) -> Any:
    a = room.Input((3,), name="a")
    h = dense(room, "h", a)
    k = dense(room, "k", h)
    one = dense(room, "one", room.layers.Add(name="first")([h, k]))
    return room.Model(a, [dense(room, "two", room.layers.Add(name="second")([one, h, a])), k, h])


def translator(room: Any) -> Any:
    i, j = room.Input((6,), name="i"), room.Input((5,), name="j")
    rnn = {"return_sequences": True, "return_state": True}
    encoded, *states = room.layers.LSTM(4, name="encoder", **rnn)(room.layers.Embedding(9, 4, name="e")(i))
    decoder = room.layers.LSTM(4, name="decoder", **rnn)
    decoded, _, _ = decoder(room.layers.Embedding(9, 4, name="d")(j), initial_state=states)
    context = room.layers.Attention(name="attention")([decoded, encoded])
    return room.Model([i, j], dense(room, "out", room.layers.Concatenate(name="both")([decoded, context])))


def ops_between(room: Any) -> Any:
    a, unused = room.Input((3,), name="a"), room.Input((3,), name="unused")
    return room.Model([a, unused], dense(room, "top", dense(room, "x", a * 2.0) + dense(room, "y", a)))


@pytest.mark.parametrize("build", [branches, shared, skips, translator, ops_between])
def test_order_of_layers_and_weights(build: Callable[[Any], Any]) -> None:
    ours, theirs = build(corten), build(keras)
    known = {layer.name for layer in ours.layers}
    # Keras has a layer for each op as well.
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers if layer.name in known]
    assert [weight.shape for weight in ours.weights] == [weight.shape for weight in theirs.weights]
