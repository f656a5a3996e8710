"""Every op, as the table of contracts has them: exported it gives what Corten gives, or is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from contracts.test_every_op import OPS, Op
from corten import _core
from corten.export.rules import REFUSED, RULES
from corten.graph import flatten
from export.running import Exported, expect_close

#: What a line is refused with.
REASONS = {
    "softmax_cross_entropy": "it is a loss",
    "lstm": "its recurrent kernel is computed|it drops parts of the state",
    "gru": "its recurrent kernel is computed|it drops parts of the state",
    "simple_rnn": "its recurrent kernel is computed|it drops parts of the state",
    "affine_transform": "it samples images at places of their own",
    "diag(k=1)": "does not follow from the open sizes",
}


class Calls(corten.Model):
    """A model that is one op."""

    def __init__(self, op: Op) -> None:
        super().__init__()
        self.op = op

    def call(self, inputs: Any) -> Any:
        return flatten(self.op.call(*(inputs if isinstance(inputs, list) else [inputs])))


def fed(array: Any) -> Any:
    """An array in the dtype that the engine has for it."""
    array = np.asarray(array)
    return array.astype(np.float32 if array.dtype.kind == "f" else np.uint8 if array.dtype == np.uint8 else np.int32)


def signature(op: Op, is_open: bool) -> list[Any]:
    """The op's inputs; sizes that are an N are open."""
    found = []
    for small, large in zip(op.arrays(3), op.arrays(5), strict=True):
        shape = [a if a == b or not is_open else None for a, b in zip(np.shape(small), np.shape(large), strict=True)]
        found.append(corten.Input(batch_shape=shape, dtype=fed(small).dtype.name))
    return found


def refusal_of(op: Op, is_open: bool) -> str | None:
    """What the export of an op is refused with."""
    name = op.name.partition("(")[0]
    if any(word in name for word in ("crossentropy", "cross_entropy", "squared_error", "absolute_error", "huber")):
        return "it is a loss"
    if name in ("dropout", "noise") or "rate=" in op.name:
        return "it draws random numbers|it drops weights at random"
    if name == "affine_transform":
        return REASONS[name]
    if name.removesuffix("_step") in ("lstm", "gru", "simple_rnn"):
        return REASONS[name.removesuffix("_step")]
    return REASONS.get(op.name) if is_open else None


CASES = [
    pytest.param(op, is_open, id=f"{op.name}-{'open' if is_open else 'fixed'}")
    for op in OPS
    for is_open in (False, True)
    if not is_open or any(None in x.shape for x in signature(op, True))
]


@pytest.mark.parametrize(("op", "is_open"), CASES)
def test_exports(op: Op, is_open: bool, tmp_path: Path) -> None:
    inputs = signature(op, is_open)
    refused = refusal_of(op, is_open)
    if refused is not None:
        with pytest.raises(ValueError, match=refused):
            Exported(Calls(op), tmp_path, input_signature=inputs)
        return
    for opset in (17,) if is_open else (13, 17, 21, 23):
        exported = Exported(Calls(op), tmp_path, input_signature=inputs, opset_version=opset)
        for n in (3, 5, 8) if is_open else (3,):
            arrays = op.arrays(n)
            wanted = [np.asarray(y) for y in flatten(op.call(*arrays))]
            expect_close(exported.run(*map(fed, arrays)), wanted)


def test_every_op_of_the_engine_has_a_rule_or_a_reason() -> None:
    assert sorted([*RULES, *REFUSED]) == sorted(_core.ops())
