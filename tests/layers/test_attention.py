"""Attention under masks: as Keras computes it, on its way through models, and where nothing may be attended to."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers, ops
from corten.errors import ShapeError
from corten.graph import Graph

os.environ.setdefault("KERAS_BACKEND", "numpy")


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras", reason="needs keras as the oracle: make setup")


def numbers(rng: np.random.Generator, *shape: int) -> Any:
    return rng.standard_normal(shape).astype(np.float32)


def mask(rng: np.random.Generator, *shape: int) -> Any:
    """Zeros and ones, and at least the first of each row is one."""
    found = rng.integers(0, 2, shape).astype(bool)
    found[..., 0] = True
    return found


def sizes(rng: np.random.Generator) -> tuple[int, int, int, int]:
    batch, steps, others, features = (int(n) for n in rng.integers(2, 9, 4))
    return batch, steps, others, features


@pytest.mark.parametrize("trial", range(12))
@pytest.mark.parametrize("kind", ["Attention", "concat", "AdditiveAttention"])
def test_attention_under_masks_is_that_of_keras(kind: str, trial: int, keras: Any) -> None:
    rng = np.random.default_rng(trial)
    batch, steps, others, features = sizes(rng)
    options = {"score_mode": "concat"} if kind == "concat" else {}
    kind = "Attention" if kind == "concat" else kind
    layer, oracle = (getattr(room, kind)(use_scale=trial % 2 == 0, **options) for room in (layers, keras.layers))
    x = [numbers(rng, batch, n, features) for n in (steps, others, others)[: 2 + trial % 2]]
    masks = [mask(rng, batch, steps) if trial % 3 else None, mask(rng, batch, others), None][: len(x)]
    arguments = {"mask": masks, "use_causal_mask": trial % 4 == 0, "return_attention_scores": True}
    wanted = oracle(x, **arguments)
    layer(x)
    weights = [numbers(rng, *w.shape) for w in oracle.get_weights()]
    layer.set_weights(weights)
    oracle.set_weights(weights)
    wanted = oracle(x, **arguments)
    for got, right in zip(layer(x, **arguments), wanted, strict=True):
        np.testing.assert_allclose(got, np.asarray(right), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("trial", range(16))
@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention"])
def test_heads_under_masks_are_those_of_keras(kind: str, trial: int, keras: Any) -> None:
    rng = np.random.default_rng(trial)
    batch, steps, others, features = sizes(rng)
    options = {"sliding_window": 3} if trial % 5 == 4 else {}
    heads = (4, 3) if kind == "MultiHeadAttention" else (3, 4, 2)
    layer, oracle = (getattr(room, kind)(*heads, **options) for room in (layers, keras.layers))
    x = [numbers(rng, batch, n, features) for n in (steps, others, others)[: 2 + trial // 2 % 2]]
    oracle(*x)
    layer(*x)
    weights = [numbers(rng, *w.shape) for w in oracle.get_weights()]
    layer.set_weights(weights)
    oracle.set_weights(weights)
    arguments: dict[str, Any] = {"use_causal_mask": trial % 3 == 0}
    if trial % 2:
        arguments["value_mask"] = mask(rng, batch, others)
    if trial % 4 == 3:
        arguments["key_mask"] = mask(rng, batch, others)
    if trial % 4 > 1:
        arguments["attention_mask"] = mask(rng, batch if trial % 8 > 3 else 1, steps, others)
    got = layer(*x, **arguments)
    # Of a step that may attend to nothing Keras says zero where it gives the scores, all weights equal where not.
    if trial % 4 == 0:
        hidden = mask(rng, batch, steps)
        got = layer(*x, **arguments, query_mask=hidden)
        # Keras's layer takes no account of a query's mask that the tensor does not carry.
        arguments["attention_mask"] = hidden[:, :, None] & arguments.get("attention_mask", True)
    elif kind == "MultiHeadAttention" and not options:
        arguments["return_attention_scores"] = True
        got = layer(*x, **arguments)
    wanted = oracle(*x, **arguments)
    for mine, right in zip(*((y if isinstance(y, tuple) else (y,)) for y in (got, wanted)), strict=True):
        np.testing.assert_allclose(mine, np.asarray(right), rtol=5e-5, atol=5e-5)


def test_masks_travel_with_tensors() -> None:
    """Padding that an embedding marks has no effect, and the output is marked as the query is."""
    corten.utils.set_random_seed(0)
    tokens = corten.Input((None,), dtype="int32")
    x = layers.Embedding(9, 6, mask_zero=True)(tokens)
    y = layers.MultiHeadAttention(2, 3)(x, x)
    z = layers.Attention()([y, y])
    model = corten.Model(tokens, [y, z])
    short = model.predict(np.array([[1, 2, 3], [4, 5, 6]]), verbose=0)
    long = model.predict(np.array([[1, 2, 3, 0, 0], [4, 5, 6, 0, 0]]), verbose=0)
    for a, b in zip(short, long, strict=True):
        np.testing.assert_allclose(a, b[:, :3], rtol=1e-5, atol=1e-6)
    assert not long[1][:, 3:].any(), "Attention gives zero where the query is masked"
    with Graph(eager=True) as graph:
        x = graph.constant(np.ones((2, 3, 4), np.float32))
        x.mask = graph.constant(np.float32([[1, 1, 0], [1, 0, 0]]))
        for given in ({"query": x, "value": x}, {"query": x, "value": graph.constant(np.ones((2, 5, 4), np.float32))}):
            y, scores = layers.MultiHeadAttention(2, 3)(**given, return_attention_scores=True)
            assert y.mask is x.mask and scores.mask is None


@pytest.mark.parametrize("causal", [False, True])
def test_a_step_that_may_attend_to_nothing_attends_to_all_equally(causal: bool) -> None:
    rng = np.random.default_rng(0)
    q, k, v = numbers(rng, 2, 3, 1, 4), numbers(rng, 2, 5, 1, 4), numbers(rng, 2, 5, 1, 4)
    nothing = np.zeros((2, 3, 5), bool)
    with Graph(eager=True) as graph:
        tensors = [graph.constant(x) for x in (q, k, v)]
        y, weights = ops.attention(*tensors, nothing, causal=causal)
        found = corten.gradients(ops.sum(y * y), tensors)
        np.testing.assert_allclose(weights.numpy(), 0.2, rtol=1e-6)
        np.testing.assert_allclose(y.numpy()[:, :, 0], np.repeat(v[:, :, 0].mean(1, keepdims=True), 3, 1), rtol=1e-4)
        assert all(np.isfinite(g.numpy()).all() for g in found)
        assert not found[0].numpy().any() and not found[1].numpy().any(), "the weights depend on nothing"


def test_masked_scores_may_be_anything() -> None:
    """What is hidden is never seen, whatever it is."""
    rng = np.random.default_rng(0)
    q, k, v = numbers(rng, 1, 3, 2, 4), numbers(rng, 1, 5, 2, 4), numbers(rng, 1, 5, 2, 4)
    y = ops.attention(q, k[:, :4], v[:, :4])[0]
    k[:, 4] = np.nan
    got, weights = ops.attention(q, k, v, np.float32([[1, 1, 1, 1, 0]]))
    np.testing.assert_allclose(got, y, rtol=1e-6)
    assert not weights[..., 4].any()


def test_dropout_drops_weights_in_training_only() -> None:
    x = np.ones((4, 50, 8), np.float32)
    for layer in (layers.MultiHeadAttention(2, 4, dropout=0.5, seed=1), layers.Attention(dropout=0.5, seed=1)):
        call = (
            (lambda x, of=layer, **k: of(x, x, **k))
            if isinstance(layer, layers.MultiHeadAttention)
            else (lambda x, of=layer, **k: of([x, x], **k))
        )
        calm, first, second = call(x), call(x, training=True), call(x, training=True)
        assert np.array_equal(calm, call(x)) and not np.array_equal(first, second)
        # Every second weight is gone and the others are doubled: on the average nothing has changed.
        assert np.abs(first - calm).max() > 0.05 and abs((first - calm).mean()) < 0.05


def test_wrong_arguments_are_refused() -> None:
    x = np.ones((2, 3, 4), np.float32)
    with pytest.raises(ValueError, match="num_heads.*0"):
        layers.MultiHeadAttention(0, 3)
    with pytest.raises(ValueError, match="dropout"):
        layers.MultiHeadAttention(1, 3, dropout=1.0)
    with pytest.raises(ValueError, match="multiple of num_key_value_heads=2, got 3"):
        layers.GroupQueryAttention(4, 3, 2)
    with pytest.raises(ValueError, match="'dot' or 'concat', got 'sum'"):
        layers.Attention(score_mode="sum")
    with pytest.raises(ValueError, match="expected a list"):
        layers.Attention()(x)
    with pytest.raises(ShapeError, match=r"\(None, 3, 5\)"):
        layers.Attention()([x, np.ones((2, 3, 5), np.float32)])
    with pytest.raises(ShapeError, match="got shapes"):
        layers.MultiHeadAttention(1, 3)(x, x, np.ones((2, 5, 4), np.float32))
    with pytest.raises(ShapeError, match="query, value and key"):
        layers.MultiHeadAttention(1, 3)(np.ones((2, 3), np.float32), x)
    with pytest.raises(ShapeError, match="attention: expected"):
        ops.attention(np.ones((2, 3, 1, 4)), np.ones((2, 3, 2, 4)), np.ones((2, 3, 2, 4)))
    with pytest.raises(ShapeError, match="mask"):
        ops.attention(*[np.ones((2, 3, 1, 4))] * 3, mask=np.ones(3))


def test_a_mask_of_steps_by_steps_is_that_of_every_sample(keras: Any) -> None:
    """Also where there are as many samples as steps, and (steps, steps) could be taken for (batch, steps)."""
    rng = np.random.default_rng(3)
    x, layer, oracle = numbers(rng, 5, 5, 6), *(room.MultiHeadAttention(2, 3) for room in (layers, keras.layers))
    oracle(x, x), layer(x, x)
    layer.set_weights(oracle.get_weights())
    lower = np.tril(np.ones((5, 5), bool))
    wanted = np.asarray(oracle(x, x, attention_mask=lower))
    for one in (lower, lower[None], np.tile(lower, (5, 1, 1)), lower[None, None], np.tile(lower, (5, 2, 1, 1))):
        np.testing.assert_allclose(layer(x, x, attention_mask=one), wanted, rtol=2e-5, atol=2e-5)


def test_masks_of_steps_and_a_mask_of_each_head_together() -> None:
    """As many samples as heads, so that neither may be taken for the other."""
    rng = np.random.default_rng(4)
    x, layer = numbers(rng, 2, 4, 6), layers.MultiHeadAttention(2, 3)
    of_heads, of_steps = mask(rng, 2, 2, 4, 4), mask(rng, 2, 4)
    both = of_heads & of_steps[:, None, None, :] & of_steps[:, None, :, None]
    y = layer(x, x, attention_mask=of_heads, query_mask=of_steps, value_mask=of_steps)
    np.testing.assert_allclose(y, layer(x, x, attention_mask=both), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_over_one_of_several_axes_is_that_of_each_place(causal: bool) -> None:
    rng = np.random.default_rng(5)
    x = numbers(rng, 3, 4, 3, 6)
    of_steps, pairs = mask(rng, 3, 4), mask(rng, 3, 4, 4)
    layer = layers.MultiHeadAttention(2, 3, attention_axes=1, sliding_window=3)
    y = layer(x, x, query_mask=of_steps, value_mask=of_steps, attention_mask=pairs, use_causal_mask=causal)
    single = layers.MultiHeadAttention(2, 3, sliding_window=3)
    single(x[:, :, 0], x[:, :, 0])
    single.set_weights(layer.get_weights())
    for place in range(3):
        z = x[:, :, place]
        wanted = single(z, z, query_mask=of_steps, value_mask=of_steps, attention_mask=pairs, use_causal_mask=causal)
        np.testing.assert_allclose(y[:, :, place], wanted, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("kind", ["Attention", "AdditiveAttention"])
def test_attention_with_more_axes_is_that_of_each_place(kind: str) -> None:
    rng = np.random.default_rng(6)
    query, value, key = numbers(rng, 2, 3, 4, 6), numbers(rng, 2, 3, 5, 7), numbers(rng, 2, 3, 5, 6)
    masks = [mask(rng, 2, 3, 4), mask(rng, 2, 3, 5)]
    layer = getattr(layers, kind)()
    y, scores = layer([query, value, key], mask=masks, return_attention_scores=True)
    assert y.shape == (2, 3, 4, 7) and scores.shape == (2, 3, 4, 5)
    for i in range(3):
        one = layer([query[:, i], value[:, i], key[:, i]], mask=[m[:, i] for m in masks], return_attention_scores=True)
        np.testing.assert_allclose(y[:, i], one[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(scores[:, i], one[1], rtol=1e-6, atol=1e-6)
    with pytest.raises(ShapeError, match="expected"):
        layer([query, value[:, :2], key])


def test_masks_that_do_not_fit_attention_are_refused() -> None:
    x, of_steps = np.ones((2, 4, 6), np.float32), np.ones((2, 4), bool)
    for masks in (of_steps, [of_steps], [of_steps] * 4):
        with pytest.raises(ValueError, match="mask: expected a list"):
            layers.Attention()([x, x], mask=masks)
    for masks in ([of_steps[:, :3], None], [None, of_steps[:1]], [None, of_steps[:, :, None]]):
        with pytest.raises(ShapeError, match=r"mask of the (query|value): expected shape \(2, 4\)"):
            layers.Attention()([x, x], mask=masks)
    for name in ("query_mask", "value_mask", "key_mask"):
        with pytest.raises(ShapeError, match=f"mask of the {name.removesuffix('_mask')}"):
            layers.MultiHeadAttention(2, 3)(x, x, **{name: of_steps[:, :3]})
    assert layers.Attention().compute_mask([x, x], mask=[None, of_steps]) is None
    assert layers.Attention().compute_mask([x, x], mask=[of_steps, None]) is of_steps
