"""Values handed on, and their elements in other types."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import ops
from corten.graph import Array
from corten.onnx.operator import Call, operator
from corten.onnx.tensors import BOOL, FLOAT, dtype_of
from corten.onnx.unsupported import unsupported_type
from corten.onnx.values import Data, Value, numbers


@operator("Identity")
def _identity(call: Call, x: Value) -> Value:
    return x


@operator("Dropout")
def _dropout(call: Call, x: Value, ratio: Value | None = None, training: Value | None = None) -> Any:
    call.ignore("ratio", "seed", *(["is_test"] if call.version < 7 else []))
    if training is not None and numbers(training, f"{call.node}: training_mode").any():
        rate = 0.5 if ratio is None else float(numbers(ratio, f"{call.node}: ratio"))
        if rate:
            raise call.refuse("training_mode=1")
    return x, np.ones(x.shape, np.bool_)


@operator("Cast")
def _cast(call: Call, x: Value) -> Value:
    call.ignore("saturate", "round_mode")
    return cast(x, dtype_of(call.integer("to"), str(call.node)), str(call.node))


@operator("CastLike", oldest=15)
def _cast_like(call: Call, x: Value, like: Value) -> Value:
    call.ignore("saturate", "round_mode")
    return cast(x, like.dtype, str(call.node))


def cast(x: Value, dtype: np.dtype[Any], what: str) -> Value:
    """A value with elements of another type, as C converts them: towards zero."""
    if dtype == x.dtype:
        return x
    if not isinstance(x, Data):
        return _cast_known(x, dtype, what)
    if dtype == BOOL:
        return x.like(ops.not_equal(ops.cast(x.tensor, "float32"), 0.0), BOOL)
    if dtype == FLOAT:
        return x.like(ops.cast(x.tensor, "float32"), FLOAT)
    wide = dtype in (np.int32, np.int64)
    if dtype.kind not in "iu" or (x.dtype.kind in "iu" and not (wide or np.can_cast(x.dtype, dtype))):
        raise unsupported_type(what, dtype)
    if x.dtype.kind in "iu":
        return x.like(x.tensor, dtype)
    tensor = x.tensor
    if x.dtype == FLOAT:
        tensor = ops.where(ops.less(tensor, 0.0), ops.ceil(tensor), ops.floor(tensor))
    if not wide and x.dtype == FLOAT:
        if dtype != np.uint8:
            raise unsupported_type(what, dtype)
        tensor = ops.cast(tensor, "uint8")
    return x.like(ops.cast(tensor, "int32"), dtype)


def _cast_known(x: Array, dtype: np.dtype[Any], what: str) -> Array:
    if x.dtype.kind == "f" and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        whole = np.trunc(x.astype(np.float64))
        if not (np.isfinite(whole) & (whole >= limits.min) & (whole <= limits.max)).all():
            raise ValueError(f"{what}: a number does not fit into {dtype}")
    with np.errstate(all="ignore"):
        return x.astype(dtype)
