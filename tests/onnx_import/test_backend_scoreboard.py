"""ONNX's own tests of nodes: what is run is right, however values lie in memory, and the table of operators says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from corten import ops
from corten.onnx import backend
from corten.onnx.values import Data
from onnx_import import scoreboard

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")

#: A part of the operators, for every run; `thorough` takes all.
SOME = {
    "Conv",
    "Gemm",
    "LSTM",
    "Reshape",
    "Slice",
    "Softmax",
    "Resize",
    "ReduceMean",
    "Where",
    "Pad",
    "MaxPool",
    "Gather",
}


def expect_no_failures(board: dict[str, scoreboard.Score]) -> None:
    failed = {name: reason for score in board.values() for name, reason in score.failed.items()}
    assert not failed


def test_some_operators_pass_the_tests_of_onnx() -> None:
    board: dict[str, scoreboard.Score] = {}
    for operator, test in scoreboard.cases():
        if operator in SOME:
            scoreboard.judge(backend.prepare, test, board.setdefault(operator, scoreboard.Score()))
    expect_no_failures(board)
    assert all(score.covered for score in board.values()) and len(board) == len(SOME)


@pytest.mark.thorough
def test_at_least_120_operators_are_covered_and_the_page_says_which() -> None:
    board = scoreboard.scores()
    expect_no_failures(board)
    assert sum(score.covered for score in board.values()) >= 120
    text = scoreboard.PAGE.read_text(encoding="utf-8")
    if f"onnx {onnx.__version__}:" not in text:
        pytest.skip(f"the page was written with another version of onnx than {onnx.__version__}")
    assert text == scoreboard.page(board), "run tests/onnx_import/scoreboard.py"


@pytest.mark.thorough
@pytest.mark.parametrize("reverse", [True, False], ids=["reversed", "channels-last"])
def test_operators_are_right_however_their_inputs_lie(reverse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each input comes with its axes in another order in memory."""
    entered = backend._entered

    def laid_otherwise(name: str, array: Any) -> Data:
        data, rank = entered(name, array), np.ndim(array)
        order = tuple(reversed(range(rank))) if reverse else (0, *range(2, rank), 1) if rank > 2 else tuple(range(rank))
        return Data(ops.transpose(data.tensor, order) if rank > 1 else data.tensor, data.dtype, order, data.source)

    monkeypatch.setattr(backend, "_entered", laid_otherwise)
    board = scoreboard.scores()
    expect_no_failures(board)
    assert sum(score.covered for score in board.values()) >= 120


def test_the_backend_interface() -> None:
    from onnx import helper

    assert backend.supports_device("CPU") and not backend.supports_device("CUDA:0")
    node = helper.make_node("Add", ["a", "b"], ["c"])
    one, two = np.float32([1, 2]), np.float32([3, 4])
    (total,) = backend.run_node(node, [one, two])
    assert total.tolist() == [4, 6] and total.dtype == np.float32
    (total,) = backend.run_node(node, {"a": np.array([1]), "b": np.array([2])})
    assert total.tolist() == [3] and total.dtype == np.int64
    values = [helper.make_tensor_value_info(name, 1, [2]) for name in "abc"]
    model = helper.make_model(helper.make_graph([node], "graph", values[:2], values[2:]))
    assert backend.is_compatible(model)
    assert backend.prepare(model).run({"a": one, "b": two})[0].tolist() == [4, 6]
    assert backend.run_model(model, [one, two])[0].tolist() == [4, 6]
    with pytest.raises(ValueError, match="expected 2 inputs"):
        backend.prepare(model).run([one])
    with pytest.raises(ValueError, match="device"):
        backend.prepare(model, "CUDA")
    model.graph.node[0].op_type = "NoSuchOperator"
    assert not backend.is_compatible(model)
