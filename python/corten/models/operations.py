"""Ops in the configuration of a functional model: what Keras calls each, and which arguments belong to its config."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from corten import ops
from corten.graph import has_symbolic

__all__ = ["is_operation", "operation", "operation_entry", "positional"]


def _with(arguments: tuple[str, ...], names: str) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(names.split(), arguments)


#: By Keras's module, our ops and the arguments that Keras's class of each is made with; the others are of the call.
_NUMPY = {
    **_with(
        (),
        "abs absolute add ceil cos divide divide_no_nan dot equal exp expm1 floor floor_divide getitem greater "
        "greater_equal hstack isfinite isinf isnan less less_equal log log10 log1p log2 logical_and logical_not "
        "logical_or logical_xor matmul maximum minimum mod multiply negative not_equal outer power ravel reciprocal "
        "round sign sin sqrt square subtract tanh true_divide vstack where",
    ),
    **_with(("axis", "keepdims"), "all amax amin any argmax argmin max mean min prod std sum var"),
    **_with(
        ("axis",),
        "append average concatenate count_nonzero expand_dims flip squeeze stack take take_along_axis",
    ),
    **_with(("axis", "dtype"), "cumprod cumsum"),
    **_with(("k",), "diag tril triu"),
    **_with(("dtype",), "ones_like zeros_like"),
    "broadcast_to": ("shape",),
    "clip": ("x_min", "x_max"),
    "diagonal": ("offset", "axis1", "axis2"),
    "einsum": ("subscripts",),
    "meshgrid": ("indexing",),
    "moveaxis": ("source", "destination"),
    "pad": ("pad_width", "mode"),
    "repeat": ("repeats", "axis"),
    "reshape": ("newshape",),
    "roll": ("shift", "axis"),
    "split": ("indices_or_sections", "axis"),
    "swapaxes": ("axis1", "axis2"),
    "tensordot": ("axes",),
    "tile": ("repeats",),
    "transpose": ("axes",),
}
_NN = {
    **_with(
        (),
        "hard_sigmoid hard_silu hard_tanh log_sigmoid relu relu6 selu sigmoid silu softplus softsign sparse_plus "
        "sparse_sigmoid tanh_shrink",
    ),
    **_with(("axis",), "glu log_softmax softmax sparsemax"),
    **_with(("alpha",), "celu elu"),
    **_with(("threshold",), "hard_shrink soft_shrink"),
    "gelu": ("approximate",),
    "leaky_relu": ("negative_slope",),
    "normalize": ("axis", "order", "epsilon"),
    "one_hot": ("num_classes", "axis", "dtype", "sparse"),
    "squareplus": ("b",),
    "threshold": ("threshold", "default_value"),
}
_CORE = {"cast": ("dtype",), "slice": ("shape",), "stop_gradient": (), "unstack": ("num", "axis")}
_MATH = {"erf": (), "logsumexp": ("axis", "keepdims"), "rsqrt": (), "top_k": ("k", "sorted")}
_LINALG = {"norm": ("ord", "axis", "keepdims")}

#: Arguments that Keras's op does not have.
_OURS = {"matmul": ("transpose_a", "transpose_b")}

_OPERATIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    name: (module, arguments)
    for module, table in (("numpy", _NUMPY), ("nn", _NN), ("core", _CORE), ("math", _MATH), ("linalg", _LINALG))
    for name, arguments in table.items()
}


def _class_name(op: str) -> str:
    """``leaky_relu`` -> ``LeakyRelu``, as Keras calls the class."""
    return "GetItem" if op == "getitem" else "".join(part.capitalize() for part in op.split("_"))


#: The plain name of each op, by its id.
_NAMES = {id(getattr(ops, name)): name for name in reversed(ops.__all__)}
_BY_CLASS = {_class_name(name): name for name in _OPERATIONS}


def operation_entry(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[dict[str, Any], str, tuple[Any, ...], dict[str, Any]]:
    """(description, name, args, kwargs): an op as Keras describes it, its plain name, and what is left for the call.

    Raises:
        ValueError: the function is none of ``corten.ops``.
    """
    name = _NAMES.get(id(function))
    if name is None:
        raise ValueError(
            f"{getattr(function, '__name__', function)!r} is applied in the model and is neither a layer nor one of "
            "corten.ops, so the model cannot be described; make it a Layer, which is registered"
        )
    module, own = _OPERATIONS.get(name, ("", ()))
    bound = inspect.signature(function).bind(*args, **kwargs)
    config = {key: bound.arguments[key] for key in own if key in bound.arguments}
    if not module or has_symbolic(config) or any(bound.arguments.get(key) for key in _OURS.get(name, ())):
        description = {"module": "corten.ops", "class_name": name, "config": {}, "registered_name": name}
        return description, name, args, kwargs
    for key in config:
        del bound.arguments[key]
    if name == "einsum":
        args, kwargs = bound.arguments["operands"], {}
    else:
        args, kwargs = bound.args, bound.kwargs
    kind = _class_name(name)
    description = {"module": f"keras.src.ops.{module}", "class_name": kind, "config": config, "registered_name": kind}
    return description, name, args, kwargs


def operation(description: dict[str, Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The op that a description means, and the arguments in its config.

    Raises:
        ValueError: Corten has no such op.
    """
    kind = description["class_name"]
    config = {key: value for key, value in dict(description.get("config") or {}).items() if key != "name"}
    own = str(description.get("module", "")).startswith("corten.")
    name = kind if own else _BY_CLASS.get(kind)
    if name is None or name not in ops.__all__:
        raise ValueError(f"operation {kind!r} of {description.get('module')}: Corten has no such op")
    function = getattr(ops, name)
    known = inspect.signature(function).parameters
    config = {key: value for key, value in config.items() if key in known or value not in (None, False)}
    unknown = [key for key in config if key not in known]
    if unknown:
        raise ValueError(f"operation {kind!r}: {unknown[0]}={config[unknown[0]]!r} is not supported")
    return function, config


def positional(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """``args`` as the op takes them; what belongs among them is taken out of ``kwargs``."""
    if function is ops.einsum and "subscripts" in kwargs:  # any number of operands follow
        return (kwargs.pop("subscripts"), *args)
    if function is ops.getitem and isinstance(args[-1], list):  # JSON has no tuples
        return (*args[:-1], tuple(args[-1]))
    return args


def is_operation(description: dict[str, Any]) -> bool:
    """Whether an entry of a functional model describes an op and not a layer."""
    module = str(description.get("module", ""))
    return module.startswith(("keras.src.ops", "keras.ops", "corten.ops"))
