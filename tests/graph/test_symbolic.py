"""Functions of tensors on arrays: an op that is known from an earlier call is run directly, and gives the same."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from corten import ops
from corten.errors import ShapeError
from corten.graph import Graph, SymbolicTensor, Tensor, Variable, push, symbolic

X = np.arange(12, dtype=np.float32).reshape(3, 4)


class Counted:
    """A function of tensors that counts how often it is called on arrays."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.calls = 0

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls += isinstance(args[0], np.ndarray)
            return function(*args, **kwargs)

        self.function = symbolic(counted)


def test_the_second_call_in_one_way_runs_the_op_and_not_the_function() -> None:
    counted = Counted(lambda x, y: push("add", [x, y])[0])
    for _ in range(4):
        np.testing.assert_array_equal(counted.function(X, X), X + X)
    assert counted.calls == 1
    counted.function(X[:2], X[:2])
    assert counted.calls == 2


def test_what_comes_to_several_ops_stays_a_function() -> None:
    counted = Counted(lambda x: push("exp", push("negative", [x]))[0])
    for _ in range(3):
        np.testing.assert_allclose(counted.function(X), np.exp(-X), rtol=1e-6)
    assert counted.calls == 3


def test_reshapes_around_one_op_count_for_nothing() -> None:
    def exponentials(x: Any) -> Any:
        rows = push("reshape", [x], shape=[2, 6])[0]
        return push("reshape", [push("exp", [rows])[0]], shape=[4, 3])[0]

    counted = Counted(exponentials)
    for _ in range(4):
        np.testing.assert_allclose(counted.function(X), np.exp(X).reshape(4, 3), rtol=1e-6)
    assert counted.calls == 1


def test_reshapes_alone_copy() -> None:
    twice = symbolic(lambda x: push("reshape", [push("reshape", [x], shape=[6, 2])[0]], shape=[2, 6])[0])
    for _ in range(3):
        x = X.copy()
        made = twice(x)
        x[:] = 0
        np.testing.assert_array_equal(made, X.reshape(2, 6))


def test_a_second_result_is_not_taken_for_the_first() -> None:
    second = symbolic(lambda x: push("split", [x], axis=0, sizes=[1, 2])[1])
    for _ in range(3):
        np.testing.assert_array_equal(second(X), X[1:])


@pytest.mark.parametrize("container", [list, tuple])
def test_several_results_of_one_op_come_in_the_functions_own_container(container: type) -> None:
    def rows(x: Any) -> Any:
        return container(push("reshape", [part], shape=[-1])[0] for part in push("split", [x], axis=0, sizes=[1, 2]))

    counted = Counted(rows)
    for _ in range(4):
        made = counted.function(X)
        assert type(made) is container and len(made) == 2
        np.testing.assert_array_equal(made[0], X[0])
        np.testing.assert_array_equal(made[1], X[1:].ravel())
    assert counted.calls == 1


def test_results_in_another_order_or_number_than_the_ops_are_the_functions_own() -> None:
    turned, both, first, none = (
        symbolic(lambda x: push("split", [x], axis=0, sizes=[1, 2])[::-1]),
        symbolic(lambda x: [x, push("negative", [x])[0]]),
        symbolic(lambda x: push("split", [x], axis=0, sizes=[1, 2])[:1]),
        symbolic(lambda x: []),
    )
    for _ in range(3):
        np.testing.assert_array_equal(turned(X)[0], X[1:])
        np.testing.assert_array_equal(turned(X)[1], X[:1])
        np.testing.assert_array_equal(both(X)[0], X)
        np.testing.assert_array_equal(both(X)[1], -X)
        assert len(first(X)) == 1
        np.testing.assert_array_equal(first(X)[0], X[:1])
        assert none(X) == []


@pytest.mark.parametrize(
    "ways",
    [
        [((X, 0), {}), ((X,), {"axis": 1}), ((X,), {"axis": None}), ((X, 1), {"keepdims": True}), ((X, (0, 1)), {})],
        [((X,), {"axis": 0, "keepdims": True}), ((X,), {"keepdims": True, "axis": 0}), ((X, 0, True), {})],
        [((X, 0, 1), {}), ((X, 0, True), {}), ((X, 0, 0), {}), ((X, 0, False), {})],
    ],
)
def test_ways_of_calling_are_told_apart(ways: list[tuple[Any, dict[str, Any]]]) -> None:
    for _ in range(3):
        for args, kwargs in ways:
            np.testing.assert_array_equal(ops.sum(*args, **kwargs), np.sum(*args[:1], **_named(args[1:], kwargs)))


def _named(args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    named = dict(zip(("axis", "keepdims"), args, strict=False)) | kwargs
    return named | {"keepdims": bool(named.get("keepdims", False))}


def test_names_made_at_run_time_are_told_apart_though_they_share_a_place_in_memory() -> None:
    x = np.arange(9, dtype=np.float32).reshape(3, 3)
    want = {"transpose_a": x.T @ x, "transpose_b": x @ x.T}
    for turn in range(300):
        for name, product in want.items():
            # A new string each time, gone after the call: its place may be the next one's.
            made = "".join(list(name))
            np.testing.assert_allclose(ops.matmul(x, x, **{made: True}), product, err_msg=f"{turn} {name}")
            del made


def test_every_manner_of_calling_gives_the_same() -> None:
    total, given = X.sum(axis=1, keepdims=True), {"axis": 1, "keepdims": True}
    for _ in range(3):
        for made in (
            ops.sum(X, 1, True),
            ops.sum(X, keepdims=True, axis=1),
            ops.sum(x=X, **given),
            ops.sum(*(X,), **given),
            ops.sum.__call__(X, **given),  # type: ignore[operator]
            functools.partial(ops.sum, X)(**given),
            functools.partial(ops.sum, axis=1)(X, keepdims=True),
            next(map(functools.partial(ops.sum, **given), [X])),
        ):
            np.testing.assert_array_equal(made, total)


def test_calls_keep_no_argument_and_no_result() -> None:
    x, name = np.ones((3, 3), np.float32), "".join(["keep", "dims"])
    items, given = [x, x], {name: True}

    def use() -> Any:
        ops.concatenate(items, axis=1)
        with pytest.raises(ShapeError):
            ops.add(x, X)
        return ops.sum(x, **given)  # type: ignore[arg-type]

    for _ in range(3):
        use()
    before = [sys.getrefcount(thing) for thing in (x, items, name)]
    for _ in range(100):
        made = use()
    assert [sys.getrefcount(thing) for thing in (x, items, name)] == before
    other = X + 1
    assert sys.getrefcount(made) == sys.getrefcount(other)


def test_a_list_may_be_emptied_while_its_arrays_are_read() -> None:
    def made() -> list[Any]:
        return [np.full((3_000_000,), value, np.float32) for value in (1, 2)]

    for _ in range(3):
        items = made()
        thread = threading.Timer(0.003, items.clear)
        thread.start()
        while items:
            joined = ops.concatenate(items) if len(items) == 2 else None
        thread.join()
        assert joined is None or (joined[0], joined[-1], joined.sum(dtype=np.float64)) == (1, 2, 9_000_000)


def test_numbers_among_the_arguments_count_by_value() -> None:
    for _ in range(3):
        for number in (2.0, 3.0, 2, -0.0, True):
            np.testing.assert_array_equal(ops.multiply(X, number), X * np.float32(number))
        for number in (2, 3, 2.0, 0.5):
            np.testing.assert_allclose(ops.power(X, number), X**number, rtol=1e-6)
        assert np.signbit(ops.multiply(X, -0.0)).all()
        assert np.isnan(ops.multiply(X, float("nan"))).all()


def test_layouts_and_types_that_need_a_copy_are_copied_also_later() -> None:
    square = np.arange(16, dtype=np.float32).reshape(4, 4)
    odd = [square.T, square[::-1], square.astype(">f4"), square.astype(np.float64), square.astype(np.int64)]
    for _ in range(3):
        np.testing.assert_array_equal(ops.negative(square), -square)
        for array in odd:
            np.testing.assert_array_equal(ops.negative(array), -array.astype(np.float32))


def test_results_are_new_arrays() -> None:
    results = [ops.identity(X) for _ in range(4)] + [ops.reshape(X, (4, 3)) for _ in range(4)]
    for result in results:
        result[:] = -1
    np.testing.assert_array_equal(X, np.arange(12).reshape(3, 4))


def test_values_are_checked_at_every_call() -> None:
    for _ in range(3):
        ops.one_hot(np.int32([0, 2]), 3)
    for _ in range(3):
        with pytest.raises(IndexError, match="5 at position 1"):
            ops.one_hot(np.int32([0, 5]), 3)
        with pytest.raises(ShapeError):
            ops.add(X, X[:, :3])


def test_within_a_graph_arrays_are_constants() -> None:
    for _ in range(3):
        ops.add(X, X)
    with Graph():
        assert isinstance(ops.add(X, X), Tensor)
    assert isinstance(ops.add(X, X), np.ndarray)
    assert isinstance(ops.add(SymbolicTensor((None, 4)), X[0]), SymbolicTensor)
    np.testing.assert_array_equal(ops.add(Variable(X), X), X + X)


def test_the_graph_belongs_to_its_thread() -> None:
    found: list[Any] = []
    with Graph():
        thread = threading.Thread(target=lambda: found.append(ops.add(X, X)))
        thread.start()
        thread.join()
    np.testing.assert_array_equal(found[0], X + X)


def test_many_threads_may_call_at_once() -> None:
    wrong: list[int] = []

    def work(size: int) -> None:
        for i in range(300):
            x = np.full((size + i % 7, 3), i, np.float32)
            if not np.array_equal(ops.add(x, 1.0), x + 1):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(size,)) for size in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_more_shapes_than_are_remembered() -> None:
    for _ in range(2):
        for size in range(1500):
            assert ops.negative(np.ones(size, np.float32)).shape == (size,)


def test_it_is_a_function_to_those_who_look() -> None:
    assert inspect.isroutine(ops.add) and ops.add.__name__ == "add" and ops.add.__module__ == "corten.ops.math"
    assert list(inspect.signature(ops.sum).parameters) == ["x", "axis", "keepdims"]
    assert pickle.loads(pickle.dumps(ops.add)) is ops.add
    assert copy.deepcopy(ops.add) is ops.add
    method: Any = type("Layer", (), {"call": ops.add, "shape": (), "__array__": lambda self: X})()
    with pytest.raises(TypeError, match="missing 1 required"):
        method.call()
