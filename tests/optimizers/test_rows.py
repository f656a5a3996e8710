"""Tables read by index: only the rows that were read change, and where that would be wrong, all do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import corten
from contracts.harness import run
from corten import layers, ops, optimizers
from corten.graph import Graph, Variable

ROWS = 50
IDS = np.array([[3, 7, 3], [49, 0, 7]], np.int32)
UNREAD = [row for row in range(ROWS) if row not in IDS]

MAKERS: dict[str, Callable[..., Any]] = {
    "sgd": lambda **k: optimizers.SGD(0.1, **k),
    "momentum": lambda **k: optimizers.SGD(0.1, momentum=0.9, **k),
    "nesterov": lambda **k: optimizers.SGD(0.1, momentum=0.9, nesterov=True, **k),
    "rmsprop": lambda **k: optimizers.RMSprop(0.1, momentum=0.5, centered=True, **k),
    "adam": lambda **k: optimizers.Adam(0.1, **k),
    "amsgrad": lambda **k: optimizers.Adam(0.1, amsgrad=True, **k),
    "nadam": lambda **k: optimizers.Nadam(0.1, **k),
    "adamax": lambda **k: optimizers.Adamax(0.1, **k),
    "adagrad": lambda **k: optimizers.Adagrad(0.1, **k),
    "adadelta": lambda **k: optimizers.Adadelta(0.1, **k),
    "lion": lambda **k: optimizers.Lion(0.1, **k),
}
each = pytest.mark.parametrize("name", MAKERS)


def table(seed: int = 1) -> Variable:
    return Variable(np.random.default_rng(seed).standard_normal((ROWS, 5)).astype(np.float32), name="table")


def step(optimizer: Any, weight: Variable, ids: Any = IDS, eager: bool = False, loss: Any = None) -> list[str]:
    """Takes a step; gives the names of the optimizer's ops, with a star where only rows change."""
    graph = Graph(eager=eager)
    with graph:
        read = ops.take(weight, ids, axis=0)
        optimizer.minimize(ops.sum(ops.square(read)) if loss is None else loss(weight, read), [weight])
        nodes = [(name, attributes) for name, _, _, attributes, _ in graph.core.nodes() if "rows" in attributes]
        if eager:
            graph.finish()
    if not eager:
        run(graph, [])
    return [name + "*" * attributes["rows"] for name, attributes in nodes]


@each
def test_rows_that_were_read_move_as_in_a_dense_step_and_the_others_rest(name: str) -> None:
    lazy, dense = table(), table()
    start = lazy.numpy()
    one, other = MAKERS[name](), MAKERS[name](clipvalue=1e9)
    assert step(one, lazy)[0].endswith("*")
    assert not step(other, dense)[0].endswith("*")
    read = np.unique(IDS)
    assert lazy.numpy()[read].tobytes() == dense.numpy()[read].tobytes()
    assert lazy.numpy()[UNREAD].tobytes() == start[UNREAD].tobytes()
    before = {slot.path: slot.numpy() for slot in one.variables if slot.shape == lazy.shape}
    step(one, lazy, np.array([1], np.int32))
    for slot in one.variables:
        if slot.shape == lazy.shape:
            rest = np.arange(ROWS) != 1
            assert slot.numpy()[rest].tobytes() == before[slot.path][rest].tobytes()


@pytest.mark.parametrize("name", ["sgd", "adagrad"])
def test_without_memory_the_lazy_step_is_the_dense_one(name: str) -> None:
    lazy, dense = table(), table()
    one, other = MAKERS[name](), MAKERS[name](clipvalue=1e9)
    for k in range(4):
        ids = (IDS * (k + 1) % ROWS).astype(np.int32)
        step(one, lazy, ids)
        step(other, dense, ids)
    assert lazy.numpy().tobytes() == dense.numpy().tobytes()


@each
def test_same_bits_eager_and_compiled_on_any_number_of_threads(name: str) -> None:
    rng = np.random.default_rng(2)
    start, ids = rng.standard_normal((3000, 40)).astype(np.float32), rng.integers(0, 3000, (3, 2000)).astype(np.int32)
    found = []
    try:
        for eager, threads in ((False, 1), (False, 2), (False, 5), (True, 3)):
            corten._core.set_threads(threads)
            weight, optimizer = Variable(start), MAKERS[name]()
            for batch in ids:
                step(optimizer, weight, batch, eager)
            found.append(weight.numpy().tobytes())
    finally:
        corten._core.set_threads(0)
    assert len(set(found)) == 1


def test_a_table_read_twice_gathers_both() -> None:
    def twice(weight: Any, read: Any) -> Any:
        again = ops.take(weight, np.array([7, 11], np.int32), axis=0)
        return ops.sum(ops.square(read)) + ops.sum(again)

    lazy, dense = table(), table()
    assert step(MAKERS["adam"](), lazy, loss=twice) == ["adam*"]
    assert step(MAKERS["adam"](clipvalue=1e9), dense, loss=twice) == ["adam"]
    read = np.unique([*IDS.ravel(), 11])
    np.testing.assert_allclose(lazy.numpy()[read], dense.numpy()[read], rtol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"weight_decay": 0.1},
        {"clipnorm": 1.0},
        {"global_clipnorm": 1.0},
        {"gradient_accumulation_steps": 2},
        {"loss_scale_factor": 4.0},
    ],
)
def test_what_concerns_every_row_takes_the_dense_step(options: dict[str, Any]) -> None:
    assert step(MAKERS["adam"](**options), table()) == ["adam"]


def test_penalties_and_tied_weights_take_the_dense_step() -> None:
    assert step(MAKERS["adam"](), table(), loss=lambda w, read: ops.sum(read) + ops.sum(ops.square(w))) == ["adam"]
    assert step(MAKERS["adam"](), table(), loss=lambda w, read: ops.sum(ops.matmul(read, ops.transpose(w)))) == ["adam"]


def test_a_model_with_an_embedding_leaves_rows_alone() -> None:
    corten.utils.set_random_seed(1)
    embedding = layers.Embedding(ROWS, 4)
    model = corten.Sequential([corten.Input((3,), dtype="int32"), embedding, layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse")
    before = embedding.get_weights()[0]
    losses = model.fit(IDS, np.float32([[1], [2]]), epochs=30, verbose=0).history["loss"]
    after = embedding.get_weights()[0]
    assert losses[-1] < losses[0]
    assert after[UNREAD].tobytes() == before[UNREAD].tobytes()
    assert (after[np.unique(IDS)] != before[np.unique(IDS)]).any(axis=1).all()
