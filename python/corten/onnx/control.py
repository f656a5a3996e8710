"""``If``: a branch that is known when the model is traced, or both with one chosen for the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import ops
from corten.onnx.operator import Call, operator
from corten.onnx.values import Data, Value, arranged, as_data


@operator("If")
def _if(call: Call, condition: Value) -> Any:
    branches = call.graph("then_branch"), call.graph("else_branch")
    assert call.run is not None
    if condition.dtype != np.bool_ or np.prod(condition.shape) != 1:
        raise ValueError(f"the condition: expected one bool, got {condition.dtype} {tuple(condition.shape)}")
    if not isinstance(condition, Data):
        return tuple(call.run(branches[0 if condition.reshape(()) else 1]))
    outputs = [call.run(branch) for branch in branches]
    chosen = ops.reshape(condition.tensor, [])
    results = []
    for place, (yes, no) in enumerate(zip(*outputs)):
        if yes.dtype != no.dtype or tuple(yes.shape) != tuple(no.shape):
            raise call.refuse(
                f"a condition that depends on data, with branches whose output {place} is {yes.dtype} "
                f"{tuple(yes.shape)} or {no.dtype} {tuple(no.shape)},"
            )
        one, other = as_data(yes), as_data(no)
        second = arranged(other.tensor, other.order, one.order)
        if one.dtype.kind in "iu":
            raise call.refuse("a condition that depends on data, with branches that give integers,")
        results.append(one.like(ops.where(chosen, one.tensor, second)))
    return tuple(results)
